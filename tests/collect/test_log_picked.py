"""The lines that are read of a log that is very long."""

from __future__ import annotations

import re

import pytest

from hotplugctl.collect import log_picked
from hotplugctl.collect.log_picked import parsed, pick
from hotplugctl.model.log import Unread

# syn-: no recording has a log of more than some thousand lines.
FOUND = "pci 0000:01:00.0: [1af4:1042] type 00 class 0x010000"
SLOT = "pcieport 0000:00:02.0: pciehp: Slot(1): Card present"
OTHER = "EXT4-fs (vdb): mounted filesystem with ordered data mode"
NOISE = "[UFW BLOCK] IN=eth0 OUT= SRC=10.0.2.2 DST=10.0.2.15"


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(log_picked, "HEAD", 3)
    monkeypatch.setattr(log_picked, "TAIL", 4)
    monkeypatch.setattr(log_picked, "MINE", 2)


def plain(*said: str) -> str:
    return "".join(f"[{number:>5}.000000] {text}\n" for number, text in enumerate(said, 1))


def kmsg(*said: str) -> str:
    return "".join(f"6,{number},{number}000000,-;{text}\n" for number, text in enumerate(said, 1))


def times(lines) -> list[float]:
    return [line.at for line in parsed(lines)]


def test_a_short_log_is_read_whole():
    picked = pick(plain(NOISE, FOUND, SLOT), None)
    assert times(picked.head) == [1.0, 2.0, 3.0]
    assert (picked.tail, picked.unread) == ((), None)


@pytest.mark.parametrize("form", [plain, kmsg])
def test_what_means_nothing_hides_nothing(form):
    """But for the first line, which says where the log begins."""
    picked = pick(form(*[NOISE] * 10, FOUND, *[NOISE] * 10, SLOT, *[NOISE] * 10), None)
    assert times(picked.head) == [1.0, 11.0, 22.0]
    assert picked.unread is None


@pytest.mark.parametrize("form", [plain, kmsg])
def test_of_too_many_lines_the_first_and_the_last(form):
    picked = pick(form(*[SLOT] * 20), None)
    assert (times(picked.head), times(picked.tail)) == ([1.0, 2.0, 3.0], [17.0, 18.0, 19.0, 20.0])
    assert picked.unread == Unread(13, 4.0, 16.0)


def test_lines_that_name_the_target_are_found_anywhere():
    said = [SLOT] * 3 + [OTHER] + [SLOT] * 5 + [FOUND, OTHER] + [SLOT] * 8 + [OTHER, NOISE]
    picked = pick(plain(*said), re.compile("vdb|0000:01:00.0"))
    assert times(picked.between) == [11.0]
    picked = pick(plain(*said[:-2]), re.compile("vdb|0000:01:00.0"))
    assert times(picked.between) == [10.0, 11.0]
    assert OTHER in picked.between[1]


def test_a_line_of_the_target_that_means_nothing_to_hotplug_keeps_its_place():
    picked = pick(plain(FOUND, OTHER, *[SLOT] * 20, OTHER), re.compile("vdb"))
    assert times(picked.head) == [1.0, 2.0, 3.0, 4.0]
    assert times(picked.tail) == [19.0, 20.0, 21.0, 22.0, 23.0]


def test_a_boot_that_is_passed_over_is_told():
    boot = "Linux version 6.1.0-50-amd64 (debian-kernel@lists.debian.org)"
    still = pick(plain(*[SLOT] * 10, boot, *[SLOT] * 10), None)
    assert (still.rebooted, still.booting) == (True, True)
    over = pick(plain(*[SLOT] * 10, boot, SLOT, "Run /init as init process", *[SLOT] * 10), None)
    assert (over.rebooted, over.booting) == (True, False)
    head = pick(plain(boot, *[SLOT] * 5, "Freeing unused kernel image memory: 2796K", *[SLOT] * 10), None)
    assert (head.rebooted, head.booting) == (False, False)
    assert pick(plain(*[SLOT] * 20), None)[4:] == (False, None)


def test_other_forms_are_read_whole():
    text = "".join(f"kern  :info  : [{number:>5}.000000] {SLOT}\n" for number in range(20))
    assert pick(text, None).unread is None


@pytest.mark.parametrize("text", ["", "\n\n", "[" * 100, "\x00\n" * 100, ";\n" * 100, "] \n" * 100])
def test_whatever_stands_there(text):
    assert len(list(parsed(pick(text, re.compile("x")).head))) <= 100
