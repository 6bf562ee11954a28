"""The text of ``list``."""

from __future__ import annotations

from hotplugctl.model.devices import Node, PciFunction
from hotplugctl.model.names import Names
from hotplugctl.render import columns, list_text


def disk(hung: tuple[str, ...]) -> list_text.Line:
    function = PciFunction(
        "0000:00:04.0", "/sys/devices/pci0000:00/0000:00:04.0", "010000", "1af4", "1001", "1af4", "0002", "00",
        "virtio-pci", True, None, None, {},
    )  # fmt: skip
    path = f"{function.path}/virtio1/block/vda"
    node = Node("block", "vda", "/dev/vda", ("virtio1", "block"), path, {"size": 1024}, {}, hung)
    return list_text.Line(function, (node,), None, (), Names({}, {}, {}, None))


def test_a_disk_that_never_answered_is_marked():
    wanted = columns.chosen(list_text.COLUMNS, "NODES")
    assert columns.render(wanted, [disk(())], False) == "vda"
    assert columns.render(wanted, [disk(("serial",))], False) == "vda(hung)"
    assert "block vda(hung) " in list_text.tree([disk(("serial",))])
