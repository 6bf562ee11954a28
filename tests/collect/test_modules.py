"""What loads modules at boot, what forbids them, and what claims a device."""

from __future__ import annotations

import pytest

from hotplugctl.collect import modules
from hotplugctl.parse import cmdline


def autoload(guest, line=""):
    found = modules.autoload(guest.tree(), cmdline.parse(line), ["acpiphp"])
    return found.get("acpiphp", ())


def forbidden(guest, line=""):
    found = modules.forbidden(guest.tree(), cmdline.parse(line))
    return {name: (piece.source, piece.value) for name, piece in found.items()}


@pytest.mark.parametrize(
    "path, text",
    [
        ("etc/modules", "acpiphp\n"),
        ("etc/modules-load.d/a.conf", "; comment\nacpiphp\n"),
        ("run/modules-load.d/a.conf", "acpiphp\n"),
        ("usr/lib/modules-load.d/a.conf", "acpiphp\n"),
        ("etc/sysconfig/modules/hot.modules", "#!/bin/sh\n/sbin/modprobe acpiphp >/dev/null 2>&1\n"),
    ],
)
def test_files_that_load(guest, path, text):
    guest.file("etc/hostname", "syn\n")
    assert autoload(guest) == ()
    guest.file(path, text)
    assert autoload(guest) == (f"/{path}",)


@pytest.mark.parametrize("line", ["modules-load=acpiphp", "modules_load=loop,acpiphp", "rd.driver.pre=acpiphp"])
def test_the_command_line_loads(guest, line):
    guest.folder("etc")
    assert [path.partition(":")[0] for path in autoload(guest, line)] == ["/proc/cmdline"]


def test_one_file_under_two_names(guest):
    """Debian links modules-load.d/modules.conf to /etc/modules."""
    guest.file("etc/modules", "acpiphp\n")
    guest.link("etc/modules-load.d/modules.conf", "../modules")
    assert autoload(guest) == ("/etc/modules",)


@pytest.mark.parametrize("folder, suffix", [("modules-load.d", "acpiphp\n"), ("modprobe.d", "blacklist acpiphp\n")])
def test_a_file_hides_its_namesakes(guest, folder, suffix):
    """In /etc a link to /dev/null is how a file of the distribution is switched off."""
    guest.file(f"usr/lib/{folder}/a.conf", suffix)
    found = (autoload, forbidden)[folder == "modprobe.d"]
    assert found(guest)
    guest.link(f"etc/{folder}/a.conf", "/dev/null")
    assert not found(guest)


def test_other_suffixes_do_not_count(guest):
    guest.file("etc/modules-load.d/a.conf.dpkg-old", "acpiphp\n")
    guest.file("etc/modprobe.d/README", "blacklist acpiphp\n")
    assert (autoload(guest), forbidden(guest)) == ((), {})


@pytest.mark.parametrize(
    "text, name, value",
    [
        ("blacklist e1000-x\n", "e1000_x", "blacklist e1000_x"),
        ("install floppy /bin/false\n", "floppy", "install floppy /bin/false"),
        ("install floppy /usr/bin/true\n", "floppy", "install floppy /usr/bin/true"),
    ],
)
def test_forbidden_by_modprobe(guest, text, name, value):
    guest.file("etc/modprobe.d/x.conf", text)
    assert forbidden(guest) == {name: ("/etc/modprobe.d/x.conf", value)}


@pytest.mark.parametrize(
    "text", ["install snd /sbin/modprobe --ignore-install snd\n", "# blacklist e1000\n", "options e1000 debug=1\n"]
)
def test_not_forbidden(guest, text):
    guest.file("etc/modprobe.d/x.conf", text)
    assert forbidden(guest) == {}


@pytest.mark.parametrize(
    "line, wanted",
    [
        ("modprobe.blacklist=e1000", "install e1000 /bin/false"),
        ("module_blacklist=e1000", "module_blacklist=e1000"),
        ("rd.driver.blacklist=e1000", "install e1000 /bin/false"),
    ],
)
def test_the_strongest_word_is_named(guest, line, wanted):
    guest.file("etc/modprobe.d/x.conf", "blacklist e1000\ninstall e1000 /bin/false\n")
    assert forbidden(guest, line)["e1000"][1] == wanted


def test_what_is_built_in_is_known(guest):
    """And the other way round: a module that is neither loaded nor built in is not."""
    base = "lib/modules/6.1.0-syn"
    guest.file(f"{base}/modules.alias", "alias pci:v00008086d* e1000\n")
    guest.file(f"{base}/modules.builtin.modinfo", b"nvme.alias=pci:v*d*sv*sd*bc01sc08i02*\0")
    guest.file("proc/modules", "loop 1 0 - Live 0x0\n")
    tree = guest.tree()
    wanted = ["pci:v00001B36d00000010sv00001AF4sd00001100bc01sc08i02", "pci:v00008086d0000100Esv0sd0bc02sc00i00"]
    found = modules.collect(tree, "6.1.0-syn", None, wanted, modules.installed(tree, "6.1.0-syn", ()).loaded)
    assert found.matches == {wanted[0]: ("nvme",), wanted[1]: ("e1000",)}
    assert found.known == {"loop", "nvme"}
    assert found.matches_failure is None


@pytest.mark.parametrize("release", [None, "../../etc"])
def test_a_release_that_is_none(guest, release):
    guest.folder("etc")
    found = modules.collect(guest.tree(), release, None, ["pci:v1"], None)
    assert found.matches_failure is not None
