"""Kernel configurations."""

from __future__ import annotations

import pytest

from hotplugctl.parse import kconfig

WHOLE = """\
#
# Automatically generated file; DO NOT EDIT.
# Linux/x86 6.1.176 Kernel Configuration
#
CONFIG_CC_VERSION_TEXT="gcc-12 (Debian 12.2.0-14+deb12u1) 12.2.0"

#
# Bus options (PCI etc.)
#
CONFIG_HOTPLUG_PCI=y
CONFIG_HOTPLUG_PCI_ACPI=y
CONFIG_HOTPLUG_PCI_ACPI_IBM=m
# CONFIG_HOTPLUG_PCI_CPCI is not set
CONFIG_PHYSICAL_START=0x1000000
# end of Bus options
"""


def test_symbols() -> None:
    wanted = [
        "CONFIG_HOTPLUG_PCI",
        "CONFIG_HOTPLUG_PCI_ACPI_IBM",
        "CONFIG_HOTPLUG_PCI_CPCI",
        "CONFIG_PHYSICAL_START",
        "CONFIG_CC_VERSION_TEXT",
        "CONFIG_HOTPLUG_PCI_SHPC",
        "CONFIG_HOTPLUG",
    ]
    assert kconfig.symbols(WHOLE.encode(), wanted) == {
        "CONFIG_HOTPLUG_PCI": "y",
        "CONFIG_HOTPLUG_PCI_ACPI_IBM": "m",
        "CONFIG_HOTPLUG_PCI_CPCI": "n",
        "CONFIG_PHYSICAL_START": "0x1000000",
        "CONFIG_CC_VERSION_TEXT": '"gcc-12 (Debian 12.2.0-14+deb12u1) 12.2.0"',
    }


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"CONFIG_PCI=y", "y"),
        (b"CONFIG_PCI=y\r\n", "y"),
        (b"CONFIG_PCI=y\n# CONFIG_PCI is not set\n", "n"),
        (b"# CONFIG_PCI is not set\nCONFIG_PCI=m\n", "m"),
        (b"# CONFIG_PCI is not set\r\n", "n"),
        (b"  CONFIG_PCI=y\n", "y"),
        (b"\xef\xbb\xbfCONFIG_PCI=y\n", "y"),
        (b"CONFIG_PCI=n\n", "n"),
        (b"CONFIG_PCI=\n", ""),
        (b"CONFIG_PCI=\xff\n", "\\xff"),
        (b"#CONFIG_PCI=y\n", None),
        (b"CONFIG_PCI is not set\n", None),
        (b"# CONFIG_PCI is not set, or is it\n", None),
        (b"CONFIG_PCI_MSI=y\n", None),
        (b"X_CONFIG_PCI=y\n", None),
        (b"depends on CONFIG_PCI=y\n", None),
        (b"" + b" " * 40 + b"CONFIG_PCI=y\n", None),
        (b"", None),
    ],
)
def test_one_symbol(data: bytes, value: str | None) -> None:
    assert kconfig.symbols(data, ["CONFIG_PCI"]).get("CONFIG_PCI") == value


def test_a_symbol_without_a_name_is_nowhere() -> None:
    assert kconfig.symbols(WHOLE.encode(), [""]) == {}


@pytest.mark.parametrize(
    ("header", "version"),
    [
        ("# Linux/x86 6.1.176 Kernel Configuration", "6.1.176"),
        ("# Linux/x86_64 4.18.0-147.5.1.el8_1.x86_64 Kernel Configuration\r", "4.18.0-147.5.1.el8_1.x86_64"),
        ("# Linux kernel version: 2.6.32-5-amd64", "2.6.32-5-amd64"),
        ("# Linux/x86 Kernel Configuration", None),
        ('CONFIG_LOCALVERSION="# Linux/x86 6.1 Kernel Configuration"', None),
    ],
)
def test_version_of(header: str, version: str | None) -> None:
    assert kconfig.version_of(f"#\n{header}\n#\n".encode()) == version


def test_a_header_far_down_is_no_header() -> None:
    assert kconfig.version_of(b"#\n" * 4000 + b"# Linux/x86 6.1.176 Kernel Configuration\n") is None


def test_parse_a_whole_configuration() -> None:
    text = kconfig.parse(WHOLE)
    assert (text.form, text.kernel, text.unparsed) == ("config", "6.1.176", 0)
    assert [(record.symbol, record.value, record.line) for record in text.records[1:4]] == [
        ("CONFIG_HOTPLUG_PCI", "y", 10),
        ("CONFIG_HOTPLUG_PCI_ACPI", "y", 11),
        ("CONFIG_HOTPLUG_PCI_ACPI_IBM", "m", 12),
    ]
    assert text.records[4].value == "n"


def test_parse_a_fragment() -> None:
    text = kconfig.parse("# hot-plug\r\nCONFIG_HOTPLUG_PCI=y\r\n\tCONFIG_HOTPLUG_PCI_PCIE=y\r\nHOTPLUG=y\r\n")
    assert (text.form, text.kernel, text.unparsed) == ("fragment", None, 1)
    assert [record.value for record in text.records] == ["y", "y"]


def test_a_trimmed_header_still_tells_a_whole_configuration() -> None:
    assert kconfig.parse("#\n### Automatically generated file; DO NOT EDIT.\n#\nCONFIG_PCI=y\n").form == "config"


def test_parse_gibberish() -> None:
    assert kconfig.parse("\x00\x01 nothing\n\nlike it\n") == ("none", (), 2, None)


def test_a_header_alone_is_no_configuration() -> None:
    assert kconfig.parse("# Linux/x86 6.1.176 Kernel Configuration\n") == ("none", (), 0, "6.1.176")
