"""Buses that nobody serves, and ports without room."""

from __future__ import annotations

import pytest

# SltCap without HotPlug+.
PLAIN_SLOT = (0x0008_0000, 0, 0)


def of(said, bus):
    return next((f for f in said.of("bus.unserved") if f.subject == bus), None)


def served_by_acpi(syn, guest, port, bus, name):
    """A bridge whose bus has ACPI slots that acpiphp serves."""
    node = f"{syn.NAMESPACE}/PNP0A03:00/device:{name}"
    guest.acpi_slots(node, 0)
    guest.link(f"{guest.paths[port]}/firmware_node", f"../../LNXSYSTM:00/LNXSYBUS:00/PNP0A03:00/device:{name}")
    guest.slot(f"0-{name}", f"{bus}:00", power="0", adapter="0", latch="0")


# Root buses.


def test_a_served_root_bus(pc):
    pc.check().silent("bus.unserved")


def test_the_root_bus_of_a_pcie_machine_is_only_mentioned(q35):
    said = q35.check()
    assert of(said, "0000:00").severity == "info"
    assert said.verdict == "ready"


def test_a_pcie_machine_without_ports(syn, guest):
    """q35 with ACPI hot-plug and no root port: the announcing device and its GPE are there, and no slot is."""
    syn.bare(guest)
    guest.announced(guest.host_bridge(hid="PNP0A08"))
    said = guest.check()
    finding = said.fires("bus.unserved", "error")
    assert finding.side == "host"
    assert "pcie-root-port" in finding.detail
    assert said.verdict == "not-ready"
    assert "no hot-plug port" in said.why


def test_a_root_bus_that_the_host_keeps_from_hot_plug(syn, pc):
    """QEMU's acpi-root-pci-hotplug=off: it refuses devices there, and the bridge takes them."""
    for device in ("3", "4"):
        pc.remove(f"sys/bus/pci/slots/{device}")
        pc.remove(f"{syn.NAMESPACE}/PNP0A03:00/device:0{device}")
    pc.port("0000:00:05.0", "0000:01", syn.bridge(1, express=False), driver=None)
    served_by_acpi(syn, pc, "0000:00:05.0", "0000:01", "28")
    said = pc.check()
    assert of(said, "0000:00").severity == "info"
    assert said.verdict == "ready"


def test_slots_that_acpiphp_does_not_take(pc):
    """The firmware names slots on the root bus, and what would serve them is switched off."""
    pc.remove("sys/bus/pci/slots/3")
    pc.remove("sys/bus/pci/slots/4")
    pc.file("sys/module/acpiphp/parameters/disable", "Y\n")
    finding = of(pc.check(), "0000:00")
    assert (finding.severity, finding.side) == ("error", "guest")
    assert any("sun" in piece.source for piece in finding.evidence)


def test_a_physical_machine_is_not_blamed(syn, guest):
    syn.q35(guest, native=False)
    guest.file("proc/cpuinfo", "flags\t\t: fpu sse lahf_lm\n")
    guest.file("sys/class/dmi/id/sys_vendor", "Acme\n")
    guest.file("sys/class/dmi/id/product_name", "Server 1\n")
    guest.function("0000:00:00.0", "8086", "2020", "060000", subsystem="8086")
    said = guest.check()
    assert {f.severity for f in said.of("bus.unserved")} == {"info"}
    assert said.verdict == "not-ready"
    assert said.faults == []


@pytest.mark.parametrize("line, side", [("acpi=off", "guest"), ("pci=noacpi", "guest"), ("quiet", "host")])
def test_a_root_bus_whose_slots_acpi_would_describe(pc, syn, line, side):
    for device in ("3", "4"):
        pc.remove(f"sys/bus/pci/slots/{device}")
        pc.remove(f"{syn.NAMESPACE}/PNP0A03:00/device:0{device}")
    pc.file("proc/cmdline", line + "\n")
    assert of(pc.check(), "0000:00").side == side


# Ports and bridges.


def test_a_port_that_nobody_serves(syn, guest):
    said = syn.q35(guest, native=False).check()
    finding = of(said, "0000:01")
    assert (finding.severity, finding.address) == ("error", "0000:00:01.0")
    assert "HotPlug+, SltCtl HPIrq-" in finding.evidence[0].value
    assert said.verdict == "not-ready"


KEPT = "_OSC: platform does not support [PCIeHotplug LTR]"
NOT_ASKED = "_OSC: not requesting OS control; OS requires [ExtendedConfig ASPM ClockPM MSI]"


@pytest.mark.parametrize(
    "said, announced, detail",
    [
        (KEPT, False, "firmware keeps native hot-plug to itself"),
        # pciehp would hear of nothing from a host that announces by ACPI.
        (KEPT, True, "see that acpiphp works"),
        (NOT_ASKED, False, "boot without pcie_aspm=off, pci=nomsi"),
        ("_OSC: platform retains control of PCIe features (AE_ERROR)", False, "boot with pcie_ports=native"),
    ],
)
def test_why_nobody_serves_a_port_is_what_the_log_says_of_osc(syn, guest, said, announced, detail):
    syn.q35(guest, native=False)
    guest.log("Linux version 6.1", f"acpi PNP0A08:00: {said}", "acpi PNP0A08:00: _OSC: OS now controls [PME AER]")
    if announced:
        guest.announced(f"{syn.NAMESPACE}/PNP0A08:00")
    finding = of(guest.check(), "0000:01")
    assert finding.evidence[-1].value == said
    assert detail in finding.detail
    assert ("pcie_ports=native" in finding.detail) is not announced


def test_a_log_that_says_nothing_of_osc(syn, guest):
    syn.q35(guest, native=False)
    guest.log("Linux version 6.1", "acpi PNP0A08:00: _OSC: platform does not support [LTR]")
    finding = of(guest.check(), "0000:01")
    assert finding.detail == "neither pciehp nor acpiphp took it"
    assert not any("_OSC" in one.value for one in finding.evidence)


def test_one_port_of_two(q35):
    q35.remove("sys/bus/pci/slots/2")
    said = q35.check()
    assert of(said, "0000:02").severity == "warning"
    assert of(said, "0000:01") is None
    assert said.verdict == "limited"


def test_a_port_that_is_not_for_hot_plug(syn, q35):
    q35.port("0000:00:03.0", "0000:03", syn.bridge(3, slot=PLAIN_SLOT))
    said = q35.check()
    assert of(said, "0000:03").severity == "info"
    assert said.verdict == "ready"


def test_a_controller_that_the_kernel_was_not_given(syn, pc):
    """The host takes a device there, and the guest never learns of it."""
    pc.port("0000:00:05.0", "0000:01", syn.bridge(1, express=False, shpc=True), driver=None)
    pc.log("shpchp 0000:00:05.0: Cannot get control of SHPC hotplug")
    said = pc.check()
    finding = of(said, "0000:01")
    assert (finding.severity, finding.side) == ("warning", "host")
    assert "Cannot get control" in finding.evidence[-1].value
    assert said.verdict == "limited"


def test_a_controller_that_the_kernel_took(syn, pc):
    pc.port("0000:00:05.0", "0000:01", syn.bridge(1, express=False, shpc=True), driver="shpchp")
    pc.slot("9", "0000:01:09", power="2", adapter="0", latch="0", attention="0")
    said = pc.check()
    assert of(said, "0000:01") is None
    assert said.headroom.rooms[1].mechanism == "shpchp"
    assert said.snapshot.slots.items[-1].power == 2


@pytest.mark.parametrize("express", [False, True])
def test_a_bridge_without_controller(syn, pc, express):
    """pci-bridge or pcie-pci-bridge with shpc=off, and no ACPI slots behind: the host refuses devices there."""
    pc.port("0000:00:05.0", "0000:01", syn.bridge(1, express=express, port_type=7), driver=None)
    said = pc.check()
    finding = of(said, "0000:01")
    assert finding.severity == "info"
    assert "shpc=on" in finding.detail
    assert said.verdict == "ready"


def test_a_bridge_without_controller_where_nothing_is_served(syn, pc):
    """Without any ACPI hot-plug QEMU accepts a device there, and the guest sees nothing."""
    for device in ("3", "4"):
        pc.remove(f"sys/bus/pci/slots/{device}")
        pc.remove(f"{syn.NAMESPACE}/PNP0A03:00/device:0{device}")
    pc.port("0000:00:05.0", "0000:01", syn.bridge(1, express=False), driver=None)
    assert of(pc.check(), "0000:01").severity == "warning"


def test_a_port_whose_capabilities_are_hidden(syn, guest):
    """Other users see 64 bytes: whether the port is hot-plug capable is not known, and nothing is claimed of it."""
    syn.q35(guest, native=False)
    for number in (1, 2):
        path = guest.paths[f"0000:00:0{number}.0"]
        guest.file(f"{path}/config", syn.bridge(number)[:64])
    said = guest.check()
    assert "0000:00:01.0 and 1 more" in said.unknown("bus.unserved")
    assert [f.subject for f in said.of("bus.unserved")] == ["0000:00"]
    assert said.verdict == "not-ready"


def test_buses_of_hyper_v(syn, guest):
    """A function of VMBus is on a root bus of its own, which is no place to plug into."""
    vmbus_guest(syn, guest)
    said = guest.check()
    said.silent("bus.unserved")
    said.fires("guest.vmbus", "info")


def vmbus_guest(syn, guest):
    syn.bare(guest)
    top = "sys/devices/LNXSYSTM:00/LNXSYBUS:00/ACPI0004:00/VMBUS:00/47505500-0001-0001-3130-444531303244/pci0001:00"
    guest.remove("sys/bus/pci/devices/0000:00:00.0")
    guest.remove("sys/class/pci_bus/0000:00")
    guest.function("0001:00:02.0", "15b3", "1016", "020000", driver="mlx5_core", top=top)
    guest.folder(f"{top}/pci_bus/0001:00")
    guest.link("sys/class/pci_bus/0001:00", f"../../devices/{top[12:]}/pci_bus/0001:00")


def test_recorded(recorded):
    recorded("burst", "added").silent("bus.unserved")
    assert of(recorded("pc-bridge-shpc", "before"), "0000:01").severity == "warning"


# Windows.


def test_a_port_with_windows(q35):
    q35.check().silent("bus.no-window")


@pytest.mark.parametrize(
    "windows, fires",
    [
        ({"mem": None, "pref": None}, True),
        ({"mem": (0, 0xFFFFF), "pref": None}, True),  # registers that nobody wrote
        ({"mem": None, "pref": (0x8_0000_0000, 0x8_3FFF_FFFF)}, False),
    ],
)
def test_a_port_without_windows(syn, q35, windows, fires):
    path = q35.paths["0000:00:01.0"]
    q35.file(f"{path}/config", syn.bridge(1, slot=(syn.SLOT[0], 0x07E0, 0), **windows))
    said = q35.check()
    if fires:
        assert said.fires("bus.no-window", "warning").subject == "0000:01"
        assert said.verdict == "limited"
        assert said.headroom.rooms[1].mem_largest == 0
    else:
        said.silent("bus.no-window")


def test_a_full_port_needs_no_window(syn, q35):
    path = q35.paths["0000:00:01.0"]
    q35.file(f"{path}/config", syn.bridge(1, slot=(syn.SLOT[0], 0x07E0, 0x40), mem=None))
    q35.file("sys/bus/pci/slots/1/adapter", "1\n")
    q35.function("0000:01:00.0", driver="virtio-pci", below="0000:00:01.0")
    q35.check().silent("bus.no-window")
