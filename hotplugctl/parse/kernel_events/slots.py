"""Messages of the hot-plug core, acpiphp, pciehp and shpchp (drivers/pci/hotplug of Linux 2.6.32 to 7.0)."""

from __future__ import annotations

from re import Match

from hotplugctl.model.log import Field, Head, KernelEvent
from hotplugctl.parse.kernel_events.rule import HEX, NUMBER, Family, choose, rule

_ON_SLOT = r"on [Ss]lot ?\(?(?P<slot>[^()\s]{1,64})\)?"
_DRIVERS = {"ACPI": "acpiphp", "Standard": "shpchp", "PCI Express": "pciehp"}


def _driver_up(found: Match[str], _head: Head) -> KernelEvent:
    disabled = "disabled" in found["rest"]
    fields = {"driver": _DRIVERS[found["who"]], "version": found["version"], "disabled": disabled}
    return KernelEvent("driver-up", None, None, fields)


def _controller(found: Match[str], head: Head) -> KernelEvent:
    names = ("vendor", "device", "subsystem_vendor", "subsystem_device")
    fields: dict[str, Field] = {name: found[name].lower().zfill(4) for name in names}
    fields["driver"] = head.prefix
    return KernelEvent("controller-claimed", head.address, None, fields)


def _capabilities(found: Match[str], head: Head) -> KernelEvent:
    """The flags of the Slot Capabilities register (PCI Express Base Specification 5.0, 7.5.3.9): ``AttnBtn+``."""
    fields: dict[str, Field] = {"number": int(found["number"]), "erratum": "erratum" in found["flags"]}
    for word in found["flags"].split():
        if word[-1] in "+-" and word[:-1].isalnum():
            fields[word[:-1]] = word[-1] == "+"
    return KernelEvent("slot-capabilities", head.address, None, fields)


_POWER = {"on": "powering-on", "off": "powering-off"}
_BUTTON = {"will": "button-pressed", "canceling": "button-canceled"}
_PRESENCE = {"present": "card-present", "not present": "card-absent"}
_LINK = {"Up": "link-up", "Down": "link-down"}
_LATCH = {"open": "latch-open", "close": "latch-closed"}
_REGISTERED = {"registered": "slot-registered", "unregistered": "slot-unregistered"}
_NOTIFY = r"(?P<what>Bus check|Device check|Eject request) in (?P<function>\w{1,64})\(\)"

_LINK_FAILED = rule(
    "Link|link|Cann|Fail|Data|No l",
    r"(?P<reason>Link Training Error occurs|link training error|Cannot train link|No link"
    rf"|Failed to check link status|Data Link Layer Link Active not set in {NUMBER} msec)"
    rf"(?:: status (?P<status>0x{HEX}))?",
    "link-failed",
)

FAMILY: Family = (
    # The core and the drivers.
    rule("PCI ", r"PCI Hot Plug PCI Core version: (?P<version>\S{1,32})", "core-up"),
    rule(
        "ACPI|Stan|PCI ",
        r"(?P<who>ACPI|Standard|PCI Express) Hot Plug (?:PCI )?Controller Driver version: (?P<version>[0-9.]{1,16})"
        r"(?P<rest>.{0,200})",
        _driver_up,
    ),
    rule("serv", r"service driver (?P<driver>pciehp|shpchp)(?::\w{1,16})? loaded", "service-loaded"),
    rule("Slot", r"Slot \[(?P<slot>[^\]\n]{1,64})\] (?P<which>registered|unregistered)", choose(_REGISTERED)),
    rule("Slot", r"Slot (?:(?P<slot>\S{1,64}) )?already registered by another hotplug driver", "slot-conflict"),
    # Controllers.
    rule(
        "HPC ",
        rf"HPC vendor_id (?P<vendor>{HEX}) device_id (?P<device>{HEX})"
        rf" ss_vid (?P<subsystem_vendor>{HEX}) ss_did (?P<subsystem_device>{HEX})",
        _controller,
    ),
    rule("Requ", r"Requesting control of SHPC hotplug via OSHP(?: \((?P<node>[^)]{1,200})\))?", "shpc-requested"),
    rule("Gain", r"Gained control of SHPC hotplug(?: \((?P<node>[^)]{1,200})\))?", "shpc-gained"),
    rule("Cann", r"Cannot get control of SHPC hotplug", "shpc-refused"),
    rule(
        "Cann|Hotp|Slot|Noti",
        r"(?P<reason>Cannot reserve MMIO region|Hotplug bridge without secondary bus, ignoring"
        rf"|Slot initialization failed|Notification initialization failed|Cannot get irq {NUMBER} for the hotplug"
        rf" controller)(?: \((?P<error>-?{NUMBER})\))?",
        "controller-failed",
    ),
    rule("Slot", rf"Slot #(?P<number>{NUMBER}) (?P<flags>AttnBtn[+-].{{0,400}})", _capabilities),
    # ACPI notifications, printed at the level debug only.
    rule("Bus |Devi|Ejec", _NOTIFY, "acpi-notify"),
    rule("_EJ0", r"_EJ0 failed", "eject-failed"),
    rule("\\_SB", r"(?P<node>\\\S{1,200}): _EJ0 failed", "eject-failed"),
    # What concerns one slot: pciehp before 4.13, and shpchp always.
    rule("Butt", rf"Button pressed {_ON_SLOT}", "button-pressed", action=None, wait_s=None),
    rule("PCI ", r"PCI slot #(?P<slot>\S{1,64}) - powering (?P<which>on|off) due to button press", choose(_POWER)),
    rule("Butt", rf"Button cancel {_ON_SLOT}", "button-canceled", action=None),
    rule("Butt", r"Button ignore", "button-ignored"),
    rule("Card", rf"Card (?P<which>present|not present) {_ON_SLOT}", choose(_PRESENCE)),
    rule("No a", rf"No adapter {_ON_SLOT}", "no-device"),
    rule("Powe", rf"Power fault (?:bit.{{0,40}} )?{_ON_SLOT}", "power-fault"),
    rule("Latc", rf"Latch (?P<which>open|close) {_ON_SLOT}", choose(_LATCH)),
    rule("Alre", rf"Already (?P<state>enabled|disabled) {_ON_SLOT}", "already"),
    rule("Fail|Issu", rf"(?:Failed to|Issue of Slot) [Pp]ower (?P<action>on|off)(?: {_ON_SLOT})?", "power-failed"),
    rule("Cann", rf"Cannot add device at (?P<at>{HEX}:{HEX}:{HEX})", "add-failed", reason=None),
    rule(
        "Devi",
        rf"Device (?P<device>\S{{1,40}}) already exists at (?P<at>{HEX}:{HEX}:{HEX}),"
        r" (?P<reason>skipping|cannot) hot-add",
        "add-failed",
    ),
    rule("no r", r"no response from device", "no-response"),
    rule(
        "Time",
        rf"Timeout on hotplug command (?P<command>0x{HEX}) \(issued (?P<issued_ms>{NUMBER}) msec ago\)",
        "command-timeout",
    ),
    _LINK_FAILED,
)

# After "Slot(4): ", and up to 6.1 "Slot(4) ": pciehp since 4.13.
IN_SLOT: Family = (
    rule("Atte", r"Attention button pressed", "button-pressed", action=None, wait_s=None),
    rule(
        "Butt",
        r"Button press: (?P<which>will|canceling)(?: request to)? power (?P<action>on|off)"
        r"(?: in (?P<wait_s>[0-9]{1,4}) sec)?",
        choose(_BUTTON),
    ),
    rule("Powe", r"Powering (?P<which>on|off) due to button press", choose(_POWER)),
    rule("Butt|Acti", r"(?:Button cancel|Action canceled due to button press)", "button-canceled", action=None),
    rule("Butt", r"Button ignore", "button-ignored"),
    rule("Card", r"Card (?P<which>present|not present)", choose(_PRESENCE)),
    rule(
        "Link",
        r"Link (?P<which>Up|Down)(?: event)?(?: (?P<note>(?:ignored|queued).{0,80}))?",
        choose(_LINK),
    ),
    rule("No d", r"No device found", "no-device"),
    rule("Powe", r"Power fault", "power-fault"),
    rule("Latc", r"Latch (?P<which>open|close)", choose(_LATCH)),
    rule("Alre", r"Already (?P<state>enabled|disabled)", "already"),
    _LINK_FAILED,
)
