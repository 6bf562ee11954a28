"""Modaliases: any bytes have an answer, and the fast way finds what fnmatch finds."""

from __future__ import annotations

import fnmatch

from hypothesis import given
from hypothesis import strategies as st

from hotplugctl.parse import modalias

VENDORS = ["00001AF4", "00008086", "0000FFFF"]
DEVICES = ["00001000", "0000100E"]
FIELDS = {
    "v": ["*", *VENDORS],
    "d": ["*", *DEVICES, "0000100?"],
    "sv": ["*", "00001AF4", "0000[0-9]AF4"],
    "sd": ["*", "00000001"],
    "bc": ["*", "01", "02"],
    "sc": ["*", "0?", "00"],
    "i": ["*", "00", "0[02]"],
}
PATTERNS = st.builds(
    lambda values, bus, tail: bus + "".join(f"{name}{value}" for name, value in zip(FIELDS, values)) + tail,
    st.tuples(*(st.sampled_from(values) for values in FIELDS.values())),
    st.sampled_from(["pci:", "pci:", "pci:", "p*:", "*"]),
    st.sampled_from(["", "", "*"]),
)
MODALIASES = st.builds(
    "pci:v{}d{}sv00001AF4sd00000001bc{}sc00i{}".format,
    st.sampled_from(VENDORS),
    st.sampled_from(DEVICES),
    st.sampled_from(["01", "02"]),
    st.sampled_from(["00", "02"]),
)


@given(st.lists(PATTERNS, max_size=12), st.lists(MODALIASES, max_size=6))
def test_it_finds_what_fnmatch_finds(patterns: list[str], modaliases: list[str]) -> None:
    data = "".join(f"alias {pattern} module{number}\n" for number, pattern in enumerate(patterns)).encode()
    found = modalias.match(data, modaliases)
    assert set(found) == set(modaliases)
    for text, modules in found.items():
        expected = [f"module{n}" for n, pattern in enumerate(patterns) if fnmatch.fnmatchcase(text, pattern)]
        assert list(modules) == expected


@given(
    st.lists(st.sampled_from(["a", "b", "*", "?", "[ab]", "[!a]", "[a"]), max_size=8).map("".join),
    st.lists(st.sampled_from(["a", "b", "[", "c"]), max_size=8).map("".join),
)
def test_globs(pattern: str, text: str) -> None:
    found = modalias.match(f"alias x:{pattern} module\n".encode(), [f"x:{text}"])
    assert bool(found[f"x:{text}"]) == fnmatch.fnmatchcase(text, pattern)


@given(st.binary(), st.lists(st.text(), max_size=4))
def test_any_bytes(data: bytes, modaliases: list[str]) -> None:
    assert set(modalias.match(b"alias " + data + b" x\n" + data, modaliases)) == set(modaliases)


@given(st.text(alphabet="*?[]!^-\\:digtalph a", max_size=30))
def test_any_pattern(pattern: str) -> None:
    assert set(modalias.match(f"alias x:{pattern} y\n".encode(), ["x:a", "x:]-["])) == {"x:a", "x:]-["}


@given(*(st.integers(0, 0xFFFF) for _ in range(4)), st.integers(0, 0xFFFFFF))
def test_what_the_kernel_writes_is_read(vendor: int, device: int, sub_vendor: int, sub_device: int, code: int) -> None:
    text = (
        f"pci:v{vendor:08X}d{device:08X}sv{sub_vendor:08X}sd{sub_device:08X}"
        f"bc{code >> 16:02X}sc{code >> 8 & 0xFF:02X}i{code & 0xFF:02X}"
    )
    ids = modalias.split_pci(text)
    assert ids is not None
    assert [int(part, 16) for part in ids] == [vendor, device, sub_vendor, sub_device, code]
    assert ids == tuple(part.lower() for part in ids)


@given(st.text())
def test_any_text_splits_or_not(text: str) -> None:
    assert modalias.split_pci(text) is None
