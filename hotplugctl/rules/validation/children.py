"""What is below a PCI function: its ``uevent`` file and the files beside it (drivers/base/core.c, ``dev_uevent``)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from hotplugctl.model.inventory import Sample
from hotplugctl.model.report import Evidence
from hotplugctl.model.validation import Problem
from hotplugctl.rules.validation.paths import Sysfs
from hotplugctl.rules.validation.words import shown

_TOLD = re.compile(r"(/sys/devices/pci[^/]+/.+)/(uevent|modalias|dev|ifindex|vendor|device)\Z")
# Of these more is asked elsewhere.
_FUNCTION = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]\Z")
_VIRTIO = re.compile(r"virtio\d+\Z")
_LINE = re.compile(r"([A-Z][A-Z0-9_]*)=([^\n]*)")


def is_told(path: str) -> bool:
    """Whether the file at ``path`` is one that ``children`` compares."""
    found = _TOLD.match(path)
    return found is not None and _FUNCTION.match(found[1].rpartition("/")[2]) is None


def children(samples: Iterable[Sample], sysfs: Sysfs) -> Iterator[Problem]:
    """A problem for each device and key that two files tell otherwise."""
    folders: dict[str, dict[str, str]] = {}
    for sample in samples:
        folder, _, name = sample.path.rpartition("/")
        folders.setdefault(folder, {})[name] = sample.data.decode("utf-8", "backslashreplace").strip("\n")
    for folder, files in folders.items():
        said = dict(_LINE.findall(files.get("uevent", "")))
        for key, value, source in _beside(folder, files, sysfs):
            if key in said and said[key] != value:
                yield _differs(folder, key, said[key], value, source)
        if _VIRTIO.match(folder.rpartition("/")[2]):
            yield from _virtio(folder, files)


def _beside(folder: str, files: Mapping[str, str], sysfs: Sysfs) -> Iterator[tuple[str, str, str]]:
    """Key, what it must be, and where that stands."""
    if files.get("modalias"):
        yield "MODALIAS", files["modalias"], "modalias"
    major, colon, minor = files.get("dev", "").partition(":")
    if colon:
        yield "MAJOR", major, "dev"
        yield "MINOR", minor, "dev"
    if files.get("ifindex"):
        yield "IFINDEX", files["ifindex"], "ifindex"
        yield "INTERFACE", folder.rpartition("/")[2], ""
    link = sysfs.entries.get(f"{folder}/driver")
    if link is not None and link.target:
        yield "DRIVER", link.target.rpartition("/")[2], "driver"


def _virtio(folder: str, files: Mapping[str, str]) -> Iterator[Problem]:
    """drivers/virtio/virtio.c: the alias is made of the two ids."""
    ids = re.fullmatch(r"0x([0-9a-f]{4}) 0x([0-9a-f]{4})", f"{files.get('device')} {files.get('vendor')}")
    alias = files.get("modalias")
    if ids is None or not alias:
        return
    made = f"virtio:d{int(ids[1], 16):08X}v{int(ids[2], 16):08X}"
    if alias != made:
        why = f"modalias says {shown(alias)}, device and vendor make {made}"
        said = (Evidence(f"{folder}/modalias", shown(alias)), Evidence(f"{folder}/device", made))
        yield Problem("device.id-differs", folder, why, said)


def _differs(folder: str, key: str, said: str, found: str, source: str) -> Problem:
    beside = f"{folder}/{source}" if source else folder
    why = f"uevent says {key}={shown(said)}, {source or 'its folder'} says {shown(found)}"
    return Problem(
        "device.uevent-differs",
        f"{folder} {key}",
        why,
        (Evidence(f"{folder}/uevent:{key}", shown(said)), Evidence(beside, shown(found))),
    )
