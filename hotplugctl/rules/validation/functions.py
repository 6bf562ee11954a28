"""PCI functions of sysfs against themselves: ids and config space, addresses and paths, lists and folders."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Optional

from hotplugctl.model.config_space import ConfigSpace
from hotplugctl.model.report import Evidence
from hotplugctl.model.validation import Problem, Subject, Subjects
from hotplugctl.rules.validation.paths import Sysfs
from hotplugctl.rules.validation.words import shown

_DEVICES = "/sys/bus/pci/devices"
_ADDRESS = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]\Z")
_BELOW_PCI = re.compile(r"(?:pci[0-9a-f]{4,8}:[0-9a-f]{2}|[0-9a-f]{4,8}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7])\Z")
_XHCI = "0c03"


def functions(subjects: Subjects, sysfs: Sysfs) -> Iterator[Problem]:
    """Every contradiction of sysfs with itself about a function."""
    for address, subject in subjects.items.items():
        yield from _ids(address, subject)
        yield from _address(address, subject, subjects.items)
        yield from _uevent(address, subject)
    if subjects.failure is None and sysfs.inventory.whole:
        yield from _unlisted(sysfs)


def _ids(address: str, subject: Subject) -> Iterator[Problem]:
    """The files of one id, and the bytes of config space that they were read from."""
    config = subject.config if subject.config is not None and not subject.config.all_ones else None
    source = f"{subject.function.path}/config"
    for key, said in subject.ids.items():
        values = [*said, *_of_config(key, config, said, source)]
        if len({item.value for item in values}) > 1:
            words = ", ".join(f"{item.source.rpartition('/')[2]} says {item.value}" for item in values)
            yield Problem("pci.id-differs", f"{address} {key}", words, tuple(values))
    revision = subject.function.revision
    if config is not None and revision is not None and revision != f"{config.revision:02x}":
        values = [Evidence(f"{subject.function.path}/revision", revision), Evidence(source, f"{config.revision:02x}")]
        words = f"revision says {revision}, config says {config.revision:02x}"
        yield Problem("pci.id-differs", f"{address} revision", words, tuple(values))


def _of_config(key: str, config: Optional[ConfigSpace], said: Iterable[Evidence], source: str) -> Iterator[Evidence]:
    if config is None:
        return
    if key in ("vendor", "device"):
        yield Evidence(source, getattr(config, key))
    elif key == "class" and not any(_is_overruled(config.class_, item.value) for item in said):
        yield Evidence(source, config.class_)


def _is_overruled(raw: str, class_: str) -> bool:
    """drivers/pci/quirks.c gives a class to old devices without one, and another interface to some USB controllers."""
    return raw[:2] == "00" or (raw[:4] == class_[:4] == _XHCI)


def _address(address: str, subject: Subject, items: Mapping[str, Subject]) -> Iterator[Problem]:
    path = subject.function.path
    source = f"{_DEVICES}/{address}"
    last = path.rpartition("/")[2]
    if last != address:
        why = f"the link in {_DEVICES} leads to {shown(last)}"
        yield Problem("pci.address-differs", address, why, (Evidence(source, path),))
        return
    root = re.match(r"/sys/devices/(?:.*/)?pci([0-9a-f]{4,8}):[0-9a-f]{2}/", path)
    if root is not None and root[1] != address.partition(":")[0]:
        why = f"its root is of domain {root[1]}"
        yield Problem("pci.address-differs", address, why, (Evidence(source, path),))
    parent = subject.function.parent
    if parent is not None and parent not in items:
        why = f"the bridge above it, {parent}, is not in {_DEVICES}"
        yield Problem("pci.parent-missing", address, why, (Evidence(source, path),))


_KEYS = {
    "PCI_SLOT_NAME": "address",
    "PCI_ID": "id",
    "PCI_CLASS": "class",
    "DRIVER": "driver",
    "MODALIAS": "modalias",
}


def _uevent(address: str, subject: Subject) -> Iterator[Problem]:
    """The ``uevent`` file (drivers/pci/pci-driver.c, ``pci_uevent``) repeats what other files say."""
    function = subject.function
    # Of two files that tell the ids, "pci.id-differs" says that they do not agree.
    alone = not any(len({item.value for item in said}) > 1 for said in subject.ids.values())
    found = {
        "MODALIAS": function.modalias if alone else None,
        "PCI_SLOT_NAME": address,
        "PCI_ID": f"{function.vendor}:{function.device}",
        "PCI_CLASS": function.class_,
        "DRIVER": function.driver if "driver" not in function.unknown else None,
    }
    for key, value in found.items():
        said = subject.uevent.get(key)
        said = said.lower().zfill(6) if said is not None and key == "PCI_CLASS" else said
        said = said.lower() if said is not None and key == "PCI_ID" else said
        if said is None or value is None or said == value:
            continue
        values = (Evidence(f"{function.path}/uevent:{key}", said), Evidence(function.path, value))
        yield Problem(
            "pci.uevent-differs", f"{address} {_KEYS[key]}", f"uevent says {shown(said)}, not {value}", values
        )


def _unlisted(sysfs: Sysfs) -> Iterator[Problem]:
    """Folders of functions that /sys/bus/pci/devices does not have."""
    if _DEVICES not in sysfs.entries:
        return
    for path, entry in sysfs.entries.items():
        if entry.kind != "dir" or not path.startswith("/sys/devices/"):
            continue
        folder, _, name = path.rpartition("/")
        if (
            _ADDRESS.match(name)
            and _BELOW_PCI.match(folder.rpartition("/")[2])
            and f"{_DEVICES}/{name}" not in sysfs.entries
        ):
            why = f"a function's folder, which {_DEVICES} does not have"
            yield Problem("pci.function-unlisted", name, why, (Evidence(path, name),))
