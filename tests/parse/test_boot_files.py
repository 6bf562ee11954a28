"""The smaller files that say what boots: loader entries, extlinux.conf, assignments, fstab, releases."""

from __future__ import annotations

import pytest

from hotplugctl.parse import assignments, bls, fstab, release, syslinux

FEDORA = """\
title Fedora Linux (6.5.6-300.fc39.x86_64) 39 (Cloud Edition)
version 6.5.6-300.fc39.x86_64
linux /vmlinuz-6.5.6-300.fc39.x86_64
initrd /initramfs-6.5.6-300.fc39.x86_64.img $tuned_initrd
options root=UUID=1 ro
# a comment
options   $kernelopts
grub_class fedora
"""


def test_a_loader_entry():
    entry = bls.entry(FEDORA)
    assert entry.kernel == "/vmlinuz-6.5.6-300.fc39.x86_64" and not entry.efi
    assert (entry.version, entry.options) == ("6.5.6-300.fc39.x86_64", "root=UUID=1 ro $kernelopts")


def test_a_loader_entry_of_a_unified_image():
    assert bls.entry("title x\nefi /EFI/Linux/x.efi\n").efi
    assert bls.entry("title x\n").kernel is None


def test_loader_conf():
    assert bls.default("timeout 3\n#default a\ndefault abc-*\n") == "abc-*"
    assert bls.default("timeout 3\ndefault\n") is None


ALPINE = """\
DEFAULT menu.c32
PROMPT 0
MENU TITLE Alpine/Linux Boot Menu
LABEL lts
  MENU DEFAULT
  MENU LABEL Linux ^lts
  LINUX vmlinuz-lts
  INITRD initramfs-lts
  FDTDIR dtbs-lts
  APPEND root=UUID=1 modules=sd-mod,ext4 quiet
label virt
  kernel vmlinuz-virt extra
MENU SEPARATOR
LABEL local
  LOCALBOOT 0
LABEL menu
  KERNEL menu.c32
include more.cfg
"""


def test_extlinux():
    menu = syslinux.parse(ALPINE)
    assert [(entry.label, entry.title, entry.kernel, entry.text) for entry in menu.entries] == [
        ("lts", "Linux lts", "vmlinuz-lts", "root=UUID=1 modules=sd-mod,ext4 quiet"),
        ("virt", "virt", "vmlinuz-virt", "extra"),
    ]
    assert (menu.default, menu.sources) == ("lts", ("more.cfg",))


def test_extlinux_with_options_for_all():
    menu = syslinux.parse("default b\nappend quiet\nlabel a\nkernel k\nlabel b\nkernel k\nappend -\n")
    assert [entry.text for entry in menu.entries] == ["quiet", ""]
    assert menu.default == "b"


@pytest.mark.parametrize(
    "text, wanted",
    [
        ('A="quiet"\nB="$A acpi=off"\n', {"A": "quiet", "B": "quiet acpi=off"}),
        ("A='$x'\n", {"A": "$x"}),
        ('A="a \\"b c\\""\n', {"A": 'a "b c"'}),
        ("A=plain # comment\n", {"A": "plain"}),
        ("export A=1; B=2\n", {"A": "1", "B": "2"}),
        ('A=1\nA+=" 2"\n', {"A": "1 2"}),
        ("A=(x  y # no\n z)\nA+=(q)\n", {"A": "x y z q"}),
        ("#A=1\n  A=2\n", {"A": "2"}),
        ('A="two \\\nlines"\n', {"A": "two lines"}),
        ('A="open\n', {"A": "open\n"}),
        ("if x; then A=1; fi\nnot an assignment\n", {}),
        ("A=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
    ],
)
def test_assignments(text, wanted):
    assert assignments.parse(text) == wanted


def test_assignments_of_a_file_before():
    assert assignments.parse('A="$A b"\n', {"A": "a", "C": "c"}) == {"A": "a b", "C": "c"}


def test_releases_by_age():
    old_first = ["2.6.32-5", "5.10.0-9-amd64", "5.10.0-32-amd64", "6.1~rc2", "6.1-rc3", "6.1", "6.1.0-1", "6.10"]
    assert sorted(sorted(old_first), key=release.order) == old_first


def test_releases_in_the_names_of_files():
    assert release.of_file("/boot/vmlinuz-6.1.0-x") == "6.1.0-x"
    assert release.of_file("(hd0)/bzImage-lts") == "lts"
    assert release.of_file("/vmlinuz") is None
    assert release.of_file("/boot/vmlinuz-..") is None
    assert release.of_file("/boot/memtest86+-6") is None


def test_what_is_a_release():
    assert release.is_release("6.1.0-x")
    assert not any(map(release.is_release, ("", "..", "extra", "6\n1", "6/1", "6" * 300)))


def test_fstab():
    text = "# a\nUUID=1 / ext4 defaults 0 1\nUUID=2 /boot/ ext4\nUUID=3 none swap sw\n\nUUID=4 /a\\040b x\nshort\n"
    assert fstab.mount_points(text) == ("/", "/boot", "/a b")
