"""Kernel configurations: any text has an answer, and both readers give the same one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hotplugctl.parse import kconfig

SYMBOLS = ["CONFIG_A", "CONFIG_AB", "CONFIG_A_B"]
PIECES = [
    *SYMBOLS,
    "=y",
    "=m",
    "=",
    '="x y"',
    " is not set",
    "# ",
    "#",
    " ",
    "\t",
    "\r",
    "\n",
    "\n",
    "\ufeff",
    "é",
    "\x00",
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=40).map("".join)


@given(st.text())
def test_any_text(text: str) -> None:
    parsed = kconfig.parse(text)
    assert parsed.form in ("config", "fragment", "none")
    assert (parsed.form == "none") == (not parsed.records)
    assert len(parsed.records) + parsed.unparsed <= text.count("\n") + 1


@given(st.binary())
def test_any_bytes(data: bytes) -> None:
    assert set(kconfig.symbols(data, SYMBOLS)) <= set(SYMBOLS)
    kconfig.version_of(data)


@given(TEXTS)
def test_the_look_up_agrees_with_the_whole(text: str) -> None:
    last = {record.symbol: record.value for record in kconfig.parse(text).records if record.symbol in SYMBOLS}
    assert kconfig.symbols(text.encode(), SYMBOLS) == last
