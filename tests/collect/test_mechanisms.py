"""The states of the mechanisms, each told by the evidence that Linux of its time leaves."""

from __future__ import annotations

import gzip

import pytest

HOT = "drivers/pci/hotplug"


def state(guest, name="acpiphp"):
    return guest.check().mechanism(name)


def silent_kernel(syn, guest):
    """No config, nothing below /lib/modules, nothing in /sys/module: a kernel that tells nothing."""
    syn.bare(guest)
    guest.remove("boot")
    guest.remove("lib")
    for name in ("acpiphp", "pciehp", "shpchp", "pci_hotplug"):
        guest.remove(f"sys/module/{name}")
    return guest


def test_built_in_by_its_folder(syn, guest):
    """Its absence proves something only where no module of that name is installed either."""
    assert state(silent_kernel(syn, guest), "pciehp").state == "unknown"
    guest.installed()
    found = state(guest, "pciehp")
    assert (found.state, found.present) == ("absent", False)
    guest.running("pciehp")
    found = state(guest, "pciehp")
    assert (found.state, found.present, found.config) == ("builtin", True, None)
    assert "config" in found.unknown
    assert state(guest, "pci_hotplug").state == "builtin"


def test_loaded_by_proc_modules(syn, guest):
    silent_kernel(syn, guest).file(
        "proc/modules", "acpiphp 20480 0 - Live 0x0\npci_hotplug 28672 1 acpiphp, Live 0x0\n"
    )
    assert [state(guest, name).state for name in ("acpiphp", "pci_hotplug")] == ["loaded", "loaded"]


def test_loaded_by_its_folder(syn, guest):
    silent_kernel(syn, guest).file("sys/module/shpchp/initstate", "live\n")
    assert state(guest, "shpchp").state == "loaded"


@pytest.mark.parametrize("value, wanted", [("y", "builtin"), ("n", "absent"), ("", "absent")])
def test_by_config(syn, guest, value, wanted):
    silent_kernel(syn, guest).kernel(HOTPLUG_PCI_ACPI=value)
    found = state(guest)
    assert (found.state, found.config) == (wanted, value or None)
    assert found.evidence[0].source == "/boot/config-6.1.0-syn"


@pytest.mark.parametrize(
    "files, wanted", [((f"{HOT}/acpiphp.ko.xz",), "loadable"), (("drivers/net/virtio_net.ko",), "absent")]
)
def test_a_module_by_config_and_its_file(syn, guest, files, wanted):
    silent_kernel(syn, guest).kernel(HOTPLUG_PCI_ACPI="m")
    guest.installed(*files)
    assert state(guest).state == wanted


def test_a_module_by_its_file_alone(syn, guest):
    silent_kernel(syn, guest).installed(f"{HOT}/shpchp.ko")
    assert [state(guest, name).state for name in ("shpchp", "acpiphp")] == ["loadable", "absent"]


@pytest.mark.parametrize(
    "file, content",
    [
        ("modules.builtin", "kernel/drivers/pci/hotplug/acpiphp.ko\n"),
        ("modules.builtin.modinfo", b"acpiphp.license=GPL\0acpiphp.parm=disable:x\0"),
    ],
)
def test_built_in_by_the_lists_of_the_kernel(syn, guest, file, content):
    silent_kernel(syn, guest).installed()
    guest.file(f"lib/modules/6.1.0-syn/{file}", content)
    assert state(guest).state == "builtin"


def test_built_in_by_what_it_said(syn, guest):
    silent_kernel(syn, guest).remove("sys/module")
    guest.log("acpiphp: ACPI Hot Plug PCI Controller Driver version: 0.5")
    assert state(guest).state == "builtin"


def test_unknown(syn, guest):
    silent_kernel(syn, guest).remove("sys/module")
    found = state(guest, "pciehp")
    assert (found.state, found.present) == ("unknown", None)
    assert "config" in found.unknown["state"]


def test_it_serves_so_it_is_there(syn, guest):
    silent_kernel(syn, guest).remove("sys/module")
    guest.slot("3", "0000:00:03", "acpiphp", power="0", adapter="0")
    assert [state(guest, name).state for name in ("acpiphp", "pci_hotplug")] == ["builtin", "builtin"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\x00\xff\x7f random bytes\n",
        "CONFIG_64BIT=y\n# CONFIG_ISA is not set\n",
        "# Linux/x86 5.4.0 Kernel Configuration\nCONFIG_PCI=y\n# CONFIG_HOTPLUG_PCI is not set\n",
    ],
)
def test_a_config_that_tells_nothing(syn, guest, text):
    """Empty, no config, a fragment, the config of another kernel: that a symbol is missing there proves nothing."""
    silent_kernel(syn, guest).remove("sys/module")
    guest.file("boot/config-6.1.0-syn", text)
    assert state(guest, "pci_hotplug").state == "unknown"


@pytest.mark.parametrize("cut, wanted", [(None, "builtin"), (40, "unknown"), (0, "unknown")])
def test_the_running_kernels_own_config(syn, guest, cut, wanted):
    silent_kernel(syn, guest).remove("sys/module")
    text = "CONFIG_PCI=y\nCONFIG_HOTPLUG_PCI=y\n" + "".join(f"CONFIG_X{number}=y\n" for number in range(500))
    guest.file("proc/config.gz", gzip.compress(text.encode())[:cut])
    assert state(guest, "pci_hotplug").state == wanted


def test_a_config_for_another_architecture_without_pci(syn, guest):
    silent_kernel(syn, guest).kernel(config={"CONFIG_PCI": "n"})
    assert state(guest, "pci_hotplug").state == "absent"


def test_others_by_their_config(syn, guest):
    syn.bare(guest).kernel(HOTPLUG_PCI_CPCI="n", HOTPLUG_PCI_ACPI_IBM="m")
    guest.installed(f"{HOT}/acpiphp_ibm.ko")
    assert (state(guest, "acpiphp_ibm").state, state(guest, "cpcihp").state) == ("loadable", "absent")
    assert [m.name for m in guest.check().snapshot.mechanisms][:3] == ["acpiphp", "pciehp", "shpchp"]


def test_switched_off_says_how(syn, guest):
    syn.bare(guest).file("sys/module/acpiphp/parameters/disable", "Y\n")
    found = state(guest)
    assert (found.state, found.present) == ("disabled", True)
    assert found.blocked_by == "acpiphp.disable=Y (/sys/module/acpiphp/parameters/disable)"


def test_a_module_switched_off_is_not_there(syn, guest):
    silent_kernel(syn, guest).kernel(HOTPLUG_PCI_ACPI="m")
    guest.installed(f"{HOT}/acpiphp.ko")
    guest.file("proc/cmdline", "acpi=off\n")
    found = state(guest)
    assert (found.state, found.present, found.blocked_by) == ("disabled", False, "acpi=off (/proc/cmdline)")


@pytest.mark.parametrize(
    "story, wanted",
    [
        ("pc-virtio", ("builtin", "builtin", "builtin", "builtin")),
        ("pc-scsi@bullseye", ("builtin", "builtin", "builtin", "builtin")),
        ("q35-rootport-native@forky", ("builtin", "builtin", "builtin", "builtin")),
        ("q35-rootport-acpi@cloud", ("builtin", "builtin", "builtin", "absent")),
        ("pc-acpiphp-disable", ("builtin", "disabled", "builtin", "builtin")),
        ("pc-noacpi", ("builtin", "disabled", "builtin", "builtin")),
        ("q35-native-nohp", ("builtin", "builtin", "disabled", "builtin")),
    ],
)
def test_recorded(recorded, story, wanted):
    said = recorded(story, "before")
    assert tuple(said.mechanism(name).state for name in ("pci_hotplug", "acpiphp", "pciehp", "shpchp")) == wanted
