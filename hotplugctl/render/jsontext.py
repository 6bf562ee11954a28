"""A document as JSON text."""

from __future__ import annotations

import json

# json.dumps would make an encoder anew for every line.
_compact = json.JSONEncoder(separators=(",", ":")).encode


def dumps(document: object, *, compact: bool = False) -> str:
    """JSON in ASCII, so that no control character reaches a terminal; one record a line unless ``compact``.

    Surrogates (bytes that were no UTF-8) are written as ``\\\\xNN`` text, as in every other output.
    """
    if compact:
        return _clean(_compact(document))
    return _clean(_pretty(document))


def _pretty(document: object) -> str:
    """Indented to the depth of the records of a list, each record on a line of its own: the C encoder does the rest."""
    if not isinstance(document, dict):
        return json.dumps(document)
    parts = [f"  {json.dumps(key)}: {_member(value)}" for key, value in document.items()]
    return "{\n" + ",\n".join(parts) + "\n}"


def _member(value: object) -> str:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n" + ",\n".join("    " + json.dumps(item) for item in value) + "\n  ]"
    return json.dumps(value)


def _clean(text: str) -> str:
    if "\\udc" not in text:
        return text
    import re

    # An escaped backslash and a pair of surrogates (a character beyond U+FFFF) are passed over as they are.
    token = r"\\\\|\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}|\\udc([89a-f][0-9a-f])"
    return re.sub(token, lambda found: f"\\\\x{found[1]}" if found[1] else found[0], text)
