"""Devices without a driver, and which of the reasons it is."""

from __future__ import annotations

import pytest

ALIAS = "alias pci:v00008086d0000100Esv*sd*bc*sc*i* e1000\n"
VIRTIO = "alias virtio:d00000001v* virtio_net\n"


def card(pc, address="0000:00:03.0", device="100e", **more):
    return pc.function(address, "8086", device, **{"class_": "020000", **more})


def child(pc, address="0000:00:03.0", type_=1, driver=None, name="virtio1"):
    """A function that virtio-pci took, and the virtio device below."""
    path = pc.function(address, "1af4", "1000", driver="virtio-pci")
    pc.file(f"{path}/{name}/modalias", f"virtio:d{type_:08X}v00001AF4\n")
    pc.link(f"sys/bus/virtio/devices/{name}", f"../../../devices/{path[12:]}/{name}")
    if driver:
        pc.link(f"{path}/{name}/driver", f"../../../../bus/virtio/drivers/{driver}")
    return f"{path}/{name}"


# Functions.


def test_bound(pc):
    card(pc, driver="e1000")
    pc.check().silent("driver.not-bound")


@pytest.mark.parametrize("class_", ["060100", "050000", "030000", "088000"])
def test_a_class_that_needs_none(pc, class_):
    card(pc, class_=class_)
    pc.check().silent("driver.not-bound")


def test_shared_memory_has_no_driver(pc):
    """ivshmem bears the vendor id of virtio, and modules.alias lists virtio_pci for every device of that vendor."""
    pc.installed(aliases="alias pci:v00001AF4d*sv*sd*bc*sc*i* virtio_pci\n")
    pc.function("0000:00:03.0", "1af4", "1110", "050000")
    pc.check().silent("driver.not-bound")


def test_nothing_loaded_it(pc):
    pc.installed("drivers/net/e1000.ko", aliases=ALIAS)
    card(pc)
    said = pc.check()
    finding = said.fires("driver.not-bound", "warning")
    assert (finding.remedy, finding.address) == ("modprobe e1000", "0000:00:03.0")
    assert "nothing loaded e1000" in finding.summary
    assert said.verdict == "limited"


def test_no_module_of_this_kernel(pc):
    card(pc)
    finding = pc.check().fires("driver.not-bound", "warning")
    assert (finding.side, finding.remedy) == ("image", None)
    assert "no module of this kernel" in finding.summary


@pytest.mark.parametrize(
    "path, text, remedy",
    [
        ("etc/modprobe.d/b.conf", "blacklist e1000\n", "modprobe e1000"),
        ("etc/modprobe.d/b.conf", "install e1000 /bin/true\n", "modprobe --ignore-install e1000"),
        ("proc/cmdline", "module_blacklist=e1000\n", None),
    ],
)
@pytest.mark.parametrize("with_alias", [True, False])
def test_blacklisted(pc, path, text, remedy, with_alias):
    """Without modules.alias in the tree, what is known of common devices has to do."""
    if with_alias:
        pc.installed("drivers/net/e1000.ko", aliases=ALIAS)
    else:
        pc.remove("lib")
    pc.file(path, text)
    card(pc)
    finding = pc.check().fires("driver.not-bound", "warning")
    assert "e1000 is blacklisted" in finding.summary
    assert finding.remedy == remedy


def test_one_module_of_two_is_blacklisted(pc):
    """Two drivers claim an RTL8139: the other one is the answer."""
    alias = "alias pci:v000010ECd00008139sv*sd*bc*sc*i* "
    pc.installed(aliases=f"{alias}8139cp\n{alias}8139too\n")
    pc.file("etc/modprobe.d/b.conf", "blacklist 8139cp\n")
    pc.function("0000:00:03.0", "10ec", "8139")
    assert pc.check().fires("driver.not-bound").remedy == "modprobe 8139too"


def test_without_modules_alias_nothing_is_claimed(pc):
    pc.remove("lib")
    card(pc)
    finding = pc.check().fires("driver.not-bound", "warning")
    assert "modules.alias" in finding.detail
    assert finding.remedy is None


def test_it_is_loaded_and_did_not_bind(pc):
    pc.installed("drivers/net/e1000.ko", aliases=ALIAS)
    pc.loaded("e1000")
    card(pc)
    assert pc.check().fires("driver.not-bound").remedy == "echo 0000:00:03.0 > /sys/bus/pci/drivers_probe"


def test_it_is_built_in_and_did_not_bind(pc):
    pc.file("lib/modules/6.1.0-syn/modules.builtin.modinfo", b"e1000.alias=pci:v00008086d0000100Esv*sd*bc*sc*i*\0")
    card(pc)
    assert "e1000 is there" in pc.check().fires("driver.not-bound").summary


def test_driver_override(pc):
    path = card(pc)
    pc.file(f"{path}/driver_override", "vfio-pci\n")
    assert "vfio-pci" in pc.check().fires("driver.not-bound").summary
    pc.file(f"{path}/driver_override", "(null)\n")
    assert "override" not in pc.check().fires("driver.not-bound").summary


def test_what_belongs_to_the_board(pc):
    """A chipset function outside of the slots, and a kernel without AHCI, as clouds have it."""
    card(pc, "0000:00:1f.2", "2922", class_="010601")
    said = pc.check()
    said.fires("driver.not-bound", "info")
    assert said.verdict == "ready"


@pytest.mark.parametrize("address, fires", [("0000:00:03.0", True), ("0000:00:1f.2", False)])
def test_an_accelerator_counts_where_it_was_plugged_in(pc, address, fires):
    card(pc, address, class_="120000")
    said = pc.check()
    if fires:
        said.fires("driver.not-bound", "warning")
    else:
        said.silent("driver.not-bound")


# Probing.


def test_autoprobe(pc):
    pc.check().silent("driver.autoprobe-off")


@pytest.mark.parametrize("bus", ["pci", "virtio"])
def test_autoprobe_off(pc, bus):
    pc.file(f"sys/bus/{bus}/drivers_autoprobe", "0\n")
    finding = pc.check().fires("driver.autoprobe-off", "warning")
    assert (finding.subject, finding.remedy) == (bus, f"echo 1 > /sys/bus/{bus}/drivers_autoprobe")


def test_autoprobe_off_explains_what_is_not_bound(pc):
    pc.installed("drivers/net/e1000.ko", aliases=ALIAS)
    pc.file("sys/bus/pci/drivers_autoprobe", "0\n")
    card(pc)
    said = pc.check()
    assert said.fires("driver.not-bound").because == ("driver.autoprobe-off",)
    faults = [f.id for f in said.findings if f.status == "fail"]
    assert faults.index("driver.autoprobe-off") < faults.index("driver.not-bound")


REFUSED = "virtio-pci 0000:00:03.0: probe with driver virtio-pci failed with error -5"
OLD_REFUSED = "virtio-pci: probe of 0000:00:03.0 failed with error -5"
FOUND = "pci 0000:00:03.0: [1af4:1000] type 00 class 0x020000 conventional PCI endpoint"


@pytest.mark.parametrize("line", [REFUSED, OLD_REFUSED])
def test_a_driver_refused(pc, line):
    pc.function("0000:00:03.0")
    pc.log(FOUND, line)
    finding = pc.check().fires("driver.probe-failed", "warning")
    assert finding.summary == "virtio-pci refused 0000:00:03.0 with error -5"


@pytest.mark.parametrize(
    "lines, driver", [([FOUND, REFUSED], "virtio-pci"), ([FOUND, REFUSED, FOUND], None), ([FOUND], None)]
)
def test_no_driver_refuses_it_now(pc, lines, driver):
    """Bound by now; plugged in anew since; never refused."""
    pc.function("0000:00:03.0", driver=driver)
    pc.log(*lines)
    pc.check().silent("driver.probe-failed")


def test_a_driver_refused_the_device_below(pc):
    child(pc, type_=2)
    pc.log("virtio_blk virtio1: probe with driver virtio_blk failed with error -2")
    assert pc.check().fires("driver.probe-failed").address == "0000:00:03.0"


def test_a_refusal_explained_by_a_bar(pc):
    pc.function("0000:00:03.0", resource=[(0, 0xFFF, 0x20040200)])
    pc.log(REFUSED)
    assert pc.check().fires("driver.probe-failed").because == ("bar.unassigned",)


# virtio's second level.


def test_a_child_with_driver(pc):
    child(pc, driver="virtio_net")
    pc.check().silent("virtio.child-unbound")


def test_a_reserved_type_keeps_a_place(pc):
    child(pc, type_=0)
    pc.check().silent("virtio.child-unbound")


def test_a_child_without_driver(pc):
    pc.installed("drivers/net/virtio_net.ko", aliases=VIRTIO)
    pc.loaded("loop")
    child(pc)
    said = pc.check()
    finding = said.fires("virtio.child-unbound", "warning")
    assert (finding.subject, finding.address, finding.remedy) == ("virtio1", "0000:00:03.0", "modprobe virtio_net")
    assert said.verdict == "limited"


def test_a_blacklisted_child(pc):
    pc.remove("lib")
    pc.loaded("loop")
    pc.file("proc/cmdline", "modprobe.blacklist=virtio_net\n")
    child(pc)
    assert "virtio_net is blacklisted" in pc.check().fires("virtio.child-unbound").summary


@pytest.mark.parametrize("type_, severity", [(1, "warning"), (5, "info")])
def test_a_balloon_outside_of_the_slots_is_only_mentioned(pc, type_, severity):
    child(pc, "0000:00:1e.0", type_)
    pc.check().fires("virtio.child-unbound", severity)


def test_virtio_below_no_pci_function(pc):
    """virtio-mmio, as on microVMs: none of our business."""
    pc.file("sys/devices/platform/LNRO0005:00/virtio0/modalias", "virtio:d00000001v0000554D\n")
    pc.link("sys/bus/virtio/devices/virtio0", "../../../devices/platform/LNRO0005:00/virtio0")
    pc.check().silent("virtio.child-unbound")


def test_recorded(recorded):
    finding = recorded("q35-nodriver", "added").fires("virtio.child-unbound")
    assert finding.remedy == "modprobe virtio_net"
    recorded("q35-nodriver", "after").silent("virtio.child-unbound")
    finding = recorded("q35-rootport-acpi@cloud", "added").fires("driver.not-bound", "warning")
    assert finding.address == "0000:03:00.0"
    recorded("q35-rootport-acpi@cloud", "before").fires("driver.not-bound", "info")
    recorded("pc-scsi", "added").silent("driver.not-bound")


def test_one_of_two_left_it_and_the_other_is_forbidden(pc):
    """8139too is there and looks at the revision; 8139cp, which would take it, is not let in."""
    alias = "alias pci:v000010ECd00008139sv*sd*bc*sc*i* "
    pc.installed(aliases=f"{alias}8139cp\n{alias}8139too\n")
    pc.loaded("8139too")
    pc.function("0000:00:03.0", "10ec", "8139")
    assert "8139too is there" in pc.check().fires("driver.not-bound").summary
    pc.file("etc/modprobe.d/b.conf", "install 8139cp /bin/false\n")
    finding = pc.check().fires("driver.not-bound")
    assert "8139cp is blacklisted" in finding.summary
    assert finding.remedy == "modprobe --ignore-install 8139cp"


def test_what_was_refused_is_not_offered_again(pc):
    pc.installed("drivers/net/e1000.ko", aliases=ALIAS)
    pc.loaded("e1000")
    card(pc)
    pc.log("e1000: probe of 0000:00:03.0 failed with error -5")
    said = pc.check()
    said.fires("driver.probe-failed")
    assert said.fires("driver.not-bound").remedy is None


@pytest.mark.parametrize("bus, word", [("pci", "loaded after"), ("virtio", "new devices get no driver")])
def test_autoprobe_off_is_worse_on_virtio(pc, bus, word):
    """pci_bus_add_device() asks a driver that is loaded already."""
    pc.file(f"sys/bus/{bus}/drivers_autoprobe", "0\n")
    assert word in pc.check().fires("driver.autoprobe-off").summary


NIC = "0000:00:03.0"


def test_a_driver_that_waits_for_another(pc):
    pc.function(NIC, "8086", "100e", "020000")
    pc.log("Linux version 6.1", f"pci {NIC}: deferred probe pending: pcie: wait for supplier")
    assert pc.check().fires("driver.deferred", "warning").address == NIC


def test_a_driver_that_waited(pc):
    pc.function(NIC, "8086", "100e", "020000", "e1000")
    pc.log("Linux version 6.1", f"pci {NIC}: deferred probe pending")
    pc.check().silent("driver.deferred")


def test_a_virtio_device_whose_probe_was_put_off(pc):
    """The line names the virtio device, not the function."""
    child(pc, NIC)
    pc.log("Linux version 6.1", "virtio virtio1: deferred probe pending: virtio_net: wait for supplier")
    said = pc.check()
    assert said.fires("driver.deferred", "warning").address == NIC
    assert said.fires("virtio.child-unbound").because == ("driver.deferred",)
    child(pc, NIC, driver="virtio_net")
    pc.check().silent("driver.deferred")


@pytest.mark.parametrize("error, word", [(28, "interrupt vectors"), (110, "in time"), (5, "BAR"), (99, "interrupts")])
def test_what_an_error_of_a_driver_means(pc, error, word):
    pc.function(NIC, "8086", "100e", "020000")
    pc.log("Linux version 6.1", f"e1000: probe of {NIC} failed with error -{error}")
    assert word in (pc.check().fires("driver.probe-failed").detail or "")
