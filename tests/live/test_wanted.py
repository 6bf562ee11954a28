"""What ``wait`` waits for: which functions are meant, and what counts as how far."""

from __future__ import annotations

import pytest

from hotplugctl.live import reducer
from hotplugctl.live.wanted import Wanted, candidates, furthest, held_up, idle, reached
from hotplugctl.model.live import STAGES, FunctionFact, Look, NodeFact

ADDRESS = "0000:00:04.0"
PATH = f"/devices/pci0000:00/{ADDRESS}"
DISK = NodeFact("block", "vdb", "/dev/vdb", f"{PATH}/virtio1/block/vdb")
FULL = FunctionFact(
    ADDRESS, PATH, "010000", "1af4:1001", "virtio-pci", "4", (DISK,), {f"{PATH}/virtio1": "virtio_blk"}, ("virtio_pci",)
)
BARE = FULL._replace(driver=None, nodes=(), children={})


def state_of(*facts: FunctionFact, udev: bool = False):
    return reducer.start(Look("start", facts, {"0000:00:04": "4"}, udev))


def journey_of(fact: FunctionFact, udev: bool = False):
    state = state_of(fact, udev=udev)
    return state, state.functions[fact.address]


@pytest.mark.parametrize(
    "wanted, fits",
    [
        (Wanted(), True),
        (Wanted(address=ADDRESS), True),
        (Wanted(address="0000:00:05.0"), False),
        (Wanted(slot="4"), True),
        (Wanted(slot="5"), False),
        (Wanted(ids="1af4:1001"), True),
        (Wanted(ids="1af4:1000"), False),
        (Wanted(class_="01"), True),
        (Wanted(class_="010000"), True),
        (Wanted(class_="0101"), False),
        (Wanted(node="vdb"), True),
        (Wanted(node="/dev/vdb"), True),
        (Wanted(node="vdb1"), False),
        (Wanted(driver="virtio-pci"), True),
        (Wanted(driver="virtio_blk"), True),
        (Wanted(driver="nvme"), False),
        (Wanted(address=ADDRESS, driver="nvme"), False),
        (Wanted(class_="01", node="vdb", driver="virtio_blk"), True),
    ],
)
def test_every_condition_counts(wanted: Wanted, fits: bool) -> None:
    state, journey = journey_of(FULL)
    assert wanted.fits(state, journey) is fits


def test_a_class_that_is_not_known_fits_none() -> None:
    state, journey = journey_of(FULL._replace(class_=None))
    assert not Wanted(class_="01").fits(state, journey)


def test_what_may_yet_fit() -> None:
    """A driver and a node may still come; an address never changes."""
    state = state_of(BARE)
    assert [one.address for one in candidates(state, Wanted(node="vdb", driver="virtio_blk"))] == [ADDRESS]
    assert not list(candidates(state, Wanted(address="0000:00:05.0")))


def test_of_a_disk_that_was_there_every_stage_is_reached() -> None:
    state, journey = journey_of(FULL)
    assert [stage for stage in (*STAGES, "settled") if not reached(state, journey, stage)] == []
    assert furthest(state, journey) == "node"


def test_with_udev_the_last_stage_is_its() -> None:
    state, journey = journey_of(FULL, udev=True)
    assert furthest(state, journey) == "udev"
    assert reached(state, journey, "settled")


def test_udev_is_not_done() -> None:
    state, journey = journey_of(FULL._replace(nodes=(DISK._replace(udev=False),)), udev=True)
    assert furthest(state, journey) == "node"
    assert not reached(state, journey, "settled") and not reached(state, journey, "udev")
    assert "udev is not done with vdb" in held_up(state, journey)


def test_without_a_driver_it_is_not_settled() -> None:
    """Though it was there before anything was heard."""
    state, journey = journey_of(BARE)
    assert furthest(state, journey) == "enumerated"
    assert [stage for stage in (*STAGES, "settled") if reached(state, journey, stage)] == ["announced", "enumerated"]
    assert held_up(state, journey) == "bound: no driver bound; virtio_pci would claim it"


def test_the_virtio_device_has_no_driver() -> None:
    state, journey = journey_of(FULL._replace(nodes=(), children={f"{PATH}/virtio1": None}))
    assert furthest(state, journey) == "bound"
    assert held_up(state, journey) == "child: virtio1: no driver bound"


def test_memory_needs_no_driver_and_may_be_broken() -> None:
    state, journey = journey_of(BARE._replace(class_="050000", ids="1af4:1110"))
    assert idle(journey) and reached(state, journey, "settled")
    journey.trouble = "BAR 2 not assigned"
    assert not reached(state, journey, "settled")
    assert held_up(state, journey) == "enumerated: BAR 2 not assigned"


def test_a_function_that_only_the_log_knows(story) -> None:
    story.log("pci 0000:00:04.0: [1af4:1001] type 00 class 0x010000")
    journey = story.state.functions[ADDRESS]
    assert not Wanted().fits(story.state, journey)
    assert not reached(story.state, journey, "enumerated")
    assert furthest(story.state, journey) == "announced"
