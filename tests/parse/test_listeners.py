"""Packet sockets and PPPoE sessions, as the kernel lists them."""

from __future__ import annotations

from hotplugctl.parse import listeners

# Of a 6.18 kernel.
PACKET = """\
sk               RefCnt Type Proto  Iface R Rmem   User   Inode
000000007240b679 3      3    0003   3     1 5440   0      2858065
00000000aa40b679 3      10   88cc   0     1 0      0      2858066
"""
# syn: in the form of pppoe_seq_show().
PPPOE = "Id       Address              Device\n00000100 52:54:00:12:34:56     ens3\n"


def test_packet_sockets_by_the_number_of_their_interface():
    assert listeners.packet(PACKET) == {3}


def test_interfaces_below_sessions():
    assert listeners.pppoe(PPPOE) == {"ens3"}


def test_what_is_no_such_line_is_passed_over():
    text = "head\n\0 \n1 2 3 4 9999999999999 6 7 8 9\n1 2 3 4 -1 6 7 8 9\n1 2 3 4 ² 6 7 8 9\n"
    assert (listeners.packet(text), listeners.pppoe("head\n\0\n1 2\n")) == (frozenset(), frozenset())
