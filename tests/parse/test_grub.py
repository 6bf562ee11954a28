"""grub.cfg and grubenv, in the spellings of grub-mkconfig on Debian, Ubuntu and Fedora."""

from __future__ import annotations

import pytest

from hotplugctl.parse import grub

DEBIAN = r"""
if [ -s $prefix/grubenv ]; then
  set have_grubenv=true
  load_env
fi
if [ "${next_entry}" ] ; then
   set default="${next_entry}"
   set boot_once=true
else
   set default="gnulinux-advanced-1>gnulinux-5-1"
fi
if [ x"${feature_menuentry_id}" = xy ]; then
  menuentry_id_option="--id"
else
  menuentry_id_option=""
fi
function gfxmode {
	set vt_handoff=vt.handoff=7
	linux /not/this
}
# menuentry 'a comment' {
set options="quiet acpi=off"
menuentry 'Debian GNU/Linux' --class debian --class gnu-linux $menuentry_id_option 'gnulinux-simple-1' {
	if [ x$grub_platform = xxen ]; then insmod xzio; insmod lzopio; fi
	echo	'Loading Linux 6 ...'
	linux	/boot/vmlinuz-6 root=UUID=1 ro $options \
		console=ttyS0
	initrd	/boot/initrd.img-6
}
submenu 'Advanced options' $menuentry_id_option 'gnulinux-advanced-1' {
	menuentry 'Linux 6' $menuentry_id_option 'gnulinux-6-1' { linuxefi ($root)/vmlinuz-6 a; }
	menuentry "Linux 5" $menuentry_id_option 'gnulinux-5-1' { linux16 "${prefix}/vmlinuz-5" 'dyndbg=file x +p' b }
}
if [ "$grub_platform" = "efi" ]; then
	menuentry 'UEFI Firmware Settings' --id 'uefi-firmware' {
		fwsetup
	}
fi
if [ -f  ${config_directory}/custom.cfg ]; then
  source ${config_directory}/custom.cfg
fi
"""


@pytest.fixture(scope="module")
def debian() -> grub.Script:
    return grub.parse(DEBIAN, {}, {"prefix": "/boot/grub", "config_directory": "/boot/grub"})


def test_entries_in_menus(debian):
    assert [(entry.place, entry.titles[-1], entry.ids[-1]) for entry in debian.entries] == [
        ((0,), "Debian GNU/Linux", "gnulinux-simple-1"),
        ((1, 0), "Linux 6", "gnulinux-6-1"),
        ((1, 1), "Linux 5", "gnulinux-5-1"),
    ]
    assert debian.entries[2].titles == ("Advanced options", "Linux 5")


def test_kernels_and_command_lines(debian):
    assert [(entry.kernel, entry.text) for entry in debian.entries] == [
        ("/boot/vmlinuz-6", "root=UUID=1 ro quiet acpi=off console=ttyS0"),
        ("/vmlinuz-6", "a"),
        ("/boot/grub/vmlinuz-5", '"dyndbg=file x +p" b'),
    ]


def test_what_is_for_one_boot_is_no_default(debian):
    assert debian.default == "gnulinux-advanced-1>gnulinux-5-1"


def test_functions_do_not_count(debian):
    assert "vt_handoff" not in debian.variables
    assert debian.sources == ("/boot/grub/custom.cfg",)


def test_the_environment_goes_before_the_script():
    """Fedora sets kernelopts only where grubenv has none."""
    text = 'if [ -z "${kernelopts}" ]; then\n  set kernelopts="root=a ro"\nfi\nset default="${saved_entry}"\nblscfg\n'
    with_env = grub.parse(text, {"kernelopts": "root=b", "saved_entry": "x-6"})
    assert (with_env.variables["kernelopts"], with_env.default, with_env.bls) == ("root=b", "x-6", 0)
    without = grub.parse(text, {})
    assert (without.variables["kernelopts"], without.default) == ("root=a ro", "")


def test_entries_after_those_of_bls():
    assert grub.parse("menuentry a {\n linux /x\n}\nblscfg\nmenuentry b {\n linux /y\n}\n", {}).bls == 1


def test_what_an_entry_sets_is_its_own():
    text = "set o=1\nmenuentry a {\n set o=2\n linux /k $o\n}\nmenuentry b {\n linux /k $o\n}\n"
    assert [entry.text for entry in grub.parse(text, {}).entries] == ["2", "1"]


def test_a_kernel_outside_of_an_entry_is_none():
    assert grub.parse("linux /k a\nboot\n", {}).entries == ()


def test_a_line_is_no_longer_than_a_command_line():
    (entry,) = grub.parse("menuentry a {\n linux /k " + "x" * 100_000 + "\n}\n", {}).entries
    assert len(entry.text) == grub.LINE_LIMIT


def test_too_many_entries_and_menus():
    text = "menuentry a {\n linux /k\n}\n" * (grub.ENTRIES_LIMIT + 10)
    assert len(grub.parse(text, {}).entries) == grub.ENTRIES_LIMIT
    deep = "submenu s {\n" * 50 + "menuentry a {\n linux /k\n}\n" + "}\n" * 50 + "menuentry b {\n linux /l\n}\n"
    assert [entry.kernel for entry in grub.parse(deep, {}).entries] == ["/l"]


ENVIRONMENT = "# GRUB Environment Block\n# WARNING: Do not edit.\nsaved_entry=a-6.1\nkernelopts=root=x ro a\\\\b\n####"


def test_environment():
    assert grub.environment(ENVIRONMENT) == {"saved_entry": "a-6.1", "kernelopts": "root=x ro a\\b"}
    assert grub.environment("saved_entry=a\n") == {}


def test_expand():
    assert grub.expand("$a ${b} $c \\$", {"a": "1", "b": "$a"}) == "1 $a  \\$"
