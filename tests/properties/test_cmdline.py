"""Command lines: any text has an answer, and quoting round a value keeps it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hotplugctl.parse import cmdline

KEYS = st.text(alphabet="abc-_.", min_size=1, max_size=6).filter(lambda key: key != "--")
VALUES = st.text(alphabet="ab =-,/", max_size=8)


@given(st.text(alphabet=st.sampled_from('ab =-"\t\n\0é')))
def test_any_text(text: str) -> None:
    line = cmdline.parse(text)
    assert all(line.has(key) and line.last(key) is not None for key, _ in line.params)
    assert ("--", None) not in line.params


@given(st.lists(st.tuples(KEYS, st.one_of(st.none(), VALUES)), max_size=6), st.booleans())
def test_what_was_quoted_is_read(params: list[tuple[str, str | None]], outside: bool) -> None:
    def spell(key: str, value: str | None) -> str:
        if value is None:
            return key
        return f'"{key}={value}"' if outside else f'{key}="{value}"'

    assert cmdline.parse(" ".join(spell(*param) for param in params)).params == tuple(params)
