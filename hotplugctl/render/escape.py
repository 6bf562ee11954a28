"""Text from devices, logs and recordings, made safe for a terminal."""

from __future__ import annotations

import re

# C0 and C1 controls, DEL; format characters (Cf): bidi marks and overrides, zero-width ones; other invisible ones, line
# separators, surrogates (bytes that were no UTF-8), tags and variation selectors, private use.
_UNSAFE = (
    "[\x00-\x1f\x7f-\x9f\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff\ue000-\uf8ff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff\U000f0000-\U0010ffff]"
)


def printable(text: str) -> str:
    """The text with every control, bidi and invisible character written as an escape; one line stays one line."""
    return text if text.isascii() and text.isprintable() else re.sub(_UNSAFE, _escape, text)


def is_printable(text: str) -> bool:
    """Whether ``printable`` would leave the text as it is."""
    return (text.isascii() and text.isprintable()) or re.search(_UNSAFE, text) is None


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
