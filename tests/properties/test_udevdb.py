"""Records of udev's database: any text has an answer that leaves no line out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hotplugctl.parse import udevdb


@given(
    st.one_of(
        st.text(),
        st.lists(st.sampled_from(["S:a", "E:a=b", "E:x", "G:t", "Q:t", "I:5", "V:1", "?", ""])).map("\n".join),
    )
)
def test_any_text(text: str) -> None:
    record = udevdb.parse(text)
    lines = [line for line in text.split("\n") if line.rstrip("\r")]
    assert record.unparsed <= len(lines)
    assert len(record.links) == sum(line.startswith("S:") for line in lines)
    assert len(record.tags) == sum(line.startswith("G:") for line in lines)
