"""What a guest writes never reaches a terminal as it is: no control, bidi or invisible character, no second line."""

from __future__ import annotations

import json
import unicodedata

import pytest

# A title, a colour, a cursor; C1 as UTF-8; bidi override, isolates, marks; invisible; DEL, carriage return, newline.
EVIL = "\x1b]0;t\x07\x1b[31m\x1b[2J\u009b1m\u202e\u2066\u061c\u200b\u2060\ufeff\U000e0041\x7f\r\n\x0b\u2028E"
RAW = b"\x9b31m\xff\x80E"
PORT = "sys/devices/pci0000:00/0000:00:02.0"
DISK = f"{PORT}/0000:01:00.0"
TEXTS = (
    ("check",),
    ("check", "--color", "always"),
    ("slots", "-o", "+ATTENTION,SPEED,MAX-SPEED"),
    ("list", "-o", "+IDS,REV,MODULES,PARENT,ENABLED"),
    ("list", "--tree"),
    ("explain",),
    ("explain", "01:00.0"),
    ("explain", "03:00.0", "--color", "always"),
)
DOCUMENTS = (
    ("check", "--json"),
    ("slots", "--json"),
    ("list", "--json"),
    ("explain", "--json"),
    ("explain", "01:00.0", "--json"),
)


def unsafe(text):
    """The characters of a text that a terminal would act on or hide, but for newlines and the colours of check."""
    for color in range(31, 38):
        text = text.replace(f"\x1b[{color}m", "")
    text = text.replace("\x1b[0m", "")
    bad = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
    return {f"U+{ord(c):04X}" for c in text if c != "\n" and unicodedata.category(c) in bad}


def slot_name(guest, evil):
    guest.rename("sys/bus/pci/slots/0-2", evil)


def driver(guest, evil):
    guest.put(f"{DISK}/driver", f"../../../../bus/pci/drivers/{evil}")


def slot_module(guest, evil):
    guest.put("sys/bus/pci/slots/0/module", f"../../../../module/{evil}")


def interface(guest, evil):
    """The name of a disk: its directory, and the link of its class."""
    guest.rename(f"{DISK}/virtio1/block/vdb", evil)
    guest.put("sys/class/block/vdb", None)
    guest.put(f"sys/class/block/{evil}", f"../../devices/pci0000:00/0000:00:02.0/0000:01:00.0/virtio1/block/{evil}")


def modules(guest, evil):
    """A module that claims the e1000e, which no driver has."""
    guest.put("sys/devices/pci0000:00/0000:00:04.0/0000:03:00.0/driver", None)
    line = f"alias pci:v00008086d000010D3sv*sd*bc*sc*i* {evil}\n"
    guest.put("lib/modules/6.1.0-50-amd64/modules.alias", line.encode("utf-8", "surrogateescape"))


def pci_ids(guest, evil):
    text = f"1af4  {evil}\n\t1042  {evil}\n8086  {evil}\nC 01  {evil}\n\t00  {evil}\n"
    guest.put("usr/share/misc/pci.ids", text.encode("utf-8", "surrogateescape"))


def content(*paths, line="{}\n"):
    def write(guest, evil):
        for path in paths:
            guest.put(path, line.replace("{}", evil).encode("utf-8", "surrogateescape"))

    write.__name__ = paths[0]
    return write


LOG = "6,1,1000000,-;pci 0000:01:00.0: BAR 2: failed to assign {}\n4,2,2000000,-;{}: probe of 0000:03:00.0 failed {}\n"
WAYS = [
    slot_name,
    driver,
    slot_module,
    interface,
    modules,
    pci_ids,
    content("sys/class/dmi/id/product_name"),
    content("sys/class/dmi/id/sys_vendor", line="QEMU{}\n"),
    content("proc/sys/kernel/osrelease"),
    content("proc/cmdline", line="root=/dev/{} acpiphp.disable=1 modprobe.blacklist={},e1000e\n"),
    content("cmd/kmsg", line=LOG),
    content("cmd/kmsg", line="[    1.000000] {}: Oops: 0002 [#1]\nRIP: 0010:pci_scan_{}+0x1\n"),
    content("run/systemd/container"),
    content("proc/1/environ", line="container={}\0"),
    content("sys/hypervisor/type"),
    content("etc/modprobe.d/evil.conf", line="blacklist {}\noptions {} x=1\ninstall e1000e /bin/{}\n"),
    content("etc/modules-load.d/evil.conf", "etc/modules", line="acpiphp_ibm {}\n{}\n"),
    content("run/udev/data/+pci:0000:01:00.0", line="E:ID_VENDOR_FROM_DATABASE={}\nE:ID_MODEL_FROM_DATABASE={}\n"),
    content(f"{DISK}/modalias", f"{DISK}/revision", f"{DISK}/enable", f"{DISK}/class", line="0x{}\n"),
    content(f"{DISK}/driver_override"),
    content("sys/bus/pci/slots/0/cur_bus_speed", "sys/bus/pci/slots/0/max_bus_speed"),
    content("sys/bus/pci/slots/0/address", "sys/bus/pci/slots/0/power", "sys/bus/pci/slots/0/latch"),
    content("boot/config-6.1.0-50-amd64", line="# Linux/x86 {} Kernel Configuration\nCONFIG_HOTPLUG_PCI={}\n"),
    content("proc/modules", line="{} 16384 0 - Live 0x0\n"),
    content("sys/module/acpiphp/parameters/disable"),
]


@pytest.mark.parametrize("evil", [EVIL, RAW.decode("utf-8", "surrogateescape")], ids=["escapes", "bytes"])
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__.replace("/", "-"))
def test_nothing_raw_gets_through(hotplugctl, guest, way, evil):
    way(guest, evil)
    for command in TEXTS:
        done = hotplugctl(*command, "--root", guest)
        assert done.status in (0, 1, 3), done.err
        assert not unsafe(done.out) and not unsafe(done.err)
    for command in DOCUMENTS:
        done = hotplugctl(*command, "--root", guest)
        assert done.out.isascii() and not unsafe(done.out)
        # No half of a surrogate pair: that would be no text.
        assert json.dumps(json.loads(done.out), ensure_ascii=False).encode("utf-8")


@pytest.mark.parametrize(
    "way, command, shown",
    [
        (slot_name, "slots", "\\x1b]0;t\\x07\\x1b[31m\\x1b[2J\\x9b1m\\u202e\\u2066\\u061c\\u200b"),
        (driver, "list", "\\x1b]0;t\\x07"),
        (slot_module, "slots", "\\x1b]0;t\\x07"),
        (slot_module, "check", "\\x1b]0;t\\x07"),
        (interface, "list", "\\U000e0041\\x7f\\x0d\\x0a\\x0b\\u2028E"),
        (pci_ids, "list", "\\u202e"),
        (WAYS[6], "check", "qemu"),
        (WAYS[8], "check", "\\x1b]0;t\\x07"),
    ],
)
def test_it_is_shown_as_an_escape(hotplugctl, guest, way, command, shown):
    """And in one line: as many lines as the guest gives without it."""
    lines = []
    for evil in ("plain", EVIL):
        way(guest, evil)
        done = hotplugctl(command, "--root", guest)
        guest.undo()
        lines.append(done.out.count("\n"))
    assert shown in done.out
    assert lines[0] == lines[1]


def test_a_document_carries_it_whole(hotplugctl, guest):
    slot_name(guest, EVIL)
    driver(guest, RAW.decode("utf-8", "surrogateescape"))
    names = [slot["name"] for slot in hotplugctl("slots", "--json", "--root", guest).document["slots"]]
    assert EVIL in names
    functions = hotplugctl("list", "--json", "--root", guest).document["functions"]
    assert "\\x9b31m\\xff\\x80E" in [item["driver"] for item in functions]


def test_a_remedy_is_quoted(hotplugctl, guest):
    """What can be pasted does what it says, whatever a module is called."""
    modules(guest, "a;rm$IFS_rf'b")
    (found,) = [
        item
        for item in hotplugctl("check", "--json", "--root", guest, "--only", "driver").document["findings"]
        if item["address"] == "0000:03:00.0"
    ]
    assert found["remedy"] == "modprobe 'a;rm$IFS_rf'\\''b'"


def test_a_remedy_with_an_unprintable_name_is_left_out(hotplugctl, guest):
    modules(guest, "a\x1b[31m\u202eb")
    done = hotplugctl("check", "--json", "--root", guest, "--only", "driver")
    (found,) = [item for item in done.document["findings"] if item["address"] == "0000:03:00.0"]
    assert "a\x1b[31m\u202eb" in found["summary"]
    assert found["remedy"] is None
    assert "try:" not in hotplugctl("check", "--root", guest, "--only", "driver").out


@pytest.mark.parametrize("kind", ["lspci", "dmesg", "kconfig", "uevents"])
def test_parsed_texts(hotplugctl, kind):
    text = (
        f"00:01.0 VGA: {EVIL}\n[    1.000000] pci 0000:00:01.0: {EVIL}\nCONFIG_HOTPLUG_PCI={EVIL}\n"
        f"KERNEL[1.0] add /devices/{EVIL} (pci)\nDRIVER={EVIL}\n"
    )
    done = hotplugctl("parse", kind, stdin=text.encode() + RAW)
    assert done.status == 0
    assert done.out.isascii() and not unsafe(done.out)
    assert json.loads(done.out)


def test_a_recording_by_an_evil_name(hotplugctl, guest, tmp_path):
    out = tmp_path / "evil\x1b[31m\u202e\n.tar"
    done = hotplugctl("record", out, "--no-scrub", "--root", guest)
    assert done.status == 0 and out.is_file()
    assert not unsafe(done.out) and done.out.count("\n") == 1
    again = hotplugctl("record", out, "--no-scrub", "--root", guest)
    assert again.status == 2
    assert not unsafe(again.err) and again.err.count("\n") == 1
