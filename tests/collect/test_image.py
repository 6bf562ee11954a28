"""Images that do not run: their kernels, what boots them, drivers and what will be loaded."""

from __future__ import annotations

import pytest

OLD, NEW = "5.10.0-9-syn", "6.1.0-50-syn"


@pytest.fixture
def image(syn, guest):
    """syn-image with two kernels and no boot loader."""
    return syn.image(syn.image(guest, OLD), NEW)


def found(guest):
    made = guest.check().snapshot.image
    assert made is not None
    return made


def default(guest):
    kernel = found(guest).default
    return None if kernel is None else kernel.release


def kernel_of(guest, name):
    return next(kernel for kernel in found(guest).kernels if kernel.release == name)


# Which kernel boots.


def test_the_newest_first(image):
    assert [kernel.release for kernel in found(image).kernels] == [NEW, OLD]


def test_nothing_says_which(image):
    made = found(image)
    assert made.default is None and made.why is None
    assert {kernel.default for kernel in made.kernels} == {None}
    assert "2 kernels" in image.check().snapshot.guest.unknown["kernel"]


@pytest.mark.parametrize(
    "which, wanted", [("0", NEW), ("1", OLD), (f"id-{OLD}", OLD), (f"Linux {OLD}", OLD), ("9", NEW)]
)
def test_grub(syn, image, which, wanted):
    syn.grub(image, (NEW, "quiet"), (OLD, "quiet"), default=which)
    assert default(image) == wanted
    assert found(image).why.source == "/boot/grub/grub.cfg"
    assert image.check().snapshot.guest.kernel == wanted


MENU = f"""# menu.lst
default={{}}
timeout 5
title Old (recovery)
root (hd0,0)
kernel --no-mem-option (hd0,0)/boot/vmlinuz-{OLD} root=/dev/vda1 \\
 pci=noacpi
initrd /boot/initrd
title Another system
chainloader +1
title New
kernel /vmlinuz-{NEW} quiet
"""


@pytest.mark.parametrize("path", ["boot/grub/menu.lst", "boot/grub/grub.conf"])
@pytest.mark.parametrize("which, wanted", [("0", OLD), ("2", NEW), ("9", OLD), ("saved", OLD), ("x", OLD)])
def test_grub_0_97(image, path, which, wanted):
    image.file(path, MENU.format(which))
    assert default(image) == wanted
    assert found(image).why.source == f"/{path}"
    assert [line.text for line in kernel_of(image, OLD).lines] == ["root=/dev/vda1 pci=noacpi"]
    assert [line.entry for line in kernel_of(image, NEW).lines] == ["New"]


def test_grub_0_97_boots_what_was_saved(image):
    image.file("boot/grub/menu.lst", MENU.format("saved"))
    image.file("boot/grub/default", "2\n#\n# WARNING: the size of this file is fixed\n")
    assert default(image) == NEW


def test_a_default_that_boots_no_kernel_of_the_image(image):
    image.file("boot/grub/menu.lst", MENU.format("1"))
    assert default(image) is None


def test_grub_2_counts_where_an_old_menu_was_left_behind(syn, image):
    syn.grub(image, (NEW, "quiet"))
    image.file("boot/grub/menu.lst", MENU.format("0"))
    assert default(image) == NEW
    assert found(image).loaders == ("/boot/grub/grub.cfg",)


def test_a_unified_image_says_what_is_not_read(image):
    image.file("boot/EFI/Linux/debian-6.1.0-50-syn.efi", "MZ")
    lines = [line for kernel in found(image).kernels for line in kernel.lines if line.text is None]
    assert lines and all("which is not read" in line.unknown["text"] for line in lines)


def test_grub_boots_what_was_saved(syn, image):
    syn.grub(image, (NEW, ""), (OLD, ""), default="${saved_entry}")
    assert default(image) == NEW
    image.file("boot/grub/grubenv", f"# GRUB Environment Block\nsaved_entry=id-{OLD}\n####")
    assert default(image) == OLD


def test_grub_on_a_partition_of_its_own(syn, image):
    """The paths of its entries are those of the boot partition."""
    syn.grub(image, (OLD, "quiet"))
    image.file("boot/grub/grub.cfg", image.read("boot/grub/grub.cfg").replace(b"/boot/vmlinuz", b"(hd0,gpt2)/vmlinuz"))
    assert default(image) == OLD


def test_grub_of_the_efi_partition_leads_to_the_other(syn, image):
    syn.grub(image, (OLD, "quiet"))
    image.entries["boot/grub2/own.cfg"] = image.entries.pop("boot/grub/grub.cfg")
    image.file("boot/efi/EFI/fedora/grub.cfg", "set prefix=($dev)/grub2\nconfigfile $prefix/own.cfg\n")
    assert default(image) == OLD
    assert found(image).loaders == ("/boot/efi/EFI/fedora/grub.cfg", "/boot/grub2/own.cfg")


def test_scripts_that_read_each_other(syn, image):
    syn.grub(image, (OLD, ""))
    text = image.read("boot/grub/grub.cfg").decode()
    image.file("boot/grub/grub.cfg", f"source /boot/grub/a.cfg\n{text}")
    image.file("boot/grub/a.cfg", "source /boot/grub/grub.cfg\nsource $prefix/a.cfg\nconfigfile ../grub/a.cfg\n")
    assert default(image) == OLD
    assert len(kernel_of(image, OLD).lines) == 1


FEDORA = 'set default="${saved_entry}"\ninsmod blscfg\nblscfg\nmenuentry "memtest" {\n linux16 /memtest\n}\n'


def bls(guest, release, top="boot", text="root=UUID=1 $kernelopts"):
    content = f"title Fedora {release}\nversion {release}\nlinux /vmlinuz-{release}\noptions {text}\n"
    guest.file(f"{top}/loader/entries/abc-{release}.conf", content)


@pytest.mark.parametrize("saved, wanted", [("", NEW), (f"abc-{OLD}", OLD)])
def test_loader_entries_of_grub(image, saved, wanted):
    """syn-fedora: the entries are files, their common options in grubenv."""
    image.file("boot/grub2/grub.cfg", FEDORA)
    image.file("boot/grub2/grubenv", f"# GRUB Environment Block\nsaved_entry={saved}\nkernelopts=ro acpi=off\n")
    for release in (OLD, NEW):
        bls(image, release)
    assert default(image) == wanted
    line = kernel_of(image, wanted).lines[0]
    assert (line.text, line.default) == ("root=UUID=1 ro acpi=off", True)
    assert {item.parameter: item.what for item in line.forbids} == {"acpi=off": ("acpiphp",)}


@pytest.mark.parametrize(
    "pattern, wanted", [("", NEW), (f"default abc-{OLD}.conf", OLD), ("default *-5.10*", OLD), ("default none", NEW)]
)
@pytest.mark.parametrize("top", ["boot", "boot/efi", "efi"])
def test_systemd_boot(image, top, pattern, wanted):
    image.file(f"{top}/loader/loader.conf", f"timeout 1\n{pattern}\n")
    for release in (OLD, NEW):
        bls(image, release, top, "quiet")
    assert default(image) == wanted


def test_a_unified_image_keeps_its_command_line(image):
    image.file(f"boot/efi/EFI/Linux/abc-{NEW}.efi", b"MZ")
    line = kernel_of(image, NEW).lines[0]
    assert line.text is None and "unified" in line.unknown["text"]
    said = image.check()
    assert (said.snapshot.guest.kernel, said.verdict) == (NEW, "unknown")


def test_extlinux_and_a_flavour(syn, guest):
    """syn-alpine: vmlinuz-virt is the kernel 6.6.4-0-virt."""
    syn.image(guest, "6.6.4-0-virt")
    guest.entries["boot/vmlinuz-virt"] = guest.entries.pop("boot/vmlinuz-6.6.4-0-virt")
    guest.file("boot/extlinux.conf", "DEFAULT virt\nLABEL virt\n LINUX vmlinuz-virt\n APPEND pcie_ports=compat\n")
    kernel = found(guest).default
    assert (kernel.release, kernel.bootable) == ("6.6.4-0-virt", True)
    assert [item.parameter for item in kernel.lines[0].forbids] == ["pcie_ports=compat"]


def test_isolinux_reads_others(syn, guest):
    syn.image(guest, NEW).file("isolinux/isolinux.cfg", "include live.cfg\ninclude isolinux.cfg\n")
    guest.file("isolinux/live.cfg", f"label a\nkernel /boot/vmlinuz-{NEW}\nappend pci=noacpi\n")
    assert found(guest).default.lines[0].text == "pci=noacpi"


def test_a_link_says_which(image):
    image.link("vmlinuz", f"boot/vmlinuz-{OLD}")
    assert (default(image), found(image).why.source) == (OLD, "/vmlinuz")


def test_before_the_boot_loader_is_installed(image):
    """Its entries will be made of /etc/default/grub and what is beside it."""
    image.file("etc/default/grub", 'GRUB_DEFAULT=0\nGRUB_CMDLINE_LINUX="console=ttyS0"\n')
    image.file("etc/default/grub.d/50-cloud.cfg", 'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX acpiphp.disable=1"\n')
    assert default(image) == NEW
    (line,) = found(image).default.lines
    assert (line.source, line.entry, line.default) == ("/etc/default/grub.d/50-cloud.cfg", None, True)
    assert line.text == "console=ttyS0 acpiphp.disable=1"
    assert image.check().mechanism("acpiphp").state == "disabled"


def test_an_entry_of_a_kernel_that_is_gone(syn, image):
    syn.grub(image, ("9.9.9-gone", ""), (OLD, ""))
    said = image.check()
    assert "no such kernel" in said.snapshot.guest.unknown["kernel"]
    said.fires("image.default-missing", "error")
    assert said.verdict == "unknown"


def test_entries_for_repairs_come_last(syn, guest):
    syn.grub(syn.image(guest, NEW), (NEW, "single acpi=off"), (NEW, "quiet"), default="1")
    assert [line.recovery for line in found(guest).default.lines] == [False, True]
    assert guest.check().verdict == "ready"


# Where kernels are.


@pytest.mark.parametrize("target", ["usr/lib", "/usr/lib"])
def test_a_merged_usr(syn, guest, target):
    syn.image(guest, NEW)
    for path in [path for path in guest.entries if path.startswith("lib/")]:
        guest.entries[f"usr/{path}"] = guest.entries.pop(path)
    guest.link("lib", target)
    assert guest.check().verdict == "ready"


def test_usr_without_a_link(syn, guest):
    syn.image(guest, NEW)
    for path in [path for path in guest.entries if path.startswith("lib/")]:
        guest.entries[f"usr/{path}"] = guest.entries.pop(path)
    assert kernel_of(guest, NEW).modules == f"/usr/lib/modules/{NEW}"
    assert guest.check().verdict == "ready"


def test_a_kernel_in_the_folder_of_its_modules(syn, guest):
    syn.image(guest, NEW).remove(f"boot/vmlinuz-{NEW}")
    assert kernel_of(guest, NEW).bootable is False
    guest.file(f"lib/modules/{NEW}/vmlinuz")
    assert kernel_of(guest, NEW).bootable is True


@pytest.mark.parametrize("name", ["..", "extra", "x\n6", "\x1b[2J", "build"])
def test_names_that_no_kernel_has(syn, guest, name):
    syn.image(guest, NEW).folder(f"lib/modules/6{name}" if name == "x\n6" else f"lib/modules/{name}")
    guest.file(f"boot/vmlinuz-{name}")
    assert [kernel.release for kernel in found(guest).kernels] == [NEW]


def test_more_kernels_than_are_looked_at(syn, guest):
    for number in range(100):
        syn.image(guest, f"6.1.{number}", drivers=())
    syn.grub(guest, ("6.1.3", ""))
    made = found(guest)
    assert (len(made.kernels), made.more, made.default.release) == (64, 36, "6.1.3")
    assert made.kernels[0].release == "6.1.99"
    guest.check().fires("image.too-many-kernels")


def test_a_boot_partition_that_is_not_mounted(syn, guest):
    syn.image(guest, NEW).file("etc/fstab", "UUID=1 / ext4\nUUID=2 /boot ext4\n")
    assert found(guest).unmounted == ()
    guest.remove("boot")
    kernel = kernel_of(guest, NEW)
    assert kernel.bootable is None and "not mounted" in kernel.unknown["bootable"]
    said = guest.check()
    said.fires("image.boot-not-mounted")
    assert said.verdict == "unknown"


# Drivers.


def state(guest, name, release=NEW):
    driver = next(driver for driver in kernel_of(guest, release).drivers if driver.name == name)
    assert driver.evidence or driver.unknown
    return driver.state


def test_a_module_whose_file_is_gone(syn, guest):
    syn.image(guest, NEW)
    assert state(guest, "nvme") == "module"
    guest.remove(f"lib/modules/{NEW}/kernel/nvme.ko.xz")
    assert state(guest, "nvme") == "missing"


def test_a_module_that_depends_on_what_is_gone(syn, guest):
    syn.image(guest, NEW, drivers=("nvme",))
    guest.file(f"lib/modules/{NEW}/modules.dep", "kernel/nvme.ko.xz: kernel/nvme-core.ko.xz\n")
    assert state(guest, "nvme") == "missing"
    guest.file(f"lib/modules/{NEW}/kernel/nvme-core.ko.xz")
    assert state(guest, "nvme") == "module"


@pytest.mark.parametrize("ending", ["", ".gz", ".xz", ".zst"])
def test_modules_packed_and_not(syn, guest, ending):
    syn.image(guest, NEW, drivers=())
    guest.file(f"lib/modules/{NEW}/modules.dep", f"kernel/virtio-blk.ko{ending}:\n")
    guest.file(f"lib/modules/{NEW}/kernel/virtio-blk.ko{ending}")
    assert state(guest, "virtio_blk") == "module"


def test_built_in_by_config_and_by_the_lists(syn, guest):
    syn.image(guest, NEW, drivers=(), VIRTIO_BLK="y")
    guest.file(f"lib/modules/{NEW}/modules.builtin", "kernel/drivers/net/virtio_net.ko\n")
    guest.file(f"lib/modules/{NEW}/modules.builtin.modinfo", b"nvme.license=GPL\0")
    states = {name: state(guest, name) for name in ("virtio_blk", "virtio_net", "nvme", "e1000")}
    assert states == {"virtio_blk": "builtin", "virtio_net": "builtin", "nvme": "builtin", "e1000": "missing"}


def test_without_any_module(syn, guest):
    """A kernel alone: its modules can be in the initial RAM disk; without its config nothing is known."""
    syn.image(guest, NEW, VIRTIO_BLK="y", VIRTIO_NET="m")
    guest.remove("lib")
    assert [state(guest, name) for name in ("virtio_blk", "virtio_net", "e1000")] == ["builtin", "unknown", "missing"]
    guest.remove(f"boot/config-{NEW}")
    assert state(guest, "virtio_net") == "unknown"


@pytest.mark.parametrize(
    "path, text",
    [
        ("etc/modprobe.d/x.conf", "blacklist virtio_net\n"),
        ("usr/lib/modprobe.d/x.conf", "install virtio-net /bin/false\n"),
    ],
)
def test_blacklisted(syn, guest, path, text):
    syn.image(guest, NEW).file(path, text)
    assert state(guest, "virtio_net") == "blacklisted"


def test_blacklisted_on_the_command_line(syn, guest):
    syn.grub(syn.image(guest, NEW), (NEW, "module_blacklist=virtio_net,x modprobe.blacklist=e1000"))
    assert [state(guest, name) for name in ("virtio_net", "e1000", "e1000e")] == [
        "blacklisted",
        "blacklisted",
        "module",
    ]
    forbids = kernel_of(guest, NEW).lines[0].forbids
    assert {item.parameter: item.what for item in forbids} == {
        "module_blacklist=virtio_net": ("virtio_net",),
        "modprobe.blacklist=e1000": ("e1000",),
    }


def test_mechanisms_by_the_list_of_what_is_built_in(syn, guest):
    """Without a config, modules.builtin.modinfo names all that is built in, so what it does not name is not there."""
    syn.image(guest, NEW).remove("boot")
    guest.file(f"lib/modules/{NEW}/modules.builtin.modinfo", b"acpiphp.license=GPL\0pci_hotplug.license=GPL\0")
    states = {item.name: item.state for item in kernel_of(guest, NEW).mechanisms}
    assert states == {"acpiphp": "builtin", "pciehp": "absent", "shpchp": "absent"}


# What is loaded.


@pytest.mark.parametrize(
    "path, text",
    [
        ("etc/modules", "acpiphp\n"),
        ("usr/lib/modules-load.d/x.conf", "acpiphp\n"),
        ("etc/initramfs-tools/modules", "# a comment\nacpiphp debug=1\n"),
        ("etc/dracut.conf.d/x.conf", 'force_drivers+=" acpiphp "\n'),
        ("etc/mkinitcpio.conf", "MODULES=(ext4 acpiphp)\n"),
    ],
)
def test_a_module_that_will_be_loaded(syn, guest, path, text):
    syn.image(guest, NEW, drivers=(*syn.DRIVERS, "acpiphp"), HOTPLUG_PCI_ACPI="m").file(path, text)
    kernel = kernel_of(guest, NEW)
    assert kernel.mechanism("acpiphp").autoload == (f"/{path}",)
    assert kernel.serves("acpiphp") is True


def test_a_soft_dependency_loads_too(syn, guest):
    syn.image(guest, NEW, drivers=(*syn.DRIVERS, "acpiphp"), HOTPLUG_PCI_ACPI="m").file("etc/modules", "ext9\n")
    assert kernel_of(guest, NEW).serves("acpiphp") is False
    guest.file(f"lib/modules/{NEW}/modules.softdep", "softdep ext9 pre: acpiphp\n")
    assert kernel_of(guest, NEW).mechanism("acpiphp").autoload == (f"/lib/modules/{NEW}/modules.softdep",)


def test_what_is_only_packed_is_not_loaded(syn, guest):
    syn.image(guest, NEW, drivers=("acpiphp",), HOTPLUG_PCI_ACPI="m")
    guest.file("etc/dracut.conf", 'add_drivers+=" acpiphp "\n')
    assert kernel_of(guest, NEW).serves("acpiphp") is False
