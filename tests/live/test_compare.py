"""In what a look differs from what was told."""

from __future__ import annotations

from hotplugctl.live import reducer
from hotplugctl.live.compare import differences
from hotplugctl.model.live import FunctionFact, Look, NodeFact

PATH = "/devices/pci0000:00/0000:00:04.0"
NODE = NodeFact("block", "vdb", "/dev/vdb", f"{PATH}/block/vdb")
CARD = FunctionFact("0000:00:04.0", PATH, "010000", "1af4:1001", "virtio-pci", None, (NODE,))


def between(told: tuple[FunctionFact, ...], seen: tuple[FunctionFact, ...], complete: bool = True) -> set[str]:
    found = differences(reducer.start(Look("start", told, {})), Look("resync", seen, {}, complete=complete))
    return {kind for kind, _, _ in found}


def test_the_same() -> None:
    assert between((CARD,), (CARD,)) == set()
    assert between((), ()) == set()


def test_each_kind_of_difference() -> None:
    assert between((), (CARD,)) == {"function", "driver", "node"}
    assert between((CARD,), ()) == {"function", "driver", "node"}
    assert between((CARD,), (CARD._replace(driver=None),)) == {"driver"}
    assert between((CARD,), (CARD._replace(nodes=()),)) == {"node"}


def test_what_does_not_change_by_events_is_none() -> None:
    assert between((CARD,), (CARD._replace(class_=None, slot="4"),)) == set()


def test_what_an_incomplete_look_lacks_proves_nothing() -> None:
    assert between((CARD,), (), complete=False) == set()
    assert between((), (CARD,), complete=False) == {"function", "driver", "node"}


def test_what_only_the_log_spoke_of_was_not_told(story) -> None:
    story.log("pci 0000:00:09.0: [1af4:1001] type 00 class 0x010000")
    assert differences(story.state, Look("resync", (), {})) == frozenset()
