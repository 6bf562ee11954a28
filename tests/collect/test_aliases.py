"""Disks under other names: what loop devices, exports and swap lie on. Made by hand: no recording has such names."""

from __future__ import annotations

import errno

import pytest

from hotplugctl.collect import aliases
from hotplugctl.model.reads import Absent, Denied, Hung, Unrecorded, Value
from hotplugctl.model.users import Export, Swap
from tests.unplug_stacks import block, mount

DISK = block("vdb", "254:16")


class Said:
    """A tree that says what is behind paths; what it does not know was not recorded."""

    def __init__(self, said=(), files=()):
        self._said = dict(said)
        self._files = dict(files)
        self.asked = []

    def behind(self, paths, seconds):
        self.asked += paths
        return {path: self._one(path) for path in paths}

    def _one(self, path):
        said = self._said.get(path, Unrecorded(path))
        return Value(path, said.encode()) if isinstance(said, str) else said

    def read(self, path):
        return Value(path, self._files[path]) if path in self._files else Unrecorded(path)


def of(tree, *blocks, mounts=(), swaps=(), exports=()):
    return aliases.collect(tree, aliases.Table({one.name: one for one in (DISK, *blocks)}, mounts, swaps, exports))


def loop(path):
    return block("loop3", "7:3", backing=path)


EXPORT = Export("nvmet", "nqn/1", "/dev/disk/by-id/virtio-HOT1", "/enable")
XFS = mount("/x", "254:0", "/dev/vda", type="xfs", options="rw,logdev=/dev/hot/log")


@pytest.mark.parametrize(
    "path, more",
    [
        ("/dev/xvda", {"blocks": [loop("/dev/xvda")]}),
        ("/dev/xvda", {"blocks": [loop("/dev/xvda (deleted)")]}),
        (EXPORT.path, {"exports": [EXPORT]}),
        ("/dev/swap", {"swaps": [Swap("/dev/swap", "partition", False)]}),
        ("/dev/hot/log", {"mounts": [XFS]}),
        ("/run/node", {"blocks": [loop("/run/node")], "mounts": [mount("/run", "0:20", "tmpfs", type="tmpfs")]}),
    ],
)
def test_another_name_of_a_disk_is_told_by_the_number_behind_it(path, more):
    found = of(Said({path: "block 0:6 254:16"}), *more.pop("blocks", ()), **more)
    assert found == ({path: "vdb"}, ())


def test_files_and_nodes_of_others_are_no_disk_that_is_known():
    said = {"/dev/a": "block 0:6 8:0", "/dev/b": "char 0:6 254:16", "/dev/c": "file 254:16"}
    assert of(Said(said), *(block(f"loop{path[-1]}", backing=path) for path in said)) == ({}, ())


@pytest.mark.parametrize("path", ["/dev/vdb", "/srv/image", "/mnt/dev/x"])
def test_what_tells_by_itself_or_might_hang_is_not_asked(path):
    tree = Said()
    assert of(tree, loop(path), mounts=[mount("/", "254:0", "/dev/vda")]) == ({}, ())
    assert tree.asked == []


@pytest.mark.parametrize("failure", [Absent, Unrecorded, lambda path: Denied(path, errno.EACCES), lambda p: Hung(p, 2)])
def test_a_name_that_leads_nowhere_is_unknown(failure):
    found = of(Said({"/dev/xvda": failure("/dev/xvda")}), loop("/dev/xvda"))
    assert found.names == {}
    assert "/dev/loop3 lies on /dev/xvda" in found.unseen[0].reason


def test_a_file_of_memory_is_no_disk():
    assert of(Said(), loop("/dev/shm/image")) == ({}, ())


def test_a_recording_of_old_has_the_links_of_udev():
    tree = Said(files={"/run/udev/data/b254:16": b"S:disk/by-id/virtio-HOT1\n"})
    assert of(tree, exports=[EXPORT]) == ({EXPORT.path: "vdb"}, ())


def test_a_recording_of_old_shows_which_node_is_mounted_elsewhere():
    bound = mount("/var/lib/pod/disk", "0:6", "devtmpfs", type="devtmpfs")._replace(root="/vdb")
    assert of(Said(), loop("/var/lib/pod/disk"), mounts=[bound]) == ({"/var/lib/pod/disk": "vdb"}, ())
