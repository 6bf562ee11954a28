"""Other network namespaces, out of guests made by hand."""

from __future__ import annotations

from hotplugctl.collect import netns
from hotplugctl.model.users import NetSpace

HEAD = "Inter-|   Receive\n face |bytes packets\n"


def add(guest, pid, space, *names):
    guest.link(f"proc/{pid}/ns/net", f"net:[{space}]")
    guest.file(f"proc/{pid}/net/dev", HEAD + "".join(f"{name:>6}: 0 0 0\n" for name in names))


def test_namespaces_with_interfaces_of_their_own(guest):
    guest.link("proc/self", "100")
    add(guest, 100, 1, "lo", "ens3")
    add(guest, 101, 1, "lo", "ens3")
    add(guest, 200, 2, "lo", "macvlan0", "eth0")
    add(guest, 201, 2, "lo", "macvlan0", "eth0")
    add(guest, 300, 3, "lo", "sit0")
    assert netns.collect(guest.tree()) == ((NetSpace(200, ("macvlan0", "eth0")),), ())


def test_what_was_not_recorded_of_a_process_is_told(guest):
    guest.link("proc/self", "100")
    add(guest, 100, 1, "lo")
    guest.folder("proc/200/ns")
    (seen,) = netns.collect(guest.tree()).unseen
    assert seen.reason.startswith("the network namespace of 1 process is not known (/proc/200/ns/net")
    assert "--with-processes" in seen.privilege


def test_a_namespace_that_a_mount_keeps_and_no_process_lives_in_is_told(guest):
    guest.link("proc/self", "100")
    add(guest, 100, 1, "lo", "ens3")
    add(guest, 200, 2, "lo", "eth0")
    kept = "".join(f"{30 + at} 20 0:4 net:[{at}] /run/netns/n{at} rw shared:1 - nsfs nsfs rw\n" for at in (1, 2, 3))
    guest.file("proc/100/mountinfo", kept)
    found = netns.collect(guest.tree())
    assert found.items == (NetSpace(200, ("eth0",)),)
    assert [one.reason for one in found.unseen] == [
        "no process lives in the network namespace that /run/netns/n3 keeps"
    ]
