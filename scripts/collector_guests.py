"""Guests made by hand, for ``scripts.make_collector``: with what no recording in fixtures/ has."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Optional

from hotplugctl.model.reads import Value
from hotplugctl.source.rooted import Rooted

CHECKOUT = Path(__file__).resolve().parents[1]
BUILT = ("bcache0", "dm-0", "loop0", "md127", "nbd0", "zram0")
"""Block devices that are built upon others: more is asked of each kind than of a disk."""

SESSION = "platform/host2/session1/connection1:0/iscsi_connection/connection1:0"
"""Of an initiator: below no PCI function."""

_SET = "5c1d70de-0000-4000-8000-000000000000"
ELSEWHERE = (
    f"sys/fs/btrfs/{_SET}/devices/vdb/dev",
    "sys/fs/f2fs/vdb/features",
    "sys/kernel/config/target/core/iblock_0/disk/udev_path",
    "sys/kernel/config/nvmet/subsystems/nqn/namespaces/1/device_path",
)
"""What other parts of the kernel that use disks have some folders down."""
LINKED = {
    f"sys/fs/bcache/{_SET}/bdev0/dev": "../../../block/vdb",
    f"sys/fs/bcache/{_SET}/cache0": "../../../block/vdc",
    f"sys/fs/bcachefs/{_SET}/dev-0/block": "../../../block/vdb",
}

INVENTED_NAMES = ("+pci:0000:00:1e.0", "0000:00:1e.0", "LNXSYBUS:07", "PNP0A03:07", "any.conf", "any.modules", "any7")
INVENTED_FILES = {"dev": b"8:16\n", "type": b"xen\n"}
"""What is told to be there, where a guest has nothing, to hear what is asked of such things."""


def handmade() -> Iterator[Rooted]:
    """The guests of tests/syn.py: small, so that each answer can be taken away in turn."""
    syn = _syn()
    for guest in (syn.pc, syn.q35):
        yield guest(syn.Guest()).tree()
    built = syn.pc(syn.Guest())
    for name in BUILT:
        built.file(f"sys/devices/virtual/block/{name}/dev", "253:0\n")
        built.link(f"sys/class/block/{name}", f"../../devices/virtual/block/{name}")
    built.file("sys/devices/virtual/net/br0/flags", "0x1003\n")
    built.link("sys/class/net/br0", "../../devices/virtual/net/br0")
    built.file(f"sys/devices/{SESSION}/persistent_address", "192.0.2.7\n")
    built.link("sys/class/iscsi_connection/connection1:0", f"../../devices/{SESSION}")
    for path in ELSEWHERE:
        built.file(path, "/dev/vdb\n")
    for path, target in LINKED.items():
        built.link(path, target)
    yield built.tree()


def invented_link(path: str) -> Optional[Value]:
    """Where an invented member of /sys/bus or /sys/class leads: below a function of PCI."""
    folder, _, name = path.rpartition("/")
    parts = folder.split("/")[2:]
    if name not in INVENTED_NAMES or parts[0] not in ("bus", "class"):
        return None
    target = f"{'../' * len(parts)}devices/pci0000:00/0000:00:1e.0/virtio7/{parts[1]}/{name}"
    return Value(path, target.encode())


def _syn() -> ModuleType:
    spec = importlib.util.spec_from_file_location("hotplugctl_syn", CHECKOUT / "tests" / "syn.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(spec.name, module)
    spec.loader.exec_module(module)
    return module
