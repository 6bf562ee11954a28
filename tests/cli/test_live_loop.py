"""The loop on a machine made by hand: what is lost is found again, what is only suspected stays unsaid."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hotplugctl.cli import live_loop
from hotplugctl.source import clock
from hotplugctl.source.door import open_tree
from hotplugctl.source.rooted import Rooted
from tests.machine import BUS, Heard, Machine, loop_of, udev_datagram

CARD = "0000:00:04.0"
OTHER = "0000:00:05.0"


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path)
    yield made
    made.close()


@pytest.fixture
def tree(machine: Machine, tmp_path: Path) -> Iterator[Rooted]:
    found = open_tree(str(tmp_path), None, None)
    yield found
    found.close()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same, without the waiting."""
    for name in ("_AGAIN_SECONDS", "_DOUBT_SECONDS", "_SUSPECT_SECONDS"):
        monkeypatch.setattr(live_loop, name, 0.001)


def rounds(loop: live_loop.Loop, times: int = 20) -> None:
    """Let it go round: all that is there is taken in by then."""
    count = iter(range(times))
    loop.suspect(3600)
    loop.run(clock.monotonic() + 0.3, lambda: next(count, None) is None)


def state_of(loop: live_loop.Loop) -> dict[str, list[str]]:
    return {
        address: sorted(node.name for node in one.nodes.values())
        for address, one in loop.state.functions.items()
        if one.told
    }


def test_an_insertion_is_told(machine: Machine, tree: Rooted) -> None:
    loop, heard = loop_of(machine, tree)
    machine.plug(CARD, "nvme0n1")
    rounds(loop)
    assert heard.events == ["function-added", "driver-bound", "node-added", "device-ready"]
    assert heard.looks == ["start"]


def test_what_is_there_at_the_start_is_not(machine: Machine, tree: Rooted) -> None:
    """Its events are in the socket already when the look is taken."""
    machine.plug(CARD, "nvme0n1")
    loop, heard = loop_of(machine, tree)
    rounds(loop)
    assert heard.events == []
    assert state_of(loop) == {CARD: ["nvme0n1"]}


def test_a_removal_from_before_the_look_is_no_removal(machine: Machine, tree: Rooted) -> None:
    machine.plug(CARD, "nvme0n1")
    machine.unplug(CARD)
    machine.plug(CARD, "nvme0n1")
    loop, heard = loop_of(machine, tree)
    rounds(loop)
    assert heard.events == []


def test_a_loss_is_told_with_what_came_of_it(machine: Machine, tree: Rooted) -> None:
    machine.plug(CARD, "nvme0n1")
    loop, heard = loop_of(machine, tree)
    machine.unplug(CARD, lost=True)
    machine.plug(OTHER, "nvme0n1", lost=True)
    machine.overflow(7)
    rounds(loop)
    assert heard.events[0] == "lost" and heard.events[-1] == "resync"
    assert "7 messages were lost" in heard.told[0].reason
    assert {"function-removed", "node-removed", "function-added", "node-added"} <= set(heard.events)
    assert all(one.reason.startswith("resync") for one in heard.told[1:-1])
    assert state_of(loop) == {OTHER: ["nvme0n1"]}
    assert loop.recovered


def test_each_loss_counts_its_own(machine: Machine, tree: Rooted) -> None:
    loop, heard = loop_of(machine, tree)
    for dropped in (5, 1):
        machine.overflow(dropped)
        rounds(loop)
    assert [one.reason.partition(" ran over: ")[2][:20] for one in heard.told if one.event == "lost"] == [
        "5 messages were lost",
        "1 message was lost; ",
    ]


def test_a_loss_that_no_look_makes_up_for(machine: Machine, tree: Rooted) -> None:
    loop, heard = loop_of(machine, tree)
    (machine.sys / "bus/pci/devices").rmdir()
    (machine.sys / "bus/pci/devices").write_text("")
    machine.overflow(3)
    rounds(loop)
    assert "lost" in heard.events
    assert not loop.recovered


def test_what_is_heard_while_it_looks_is_not_told_twice(machine: Machine, tree: Rooted, monkeypatch) -> None:
    """A card that comes between two looks has its events, and is no difference."""
    loop, heard = loop_of(machine, tree)
    looks = []
    plain = live_loop.signs.look

    def look(*given):
        if not looks:
            machine.plug(CARD, "nvme0n1")
        looks.append(given)
        return plain(*given)

    monkeypatch.setattr(live_loop.signs, "look", look)
    machine.overflow(2)
    rounds(loop)
    assert heard.events.count("function-added") == 1
    added = heard.told[heard.events.index("function-added")]
    assert added.reason is None
    assert heard.told[-1].reason.startswith("no difference")


def test_sysfs_changes_before_the_event_says_so(machine: Machine, tree: Rooted, monkeypatch) -> None:
    """The card is in sysfs when the first look is taken, and its events come a moment later."""
    loop, heard = loop_of(machine, tree)
    machine.plug(CARD, "nvme0n1", lost=True)
    machine.seqnum -= 3
    pauses = []

    def wait(*given):
        if not pauses:
            where = f"/{BUS}/{CARD}"
            machine.send("add", where, "pci", PCI_CLASS="10802", PCI_ID="1B36:0010")
            machine.send("bind", where, "pci", DRIVER="nvme")
            machine.send("add", f"{where}/block/nvme0n1", "block", DEVNAME="nvme0n1")
        pauses.append(given)
        return frozenset()

    monkeypatch.setattr(live_loop, "wait", wait)
    machine.overflow(2)
    loop._listen()
    loop._look_after(clock.monotonic())
    assert [one.reason for one in heard.told if one.event == "function-added"] == [None]


def test_a_gap_makes_it_look_and_no_more(machine: Machine, tree: Rooted) -> None:
    loop, heard = loop_of(machine, tree)
    machine.seqnum += 6
    machine.plug(CARD, "nvme0n1")
    rounds(loop)
    assert "lost" not in heard.events and heard.looks == ["start"]
    assert heard.events.count("function-added") == 1


def test_a_difference_that_stays_is_a_loss(machine: Machine, tree: Rooted) -> None:
    """Nothing ran over, and yet: after a SIGCONT, a resume, a gap."""
    loop, heard = loop_of(machine, tree)
    machine.plug(CARD, "nvme0n1", lost=True)
    for _ in range(live_loop._DOUBT_TIMES):
        assert heard.events == []
        loop._compare()
    assert heard.events == ["lost", "function-added", "driver-bound", "node-added", "device-ready", "resync"]
    assert heard.told[1].reason.startswith("resync")
    assert state_of(loop) == {CARD: ["nvme0n1"]}


def test_a_difference_that_passes_is_none(machine: Machine, tree: Rooted) -> None:
    loop, heard = loop_of(machine, tree)
    machine.plug(CARD, "nvme0n1", lost=True)
    loop._compare()
    machine.unplug(CARD, lost=True)
    for _ in range(2 * live_loop._DOUBT_TIMES):
        loop._compare()
    assert heard.events == []


def test_a_machine_that_slept_is_looked_at(machine: Machine, tree: Rooted, monkeypatch) -> None:
    loop, _ = loop_of(machine, tree)
    monkeypatch.setattr(live_loop.clock, "asleep", lambda: 1e6)
    compared = []
    monkeypatch.setattr(loop, "_compare", lambda: compared.append(True))
    loop._look_after(clock.monotonic() + 1)
    assert compared == [True]


def test_without_events_it_looks_every_second(machine: Machine, tree: Rooted, monkeypatch) -> None:
    monkeypatch.setattr(live_loop, "SCAN_SECONDS", 0.01)
    loop, heard = loop_of(machine, tree, source="scan")
    machine.plug(CARD, "nvme0n1", lost=True)
    rounds(loop)
    assert heard.events == ["function-added", "driver-bound", "node-added", "device-ready"]
    assert all("resync" not in (one.reason or "") for one in heard.told)
    machine.unplug(CARD, lost=True)
    rounds(loop)
    assert heard.events[-2:] == ["node-removed", "function-removed"]


def test_udev_says_when_it_is_ready(machine: Machine, tree: Rooted) -> None:
    loop, heard = loop_of(machine, tree, udev=True)
    machine.plug(CARD, "nvme0n1")
    rounds(loop)
    assert "device-ready" not in heard.events
    where = f"/{BUS}/{CARD}/block/nvme0n1"
    machine.channels[2].put(udev_datagram("add", where, "block", machine.seqnum, DEVNAME="/dev/nvme0n1"))
    rounds(loop)
    assert heard.events[-1] == "device-ready" and heard.told[-1].stage == "udev"


def test_a_forged_event_is_nothing(machine: Machine, tree: Rooted) -> None:
    loop, heard = loop_of(machine, tree)
    machine.plug(CARD, "nvme0n1", lost=True)
    machine.unplug(CARD, lost=True)
    forged = f"add@/{BUS}/{CARD}\0ACTION=add\0DEVPATH=/{BUS}/{CARD}\0SUBSYSTEM=pci\0SEQNUM=1005\0"
    machine.channels[1].put(forged.encode(), sender=(4711, 1))
    rounds(loop)
    assert heard.events == []


def test_the_log_is_heard(machine: Machine, tree: Rooted) -> None:
    loop, heard = loop_of(machine, tree, log=True)
    machine.say(f"6,339,{int(clock.monotonic() * 1e6)},-;pci 0000:00:04.0: [1b36:0010] type 00 class 0x010802\n")
    machine.say("no record of any kind\xff")
    rounds(loop)
    assert loop.state.functions[CARD].ids == "1b36:0010"
    assert len(heard.raws) == 2


def test_a_flood_lets_signals_and_clocks_through(machine: Machine, tree: Rooted, monkeypatch) -> None:
    """Whatever comes in without end, the loop comes round."""
    loop, heard = loop_of(machine, tree)
    read = loop._ears.read

    def endless(*given):
        machine.send("change", f"/{BUS}/{CARD}", "pci")
        return read(*given)._replace(drained=False)

    monkeypatch.setattr(loop._ears, "read", endless)
    rounds(loop, 3)
    assert heard.raws


def test_nobody_takes_what_is_written(machine: Machine, tree: Rooted) -> None:
    """While the sink is full, nothing is taken from the socket; what is in it is told later."""

    class Slow(Heard):
        full = True

    slow = Slow()
    loop, _ = loop_of(machine, tree, slow)
    machine.plug(CARD, "nvme0n1")
    rounds(loop)
    assert slow.events == []
    slow.full = False
    rounds(loop)
    assert slow.events[0] == "function-added"
