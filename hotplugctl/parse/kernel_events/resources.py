"""Messages of the PCI core: a function found, bridges and their windows, enabling, interrupts, I/O virtualisation.

drivers/pci/{probe,setup-bus,pci,iov}.c, drivers/acpi/pci_{link,irq}.c of Linux 2.6.28 to 7.0.
"""

from __future__ import annotations

import re
from re import Match
from typing import Optional

from hotplugctl.model.log import Field, Head, KernelEvent
from hotplugctl.parse.kernel_events.bars import RES, resource_fields, window_name
from hotplugctl.parse.kernel_events.rule import BDF, HEX, NUMBER, Family, Make, rule


def _found(found: Match[str], head: Head) -> KernelEvent:
    """``class`` has six digits. Up to Linux 3.3 it is printed without its programming interface (``shifted``)."""
    groups = found.groupdict()
    shifted = len(groups["header"]) == 1 and groups["class"].startswith("00")
    code = groups["class"].lower()
    fields: dict[str, Field] = {
        "vendor": groups["vendor"].lower(),
        "device": groups["device"].lower(),
        "header": int(groups["header"], 16) & 0x7F,
        "class": code[2:] + "00" if shifted else code,
        "shifted": shifted,
        "what": groups.get("what") or None,
    }
    return KernelEvent("device-found", groups.get("address") or head.address, None, fields)


def _bridge_window(kind: str) -> Make:
    def make(found: Match[str], head: Head) -> KernelEvent:
        fields = resource_fields(found["res"])
        if "(disabled)" in found.string[found.end() : found.end() + 12]:
            fields["disabled"], fields["size"] = True, 0
        fields["bar"] = window_name(fields["type"])
        return KernelEvent(kind, head.address, None, fields)

    return make


_OLD_WINDOWS = {"IO": "io", "MEM": "mem", "PREFETCH": "pref"}


def _old_window(found: Match[str], head: Head) -> KernelEvent:
    type_ = _OLD_WINDOWS[found["which"]]
    fields = resource_fields(f"[{type_} {found['range']}]")
    fields["type"], fields["bar"] = type_, window_name(type_)
    return KernelEvent("bridge-window", head.address, None, fields)


def _bridge(found: Match[str], head: Head) -> KernelEvent:
    first = found["secondary"].lower()
    fields: dict[str, Field] = {
        "secondary": first,
        "subordinate": (found.groupdict().get("subordinate") or first).lower(),
    }
    return KernelEvent("bridge", head.address, None, fields)


def _root_range(found: Match[str], head: Head) -> Optional[KernelEvent]:
    """``bus`` is the root bus; ``first`` and ``last`` are the bus numbers that its host bridge may give out."""
    groups = found.groupdict()
    domain = groups.get("domain")
    bus = f"{domain}:{groups['first']}" if domain is not None else (head.prefix or "").rpartition(" ")[2]
    if re.match(r"[0-9a-f]{4,8}:[0-9a-f]{2}\Z", bus) is None:
        return None
    fields: dict[str, Field] = {"bus": bus, "first": groups["first"], "last": groups["last"] or groups["first"]}
    return KernelEvent("root-bus-range", None, None, fields)


_RANGE = r"\[bus (?P<first>[0-9a-f]{2})(?:-(?P<last>[0-9a-f]{2}))?\]"
_BUSES = r"\[bus (?P<secondary>[0-9a-f]{2})(?:-(?P<subordinate>[0-9a-f]{2}))?\]"
_ID = r"\[(?P<vendor>[0-9a-fA-F]{4}):(?P<device>[0-9a-fA-F]{4})\]"
_OLD_KIND = r"(?P<io>(?:20|32|64)bit mmio(?: pref)?|io port)"
_NOT_ENABLED = r"(?P<reason>not assigned|not claimed)"

FAMILY: Family = (
    rule(
        "[",
        rf"{_ID} type (?P<header>[0-9a-f]{{1,2}}) class 0x(?P<class>[0-9a-fA-F]{{6}})(?: (?P<what>.{{1,60}}))?",
        _found,
    ),
    rule("foun", rf"found {_ID} class (?P<class>[0-9a-fA-F]{{6}}) header type (?P<header>[0-9a-f]{{2}})", _found),
    # Enabling.
    rule("enab", r"enabling device \((?P<old>[0-9a-f]{4}) -> (?P<new>[0-9a-f]{4})\)", "enabling"),
    rule("devi", r"device not available because of (?P<reason>resource collisions)", "enable-failed"),
    # Bridges.
    rule("PCI ", rf"PCI bridge to {_BUSES}", _bridge),
    rule("PCI ", r"PCI bridge, secondary bus (?:[0-9a-f]{4,8}:)?(?P<secondary>[0-9a-f]{2})", _bridge),
    rule("brid", rf"bridge window {RES} to \[bus [0-9a-f-]{{2,5}}\] add_size", _bridge_window("window-wanted")),
    rule("  br", rf"  bridge window {RES}", _bridge_window("bridge-window")),
    rule(
        "  IO|  ME|  PR|IO w|MEM |PREF",
        rf"(?:  )?(?P<which>IO|MEM|PREFETCH) window: (?P<range>disabled|(?:0x)?{HEX}-(?:0x)?{HEX})",
        _old_window,
    ),
    rule("No b", rf"No bus number available for hot-added bridge(?: (?P<address>{BDF}))?", "no-bus-number"),
    rule("busn", rf"busn_res: {_BUSES} end is updated to (?P<end>[0-9a-f]{{2}})", "bus-range"),
    rule("busn", rf"busn_res: {_BUSES} is released", "bus-released"),
    rule("brid", rf"bridge configuration invalid \({_BUSES}\), reconfiguring", "bridge-reconfigured"),
    rule("PCI ", r"PCI host bridge to bus (?P<bus>[0-9a-f]{4,8}:[0-9a-f]{2})", "host-bridge"),
    rule("root", rf"root bus resource {_RANGE}", _root_range),
    rule("PCI ", rf"PCI Root Bridge \[\w{{1,8}}\] \(domain (?P<domain>[0-9a-f]{{4,8}}) {_RANGE}", _root_range),
    # What the kernel advises.
    rule("Some", r"Some PCI device resources are unassigned, try booting with pci=realloc", "resources-unassigned"),
    rule("Auto", r"Automatically enabled pci realloc", "realloc-enabled"),
    rule("No. ", rf"No\. (?P<pass_number>{NUMBER}) try to assign unassigned res", "realloc-pass"),
    # Single-root I/O virtualisation.
    rule("not ", r"(?P<reason>not enough MMIO resources for SR-IOV)", "sriov-failed"),
    rule("can'", rf"(?P<reason>can't enable {NUMBER} VFs)(?: \((?P<detail>.{{1,80}})\))?", "sriov-failed"),
    # Interrupts.
    rule("PCI ", rf"PCI Interrupt Link \[(?P<link>\w{{1,8}})\] enabled at IRQ (?P<irq>{NUMBER})", "irq-link"),
    rule("\\_SB", rf"\\_SB_?\.(?:\w{{1,4}}\.){{0,8}}(?P<link>\w{{1,4}}): Enabled at IRQ (?P<irq>{NUMBER})", "irq-link"),
    rule("PCI ", rf"PCI INT (?P<pin>[A-D]) -> .{{1,80}}-> IRQ (?P<irq>{NUMBER})", "irq-routed"),
    # Not answering.
    rule("not ", rf"not ready after (?P<msec>{NUMBER})ms; giving up", "device-not-ready"),
    rule("not ", rf"not ready (?P<msec>{NUMBER})ms after .{{1,40}}; giving up", "device-not-ready"),
    rule("not ", r"not responding", "device-not-ready", msec=None),
)
