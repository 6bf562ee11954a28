"""Parsers of what uses a device take any text, and what they find is of the text."""

from __future__ import annotations

import ipaddress
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotplugctl.errors import BadTarget
from hotplugctl.model.target import wish
from hotplugctl.model.users import Mount
from hotplugctl.parse import exports, mountinfo, process, routes, swaps, tcp

BYTES = st.one_of(
    st.binary(max_size=200),
    st.lists(
        st.sampled_from(
            [b"36", b" ", b"22", b"254:16", b"/", b"/mnt\\040", b"-", b"\n", b"\\", b"\xff", b"ext4", b"(deleted)"]
        ),
        max_size=60,
    ).map(b"".join),
)
TEXTS = st.one_of(
    st.text(max_size=200),
    st.lists(
        st.sampled_from(
            [
                "0003",
                "\t",
                " ",
                "00000000",
                "FFFFFFFF",
                "ens3",
                "\n",
                "f" * 32,
                "01",
                "|-- ",
                "10.0.2.15",
                "/32 host LOCAL",
                ":",
                "0016",
            ]
        ),
        max_size=80,
    ).map("".join),
)
NAME = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=20).filter(
    lambda text: "\0" not in text
)


@given(BYTES)
def test_bytes_of_any_kind(data):
    for parse in (mountinfo.parse, mountinfo.parse_mounts, swaps.parse, exports.parse):
        assert isinstance(parse(data), tuple)
    assert isinstance(process.mapped(data, frozenset({b" fe:10 "})), tuple)


@given(TEXTS)
def test_texts_of_any_kind(text):
    for parse in (routes.ipv4, routes.ipv6):
        for route in parse(text):
            ipaddress.ip_network(route.network, strict=False)
    for own in routes.local_ipv4(text):
        assert own in text
    assert isinstance(routes.placed(routes.local_ipv4(text), routes.ipv4(text)), tuple)
    assert isinstance(routes.local_ipv6(text), tuple)
    assert isinstance(tcp.parse(text), tuple)
    process.parent(text)
    process.unit(text)


def mangled(text: str) -> bytes:
    """As the kernel writes a name (mangle() of fs/seq_file.c)."""
    raw = text.encode("utf-8", "surrogateescape")
    return b"".join(b"\\%03o" % byte if byte in b" \t\n\\#" else bytes([byte]) for byte in raw)


@given(
    NAME,
    NAME,
    st.integers(1, 10**6),
    st.integers(0, 4095),
    st.lists(st.sampled_from(["shared:1", "master:22"]), unique=True),
)
def test_a_mount_of_any_name_comes_back(point, source, number, major, peers):
    fields = [
        str(number),
        "1",
        f"{major}:16",
        "/",
        mangled("/" + point),
        "rw",
        *peers,
        "-",
        "ext4",
        mangled(source),
        "rw",
    ]
    line = b" ".join(field if isinstance(field, bytes) else field.encode() for field in fields)
    expected = Mount(number, 1, f"{major}:16", "/", "/" + point, tuple(peers), "ext4", source, "rw")
    assert mountinfo.parse(line + b"\n") == (expected,)


@given(st.text(max_size=40))
def test_a_target_is_read_or_refused(text):
    try:
        found = wish(text)
    except BadTarget as error:
        assert error.message.isascii() or error.message.isprintable()
        return
    assert found.text == text
    assert found.name


@pytest.mark.parametrize("octet, prefix", list(product([0, 1, 127, 255], [0, 8, 31, 32])))
def test_a_route_of_ipv4_is_what_the_kernel_wrote(octet, prefix):
    mask = (0xFFFFFFFF << (32 - prefix)) & 0xFFFFFFFF
    network = ipaddress.IPv4Network((int(ipaddress.IPv4Address(f"{octet}.2.3.4")) & mask, prefix))

    def hexed(value):
        return f"{int.from_bytes(value.to_bytes(4, 'big'), 'little'):08X}"

    line = f"e\t{hexed(int(network.network_address))}\t00000000\t0001\t0\t0\t0\t{hexed(mask)}\t0\t0\t0\n"
    assert [route.network for route in routes.ipv4("Iface\n" + line)] == [str(network)]
