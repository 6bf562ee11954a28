"""Scrubbing, for any content: total, the same each time, one to one, and blind to evidence."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from hotplugctl.model.holdings import Holdings
from hotplugctl.scrub import addresses, pools, scrub
from hotplugctl.scrub.words import Words

FRAGMENTS = st.sampled_from(
    [
        b"00:1b:21:a0:b0:c1", b"52:54:00:12:34:56", b"1b4e28ba-2fa1-41d2-883f-0016d3cca427", b"10.1.2.3", b"\\x2d",
        b"ID_SERIAL=", b"E:ID_SERIAL_SHORT=OUT\n", b'{"b64": "', b'"serial": "', b'"}\n', b"\\u0041", b'\\"',
        b'"', b"\\",
        b"fe80::21b:21ff:fea0:b0c1", b"naa.5000c500a1b2c3d4", b"password=", b"Command line: ", b"Hostname set to <",
        b"/home/", b"140: " + b"00 " * 15 + b"01\n", b"[    1.000000] ", b"nqn.2014-08.org:x", b"\0",
        b"\n", b" ", b"\xff",
    ]
)  # fmt: skip
CONTENTS = st.lists(FRAGMENTS | st.binary(max_size=8), max_size=12).map(b"".join)
PATHS = st.sampled_from(
    ["/proc/cmdline", "/sys/block/vda/serial", "/events/kmsg.jsonl", "/cmd/dmesg", "/proc/net/route", "/etc/hosts",
     "/sys/block/sda/device/vpd_pg89", "/sys/devices/a/config", "/etc/machine-id", "/sys/class/net/e/address"]
)  # fmt: skip
HEX = "0123456789abcdef"


def holdings(files: dict[str, bytes]) -> Holdings:
    return Holdings(files, {}, {}, {}, {}, {}, frozenset())


@given(st.dictionaries(PATHS, CONTENTS, max_size=4))
def test_any_content_can_be_scrubbed(files: dict[str, bytes]) -> None:
    done = scrub(holdings(files))
    assert len(done.holdings.files) == len(files)
    assert scrub(holdings(dict(reversed(files.items())))).holdings.files == done.holdings.files
    assert all(count > 0 for count in done.counts.values())


@given(st.dictionaries(PATHS, CONTENTS, max_size=4))
def test_nothing_is_left_over(files: dict[str, bytes]) -> None:
    """What is refused for nothing would make people turn scrubbing off."""
    assert scrub(holdings(files)).leftovers == ()


EVIDENCE = st.one_of(
    st.from_regex(r"\A[0-9a-f]{4}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]\Z"),
    st.from_regex(r"\A[1-9]\.[0-9]{1,2}\.[0-9]{1,3}-[0-9]{1,2}-(?:amd64|cloud-amd64)\Z"),
    st.from_regex(r"\A[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\Z"),
    st.from_regex(r"\A\[ {0,4}[0-9]{1,5}\.[0-9]{6}\]\Z"),
    st.from_regex(r"\A0x0000[0-9a-f]{12}\Z"),
    st.from_regex(r"\A(?:0x)?[0-9a-f]{4}\Z"),
    st.from_regex(r"\A\[[0-9a-f]{4}:[0-9a-f]{4}\]\Z"),
    st.from_regex(r"\A[0-9]{1,9}K?\Z"),
    st.sampled_from(["pciehp", "acpiphp", "virtio_blk", "Slot(3-2)", "ens3", "enp0s31f6", "nvme0n1", "vdb1", "dm-0"]),
)


@given(st.lists(EVIDENCE, max_size=8), st.sampled_from(["/cmd/dmesg", "/sys/devices/a/b", "/proc/modules"]))
def test_evidence_is_never_touched(words: list[str], path: str) -> None:
    text = f"x {' '.join(words)} y\n".encode()
    done = scrub(holdings({path: text}))
    assert (done.holdings.files, done.counts, done.leftovers) == ({path: text}, {}, ())


@given(st.sets(st.text(HEX, min_size=12, max_size=12), min_size=1, max_size=20))
def test_pseudonyms_of_addresses_are_one_to_one(macs: set[str]) -> None:
    given_ = pools.assign(macs, pools.mac, set(macs))
    assert given_.keys() == macs
    assert len(set(given_.values())) == len(macs)
    assert macs.isdisjoint(given_.values())
    for mac, other in given_.items():
        assert other is not None
        assert int(mac[1], 16) & 1 == int(other[1], 16) & 1, "a group's address became one machine's, or the other way"


TEXTS = st.text(st.characters(min_codepoint=32, max_codepoint=255), min_size=3, max_size=20)


@given(st.sets(TEXTS.filter(lambda text: sum(map(str.isalnum, text)) > 2), min_size=1, max_size=8))
def test_pseudonyms_have_the_shape_of_their_originals(texts: set[str]) -> None:
    given_ = pools.assign(texts, pools.like, set(texts))
    assert len(set(given_.values())) == len(texts)
    for text, other in given_.items():
        assert other is not None
        assert _shape(other) == _shape(text)


def _shape(text: str) -> str:
    return re.sub("[A-Z]", "A", re.sub("[a-z\x80-\xff]", "a", re.sub("[0-9]", "0", text)))


PRIVATE = st.integers(0, (1 << 24) - 1).map(lambda rest: 10 << 24 | rest)


@given(st.sets(PRIVATE, min_size=1, max_size=12))
def test_networks_stay_networks(found: set[int]) -> None:
    given_ = addresses.v4(found)
    assert found.isdisjoint(given_.values())
    for one in found:
        for other in found:
            left, right = given_[one], given_[other]
            assert left is not None
            assert right is not None
            assert (one ^ other).bit_length() == (left ^ right).bit_length()


@given(st.integers(9, 24), st.sets(st.integers(0, (1 << 15) - 1), min_size=1, max_size=6))
def test_the_address_of_a_network_stays_one(prefix: int, hosts: set[int]) -> None:
    size = 1 << (32 - prefix)
    # The first of 10/8 are the pseudonyms that would be given first.
    found = {10 << 24, *(10 << 24 | host % size for host in hosts)}
    given_ = addresses.v4(found)
    network = given_[10 << 24]
    assert network is not None
    assert network % size == 0
    assert {other // size for other in given_.values() if other is not None} == {network // size}


@given(st.sets(st.integers(0x01000000, 0xDFFFFFFF), min_size=1, max_size=30))
def test_any_ipv4_addresses_are_one_to_one(found: set[int]) -> None:
    given_ = addresses.v4(found)
    assert len(set(given_.values())) == len(found)
    assert found.isdisjoint(given_.values())


@given(st.sets(st.integers(0x2000 << 112, (0xFEBF << 112) - 1), min_size=1, max_size=20))
def test_any_ipv6_addresses_are_one_to_one(found: set[int]) -> None:
    given_ = addresses.v6(found, {})
    assert len(set(given_.values())) == len(found)
    assert found.isdisjoint(given_.values())


@given(st.dictionaries(st.text("ab-", min_size=1, max_size=8), st.just("#"), max_size=6), st.text("ab- ", max_size=30))
def test_words_are_found_as_a_slow_search_finds_them(meanings: dict[str, str], text: str) -> None:
    expected = []
    at = 0
    while at < len(text):
        fits = [word for word in meanings if text.startswith(word, at)]
        if fits:
            expected.append((at, max(fits, key=len)))
            at += len(expected[-1][1])
        else:
            at += 1
    assert list(Words(meanings, set(meanings)).found(text)) == expected
