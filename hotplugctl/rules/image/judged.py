"""The verdicts of an image and of each of its kernels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Optional

from hotplugctl.model.image import Driver, Image, Kernel
from hotplugctl.model.reads import reason
from hotplugctl.model.report import Finding
from hotplugctl.model.snapshot import Mechanism, Snapshot

# The mechanism by which most machines of an architecture take devices: PCs and their like by either of two.
_OF_ARCHITECTURE = {"s390x": ("s390_pci_hpc",), "ppc64": ("rpaphp", "pnv_php"), "ppc64le": ("rpaphp", "pnv_php")}
_OF_MOST = ("acpiphp", "pciehp")
_LACKS = ", but not there: "
_GRAVITY = ("ready", "limited", "unknown", "not-ready")


def needed(snapshot: Snapshot) -> tuple[str, ...]:
    """The mechanisms of which the machine that the image will run on uses one."""
    return _OF_ARCHITECTURE.get(snapshot.guest.architecture or "", _OF_MOST)


def candidates(image: Image) -> tuple[Kernel, ...]:
    """The kernels that would boot by themselves: the default; if that is not known all that have a file, or all."""
    if image.default is not None:
        return (image.default,)
    return tuple(kernel for kernel in image.kernels if kernel.bootable is not False) or image.kernels


def lacking(kernel: Kernel) -> tuple[Driver, ...]:
    """The drivers of common devices that the kernel does not have, or may not load."""
    return tuple(item for item in kernel.drivers if item.common and item.state in ("missing", "blacklisted"))


def of_kernel(kernel: Kernel, names: Sequence[str]) -> tuple[str, str]:
    """The verdict of one kernel, and why; ``names``: the mechanisms of which one is needed."""
    at_work = [name for name in names if kernel.serves(name)]
    unclear = [name for name in names if kernel.serves(name) is None]
    idle = [f"{name} {_state(kernel.mechanism(name))}" for name in names if kernel.serves(name) is False]
    if not at_work and not unclear:
        return "not-ready", f"no mechanism would be at work in kernel {kernel.release}: {', '.join(idle)}"
    if unclear:
        found = kernel.mechanism(unclear[0])
        why = (found.unknown.get("state") if found is not None else None) or "no evidence"
        return "unknown", f"whether kernel {kernel.release} has {', '.join(unclear)} is not known: {why}"
    if idle and names == _OF_MOST:
        works = ", ".join(at_work)
        return "unknown", f"it hangs on the machine: kernel {kernel.release} has {works} at work, but {', '.join(idle)}"
    hidden = [item for item in kernel.drivers if item.common and item.state == "unknown"]
    works = f"{', '.join(at_work)} at work in kernel {kernel.release}"
    if hidden:
        why = hidden[0].unknown.get("state", "")
        return "unknown", f"{works}, but whether the drivers are there is not known: {why}"
    lacks = lacking(kernel)
    if lacks:
        return "limited", works + _LACKS + ", ".join(item.name for item in lacks)
    return "ready", f"{works}, and the drivers of common devices are there"


def _state(item: Optional[Mechanism]) -> str:
    if item is None:
        return "absent"
    if item.state == "loadable":
        return "a module that nothing loads"
    return f"{item.state} by {item.blocked_by}" if item.blocked_by else item.state


def verdict(snapshot: Snapshot, failed: Iterable[Finding]) -> tuple[str, str]:
    """What the image decides: of the kernel that boots by default, or of all that may."""
    image = snapshot.image
    assert image is not None
    names = needed(snapshot)
    if not image.kernels:
        return "unknown", "there is no kernel in this image: the one that it is booted with decides"
    if image.why is not None and image.default is None:
        return "unknown", f"what boots by default is not in this image ({image.why.source}: {image.why.value})"
    judged = [of_kernel(kernel, names) for kernel in candidates(image)]
    words = {word for word, _ in judged}
    grave = max(judged, key=lambda pair: _GRAVITY.index(pair[0]))
    if words <= {"ready", "limited"}:
        return _but(image, grave, failed)
    if len(words) == 1:
        return judged[0]
    return "unknown", f"which of {len(judged)} kernels boots is not known, and one is {grave[0]}: {grave[1]}"


def _but(image: Image, judged: tuple[str, str], failed: Iterable[Finding]) -> tuple[str, str]:
    """A kernel that could is not all: its command line may be unknown, and findings say what is wrong."""
    word, why = judged
    if image.failures:
        return "unknown", f"{why}; what boots it could not be read: {reason(image.failures[0])}"
    if not image.loaders and image.unmounted:
        place = image.unmounted[0].value
        return "unknown", f"{why}; what boots it is on the partition of {place}, which is not mounted here"
    first = candidates(image)[0]
    if first.lines and first.lines[0].text is None:
        return "unknown", f"{why}; its command line is not known: {first.lines[0].unknown['text']}"
    wrong = [finding for finding in failed if finding.severity != "info" and finding.id.startswith("image.")]
    if wrong:
        return "limited", why if word == "limited" else f"{why}, but: {wrong[0].summary}"
    # What is left of "limited" was skipped by whoever asked.
    return "ready", why.partition(_LACKS)[0]
