"""Messages of a kernel in trouble, of removals on the way, and of the boot itself."""

from __future__ import annotations

import re
from re import Match

from hotplugctl.model.log import Head, KernelEvent
from hotplugctl.parse.kernel_events.rule import BDF, HEX, NUMBER, Family, Rule, fact, rule

_SYMBOL = r"(?P<symbol>[A-Za-z_][\w.]{1,120})\+0x[0-9a-f]{1,8}/0x[0-9a-f]{1,8}(?: \[(?P<module>\w{1,64})[^\]]{0,80}\])?"


def _oops(found: Match[str], _head: Head) -> KernelEvent:
    return KernelEvent("oops", None, None, {"what": f"Oops: {found['what']}", "at": None})


FAMILY: Family = (
    rule("Linu", r"Linux version (?P<release>\S{1,120})", "boot"),
    rule("Comm|Kern", r"(?:Kernel c|C)ommand line: (?P<command_line>.{0,4096})", "command-line"),
    # Hung, locked up, crashed.
    rule(
        "task|INFO",
        rf"(?:INFO: )?task (?P<task>.{{1,80}}):(?P<pid>{NUMBER}) (?:<[^>]{{0,40}}> )?blocked (?:in I/O wait )?for more"
        rf" than (?P<seconds>{NUMBER}) seconds",
        "hung-task",
    ),
    rule("BUG:|soft", rf"(?:BUG: )?soft lockup - CPU#[0-9]{{1,5}} stuck for (?P<seconds>{NUMBER})s", "soft-lockup"),
    rule(
        "kern|unab|Unab|BUG:",
        r"(?:BUG: )?(?P<what>kernel NULL pointer dereference|[uU]nable to handle (?:kernel )?"
        r"(?:NULL pointer dereference|page fault|paging request))"
        rf"(?:,? (?:at (?:virtual address )?|for address: |address: )(?P<at>{HEX}))?",
        "oops",
    ),
    rule("kern", r"(?P<what>kernel BUG) at (?P<at>[^\s!]{1,120})!", "oops"),
    rule("gene", r"(?P<what>general protection fault)", "oops"),
    rule("pc :", rf"pc : {_SYMBOL}", "oops-at"),
    # A line of the call trace of who does PCI hot-plug; up to 4.9 the address comes first. After "? " it is a guess.
    rule(
        " pci| shp| acp| ena| dis| hot| [<f| [<c| [<0",
        rf" (?:\[<{HEX}>\] )?"
        r"(?P<symbol>(?:pci|shpc|acpi(?:php|_hotplug)|enable_slot|disable_slot|hotplug_event)[\w.]{0,100})"
        r"\+0x[0-9a-f]{1,8}/0x[0-9a-f]{1,8}",
        "called-by",
    ),
    rule("Kern", r"Kernel panic - not syncing: (?P<what>.{1,160})", "panic"),
    rule("CPU:", rf"CPU: {NUMBER} PID: {NUMBER} at (?P<at>\S{{1,120}}) {_SYMBOL}", "warning"),
    rule("swio", rf"swiotlb buffer is full(?: \(sz: (?P<wanted>{NUMBER}) bytes\))?", "swiotlb-full"),
    rule("Out ", rf"Out of SW-IOMMU space for (?P<wanted>{NUMBER}) bytes", "swiotlb-full"),
    rule("This", r"(?P<what>This PCI I/O region assigned to your NVIDIA device is invalid)", "bar-invalid"),
    # A driver lets go of its device.
    rule("remo", rf"remove, state {NUMBER}", "driver-leaving"),
    rule("remo", r"removed PHC", "driver-leaving"),
    rule("deta", r"detaching \.\.\.", "driver-leaving"),
)

BY_PREFIX = (
    # The function that a processor was in: RIP (x86-64), EIP, IP, NIP (powerpc).
    (
        "RI|EI|IP|NI",
        re.compile(r"(?:RIP|EIP|IP|NIP)\Z"),
        Rule(rf"(?:[0-9a-f]{{2,4}}:)?(?:\[<{HEX}>\] {{1,2}}){{0,2}}{_SYMBOL}", fact("oops-at")),
    ),
    # Who it was that crashed or hangs: the lines that follow such a report, and that of a mere warning too.
    (
        "CP",
        re.compile(r"CPU\Z"),
        Rule(rf"{NUMBER} (?:UID: {NUMBER} )?PID: {NUMBER} Comm: (?P<task>\S{{1,64}})", fact("report-task")),
    ),
    ("Wo", re.compile(r"Workqueue\Z"), Rule(r"(?P<queue>\S{1,64}) (?P<work>\S{1,80})", fact("report-work"))),
    ("Oo", re.compile(r"Oops\Z"), Rule(rf"(?P<what>[0-9a-z: ]{{0,60}}?) ?\[#{NUMBER}\]", _oops)),
    (
        "NV",
        re.compile(r"NVRM\Z"),
        Rule(rf".{{0,40}}(?P<what>BAR[0-9] is 0M @ 0x0)(?:.{{0,40}}?(?P<address>{BDF}))?", fact("bar-invalid")),
    ),
)
