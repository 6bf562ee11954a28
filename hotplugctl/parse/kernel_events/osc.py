"""Who controls native hot-plug: the _OSC messages of drivers/acpi/pci_root.c, old (2.6.3x to 3.10) and new."""

from __future__ import annotations

from re import Match
from typing import Optional

from hotplugctl.model.log import Field, Head, KernelEvent
from hotplugctl.parse.kernel_events.rule import HEX, Family, Make, rule

# PCI Firmware Specification 3.2, table 4-5, in the words of the newer messages.
_CONTROL = ("PCIeHotplug", "SHPCHotplug", "PME", "AER", "PCIeCapability")
_STATUS = r"\((?P<status>AE_\w{1,40})\)"
_LIST = r"\[(?P<features>[^\]\n]{0,200})\]"


def control_names(mask: int) -> tuple[str, ...]:
    """The control bits of an _OSC mask by name."""
    return tuple(name for bit, name in enumerate(_CONTROL) if mask >> bit & 1)


def _osc(state: str) -> Make:
    def make(found: Match[str], head: Head) -> KernelEvent:
        groups = found.groupdict()
        fields: dict[str, Field] = {
            "state": state,
            "features": _features(groups.get("features"), groups.get("mask")),
            "status": groups.get("status"),
            "bridge": head.prefix,
        }
        return KernelEvent("osc", head.address, None, fields)

    return make


def _features(words: Optional[str], mask: Optional[str]) -> tuple[str, ...]:
    if words is not None:
        return tuple(words.split())
    return () if mask is None else control_names(int(mask, 16))


FAMILY: Family = (
    rule("_OSC", rf"_OSC: OS supports {_LIST}", _osc("supports")),
    rule("_OSC", rf"_OSC: platform does not support {_LIST}", _osc("not-supported")),
    rule("_OSC", rf"_OSC: OS now controls {_LIST}", _osc("controls")),
    rule("_OSC", rf"_OSC: OS requested {_LIST}", _osc("requested")),
    rule("_OSC", rf"_OSC: platform willing to grant {_LIST}", _osc("willing")),
    rule(
        "_OSC",
        rf"_OSC: not requesting (?:OS )?control; (?:OS requires|platform does not support) {_LIST}",
        _osc("not-requesting"),
    ),
    rule("_OSC", rf"_OSC: platform retains control of PCIe features {_STATUS}", _osc("retained")),
    rule("_OSC", rf"_OSC failed {_STATUS}", _osc("failed")),
    rule("PCIe", r"PCIe port services disabled; not requesting _OSC control", _osc("services-disabled")),
    rule("Requ", rf"Requesting ACPI _OSC control \((?P<mask>0x{HEX})\)", _osc("requested")),
    rule("ACPI", rf"ACPI _OSC control \((?P<mask>0x{HEX})\) granted", _osc("controls")),
    rule("ACPI", rf"ACPI _OSC request failed {_STATUS}(?:, returned control mask: (?P<mask>0x{HEX}))?", _osc("failed")),
    rule("ACPI", r"ACPI _OSC control for PCIe not granted", _osc("refused")),
    rule("Unab", r"Unable to assume (?:_OSC )?PCIe control", _osc("refused")),
)
