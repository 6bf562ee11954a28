"""Modaliases against modules.alias."""

from __future__ import annotations

import fnmatch

import pytest

from hotplugctl.model.modalias import PciIds
from hotplugctl.parse import modalias

NET = "pci:v00001AF4d00001000sv00001AF4sd00000001bc02sc00i00"
NVME = "pci:v00001B36d00000010sv00001AF4sd00001100bc01sc08i02"


def test_split_pci() -> None:
    assert modalias.split_pci(NET) == PciIds("1af4", "1000", "1af4", "0001", "020000")
    assert modalias.split_pci(NVME + "\n") == PciIds("1b36", "0010", "1af4", "1100", "010802")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "virtio:d00000001v00001AF4",
        NET[:-1],
        NET + "0",
        NET.replace("v00001AF4", "v00011AF4", 1),
        NET.replace("sd00000001", "sdFFFFFFFF"),
        NET.replace("1000", "10G0"),
        NET.replace("d00001000", "d*"),
        NET.replace("1AF4", "१AF4"),
    ],
)
def test_split_no_pci(text: str) -> None:
    assert modalias.split_pci(text) is None


ALIASES = b"""\
# Aliases extracted from modules themselves.
alias pci:v00001AF4d00001000sv*sd*bc*sc*i* virtio-net-special
alias virtio:d00000001v* virtio_net
alias pci:v00001AF4d*sv*sd*bc*sc*i* virtio-pci
alias pci:v*d*sv*sd*bc01sc08i02* nvme
alias pci:v*d*sv*sd*bc02sc*i* any_net
alias pci:v00001AF4d*sv*sd*bc*sc*i* virtio_pci
alias pci:v00001B36d0000001[0-2]sv*sd*bc*sc*i* ranged
alias pci:v0000????d00001000sv00001AF4sd00000001bc*sc*i* marks
alias p*:v00001B36d*sv*sd*bc*sc*i* odd_bus
alias pci:v000010DEd*sv*sd*bc03sc00i00* nouveau
alias acpi*:PNP0A06:* hotplug-acpi
alias platform:iTCO-wdt iTCO_wdt
"""


def matched(text: str, data: bytes = ALIASES) -> tuple[str, ...]:
    return modalias.match(data, [text])[text]


def test_match_in_file_order_and_once() -> None:
    assert matched(NET) == ("virtio_net_special", "virtio_pci", "any_net", "marks")
    assert matched(NVME) == ("nvme", "ranged", "odd_bus")


def test_match_other_buses() -> None:
    assert matched("virtio:d00000001v00001AF4") == ("virtio_net",)
    assert matched("acpi:PNP0A06:") == ("hotplug_acpi",)
    assert matched("platform:iTCO_wdt") == ("iTCO_wdt",)


def test_each_modalias_has_its_answer() -> None:
    absent = "pci:v0000FFFFd00000001sv00000000sd00000000bc06sc00i00"
    answer = modalias.match(ALIASES, [absent, NET, absent, ""])
    assert list(answer) == [absent, NET, ""]
    assert answer[absent] == () and answer[""] == () and answer[NET]


def test_a_match_does_not_depend_on_company() -> None:
    """The lines of other vendors are skipped; those that are asked for together must not hide one another."""
    many = [f"pci:v{vendor:08X}d00001000sv00001AF4sd00000001bc02sc00i00" for vendor in range(0x1AE0, 0x1B40)]
    together = modalias.match(ALIASES, [*many, NVME])
    assert together == {text: matched(text) for text in [*many, NVME]}
    assert together[NET] == ("virtio_net_special", "virtio_pci", "any_net", "marks")


def test_the_first_line_counts_too() -> None:
    assert matched(NET, b"alias pci:v00001AF4d* first") == ("first",)


@pytest.mark.parametrize(
    "line", [b"alias pci:v*", b"alias pci:v* two words", b"#alias pci:v* x", b" alias pci:v* x", b""]
)
def test_lines_that_are_no_alias(line: bytes) -> None:
    assert matched(NET, line + b"\n") == ()


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("x:a*b", "x:ab", True),
        ("x:a*b", "x:axxb", True),
        ("x:a*b", "x:abx", False),
        ("x:a*bc*bc", "x:abc", False),
        ("x:*", "x:", True),
        ("x:a?c", "x:abc", True),
        ("x:a?c", "x:ac", False),
        ("x:[abc]", "x:b", True),
        ("x:[!abc]", "x:b", False),
        ("x:[^abc]", "x:d", True),
        ("x:[]a]", "x:]", True),
        ("x:[0-9A-F]*", "x:Fz", True),
        ("x:[0-9A-F]*", "x:Gz", False),
        ("x:[a-]", "x:_", False),
        ("x:[a_]", "x:-", True),
        ("x:[[:digit:]]", "x:7", True),
        ("x:[[:digit:]]", "x:d", False),
        ("x:[9-0]", "x:5", False),
        ("x:[a", "x:[a", True),
        ("x:\\*", "x:*", True),
        ("x:\\*", "x:y", False),
        ("x:a\\", "x:a", False),
        ("x:a-b", "x:a_b", True),
        ("x:a_b", "x:a-b", True),
        ("x:*[b-d]?e", "x:aabxe", True),
        ("x:*?", "x:", False),
        ("*", "x:anything", True),
        ("?:a", "x:a", True),
        ("x", "x", False),
    ],
)
def test_globs(pattern: str, text: str, fits: bool) -> None:
    assert matched(text, f"alias {pattern} module\n".encode()) == (("module",) if fits else ())


def test_a_hostile_pattern_takes_no_time() -> None:
    """A backtracking matcher would not come back from this one."""
    data = b"alias pci:v*" + b"0*" * 60 + b"[x-z] slow\nalias pci:v* quick\n"
    assert matched("pci:v" + "0" * 3000, data) == ("quick",)


@pytest.mark.parametrize(
    "odd",
    [
        NVME.replace("sv00001AF4", "s0v0001AF4"),
        NVME.replace("bc01sc08", "b0c1sc08"),
        NVME.replace("sd0", "0sd"),
        NVME.lower(),
        NVME.replace("1B36", "bc01"),
        NVME + "bc01sc08i02",
        "0" + NVME[:-1],
    ],
)
def test_the_short_way_for_classes_is_for_the_kernels_spelling_alone(odd: str) -> None:
    """Functions of one class share what was found for it, so anything spelled otherwise has to be matched in full."""
    pattern = "pci:v*d*sv*sd*bc01sc08i02*"
    data = f"alias {pattern} nvme\n".encode()
    found = modalias.match(data, [NVME, odd])
    assert found[NVME] == ("nvme",)
    assert bool(found[odd]) == fnmatch.fnmatchcase(odd, pattern)
