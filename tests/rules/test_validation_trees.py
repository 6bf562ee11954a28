"""What ``validate`` finds in a tree itself, where no recorded guest has it: hand-made entries and functions."""

from __future__ import annotations

from typing import Optional

import pytest

from hotplugctl.model.devices import PciFunction
from hotplugctl.model.inventory import Entry, Inventory, Sample
from hotplugctl.model.log_view import LogFunction, LogView, SysfsDisks
from hotplugctl.model.validation import Claim, Layout, ModuleLists, Subject, Subjects
from hotplugctl.parse import config_space, resource
from hotplugctl.rules.validation import Sysfs, kernel_log, links, modules, texts, topology, unlisted
from hotplugctl.rules.validation.engine import CRASHED, run

NOWHERE = Layout(frozenset(), (), {})


def tree(**links_: str) -> Sysfs:
    """Entries of /sys by name: links, and the folder they lie in."""
    entries = {"/sys": Entry("dir", 0o755, None)}
    entries.update({f"/sys/{name}": Entry("link", 0o777, target) for name, target in links_.items()})
    return Sysfs(Inventory(entries, True, False))


def ids(problems) -> list[str]:
    return [problem.id for problem in problems]


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("../sys", []),
        ("../../sys", ["link.escapes"]),
        ("/sys", ["link.escapes"]),
        ("a", ["link.circular"]),
        ("a/../a/../a", ["link.circular"]),
        ("nowhere", []),
        ("", []),
        ("../" * 2000, ["link.escapes"]),
    ],
)
def test_where_a_link_leads(target, found):
    assert ids(links(tree(a=target))) == found


@pytest.mark.parametrize(
    ("more", "whole", "found"),
    [
        ({}, True, ["link.missing"]),
        ({"/sys/class/net/ens3": "../../devices/x/net/ens3"}, True, []),
        # The snapshot is cut short; a link that says where it belongs counts more than the folder's name.
        ({}, False, []),
        ({"/sys/devices/x/net/ens3/subsystem": "../../../../class/other"}, True, []),
        ({"/sys/devices/x/net/ens3/subsystem": "../../../../bus/pci"}, True, []),
        ({"/sys/devices/x/net/ens3/subsystem": "../../../../../../../.."}, True, []),
    ],
)
def test_a_device_that_no_list_has(more, whole, found):
    """syn-unlisted: a class whose list was recorded, and one whose list was not."""
    folders = ("/sys/class/net", "/sys/devices/x/net", "/sys/devices/x/net/ens3", "/sys/devices/x/block/vda")
    entries = {path: Entry("dir", 0o755, None) for path in folders}
    for folder in folders[2:]:
        entries[f"{folder}/uevent"] = Entry("file", 0o644, None)
    entries.update({path: Entry("link", 0o777, target) for path, target in more.items()})
    assert ids(unlisted(Sysfs(Inventory(entries, whole, False)))) == found


def test_a_tree_that_was_cut_short_misses_nothing():
    entries = {
        "/sys/bus/pci/devices/0000:00:01.0": Entry("link", 0o777, "../../../devices/pci0000:00/0000:00:01.0"),
        "/sys/devices/pci0000:00/0000:00:00.0": Entry("dir", 0o755, None),
    }
    for folder in (
        "/sys",
        "/sys/bus",
        "/sys/bus/pci",
        "/sys/bus/pci/devices",
        "/sys/devices",
        "/sys/devices/pci0000:00",
    ):
        entries[folder] = Entry("dir", 0o755, None)
    assert ids(links(Sysfs(Inventory(entries, True, False)))) == ["link.dangling"]
    assert ids(links(Sysfs(Inventory(entries, False, False)))) == []


FUNCTION = "/sys/devices/pci0000:00/0000:00:03.0"


@pytest.mark.parametrize(
    ("path", "data", "mode", "found"),
    [
        (f"{FUNCTION}/vendor", b"0x1af4\n", 0o444, []),
        (f"{FUNCTION}/vendor", b"", 0o200, []),
        (f"{FUNCTION}/vendor", b"", 0o444, ["text.empty"]),
        (f"{FUNCTION}/vendor", b"\xff\xfe0\0x\0", 0o444, ["text.byte-order-mark"]),
        (f"{FUNCTION}/remove", b"", 0o220, []),
        (f"{FUNCTION}/uevent", b"A=b\n", 0o644, []),
        (f"{FUNCTION}/config", bytes(64), 0o644, []),
        (f"{FUNCTION}/config", bytes(128), 0o644, []),
        (f"{FUNCTION}/config", b"\xff" * 256, 0o644, []),
        (f"{FUNCTION}/config", bytes(63), 0o644, ["file.config-size"]),
        (f"{FUNCTION}/driver_override", b"(null)\n", 0o644, []),
        # Attributes of others may do as they like, but for what no kernel writes.
        ("/sys/module/apparmor/parameters/mode", b"enforce", 0o400, []),
        ("/sys/kernel/x", b"a\r\nb\r\n", 0o444, ["text.carriage-return"]),
        ("/sys/firmware/acpi/tables/DSDT", b"DSDT\r\n\0\r\n", 0o400, []),
        ("/sys/firmware/x", b"a\r\nb\n", 0o400, []),
        ("/sys/class/x", b"../../devices/x", 0o644, ["link.replaced"]),
        ("/proc/cmdline", b"quiet", 0o444, ["text.newline-missing"]),
        ("/boot/config-6.1", b"CONFIG_PCI=y\r\n", 0o644, ["text.carriage-return"]),
    ],
)
def test_texts(path, data, mode, found):
    assert ids(texts([Sample(path, data, mode)])) == found


# --- ranges -----------------------------------------------------------------------------------------------------------

MEM, IO, FIXED_IO, PREF = 0x40200, 0x40101, 0x110, 0x14220C


def subject(
    address: str, lines, parent: Optional[str] = None, config: Optional[bytes] = None, class_="020000"
) -> Subject:
    function = PciFunction(
        address, f"/sys/devices/{address}", class_, None, None, None, None, None, None, None, None, parent, {}
    )
    text = "".join(f"0x{a:016x} 0x{b:016x} 0x{c:016x}\n" for a, b, c in lines)
    return Subject(function, {}, (), None if config is None else config_space.parse(config), resource.parse(text), None)


def bridge(syn, mem=(0xFE80_0000, 0xFE9F_FFFF), class_="060400", **more) -> Subject:
    data = syn.bridge(mem=mem, **more)
    return subject("0000:00:02.0", [(0, 0, 0)] * 7, None, data, class_)


def found(*subjects: Subject, layout: Layout = NOWHERE) -> list[str]:
    items = {one.function.address: one for one in subjects}
    return ids(topology(Subjects(items, None, True), layout))


def behind(*lines) -> Subject:
    return subject("0000:01:00.0", lines, "0000:00:02.0")


@pytest.mark.parametrize(
    ("line", "problems"),
    [
        ((0xFE80_0000, 0xFE80_0FFF, MEM), []),
        ((0xFEA0_0000, 0xFEA0_0FFF, MEM), ["pci.bar-outside-window"]),
        ((0xFE9F_F000, 0xFEA0_0FFF, MEM), ["pci.bar-outside-window"]),
        ((0x1000, 0x10FF, IO), []),
        ((0x9000, 0x90FF, IO), ["pci.bar-outside-window"]),
        # Not assigned, of no size, fixed, of VGA or ISA.
        ((0, 0xFFF, MEM), []),
        ((0, 0, 0), []),
        ((0xFEA0_0000, 0xFEA0_0FFF, 0x2000_0000 | MEM), []),
        ((0x1F0, 0x1F7, FIXED_IO), []),
        ((0x9000, 0x9007, FIXED_IO), []),
        ((0x3C0, 0x3DF, IO), []),
        ((0xA_0000, 0xB_FFFF, MEM), []),
        # Prefetchable memory may lie in the window that is not.
        ((0xFE80_0000, 0xFE80_0FFF, PREF), []),
    ],
)
def test_a_bar_and_the_windows_of_its_bridge(line, problems, syn):
    assert found(bridge(syn), behind(line)) == problems


def test_a_prefetchable_window_above_4_gib(syn):
    wide = bridge(syn, pref=(0x8_0000_0000, 0x8_3FFF_FFFF))
    assert found(wide, behind((0x8_0000_0000, 0x8_0FFF_FFFF, PREF))) == []
    assert found(wide, behind((0x9_0000_0000, 0x9_0FFF_FFFF, PREF))) == ["pci.bar-outside-window"]


def test_a_bridge_that_passes_on_everything(syn):
    line = (0xFEA0_0000, 0xFEA0_0FFF, MEM)
    assert found(bridge(syn, class_="060401"), behind(line)) == []
    assert found(subject("0000:00:02.0", [], None, b"\xff" * 64, "060400"), behind(line)) == []
    assert found(subject("0000:00:02.0", [], None, None, "060400"), behind(line)) == []


def test_the_windows_of_a_root_bus():
    line = (0xE000_0000, 0xE000_0FFF, MEM)
    claims = (Claim("0000:00", 0xC000_0000, 0xDFFF_FFFF, False), Claim("0000:00", 0, 0xFFFF, True))
    here = subject("0000:00:03.0", [line])
    assert found(here, layout=Layout(frozenset(), claims, {})) == ["pci.bar-outside-window"]
    assert found(here, layout=Layout(frozenset(), claims[:1], {})) == [], "one of the maps says nothing"
    assert found(here) == []


def test_overlaps():
    one, other = (0xE000_0000, 0xE000_0FFF, MEM), (0xE000_0800, 0xE000_17FF, MEM)
    assert found(subject("0000:00:03.0", [one]), subject("0000:00:04.0", [other])) == ["pci.bar-overlap"]
    assert found(subject("0000:00:03.0", [one, other])) == ["pci.bar-overlap"]
    assert found(subject("0000:00:03.0", [one]), subject("0000:01:04.0", [other])) == [], "another bus"
    assert found(subject("0000:00:03.0", [one, (0xE000_0000, 0xE000_00FF, IO)])) == [], "another space"
    ghost = subject("0000:00:04.0", [other], None, b"\xff" * 64)
    assert found(subject("0000:00:03.0", [one]), ghost) == [], "it does not answer"


# --- the log, modules, crashes ----------------------------------------------------------------------------------------


def said(class_: str, found_: str, shifted: bool = False) -> list[str]:
    function = subject("0000:00:03.0", [], class_=found_)
    function = function._replace(function=function.function._replace(vendor="1af4", device="1000"))
    view = LogView("/cmd/dmesg", True, {"0000:00:03.0": LogFunction("1af4:1000", class_, shifted, True, 1)}, {}, {}, {})
    return ids(kernel_log(view, Subjects({"0000:00:03.0": function}, None, True), SysfsDisks((), None, None)))


@pytest.mark.parametrize(
    ("printed", "sysfs", "shifted", "problems"),
    [
        ("020000", "020000", False, []),
        ("020000", "010000", False, ["log.function-differs"]),
        ("020000", "020001", False, ["log.function-differs"]),
        # Quirks give a class to what has none, and change an interface of USB; old kernels print none.
        ("000000", "010000", False, []),
        ("0c0330", "0c03fe", False, []),
        ("010000", "010180", False, ["log.function-differs"]),
        ("010100", "010180", True, []),
    ],
)
def test_a_class_that_the_log_tells(printed, sysfs, shifted, problems):
    assert said(printed, sysfs, shifted) == problems


@pytest.mark.parametrize(
    ("lists", "problems"),
    [
        (ModuleLists({"a": "Live"}, {"a": "live", "b": None}, frozenset("a")), []),
        (ModuleLists({"a": "Live"}, {"b": None}, None), []),
        (ModuleLists({"a": "Live", "c": "Loading"}, {"a": "live"}, frozenset("a")), []),
        (ModuleLists({"a": "Live"}, {"a": "live", "d": "going"}, None), []),
        (ModuleLists(None, {"a": "live"}, frozenset("a")), []),
        (ModuleLists({}, {"a": "live"}, None), ["module.proc-missing"]),
        (ModuleLists({"a": "Live", "b": "Live"}, {"a": "live"}, None), ["module.sysfs-missing"]),
        (ModuleLists({"a": "Live", "b": "Live"}, {"a": "live", "b": None}, None), ["module.initstate-missing"]),
        (ModuleLists({"a": "Live"}, None, frozenset("b")), ["module.lsmod-differs", "module.lsmod-differs"]),
    ],
)
def test_lists_of_modules(lists, problems):
    assert ids(modules(lists)) == problems


def test_a_crash_is_an_outcome():
    def crash():
        yield from ()
        raise KeyError("x")

    (problem,) = run("something", crash)
    assert (problem.id, problem.where) == (CRASHED, "something")
    assert "KeyError" in problem.summary
