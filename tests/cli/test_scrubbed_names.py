"""Labels and volumes are replaced so that an answer stays the same but for their names."""

from __future__ import annotations

from pathlib import Path

LAB = Path(__file__).resolve().parents[2] / "fixtures/lab"


def test_what_uses_a_disk_is_found_by_its_new_name(hotplugctl, tmp_path):
    out = tmp_path / "scrubbed.tar"
    done = hotplugctl("record", "--json", "--scrub", LAB / "in-use-lvm.tar.xz", out)
    assert done.status == 0
    assert (done.document["scrubbed"]["volume"], done.document["scrubbed"]["label"]) == (1, 1)
    before, after = (
        hotplugctl("can-unplug", "vdb", "--stage", "used", "--root", root) for root in (LAB / "in-use-lvm.tar.xz", out)
    )
    assert "/dev/mapper/hot-data" in before.out and "hot/data" in before.out
    assert "hot-data" not in after.out and "hot/data" not in after.out
    # The group is called otherwise, in both of its spellings; mount points stay.
    name = after.out.partition("/dev/mapper/")[2].partition("-data")[0]
    assert len(name) == len("hot")
    renamed = before.out.replace("hot-data", f"{name}-data").replace("hot/data", f"{name}/data")
    assert after.out == renamed.replace(" of hot ", f" of {name} ")
