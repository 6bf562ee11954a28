"""docs/ci.md and the pre-commit hook: what they show runs, and every problem is in the list."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
PAGE = (CHECKOUT / "docs/ci.md").read_text(encoding="utf-8")
HOOKS = (CHECKOUT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")
FIXTURE = CHECKOUT / "fixtures/recordings/pc-noacpi.tar.xz"
COMMANDS = sorted(set(re.findall(r"(hotplugctl validate[^\n`]*?/[^\n`]*)", PAGE)))


@pytest.fixture
def project(tmp_path) -> Path:
    """Somebody's project, with a recording in it."""
    (tmp_path / "fixtures/guests").mkdir(parents=True)
    shutil.copyfile(FIXTURE, tmp_path / "fixtures/guests" / FIXTURE.name)
    return tmp_path


def shell(line: str, project: Path) -> subprocess.CompletedProcess[str]:
    command = re.sub(r"\bhotplugctl\b", f"{sys.executable} -m hotplugctl", line, count=1)
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(CHECKOUT), "PYTHONUTF8": "1"}
    return subprocess.run(
        ["sh", "-c", command], cwd=project, env=environment, capture_output=True, encoding="utf-8", check=False
    )


def test_there_is_something_to_run():
    assert len(COMMANDS) >= 5, COMMANDS


@pytest.mark.parametrize("line", COMMANDS)
def test_what_is_shown_runs(line, project):
    done = shell(line, project)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout or ">" in line


def test_the_hook_runs_what_it_says(project):
    entry = re.search(r"entry: (.*)", HOOKS)[1]
    arguments = re.search(r"args: \[(.*)\]", HOOKS)[1]
    assert shell(f"{entry} {arguments}", project).returncode == 0
    (project / "fixtures/guests/broken.tar").write_bytes(b"no tar")
    done = shell(f"{entry} {arguments}", project)
    assert done.returncode == 2
    assert "broken.tar" in done.stdout
    shown = re.search(r"- id: (\S+)\n        args", PAGE)[1]
    assert f"- id: {shown}\n" in HOOKS


def test_every_problem_is_listed():
    schema = json.loads((CHECKOUT / "hotplugctl/schemas/validate.schema.json").read_text(encoding="utf-8"))
    known = schema["$defs"]["problem"]["properties"]["id"]["enum"]
    listed = set(re.findall(r"`([a-z]+\.[a-z-]+)`", PAGE.partition("## What it finds")[2]))
    assert sorted(listed - {"expected.json"}) == sorted(known)
    assert len(set(known)) == len(known)


def test_every_problem_of_the_code_is_known():
    """A problem that the schema lacks would be found by whoever reads the document, and too late."""
    schema = json.loads((CHECKOUT / "hotplugctl/schemas/validate.schema.json").read_text(encoding="utf-8"))
    known = set(schema["$defs"]["problem"]["properties"]["id"]["enum"])
    families = {one.partition(".")[0] for one in known}
    sources = [*(CHECKOUT / "hotplugctl/rules/validation").glob("*.py"), CHECKOUT / "hotplugctl/cli/judging.py"]
    text = "".join(path.read_text(encoding="utf-8") for path in sources) + (
        CHECKOUT / "hotplugctl/collect/witnesses.py"
    ).read_text(encoding="utf-8")
    said = {one for one in re.findall(r'"([a-z]+\.[a-z-]+)"', text) if one.partition(".")[0] in families}
    said -= {"manifest.json", "expected.json"}
    kinds = {f"uevent.{kind}-{side}" for kind in ("function", "driver", "node") for side in ("missing", "extra")}
    assert said | kinds == known


def test_no_release_is_named_that_nobody_can_take():
    """There are neither tags nor a package of this name on an index: what is shown takes a commit."""
    assert re.findall(r"^ +rev: (.*)$", PAGE, re.M) == ["COMMIT"]
    assert re.findall(r"pip install (\S+)", PAGE) == ["git+https://example.org/hotplugctl.git"] * 2
