"""Any bytes beside or instead of recorded lines: they are counted, and what is sound is heard."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from hotplugctl.collect.replayed import Replay
from hotplugctl.source.replay import EVENTS, LOG, LOOKS, Stream

VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)),
    max_leaves=6,
)
KEYS = ("t", "group", "b64", "props", "raw", "kind", "functions", "slots", "seqnums", "realtime")
ENTRIES = st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=8).map(
    lambda entry: json.dumps(entry).encode() + b"\n"
)
LINES = st.lists(st.one_of(ENTRIES, st.binary(max_size=40)), max_size=8)
SOUND = b'{"t": 5.0, "group": 1, "props": {"ACTION": "add", "DEVPATH": "/devices/x", "SEQNUM": "7"}}\n'


@given(LINES, LINES, LINES)
def test_what_is_sound_is_heard(events, log, looks):
    files = {EVENTS: [*events, b"\n", SOUND], LOG: log, LOOKS: looks}
    replay = Replay(Stream("syn-noise", {name: iter(lines) for name, lines in files.items()}))
    signs = list(replay)
    assert [sign.what.seqnum for sign in signs if getattr(sign.what, "devpath", "") == "/devices/x"].count(7) == 1
    assert all(0 <= sign.at <= sign.heard for sign in signs)
    assert replay.unparsed + len(signs) <= sum(len(lines) for lines in files.values())
