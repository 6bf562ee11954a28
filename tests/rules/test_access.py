"""What may not be read."""

from __future__ import annotations


def test_all_of_config_space(pc):
    pc.check().silent("access.config-truncated")


def test_64_bytes_of_config_space(pc):
    path = pc.paths["0000:00:00.0"]
    pc.file(f"{path}/config", pc.read(f"{path}/config")[:64])
    finding = pc.check().fires("access.config-truncated", "info")
    assert "run as root" in finding.summary
    assert finding.remedy is None


def test_sysfs_that_is_mounted_read_only(pc):
    pc.file("proc/mounts", "udev /dev devtmpfs rw 0 0\nsysfs /sys sysfs ro,nosuid 0 0\n")
    said = pc.check()
    assert said.fires("access.sysfs-read-only", "info").evidence[0].source == "/proc/mounts"
    assert said.verdict == "ready"


def test_the_last_mount_on_sys_counts(pc):
    pc.file("proc/mounts", "sysfs /sys sysfs ro 0 0\nudev /dev devtmpfs rw 0 0\nsysfs /sys sysfs rw,nosuid 0 0\n")
    pc.check().silent("access.sysfs-read-only")
