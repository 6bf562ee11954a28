"""Who makes the files in /dev."""

from __future__ import annotations

import pytest


def without_udev(pc):
    pc.remove("run")
    pc.folder("run/lock")
    pc.file("proc/sys/kernel/hostname", "syn\n")
    return pc


def test_udevd_runs(pc):
    said = pc.check()
    said.silent("udev.not-running")
    said.silent("udev.no-dev-nodes")


@pytest.mark.parametrize("sign", ["run/udev/control", "dev/.udev/db"])
def test_its_signs(pc, sign):
    """The socket of today's, as a file in a copy; the folder of udev before 182."""
    without_udev(pc)
    pc.folder("run/udev/x")
    if sign.startswith("run"):
        pc.file(sign)
    else:
        pc.folder(sign)
    pc.check().silent("udev.not-running")


def test_no_udevd(pc):
    said = without_udev(pc).check()
    assert said.snapshot.udev.running is False
    said.fires("udev.not-running", "info")
    said.silent("udev.no-dev-nodes")
    assert said.verdict == "ready"


def test_neither_udevd_nor_devtmpfs(pc):
    without_udev(pc).file("proc/mounts", "tmpfs /dev tmpfs rw 0 0\n")
    said = pc.check()
    finding = said.fires("udev.no-dev-nodes", "warning")
    assert finding.side == "image"
    assert said.verdict == "limited"


def test_another_helper_may_make_them(pc):
    without_udev(pc).file("proc/mounts", "tmpfs /dev tmpfs rw 0 0\n")
    pc.file("proc/sys/kernel/hotplug", "/sbin/mdev\n")
    pc.check().silent("udev.no-dev-nodes")


def test_nothing_tells(pc):
    pc.remove("run")
    pc.remove("proc/mounts")
    said = pc.check()
    assert (said.snapshot.udev.running, said.snapshot.udev.devtmpfs) == (None, None)
    said.silent("udev.not-running")
    said.silent("udev.no-dev-nodes")


SOCKETS = "Num       RefCount Protocol Flags    Type St Inode Path\n0: 00000002 00000000 00010000 0001 01 15 "


@pytest.mark.parametrize(
    "listed, running",
    [("/run/udev/control", True), ("/run/systemd/private", False), ("@/tmp/.X11-unix/X0", None)],
)
def test_the_socket_outlives_a_dead_daemon(pc, listed, running):
    """Where no socket of the system is listed, this is another network namespace, and today's signs count."""
    pc.file("run/udev/control")
    pc.file("proc/net/unix", SOCKETS + listed + "\n")
    said = pc.check()
    assert said.snapshot.udev.running is (running is not False)
    if running is False:
        assert said.fires("udev.not-running").evidence[0].source == "/proc/net/unix"
    else:
        said.silent("udev.not-running")
