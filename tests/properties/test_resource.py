"""Address ranges: any text has an answer, and what the kernel prints is read."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hotplugctl.parse import resource

NUMBERS = st.integers(0, 2**64 - 1)


@given(st.text())
def test_any_text(text: str) -> None:
    assert resource.parse(text) is None
    found = resource.parse_iomem(text)
    assert len(found.ranges) + found.unparsed <= text.count("\n") + 1


@given(st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), min_size=1, max_size=17))
def test_what_the_kernel_prints_is_read(lines: list[tuple[int, int, int]]) -> None:
    parsed = resource.parse("".join(f"0x{start:016x} 0x{end:016x} 0x{flags:016x}\n" for start, end, flags in lines))
    assert parsed is not None
    assert [tuple(line) for line in parsed] == [(index, *line) for index, line in enumerate(lines)]
    assert all(line.size >= 0 and not (line.is_io and line.is_mem) for line in parsed)
    assert all(line.size > 0 for line in parsed if line.assigned)


@given(st.lists(st.tuples(NUMBERS, NUMBERS, st.integers(0, 5), st.sampled_from(["PCI Bus 0000:00", "a : b", ""]))))
def test_maps(lines: list[tuple[int, int, int, str]]) -> None:
    text = "".join(f"{'  ' * depth}{start:08x}-{end:08x} : {name}\n" for start, end, depth, name in lines)
    found = resource.parse_iomem(text)
    assert [tuple(line) for line in found.ranges] == lines and found.unparsed == 0
    assert found.masked == (bool(lines) and not any(start or end for start, end, _, _ in lines))
