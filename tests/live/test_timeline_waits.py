"""The waits that come in any case: found where they were, and nowhere else."""

from __future__ import annotations

import pytest

from hotplugctl.live.timeline_waits import Marks
from hotplugctl.model.live import Sign
from hotplugctl.model.log import Head, LogLine
from hotplugctl.model.timeline import Milestone
from hotplugctl.parse import kernel_events

PORT = "0000:00:02.0"
HERE = "0000:01:00.0"
PCIEHP = "pcieport 0000:00:02.0: pciehp: Slot(1): Attention button pressed"
SHPC = "shpchp 0000:00:02.0: Button pressed on Slot(3)"


def marks(*lines: tuple[float, str]) -> Marks:
    made = Marks()
    for at, text in lines:
        head, message = Head.split(text)
        event = kernel_events.event_of(message, head)
        assert event is not None
        line = LogLine(None, None, None, None, None, head.prefix, head.address, message, event)
        made.hear(Sign(at, at, line))
    return made


def found(of: Marks, action: str, stages: dict[str, float], *, address=HERE, port=PORT, slot="1"):
    reached = [Milestone(name, at, None, None) for name, at in stages.items()]
    return {one.name: (one.stage, one.took_s) for one in of.waits(action, address, port, slot, reached)}


REMOVAL = {"announced": 10.0, "node": 15.1, "bound": 15.2, "enumerated": 15.3}


def test_pciehp_waits_before_and_after_a_removal():
    assert found(marks((10.0, PCIEHP)), "remove", REMOVAL) == {
        "pciehp-button": ("node", 5.1),
        "pciehp-power-off": (None, None),
    }


def test_pciehp_waits_for_nothing_on_an_insertion():
    assert found(marks((10.0, PCIEHP)), "add", {"announced": 10.0, "enumerated": 15.1}) == {}


def test_shpchp_waits_on_an_insertion():
    stages = {"announced": 10.0, "enumerated": 16.05, "bound": 16.1}
    assert found(marks((10.0, SHPC)), "add", stages, slot="3") == {"shpchp-button": ("enumerated", 6.05)}
    assert found(marks((10.0, SHPC)), "add", stages, slot="4") == {}


def test_a_bus_that_was_reset():
    of = marks((9.9, f"sym0: <895a> rev 0x0 at pci {HERE} irq 10"), (10.0, "sym0: SCSI BUS has been reset."))
    stages = {"enumerated": 9.8, "bound": 9.9, "child": 10.01, "node": 13.05}
    assert found(of, "add", stages) == {"scsi-bus-reset": ("node", 3.05)}
    assert found(of, "add", stages, address="0000:01:01.0") == {}
    assert found(of, "remove", stages) == {}


@pytest.mark.parametrize("node", [12.0, 30.0])
def test_a_gap_of_another_length_has_another_cause(node):
    of = marks((9.9, f"sym0: <895a> rev 0x0 at pci {HERE} irq 10"), (10.0, "sym0: SCSI BUS has been reset."))
    assert found(of, "add", {"enumerated": 9.8, "node": node}) == {}


def test_another_port_another_wait():
    assert found(marks((10.0, PCIEHP)), "remove", REMOVAL, port="0000:00:03.0") == {}
    # The bridge is not known, the name of the slot is.
    assert "pciehp-button" in found(marks((10.0, PCIEHP)), "remove", REMOVAL, port=None)


def test_a_press_of_long_ago_explains_nothing():
    assert found(marks((-90.0, PCIEHP)), "remove", REMOVAL) == {}
