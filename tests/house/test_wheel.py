"""The wheel holds the package and nothing else, and works in an environment that holds only what it declares."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from email.parser import HeaderParser
from importlib import metadata
from pathlib import Path

import pytest

import hotplugctl

CHECKOUT = Path(__file__).resolve().parents[2]
MADE = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dist", "fixtures")


def run(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        check=False,
    )


def distributions(requirements: list[str]) -> Iterator[metadata.Distribution]:
    """The installed distributions that these requirements name, and what those require in turn; extras left out."""
    seen: set[str] = set()
    while requirements:
        requirement = requirements.pop()
        found = re.match(r"[A-Za-z0-9._-]+", requirement)
        if found is None or "extra ==" in requirement or found[0].lower() in seen:
            continue
        seen.add(found[0].lower())
        try:
            distribution = metadata.distribution(found[0])
        except metadata.PackageNotFoundError:
            continue  # for another platform or Python; if it is needed here, the command fails
        requirements.extend(distribution.requires or [])
        yield distribution


def copy_distribution(distribution: metadata.Distribution, target: Path) -> None:
    """What of it lies in site-packages; some old distributions list files that they did not install."""
    for file in distribution.files or []:
        source = Path(str(file.locate()))
        if ".." not in file.parts and "__pycache__" not in file.parts and source.is_file():
            path = target.joinpath(*file.parts)
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, path)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, so that no build/ is left in the checkout and none that lies there goes in."""
    source = tmp_path_factory.mktemp("source")
    shutil.copytree(CHECKOUT, source / "checkout", ignore=MADE, symlinks=True)
    (source / "checkout/fixtures").mkdir()
    (source / "checkout/fixtures/__init__.py").touch()
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    done = run(*pip, "--wheel-dir", str(source), ".", cwd=source / "checkout")
    assert done.returncode == 0, done.stderr
    (built,) = source.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty environment with the wheel and copies of what its metadata requires."""
    directory = tmp_path_factory.mktemp("environment")
    venv.create(directory, with_pip=False, symlinks=True)
    pip = [sys.executable, "-m", "pip", "--python", str(directory / "bin/python"), "install", "--quiet"]
    done = run(*pip, "--no-deps", "--no-index", str(wheel), cwd=directory)
    assert done.returncode == 0, done.stderr
    (site,) = directory.glob("lib/python3*/site-packages")
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        requires = HeaderParser().parsestr(archive.read(name).decode()).get_all("Requires-Dist", [])
    for distribution in distributions(list(requires)):
        copy_distribution(distribution, site)
    return directory


def test_it_holds_the_package_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    packaged = {name for name in names if not re.match(r"hotplugctl-[^/]+\.dist-info/", name)}
    kept = [path for path in (CHECKOUT / "hotplugctl").rglob("*") if path.suffix in (".py", ".json", ".sh", ".typed")]
    assert packaged == {path.relative_to(CHECKOUT).as_posix() for path in kept}
    assert "hotplugctl/py.typed" in packaged
    assert {"LICENSE", "METADATA", "entry_points.txt"} <= {name.rsplit("/", 1)[-1] for name in names - packaged}


def test_it_holds_a_schema_for_every_command(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        schemas = {name.rsplit("/", 1)[1] for name in archive.namelist() if name.startswith("hotplugctl/schemas/")}
    assert {"check", "slots", "list", "parse"} <= {name.split(".")[0] for name in schemas}


def test_it_runs_in_an_empty_environment(environment: Path, tmp_path: Path) -> None:
    done = run(str(environment / "bin/hotplugctl"), "--version", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert hotplugctl.__version__ in done.stdout


@pytest.mark.parametrize("command", ["check", "slots", "list"])
def test_its_commands_need_nothing_undeclared(command: str, environment: Path, tmp_path: Path) -> None:
    """A tree without a PCI bus: any answer will do but a defect (70)."""
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cmdline").write_text("quiet\n")
    done = run(str(environment / "bin/hotplugctl"), command, "--root", str(tmp_path), cwd=tmp_path)
    assert done.returncode in (0, 1, 3), done.stderr
    assert "Traceback" not in done.stderr


def test_the_monitor_is_declared(environment: Path, tmp_path: Path) -> None:
    done = run(str(environment / "bin/python"), "-I", "-c", "import click, pyudev, tabulate", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (site,) = environment.glob("lib/python3*/site-packages")
    assert not (site / "pytest").exists(), "the environment holds more than was declared"
