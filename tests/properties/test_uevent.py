"""Uevents: any bytes and texts have an answer, and what is sent is read."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from hotplugctl.parse import uevent

WORDS = st.text(
    alphabet=st.characters(blacklist_characters="\0\r\n=", blacklist_categories=["Cs"]), min_size=1, max_size=8
)
PROPERTIES = st.dictionaries(WORDS, WORDS, max_size=5)
LINES = [
    "KERNEL[1.5] add /x (pci)",
    "UDEV  [2] bind /y",
    "KERNEL[",
    "{",
    '{"t": 1}',
    "P: /x",
    "E: A=b",
    "A=b",
    "",
    "é=",
    "U: x",
]


@given(WORDS, PROPERTIES)
def test_both_kinds_of_message(action: str, properties: dict[str, str]) -> None:
    sent = {"ACTION": action.replace("@", "-"), "DEVPATH": "/devices/x", **properties}
    body = "".join(f"{key}={value}\0" for key, value in sent.items()).encode()
    kernel = uevent.parse_datagram(f"{sent['ACTION']}@/devices/x\0".encode() + body)
    header = b"libudev\0\xfe\xed\xca\xfe" + struct.pack("<7I", 40, 40, len(body), 0, 0, 0, 0)
    udev = uevent.parse_datagram(header + body)
    assert kernel is not None and udev is not None
    assert kernel.properties == udev.properties == sent
    assert (kernel.group, udev.group) == (1, 2)


@given(st.binary(), st.binary(max_size=60))
def test_any_bytes(data: bytes, tail: bytes) -> None:
    for message in (data, b"libudev\0\xfe\xed\xca\xfe" + tail, b"add@/" + data):
        event = uevent.parse_datagram(message)
        assert event is None or (event.action and event.devpath and event.group in (1, 2))


@given(st.one_of(st.text(), st.lists(st.sampled_from(LINES), max_size=12).map("\n".join)))
def test_any_text(text: str) -> None:
    parsed = uevent.parse_text(text)
    assert parsed.form in ("udevadm-monitor", "netlink-jsonl", "udevadm-info", "none")
    assert len(parsed.records) + parsed.unparsed <= text.count("\n") + 1
    assert "" not in uevent.parse_file(text)
