"""What is said of images, and the verdict: ``check --root MOUNTPOINT && ship``."""

from __future__ import annotations

import pytest

OLD, NEW = "5.10.0-9-syn", "6.1.0-50-syn"


@pytest.fixture
def image(syn, guest):
    """syn-image: one kernel, booted by GRUB; nothing is wrong."""
    return syn.grub(syn.image(guest, NEW), (NEW, "root=/dev/vda1 quiet"))


def test_nothing_forbids_anything(image):
    said = image.check()
    assert (said.verdict, said.faults) == ("ready", [])
    assert "acpiphp, pciehp" in said.why and NEW in said.why
    for rule in (
        "mechanism-absent",
        "mechanism-disabled",
        "module-blacklisted",
        "other-kernel",
        "next-update",
        "no-kernel",
    ):
        said.silent(f"image.{rule}")
    assert {finding.id.partition(".")[0] for finding in said.findings} == {"image", "guest", "kernel"}


def test_a_guest_has_none_of_these(pc):
    assert not [finding for finding in pc.check().findings if finding.id.startswith("image.")]


# Mechanisms.


@pytest.mark.parametrize(
    "text, off, verdict",
    [
        ("acpiphp.disable=1", ["acpiphp"], "unknown"),
        ("pci=noacpi", ["acpiphp"], "unknown"),
        ("acpi=off", ["acpiphp"], "unknown"),
        ("pcie_ports=compat", ["pciehp"], "unknown"),
        ("pcie_ports=compat acpi=off", ["acpiphp", "pciehp"], "not-ready"),
        ("pci=off", ["acpiphp", "pciehp", "shpchp"], "not-ready"),
        ("pci=nomsi", ["pciehp"], "unknown"),
    ],
)
def test_a_command_line_that_forbids(syn, image, text, off, verdict):
    said = syn.grub(image, (NEW, f"quiet {text}")).check()
    assert [finding.subject for finding in said.of("image.mechanism-disabled")] == off
    finding = said.fires("image.mechanism-disabled", "error")
    assert finding.evidence[0].source == "/boot/grub/grub.cfg"
    assert said.verdict == verdict


@pytest.mark.parametrize(
    "line, remedy",
    [("quiet", "update-grub"), ("quiet acpi=off", "${EDITOR:-vi} /etc/default/grub && update-grub")],
)
def test_where_to_take_it_out(syn, image, line, remedy):
    """Where /etc/default/grub does not have it, grub.cfg is only old."""
    syn.grub(image, (NEW, "acpi=off")).file("etc/default/grub", f'GRUB_CMDLINE_LINUX_DEFAULT="{line}"\n')
    assert image.check().fires("image.mechanism-disabled").remedy == remedy


def test_where_to_take_it_out_of_loader_entries(image):
    image.remove("boot/grub")
    image.file("boot/loader/entries/a.conf", f"title a\nlinux /vmlinuz-{NEW}\noptions pci=noacpi\n")
    assert image.check().fires("image.mechanism-disabled").remedy == "${EDITOR:-vi} /boot/loader/entries/a.conf"


@pytest.mark.parametrize(
    "config, verdict",
    [
        ({"HOTPLUG_PCI_ACPI": "n"}, "unknown"),
        ({"HOTPLUG_PCI_ACPI": "n", "HOTPLUG_PCI_PCIE": "n"}, "not-ready"),
        ({"HOTPLUG_PCI": "n"}, "not-ready"),
    ],
)
def test_built_without(syn, image, config, verdict):
    said = syn.image(image, NEW, **config).check()
    assert said.verdict == verdict
    if "HOTPLUG_PCI_ACPI" in config:
        assert said.fires("image.mechanism-absent", "error").subject == "acpiphp"


def test_shpchp_is_no_matter(syn, image):
    said = syn.image(image, NEW, HOTPLUG_PCI_SHPC="n").check()
    assert said.fires("image.mechanism-absent", "info").subject == "shpchp"
    assert said.verdict == "ready"


def test_a_module_that_nothing_loads(syn, image):
    syn.image(image, NEW, drivers=(*syn.DRIVERS, "acpiphp"), HOTPLUG_PCI_ACPI="m")
    said = image.check()
    assert said.fires("image.module-not-loaded", "error").remedy == "echo acpiphp >> /etc/modules"
    assert said.verdict == "unknown"
    image.file("etc/modules", "acpiphp\n")
    said = image.check()
    said.silent("image.module-not-loaded")
    assert said.verdict == "ready"


def test_a_module_that_is_blacklisted(syn, image):
    syn.image(image, NEW, drivers=(*syn.DRIVERS, "acpiphp"), HOTPLUG_PCI_ACPI="m")
    image.file("etc/modprobe.d/no.conf", "blacklist acpiphp\n")
    assert image.check().fires("image.module-blacklisted", "error").subject == "acpiphp"


def test_s390_has_a_mechanism_of_its_own(syn, guest):
    syn.image(guest, NEW, S390="y", X86_64="", HOTPLUG_PCI_S390="y", HOTPLUG_PCI_ACPI="", HOTPLUG_PCI_PCIE="")
    said = guest.check()
    assert (said.verdict, said.snapshot.guest.architecture) == ("ready", "s390x")
    said.silent("image.mechanism-disabled")


def test_where_to_take_it_out_on_fedora(image):
    image.remove("boot/grub")
    image.file("boot/grub2/grub.cfg", "blscfg\n")
    image.file("boot/loader/entries/a.conf", f"title a\nlinux /vmlinuz-{NEW}\noptions pci=noacpi\n")
    finding = image.check().fires("image.mechanism-disabled")
    assert finding.remedy == "grubby --update-kernel=ALL --remove-args=pci=noacpi"
    assert finding.evidence[0].source == "/boot/loader/entries/a.conf"


# Drivers.


def test_a_driver_that_is_missing(syn, guest):
    """syn-cloud: a kernel for clouds."""
    drivers = [name for name in syn.DRIVERS if not name.startswith("e1000")]
    said = syn.image(guest, "6.1.0-50-cloud-amd64", drivers=drivers).check()
    finding = said.fires("image.driver-missing", "warning")
    assert "e1000" in finding.summary and finding.remedy == "apt-get install linux-image-amd64"
    assert said.verdict == "limited"


def test_ubuntu_keeps_drivers_apart(syn, guest):
    said = syn.image(guest, "6.8.0-31-generic", drivers=["virtio_blk"])
    said.file("etc/os-release", 'ID="ubuntu"\n')
    assert said.check().fires("image.driver-missing").remedy == "apt-get install linux-modules-extra-6.8.0-31-generic"


def test_a_driver_that_is_blacklisted(image):
    image.file("etc/modprobe.d/no.conf", "blacklist virtio_blk\n")
    said = image.check()
    assert said.fires("image.module-blacklisted", "warning").evidence[0].source == "/etc/modprobe.d/no.conf"
    assert said.verdict == "limited"


def test_drivers_that_are_not_known(image):
    for path in [path for path in image.entries if path.startswith(("lib", "boot/config"))]:
        del image.entries[path]
    said = image.check()
    assert said.verdict == "unknown"
    assert said.unknown("image.driver-missing")


# Kernels.


def test_one_of_two_kernels_cannot(syn, image):
    syn.image(image, OLD, HOTPLUG_PCI="n")
    said = syn.grub(image, (NEW, ""), (OLD, "")).check()
    assert said.fires("image.other-kernel", "warning").subject == OLD
    assert said.verdict == "limited"
    assert said.snapshot.guest.kernel == NEW


@pytest.mark.parametrize("config, verdict", [({"HOTPLUG_PCI": "n"}, "unknown"), ({}, "ready")])
def test_two_kernels_and_nothing_says_which(syn, guest, config, verdict):
    said = syn.image(syn.image(guest, NEW), OLD, **config).check()
    assert said.verdict == verdict
    said.fires("image.default-unknown", "info")


def test_no_kernel(guest):
    guest.file("usr/lib/os-release", "ID=alpine\n")
    said = guest.check()
    assert (said.snapshot.guest.source, said.verdict) == ("image", "unknown")
    said.fires("image.no-kernel")


def test_no_boot_loader(syn, guest):
    said = syn.image(guest, NEW).check()
    assert said.fires("image.no-boot-loader", "info").side == "host"
    assert said.verdict == "ready"
    syn.grub(guest, (NEW, ""))
    guest.check().silent("image.no-boot-loader")


def test_a_configuration_as_large_as_a_disk(syn, guest):
    syn.image(guest, NEW).file("boot/grub/grub.cfg", "#" * (5 << 20))
    said = guest.check()
    assert "larger than" in said.unknown("image.boot-unreadable")
    assert (said.verdict, "grub.cfg" in said.why) == ("unknown", True)


def test_what_the_next_update_will_write(image):
    image.file("etc/default/grub", "GRUB_CMDLINE_LINUX=acpiphp.disable=1\n")
    said = image.check()
    assert said.fires("image.next-update", "warning").evidence[0].source == "/etc/default/grub"
    assert said.verdict == "limited"


def test_a_configuration_that_cannot_be_read(syn, guest):
    """What it holds decides; a guess at what it was made of does not."""
    syn.image(syn.image(guest, NEW), OLD).file("etc/default/grub", "GRUB_DEFAULT=0\n")
    assert guest.check().snapshot.image.default.release == NEW
    guest.link("boot/grub/grub.cfg", "grub.cfg")
    said = guest.check()
    assert said.snapshot.image.default is None
    assert (said.verdict, "grub.cfg" in said.why) == ("unknown", True)
    assert [line.default for kernel in said.snapshot.image.kernels for line in kernel.lines] == [None, None]
