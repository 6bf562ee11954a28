"""What the kernel's messages mean. The texts are those of Linux 2.6.28 to 7.0, with numbers of our own."""

from __future__ import annotations

import pytest

from hotplugctl.model.log import Head, KernelEvent
from hotplugctl.parse.kernel_events import STARTS, bar_states, event_of, worth
from hotplugctl.parse.kernel_events.bars import bar_of_index, resource_fields

PORT = "pcieport 0000:00:1c.0: pciehp: "
SHPC = "shpchp 0000:01:05.0: "
PCI = "pci 0000:02:02.0: "


def event(text: str) -> KernelEvent:
    found = event_of(text)
    assert found is not None, text
    return found


@pytest.mark.parametrize(
    ("kind", "slot", "texts"),
    [
        ("slot-registered", "3-2", ["acpiphp: Slot [3-2] registered"]),
        ("slot-unregistered", "3", ["acpiphp: Slot [3] unregistered"]),
        (
            "slot-conflict",
            "9",
            [
                "acpiphp_glue: Slot 9 already registered by another hotplug driver",
                "acpiphp: Slot 9 already registered by another hotplug driver",
            ],
        ),
        ("slot-conflict", None, [PORT + "Slot already registered by another hotplug driver"]),
        (
            "button-pressed",
            "4",
            [
                SHPC + "Button pressed on Slot(4)",
                "pciehp 0000:00:1c.0:pcie04: Button pressed on Slot(4)",
                PORT + "Slot(4): Attention button pressed",
                "pciehp 0000:00:1c.0:pcie004: Slot(4): Attention button pressed",
                PORT + "Slot(4): Button press: will power on in 5 sec",
                "pciehp: Slot(4): Button press: will power off in 5 sec",
            ],
        ),
        (
            "powering-on",
            "4",
            [
                PORT + "Slot(4) Powering on due to button press",
                PORT + "Slot(4): Powering on due to button press",
                SHPC + "PCI slot #4 - powering on due to button press",
            ],
        ),
        (
            "powering-off",
            "4",
            [
                PORT + "Slot(4): Powering off due to button press",
                SHPC + "PCI slot #4 - powering off due to button press",
            ],
        ),
        (
            "button-canceled",
            "4",
            [
                SHPC + "Button cancel on Slot(4)",
                PORT + "Slot(4): Button cancel",
                PORT + "Slot(4): Action canceled due to button press",
                PORT + "Slot(4): Button press: canceling request to power on",
            ],
        ),
        ("button-ignored", "4", [PORT + "Slot(4): Button ignore"]),
        ("button-ignored", None, [SHPC + "Button ignore"]),
        ("card-present", "0-5", [PORT + "Slot(0-5): Card present", SHPC + "Card present on Slot(0-5)"]),
        ("card-absent", "0-5", [PORT + "Slot(0-5): Card not present", SHPC + "Card not present on Slot(0-5)"]),
        (
            "link-up",
            "1",
            [PORT + "Slot(1): Link Up", PORT + "Slot(1): Link Up event queued; currently getting powered off"],
        ),
        ("link-down", "1", [PORT + "Slot(1): Link Down", PORT + "Slot(1): Link Down/Up ignored (recovered by DPC)"]),
        ("no-device", "1", [PORT + "Slot(1): No device found", SHPC + "No adapter on slot(1)"]),
        ("link-failed", "1", [PORT + "Slot(1): No link", PORT + "Slot(1): Cannot train link: status 0x3883"]),
        (
            "link-failed",
            None,
            [
                "pciehp 0000:00:1c.0:pcie04: Link Training Error occurs ",
                "pciehp 0000:00:1c.0:pcie004: link training error: status 0x5811",
                PORT + "Failed to check link status",
                "pcieport 0000:00:1c.0: Data Link Layer Link Active not set in 1000 msec",
            ],
        ),
        ("power-fault", "1", [PORT + "Slot(1): Power fault", SHPC + "Power fault on slot 1"]),
        ("latch-open", "1", [PORT + "Slot(1): Latch open", SHPC + "Latch open on Slot(1)"]),
        ("latch-closed", "1", [SHPC + "Latch close on Slot(1)"]),
        ("already", "1", [PORT + "Slot(1): Already enabled", SHPC + "Already disabled on slot 1"]),
        ("command-timeout", None, [PORT + "Timeout on hotplug command 0x1038 (issued 65284 msec ago)"]),
        ("no-response", None, [PORT + "no response from device"]),
        ("shpc-refused", None, [SHPC + "Cannot get control of SHPC hotplug"]),
        ("shpc-gained", None, [SHPC + "Gained control of SHPC hotplug (\\_SB_.PCI0.S08_)"]),
        ("shpc-requested", None, [SHPC + "Requesting control of SHPC hotplug via OSHP (\\_SB_.PCI0)"]),
        (
            "controller-failed",
            None,
            [
                SHPC + "Cannot reserve MMIO region",
                PORT + "Hotplug bridge without secondary bus, ignoring",
                PORT + "Notification initialization failed (-16)",
                PORT + "Cannot get irq 24 for the hotplug controller",
            ],
        ),
        ("acpi-notify", None, ["acpiphp_glue: Device check in hotplug_event()"]),
        ("eject-failed", None, ["ACPI: \\_SB_.PCI0.S20_: _EJ0 failed"]),
        ("core-up", None, ["pci_hotplug: PCI Hot Plug PCI Core version: 0.5"]),
        ("service-loaded", None, ["pciehp 0000:00:1c.0:pcie04: service driver pciehp loaded"]),
    ],
)
def test_slots(kind: str, slot: str, texts: list[str]) -> None:
    for text in texts:
        found = event(text)
        assert (found.kind, found.slot) == (kind, slot), text


def test_every_text_is_found_through_the_prefilter() -> None:
    # What Parser asks before event_of: a head of a device, or the first four characters.
    for text in (
        PORT + "Slot(1): Link Up",
        "acpiphp: Slot [3] registered",
        "pciehp: Slot(4): Card present",
        "[sdb] no",
    ):
        head, rest = Head.split(text)
        assert (worth(head) or rest[:4] in STARTS) == (event_of(text) is not None)


def test_drivers() -> None:
    up = event("acpiphp: ACPI Hot Plug PCI Controller Driver version: 0.5, disabled by user; please report a bug")
    assert up.fields == {"driver": "acpiphp", "version": "0.5", "disabled": True}
    assert event("shpchp: Standard Hot Plug PCI Controller Driver version: 0.4").get("disabled") is False
    assert event("pciehp: PCI Express Hot Plug Controller Driver version: 0.4").get("driver") == "pciehp"


def test_controllers() -> None:
    claimed = event(SHPC + "HPC vendor_id 1b36 device_id e ss_vid 0 ss_did 0")
    assert claimed.address == "0000:01:05.0"
    assert (claimed.get("vendor"), claimed.get("device"), claimed.get("subsystem_vendor")) == ("1b36", "000e", "0000")
    slot = event(
        PORT + "Slot #12 AttnBtn+ PwrCtrl- MRL- HotPlug+ Surprise- NoCompl+ LLActRep+ (with Cmd Compl erratum)"
    )
    assert slot.kind == "slot-capabilities"
    assert (slot.get("number"), slot.get("AttnBtn"), slot.get("PwrCtrl"), slot.get("erratum")) == (
        12,
        True,
        False,
        True,
    )


def test_what_the_button_will_do() -> None:
    pressed = event(PORT + "Slot(4): Button press: will power off in 5 sec")
    assert (pressed.get("action"), pressed.get("wait_s")) == ("off", 5)
    assert event(PORT + "Slot(4): Link Up ignored").get("note") == "ignored"


@pytest.mark.parametrize(
    ("text", "state", "features"),
    [
        ("acpi PNP0A08:00: _OSC: OS supports [ExtendedConfig ASPM MSI]", "supports", ("ExtendedConfig", "ASPM", "MSI")),
        ("acpi PNP0A08:00: _OSC: platform does not support [PCIeHotplug LTR]", "not-supported", ("PCIeHotplug", "LTR")),
        ("acpi PNP0A08:00: _OSC: OS now controls [PCIeHotplug PME]", "controls", ("PCIeHotplug", "PME")),
        ("acpi PNP0A03:00: _OSC: not requesting OS control; OS requires [ASPM MSI]", "not-requesting", ("ASPM", "MSI")),
        ("acpi PNP0A08:00: _OSC failed (AE_NOT_FOUND); disabling ASPM", "failed", ()),
        ("acpi PNP0A08:00: _OSC: platform retains control of PCIe features (AE_ERROR)", "retained", ()),
        ("acpi PNP0A08:00: PCIe port services disabled; not requesting _OSC control", "services-disabled", ()),
        (
            " pci0000:00: Requesting ACPI _OSC control (0x1d)",
            "requested",
            ("PCIeHotplug", "PME", "AER", "PCIeCapability"),
        ),
        (" pci0000:00: ACPI _OSC control (0x1c) granted", "controls", ("PME", "AER", "PCIeCapability")),
        (" pci0000:00: ACPI _OSC request failed (AE_NOT_FOUND), returned control mask: 0x1d", "failed", None),
        (" pci0000:00: Unable to assume _OSC PCIe control. Disabling ASPM", "refused", ()),
        (" pci0000:00: ACPI _OSC control for PCIe not granted, disabling ASPM", "refused", ()),
    ],
)
def test_osc(text: str, state: str, features: object) -> None:
    found = event(text)
    assert (found.kind, found.get("state")) == ("osc", state)
    if features is not None:
        assert found.get("features") == features


@pytest.mark.parametrize(
    ("text", "ids", "header", "code", "shifted"),
    [
        (PCI + "[1af4:1004] type 00 class 0x010000", ("1af4", "1004"), 0, "010000", False),
        (PCI + "[1b36:000c] type 01 class 0x060400 PCIe Root Port", ("1b36", "000c"), 1, "060400", False),
        (PCI + "[8086:2922] type 0 class 0x000106", ("8086", "2922"), 0, "010600", True),
        (PCI + "found [8086:100e] class 000200 header type 00", ("8086", "100e"), 0, "000200", False),
    ],
)
def test_device_found(text: str, ids: tuple[str, str], header: int, code: str, shifted: bool) -> None:
    found = event(text)
    assert (found.kind, found.address) == ("device-found", "0000:02:02.0")
    assert (found.get("vendor"), found.get("device")) == ids
    assert (found.get("header"), found.get("class"), found.get("shifted")) == (header, code, shifted)


@pytest.mark.parametrize(
    ("text", "kind", "bar", "type_", "size"),
    [
        (PCI + "reg 0x10: [mem 0x00000000-0x00000fff]", "bar-sized", "BAR 0", "mem", 4096),
        (PCI + "reg 30: [mem 0xfeb00000-0xfeb1ffff pref]", "bar-sized", "ROM", "pref", 131072),
        (PCI + "reg 20 io port: [1800, 181f]", "bar-sized", "BAR 4", "io", 32),
        ("PCI: 0000:02:02.0 reg 14 32bit mmio: [e0000000, e007ffff]", "bar-sized", "BAR 1", "mem", 524288),
        (PCI + "reg 18 64bit mmio pref: [0xf0000000-0xf0000fff]", "bar-sized", "BAR 2", "pref", 4096),
        (PCI + "BAR 4 [mem 0x00000000-0x00003fff 64bit pref]", "bar-sized", "BAR 4", "pref", 16384),
        (PCI + "ROM [mem 0x00000000-0x0003ffff pref]", "bar-sized", "ROM", "pref", 262144),
        (PCI + "VF BAR 0 [mem 0x00000000-0x00003fff 64bit]", "bar-sized", "VF BAR 0", "mem", 16384),
        (PCI + "BAR 1: assigned [mem 0xc1401000-0xc1401fff]", "bar-assigned", "BAR 1", "mem", 4096),
        (PCI + "BAR 6: assigned [mem 0xc1401000-0xc1401fff pref]", "bar-assigned", "ROM", "pref", 4096),
        (PCI + "BAR 7: assigned [mem 0xc1401000-0xc1401fff 64bit]", "bar-assigned", "VF BAR 0", "mem", 4096),
        (
            "pcieport 0000:02:02.0: BAR 8: assigned [mem 0xc1400000-0xc15fffff]",
            "bar-assigned",
            "bridge window mem",
            "mem",
            1 << 21,
        ),
        (PCI + "BAR 13: no space for [io  size 0x1000]", "bar-failed", "bridge window io", "io", 4096),
        (
            PCI + "BAR 15: failed to assign [mem size 0x00200000 64bit pref]",
            "bar-failed",
            "bridge window pref",
            "pref",
            1 << 21,
        ),
        (PCI + "BAR 0: can't assign mem (size 0x1000)", "bar-failed", "BAR 0", "mem", 4096),
        (PCI + "BAR 0 [io  0x2000-0x203f]: assigned", "bar-assigned", "BAR 0", "io", 64),
        (
            PCI + "bridge window [mem 0xfe000000-0xfe1fffff]: assigned",
            "bar-assigned",
            "bridge window mem",
            "mem",
            1 << 21,
        ),
        (
            PCI + "BAR 2 [mem size 0x100000000 64bit pref]: can't assign; no space",
            "bar-failed",
            "BAR 2",
            "pref",
            1 << 32,
        ),
        (PCI + "BAR 2 [mem size 0x100000000 64bit pref]: failed to assign", "bar-failed", "BAR 2", "pref", 1 << 32),
        (PCI + "BAR 0 [mem 0x1-0x2]: can't assign; bogus alignment", "bar-failed", "BAR 0", "mem", 2),
        (
            PCI + "can't claim BAR 6 [mem 0xffff8000-0xffffffff pref]: no compatible bridge window",
            "bar-conflict",
            "ROM",
            "pref",
            32768,
        ),
        (
            PCI + "ROM [mem 0xffff8000-0xffffffff pref]: can't claim; no compatible bridge window",
            "bar-conflict",
            "ROM",
            "pref",
            32768,
        ),
        (
            PCI + "BAR 0 [mem 0xfe000000-0xfe000fff]: not assigned; can't enable device",
            "enable-failed",
            "BAR 0",
            "mem",
            4096,
        ),
        (PCI + "can't enable device: BAR 0 [mem size 0x00001000] not assigned", "enable-failed", "BAR 0", "mem", 4096),
        (PCI + "device not available (can't reserve [mem 0xfe000000-0xfe000fff])", "enable-failed", None, "mem", 4096),
        (PCI + "  bridge window [mem 0xfde00000-0xfdffffff]", "bridge-window", "bridge window mem", "mem", 1 << 21),
        (
            PCI + "  bridge window [mem 0xfff00000-0x000fffff pref] (disabled)",
            "bridge-window",
            "bridge window pref",
            "pref",
            0,
        ),
        (PCI + "  bridge window [io  disabled]", "bridge-window", "bridge window io", "io", None),
        (PCI + "  MEM window: disabled", "bridge-window", "bridge window mem", "mem", None),
        (
            PCI + "  PREFETCH window: 0x000000d0000000-0x000000d00fffff",
            "bridge-window",
            "bridge window pref",
            "pref",
            1 << 20,
        ),
        (
            PCI + "bridge window [io  0x1000-0x0fff] to [bus 03] add_size 1000",
            "window-wanted",
            "bridge window io",
            "io",
            0,
        ),
        (
            PCI + "bridge window [mem 0xfe100000-0xfe1fffff]: failed to expand by 0x100000",
            "window-short",
            "bridge window mem",
            "mem",
            1 << 20,
        ),
    ],
)
def test_bars(text: str, kind: str, bar: str, type_: str, size: int) -> None:
    found = event(text)
    assert (found.kind, found.address) == (kind, "0000:02:02.0")
    assert (found.get("bar"), found.get("type"), found.get("size")) == (bar, type_, size)


def test_conflicts_name_the_other() -> None:
    text = (
        "BAR 4 [mem 0x38-0x3b 64bit pref]: can't claim; address conflict with 0000:06:02.0 [mem 0x38-0x3b 64bit pref]"
    )
    found = event(PCI + text)
    assert (found.kind, found.get("reason")) == ("bar-conflict", "address conflict")
    assert found.get("conflict") == "0000:06:02.0 [mem 0x38-0x3b 64bit pref]"


def test_closed_windows() -> None:
    assert event(PCI + "  bridge window [mem 0xfff00000-0x000fffff]").get("disabled") is True
    assert event(PCI + "  bridge window [io  0x1000-0x1fff] (disabled)").get("disabled") is True
    assert event(PCI + "  IO window: disabled").get("disabled") is True
    assert event(PCI + "  bridge window [io  0x1000-0x1fff]").get("disabled") is False


def test_resources() -> None:
    whole = {"bar": None, "type": "pref", "start": "fe800000", "end": "fe803fff", "size": 16384}
    assert resource_fields("[mem 0xfe800000-0xfe803fff 64bit pref]") == {**whole, "bits64": True, "disabled": False}
    assert resource_fields("[io  0x0060]")["size"] == 1
    assert resource_fields("[bus 01-ff]")["type"] == "bus"
    assert resource_fields("nonsense")["size"] is None


def test_bars_by_index() -> None:
    assert [bar_of_index(index, "mem", "pci") for index in (0, 5, 6, 7, 12, 14, 16)] == [
        *("BAR 0", "BAR 5", "ROM", "VF BAR 0", "VF BAR 5", "bridge window mem", "bridge window 3")
    ]
    assert bar_of_index(7, "io", "pci") == "bridge window io"
    assert bar_of_index(9, "mem", "pcieport") == "bridge window pref"


def states(*texts: str) -> dict[tuple[str, str], str]:
    return dict(bar_states([event(PCI + text) for text in texts]))


def test_the_last_state_of_a_bar_counts() -> None:
    size, address = "[mem size 0x00000100 64bit]", ("0000:02:02.0", "BAR 0")
    failed = (f"BAR 0 {size}: can't assign; no space", f"BAR 0 {size}: failed to assign")
    assert states("BAR 0 [mem 0x0-0xff 64bit]", *failed) == {address: "failed"}
    assert states(*failed, "BAR 0 [mem 0xfe000000-0xfe0000ff 64bit]: assigned") == {address: "assigned"}
    assert states("BAR 0: assigned [mem 0xfe000000-0xfe0000ff]", f"BAR 0: no space for {size}") == {address: "failed"}


def test_a_function_found_anew_starts_anew() -> None:
    failed, found = "BAR 0 [mem size 0x100]: failed to assign", "[1af4:1000] type 00 class 0x020000"
    assert states(failed, found) == {}
    assert states(failed, found, "BAR 1 [mem 0x0-0xff]") == {("0000:02:02.0", "BAR 1"): "sized"}


def test_windows_that_could_not_grow_have_not_failed() -> None:
    wide = "bridge window [mem 0xfe100000-0xfe1fffff]"
    assert states(f"{wide}: assigned", f"{wide}: failed to expand by 0x100000") == {
        ("0000:02:02.0", "bridge window mem"): "assigned"
    }


@pytest.mark.parametrize(
    ("text", "kind", "address", "fields"),
    [
        (PCI + "PCI bridge to [bus 03-05]", "bridge", "0000:02:02.0", {"secondary": "03", "subordinate": "05"}),
        (PCI + "PCI bridge to [bus 02]", "bridge", "0000:02:02.0", {"secondary": "02", "subordinate": "02"}),
        (PCI + "PCI bridge, secondary bus 0000:0b", "bridge", "0000:02:02.0", {"secondary": "0b"}),
        (PCI + "No bus number available for hot-added bridge", "no-bus-number", "0000:02:02.0", {}),
        (
            "pci_bus 0000:01: No bus number available for hot-added bridge 0000:01:01.0",
            "no-bus-number",
            "0000:01:01.0",
            {},
        ),
        ("pci_bus 0000:03: busn_res: [bus 03-05] end is updated to 03", "bus-range", None, {"end": "03"}),
        ("pci_bus 0000:03: busn_res: [bus 03] is released", "bus-released", None, {"secondary": "03"}),
        (
            "virtio-pci 0000:02:02.0: enabling device (0000 -> 0003)",
            "enabling",
            "0000:02:02.0",
            {"old": "0000", "new": "0003"},
        ),
        (
            "pci_bus 0000:00: Some PCI device resources are unassigned, try booting with pci=realloc",
            "resources-unassigned",
            None,
            {},
        ),
        (
            "pci_bus 0000:00: Automatically enabled pci realloc, if you have problem, try booting with pci=realloc=off",
            "realloc-enabled",
            None,
            {},
        ),
        ("pci_bus 0000:00: No. 2 try to assign unassigned res", "realloc-pass", None, {"pass_number": 2}),
        ("ixgbe 0000:04:00.0: not enough MMIO resources for SR-IOV", "sriov-failed", "0000:04:00.0", {}),
        ("ACPI: PCI Interrupt Link [LNKB] enabled at IRQ 11", "irq-link", None, {"link": "LNKB", "irq": 11}),
        ("ACPI: \\_SB_.LNKB: Enabled at IRQ 10", "irq-link", None, {"link": "LNKB", "irq": 10}),
        (
            "sym53c8xx 0000:00:04.0: PCI INT A -> Link[LNKD] -> GSI 10 (level, high) -> IRQ 10",
            "irq-routed",
            "0000:00:04.0",
            {"irq": 10},
        ),
        (
            "virtio_blk: probe of virtio3 failed with error -2",
            "probe-failed",
            None,
            {"driver": "virtio_blk", "device": "virtio3", "error": -2},
        ),
        (
            "virtio_blk virtio3: probe with driver virtio_blk failed with error -2",
            "probe-failed",
            None,
            {"driver": "virtio_blk", "device": "virtio3", "error": -2},
        ),
        (
            "virtio-pci: probe of 0000:00:02.0 failed with error -5",
            "probe-failed",
            "0000:00:02.0",
            {"driver": "virtio-pci", "error": -5},
        ),
        (
            "virtio-pci 0000:00:02.0: probe with driver virtio-pci failed with error -5",
            "probe-failed",
            "0000:00:02.0",
            {"device": "0000:00:02.0"},
        ),
        ("virtio-pci 0000:00:02.0: virtio_pci: leaving for legacy driver", "virtio-legacy", "0000:00:02.0", {}),
        (
            "virtio_net virtio1: device uses modern interface but does not have VIRTIO_F_VERSION_1",
            "virtio-refused",
            None,
            {"device": "virtio1"},
        ),
        (
            "virtio_blk virtio3: [vdb] 2048 512-byte logical blocks (1.05 MB/1.00 MiB)",
            "disk-sized",
            None,
            {"node": "vdb", "device": "virtio3", "size": 1048576},
        ),
        (
            "sd 2:0:0:0: [sdb] 2048 512-byte logical blocks: (1.05 MB/1.00 MiB)",
            "disk-sized",
            None,
            {"node": "sdb", "scsi": "2:0:0:0"},
        ),
        ("virtio_blk virtio1: 2/0/0 default/read/poll queues", "queues", None, {"name": "virtio1"}),
        (" vdb: vdb1 vdb2", "partitions", None, {"node": "vdb", "partitions": ("vdb1", "vdb2")}),
        ("sdb: unknown partition table", "partitions", None, {"node": "sdb", "partitions": ()}),
        ("scsi host7: Virtio SCSI HBA", "scsi-host", None, {"name": "host7", "what": "Virtio SCSI HBA"}),
        ("scsi2 : sym-2.2.3", "scsi-host", None, {"name": "host2", "what": "sym-2.2.3"}),
        (
            "scsi 7:0:0:1: Direct-Access     QEMU     QEMU HARDDISK    2.5+ PQ: 0 ANSI: 5",
            "scsi-device",
            None,
            {"type": "Direct-Access", "scsi": "7:0:0:1"},
        ),
        ("sd 7:0:0:1: [sdb] Attached SCSI disk", "disk-attached", None, {"node": "sdb", "scsi": "7:0:0:1"}),
        ("sd 7:0:0:1: Attached scsi generic sg1 type 0", "scsi-generic", None, {"node": "sg1"}),
        ("sd 7:0:0:1: [sdb] Synchronizing SCSI cache", "disk-leaving", None, {"node": "sdb"}),
        ("sym0: <895a> rev 0x0 at pci 0000:00:04.0 irq 10", "hba-found", "0000:00:04.0", {"model": "895a"}),
        ("nvme nvme1: pci function 0000:02:00.0", "nvme-controller", "0000:02:00.0", {"name": "nvme1"}),
        ("nvme nvme2: Removing after probe failure status: -19", "nvme-failed", None, {"status": -19}),
        ("nvme nvme2: failed to mark controller live state", "nvme-failed", None, {"name": "nvme2"}),
        ("nvme nvme2: Device not ready; aborting initialisation, CSTS=0x0", "nvme-failed", None, {"csts": "0x0"}),
        ("nvme nvme1: I/O 22 QID 0 timeout, completion polled", "nvme-timeout", None, {"reason": "completion polled"}),
        ("nvme nvme1: I/O tag 22 (1016) QID 0 timeout, aborting", "nvme-timeout", None, {"reason": "aborting"}),
        (
            "nvme nvme1: I/O tag 70 (e046) opcode 0x2 (I/O Cmd) QID 6 timeout, reset controller",
            "nvme-timeout",
            None,
            {"reason": "reset controller"},
        ),
        (
            "nvme nvme1: controller is down; will reset: CSTS=0xffffffff, PCI_STATUS=0xffff",
            "nvme-down",
            None,
            {"csts": "0xffffffff"},
        ),
        (
            "virtio_net virtio3 ens6: renamed from eth0",
            "net-renamed",
            None,
            {"name": "ens6", "from": "eth0", "device": "virtio3"},
        ),
        (
            "e1000 0000:00:04.0 eth0: (PCI:33MHz:32-bit) 52:54:00:12:34:58",
            "net-registered",
            "0000:00:04.0",
            {"name": "eth0", "mac": "52:54:00:12:34:58"},
        ),
        (
            "INFO: task kworker/7:2:2291061 blocked for more than 120 seconds.",
            "hung-task",
            None,
            {"task": "kworker/7:2", "pid": 2291061, "seconds": 120},
        ),
        ("BUG: kernel NULL pointer dereference, address: 00000000000000da", "oops", None, {"at": "00000000000000da"}),
        (
            "BUG: unable to handle kernel NULL pointer dereference at 0000000000000010",
            "oops",
            None,
            {"at": "0000000000000010"},
        ),
        ("kernel BUG at kernel/resource.c:792!", "oops", None, {"at": "kernel/resource.c:792"}),
        ("Oops: 0002 [#1] PREEMPT SMP PTI", "oops", None, {}),
        ("RIP: 0010:shpc_init+0x3d/0xb0", "oops-at", None, {"symbol": "shpc_init", "module": None}),
        (
            "RIP: 0010:[<ffffffff813a>]  [<ffffffff813a>] pciehp_ist+0x3d/0xb0 [pciehp]",
            "oops-at",
            None,
            {"symbol": "pciehp_ist", "module": "pciehp"},
        ),
        (
            "WARNING: CPU: 1 PID: 9 at kernel/dma/mapping.c:533 dma_free_attrs+0x3c/0x60",
            "warning",
            None,
            {"symbol": "dma_free_attrs"},
        ),
        ("Kernel panic - not syncing: Fatal exception", "panic", None, {}),
        ("swiotlb buffer is full (sz: 4096 bytes), total 32768 (slots)", "swiotlb-full", None, {"wanted": "4096"}),
        ("xhci_hcd 0000:01:00.0: remove, state 4", "driver-leaving", "0000:01:00.0", {}),
        ("vbd vbd-51760: 12 xenbus_dev_probe on device/vbd/51760", "xenbus-failed", None, {"error": 12}),
        ("Linux version 6.1.0-50-amd64 (gcc-12) #1 SMP", "boot", None, {"release": "6.1.0-50-amd64"}),
    ],
)
def test_other_events(text: str, kind: str, address: str, fields: dict[str, object]) -> None:
    found = event(text)
    assert (found.kind, found.address) == (kind, address)
    assert {name: found.fields[name] for name in fields} == fields


@pytest.mark.parametrize(
    "text",
    [
        "",
        "pci 0000:00:02.0: supports D1 D2",
        "pcieport 0000:00:1c.0: pciehp: pciehp: pciehp: Slot(1): Link Up",
        "Slot(",
        "efifb: BAR 2: assigned to efifb",
        "iwlwifi 0000:02:00.0: loaded firmware version",
        "systemd[1]: Reached target slots.target",
        "[sdb] not a size",
    ],
)
def test_what_means_nothing(text: str) -> None:
    assert event_of(text) is None


@pytest.mark.parametrize(
    ("text", "bus", "first", "last"),
    [
        ("pci_bus 0000:00: root bus resource [bus 00-ff]", "0000:00", "00", "ff"),
        ("pci_bus 10000:e0: root bus resource [bus e0-ff]", "10000:e0", "e0", "ff"),
        ("pci_bus 0000:ff: root bus resource [bus ff]", "0000:ff", "ff", "ff"),
        ("ACPI: PCI Root Bridge [PCI0] (domain 0000 [bus 80-9f])", "0000:80", "80", "9f"),
    ],
)
def test_the_range_of_a_root_bus(text: str, bus: str, first: str, last: str) -> None:
    found = event(text)
    assert found.kind == "root-bus-range"
    assert (found.get("bus"), found.get("first"), found.get("last")) == (bus, first, last)


def test_a_range_of_no_bus_is_none() -> None:
    assert event_of("pci_bus: root bus resource [bus 00-ff]") is None
    assert event("pci_bus 0000:00: root bus resource [io  0x0000-0x0cf7]").kind == "root-window"
