"""What the kernel gives to others: LIO and NVMe targets out of configfs, directories out of nfsd's table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Optional

from hotplugctl.model.listing import Names
from hotplugctl.model.reads import Value
from hotplugctl.model.users import Export
from hotplugctl.parse import exports
from hotplugctl.source.tree import Tree

_LIO = "/sys/kernel/config/target/core"
_NVMET = "/sys/kernel/config/nvmet/subsystems"
_NFSD = "/proc/fs/nfsd/exports"


def collect(tree: Tree) -> tuple[Export, ...]:
    """Every device, file or directory that is exported."""
    return (*_lio(tree), *_nvmet(tree), *_nfs(tree))


def _names(tree: Tree, path: str) -> tuple[str, ...]:
    listing = tree.names(path)
    return listing.names if isinstance(listing, Names) else ()


def _text(tree: Tree, path: str) -> Optional[str]:
    read = tree.read(path)
    return read.data.decode("utf-8", "surrogateescape").strip() if isinstance(read, Value) else None


def _lio(tree: Tree) -> Iterator[Export]:
    """Backstores of LIO (iSCSI, vhost-scsi, Fibre Channel): Documentation/target/tcm_mod_builder.rst."""
    for store in _names(tree, _LIO):
        # iblock_0, fileio_1, pscsi_2; alua is none.
        if "_" in store:
            for name in _names(tree, f"{_LIO}/{store}"):
                path = _text(tree, f"{_LIO}/{store}/{name}/udev_path")
                if path:
                    kind = {"iblock": "block"}.get(store.partition("_")[0], store.partition("_")[0])
                    yield Export("lio", name, path, f"/backstores/{kind}")


def _nvmet(tree: Tree) -> Iterator[Export]:
    for subsystem in _names(tree, _NVMET):
        base = f"{_NVMET}/{subsystem}/namespaces"
        for number in _names(tree, base):
            path = _text(tree, f"{base}/{number}/device_path")
            if path and _text(tree, f"{base}/{number}/enable") == "1":
                yield Export("nvmet", f"{subsystem}/{number}", path, f"{base}/{number}/enable")


def _nfs(tree: Tree) -> Iterator[Export]:
    read = tree.read(_NFSD)
    if isinstance(read, Value):
        for path, client in exports.parse(read.data):
            yield Export("nfs", f"{client}:{path}", path, None)
