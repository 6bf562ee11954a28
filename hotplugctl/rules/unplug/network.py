"""What stands against pulling a network card: what goes over it, and what is built of its interfaces."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, Optional

from hotplugctl.model.users import Blocker, Going, Interface, Mount, Network, Route, Users
from hotplugctl.rules.unplug.command import line

_NETWORK_MOUNTS = ("nfs", "nfs4", "cifs", "smb3", "ceph")
_DEPTH = 64


class Nets(NamedTuple):
    """``own``: interfaces that go themselves; ``lost``: all that is lost with them, nearest first.

    ``members``: bond, bridge or team that goes on → its ports that are lost.
    """

    own: tuple[str, ...]
    lost: Mapping[str, Interface]
    members: Mapping[str, tuple[str, ...]]


def nets(going: Going, network: Network) -> Nets:
    """The interfaces that are lost with what goes."""
    own = tuple(node.name for node in going.nodes if node.subsystem == "net" and node.name in network.interfaces)
    lost = {name: network.interfaces[name] for name in own}
    grown = True
    while grown:
        before = len(lost)
        for item in tuple(lost.values()):
            for name in _over(item):
                upper = network.interfaces.get(name)
                if upper is not None and name not in lost and not _goes_on(upper, lost, network):
                    lost[name] = upper
        grown = len(lost) > before
    members: dict[str, list[str]] = {}
    for item in lost.values():
        for name in _over(item):
            if name in network.interfaces and name not in lost:
                members.setdefault(name, []).append(item.name)
    return Nets(own, lost, {name: tuple(ports) for name, ports in members.items()})


def _over(item: Interface) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*((item.master,) if item.master else ()), *item.uppers)))


def _goes_on(upper: Interface, lost: Mapping[str, Interface], network: Network) -> bool:
    """Whether a bond, bridge or team still reaches the outside: by a port that is up and no virtual one."""
    ports = [one for one in network.interfaces.values() if one.master == upper.name and one.name not in lost]
    return any(port.up is not False and port.carrier is not False and _reaches(port, network) for port in ports)


def _reaches(port: Interface, network: Network) -> bool:
    """A port of hardware, or a bond or VLAN over one. Taps and veths lead to guests and containers."""
    pending, seen = [port], {port.name}
    while pending and len(seen) < _DEPTH:
        here = pending.pop()
        if "/virtual/" not in here.path:
            return True
        seen.add(here.name)
        below = [network.interfaces[name] for name in here.lowers if name in network.interfaces]
        pending += [one for one in below if one.name not in seen]
    return False


def connections(found: Nets, network: Network) -> Iterator[Blocker]:
    """The login of whoever asks."""
    for item in network.connections:
        device = route_to(item.remote, network.routes)
        own = next((one.devices for one in network.addresses if one.address == item.local), ())
        devices = (device,) if device is not None else own
        name = next((one for one in devices if one in found.lost), None)
        if name is not None:
            summary = f"the login from {item.remote} that asks this comes in over {name} ({item.source})"
            yield Blocker("connection", f"{item.remote} -> {item.local}", summary, None)


def network(found: Nets, users: Users) -> Iterator[Blocker]:
    """What goes over the interfaces, then what they are part of, from the top down."""
    yield from _file_systems(found, users)
    yield from _sessions(found, users.network)
    order: list[str] = []
    for name in found.own:
        _after_uppers(name, found, order)
    for name in (*order, *(name for name in found.lost if name not in order)):
        yield from _of_interface(found.lost[name], found, users.network)


def _after_uppers(first: str, found: Nets, order: list[str]) -> None:
    pending = [(first, False)]
    seen: set[str] = set(order)
    while pending:
        name, done = pending.pop()
        if done:
            order.append(name)
        elif name not in seen:
            seen.add(name)
            pending.append((name, True))
            pending += [(one, False) for one in reversed(_over(found.lost[name])) if one in found.lost]


def _file_systems(found: Nets, users: Users) -> Iterator[Blocker]:
    for mount in users.mounts:
        address = _server(mount)
        device = route_to(address, users.network.routes) if address is not None else None
        if device in found.lost:
            summary = (
                f"{mount.source} ({mount.type}) is mounted on {mount.point}, and its server is reached over {device}"
            )
            root = mount.point == "/"
            kind = "root-filesystem" if root else "network-mount"
            yield Blocker(kind, mount.point, summary, None if root else line("umount", mount.point))


def _server(mount: Mount) -> Optional[str]:
    """The address of the server among the options (nfs(5), mount.cifs(8)); of ceph in its source."""
    if mount.type not in _NETWORK_MOUNTS:
        return None
    for option in mount.options.split(","):
        if option.startswith("addr="):
            return option[len("addr=") :]
    return mount.source.partition(":")[0] if mount.type == "ceph" else None


def _sessions(found: Nets, network: Network) -> Iterator[Blocker]:
    for session, address in network.sessions.items():
        device = route_to(address, network.routes)
        if device in found.lost:
            summary = f"the iSCSI session {session} reaches its target {address} over {device}"
            remedy = line("iscsiadm", "--mode", "session", "--sid", session, "--logout")
            yield Blocker("iscsi", f"session{session}", summary, remedy)


def _of_interface(item: Interface, found: Nets, network: Network) -> Iterator[Blocker]:
    for upper in _over(item):
        if upper in found.members:
            yield _port(item, network.interfaces[upper], goes_on=True)
    yield from _below_ip(item, network)
    yield from _routes(item, found, network)
    for address in network.addresses:
        if item.name in address.devices:
            yield _address(item, address.address, address.prefix, address.devices)
    if item.master in found.lost:
        yield _port(item, found.lost[item.master or ""], goes_on=False)
    if item.name not in found.own:
        yield from _virtual(item, ported=any(one.master == item.name for one in found.lost.values()))


def _below_ip(item: Interface, network: Network) -> Iterator[Blocker]:
    """What needs no address and no route."""
    if item.name in network.pppoe:
        yield Blocker("pppoe", item.name, f"a PPPoE session runs over {item.name} (/proc/net/pppoe)", None)
    if item.number in network.packet:
        summary = (
            f"a program has a packet socket on {item.name}: ss --packet --processes tells which (/proc/net/packet)"
        )
        yield Blocker("packet-socket", item.name, summary, None)


def _port(item: Interface, upper: Interface, *, goes_on: bool) -> Blocker:
    kind = upper.kind if upper.kind in ("bond", "bridge") else "bridge" if upper.kind == "openvswitch" else "team"
    if upper.kind == "openvswitch":
        remedy = line("ovs-vsctl", "del-port", item.name)
    else:
        remedy = line("ip", "link", "set", "dev", item.name, "nomaster")
    fate = "goes on without it" if goes_on else "has no other port to the outside"
    return Blocker(
        f"{kind}-port" if goes_on else kind, upper.name, f"{item.name} is a port of {upper.name}, which {fate}", remedy
    )


_LINKS = {"vlan": "a VLAN", "macvlan": "a macvlan", "macvtap": "a macvtap", "ipvlan": "an ipvlan", "vxlan": "a VXLAN"}


def _virtual(item: Interface, *, ported: bool) -> Iterator[Blocker]:
    """VLANs and the like go with the interface below; a bond stays, as empty as it is.

    A macvlan does not say what it is; nor does a team, of which others are ``ported``.
    """
    if item.kind in ("bond", "bridge", "openvswitch") or not item.lowers or (item.kind is None and ported):
        return
    kind = (
        item.kind if item.kind in ("vlan", "macvlan", "ipvlan") else "macvlan" if item.kind == "macvtap" else "tunnel"
    )
    what = "an interface" if item.kind is None else _LINKS.get(item.kind, item.kind)
    summary = f"{item.name} is {what} on {', '.join(item.lowers)}"
    yield Blocker(kind, item.name, summary, line("ip", "link", "delete", "dev", item.name))


def _routes(item: Interface, found: Nets, network: Network) -> Iterator[Blocker]:
    own = _networks(item, network)
    for route in network.routes:
        if route.device != item.name or (route.gateway is None and route.network in own) or _is_automatic(route):
            continue
        default = route.network in ("0.0.0.0/0", "::/0")
        others = [one.device for one in network.routes if one.network == route.network and one.device not in found.lost]
        via = "" if route.gateway is None else f" via {route.gateway}"
        rest = f"; {others[0]} has another" if others else ""
        what = ("the default route" if default else f"the route to {route.network}") + (
            " (IPv6)" if route.family == 6 else ""
        )
        words = ["ip", *(["-6"] if route.family == 6 else []), "route", "del", "default" if default else route.network]
        words += ["via", route.gateway] if route.gateway is not None else []
        subject = "default" if default else route.network
        kind = "default-route" if default else "route"
        yield Blocker(kind, subject, f"{what}{via} is over {item.name}{rest}", line(*words, "dev", item.name))


def _is_automatic(route: Route) -> bool:
    """Every interface that is up has these of IPv6."""
    return route.family == 6 and route.gateway is None and route.network.startswith("fe80::/")


def _networks(item: Interface, network: Network) -> set[str]:
    """The networks of its addresses: their routes go with the address."""
    found = set()
    for address in network.addresses:
        if item.name in address.devices:
            found.add(str(ipaddress.ip_network(f"{address.address}/{address.prefix}", strict=False)))
    return found


def _address(item: Interface, address: str, prefix: int, devices: Iterable[str]) -> Blocker:
    several = tuple(devices)
    where = item.name if len(several) == 1 else f"{' or '.join(several)} (of one network)"
    remedy = line("ip", "address", "del", f"{address}/{prefix}", "dev", item.name) if len(several) == 1 else None
    return Blocker("address", f"{address}/{prefix}", f"{address}/{prefix} is an address of {where}", remedy)


def route_to(address: str, routes: Iterable[Route]) -> Optional[str]:
    """The interface by which an address is reached: the longest prefix, then the least metric. Main table alone."""
    try:
        wanted = ipaddress.ip_address(address)
    except ValueError:
        return None
    best: Optional[tuple[int, int, str]] = None
    for route in routes:
        if (route.family == 6) != (wanted.version == 6):
            continue
        try:
            there = ipaddress.ip_network(route.network, strict=False)
        except ValueError:
            continue
        if wanted in there:
            rank = (-there.prefixlen, route.metric, route.device)
            best = rank if best is None or rank < best else best
    return None if best is None else best[2]
