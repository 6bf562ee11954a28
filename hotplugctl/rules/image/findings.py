"""What is wrong with an image: each finding names the kernel and the file that decide."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Optional

from hotplugctl.model.image import BootLine, Driver, Image, Kernel
from hotplugctl.model.reads import reason
from hotplugctl.model.report import Evidence
from hotplugctl.model.snapshot import Mechanism, Snapshot
from hotplugctl.rules.facts import shell
from hotplugctl.rules.image.judged import candidates, lacking, needed, of_kernel
from hotplugctl.rules.registry import Fault, Outcome, Undecided, rule

_GRUB = "/etc/default/grub"
_EDITOR = "${EDITOR:-vi}"
_WITH_APT = ("debian", "ubuntu", "raspbian", "linuxmint")
# Flavours for clouds leave drivers out; what replaces each, by the end of its release.
_FLAVOURS = (
    ("-cloud-amd64", "apt-get install linux-image-amd64"),
    ("-cloud-arm64", "apt-get install linux-image-arm64"),
    ("-kvm", "apt-get install linux-generic"),
)


def _booting(snapshot: Snapshot) -> tuple[Kernel, ...]:
    return candidates(snapshot.image) if snapshot.image is not None else ()


def _of(kernel: Kernel) -> str:
    return f"kernel {kernel.release}"


def _idle(snapshot: Snapshot, kernel: Kernel, state: str) -> Iterator[Mechanism]:
    for name in (*needed(snapshot), "shpchp"):
        item = kernel.mechanism(name)
        if item is not None and item.state == state:
            yield item


def _severity(item: Mechanism) -> Optional[str]:
    # Conventional bridges with a hot-plug controller are rare.
    return "info" if item.name == "shpchp" else None


@rule("image.no-kernel", "warning", side="image", remedy="")
def no_kernel(snapshot: Snapshot) -> Iterable[Outcome]:
    """There is no kernel in the image: what it is booted with decides.

    Neither boot nor lib/modules holds one. So it is with root file systems for microVMs, whose kernel the host brings.
    """
    image = snapshot.image
    if image is not None and not image.kernels:
        yield Fault(
            None,
            "there is no kernel in this image",
            (Evidence("/lib/modules", "no kernel"), Evidence("/boot", "no kernel")),
            detail="the kernel that it is booted with decides: run check in the guest, or on an image that holds it",
        )


@rule("image.default-missing", "error", side="image", remedy="")
def default_missing(snapshot: Snapshot) -> Iterable[Outcome]:
    """The menu entry that boots by default names a kernel that is not in the image.

    A boot loader's configuration that was made before its kernel was removed, or copied from elsewhere.
    """
    image = snapshot.image
    if image is not None and image.kernels and image.why is not None and image.default is None:
        yield Fault(None, "the default entry boots a kernel that is not in this image", (image.why,))


@rule("image.default-unknown", "info", side="image", remedy="")
def default_unknown(snapshot: Snapshot) -> Iterable[Outcome]:
    """There are several kernels, and nothing says which of them boots.

    No boot loader's configuration, no GRUB_DEFAULT, no link /vmlinuz: the host chooses, or what installs the boot
    loader.
    """
    image = snapshot.image
    if image is not None and len(image.kernels) > 1 and image.default is None and image.why is None:
        yield Fault(
            None,
            f"which of {len(image.kernels) + image.more} kernels boots is not told",
            tuple(Evidence(kernel.modules or kernel.config or "/boot", kernel.release) for kernel in image.kernels[:8]),
        )


@rule("image.too-many-kernels", "warning", side="image", remedy="")
def too_many_kernels(snapshot: Snapshot) -> Iterable[Outcome]:
    """There are more kernels than are looked at: the default and the newest are.

    The limit is in hotplugctl(8).
    """
    image = snapshot.image
    if image is not None and image.more:
        yield Fault(
            None,
            f"{image.more} more kernels are in this image than were looked at",
            (Evidence("/lib/modules", f"{len(image.kernels)} looked at"),),
        )


@rule("image.no-boot-loader", "info", side="host", remedy="")
def no_boot_loader(snapshot: Snapshot) -> Iterable[Outcome]:
    """No boot loader's configuration is in the image: the host boots the kernel and gives its command line.

    QEMU's -kernel and -append, and microVMs, do so. Whether that command line forbids hot-plug is decided there.
    """
    image = snapshot.image
    if image is None or not image.kernels or image.loaders or image.failures or image.templates:
        return
    if image.unmounted:
        yield Undecided(None, f"{image.unmounted[0].value}: a partition of its own, and not mounted here")
    elif not any(line.text is None for kernel in image.kernels for line in kernel.lines):
        yield Fault(
            None,
            "no boot loader is in this image: the command line is the host's",
            (Evidence("/boot", "no grub.cfg, loader, menu.lst or extlinux.conf"),),
            detail="acpiphp.disable=1, acpi=off, pci=noacpi or pcie_ports=compat on it would forbid hot-plug",
        )


@rule("image.boot-not-mounted", "warning", side="image", remedy="")
def boot_not_mounted(snapshot: Snapshot) -> Iterable[Outcome]:
    """The boot partition is one of its own, and it is not mounted below the root that was named.

    Kernels, their configurations and the boot loader's are there. Mount it, and check again. Source: fstab(5).
    """
    image = snapshot.image
    if image is not None and image.unmounted and not image.loaders:
        place = image.unmounted[0].value
        yield Fault(
            place,
            f"{place} is a partition of its own, and not mounted here",
            image.unmounted,
            detail=f"mount it at {place} below the root of the image, and check again",
        )


@rule("image.boot-unreadable", "warning", side="image", remedy="")
def boot_unreadable(snapshot: Snapshot) -> Iterable[Outcome]:
    """A boot loader's configuration is there and could not be read: its command lines are not known.

    Denied to this user (most are readable by root alone), or larger than any such file.
    """
    for failure in snapshot.image.failures if snapshot.image is not None else ():
        yield Undecided(failure.path, reason(failure))


@rule("image.mechanism-absent", "error", side="image", remedy="")
def mechanism_absent(snapshot: Snapshot) -> Iterable[Outcome]:
    """The kernel was built without a mechanism that machines need.

    acpiphp on QEMU's pc and most q35 machines, pciehp on PCIe ports, shpchp (an info) behind conventional bridges.
    Source: drivers/pci/hotplug/Kconfig.
    """
    for kernel in _booting(snapshot):
        for item in _idle(snapshot, kernel, "absent"):
            yield Fault(
                item.name,
                f"{_of(kernel)} was built without {item.name} ({item.symbol})",
                item.evidence,
                severity=_severity(item),
                detail=f"install a kernel with {item.symbol}=y",
            )


@rule("image.mechanism-disabled", "error", side="image")
def mechanism_disabled(snapshot: Snapshot) -> Iterable[Outcome]:
    """The command line with which the kernel boots switches a mechanism off.

    acpiphp.disable=1, acpi=off, pci=noacpi, pci=off, pcie_ports=compat and the like, in grub.cfg, an entry of
    loader/entries, extlinux.conf or what these are made of. Source: Documentation/admin-guide/kernel-parameters.txt.
    """
    for kernel in _booting(snapshot):
        for item in _idle(snapshot, kernel, "disabled"):
            line = kernel.lines[0] if kernel.lines else None
            parameter = item.evidence[0].value
            yield Fault(
                item.name,
                f"{item.name} is switched off by {item.blocked_by} in {_of(kernel)}",
                item.evidence,
                severity=_severity(item),
                remedy=_without(snapshot.image, line, parameter),
                detail=f"take {parameter} out of the command line",
            )


def _without(image: Optional[Image], line: Optional[BootLine], parameter: str) -> str:
    """What rids the command line of a parameter; empty where that is the editor's business alone."""
    if image is None or line is None:
        return ""
    grub = next((item for item in image.templates if item.source.startswith(_GRUB)), None)
    by_grub = any(path.endswith("/grub.cfg") for path in image.loaders)
    if "/loader/entries/" in line.source and by_grub:
        return f"grubby --update-kernel=ALL --remove-args={shell(parameter)}"
    if grub is not None and (by_grub or line.source == grub.source):
        known = any(parameter == item.parameter for item in grub.forbids)
        return f"{_EDITOR} {shell(grub.source)} && {_update(image)}" if known else _update(image)
    return f"{_EDITOR} {shell(line.source)}"


def _update(image: Image) -> str:
    """What writes grub.cfg anew."""
    if image.distribution in _WITH_APT:
        return "update-grub"
    tool = "grub2-mkconfig" if any("/grub2/" in path for path in image.loaders) else "grub-mkconfig"
    return f"{tool} -o {shell(image.loaders[0] if image.loaders else '/boot/grub/grub.cfg')}"


@rule("image.module-not-loaded", "error", side="image")
def module_not_loaded(snapshot: Snapshot) -> Iterable[Outcome]:
    """A mechanism is a module of the kernel, and nothing in the image loads it.

    So it is with kernels up to 3.8 (acpiphp) and 4.x (shpchp). List it in /etc/modules or modules-load.d.
    Source: modules-load.d(5), initramfs-tools(7), dracut.conf(5).
    """
    for kernel in _booting(snapshot):
        for item in _idle(snapshot, kernel, "loadable"):
            if not item.autoload:
                yield Fault(
                    item.name,
                    f"{item.name} is a module of {_of(kernel)}, and nothing loads it",
                    item.evidence or (Evidence("/etc/modules", f"no {item.name}"),),
                    severity=_severity(item),
                    remedy=f"echo {item.name} >> /etc/modules",
                )


@rule("image.module-blacklisted", "warning", side="image", remedy="")
def module_blacklisted(snapshot: Snapshot) -> Iterable[Outcome]:
    """A mechanism, or the driver of a hot-plugged device, is a module that the image forbids to load.

    By modprobe.d, or by module_blacklist= and modprobe.blacklist= on the command line. Source: modprobe.d(5).
    """
    for kernel in _booting(snapshot):
        for item in _idle(snapshot, kernel, "blacklisted"):
            severity = _severity(item) or "error"
            summary = f"{item.name} is blacklisted: {item.blocked_by}"
            yield Fault(item.name, summary, item.evidence, severity=severity, detail="take the blacklist away")
        for driver in kernel.drivers:
            if driver.state == "blacklisted":
                yield Fault(
                    driver.name,
                    f"{driver.name} ({driver.purpose}) is blacklisted: {driver.evidence[0].value}",
                    driver.evidence,
                    severity=None if driver.common else "info",
                    detail="take the blacklist away",
                )


@rule("image.driver-missing", "warning", side="image", remedy="")
def driver_missing(snapshot: Snapshot) -> Iterable[Outcome]:
    """The kernel has no driver for devices that are commonly hot-plugged.

    Neither built in nor as a module whose file, and those that it depends on, are there: kernels for clouds leave
    drivers out, and Ubuntu keeps many in linux-modules-extra. Of rarer devices an info says so. What is in the initial
    RAM disk is not looked at.
    """
    for kernel in _booting(snapshot):
        common = [item for item in lacking(kernel) if item.state == "missing"]
        rare = [item for item in kernel.drivers if not item.common and item.state == "missing"]
        if common:
            yield Fault(
                kernel.release,
                f"{_of(kernel)} has no driver for: " + ", ".join(f"{item.purpose} ({item.name})" for item in common),
                _evidence(common),
                remedy=_remedy(snapshot, kernel, common),
            )
        if rare:
            yield Fault(
                kernel.release,
                f"{_of(kernel)} has no driver for: " + ", ".join(f"{item.purpose} ({item.name})" for item in rare),
                _evidence(rare),
                severity="info",
            )
        hidden = [item for item in kernel.drivers if item.common and item.state == "unknown"]
        if hidden:
            yield Undecided(kernel.release, hidden[0].unknown.get("state", "no evidence"))


def _evidence(drivers: Iterable[Driver]) -> tuple[Evidence, ...]:
    return tuple(dict.fromkeys(piece for item in drivers for piece in item.evidence[:1]))


def _remedy(snapshot: Snapshot, kernel: Kernel, drivers: Iterable[Driver]) -> str:
    """What brings the drivers; empty where nothing is known to."""
    if any(piece.value.endswith("depmod was not run") for item in drivers for piece in item.evidence[:1]):
        return f"depmod {shell(kernel.release)}"
    image = snapshot.image
    if image is None or image.distribution not in _WITH_APT:
        return ""
    found = next((command for end, command in _FLAVOURS if kernel.release.endswith(end)), "")
    if not found and image.distribution == "ubuntu":
        return f"apt-get install linux-modules-extra-{shell(kernel.release)}"
    return found


@rule("image.other-kernel", "warning", side="image", remedy="")
def other_kernel(snapshot: Snapshot) -> Iterable[Outcome]:
    """Another kernel of the image can be booted, and hot-plug would not work in it.

    It is not the default; whoever chooses it in the menu, or falls back to it, has a guest that takes no device.
    """
    image = snapshot.image
    booting = _booting(snapshot)
    for kernel in image.kernels if image is not None else ():
        if kernel not in booting and kernel.bootable:
            word, why = of_kernel(kernel, needed(snapshot))
            if word == "not-ready":
                evidence = tuple(piece for item in (kernel.core, *kernel.mechanisms[:2]) for piece in item.evidence[:1])
                yield Fault(kernel.release, why, evidence or (Evidence("/boot", kernel.release),))


@rule("image.next-update", "warning", side="image", remedy="")
def next_update(snapshot: Snapshot) -> Iterable[Outcome]:
    """What the next update of the boot loader will write forbids what is allowed now.

    A parameter in /etc/default/grub or /etc/kernel/cmdline that the present entries do not have yet.
    """
    image = snapshot.image
    if image is None or not image.loaders:
        return
    now = {item.parameter for kernel in _booting(snapshot) for line in kernel.lines[:1] for item in line.forbids}
    for template in image.templates:
        for item in template.forbids:
            if item.parameter not in now:
                yield Fault(
                    item.parameter,
                    f"{item.parameter} will forbid {', '.join(item.what)} from the next update of the boot loader on",
                    (Evidence(template.source, item.parameter),),
                )
