"""The kernel command line."""

from __future__ import annotations

import pytest

from hotplugctl.parse import cmdline


@pytest.mark.parametrize(
    ("text", "params"),
    [
        ("", ()),
        (" \n", ()),
        ("quiet ro", (("quiet", None), ("ro", None))),
        ("root=UUID=02-07 rw\n", (("root", "UUID=02-07"), ("rw", None))),
        ('a="b c" d', (("a", "b c"), ("d", None))),
        ('"a=b c" d', (("a", "b c"), ("d", None))),
        ('a=b" c"d', (("a", 'b" c"d'),)),
        ('a=b" c" d', (("a", 'b" c"'), ("d", None))),
        ('dyndbg="file drivers/pci/* +p"', (("dyndbg", "file drivers/pci/* +p"),)),
        ('"bare word" x', (("bare word", None), ("x", None))),
        ('a="open to the end', (("a", "open to the end"),)),
        ('"', (("", None),)),
        ('a="', (("a", ""),)),
        ('a=""', (("a", ""),)),
        ("a=", (("a", ""),)),
        ("=a=b", (("=a", "b"),)),
        ("a\tb\vc", (("a", None), ("b", None), ("c", None))),
        ("a\0b", (("a", None),)),
        ("--x -- y", (("--x", None),)),
        ("--=1 y", (("--", "1"), ("y", None))),
    ],
)
def test_params(text: str, params: tuple[tuple[str, str | None], ...]) -> None:
    assert cmdline.parse(text).params == params


def test_what_follows_two_dashes_is_for_init() -> None:
    line = cmdline.parse('pci=nomsi --  single "pci=noacpi"\n')
    assert line.after_dashes == 'single "pci=noacpi"'
    assert line.comma("pci") == ("nomsi",)


def test_later_wins_and_dashes_are_underscores() -> None:
    line = cmdline.parse("acpiphp.disable=1 pcie-ports=compat acpiphp.disable=0 my-mod.a_b my_mod.a-b=2")
    assert line.module_param("acpiphp", "disable") == "0"
    assert line.all("acpiphp.disable") == ("1", "0")
    assert line.last("pcie_ports") == "compat"
    assert line.module_param("my_mod", "a_b") == "2"
    assert line.all("my-mod.a-b") == (None, "2")


def test_absent_empty_and_bare_differ() -> None:
    line = cmdline.parse("quiet root=")
    assert line.last("quiet") == "" and line.all("quiet") == (None,) and line.has("quiet")
    assert line.last("root") == "" and line.all("root") == ("",)
    assert line.last("acpi") is None and not line.has("acpi")


def test_commas_add_up() -> None:
    line = cmdline.parse("pci=noacpi,nomsi pci pci=,hpbussize=0x10,")
    assert line.comma("pci") == ("noacpi", "nomsi", "hpbussize=0x10")
    assert line.comma("pcie_aspm") == ()
