"""Messages of what sits on a PCI function: drivers that fail, virtio, SCSI, NVMe, disks, network interfaces."""

from __future__ import annotations

import re
from re import Match

from hotplugctl.model.address import PciAddress
from hotplugctl.model.log import Field, Head, KernelEvent
from hotplugctl.parse.kernel_events.rule import BDF, HEX, NUMBER, Family, Make, Rule, fact, rule

_DISK = r"\[(?P<node>[a-z][a-z0-9]{1,31})\]"
_MAC = r"(?P<mac>[0-9a-f]{2}(?::[0-9a-f]{2}){5})"


def _probe(found: Match[str], head: Head) -> KernelEvent:
    """``virtio_blk: probe of virtio3 failed``, since 6.8 ``virtio_blk virtio3: probe with driver``."""
    groups = found.groupdict()
    device = groups.get("device") or head.address or (head.prefix or "").rpartition(" ")[2]
    address = PciAddress.parse(device)
    driver = groups.get("driver") or head.prefix
    fields: dict[str, Field] = {"driver": driver, "device": device, "error": -int(groups["error"])}
    return KernelEvent("probe-failed", str(address) if address else head.address, None, fields)


def _deferred(_found: Match[str], head: Head) -> KernelEvent:
    return KernelEvent("probe-deferred", head.address, None, _on(head))


def _renamed(found: Match[str], head: Head) -> KernelEvent:
    return KernelEvent("net-renamed", head.address, None, {"name": head.subject, "from": found["from"], **_on(head)})


def _interface(found: Match[str], head: Head) -> KernelEvent:
    return KernelEvent("net-registered", head.address, None, {"name": head.subject, "mac": found["mac"], **_on(head)})


def _on(head: Head) -> dict[str, Field]:
    """The virtio device that the head names: ``virtio_blk virtio3``."""
    device = (head.prefix or "").rpartition(" ")[2]
    return {"device": device if device.startswith("virtio") and device[6:].isdigit() else None}


def _disk_sized(found: Match[str], head: Head) -> KernelEvent:
    count, size = int(found["sectors"]), int(found["sector_size"])
    fields: dict[str, Field] = {"node": found["node"], "sectors": count, "sector_size": size, "size": count * size}
    fields.update(_on(head))
    fields["scsi"] = _scsi_address(head)
    return KernelEvent("disk-sized", head.address, None, fields)


def _scsi_address(head: Head) -> Field:
    word = (head.prefix or "").rpartition(" ")[2]
    return word if word.count(":") == 3 else None


def _disk(kind: str) -> Make:
    def make(found: Match[str], head: Head) -> KernelEvent:
        return KernelEvent(kind, head.address, None, {**found.groupdict(), "scsi": _scsi_address(head)})

    return make


def _scsi_device(found: Match[str], head: Head) -> KernelEvent:
    words = found["rest"].split()
    fields: dict[str, Field] = {"type": found["type"].strip(), "inquiry": " ".join(words), "scsi": _scsi_address(head)}
    return KernelEvent("scsi-device", head.address, None, fields)


def _host(found: Match[str], head: Head) -> KernelEvent:
    """``scsi host7: Virtio SCSI HBA``, up to Linux 3.12 ``scsi7 : Virtio SCSI HBA``."""
    name = found.groupdict().get("name") or (head.prefix or "").rpartition(" ")[2]
    return KernelEvent("scsi-host", head.address, None, {"name": name.replace("scsi", "host"), "what": found["what"]})


def _hba(found: Match[str], head: Head) -> KernelEvent:
    fields: dict[str, Field] = {"name": head.prefix, "model": found["model"], "irq": int(found["irq"])}
    return KernelEvent("hba-found", found["address"], None, fields)


def _partitions(found: Match[str], head: Head) -> KernelEvent:
    """`` vdb: vdb1 vdb2`` (block/partitions/core.c), ``sdb: unknown partition table``."""
    known = found["parts"].split() if "unknown" not in found["parts"] else []
    return KernelEvent("partitions", None, None, {"node": head.prefix, "partitions": tuple(known[:256])})


def _nvme(kind: str, **constant: Field) -> Make:
    def make(found: Match[str], head: Head) -> KernelEvent:
        fields: dict[str, Field] = {"name": (head.prefix or "").rpartition(" ")[2], **constant}
        fields.update((k, int(v) if v and k == "status" else v) for k, v in found.groupdict().items() if k != "address")
        return KernelEvent(kind, found.groupdict().get("address") or head.address, None, fields)

    return make


def _virtio(found: Match[str], head: Head) -> KernelEvent:
    return KernelEvent("virtio-refused", head.address, None, {"reason": found["reason"], **_on(head)})


FAMILY: Family = (
    rule("prob", rf"probe of (?P<device>\S{{1,64}}) failed with error -(?P<error>{NUMBER})", _probe),
    rule("prob", rf"probe with driver (?P<driver>\S{{1,64}}) failed with error -(?P<error>{NUMBER})", _probe),
    rule("defe", r"deferred probe pending", _deferred),
    # virtio.
    rule("virt|leav", r"(?:virtio_pci: )?leaving for legacy driver", "virtio-legacy"),
    rule(
        "devi|virt",
        r"(?:virtio: )?(?P<reason>device uses modern interface but does not have VIRTIO_F_VERSION_1"
        r"|device must provide VIRTIO_F_[A-Z0-9_|]{1,40})",
        _virtio,
    ),
    # Disks.
    rule(
        "[",
        rf"{_DISK} (?P<sectors>{NUMBER}) (?P<sector_size>[0-9]{{1,9}})-byte (?:logical|hardware) (?:blocks|sectors)",
        _disk_sized,
    ),
    rule("[", rf"{_DISK} Attached SCSI (?:removable )?disk", _disk("disk-attached")),
    rule("[|Sync", rf"(?:{_DISK} )?Synchronizing SCSI cache", _disk("disk-leaving")),
    rule("Atta", r"Attached scsi generic (?P<node>sg[0-9]{1,6}) type (?P<what>[0-9]{1,3})", _disk("scsi-generic")),
    rule("Atta", r"Attached scsi (?P<what>CD-ROM|tape) (?P<node>[a-z]{2}[0-9]{1,6})", _disk("scsi-other")),
    rule("scsi", r"(?P<name>scsi[0-9]{1,6}) : (?P<what>.{1,120})", _host),
    rule("SCSI", r"SCSI device (?P<scsi>[0-9 ]{1,40}) not found", "scsi-not-found"),
    rule("SCSI", r"SCSI BUS has been reset", "scsi-bus-reset"),
    # NVMe.
    rule("pci ", rf"pci function (?P<address>{BDF})", _nvme("nvme-controller")),
    rule(
        "Remo|fail|Devi|prob",
        r"(?P<reason>Removing after probe failure|failed to mark controller (?:live|CONNECTING)"
        r"|Device not ready; aborting (?:initialisation|initialization|reset|shutdown)|probe failed)"
        rf"(?: status: (?P<status>-?{NUMBER}))?(?:, CSTS=(?P<csts>0x{HEX}))?",
        _nvme("nvme-failed"),
    ),
    rule(
        "I/O ",
        rf"I/O (?:tag )?{NUMBER} (?:\({HEX}\) )?(?:opcode 0x{HEX} \([^)]{{0,60}}\) )?QID {NUMBER} timeout"
        r"(?:, (?P<reason>.{1,60}))?",
        _nvme("nvme-timeout"),
    ),
    rule(
        "cont",
        rf"controller is down; will reset: CSTS=(?P<csts>0x{HEX})"
        rf"(?:, PCI_STATUS=(?P<pci_status>0x{HEX}|read failed.{{0,20}}))?",
        _nvme("nvme-down"),
    ),
    # Interfaces.
    rule("rena", r"renamed from (?P<from>\S{1,64})", _renamed),
    rule(
        "Erro",
        r"Error changing net interface name '(?P<from>[^']{1,64})' to '(?P<name>[^']{1,64})': (?P<reason>.{1,80})",
        "net-rename-failed",
    ),
    # systemd-udevd 197 to 239.
    rule(
        "coul",
        r"could not rename interface '[0-9]{1,10}' from '(?P<from>[^']{1,64})' to '(?P<name>[^']{1,64})':"
        r" (?P<reason>.{1,80})",
        "net-rename-failed",
    ),
    # Xen.
    rule("Crea", r"Creating PCI Frontend Bus (?P<bus>[0-9a-f]{4,8}:[0-9a-f]{2})", "xen-pci-bus"),
    rule("16 D", r"16 Device in use; refusing to close", "xenbus-busy"),
)

# Messages that anything may begin: known by their head. First two letters of its prefix, the prefix, the rule.
BY_PREFIX = (
    ("sc", re.compile(r"scsi host[0-9]{1,6}\Z"), Rule(r"(?P<what>.{1,120})", _host)),
    (
        "sc|sd|sr",
        re.compile(r"(?:scsi|sd|sr) [0-9]{1,6}:[0-9]{1,6}:[0-9]{1,6}:[0-9]{1,20}\Z"),
        Rule(r"(?P<type>[A-Z][A-Za-z /-]{2,30}?) {2,12}(?P<rest>.{1,120}?) PQ: [0-9] ANSI: [0-9]", _scsi_device),
    ),
    (
        "sy",
        re.compile(r"sym[0-9]{1,4}\Z"),
        Rule(rf"<(?P<model>\w{{1,16}})> rev \S{{1,8}} at pci (?P<address>{BDF}) irq (?P<irq>{NUMBER})", _hba),
    ),
    (
        # systemd-udevd since 240; the interface comes first.
        "sy|ud|(u",
        re.compile(r"\(?(?:systemd-)?udev[\w-]{0,16}\)?\[[0-9]{1,10}\]\Z"),
        Rule(
            r"\S{1,64}: Failed to rename network interface [0-9]{1,10} from '(?P<from>[^']{1,64})'"
            r" to '(?P<name>[^']{1,64})': (?P<reason>.{1,80})",
            fact("net-rename-failed"),
        ),
    ),
    (
        "hd|sd|vd|xv|nv|mm",
        re.compile(r"(?:[hsv]d[a-z]{1,4}|xvd[a-z]{1,4}|nvme[0-9]{1,5}n[0-9]{1,5}|mmcblk[0-9]{1,4})\Z"),
        Rule(r"(?P<parts>unknown partition table|(?: ?\S{1,40}){1,64})", _partitions),
    ),
    (
        "vb|vi|pc",
        re.compile(r"(?:vbd|vif|pcifront|pci) [a-z]{3,4}-[0-9-]{1,12}\Z"),
        Rule(r"(?P<error>[0-9]{1,4}) xenbus_dev_probe on (?P<device>\S{1,80})", fact("xenbus-failed")),
    ),
    (
        "vi|nv",
        re.compile(r"(?:virtio_blk virtio|nvme nvme)[0-9]{1,6}\Z"),
        Rule(r"(?P<queues>[0-9]{1,6}/[0-9]{1,6}/[0-9]{1,6}) default/read/poll queues", _nvme("queues")),
    ),
)

# Messages of a network interface: known by their subject.
BY_SUBJECT = Rule(rf".{{0,160}}?(?<![0-9a-f:]){_MAC}", _interface)
