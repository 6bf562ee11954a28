"""Files about kernel modules."""

from __future__ import annotations

import pytest

from hotplugctl.model.modules import LoadedModule
from hotplugctl.parse import modules


def test_proc_modules() -> None:
    text = (
        "net_failover 24576 1 virtio_net, Live 0xffffffffc0844000\n"
        "failover 16384 2 net_failover,virtio_net, Live 0x0000000000000000\n"
        "e1000 155648 0 - Unloading 0x0000000000000000 (O-)\n"
        "acpiphp 24576 0 [permanent], Live 0x0000000000000000\n"
        "shpchp 45056 - - Loading 0x0000000000000000\n"
    )
    assert modules.parse_proc_modules(text) == (
        LoadedModule("net_failover", 24576, 1, ("virtio_net",), "Live"),
        LoadedModule("failover", 16384, 2, ("net_failover", "virtio_net"), "Live"),
        LoadedModule("e1000", 155648, 0, (), "Unloading"),
        LoadedModule("acpiphp", 24576, 0, (), "Live"),
        LoadedModule("shpchp", 45056, None, (), "Loading"),
    )


@pytest.mark.parametrize(
    "line",
    ["", "e1000", "e1000 x 0", "e1000 1 y - Live 0x0", "e1000 " + "9" * 5000 + " 0", "Module Size Used by"],
)
def test_no_module(line: str) -> None:
    assert modules.parse_proc_modules(line) == ()


def test_a_listing_cut_off_in_the_middle() -> None:
    assert modules.parse_proc_modules("acpiphp 24576 0") == (LoadedModule("acpiphp", 24576, 0, (), "Live"),)


def test_builtin_names() -> None:
    text = "kernel/drivers/pci/hotplug/acpiphp.ko\nkernel/arch/x86/crypto/libblake2s-x86_64.ko.xz\n\nshpchp.ko\r\n"
    assert modules.builtin_names(text) == {"acpiphp", "libblake2s_x86_64", "shpchp"}


def test_builtin_modinfo() -> None:
    data = (
        b"pciehp.parm=pciehp_debug:Debugging mode. On\0acpiphp.file=drivers/pci/hotplug/acpiphp\0"
        b"acpiphp.parmtype=disable:bool\0virtio-pci.alias=pci:v00001AF4d*sv*sd*bc*sc*i*\0no dot here\0.x=y\0x.alias\0"
    )
    assert modules.builtin_modinfo_names(data) == {"pciehp", "acpiphp", "virtio_pci", "x"}
    assert modules.builtin_modinfo_aliases(data) == (("pci:v00001AF4d*sv*sd*bc*sc*i*", "virtio_pci"),)


DEP = (
    b"kernel/drivers/virtio/virtio_pci.ko: kernel/drivers/virtio/virtio.ko kernel/drivers/virtio/virtio_ring.ko\n"
    b"kernel/drivers/net/virtio_net.ko.xz: kernel/drivers/net/net_failover.ko.xz kernel/drivers/virtio/virtio.ko.xz\n"
    b"kernel/drivers/pci/hotplug/cpcihp-generic.ko.zst:\n"
    b"/lib/modules/2.6.32/kernel/drivers/pci/hotplug/acpiphp.ko:\n"
    b"updates/e1000.ko.gz:\n"
    b"kernel/drivers/virtio/virtio.ko:\n"
)
PATHS = {
    "virtio_pci": "kernel/drivers/virtio/virtio_pci.ko",
    "virtio_net": "kernel/drivers/net/virtio_net.ko.xz",
    "cpcihp_generic": "kernel/drivers/pci/hotplug/cpcihp-generic.ko.zst",
    "acpiphp": "/lib/modules/2.6.32/kernel/drivers/pci/hotplug/acpiphp.ko",
    "e1000": "updates/e1000.ko.gz",
    "virtio": "kernel/drivers/virtio/virtio.ko",
}


def test_dep_paths_of_a_few() -> None:
    assert modules.dep_paths(DEP, [*PATHS, "cpcihp-generic", "net_failover", "pci", "", "ko"]) == PATHS


def test_dep_paths_of_many() -> None:
    assert modules.dep_paths(DEP, [*PATHS, *(f"absent{number}" for number in range(50))]) == PATHS


def test_load_list() -> None:
    text = "# at boot\n; neither\n\nacpiphp\n  pci-hotplug debug=1\r\nshpchp # why\n"
    assert modules.load_list(text) == ("acpiphp", "pci_hotplug", "shpchp")


@pytest.mark.parametrize(
    ("script", "names"),
    [
        ("#!/bin/sh\n/sbin/modprobe -q acpiphp >/dev/null 2>&1\n", ("acpiphp",)),
        ("modprobe pci_hotplug; modprobe acpiphp debug=1 || true\n", ("pci_hotplug", "acpiphp")),
        ("[ -d /proc/acpi ] && exec /sbin/modprobe 'acpiphp'\n", ("acpiphp",)),
        ("if [ ! -c /dev/x ] ; then\n\tmodprobe shpchp > /dev/null\nfi\n", ("shpchp",)),
        ("insmod /lib/modules/x/pci-stub.ko ids=1\n", ("pci_stub",)),
        ("modprobe -a acpiphp shpchp\n", ("acpiphp", "shpchp")),
        ("modprobe \\\n  acpiphp\n", ("acpiphp",)),
        ("modprobe --quiet --dirname /x acpiphp\n", ("acpiphp",)),
        ("MODPROBE=/sbin/modprobe\nfor m in a b; do modprobe $m; done\n", ()),
        ("# modprobe acpiphp\necho modprobe # modprobe acpiphp\n", ()),
        ("modprobe -r acpiphp\nmodprobe --dry-run acpiphp\nrmmod acpiphp\n", ()),
        ("modprobe\nmodprobe >\nmodprobe 2> /x", ()),
    ],
)
def test_sysconfig_modules(script: str, names: tuple[str, ...]) -> None:
    assert modules.sysconfig_modules(script) == names


def test_modprobe_configuration() -> None:
    text = (
        "# a comment that goes on \\\nblacklist not-this\n"
        "blacklist virtio-net\r\n"
        "install shpchp /bin/true\n"
        "install e1000e /sbin/modprobe --ignore-install e1000e \\\n  && /usr/bin/touch /run/x\n"
        "remove acpiphp /bin/false\n"
        "options pciehp pciehp_force=1 pciehp_debug=1\n"
        "alias pci:v00001AF4d00001000sv*sd*bc*sc*i* virtio-pci\n"
        "alias my-mod off\n"
        "softdep uhci-hcd pre: ehci-hcd\n"
        "weakdep a b\n"
        "blacklist\nfrobnicate x\n"
    )
    config = modules.parse_modprobe(text)
    assert config.blacklist == ("virtio_net",)
    assert config.install == (
        ("shpchp", "/bin/true"),
        ("e1000e", "/sbin/modprobe --ignore-install e1000e   && /usr/bin/touch /run/x"),
    )
    assert config.remove == (("acpiphp", "/bin/false"),)
    assert config.options == (("pciehp", "pciehp_force=1 pciehp_debug=1"),)
    assert config.alias == (("pci:v00001AF4d00001000sv*sd*bc*sc*i*", "virtio_pci"), ("my-mod", "off"))
    assert config.softdep == (("uhci_hcd", "pre: ehci-hcd"),)
    assert config.unparsed == 2


def test_a_backslash_at_the_very_end() -> None:
    assert modules.parse_modprobe("blacklist acpiphp \\").blacklist == ("acpiphp",)


def test_normalise() -> None:
    assert modules.normalise("virtio-pci_x") == "virtio_pci_x"
