"""BARs without an address: what the kernel lists, what the registers hold, what the log says last."""

from __future__ import annotations

import pytest

MEMORY, MEMORY_64, IO, UNSET = 0x40200, 0x14220C, 0x40101, 0x20000000
GOOD = (0xFEBF_0000, 0xFEBF_0FFF, MEMORY)
FAILED = "pci 0000:00:03.0: BAR 0 [mem size 0x00001000]: failed to assign"
ASSIGNED = "pci 0000:00:03.0: BAR 0 [mem 0xfebf0000-0xfebf0fff]: assigned"
FOUND = "pci 0000:00:03.0: [8086:100e] type 00 class 0x020000 conventional PCI endpoint"


def card(pc, resource=(), bars=(), driver=None, vendor="8086", device="100e", capabilities=(), address="0000:00:03.0"):
    from hotplugctl_syn import endpoint

    return pc.function(
        address, vendor, device, "020000", driver, endpoint(vendor, device, bars=bars, capabilities=capabilities),
        resource,
    )  # fmt: skip


def test_assigned(pc):
    card(pc, [GOOD], [0xFEBF_0000], "e1000")
    pc.check().silent("bar.unassigned")


def test_bars_that_are_not_there(pc):
    card(pc, [GOOD], [0xFEBF_0000, 0, 0, 0, 0, 0])
    pc.check().silent("bar.unassigned")


def test_a_size_without_address(pc):
    """As the kernel lists it: from 0 to the size, and the flag UNSET."""
    card(pc, [(0, 0xFFF, MEMORY | UNSET)])
    said = pc.check()
    finding = said.fires("bar.unassigned", "warning")
    assert (finding.subject, finding.address) == ("0000:00:03.0 BAR 0", "0000:00:03.0")
    assert said.verdict == "limited"


def test_the_registers_remember_a_64_bit_bar(pc):
    """The kernel's line is empty; of the register the type bits are left (pc-nobar)."""
    card(pc, [GOOD], [0xFEBF_0000, 0, 0x0000_000C, 0])
    finding = pc.check().fires("bar.unassigned")
    assert finding.subject.endswith("BAR 2")
    assert "mem64" in finding.evidence[0].value


@pytest.mark.parametrize(
    "lines, fires",
    [
        ([FOUND, FAILED], True),
        ([FOUND, FAILED, ASSIGNED], False),
        ([FOUND, ASSIGNED, FAILED], True),
        ([FOUND, FAILED, FOUND], False),
        ([FOUND, FAILED.replace("00:03.0", "00:04.0")], False),
    ],
)
def test_where_only_the_log_knows(pc, lines, fires):
    """A 32-bit memory BAR without address reads 0 everywhere. The last word on it counts."""
    card(pc)
    pc.log(*lines)
    said = pc.check()
    assert [f.subject for f in said.of("bar.unassigned")] == (["0000:00:03.0 BAR 0"] if fires else [])


def test_messages_of_a_function_that_is_gone(pc):
    pc.log(FOUND, FAILED)
    pc.check().silent("bar.unassigned")


def test_an_io_bar_does_not_matter_to_a_bound_driver(pc):
    card(pc, [(0, 0x1F, IO), GOOD], driver="e1000")
    said = pc.check()
    said.fires("bar.unassigned", "info")
    assert said.verdict == "ready"


def test_an_io_bar_beside_memory_does_not_matter(pc):
    """e1000 and its kind work by memory alone; that nobody drives this one has another reason."""
    card(pc, [GOOD, (0, 0x1F, IO)])
    pc.check().fires("bar.unassigned", "info")


@pytest.mark.parametrize("modern, severity", [(False, "warning"), (True, "info")])
def test_an_io_bar_matters_to_legacy_virtio(pc, modern, severity):
    capabilities = [(0x09, bytes(14))] if modern else [(0x11, bytes(10))]
    card(pc, [(0, 0x1F, IO), GOOD], vendor="1af4", device="1000", capabilities=capabilities)
    pc.check().fires("bar.unassigned", severity)


def test_a_board_has_such_functions(pc):
    card(pc, [(0, 0xFFF, MEMORY | UNSET)], address="0000:00:1f.3")
    pc.check().fires("bar.unassigned", "info")


def test_a_function_that_does_not_answer_has_no_bars(pc):
    path = card(pc, [(0, 0xFFF, MEMORY | UNSET)])
    pc.file(f"{path}/config", b"\xff" * 256)
    pc.check().silent("bar.unassigned")


def test_nonsense_is_no_bar(pc):
    path = card(pc)
    pc.file(f"{path}/resource", "no such thing\n")
    said = pc.check()
    said.silent("bar.unassigned")
    assert said.headroom.rooms[0].mem_largest is None


def test_recorded(recorded):
    finding = recorded("pc-nobar", "added").fires("bar.unassigned", "warning")
    assert finding.subject == "0000:00:02.0 BAR 2"
    recorded("pc-nobar", "after").silent("bar.unassigned")
    recorded("q35-hotbridge-short", "after").silent("bar.unassigned")


@pytest.mark.parametrize("line, side", [("quiet", "host"), ("pci=noacpi", "guest"), ("acpi=off", "guest")])
def test_on_a_root_bus_no_port_is_blamed(pc, line, side):
    pc.file("proc/cmdline", line + "\n")
    card(pc, [(0, 0xFFF, MEMORY | UNSET)])
    finding = pc.check().fires("bar.unassigned")
    assert "host bridge" in finding.summary
    assert (finding.side, f"boot without {line}" in finding.detail) == (side, side == "guest")


def test_behind_a_port_it_is_the_port(q35):
    q35.function("0000:01:00.0", "8086", "100e", below="0000:00:01.0", resource=[(0, 0xFFF, MEMORY | UNSET)])
    finding = q35.check().fires("bar.unassigned", "warning")
    assert "behind port 0000:00:01.0" in finding.summary
    assert finding.evidence[-1].value == "windows: mem fe800000-fe9fffff, pref disabled"
    assert finding.because == ()


def test_a_port_without_window_explains_the_bar_and_the_bar_the_driver(q35, syn):
    path = f"{q35.paths['0000:00:01.0']}/config"
    q35.file(path, syn.bridge(1, mem=None, slot=(syn.SLOT[0], 0x07E0, syn.SLOT[2])))
    q35.function("0000:01:00.0", "8086", "100e", below="0000:00:01.0", resource=[(0, 0xFFF, MEMORY | UNSET)])
    said = q35.check()
    assert said.fires("bus.no-window").subject == "0000:01"
    assert said.fires("bar.unassigned").because == ("bus.no-window",)
    assert said.fires("driver.not-bound").because == ("bar.unassigned",)
    order = [finding.id for finding in said.findings if finding.status == "fail"]
    assert order.index("bus.no-window") < order.index("bar.unassigned") < order.index("driver.not-bound")


@pytest.mark.parametrize("size, word", [("0x400000000", "pref64-reserve"), ("0x4000", "mem-reserve")])
def test_a_large_bar_needs_room_elsewhere(q35, size, word):
    q35.function("0000:01:00.0", "10de", "20b0", "030200", below="0000:00:01.0", resource=[(0, 0xFFF, MEMORY | UNSET)])
    q35.log("Linux version 6.1", f"pci 0000:01:00.0: BAR 0: no space for [mem size {size} 64bit pref]")
    detail = q35.check().fires("bar.unassigned").detail
    assert word in detail and ("OVMF" in detail) == (size == "0x400000000")


# --- bar.over-interrupts ----------------------------------------------------------------------------------------------

# As seen where the kernel is kept from the tables of ACPI: the window of the port, and the BAR with the MSI-X table.
OVER = (0xFEE0_1000, 0xFEE0_1FFF, MEMORY)
WINDOW = (0xFEE0_0000, 0xFEFF_FFFF)
APIC = "fee00000-feffffff : PCI Bus 0000:01\n  fee00000-fee00fff : Local APIC\n"


def behind_the_apic(q35, syn, resource=OVER):
    q35.port("0000:00:01.0", "0000:01", syn.bridge(1, mem=WINDOW, slot=syn.SLOT))
    q35.function("0000:01:00.0", "1af4", "1042", "010000", "virtio-pci", None, [syn.EMPTY_BAR, resource],
                 below="0000:00:01.0")  # fmt: skip
    q35.file("proc/iomem", APIC)
    q35.file("proc/cmdline", "ro pci=noacpi\n")


def test_a_bar_over_the_local_apic(q35, syn):
    behind_the_apic(q35, syn)
    said = q35.check()
    finding = said.fires("bar.over-interrupts", "warning")
    assert (finding.subject, finding.because) == ("0000:01:00.0 BAR 1", ("bus.window-over-interrupts",))
    assert [one.value for one in finding.evidence[1:]] == ["fee00000-fee00fff : Local APIC", "pci=noacpi"]
    assert said.faults.index("bus.window-over-interrupts") < said.faults.index("bar.over-interrupts")


@pytest.mark.parametrize(
    "resource",
    [
        (0xFEDF_F000, 0xFEDF_FFFF, MEMORY),
        (0xFEF0_0000, 0xFEF0_0FFF, MEMORY),
        (0x9_FEE0_0000, 0x9_FEE0_0FFF, MEMORY_64),
        (0xFEE0_1000, 0xFEE0_1FFF, MEMORY | UNSET),
        (0xEE00, 0xEE3F, IO),
    ],
)
def test_a_bar_beside_it(q35, syn, resource):
    behind_the_apic(q35, syn, resource)
    q35.check().silent("bar.over-interrupts")


def test_on_other_machines_these_are_addresses_like_others(q35, syn):
    behind_the_apic(q35, syn)
    q35.file("proc/sys/kernel/arch", "aarch64\n")
    said = q35.check()
    said.silent("bar.over-interrupts")
    said.silent("bus.window-over-interrupts")
