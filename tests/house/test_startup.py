"""What a command does not need, it does not load: start-up is most of its time.

Counted are the modules beyond those that ``import click`` loads with this Python and this click.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]

NEVER = {
    "asyncio",
    "concurrent.futures",
    "ctypes",
    "dataclasses",
    "email",
    "http",
    "importlib.metadata",
    "importlib.resources",
    "logging",
    "multiprocessing",
    "pydoc",
    "tempfile",
    "unittest",
    "urllib.request",
    "xml",
    "zipfile",
}
# For a tree that is a directory: an archive needs these.
ARCHIVE = {"bz2", "lzma", "tarfile"}
RISKY = {"multiprocessing", "subprocess"}
ROOMS = {f"hotplugctl.{room}" for room in ("collect", "parse", "render", "rules", "source")}

RUN = """
import sys
import click
baseline = set(sys.modules)
sys.argv[0] = "hotplugctl"
code = 0
try:
    from hotplugctl.__main__ import main
    code = main()
except SystemExit as end:
    code = end.code
modules = sorted(set(sys.modules) - baseline)
import json
sys.stderr.write("\\n" + json.dumps([code or 0, modules]))
"""


@pytest.fixture(scope="module")
def guest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The least tree that is a guest: a PCI bus with one function."""
    root = tmp_path_factory.mktemp("guest")
    function = root / "sys/devices/pci0000:00/0000:00:00.0"
    function.mkdir(parents=True)
    for name, text in {"vendor": "0x8086", "device": "0x1237", "class": "0x060000", "revision": "0x02"}.items():
        (function / name).write_text(text + "\n")
    (root / "sys/bus/pci/devices").mkdir(parents=True)
    (root / "sys/bus/pci/devices/0000:00:00.0").symlink_to("../../../devices/pci0000:00/0000:00:00.0")
    return root


def loaded(script: str, *arguments: str) -> tuple[int, set[str]]:
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=CHECKOUT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    code, modules = json.loads(done.stderr.splitlines()[-1])
    return code, set(modules)


def test_the_application_loads_no_command() -> None:
    script = RUN.replace("from hotplugctl.__main__ import main", "import hotplugctl.cli.app").replace("main()", "0")
    _, modules = loaded(script)
    assert "hotplugctl.cli.app" in modules
    assert not modules & (NEVER | ARCHIVE | RISKY | ROOMS | {"json", "pyudev", "tabulate"})
    assert not {module for module in modules if module.startswith("hotplugctl.cli.cmd_")}


def test_version_loads_nothing() -> None:
    code, modules = loaded(RUN, "--version")
    assert code == 0
    assert not modules & (NEVER | ARCHIVE | RISKY | ROOMS | {"json", "pyudev", "tabulate"})


@pytest.mark.parametrize("command", ["check", "slots", "list", "explain"])
def test_json_loads_no_table(command: str, guest: Path) -> None:
    code, modules = loaded(RUN, command, "--json", "--root", str(guest))
    assert code in (0, 1, 3)
    assert f"hotplugctl.cli.cmd_{command}" in modules
    assert not modules & (NEVER | ARCHIVE | RISKY | {"pyudev", "tabulate"})


@pytest.mark.parametrize("command", ["check", "slots", "list", "explain"])
def test_text_loads_no_events(command: str, guest: Path) -> None:
    """What tabulate loads is its own: it makes the table, and nothing else may come with it."""
    code, modules = loaded(RUN.replace("import click", "import click, tabulate"), command, "--root", str(guest))
    assert code in (0, 1, 3)
    assert not modules & (ARCHIVE | RISKY | {"pyudev", "asyncio", "logging", "unittest"})


def test_a_guest_loads_nothing_of_images(guest: Path) -> None:
    for arguments in (("check", "--json"), ("check", "--json", "--root", str(guest))):
        _, modules = loaded(RUN, *arguments)
        assert "hotplugctl.rules.verdict" in modules
        of_images = {"grub", "bls", "syslinux", "assignments", "release", "fstab"}
        assert not {name for name in modules if "image" in name or name.rpartition(".")[2] in of_images}


@pytest.mark.parametrize("command", ["slots", "list"])
def test_a_listing_loads_no_rules(command: str, guest: Path) -> None:
    """``slots`` needs the headroom from there, and no finding."""
    _, modules = loaded(RUN, command, "--json", "--root", str(guest))
    assert {module for module in modules if module.startswith("hotplugctl.rules.")} <= {"hotplugctl.rules.headroom"}


def test_parse_needs_no_machine() -> None:
    code, modules = loaded(RUN, "parse", "lspci", "--json", "-")
    assert code == 0
    assert not modules & (NEVER | ARCHIVE | RISKY | {"hotplugctl.collect", "hotplugctl.rules", "pyudev", "tabulate"})


def test_two_texts_are_compared_without_a_guest(tmp_path: Path) -> None:
    """Nor is anything loaded to name what did not change."""
    (tmp_path / "text").write_text("00:03.0 0200: 8086:100e\n")
    code, modules = loaded(RUN, "diff", str(tmp_path / "text"), str(tmp_path / "text"))
    assert code == 0 and "hotplugctl.parse.lspci" in modules
    assert not modules & (NEVER | ARCHIVE | RISKY | {"json", "pyudev", "tabulate", "hotplugctl.parse.pci_ids"})
    assert not modules & {f"hotplugctl.collect.{name}" for name in ("functions", "nodes", "snapshot", "names")}
    rules = {module for module in modules if module.startswith("hotplugctl.rules.")}
    assert {module.split(".")[2] for module in rules} == {"difference"}
