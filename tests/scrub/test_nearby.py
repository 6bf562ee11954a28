"""A quick look lets nothing past: searching only the lines that it names finds what searching everything finds."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotplugctl.scrub import nearby, second, shapes
from hotplugctl.scrub.find import Finds

LOOKS = [
    (shapes.COLONS, shapes.MAC),
    (shapes.COLONS, shapes.MD_UUID),
    (shapes.DASHES, shapes.UUID),
    (shapes.DASHES, shapes.DASHED),
    (shapes.DASHES, shapes.LVM_DASHED),
    (shapes.DOTS, shapes.IPV4),
    (second._MIDDLE, second._SEPARATED),
    (second._MIDDLE, second._GROUPED),
    (second._IN_MAC, second._MAC),
    (second._IN_UUID, second._UUID),
    (second._IN_IPV4, second._IPV4),
    (second._IN_DUMP, second._HEX_DUMP),
]


@pytest.mark.parametrize(("look", "pattern"), LOOKS, ids=lambda value: value.pattern[:20])
@given(data=st.data())
def test_nothing_gets_past_a_look(look: re.Pattern[str], pattern: re.Pattern[str], data: st.DataObject) -> None:
    around = st.text("0af.:- \n\\x2d%z", max_size=6)
    text = "".join(part for _ in range(3) for part in (data.draw(around), data.draw(st.from_regex(pattern))))
    every = [(found.span(), found[0]) for found in pattern.finditer(text) if "\n" not in found[0]]
    assert [(found.span(), found[0]) for found in nearby.found(look, pattern, text)] == every


@given(st.ip_addresses(v=6), st.booleans())
def test_a_look_sees_every_ipv6_address(address, is_long: bool) -> None:
    text = f"x {address.exploded if is_long else address.compressed}\n"
    expected = [found.span() for found in shapes.IPV6.finditer(text) if shapes.ipv6(found[0]) is not None]
    found = nearby.found(shapes.COLONS, shapes.IPV6, text)
    assert [one.span() for one in found if shapes.ipv6(one[0]) is not None] == expected


def test_lines_are_told_apart() -> None:
    text = "a:1\nb\n:2:3\n\n:4"
    assert [text[start:end] for start, end in nearby.lines(re.compile(":"), text)] == ["a:1", ":2:3", ":4"]


@pytest.mark.parametrize(("run", "yes"), [("0" * 31, False), ("0aF" * 11, True), (f"{'0' * 16} {'1' * 16}", False)])
def test_a_run_is_of_digits_in_a_row(run: str, yes: bool) -> None:
    assert shapes.may_have_run(f"x{run}y", 32) is yes


@given(st.text("0a9f xg\n-", max_size=80))
def test_runs_are_what_an_expression_finds(text: str) -> None:
    assert list(second._runs(text)) == re.findall("[0-9a-f]{12,}", text)


@given(st.lists(st.sampled_from([
    "disk/by-id/virtio-ABC123", "/home/alice/x", "enx001b21a0b0c1", "1b4e28ba-2fa1-41d2-883f-0016d3cca427", "10.1.2.3",
    "naa.5000c500a1b2c3d4", "nqn.2014-08.org.x:y1", "0000:00:04.0", "1b4e28ba2fa141d2883f0016d3cca427", "a\nb", "block",
    "LVM-" + "a1" * 32, "00\\x3a1b", "fe80::1:2",
]), max_size=6))  # fmt: skip
def test_names_looked_at_in_one_go_are_looked_at_one_by_one(make, names: list[str]) -> None:
    from hotplugctl.scrub.find import find

    one_by_one = Finds()
    for name in names:
        one_by_one.search("", name)
    at_once = find(make({}, absent=dict.fromkeys(names)))
    assert (at_once.digits, at_once.numbers, at_once.texts) == (
        one_by_one.digits, one_by_one.numbers, one_by_one.texts,
    )  # fmt: skip
