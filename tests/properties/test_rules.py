"""No guest, however garbled, makes a rule crash, and every answer stays within the contract."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hotplugctl.model.report import SEVERITIES, VERDICTS

_SYN = Path(__file__).resolve().parents[1] / "syn.py"
_SPEC = importlib.util.spec_from_file_location("hotplugctl_syn", _SYN)
assert _SPEC is not None and _SPEC.loader is not None
syn = sys.modules.get("hotplugctl_syn")
if syn is None:
    syn = sys.modules["hotplugctl_syn"] = importlib.util.module_from_spec(_SPEC)
    _SPEC.loader.exec_module(syn)

STATES = {"builtin", "loaded", "loadable", "absent", "disabled", "blacklisted", "unknown"}
STATUSES = {"pass", "fail", "unknown", "crashed"}
# What may stand in a file that the kernel did not write: nothing, too much, numbers that are none, terminal escapes.
JUNK = st.one_of(
    st.binary(max_size=300),
    st.sampled_from(
        [b"", b"\n", b"-1\n", b"0x\n", b"9" * 5000, b"\xff" * 256, b"\0" * 64, b"\x1b[2J\x1b]0;x\x07\n",
         b"0x0 0x0\n", b"0x" + b"f" * 40 + b" 0x0 0x0\n", b"0000:00\n", b"ffff:ff:ff\n", b"\xf0\x9f\x90\x8d" * 40]
    ),
)  # fmt: skip


def sound(said) -> None:
    """Whatever was read: an answer of the contract, and no crash."""
    crashed = [(finding.id, finding.detail) for finding in said.findings if finding.status == "crashed"]
    assert not crashed
    assert said.verdict in VERDICTS
    assert said.why
    for finding in said.findings:
        assert finding.status in STATUSES and finding.severity in SEVERITIES
        assert finding.side in ("guest", "host", "image")
        assert finding.status != "unknown" or finding.detail
        assert finding.status != "fail" or (finding.summary and finding.evidence)
    for item in (said.snapshot.core, *said.snapshot.mechanisms):
        assert item.state in STATES
        assert item.state != "unknown" or item.unknown["state"]
    for room in said.headroom.rooms:
        sizes = (room.io_largest, room.mem_largest, room.pref_largest, room.bus_numbers_free)
        named = dict(room.unknown)
        assert all(size is None or size >= 0 for size in sizes)
        keys = ("io_largest", "mem_largest", "pref_largest", "bus_numbers_free")
        assert {key for key, size in zip(keys, sizes) if size is None} == set(named) - {"mechanism"}


@pytest.fixture(scope="module", params=["pc", "q35"])
def garden(request):
    """A guest with some of everything."""
    guest = getattr(syn, request.param)(syn.Guest())
    path = guest.function("0000:00:03.0", driver="virtio-pci", resource=[(0, 0xFFF, 0x20040200)])
    guest.file(f"{path}/virtio1/modalias", "virtio:d00000001v00001AF4\n")
    guest.link("sys/bus/virtio/devices/virtio1", f"../../../devices/{path[12:]}/virtio1")
    guest.function("0000:00:04.0", "8086", "100e", enable="0")
    guest.port("0000:00:05.0", "0000:05", syn.bridge(5, express=False, shpc=True), driver=None)
    guest.slot("9", "0000:00:09")
    guest.file("etc/modprobe.d/x.conf", "blacklist e1000\n")
    guest.file("etc/modules", "acpiphp\n")
    return guest


def mutated(garden, changes):
    """The guest, with something else at these places, or nothing."""
    guest = garden.copy()
    places = list(guest.entries)
    for place, content in changes:
        path = places[place % len(places)]
        if content is GONE:
            guest.entries.pop(path, None)
        else:
            guest.entries[path] = content
    return guest


GONE = object()
CHANGES = st.lists(
    st.tuples(
        st.integers(0, 10_000),
        st.one_of(st.just(GONE), st.none(), JUNK, st.sampled_from(["/", "../..", "loop", "/dev/null"])),
    ),
    min_size=1,
    max_size=12,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(changes=CHANGES)
def test_any_guest_is_answered(garden, changes):
    sound(mutated(garden, changes).check())


def test_every_file_alone_may_be_missing_or_empty(garden):
    for place in range(len(garden.entries)):
        for content in (GONE, b""):
            sound(mutated(garden, [(place, content)]).check())


NAMES = st.text(st.characters(blacklist_characters="/\0", blacklist_categories=["Cs"]), min_size=1, max_size=12)


@given(names=st.lists(NAMES.filter(lambda name: name not in (".", ".."))))
def test_names_of_slots_are_anything(garden, names):
    guest = garden.copy()
    for name in names:
        guest.slot(name, "0000:00:03", power="0", adapter="1", attention="0")
    sound(guest.check())


@pytest.fixture(scope="module")
def image():
    """An image with two kernels and everything that may say how one is booted."""
    guest = syn.image(syn.image(syn.Guest()), "5.10.0-syn", HOTPLUG_PCI="n")
    syn.grub(guest, (syn.RELEASE, "quiet"), ("5.10.0-syn", "acpi=off"), default="${saved_entry}")
    guest.file("boot/grub/grubenv", "# GRUB Environment Block\nsaved_entry=1\n")
    guest.file("boot/loader/loader.conf", "default a*\n")
    guest.file("boot/loader/entries/a.conf", f"linux /vmlinuz-{syn.RELEASE}\noptions quiet\n")
    guest.file("boot/extlinux.conf", f"label a\nlinux vmlinuz-{syn.RELEASE}\ninclude extlinux.conf\n")
    guest.file("boot/efi/EFI/Linux/a.efi", b"MZ")
    guest.file("etc/default/grub", 'GRUB_CMDLINE_LINUX="pci=off"\n')
    guest.file("etc/kernel/cmdline", "quiet\n")
    guest.file("etc/modprobe.d/x.conf", "blacklist e1000\n")
    guest.file("etc/fstab", "/dev/vda1 /boot ext4\n")
    guest.link("vmlinuz", f"boot/vmlinuz-{syn.RELEASE}")
    return guest


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(changes=CHANGES)
def test_any_image_is_answered(image, changes):
    sound(mutated(image, changes).check())


def test_every_file_of_an_image_alone_may_be_missing_or_empty(image):
    for place in range(len(image.entries)):
        for content in (GONE, b"", None, "/dev/null"):
            sound(mutated(image, [(place, content)]).check())


def test_recorded_guests_are_answered(recordings):
    for story in sorted(recordings.archives):
        for stage in recordings.stages(story):
            sound(syn.check(recordings.stage(story, stage)))
