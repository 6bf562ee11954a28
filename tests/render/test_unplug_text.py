"""The text of ``can-unplug``, whole against goldens, and where it must not be fooled."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from hotplugctl.model.target import Target
from hotplugctl.model.users import Answer, Blocker, Seen
from hotplugctl.render import unplug_text

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
GOLDENS = FIXTURES / "goldens" / "unplug"

# Each with what only it shows.
CASES = {
    "mounted": ("in-use-mounted", "used", "vdb1"),
    "mounted-pulled": ("in-use-mounted", "pulled", "vdb"),
    "nobody": ("in-use-mounted", "added", "serial:HOT1"),
    "root": ("in-use-mounted", "used", "vda"),
    "swap": ("in-use-swap", "used", "slot:2"),
    "lvm": ("in-use-lvm", "used", "/dev/vdb"),
    "route": ("in-use-default-route", "used", "net:ens2"),
    "programs": ("unplug-programs", "used", "vdb"),
    "mirror": ("unplug-stack", "used", "vdb"),
    "stack": ("unplug-stack", "half", "vdc"),
    "network": ("unplug-network", "used", "ens2"),
}


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """The folder of a recording of the lab's."""
    folder = tmp_path_factory.mktemp("lab")

    def unpacked(story: str, name: str) -> Path:
        if not (folder / story).exists():
            with tarfile.open(FIXTURES / "lab" / f"{story}.tar.xz") as archive:
                trusted = {"filter": "fully_trusted"} if hasattr(tarfile, "fully_trusted_filter") else {}
                archive.extractall(folder, **trusted)
        return folder / story / name

    return unpacked


@pytest.mark.parametrize("name", CASES)
def test_golden_unplug(hotplugctl, golden, stage, name):
    story, part, target = CASES[name]
    for form, ending in (((), "txt"), (("--json",), "json")):
        done = hotplugctl("can-unplug", *form, "--root", stage(story, part), target)
        golden(GOLDENS / f"{name}.{ending}", f"{done.out}{done.err}")


def said(*blockers: Blocker, unseen=(), notes=()) -> str:
    target = Target("x\x1b[2J", "node", None, None, None, (), ())
    return unplug_text.text(target, None, Answer(False, None, blockers, unseen, notes), False)


def test_nothing_reaches_a_terminal_that_it_would_obey():
    text = said(
        Blocker("mount", "/a\x1b[2J", "on /a\x1b[2J\nb", "umount /a\x1b[2J"),
        unseen=(Seen("processes", "\x1b]0;x\x07", None),),
        notes=("\u202ex",),
    )
    assert not set("\x1b\x07\u202e") & set(text)
    # What cannot be typed is not offered either.
    assert "umount" not in text


def test_colour_is_of_the_answer_alone():
    target = Target("vdb", "node", None, None, None, (), ())
    for safe, code in ((True, "32"), (False, "31"), (None, "33")):
        text = unplug_text.text(target, None, Answer(safe, None, (), (), ()), True)
        assert text.count("\x1b") == 2 and f"\x1b[{code}m" in text
