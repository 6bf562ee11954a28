"""The clocks of logs."""

from __future__ import annotations

from hotplugctl.collect.log_signs import BOOT, NONE, WALL, LogSigns

FOUND = "pci 0000:00:04.0: [1af4:1001] type 00 class 0x010000"
ENABLED = "virtio-pci 0000:00:04.0: enabling device (0000 -> 0003)"


def read(*lines: str) -> tuple[LogSigns, list[tuple[float, float]]]:
    signs = LogSigns(f"{line}\n" for line in lines)
    times = [(sign.heard, sign.at) for sign in signs]
    return signs, times


def test_seconds_since_boot():
    signs, times = read(f"[   10.000000] {FOUND}", f"[   12.500000] {ENABLED}")
    assert (signs.clock, times) == (BOOT, [(10.0, 10.0), (12.5, 12.5)])


def test_lines_out_of_order_were_heard_in_order():
    _, times = read(f"[   10.000000] {FOUND}", f"[    9.900000] {ENABLED}", f"[   10.100000] {ENABLED}")
    assert times == [(10.0, 10.0), (10.0, 9.9), (10.1, 10.1)]


def test_a_wall_clock():
    signs, times = read(f"2026-11-22T20:27:35,000000+01:00 {FOUND}", f"2026-11-22T20:27:37,250000+01:00 {ENABLED}")
    assert signs.clock == WALL
    assert times[1][1] - times[0][1] == 2.25


def test_no_clock():
    signs, times = read(f"[Sun Nov 22 20:27:35 2026] {FOUND}", f"[Sun Nov 22 20:27:37 2026] {ENABLED}")
    assert (signs.clock, signs.is_log, times) == (NONE, True, [(0.0, 0.0), (0.0, 0.0)])


def test_the_next_boot_begins_anew():
    _, times = read(f"[  900.000000] {FOUND}", "[    0.000000] Linux version 6.1.0", f"[   12.500000] {ENABLED}")
    assert times == [(900.0, 900.0), (0.0, 0.0), (12.5, 12.5)]


def test_prose_is_no_log():
    signs, _ = read("Dear list,", "my disk does not show up.")
    assert not signs.is_log
