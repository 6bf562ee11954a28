"""The mechanisms that a machine needs: absent, not loaded, forbidden, switched off."""

from __future__ import annotations

import pytest


def modular(pc, *names):
    """syn-2.6: acpiphp as a module, as on kernels up to 3.8; ``names`` are loaded."""
    pc.kernel(HOTPLUG_PCI_ACPI="m")
    pc.remove("sys/module/acpiphp")
    pc.installed("drivers/pci/hotplug/acpiphp.ko")
    if names:
        pc.loaded(*names)
    else:
        pc.remove("sys/bus/pci/slots/3")
        pc.remove("sys/bus/pci/slots/4")
    return pc


def without_slots(guest):
    for name in ("1", "2", "3", "4"):
        if f"sys/bus/pci/slots/{name}/address" in guest.entries:
            guest.remove(f"sys/bus/pci/slots/{name}")
    return guest


# The core.


def test_core_is_there(pc):
    pc.check().silent("kernel.core-absent")


def test_core_absent(pc):
    """Like this: the kernel of a microVM, with PCI and without hot-plug."""
    without_slots(pc)
    pc.kernel(HOTPLUG_PCI="n", HOTPLUG_PCI_ACPI="", HOTPLUG_PCI_PCIE="", HOTPLUG_PCI_SHPC="")
    for name in ("acpiphp", "pciehp", "shpchp", "pci_hotplug"):
        pc.remove(f"sys/module/{name}")
    said = pc.check()
    finding = said.fires("kernel.core-absent", "error")
    assert ("/boot/config-6.1.0-syn", "# CONFIG_HOTPLUG_PCI is not set") in finding.evidence
    assert said.of("bus.unserved")[0].because == ("kernel.core-absent",)
    said.silent("kernel.mechanism-absent")
    assert said.verdict == "not-ready"


def test_core_unknown(pc):
    pc.remove("boot")
    without_slots(pc)
    for name in ("acpiphp", "pciehp", "shpchp", "pci_hotplug"):
        pc.remove(f"sys/module/{name}")
    pc.remove("lib")
    assert "config" in pc.check().unknown("kernel.core-absent")


def test_slots_that_are_served_outweigh_a_config(pc):
    """The config of another build of this series: what runs is what counts."""
    pc.kernel(HOTPLUG_PCI="n", HOTPLUG_PCI_ACPI="n")
    pc.remove("sys/module/acpiphp")
    pc.remove("sys/module/pci_hotplug")
    said = pc.check()
    said.silent("kernel.core-absent")
    assert said.mechanism("acpiphp").state == "builtin"
    assert said.verdict == "ready"


# Absent mechanisms.


def test_a_mechanism_that_no_bus_needs_may_be_absent(pc):
    pc.kernel(HOTPLUG_PCI_SHPC="n", HOTPLUG_PCI_PCIE="n")
    pc.remove("sys/module/shpchp")
    pc.remove("sys/module/pciehp")
    said = pc.check()
    said.silent("kernel.mechanism-absent")
    assert said.mechanism("pciehp").state == "absent"
    assert said.verdict == "ready"


def test_pciehp_absent_where_ports_need_it(syn, guest):
    syn.q35(guest, native=False)
    guest.kernel(HOTPLUG_PCI_PCIE="n")
    guest.remove("sys/module/pciehp")
    said = guest.check()
    assert said.fires("kernel.mechanism-absent", "error").subject == "pciehp"
    assert all(f.because == ("kernel.mechanism-absent",) for f in said.of("bus.unserved") if f.severity != "info")


def test_a_module_that_is_not_installed_is_absent(pc):
    """linux-modules-extra: the kernel was built with the module, and its package is missing."""
    modular(pc)
    pc.installed("drivers/net/virtio_net.ko")
    said = pc.check()
    assert said.mechanism("acpiphp").state == "absent"
    finding = said.fires("kernel.mechanism-absent", "error")
    assert "not installed" in finding.summary


def test_a_mechanism_that_nothing_tells_of_is_unknown(pc):
    without_slots(pc)
    pc.remove("boot")
    pc.remove("lib")
    pc.remove("sys/module/acpiphp")
    assert pc.check().unknown("kernel.mechanism-absent")


# Modules.


def test_a_loaded_module_serves(pc):
    """The article's guest: pci_hotplug built in, acpiphp a module that /etc/modules names."""
    modular(pc, "acpiphp")
    pc.file("etc/modules", "# modules to load at boot\nloop\nacpiphp\n")
    said = pc.check()
    said.silent("kernel.module-not-loaded")
    acpiphp = said.mechanism("acpiphp")
    assert (acpiphp.state, acpiphp.config, acpiphp.autoload) == ("loaded", "m", ("/etc/modules",))
    assert (said.snapshot.core.state, said.verdict) == ("builtin", "ready")


def test_a_module_that_is_not_loaded(pc):
    said = modular(pc).check()
    finding = said.fires("kernel.module-not-loaded", "error")
    assert finding.remedy == "modprobe acpiphp && echo acpiphp >> /etc/modules && echo 1 > /sys/bus/pci/rescan"
    assert (said.mechanism("acpiphp").state, said.verdict) == ("loadable", "not-ready")


def test_a_module_that_the_next_boot_loads(pc):
    modular(pc)
    pc.file("etc/modules-load.d/hot.conf", "acpiphp\n")
    finding = pc.check().fires("kernel.module-not-loaded")
    assert "/etc/modules-load.d/hot.conf" in finding.summary
    assert "/etc/modules" not in finding.remedy


def test_the_core_as_a_module(pc):
    modular(pc)
    pc.kernel(HOTPLUG_PCI="m", HOTPLUG_PCI_ACPI="n", HOTPLUG_PCI_PCIE="n", HOTPLUG_PCI_SHPC="n")
    pc.installed("drivers/pci/hotplug/pci_hotplug.ko")
    for name in ("pci_hotplug", "pciehp", "shpchp"):
        pc.remove(f"sys/module/{name}")
    said = pc.check()
    assert said.snapshot.core.state == "loadable"
    assert said.fires("kernel.module-not-loaded").subject == "pci_hotplug"


# Forbidden.


def test_a_blacklist_of_what_is_built_in_means_nothing(pc):
    pc.file("etc/modprobe.d/no.conf", "blacklist acpiphp\n")
    said = pc.check()
    said.silent("kernel.module-blacklisted")
    assert said.mechanism("acpiphp").state == "builtin"


@pytest.mark.parametrize(
    "path, text, remedy",
    [
        ("etc/modprobe.d/no.conf", "blacklist acpiphp\n", "modprobe acpiphp && echo 1 > /sys/bus/pci/rescan"),
        (
            "usr/lib/modprobe.d/no.conf",
            "install acpiphp /bin/false\n",
            "modprobe --ignore-install acpiphp && echo 1 > /sys/bus/pci/rescan",
        ),
        ("proc/cmdline", "modprobe.blacklist=acpiphp\n", "modprobe acpiphp && echo 1 > /sys/bus/pci/rescan"),
        ("proc/cmdline", "module_blacklist=floppy,acpiphp\n", None),
    ],
)
def test_a_module_that_is_blacklisted(pc, path, text, remedy):
    modular(pc).file(path, text)
    said = pc.check()
    finding = said.fires("kernel.module-blacklisted", "error")
    assert finding.remedy == remedy
    assert said.mechanism("acpiphp").state == "blacklisted"
    assert said.of("bus.unserved")[0].because == ("kernel.module-blacklisted",)


def test_what_only_the_initial_ram_disk_forbids(pc):
    modular(pc).file("proc/cmdline", "rd.driver.blacklist=acpiphp\n")
    said = pc.check()
    assert said.mechanism("acpiphp").state == "loadable"


# Switched off.


@pytest.mark.parametrize("parameter", ["pci=nomsi", "pcie_ports=compat", "pcie_aspm=off", "pci=nommconf", "quiet"])
def test_what_only_pcie_needs_does_not_matter_to_acpi_slots(pc, parameter):
    pc.file("proc/cmdline", parameter + "\n")
    said = pc.check()
    said.silent("kernel.mechanism-disabled")
    assert said.verdict == "ready"


@pytest.mark.parametrize("parameter", ["acpi=off", "pci=noacpi", "acpiphp.disable=1", "acpiphp.disable"])
def test_acpiphp_switched_off(pc, parameter):
    without_slots(pc).file("proc/cmdline", f"quiet {parameter}\n")
    said = pc.check()
    finding = said.fires("kernel.mechanism-disabled", "error")
    assert parameter in finding.summary
    assert said.mechanism("acpiphp").state == "disabled"
    assert said.of("bus.unserved")[0].because == ("kernel.mechanism-disabled",)
    assert said.verdict == "not-ready"


def test_the_last_word_counts(pc):
    without_slots(pc).file("proc/cmdline", "acpi=off acpi=force acpiphp.disable=1 acpiphp.disable=0\n")
    assert pc.check().mechanism("acpiphp").state == "builtin"


@pytest.mark.parametrize(
    "parameter",
    ["pcie_ports=compat", "pci=nomsi", "pci=realloc,nommconf", "pcie_aspm=off", "initcall_blacklist=pcie_hp_init"],
)
def test_pciehp_switched_off(syn, guest, parameter):
    syn.q35(guest, native=False).file("proc/cmdline", f"quiet {parameter}\n")
    said = guest.check()
    finding = said.fires("kernel.mechanism-disabled", "error")
    assert finding.subject == "pciehp"
    assert parameter.replace("realloc,", "") in finding.summary
    assert finding.remedy is None
    assert said.verdict == "not-ready"


@pytest.mark.parametrize("parameters", ["pcie_ports=native pci=nomsi", "acpi=off pcie_aspm=off", "pci=noacpi,nomsi"])
def test_ports_that_firmware_is_not_asked_for(syn, guest, parameters):
    syn.q35(guest, native=False).file("proc/cmdline", parameters + "\n")
    assert guest.check().mechanism("pciehp").state == "builtin"


def test_ports_that_acpi_serves_do_not_miss_pciehp(syn, guest):
    """QEMU 6.1 and later: the slots of the root ports are ACPI's, and pciehp is given none."""
    syn.q35(guest, native=False).file("proc/cmdline", "pcie_ports=compat\n")
    for number in (1, 2):
        node = f"{syn.NAMESPACE}/PNP0A08:00/device:1{number}"
        guest.acpi_slots(node, 0)
        guest.link(f"{guest.paths[f'0000:00:0{number}.0']}/firmware_node",
                   f"../../LNXSYSTM:00/LNXSYBUS:00/PNP0A08:00/device:1{number}")  # fmt: skip
        guest.slot(f"0-{number}", f"0000:0{number}:00", power="0", adapter="0", latch="0")
    said = guest.check()
    said.silent("kernel.mechanism-disabled")
    assert (said.verdict, said.mechanism("acpiphp").state) == ("ready", "builtin")
    assert {slot.mechanism for slot in said.snapshot.slots.items} == {"acpiphp"}


def test_recorded(recorded):
    said = recorded("pc-acpiphp-disable", "before")
    assert "acpiphp.disable" in said.fires("kernel.mechanism-disabled").summary
    said = recorded("q35-native-nohp", "before")
    assert "pcie_ports=compat" in said.fires("kernel.mechanism-disabled").summary
    recorded("q35-rootport-native", "before").silent("kernel.mechanism-disabled")
