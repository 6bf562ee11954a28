"""What the collector copies is what the readers ask for: no more, no less. ``make collector`` brings it up to date."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from hotplugctl.source.door import open_tree

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"
QUOTES = "'\""
AGAIN = "`make collector` writes what it has to copy anew"


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_collector", SCRIPTS / "make_collector.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


make = _load()


def copied(script: str) -> set[str]:
    """What the script copies, a line for every name."""
    lines = re.findall(r"^    (list|files|looks|risky) (\S+)(.*)$", script, re.M)
    plain = [
        (word, folder.strip(QUOTES), [name.strip(QUOTES) for name in names.split()]) for word, folder, names in lines
    ]
    return {f"{word} {folder} {name}".strip() for word, folder, names in plain for name in names or [""]}


@pytest.fixture(scope="module")
def asked():
    """Every question of the readers, on every fixture and on the guests of tests/syn.py."""
    return make.questions(make.trees())


@pytest.fixture(scope="module")
def script() -> str:
    return make.SCRIPT.read_text(encoding="utf-8")


def test_whatever_a_reader_asks_is_copied(asked, script):
    assert not copied(make.with_plan(script, make.plan(asked))) - copied(script), AGAIN


def test_nothing_is_copied_that_nobody_asks_for(asked, script):
    assert not copied(script) - copied(make.with_plan(script, make.plan(asked))), AGAIN


def test_the_rest_of_the_script_stays_as_it_is(asked, script):
    assert make.with_plan(script, make.plan(asked)) == script, AGAIN
    with pytest.raises(ValueError, match="marks"):
        make.with_plan(script.replace(make.END, ""), "")


def test_this_machine_asks_for_nothing_else(asked):
    tree = open_tree(None, None, None)
    try:
        found = make.asked(tree)
    finally:
        tree.close()
    assert not [question for question in found - asked if not make.is_implied(question, asked)]


def test_a_question_is_kept_by_the_link_that_led_there(pc):
    """A device's own path tells nothing of what it is."""
    questions = make.asked(pc.tree())
    assert make.Question("read", "/sys/bus/pci/devices/*/config") in questions
    assert not {what for _, what in questions if re.search(r"[0-9a-f]{4}:[0-9a-f]{2}", what)}


def test_what_stands_in_for_a_missing_answer_is_found(pc):
    """/proc/version is read only where there is no osrelease."""
    version = make.Question("read", "/proc/version")
    assert version not in make.asked(pc.tree())
    without = make.Question("read", "/proc/sys/kernel/osrelease").__eq__
    assert version in make.asked(pc.tree(), hides=without)


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("/sys/bus/pci/devices/0000:00:04.0/vendor", "/sys/bus/pci/devices/*/vendor"),
        ("/sys/devices/pci10000:e0/firmware_node/device:07/sun", "/sys/devices/pci*:*/firmware_node/*:*/sun"),
        ("/sys/class/dmi/id/sys_vendor", "/sys/class/dmi/id/sys_vendor"),
        ("/sys/class/virtio-ports/vport1p1", "/sys/class/virtio-ports/*"),
        ("/usr/lib/modules/6.1.0-50-amd64/config", "/usr/lib/modules/$release/config"),
        ("/run/udev/data/b8:17", "/run/udev/data/b*:*"),
        ("/run/udev/data/n2", "/run/udev/data/n*"),
    ],
)
def test_what_differs_from_guest_to_guest(path, pattern):
    assert make.shape(path) == pattern
