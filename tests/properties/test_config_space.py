"""Configuration space: any bytes have an answer, and none of it lies outside them."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from hotplugctl.parse import config_space

# The status promises a list, the header type picks its pointer; the rest is chance.
SPACES = st.builds(
    lambda data, header, pointer: (
        data[:6] + b"\x10" + data[7:14] + bytes([header]) + data[15:52] + bytes([pointer]) + data[53:]
    ),
    st.binary(min_size=64, max_size=256),
    st.sampled_from([0, 1, 2, 3, 0x80, 0x81]),
    st.sampled_from([0, 0x3C, 0x40, 0x41, 0xFC, 0xFF]),
)


@given(st.one_of(st.binary(max_size=300), SPACES))
@example(b"\x00" * 6 + b"\x10" + b"\x00" * 45 + b"\x40" + b"\x00" * 11 + b"\x10\x40" * 96)
def test_any_bytes(data: bytes) -> None:
    parsed = config_space.parse(data)
    assert parsed.readable == (len(data) >= 64)
    assert parsed.truncated == (len(data) <= 64)
    offsets = [found.offset for found in parsed.capabilities]
    assert len(offsets) == len(set(offsets)) <= 48
    assert all(64 <= offset < len(data) and offset % 4 == 0 for offset in offsets)
    assert all(window.enabled == (window.base <= window.limit) and window.size >= 0 for window in parsed.windows)
    assert parsed.pcie is None or parsed.pcie.offset in offsets


@given(SPACES)
def test_only_bridges_have_windows_and_buses(data: bytes) -> None:
    parsed = config_space.parse(data)
    if not parsed.all_ones:
        assert bool(parsed.windows) == (data[14] & 0x7F == 1)
        assert (parsed.buses is not None) == (data[14] & 0x7F in (1, 2))
        assert len(parsed.bars) <= 6
