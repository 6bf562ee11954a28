"""What is lost with the disks that go: what is built of them, what is mounted of it, what lies on these mounts.

Up to where something goes on without them: a mirror with another half, a multipath map with another path.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, Optional

from hotplugctl.model.devices import Node
from hotplugctl.model.users import Array, Block, Going, Interest, Mount, Swap, Users

_GONE = " (deleted)"
_SHARED = ("virtiofs", "9p")
# What udev finds on disks (ID_FS_TYPE) that shows by itself where it is used, or cannot be mounted.
_TOLD = frozenset({
    "", "ext4", "ext3", "ext2", "xfs", "btrfs", "f2fs", "nilfs2", "erofs", "bcachefs", "swap", "jbd", "bcache",
    "LVM2_member", "crypto_LUKS", "linux_raid_member", "zfs_member", "mpath_member", "drbd",
})  # fmt: skip
# Members that an array of n can lose: raid10 counts as if the next one were the twin of the last.
_SPARE = {"raid1": None, "raid4": 1, "raid5": 1, "raid6": 2, "raid10": 1}


class Stake(NamedTuple):
    """``own``: the disks and partitions that go themselves; ``blocks``: all that is lost, by name, nearest first.

    ``members``: what goes on → those of its members that are lost. ``mounts``: the mounts that are lost, by their
    position; of the root file system nothing is followed further. ``swaps``: what is swapped to and lost.
    """

    own: tuple[str, ...]
    blocks: Mapping[str, Block]
    members: Mapping[str, tuple[str, ...]]
    mounts: Mapping[int, Mount]
    swaps: tuple[Swap, ...]


def stake(going: Going, users: Users) -> Stake:
    """Everything that is lost in the namespace that asks."""
    own = tuple(node.name for node in going.nodes if node.subsystem == "block" and node.name in users.blocks)
    return _Search(users, own, [function.path for function in going.functions]).run()


class _Search:
    """Grows what is lost until nothing is added. Holders may go in a circle: what is lost is lost once."""

    def __init__(self, users: Users, own: tuple[str, ...], paths: list[str]) -> None:
        self.users = users
        self.own = own
        self.paths = paths
        self.by_number = {block.number: name for name, block in users.blocks.items() if block.number is not None}
        self.files = by_file(users)
        self.places = Places(users.mounts)
        self.blocks: dict[str, Block] = {name: users.blocks[name] for name in own}
        self.mounts: dict[int, Mount] = {}

    def run(self) -> Stake:
        grown = True
        while grown:
            before = len(self.blocks) + len(self.mounts)
            self._mounts()
            self._holders()
            self._backed()
            grown = len(self.blocks) + len(self.mounts) > before
        return Stake(self.own, self.blocks, self._members(), self.mounts, tuple(self._swaps()))

    def _mounts(self) -> None:
        for at, mount in enumerate(self.users.mounts):
            if at not in self.mounts and (self._on_lost(mount) or self._overlays(mount)):
                self.mounts[at] = mount

    def _on_lost(self, mount: Mount) -> bool:
        if mount.type in _SHARED:
            path = self.users.tags.get(mount.source)
            return path is not None and any(path.startswith(one + "/") for one in self.paths)
        if mount.type == "btrfs":
            devices = self.users.btrfs.get(self._file_system(mount), (self.files.get(mount.source, ""),))
            return all(name in self.blocks for name in devices)
        name = self.by_number.get(mount.number or "")
        named = [name] if name is not None else [self.files.get(file, "") for file in parts(mount)]
        named += [self.files.get(file, "") for file in mount.beside]
        return any(one in self.blocks for one in named)

    def _file_system(self, mount: Mount) -> str:
        name = self.files.get(mount.source)
        return next((uuid for uuid, devices in self.users.btrfs.items() if name in devices), "")

    def _overlays(self, mount: Mount) -> bool:
        return mount.type == "overlay" and any(self._lies_on_lost(path) for path in layers(mount.options))

    def _lies_on_lost(self, path: str) -> bool:
        """Whether a file is on a lost mount; on the root file system all is, and that is told by itself."""
        at = self.places.nearest(path)
        return at in self.mounts and self.users.mounts[at].point != "/"

    def _holders(self) -> None:
        pending = list(self.blocks.values())
        while pending:
            for name in (*pending.pop().holders,):
                held = self.users.blocks.get(name)
                if held is not None and name not in self.blocks and not self._goes_on(held):
                    self.blocks[name] = held
                    pending.append(held)
                    pending += [one for one in self._partitions(name) if one.name not in self.blocks]
                    self.blocks.update({one.name: one for one in self._partitions(name)})

    def _partitions(self, disk: str) -> list[Block]:
        return [block for block in self.users.blocks.values() if block.disk == disk]

    def _goes_on(self, block: Block) -> bool:
        return goes_on(block, self.blocks, self.users.blocks)

    def _backed(self) -> None:
        for name, block in self.users.blocks.items():
            if name in self.blocks or block.backing is None or name.startswith("zram"):
                continue
            path = block.backing[: -len(_GONE)] if block.backing.endswith(_GONE) else block.backing
            if self.files.get(path, "") in self.blocks or self._lies_on_lost(path):
                self.blocks[name] = block
                self.blocks.update({one.name: one for one in self._partitions(name)})

    def _members(self) -> Mapping[str, tuple[str, ...]]:
        found: dict[str, list[str]] = {}
        for name, block in self.blocks.items():
            for holder in block.holders:
                if holder in self.users.blocks and holder not in self.blocks:
                    found.setdefault(holder, []).append(name)
        return {holder: tuple(names) for holder, names in found.items()}

    def _swaps(self) -> Iterator[Swap]:
        for swap in self.users.swaps:
            if self.files.get(swap.path, "") in self.blocks or (swap.kind == "file" and self._lies_on_lost(swap.path)):
                yield swap


def goes_on(block: Block, lost: Iterable[str], blocks: Mapping[str, Block]) -> bool:
    """Whether something built of several goes on without those that are lost."""
    gone = set(lost)
    if block.md is not None:
        return _array_goes_on(block.md, gone)
    if is_multipath(block):
        return any(name not in gone and (name not in blocks or blocks[name].alive) for name in block.slaves)
    return False


def is_multipath(block: Block) -> bool:
    """A map of dm-multipath, or a disk of NVMe's own multipath."""
    return (block.dm is not None and block.dm[1].startswith("mpath-")) or (
        block.dm is None and block.md is None and block.name.startswith("nvme") and bool(block.slaves)
    )


def _array_goes_on(array: Array, gone: set[str]) -> bool:
    active = [member.name for member in array.members if "in_sync" in member.state]
    lost = sum(name in gone for name in active)
    if not lost:
        return True
    if array.level not in _SPARE or lost == len(active):
        return False
    spare = _SPARE[array.level]
    # Degraded is what is missing already; where that is not known, nothing may be lost.
    missing = array.degraded
    return spare is None or (missing is not None and lost + missing <= spare)


class Places:
    """Which mount of a namespace a path is on: the nearest above it, of several at one place the last."""

    def __init__(self, mounts: Iterable[Mount]) -> None:
        self._at = {mount.point: at for at, mount in enumerate(mounts)}

    def nearest(self, path: str) -> Optional[int]:
        """Its position among the mounts; None where there is none."""
        here = path
        while here.startswith("/") and here != "/":
            if here in self._at:
                return self._at[here]
            here = here.rpartition("/")[0] or "/"
        return self._at.get("/") if path.startswith("/") else None


def parts(mount: Mount) -> Iterator[str]:
    """The devices that are mounted: bcachefs names all of them, with a colon between."""
    yield mount.source
    if mount.type == "bcachefs":
        yield from mount.source.split(":")


def layers(options: str) -> Iterator[str]:
    """The folders of an overlay (Documentation/filesystems/overlayfs.rst); a colon within a name is escaped."""
    for option in options.split(","):
        key, _, value = option.partition("=")
        if key.rstrip("+") in ("lowerdir", "upperdir", "workdir"):
            found = (path.replace("\0", ":") for path in value.replace("\\:", "\0").split(":"))
            yield from (path for path in found if path[:1] == "/")


def by_file(users: Users) -> Mapping[str, str]:
    """File in /dev, or in /dev/mapper, or another name → name of the block device."""
    found = dict(users.aliases)
    for name, block in users.blocks.items():
        found[block.node] = name
        if block.dm is not None and block.dm[0]:
            found[f"/dev/mapper/{block.dm[0]}"] = name
    return found


def interest(going: Going, users: Users, at_stake: Stake) -> Interest:
    """Which processes are looked for. Who only has files on the root file system is not: all have."""
    rooted = {mount.number for mount in at_stake.mounts.values() if mount.point == "/"} - {None}
    mounts = [mount for mount in at_stake.mounts.values() if mount.point != "/" and mount.number not in rooted]
    blocks = at_stake.blocks.values()
    files = {name for name, block in by_file(users).items() if block in at_stake.blocks}
    numbers = {mount.number for mount in mounts} | {block.number for block in blocks}
    points = tuple(dict.fromkeys(mount.point for mount in mounts))
    others = (mount.point for at, mount in enumerate(users.mounts) if at not in at_stake.mounts)
    return Interest(
        frozenset(files | set(_files(going))),
        frozenset(number for number in numbers if number is not None and number not in rooted),
        points,
        frozenset(_sources(at_stake, files)),
        tuple(dict.fromkeys(others)) if points else (),
        {f"block {block.number}": block.node for block in blocks if block.number is not None},
        frozenset(by_file(users)) - files,
        any(_may_be_hidden(block, at_stake) for block in blocks),
    )


def _may_be_hidden(block: Block, at_stake: Stake) -> bool:
    """Whether a file system may be on it that no mount shows and that leaves no mark in /sys/fs (vfat, iso9660 …)."""
    if block.system is not None or any(mount.number == block.number for mount in at_stake.mounts.values()):
        return False
    return block.holds is None or block.holds[0] not in _TOLD


def _sources(at_stake: Stake, files: Iterable[str]) -> set[str]:
    """The files of disks by which other namespaces name what they have mounted; not those of the root file system."""
    rooted = {mount.source for mount in at_stake.mounts.values() if mount.point == "/"}
    return {file for file in files if file not in rooted} if not rooted else set()


def _files(going: Going) -> Iterator[str]:
    """Files of devices other than disks: consoles, sound, VFIO groups, registers that a program has mapped."""
    for node in going.nodes:
        if node.node is not None:
            yield node.node
    for function in going.functions:
        if function.address in going.groups and in_user_space(function.driver):
            yield f"/dev/vfio/{going.groups[function.address]}"
        for number in range(6):
            yield f"{function.path}/resource{number}"
            yield f"{function.path}/resource{number}_wc"


def in_user_space(driver: Optional[str]) -> bool:
    """Whether the driver only hands the device to a program."""
    return driver is not None and (driver.startswith(("vfio", "uio", "igb_uio")) or driver.endswith("_vfio_pci"))


def has_files(nodes: Iterable[Node]) -> bool:
    """Whether any of them can be opened."""
    return any(node.node is not None for node in nodes)
