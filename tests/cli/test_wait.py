"""``wait``: at once on a recording, and live on a machine made by hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hotplugctl.cli import cmd_wait, live_loop, waiting
from hotplugctl.source.door import open_tree
from tests.cli.test_schemas import SCHEMAS, faults
from tests.machine import BUS, Machine

CARD = "0000:00:04.0"
OTHER = "0000:00:05.0"


# On a recording.


@pytest.mark.parametrize(
    "story, stage, asked, addresses",
    [
        ("pc-virtio", "added", ["--node", "/dev/vdb"], ["0000:00:02.0"]),
        ("pc-virtio", "added", ["--node", "vdb1"], ["0000:00:02.0"]),
        ("pc-virtio", "added", ["--slot", "4"], ["0000:00:04.0"]),
        ("pc-virtio", "added", ["--address", "00:02.0"], ["0000:00:02.0"]),
        ("pc-virtio", "added", ["--driver", "virtio_scsi"], ["0000:00:04.0"]),
        ("pc-virtio", "added", ["--pci", "1AF4:1004", "--class", "storage"], ["0000:00:04.0"]),
        ("q35-rootport-acpi", "added", ["--class", "0108"], None),
        ("q35-nodriver", "added", ["--class", "network", "--stage", "bound"], ["0000:01:00.0"]),
    ],
)
def test_what_is_there_is_found(hotplugctl, recordings, story, stage, asked, addresses):
    done = hotplugctl("wait", "--json", "--root", recordings.stage(story, stage), *asked)
    assert (done.status, done.err) == (0, "")
    assert not faults("wait", done.document)
    assert done.document["found"] is True and done.document["devices"]
    if addresses is not None:
        assert [device["address"] for device in done.document["devices"]] == addresses


@pytest.mark.parametrize(
    "story, stage, asked, word",
    [
        ("pc-virtio", "before", ["--node", "vdb"], "nothing changes in a recording"),
        ("pc-virtio", "added", ["--any", "--new"], "nothing changes in a recording"),
        ("pc-virtio", "added", ["--class", "storage", "--count", "9"], "of 9 came"),
        ("pc-virtio", "added", ["--gone", "--node", "vdb"], "still there: 0000:00:02.0"),
        ("q35-nodriver", "added", ["--class", "network"], "virtio0: no driver bound"),
        ("pc-nobar", "added", ["--address", "00:02.0"], "BAR"),
    ],
)
def test_what_is_not_there_is_not_waited_for(hotplugctl, recordings, story, stage, asked, word):
    done = hotplugctl("wait", "--json", "--root", recordings.stage(story, stage), *asked)
    assert done.status == 1
    assert not faults("wait", done.document)
    assert done.document["found"] is False
    assert word in done.document["reason"]


def test_gone_is_gone(hotplugctl, recordings):
    done = hotplugctl("wait", "--root", recordings.stage("pc-virtio", "after"), "--gone", "--node", "vdb")
    assert (done.status, done.out, done.err) == (0, "gone: nothing that fits is there\n", "")


def test_a_story_is_named_with_its_stage(hotplugctl, recordings):
    story = recordings.story("pc-virtio")
    assert hotplugctl("wait", "--root", f"{story}:added", "--node", "vdb").status == 0
    refused = hotplugctl("wait", "--root", story, "--node", "vdb")
    assert refused.status == 2
    assert f"{story}:before" in refused.err and "--stage" not in refused.err


def test_the_text_is_a_table(hotplugctl, recordings):
    done = hotplugctl("wait", "--root", recordings.stage("pc-virtio", "added"), "--node", "vdb")
    assert done.out.splitlines()[0].split()[:2] == ["ADDRESS", "CLASS"]
    assert done.out.splitlines()[1].startswith("0000:00:02.0")


def test_a_tree_without_a_bus_cannot_tell(hotplugctl, tmp_path):
    (tmp_path / "sys").mkdir()
    done = hotplugctl("wait", "--json", "--root", tmp_path, "--any")
    assert done.status == 3
    assert "cannot be known" in done.document["reason"]
    assert not faults("wait", done.document)


@pytest.mark.parametrize(
    "asked",
    [
        [],
        ["--stage", "bound"],
        ["--any", "--gone", "--new"],
        ["--any", "--gone", "--count", "2"],
        ["--any", "--gone", "--stage", "bound"],
        ["--address", CARD, "--count", "2"],
        ["--address", "nonsense"],
        ["--address", "0000:00:04"],
        ["--pci", "1af4"],
        ["--class", "disk"],
        ["--class", "123"],
        ["--node", "/etc/passwd"],
        ["--node", "../vda"],
        ["--node", ""],
        ["--slot", "a/b"],
        ["--any", "--timeout", "nan"],
        ["--any", "--timeout", "-1"],
        ["--any", "--timeout", "1e9"],
        ["--any", "--count", "0"],
        ["--any", "--stage", "ready"],
    ],
)
def test_asked_wrongly(hotplugctl, asked):
    done = hotplugctl("wait", *asked)
    assert (done.status, done.out) == (2, "")
    assert done.err


def test_a_device_is_described_as_in_list():
    assert SCHEMAS["wait"]["$defs"] == SCHEMAS["list"]["$defs"]


# Live, on a machine made by hand.


class Waiting:
    """``wait`` on the machine: ``then`` happens once it has looked and listens."""

    def __init__(self, machine: Machine, call: Callable) -> None:
        self.machine = machine
        self.then: Callable[[], object] = lambda: None
        self._call = call

    def __call__(self, *asked: str):
        return self._call("wait", "--json", *asked)


@pytest.fixture
def wait(tmp_path: Path, monkeypatch, hotplugctl) -> Iterator[Waiting]:
    machine = Machine(tmp_path)
    run = Waiting(machine, hotplugctl)

    @contextmanager
    def world(_root, _stage):
        tree = open_tree(str(tmp_path), None, None)
        tree.kind = "live"
        yield tree
        tree.close()

    begin = live_loop.Loop.begin

    def begins(loop):
        look = begin(loop)
        run.then()
        return look

    # It has no slots, and whether devices can come at all is asked in a test of its own.
    monkeypatch.setattr("hotplugctl.rules.arrival.impossible", lambda *_given: None)
    monkeypatch.setattr(cmd_wait, "world", world)
    monkeypatch.setattr(waiting, "open_ears", lambda _tree, since_boot: machine.hearing())
    monkeypatch.setattr(live_loop.Loop, "begin", begins)
    yield run
    machine.close()


def test_it_is_there_already(wait):
    wait.machine.plug(CARD, "nvme0n1")
    done = wait("--node", "nvme0n1", "--timeout", "20")
    assert done.status == 0
    assert [device["address"] for device in done.document["devices"]] == [CARD]
    assert done.document["stage"] == "node"
    assert not faults("wait", done.document)


def test_it_comes_while_we_wait(wait):
    wait.then = lambda: wait.machine.plug(CARD, "nvme0n1")
    done = wait("--class", "storage", "--timeout", "20")
    assert done.status == 0
    assert done.document["devices"][0]["nodes"][0]["node"] == "/dev/nvme0n1"


def test_what_was_there_does_not_count(wait):
    wait.machine.plug(CARD, "nvme0n1")
    wait.then = lambda: wait.machine.plug(OTHER, "nvme1n1")
    done = wait("--any", "--new", "--timeout", "20")
    assert done.status == 0
    assert [device["address"] for device in done.document["devices"]] == [OTHER]


def test_another_at_the_same_place_is_new(wait):
    wait.machine.plug(CARD, "nvme0n1")

    def change():
        wait.machine.unplug(CARD)
        wait.machine.plug(CARD, "nvme0n1")

    wait.then = change
    assert wait("--address", CARD, "--new", "--timeout", "20").status == 0


def test_two_of_them(wait):
    wait.machine.plug(CARD, "nvme0n1")
    wait.then = lambda: wait.machine.plug(OTHER, "nvme1n1")
    done = wait("--class", "0108", "--count", "2", "--timeout", "20")
    assert [device["address"] for device in done.document["devices"]] == [CARD, OTHER]


def test_until_it_is_gone(wait):
    wait.machine.plug(CARD, "nvme0n1")
    wait.then = lambda: wait.machine.unplug(CARD)
    done = wait("--gone", "--node", "nvme0n1", "--timeout", "20")
    assert (done.status, done.document["devices"], done.document["found"]) == (0, [], True)
    assert not faults("wait", done.document)


def test_it_does_not_go(wait):
    wait.machine.plug(CARD, "nvme0n1")
    done = wait("--gone", "--any", "--timeout", "0.05")
    assert done.status == 4
    assert [device["address"] for device in done.document["devices"]] == [CARD]
    assert done.document["reason"] == f"still there: {CARD}"


def test_it_comes_without_a_driver(wait):
    wait.machine.plug(CARD)
    done = wait("--address", CARD, "--timeout", "0.05")
    assert done.status == 4
    assert done.document["stage"] == "enumerated"
    assert done.document["devices"] == []
    assert f"{CARD} bound: no driver" in done.document["reason"]
    assert done.document["waited_s"] >= 0.05
    assert not faults("wait", done.document)


def test_it_has_come_far_enough(wait):
    wait.machine.plug(CARD)
    done = wait("--address", CARD, "--stage", "enumerated", "--timeout", "20")
    assert (done.status, done.document["stage"]) == (0, "enumerated")


@pytest.mark.parametrize("node, code", [("nvme0n1", 0), ("nvme9n1", 4)])
def test_no_time_is_a_look(wait, node, code):
    wait.machine.plug(CARD, "nvme0n1")
    assert wait("--node", node, "--timeout", "0").status == code


def test_it_goes_while_it_comes(wait):
    """What was told to be there and has gone is not found."""

    def flicker():
        wait.machine.plug(CARD, "nvme0n1")
        wait.machine.unplug(CARD)

    wait.machine.plug(OTHER, "nvme1n1")
    wait.then = flicker
    done = wait("--node", "nvme0n1", "--timeout", "0.5")
    assert done.status == 4
    assert done.document["waited_s"] >= 0.5


def test_what_is_heard_together_with_the_last_of_it_counts_too(wait):
    """Of one reading nothing is dropped, though the third event of it is what was waited for."""

    def come_and_go():
        wait.machine.plug(CARD, "nvme0n1")
        wait.machine.unplug(CARD)
        wait.machine.plug(OTHER, "nvme1n1")

    wait.then = come_and_go
    done = wait("--class", "storage", "--timeout", "20")
    assert done.status == 0
    assert [device["address"] for device in done.document["devices"]] == [OTHER]


def test_events_are_lost_meanwhile(wait):
    def lose():
        wait.machine.plug(CARD, "nvme0n1", lost=True)
        wait.machine.overflow(5)

    wait.then = lose
    wait.machine.plug(OTHER, "nvme1n1")
    assert wait("--node", "nvme0n1", "--timeout", "20").status == 0


@pytest.mark.parametrize("serial, code", [("SN-42", 0), ("SN-4", 4), ("sn-42", 4)])
def test_by_its_serial_number(wait, serial, code):
    wait.machine.plug(CARD, "nvme0n1")
    disk = wait.machine.sys / BUS / CARD / "block/nvme0n1"
    (disk / "device").mkdir()
    (disk / "device/vpd_pg80").write_bytes(b"\0\x80\0\x05SN-42")
    done = wait("--serial", serial, "--timeout", "0.05")
    assert done.status == code
    assert [device["address"] for device in done.document["devices"]] == [CARD][code:]


def test_by_the_serial_number_of_another_at_the_same_place(wait):
    """It has the same address and its disk the same name; both are heard in one reading."""

    def disk(serial: bytes):
        wait.machine.plug(CARD, "nvme0n1")
        folder = wait.machine.sys / BUS / CARD / "block/nvme0n1/device"
        folder.mkdir()
        (folder / "vpd_pg80").write_bytes(b"\0\x80\0\x05" + serial)

    def change():
        wait.machine.unplug(CARD)
        disk(b"SN-43")

    disk(b"SN-42")
    wait.then = change
    assert wait("--serial", "SN-43", "--timeout", "2").status == 0


def test_it_can_never_come(wait, monkeypatch):
    """Nothing that is there may become it, and nothing else can come."""
    wait.machine.plug(CARD, "nvme0n1")
    monkeypatch.setattr("hotplugctl.rules.arrival.impossible", lambda *_given: "no slot of bus 0000:00 takes any")
    done = wait("--address", OTHER, "--timeout", "20")
    assert done.status == 1
    assert done.document["reason"] == "it can never come by itself: no slot of bus 0000:00 takes any"
    assert done.document["waited_s"] < 20
    assert not faults("wait", done.document)


@pytest.mark.parametrize(
    "asked", [["--node", "nvme9n1"], ["--address", CARD, "--driver", "vfio-pci"], ["--gone", "--any"]]
)
def test_what_is_there_may_still_become_it(wait, monkeypatch, asked):
    wait.machine.plug(CARD, "nvme0n1")
    monkeypatch.setattr("hotplugctl.rules.arrival.impossible", lambda *_given: pytest.fail("it is not certain"))
    assert wait(*asked, "--timeout", "0.05").status == 4


# Live, here.


def test_on_this_machine(process):
    """Whatever this machine is: nothing at this address will be there in no time."""
    done = process("wait", "--json", "--address", "7fff:fe:1d.5", "--timeout", "0")
    assert done.returncode in (1, 3, 4)
    document = json.loads(done.stdout)
    assert document["found"] is False and document["reason"]
    assert not faults("wait", document)


@pytest.mark.parametrize("number, code", [(2, 130), (15, 143)])
def test_a_signal_ends_it(process, number, code):
    import time

    started = process.start("wait", "--address", "7fff:fe:1d.5", "--gone", "--timeout", "30")
    assert started.wait(30) in (0, 3)
    waiting_on = process.start("wait", "--node", "no-such-node", "--timeout", "30", stderr=-3)
    time.sleep(1)
    if waiting_on.poll() is None:
        waiting_on.send_signal(number)
        assert waiting_on.wait(30) == code
    else:
        assert waiting_on.returncode in (1, 3)
