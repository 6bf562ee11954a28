"""What stands against pulling a disk, in the order in which it can be undone: what lies on top goes first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from functools import partial
from typing import Callable, Optional

from hotplugctl.model.users import JOURNAL, Block, Blocker, Export, Mount, Space, Swap, Users
from hotplugctl.rules.unplug.command import line
from hotplugctl.rules.unplug.stake import Places, Stake, by_file, is_multipath, layers, parts

_SYSTEM = {
    "/": ("root-filesystem", "the root file system"),
    "/usr": ("root-filesystem", "the programs of the system"),
    "/boot": ("boot-filesystem", "what the machine boots"),
    "/boot/efi": ("efi-filesystem", "the EFI system partition"),
    "/boot/firmware": ("boot-filesystem", "what the machine boots"),
    "/efi": ("efi-filesystem", "the EFI system partition"),
}
Step = tuple[str, object]
_DEEPEST = 256


def system(at_stake: Stake) -> Iterator[Blocker]:
    """The file systems without which the guest does not go on, or does not come up again. Nothing undoes that."""
    told: set[str] = set()
    for mount in at_stake.mounts.values():
        kind, what = _SYSTEM.get(mount.point, ("", ""))
        if kind and mount.point not in told:
            told.add(mount.point)
            remedy = line("umount", mount.point) if kind != "root-filesystem" else None
            yield Blocker(kind, mount.point, f"{what} is on it ({mount.source} on {mount.point})", remedy)


def storage(at_stake: Stake, users: Users, spaces: Iterable[Space] = ()) -> Iterator[Blocker]:
    """Mounts, swap, and what is built of the disks: each after all that lies on it.

    ``spaces``: the other mount namespaces, whose mounts ``elsewhere`` tells.
    """
    yield from _Walk(at_stake, users, frozenset(mount.number for space in spaces for mount in space.mounts)).run()


class _Walk:
    """A depth-first walk, without recursion (holders may be a thousand deep, or go in a circle)."""

    def __init__(self, at_stake: Stake, users: Users, shown: Set[Optional[str]]) -> None:
        self.stake = at_stake
        self.shown = shown
        self.users = users
        self.files = by_file(users)
        self.places = Places(users.mounts)
        self.below: dict[Step, list[Step]] = {}
        self.things: dict[Step, Callable[[], Iterator[Blocker]]] = {}
        self._gather()

    def run(self) -> Iterator[Blocker]:
        done: set[Step] = set()
        for name in sorted(self.stake.own, key=lambda one: (self.users.blocks[one].disk is None, one)):
            yield from self._down(("block", name), done)
        # What is on no block device: a shared directory, an overlay.
        for at in self.stake.mounts:
            yield from self._down(("mount", at), done)

    def _down(self, first: Step, done: set[Step]) -> Iterator[Blocker]:
        pending = [(first, False)]
        while pending:
            step, seen = pending.pop()
            if seen:
                yield from self.things[step]() if step in self.things else ()
            elif step not in done:
                done.add(step)
                pending.append((step, True))
                pending += [(one, False) for one in reversed(self.below.get(step, ())) if one not in done]

    def _add(self, lower: Step, upper: Step, tell: Optional[Callable[[], Iterator[Blocker]]] = None) -> None:
        """``upper`` lies on ``lower``, so it goes first."""
        self.below.setdefault(lower, []).append(upper)
        if tell is not None:
            self.things[upper] = tell

    def _gather(self) -> None:
        self._mounts()
        for swap in self.stake.swaps:
            self._put(swap.path, ("swap", swap.path), partial(_swap, swap))
        for name, block in self.stake.blocks.items():
            if name not in self.stake.own:
                self.things["block", name] = partial(_built, block)
                if block.backing is not None:
                    self._put(block.backing.partition(" (deleted)")[0], ("block", name))
            if block.disk in self.stake.blocks:
                self._add(("block", block.disk or ""), ("block", name))
            self._holders(name, block)
        self._exports()
        self._others()

    def _holders(self, name: str, block: Block) -> None:
        for holder in block.holders:
            if holder in self.stake.blocks:
                self._add(("block", name), ("block", holder))
            elif holder in self.stake.members:
                held = self.users.blocks[holder]
                self._add(("block", name), ("member", f"{holder}/{name}"), partial(_member, held, name))
            else:
                self._add(("block", name), ("holder", f"{holder}/{name}"), partial(_holder, holder, block))
        if block.bcache is not None:
            self._add(("block", name), ("bcache", block.bcache), partial(_cache, block))

    def _mounts(self) -> None:
        """Later mounts first, and what is mounted on a mount before that."""
        parents = _parents(self.users.mounts, self.places)
        by_number = {block.number: name for name, block in self.stake.blocks.items() if block.number is not None}
        lost = self.stake.mounts
        # Other mounts of the root file system are no news, and unmounting them helps nobody.
        rooted = {mount.number for mount in lost.values() if mount.point == "/"} - {None}
        for at in sorted(lost, reverse=True):
            mount = lost[at]
            if mount.number not in rooted:
                self.things["mount", at] = partial(_mount, mount)
            first = by_number.get(mount.number or "") or self.files.get(mount.source)
            for name in (first, *(self.files.get(file) for file in (*parts(mount), *mount.beside))):
                if name in self.stake.blocks:
                    self._add(("block", name), ("mount", at))
            if mount.type == "overlay":
                for path in layers(mount.options):
                    self._put(path, ("mount", at))
        for at in range(len(parents) - 1, -1, -1):
            parent = parents[at]
            if parent is not None and parent != at and self._in_the_way(at, parents):
                tell = None if at in lost else partial(_above, self.users.mounts[at])
                self._add(("mount", parent), ("mount", at), tell)

    def _in_the_way(self, at: int, parents: Sequence[Optional[int]]) -> bool:
        """Whether a mount is on one that is lost, directly or on what is mounted there. Parents may go in a circle."""
        here = parents[at]
        for _ in range(_DEEPEST):
            if here is None or self.users.mounts[here].point == "/":
                return False
            if here in self.stake.mounts:
                return True
            here = parents[here]
        return False

    def _exports(self) -> None:
        for export in self.users.exports:
            self._put(export.path, ("export", export.name), partial(_export, export))

    def _others(self) -> None:
        """zram that writes to it, hibernation, pools, and file systems that nothing mounts any more."""
        for name, block in self.users.blocks.items():
            if name.startswith("zram") and block.backing is not None:
                self._put(block.backing, ("zram", name), partial(_zram, block))
        mounted = {self.files.get(mount.source) for mount in self.stake.mounts.values()}
        numbers = {mount.number for mount in self.stake.mounts.values()} | self.shown
        for name, block in self.stake.blocks.items():
            is_mounted = name in mounted or block.number in numbers
            self._add(("block", name), ("kept", name), partial(_kept, block, self.users, is_mounted))

    def _put(self, path: str, step: Step, tell: Optional[Callable[[], Iterator[Blocker]]] = None) -> None:
        """Note what uses a file that is lost: one of a device, or one on a mount."""
        name = self.files.get(path)
        if name is not None:
            if name in self.stake.blocks:
                self._add(("block", name), step, tell)
            return
        at = self.places.nearest(path)
        if at is not None and at in self.stake.mounts and self.stake.mounts[at].point != "/":
            self._add(("mount", at), step, tell)


def _parents(mounts: Sequence[Mount], places: Places) -> list[Optional[int]]:
    """The position of the mount that each is on: by their ids where mountinfo has them, else by their paths."""
    by_id = {mount.id: at for at, mount in enumerate(mounts) if mount.id >= 0}
    found: list[Optional[int]] = []
    for mount in mounts:
        above = mount.point.rpartition("/")[0] or "/"
        found.append(by_id.get(mount.parent) if mount.id >= 0 else places.nearest(above))
    return found


def _depths(mounts: Sequence[Mount]) -> list[int]:
    """How many of these each is on top of. Parents may go in a circle."""
    parents = {mount.id: mount.parent for mount in mounts}
    found = []
    for mount in mounts:
        here, seen = mount.id, {mount.id}
        while here in parents and parents[here] not in seen and len(seen) < _DEEPEST:
            here = parents[here]
            seen.add(here)
        found.append(len(seen))
    return found


def _mount(mount: Mount) -> Iterator[Blocker]:
    if mount.point not in _SYSTEM:
        yield Blocker(
            "mount",
            mount.point,
            f"{_what(mount)} is mounted on {mount.point}",
            line("umount", mount.point),
        )


def _what(mount: Mount) -> str:
    """What is mounted: of a tmpfs and its like the source is any word (mount(8))."""
    return f"{mount.source} ({mount.type})" if mount.source[:1] == "/" or ":" in mount.source else f"a {mount.type}"


def _above(mount: Mount) -> Iterator[Blocker]:
    summary = f"{_what(mount)} is mounted on top, on {mount.point}"
    yield Blocker("mount", mount.point, summary, line("umount", mount.point))


def _swap(swap: Swap) -> Iterator[Blocker]:
    if swap.gone:
        yield Blocker(
            "swap", swap.path, f"the kernel swaps to {swap.path}, which is gone: only a reboot ends that", None
        )
    else:
        yield Blocker("swap", swap.path, f"the kernel swaps to {swap.path}", line("swapoff", swap.path))


def _export(export: Export) -> Iterator[Blocker]:
    if export.kind == "nfs":
        yield Blocker(
            "nfs-export", export.path, f"exported by NFS to {export.name}", line("exportfs", "-u", export.name)
        )
    elif export.kind == "nvmet":
        remedy = line("echo", 0)
        path = None if export.undo is None else line(export.undo)
        both = f"{remedy} > {path}" if path is not None else None
        yield Blocker("nvme-export", export.name, f"an NVMe target gives {export.path} to others", both)
    else:
        remedy = line("targetcli", export.undo, "delete", export.name)
        yield Blocker("scsi-export", export.name, f"a SCSI target (LIO) gives {export.path} to others", remedy)


def _built(block: Block) -> Iterator[Blocker]:
    """What is built of a disk and lost with it."""
    if block.disk is not None or (block.dm is None and is_multipath(block)):
        # A partition, or the disk that stands for all paths to an NVMe namespace.
        return
    if block.md is not None:
        summary = f"{block.node} ({block.md.level}) is lost without it"
        yield Blocker("md", block.node, summary, line("mdadm", "--stop", block.node))
    elif block.dm is not None:
        yield _mapped(block, *block.dm)
    elif block.name.startswith("loop"):
        summary = f"{block.node} lies on it" + (f", in {block.backing}" if block.backing is not None else "")
        yield Blocker("loop", block.node, summary, line("losetup", "--detach", block.node))
    elif block.name.startswith("md"):
        # Neither running nor gone (array_state inactive): it has its disks all the same.
        yield Blocker("md", block.node, f"{block.node} is assembled of it", line("mdadm", "--stop", block.node))
    elif block.name.startswith("bcache"):
        remedy = f"echo 1 > /sys/block/{block.name}/bcache/stop"
        yield Blocker("bcache", block.node, f"{block.node} is built of it", remedy if block.name.isalnum() else None)
    else:
        yield Blocker("holder", block.node, f"{block.node} is built of it", None)


def _mapped(block: Block, name: str, uuid: str) -> Blocker:
    from hotplugctl.rules.unplug.volumes import lvm

    volume = lvm(name) if uuid.startswith("LVM-") else None
    if volume is not None:
        raid = " (perhaps it goes on, if it is a mirror: lvs -o +segtype)" if _rimage(block) else ""
        summary = f"the logical volume {volume[1]} of {volume[0]} is on it{raid}"
        return Blocker(
            "lvm", f"{volume[0]}/{volume[1]}", summary, line("lvchange", "--activate", "n", f"{volume[0]}/{volume[1]}")
        )
    if uuid.startswith("CRYPT-"):
        return Blocker("crypt", name, f"it is open as {name}, encrypted", line("cryptsetup", "close", name))
    if is_multipath(block):
        return Blocker("multipath", name, f"the last path of {name} that works", line("multipath", "-f", name))
    return Blocker(
        "dm", name or block.name, f"the device-mapper device {name} is built of it", line("dmsetup", "remove", name)
    )


def _rimage(block: Block) -> bool:
    return block.dm is not None and any(part in block.dm[0] for part in ("_rimage_", "_mimage_", "_rmeta_"))


def _member(block: Block, name: str) -> Iterator[Blocker]:
    """What goes on without the member that is pulled."""
    file = f"/dev/{name.replace('!', '/')}"
    if block.md is not None:
        state = next((member.state for member in block.md.members if member.name == name), "")
        loss = "degraded" if "in_sync" in state else f"{file} is no active member of it ({state or 'state unknown'})"
        remedy = line("mdadm", block.node, "--fail", file, "--remove", file)
        yield Blocker("md-member", block.node, f"{block.node} ({block.md.level}) goes on without it, {loss}", remedy)
        return
    called = block.dm[0] if block.dm is not None else block.name
    remedy = line("multipathd", "del", "path", name) if block.dm is not None else None
    yield Blocker("multipath-path", called, f"{called} is not lost: it has another path that works", remedy)


def _holder(name: str, block: Block) -> Iterator[Blocker]:
    yield Blocker("holder", name, f"{name} holds {block.node}", None)


def _cache(block: Block) -> Iterator[Blocker]:
    summary = f"{block.node} is the cache of a bcache set"
    remedy = line("echo", 1)
    path = line(f"/sys/fs/bcache/{block.bcache}/stop")
    yield Blocker("bcache", block.node, summary, f"{remedy} > {path}" if path is not None else None)


def _zram(block: Block) -> Iterator[Blocker]:
    summary = f"{block.node} writes to {block.backing} what it cannot compress"
    yield Blocker("zram", block.node, summary, line("zramctl", "--reset", block.node))


def _kept(block: Block, users: Users, mounted: bool) -> Iterator[Blocker]:
    system = block.system or ""
    uuid = system.partition(" ")[2]
    others = [name for name in users.btrfs.get(uuid, ()) if name != block.name]
    if others:
        point = next(
            (mount.point for mount in users.mounts if mount.type == "btrfs" and _of(mount, others, block)), None
        )
        remedy = None if point is None else line("btrfs", "device", "remove", block.node, point)
        summary = f"one of {len(others) + 1} devices of a btrfs{'' if point is None else f' on {point}'}"
        yield Blocker("btrfs-member", block.node, summary, remedy)
    elif system and not mounted:
        summary = _unmounted(system.partition(" ")[0])
        yield Blocker("filesystem", block.node, summary, None)
    if block.number is not None and block.number == users.resume:
        yield Blocker("hibernation", block.node, "hibernation would write to it (/sys/power/resume)", None)
    if block.holds is not None and block.holds[0] == "zfs_member" and block.holds[1] in users.pools:
        pool = block.holds[1]
        yield Blocker(
            "zfs",
            pool,
            f"the ZFS pool {pool} is imported, and this is one of its devices",
            line("zpool", "export", pool),
        )


def _unmounted(kind: str) -> str:
    if kind == JOURNAL:
        return "a file system on another disk has its journal on it (/proc/fs/jbd2)"
    return f"the kernel has its {kind} open, and no mount of it is seen: unmounted lazily, or another namespace's"


def _of(mount: Mount, others: Iterable[str], block: Block) -> bool:
    return mount.source == block.node or any(mount.source == f"/dev/{name}" for name in others)


def elsewhere(spaces: Iterable[Space], users: Users, at_stake: Stake) -> Iterator[Blocker]:
    """Mounts in other namespaces that stay when those here are unmounted: of no peer group in common (mount(8))."""
    groups = {peer.partition(":")[2] for mount in users.mounts for peer in mount.peers}
    numbers = {block.number for block in at_stake.blocks.values()} - {None}
    told: set[str] = set()
    for space in spaces:
        yield from _on_files_of(space, users, at_stake, numbers, told)
        depth = _depths(space.mounts)
        for at in sorted(range(len(depth)), key=lambda at: (-depth[at], -at)):
            mount = space.mounts[at]
            if not groups.intersection(peer.partition(":")[2] for peer in mount.peers):
                remedy = line("nsenter", "--mount", "--target", space.pid, "umount", mount.point)
                summary = f"{_what(mount)} is mounted on {mount.point} in the mount namespace of process {space.pid}"
                yield Blocker("mount", mount.point, summary, remedy)


def _on_files_of(
    space: Space, users: Users, at_stake: Stake, numbers: Set[Optional[str]], told: set[str]
) -> Iterator[Blocker]:
    """Swap and loop devices on files of such a mount. The kernel names the file as that namespace has it.

    That it is not a file of the same name here cannot be seen; the disk is in use either way.
    """
    places = Places(space.mounts)
    used = [(swap.path, None) for swap in users.swaps if swap.kind == "file" and swap not in at_stake.swaps]
    loops = (block for name, block in users.blocks.items() if name.startswith("loop") and name not in at_stake.blocks)
    for path, loop in (*used, *((block.backing or "", block.node) for block in loops)):
        plain = path.partition(" (deleted)")[0]
        at = places.nearest(plain)
        if at is None or space.mounts[at].number not in numbers or (loop or path) in told:
            continue
        told.add(loop or path)
        where = f"in the mount namespace of process {space.pid}, if that is where the file is"
        if loop is None:
            remedy = line("nsenter", "--mount", "--target", space.pid, "swapoff", path)
            yield Blocker("swap", path, f"the kernel swaps to {path} {where}", remedy)
        else:
            yield Blocker("loop", loop, f"{loop} lies on {plain} {where}", line("losetup", "--detach", loop))
