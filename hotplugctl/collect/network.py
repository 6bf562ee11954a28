"""Interfaces, routes, addresses and the connections of whoever asks: what uses a network card."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from typing import NamedTuple, Optional

from hotplugctl.collect.functions import device_path
from hotplugctl.model.listing import Names
from hotplugctl.model.reads import FAILURES, Absent, Failed, Failure, Value, Vanished
from hotplugctl.model.users import Address, Connection, Interface, Network
from hotplugctl.parse import listeners, process, routes, tcp
from hotplugctl.source.tree import Tree

_CLASS = "/sys/class/net"
_NET = "/proc/net"
_LIMIT = 16 << 20
_IFF_UP = 0x1
_ANCESTORS = 64


class Found(NamedTuple):
    """The network, and the first failure that may hide a use of it.

    ``listeners``: why packet sockets or PPPoE sessions are not known. ``tables``: other ones of IPv4 that have routes.
    """

    network: Network
    failure: Optional[Failure]
    listeners: Optional[Failure]
    tables: tuple[str, ...]


def collect(tree: Tree) -> Found:
    """The network of the namespace that asks. Who asks is found by ``connections``."""
    failures: list[Failure] = []
    interfaces = _interfaces(tree, failures)
    of_ipv4, of_ipv6 = _table(tree, "route", failures), _table(tree, "ipv6_route", failures)
    all_routes = routes.ipv4(of_ipv4) + routes.ipv6(of_ipv6)
    trie = _table(tree, "fib_trie", failures)
    own = routes.placed(routes.local_ipv4(trie), all_routes)
    unheard: list[Failure] = []
    sixes = routes.local_ipv6(_table(tree, "if_inet6", failures))
    addresses = own + tuple(Address(6, one.address, one.prefix, (one.device,)) for one in sixes if not one.link_local)
    found = Network(
        interfaces, all_routes, addresses, (), _sessions(tree),
        # Recordings of old lack these; what they hold else is no worse for it.
        listeners.packet(_table(tree, "packet", unheard)), listeners.pppoe(_table(tree, "pppoe", unheard)),
    )  # fmt: skip
    first = failures[0] if failures else None
    return Found(found, first, unheard[0] if unheard else None, routes.other_tables(trie))


def _table(tree: Tree, name: str, failures: list[Failure]) -> str:
    """A file of /proc/net; without IPv6 in the kernel some are missing."""
    read = tree.read(f"{_NET}/{name}", _LIMIT)
    if isinstance(read, Value):
        return read.text
    if not isinstance(read, Absent):
        failures.append(read)
    return ""


def _interfaces(tree: Tree, failures: list[Failure]) -> Mapping[str, Interface]:
    listing = tree.names(_CLASS)
    if isinstance(listing, FAILURES):
        failures.append(listing)
    found: dict[str, Interface] = {}
    for name in listing.names if isinstance(listing, Names) else ():
        link = tree.link(f"{_CLASS}/{name}")
        # bonding_masters is a file there.
        if not isinstance(link, Failed) or link.errno != errno.EINVAL:
            path = device_path(tree, f"{_CLASS}/{name}")
            if isinstance(path, str):
                found[name] = _interface(tree, name, path, failures)
    return found


def _interface(tree: Tree, name: str, path: str, failures: list[Failure]) -> Interface:
    entries = tree.names(path)
    if isinstance(entries, FAILURES) and not isinstance(entries, (Absent, Vanished)):
        failures.append(entries)
    names = entries.names if isinstance(entries, Names) else ()
    master = tree.link(f"{path}/master") if "master" in names else None
    flags = _text(tree, f"{path}/flags")
    index = _text(tree, f"{path}/ifindex")
    state = _text(tree, f"{path}/operstate")
    return Interface(
        name, path,
        int(index) if index is not None and index.isdigit() and len(index) < 11 else None,
        master.text.rpartition("/")[2] if isinstance(master, Value) else None,
        tuple(entry[len("upper_") :] for entry in names if entry.startswith("upper_")),
        tuple(entry[len("lower_") :] for entry in names if entry.startswith("lower_")),
        _kind(tree, name, path, names),
        bool(int(flags, 16) & _IFF_UP) if flags is not None and _is_hex(flags) else None,
        None if state is None or state == "unknown" else state == "up",
        _text(tree, f"{path}/address"),
    )  # fmt: skip


def _is_hex(text: str) -> bool:
    return text.startswith("0x") and 2 < len(text) < 12 and not text[2:].strip("0123456789abcdefABCDEF")


def _kind(tree: Tree, name: str, path: str, names: tuple[str, ...]) -> Optional[str]:
    """A bond and a bridge have a folder of their own; other virtual devices say what they are in their uevent."""
    if "bonding" in names:
        return "bond"
    if "bridge" in names:
        return "bridge"
    if name == "ovs-system":
        return "openvswitch"
    if "/virtual/" not in path:
        return None
    lines = (_text(tree, f"{path}/uevent") or "").split("\n")
    return next((line[len("DEVTYPE=") :] for line in lines if line.startswith("DEVTYPE=")), None)


def _text(tree: Tree, path: str) -> Optional[str]:
    read = tree.read(path)
    return read.text.strip() if isinstance(read, Value) else None


def _sessions(tree: Tree) -> Mapping[str, str]:
    """iSCSI sessions of this machine as an initiator → address of the target (drivers/scsi/scsi_transport_iscsi.c)."""
    base = "/sys/class/iscsi_connection"
    listing = tree.names(base)
    found: dict[str, str] = {}
    for name in listing.names if isinstance(listing, Names) else ():
        address = _text(tree, f"{base}/{name}/persistent_address") or _text(tree, f"{base}/{name}/address")
        if address:
            # connectionSID:CID
            found[name[len("connection") :].partition(":")[0]] = address
    return found


def connections(tree: Tree) -> tuple[Connection, ...]:
    """The connections by which whoever asks is logged in: those of the processes above (sshd), and SSH_CONNECTION.

    Of a machine that is read now only: a recording says who recorded it, not who asks.
    """
    if tree.kind != "live":
        return ()
    sockets = [one for name in ("tcp", "tcp6") for one in tcp.parse(_table(tree, name, []))]
    by_inode = {f"socket:[{one.inode}]": one for one in sockets}
    found: dict[tuple[str, str], Connection] = {}
    for pid in ancestors(tree):
        folder = f"/proc/{pid}/fd"
        listing = tree.names(folder)
        for name in listing.names if isinstance(listing, Names) else ():
            link = tree.link(f"{folder}/{name}")
            socket = by_inode.get(link.text) if isinstance(link, Value) else None
            if socket is not None:
                found[socket.local, socket.remote] = Connection(socket.local, socket.remote, f"{folder}/{name}")
    for said in _environment(tree):
        found.setdefault((said.local, said.remote), said)
    return tuple(one for one in found.values() if not one.remote.startswith("127.") and one.remote != "::1")


def ancestors(tree: Tree) -> Iterator[int]:
    """The processes above this one, from the nearest, without the first of all."""
    pid: Optional[str] = _link(tree, "/proc/self")
    for _ in range(_ANCESTORS):
        stat = tree.read(f"/proc/{pid}/stat") if pid is not None else None
        above = process.parent(stat.text) if isinstance(stat, Value) else None
        if above is None or above <= 1:
            return
        yield above
        pid = str(above)


def _link(tree: Tree, path: str) -> Optional[str]:
    link = tree.link(path)
    return link.text if isinstance(link, Value) else None


def _environment(tree: Tree) -> Iterator[Connection]:
    """``SSH_CONNECTION=CLIENT PORT SERVER PORT`` (ssh(1)); it stays where sshd's own files may not be looked at."""
    read = tree.read("/proc/self/environ")
    for entry in read.data.split(b"\0") if isinstance(read, Value) else ():
        if entry.startswith(b"SSH_CONNECTION="):
            words = entry.decode("utf-8", "backslashreplace").partition("=")[2].split()
            if len(words) == 4:
                yield Connection(words[2], words[0], "SSH_CONNECTION")
