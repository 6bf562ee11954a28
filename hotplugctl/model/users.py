"""What uses a device: block devices and what is built of them, mounts, swap, interfaces, routes, processes."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple, Optional

from hotplugctl.model.devices import Node, PciFunction, Slot

RECORD_ANEW = "a new record"
"""What would tell (``Seen.privilege``) what a recording of before lacks."""

JOURNAL = "journal"
"""What ``Block.system`` says of a disk that has the journal of a file system which is elsewhere."""


class Member(NamedTuple):
    """A member of an md array: ``state`` as in md/dev-NAME/state (Documentation/admin-guide/md.rst)."""

    name: str
    state: str


class Array(NamedTuple):
    """An md array: ``level`` (raid1, linear …); ``degraded``: members that are missing, None where that is unknown."""

    level: str
    degraded: Optional[int]
    members: tuple[Member, ...]


class Block(NamedTuple):
    """A disk, partition or what is built of them, out of /sys/class/block (Documentation/ABI/stable/sysfs-block).

    ``number`` is ``major:minor``; ``disk`` the disk of a partition. ``holders`` are built of it, ``slaves`` is what it
    is built of. ``dm``: name and uuid of a device-mapper device. ``backing``: the file behind a loop device, the disk
    that zram writes to. ``alive``: False where the SCSI layer has given the disk up. ``bcache``: the cache set that it
    is part of. ``system``: what the file system on it is called in /sys/fs while the kernel has it, mounted or not.
    ``holds``: what udev found on it (ID_FS_TYPE and ID_FS_LABEL), None where it has noted nothing.
    ``unknown``: why it cannot be told what is built of it, or which number it has.
    """

    name: str
    path: str
    number: Optional[str]
    disk: Optional[str]
    holders: tuple[str, ...]
    slaves: tuple[str, ...]
    dm: Optional[tuple[str, str]]
    md: Optional[Array]
    backing: Optional[str]
    alive: bool
    bcache: Optional[str]
    system: Optional[str]
    holds: Optional[tuple[str, str]]
    unknown: Optional[str] = None

    @property
    def node(self) -> str:
        """Its file in /dev: the kernel writes ! for the / of a name."""
        return "/dev/" + self.name.replace("!", "/")


class Mount(NamedTuple):
    """A line of mountinfo (proc_pid_mountinfo(5)); of /proc/mounts, without numbers.

    ``peers``: its peer groups (``shared:1``, ``master:2``). ``options``: those of the file system.
    """

    id: int
    parent: int
    number: Optional[str]
    root: str
    point: str
    peers: tuple[str, ...]
    type: str
    source: str
    options: str

    @property
    def beside(self) -> tuple[str, ...]:
        """Further devices of XFS: those of its log and of its real-time section (xfs(5))."""
        fields = [option.partition("=") for option in self.options.split(",")] if self.type == "xfs" else []
        return tuple(value for key, _, value in fields if key in ("logdev", "rtdev"))


class Space(NamedTuple):
    """Another mount namespace: ``pid`` is a process in it; its mounts of what goes, and those on top of these."""

    pid: int
    mounts: tuple[Mount, ...]


class NetSpace(NamedTuple):
    """Another network namespace: ``pid`` is a process in it; the interfaces that it has for itself."""

    pid: int
    names: tuple[str, ...]


class Swap(NamedTuple):
    """A line of /proc/swaps: ``path`` as the kernel has it, without ``(deleted)``, which ``gone`` says."""

    path: str
    kind: str
    gone: bool


class Export(NamedTuple):
    """Something that the kernel gives to others: ``kind`` (lio, nvmet, nfs), its name, a path, and what turns it off.

    ``undo`` is None where nothing is known to.
    """

    kind: str
    name: str
    path: str
    undo: Optional[str]


class Use(NamedTuple):
    """How a process uses something: ``open``, ``directory``, ``root``, ``program`` or ``mapped``, and by which path."""

    how: str
    path: str


class Process(NamedTuple):
    """A process that uses a device. ``unit``: its systemd service, None for that of whoever asks, and for none.

    ``asks``: it is the shell in which it is asked, or one above it.
    """

    pid: int
    name: str
    unit: Optional[str]
    uses: tuple[Use, ...]
    asks: bool = False


class Interest(NamedTuple):
    """What processes are looked for: who uses these files in /dev, or anything on these mounts.

    ``numbers``: ``major:minor`` of file systems; ``points``: mount points in the namespace that asks; ``sources``: the
    devices, by which other namespaces' mounts are known. ``others``: mount points of other file systems there.
    ``nodes``: ``block major:minor`` → file, of devices that a program may have open under any name; ``known``: files of
    other disks. ``hidden``: a file system on it might be in use and show nowhere, but in what is open.
    """

    files: frozenset[str]
    numbers: frozenset[str]
    points: tuple[str, ...]
    sources: frozenset[str]
    others: tuple[str, ...]
    nodes: Mapping[str, str] = MappingProxyType({})
    known: frozenset[str] = frozenset()
    hidden: bool = False

    def __bool__(self) -> bool:
        return bool(self.files or self.numbers or self.points or self.sources)


class Seen(NamedTuple):
    """Where was not looked, and why: ``privilege`` is what would tell, None where none would."""

    what: str
    reason: str
    privilege: Optional[str]


class Processes(NamedTuple):
    """Who uses it, and in which other mount namespaces it is mounted; ``spaces``: how many of those there are."""

    items: tuple[Process, ...]
    spaces: tuple[Space, ...]
    unseen: tuple[Seen, ...]


class Interface(NamedTuple):
    """A network interface out of /sys/class/net. ``path`` is its devpath.

    ``master``: the bond, bridge or team that it is a port of; ``uppers``: what lies on it (VLANs, macvlans …).
    ``lowers``: what it lies on. ``kind``: ``bond``, ``bridge``, ``openvswitch``, the DEVTYPE of its uevent, or None.
    ``up``: IFF_UP; ``carrier``: operstate is ``up``; None where that is unknown.
    """

    name: str
    path: str
    number: Optional[int]
    master: Optional[str]
    uppers: tuple[str, ...]
    lowers: tuple[str, ...]
    kind: Optional[str]
    up: Optional[bool]
    carrier: Optional[bool]
    mac: Optional[str]


class Route(NamedTuple):
    """A route of the main table: ``gateway`` is None where the target is on the link. Networks as ``a.b.c.d/n``."""

    family: int
    network: str
    gateway: Optional[str]
    device: str
    metric: int


class Address(NamedTuple):
    """An address of this machine. ``devices``: those that it can be on, since IPv4 is told by networks alone."""

    family: int
    address: str
    prefix: int
    devices: tuple[str, ...]


class Connection(NamedTuple):
    """A TCP connection by which whoever asks is logged in; ``source`` is what shows it."""

    local: str
    remote: str
    source: str


class Network(NamedTuple):
    """The network of the namespace that asks. ``sessions``: iSCSI session → address of its target.

    ``packet``: numbers of the interfaces that packet sockets are bound to; ``pppoe``: interfaces below PPPoE sessions.
    """

    interfaces: Mapping[str, Interface]
    routes: tuple[Route, ...]
    addresses: tuple[Address, ...]
    connections: tuple[Connection, ...]
    sessions: Mapping[str, str]
    packet: frozenset[int] = frozenset()
    pppoe: frozenset[str] = frozenset()


class Virtual(NamedTuple):
    """What SR-IOV made of a function: its virtual functions, and of which function it is one itself."""

    children: tuple[str, ...]
    physical: Optional[str]


class Going(NamedTuple):
    """What goes when the target is pulled.

    ``unit``: ``slot``, ``function``, ``bridge`` or ``device`` (a disk of a controller that stays). ``named``: the
    nodes that the user meant. ``stays``: the function that is not pulled, of a ``device``.
    """

    unit: str
    functions: tuple[PciFunction, ...]
    nodes: tuple[Node, ...]
    slots: tuple[Slot, ...]
    virtual: Mapping[str, Virtual]
    groups: Mapping[str, str]
    stays: Optional[str]


class Users(NamedTuple):
    """All that may use something, as far as files other than processes' tell.

    ``btrfs``: UUID of a file system → the devices that it is on. ``tags``: tag of a shared directory (virtiofs, 9p) →
    devpath of its device. ``resume``: number of the disk that
    hibernation would write to. ``consoles``: ttys of the kernel's console. ``pools``: ZFS pools that are imported.
    ``unseen``: what could not be read: key is ``blocks``, ``mounts``, ``swaps``, ``network``, ``routes``, ``tables``,
    ``listeners``, ``journals`` or ``f2fs``. ``aliases``: path → name of the disk that it is another name of;
    ``unnamed``: of which paths that is not known.
    """

    blocks: Mapping[str, Block]
    mounts: tuple[Mount, ...]
    swaps: tuple[Swap, ...]
    exports: tuple[Export, ...]
    network: Network
    btrfs: Mapping[str, tuple[str, ...]]
    tags: Mapping[str, str]
    resume: Optional[str]
    consoles: frozenset[str]
    pools: frozenset[str]
    unseen: Mapping[str, Seen]
    aliases: Mapping[str, str] = MappingProxyType({})
    unnamed: tuple[Seen, ...] = ()


class Blocker(NamedTuple):
    """A use that a pull would break. ``remedy`` ends it; None where nothing can, or a name in it cannot be typed."""

    kind: str
    subject: str
    summary: str
    remedy: Optional[str]


class Answer(NamedTuple):
    """May it be pulled? ``safe`` is None where it cannot be told (``reason`` says why), and where nothing is there."""

    safe: Optional[bool]
    reason: Optional[str]
    blockers: tuple[Blocker, ...]
    unseen: tuple[Seen, ...]
    notes: tuple[str, ...]
