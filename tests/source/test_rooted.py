"""The answers that a tree on disk and the tree in a tar must give alike."""

from __future__ import annotations

import errno

import pytest

GUEST = {
    "sys/bus/pci/devices/0000:00:02.0": "../../../devices/pci0000:00/0000:00:02.0",
    "sys/bus/pci/rescan": b"",
    "sys/devices/pci0000:00/0000:00:02.0/vendor": b"0x1af4\n",
    "sys/devices/pci0000:00/0000:00:02.0/config": bytes(range(256)),
    "sys/devices/pci0000:00/0000:00:02.0/driver": "../../../bus/pci/drivers/virtio-pci",
    "sys/bus/pci/drivers/virtio-pci/module": "/sys/module/virtio_pci",
    "sys/module/virtio_pci/initstate": b"live\n",
    "sys/module/empty": None,
    "proc/cmdline": b"quiet\n",
    "run/udev/data/b252:0": b"",
}
LINK = "/sys/bus/pci/devices/0000:00:02.0"
REAL = "/sys/devices/pci0000:00/0000:00:02.0"


@pytest.fixture
def guest(opened):
    return opened(GUEST)


@pytest.mark.parametrize(
    ("path", "data"),
    [
        (LINK + "/vendor", b"0x1af4\n"),
        (REAL + "/vendor", b"0x1af4\n"),
        (LINK + "/config", bytes(range(256))),
        (LINK + "/driver/module/initstate", b"live\n"),
        (LINK + "/../0000:00:02.0/vendor", b"0x1af4\n"),
        ("//sys/./bus/pci/devices//0000:00:02.0/vendor/", b"0x1af4\n"),
    ],
)
def test_read_follows_links_inside_the_root(guest, kit, path, data):
    assert kit.exact(guest.read(path)) == ("Value", path, data)


@pytest.mark.parametrize(
    ("path", "outcome"),
    [
        (LINK + "/device", "Absent"),
        (LINK + "/vendor/x", "Absent"),
        ("/sys/firmware", "Absent"),
        ("/sys/firmware/acpi/tables", "Absent"),
        ("/boot", "Unrecorded"),
        ("/boot/config-6.1", "Unrecorded"),
        ("/sys/module/empty/parameters", "Unrecorded"),
        ("/run/udev/control", "Unrecorded"),
        (REAL + "/vpd", "Unrecorded"),
        (LINK + "/resource0", "Unrecorded"),
        (LINK + "/resource0_wc", "Unrecorded"),
        ("/sys/a\0b", "Absent"),
    ],
)
def test_what_is_missing_is_absent_only_where_it_was_looked_for(guest, kit, path, outcome):
    for read in (guest.read(path), guest.names(path), guest.kind_of(path), guest.resolve(path), guest.directory(path)):
        assert kit.exact(read) == (outcome, path)


@pytest.mark.parametrize(
    ("target", "outcome"),
    [
        ("../outside", "Outside"),
        ("../../etc/passwd", "Outside"),
        ("/../etc/passwd", "Outside"),
        ("sub/../../../etc/passwd", "Outside"),
        ("loop", "Outside"),
        ("/etc/passwd", "Unrecorded"),
        ("sys/none", "Absent"),
    ],
)
def test_a_link_never_leads_out(opened, kit, target, outcome):
    tree = opened({"sys/x": b"", "loop": "loop", "sub/y": b"", "evil": target, "through": "evil/x"})
    assert kit.exact(tree.read("/evil")) == (outcome, "/evil")
    assert kit.exact(tree.resolve("/evil")) == (outcome, "/evil")
    assert kit.exact(tree.read("/through/more")) == (outcome, "/through/more")
    assert kit.exact(tree.link("/evil")) == ("Value", "/evil", target.encode())


def test_a_path_that_leaves_the_root_is_outside(guest, kit):
    assert kit.exact(guest.read("/../sys/bus/pci/rescan")) == ("Outside", "/../sys/bus/pci/rescan")


def test_links_that_go_round_end(opened, kit):
    tree = opened({"sys/a": "b", "sys/b": "a", "sys/deep": "deep/x"})
    for path in ("/sys/a", "/sys/b/c", "/sys/deep"):
        assert kit.exact(tree.read(path)) == ("Outside", path)


def test_forty_links_are_followed_and_one_more_is_not(opened, kit):
    tree = opened({"sys/0": b"end", **{f"sys/{n}": str(n - 1) for n in range(1, 42)}})
    assert kit.exact(tree.read("/sys/40")) == ("Value", "/sys/40", b"end")
    assert kit.exact(tree.read("/sys/41")) == ("Outside", "/sys/41")


def test_limit_counts_bytes(guest, kit):
    assert kit.exact(guest.read(REAL + "/config", 256))[0] == "Value"
    assert kit.exact(guest.read(REAL + "/config", 255)) == ("TooLarge", REAL + "/config", 255)


def test_names_are_sorted_and_complete(guest, kit):
    assert guest.names(LINK).names == ("config", "driver", "vendor")
    assert guest.names("/").names == ("proc", "run", "sys")
    assert kit.exact(guest.names("/sys/module/empty")) == ("Names", "/sys/module/empty", ())
    assert kit.exact(guest.names("/proc/cmdline")) == ("Failed", "/proc/cmdline", errno.ENOTDIR)


def test_resolve_and_kinds(guest):
    assert guest.resolve(LINK) == REAL
    assert guest.resolve("/") == "/"
    assert guest.kind_of("/") == "dir"
    assert guest.kind_of(LINK) == "link"
    assert guest.kind_of(REAL) == "dir"
    assert guest.kind_of(REAL + "/vendor") == "file"


def test_link_of_something_else_is_einval(guest, kit):
    assert kit.exact(guest.link(REAL + "/vendor")) == ("Failed", REAL + "/vendor", errno.EINVAL)
    assert kit.exact(guest.link("/")) == ("Failed", "/", errno.EINVAL)


def test_directory_answers_as_the_tree_does(guest, kit):
    with guest.directory(LINK) as folder:
        for name in ("vendor", "config", "driver", "device", "resource0", "driver/module/initstate", "..", "a\0b"):
            assert kit.exact(folder.read(name)) == kit.exact(guest.read(f"{LINK}/{name}")), name
            assert kit.exact(folder.link(name)) == kit.exact(guest.link(f"{LINK}/{name}")), name
        assert kit.exact(folder.names()) == kit.exact(guest.names(LINK))
        assert kit.exact(folder.read("config", 10)) == ("TooLarge", LINK + "/config", 10)
    folder.close()


def test_directory_of_a_file_is_enotdir(guest, kit):
    assert kit.exact(guest.directory("/proc/cmdline")) == ("Failed", "/proc/cmdline", errno.ENOTDIR)
    assert kit.exact(guest.read("/proc")) == ("NotRegular", "/proc", "dir")
    assert kit.exact(guest.read("/")) == ("NotRegular", "/", "dir")


def test_names_that_are_no_utf8_and_no_text(opened, kit):
    odd = "new\nline\x1b[31m \udcff"
    tree = opened({"sys/" + odd: b"x", "sys/plain": b""})
    assert tree.names("/sys").names == tuple(sorted(("plain", odd)))
    assert kit.exact(tree.read("/sys/" + odd)) == ("Value", "/sys/" + odd, b"x")


def test_unreadable_txt_is_replayed_to_root_too(opened, kit):
    tree = opened(
        {
            "sys/bus/pci/slots/4/power": b"1\n",
            "unreadable.txt": b"EINVAL /sys/bus/pci/slots/4/attention\nEACCES /sys/secret\nENODEV /sys/gone\n"
            b"nonsense\nEWHAT /sys/x\nEIO relative\n",
        }
    )
    slot = "/sys/bus/pci/slots/4"
    assert kit.exact(tree.read(slot + "/attention")) == ("Failed", slot + "/attention", errno.EINVAL)
    assert kit.exact(tree.directory(slot).read("attention")) == ("Failed", slot + "/attention", errno.EINVAL)
    assert tree.names(slot).names == ("attention", "power")
    assert tree.kind_of(slot + "/attention") == "file"
    assert kit.exact(tree.read("/sys/secret")) == ("Denied", "/sys/secret", errno.EACCES)
    assert kit.exact(tree.read("/sys/gone")) == ("Vanished", "/sys/gone")
    assert kit.exact(tree.read("/sys/x")) == ("Absent", "/sys/x")


def test_a_snapshot_that_hung_is_partial(opened, kit):
    tree = opened({"sys/bus/pci/rescan": b"", "HUNG.txt": b"stack\n"})
    assert kit.exact(tree.read("/sys/bus/pci/slots")) == ("Unrecorded", "/sys/bus/pci/slots")


def test_kernel_log_of_a_recording(opened, kit):
    assert kit.exact(opened({"sys/x": b"", "cmd/dmesg": b"[0.0] x\n"}).kernel_log())[1:] == ("/cmd/dmesg", b"[0.0] x\n")


def test_kernel_log_prefers_kmsg(opened):
    tree = opened({"sys/x": b"", "cmd/dmesg": b"d", "cmd/kmsg": b"6,1,2,-;x\n"})
    assert tree.kernel_log().path == "/cmd/kmsg"


def test_kernel_log_that_is_not_there(opened, kit):
    assert kit.exact(opened({"sys/x": b""}).kernel_log()) == ("Unrecorded", "/cmd/dmesg")


def test_risky_reads_of_a_recording_need_no_child(guest, kit, monkeypatch):
    monkeypatch.delattr("os.fork")
    reads = guest.read_risky([LINK + "/vendor", LINK + "/serial"], 0.1)
    assert [kit.exact(read)[0] for read in reads.values()] == ["Value", "Absent"]
