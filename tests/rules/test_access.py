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
