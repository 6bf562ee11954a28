"""Tars made by others: everything in them may be a lie, and nothing in them leaves the tar."""

from __future__ import annotations

import errno
import gzip
import io
import lzma
import random
import stat
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from hotplugctl.errors import UnusableRoot
from hotplugctl.source import archive, tar, unpack

REPOSITORY = Path(__file__).parents[2]
END = bytes(1024)


def pax(**records):
    """A pax header with these records."""
    body = b""
    for key, value in records.items():
        record = b" %s=%s\n" % (key.replace("__", ".").encode(), value)
        length = len(record) + 1
        while length != len(record) + len(str(length)):
            length += 1
        body += str(length).encode() + record
    return body


def refused(kit, data):
    with pytest.raises(UnusableRoot) as caught:
        kit.open_bytes(data)
    assert "\n" not in caught.value.message
    return caught.value.message


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress])
def test_what_python_writes_is_read(kit, form, pack):
    long = "sys/" + "/".join(["d" * 60] * 3) + "/file"
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as made:
        for name, content in ((long, b"long"), ("sys/ümlaut", b"u"), ("./sys/dot", b"dot")):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            made.addfile(info, io.BytesIO(content))
        info = tarfile.TarInfo("sys/link")
        info.type, info.linkname = tarfile.SYMTYPE, "/" + "/".join(["t" * (33 if form else 24)] * 4)
        made.addfile(info)
    tree = kit.open_bytes(pack(out.getvalue()))
    assert tree.read("/" + long).data == b"long"
    assert tree.read("/sys/ümlaut").data == b"u"
    assert tree.read("/sys/dot").data == b"dot"
    assert tree.link("/sys/link").text == info.linkname


def test_names_that_escape_are_passed_over(kit):
    data = b"".join(
        kit.member(name, b"x") for name in ("../out", "sys/../../out", "/abs/file", "sys/ok", "sys/..", ".", "/", "")
    )
    tree = kit.open_bytes(data + END)
    assert tree.names("/").names == ("abs", "sys")
    assert tree.names("/sys").names == ("ok",)
    assert tree.read("/abs/file").data == b"x"


def test_a_member_below_a_link_does_not_go_through_it(kit):
    tree = kit.open_bytes(kit.header("sys/l", kind=b"2", link="/proc") + kit.member("sys/l/x", b"1") + END)
    assert tree.kind_of("/sys/l") == "dir"
    assert kit.exact(tree.read("/proc/x")) == ("Unrecorded", "/proc/x")


def test_hard_links_within_the_tar_and_out_of_it(kit):
    data = kit.member("sys/a", b"content") + b"".join(
        kit.header(name, kind=b"1", link=link)
        for name, link in (
            ("sys/same", "sys/a"),
            ("sys/chain", "./sys/same"),
            ("sys/out", "../../etc/passwd"),
            ("sys/abs", "/etc/passwd"),
            ("sys/none", "sys/nothing"),
            ("sys/dir", "sys"),
            ("sys/self", "sys/self"),
            ("sys/empty", ""),
        )
    )
    tree = kit.open_bytes(data + END)
    assert tree.read("/sys/same").data == tree.read("/sys/chain").data == b"content"
    for name in ("out", "abs", "none", "dir", "self", "empty"):
        assert kit.exact(tree.read(f"/sys/{name}")) == ("Outside", f"/sys/{name}")


def test_hard_links_between_stages(kit):
    data = kit.member("s/after/sys/x", b"y") + kit.header("s/before/sys/x", kind=b"1", link="s/after/sys/x")
    assert kit.open_bytes(data + END, "before").read("/sys/x").data == b"y"


@pytest.mark.parametrize(("kind", "word"), [(b"3", "char"), (b"4", "block"), (b"6", "fifo")])
def test_devices_are_not_files(kit, kind, word):
    tree = kit.open_bytes(kit.header("sys/x", kind=kind) + END)
    assert kit.exact(tree.read("/sys/x")) == ("NotRegular", "/sys/x", word)


def test_of_two_members_the_last_counts(kit):
    data = kit.member("sys/x", b"1") + kit.member("sys/x", b"2")
    data += kit.member("sys/y", b"1") + kit.member("sys/y/z", b"3")
    data += kit.member("sys/d/e", b"1") + kit.header("sys/d/", kind=b"5")
    tree = kit.open_bytes(data + END)
    assert tree.read("/sys/x").data == b"2"
    assert tree.read("/sys/y/z").data == b"3"
    assert tree.read("/sys/d/e").data == b"1"


def test_write_only_members_are_denied(kit):
    tree = kit.open_bytes(kit.member("sys/remove", b"", mode=0o200) + END)
    assert kit.exact(tree.read("/sys/remove")) == ("Denied", "/sys/remove", errno.EACCES)


def test_a_large_member_is_passed_over_and_the_next_is_read(kit):
    tree = kit.open_bytes(kit.member("sys/large", bytes(tar.CONTENT_LIMIT + 1)) + kit.member("sys/next", b"n") + END)
    assert kit.exact(tree.read("/sys/large", 1 << 30)) == ("TooLarge", "/sys/large", 1 << 30)
    assert tree.read("/sys/next").data == b"n"


def test_sparse_members_are_named_and_not_read(kit):
    old = bytearray(kit.header("sys/old", 512, kind=b"S"))
    old[482] = 1  # the map goes on in another block
    old[483:495] = b"77777777777\0"
    old[148:156] = b"%06o\0 " % (sum(old) - sum(old[148:156]) + 256)
    new = pax(GNU__sparse__major=b"1", GNU__sparse__name=b"sys/new", GNU__sparse__realsize=b"9" * 15)
    data = bytes(old) + bytes(512) + b"d" * 512
    data += kit.member("sys/pax", new, kind=b"x") + kit.member("GNUSparseFile.1/new", b"1\n0\n1\n" + b"d" * 500)
    tree = kit.open_bytes(data + kit.member("sys/next", b"n") + END)
    assert tree.names("/sys").names == ("new", "next", "old")
    for path in ("/sys/old", "/sys/new"):
        assert kit.exact(tree.read(path)) == ("Failed", path, errno.EOPNOTSUPP)


def test_pax_names_and_sizes_count(kit):
    extra = pax(path=b"sys/" + b"n" * 300, size=b"3", linkpath=b"unused", mtime=b"1.5")
    member = kit.header("short", 0) + b"abc" + bytes(509)
    tree = kit.open_bytes(kit.member("x", extra, kind=b"x") + member + kit.member("sys/plain", b"p") + END)
    assert tree.read("/sys/" + "n" * 300).data == b"abc"
    assert tree.read("/sys/plain").data == b"p"


@pytest.mark.parametrize(
    "body",
    [b"0 a=b\n", b"99 path=x\n", b"-5 path=x\n", b"x path=y\n", b"9path=xy\n", b"9 path=x_", b"9" * 5000, b"\xff"],
)
def test_malformed_pax_headers_are_damage(kit, body):
    assert "pax header" in refused(kit, kit.member("x", body, kind=b"x") + kit.member("sys/x") + END)


@pytest.mark.parametrize("size", [b"-1", b"1" * 5000, b"1e9", b""])
def test_a_pax_size_that_is_no_number_is_damage(kit, size):
    assert "size" in refused(kit, kit.member("x", pax(size=size), kind=b"x") + kit.member("sys/x") + END)


@pytest.mark.parametrize("kind", [b"x", b"g", b"X", b"L", b"K"])
def test_an_extended_header_of_a_gigabyte_is_refused(kit, kind):
    assert "a header of 1073741824 bytes" in refused(kit, kit.header("x", 1 << 30, kind=kind) + bytes(4096))


@pytest.mark.parametrize("field", [b"xyz", b"\x80" + b"\xff" * 11, b"\xff" * 12, b"-7"])
def test_sizes_that_lie(kit, field):
    header = bytearray(kit.header("sys/x"))
    header[124:136] = field.ljust(12, b"\0")
    header[148:156] = b"%06o\0 " % (sum(header) - sum(header[148:156]) + 256)
    message = refused(kit, bytes(header) + END)
    assert "size" in message or "MiB" in message


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress])
def test_a_cut_tar_is_truncated_wherever_it_is_cut(kit, pack):
    whole = pack(kit.tar({"sys/a": random.Random(2).randbytes(3000), "sys/b": b"b" * 2000, "proc/x": b""}))
    ends = 1024 if pack is bytes else 0
    kit.open_bytes(whole)
    for cut in range(600, len(whole) - ends, 97):
        assert "truncated" in refused(kit, whole[:cut])


def test_a_damaged_header_in_the_middle(kit):
    data = bytearray(kit.member("sys/a", b"a") + kit.member("sys/b", b"b") + END)
    data[1024 + 3] ^= 1
    assert "checksum" in refused(kit, bytes(data))


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress])
def test_damage_inside_the_packing(kit, pack):
    data = bytearray(pack(kit.tar({"sys/a": random.Random(1).randbytes(30_000)})))
    data[15_000:15_100] = bytes(100)
    assert "damaged: not " in refused(kit, bytes(data))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"x", "not a tar"),
        (b"x" * 5000, "not a tar"),
        (b"\x1f\x8b", "truncated"),
        (gzip.compress(b"x" * 5000), "not a tar"),
        (gzip.compress(b""), "truncated"),
        (bytes(10240), "empty"),
        (b"BZh91AY&SY" + bytes(600), "bzip2"),
        (b"\x28\xb5\x2f\xfd" + bytes(600), "zstd"),
        (b"PK\x03\x04" + bytes(600), "zip"),
    ],
)
def test_what_is_no_tar(kit, data, says):
    message = refused(kit, data)
    assert message.startswith("standard input: ")
    assert says in message


def test_packing_in_several_pieces_and_with_padding(kit):
    data = kit.tar({"sys/a": b"a" * 5000})
    for pack, padding in ((gzip.compress, b""), (lzma.compress, bytes(8))):
        pieces = b"".join(pack(data[at : at + 700]) + padding for at in range(0, len(data), 700))
        assert kit.open_bytes(pieces).read("/sys/a").data == b"a" * 5000


def test_too_many_members(kit, monkeypatch):
    monkeypatch.setattr(tar, "MEMBERS_LIMIT", 100)
    kit.open_bytes(b"".join(kit.member(f"sys/{n}") for n in range(99)) + END)
    assert "more than 100 members" in refused(kit, b"".join(kit.member(f"sys/{n}") for n in range(101)) + END)
    assert "more than 100 members" in refused(kit, kit.member("x", pax(mtime=b"1"), kind=b"x") * 101 + END)


def test_folders_on_the_way_count_as_members(kit, monkeypatch):
    monkeypatch.setattr(archive, "MEMBERS_LIMIT", 1000)
    assert "members" in refused(kit, b"".join(kit.member(f"{n}/" + "a/" * 40 + "x") for n in range(50)) + END)


def test_what_stays_in_memory_is_bounded(kit, monkeypatch):
    monkeypatch.setattr(archive, "KEPT_LIMIT", 1 << 20)
    kit.open_bytes(kit.member("sys/x", bytes(1 << 19)) + END)
    assert "more than 1 MiB of files" in refused(kit, kit.member("sys/x", bytes(1 << 19)) * 3 + END)
    assert "more than 1 MiB of files" in refused(kit, kit.member("sys/" + "n" * 4000) * 300 + END)


def test_a_name_longer_than_any_path_is_passed_over(kit):
    assert kit.open_bytes(kit.member("sys/" + "n" * 5000) + kit.member("sys/x") + END).names("/sys").names == ("x",)


def test_a_name_of_more_parts_than_any_path_is_passed_over(kit):
    tree = kit.open_bytes(kit.tar({"sys/" + "d/" * 62 + "x": b"1", "sys/" + "e/" * 63 + "x": b"1"}))
    assert tree.names("/sys").names == ("d",)
    assert tree.read("/sys/" + "d/" * 62 + "x").data == b"1"


def test_pax_records_are_counted_over_the_whole_tar(kit, monkeypatch):
    monkeypatch.setattr(tar, "RECORDS_LIMIT", 10)
    member = kit.member("PaxHeaders/x", b"5 =\n\n" * 5, kind=b"x") + kit.member("sys/x", b"1")
    assert kit.open_bytes(member * 2 + END).read("/sys/x").data == b"1"
    assert "damaged: too many pax records" in refused(kit, member * 3 + END)


def test_a_bomb_of_pax_records(kit):
    bomb = kit.member("PaxHeaders/x", b"5 =\n\n" * (tar.HEADER_LIMIT // 5), kind=b"x")
    packed = gzip.compress(bomb * 60 + END, 1)
    assert "damaged: too many pax records" in refused(kit, packed)


def zeros(megabytes):
    """Gzip members of zeros, 16 MiB each: 10 GB take a moment to make."""
    return gzip.compress(bytes(16 << 20)) * (megabytes // 16)


def peak_of(path):
    """The memory (MiB above the start) and the message with which a tar is refused or opened."""
    script = """
import sys
sys.path.insert(0, sys.argv[1])
from hotplugctl.source.door import open_tree
import hotplugctl.source.archive, lzma
from hotplugctl.errors import UnusableRoot
def high():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) // 1024
before = high()
try:
    open_tree(sys.argv[2], None, None)
    message = "opened"
except UnusableRoot as error:
    message = error.message
print(high() - before, message)
"""
    argv = [sys.executable, "-c", script, str(REPOSITORY), str(path)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=300)
    megabytes, _, message = done.stdout.strip().partition(" ")
    return int(megabytes), message


@pytest.mark.parametrize("claim", [10 << 30, (700 << 20), 15 << 20, 0])
def test_ten_gigabytes_of_zeros(kit, tmp_path, claim):
    """In one member, in one that ends, in many that would be kept, and behind the end mark."""
    bomb = tmp_path / "bomb.tar.gz"
    if claim == 15 << 20:
        bomb.write_bytes(gzip.compress(kit.member("sys/x", bytes(claim))) * 680)
    else:
        bomb.write_bytes(gzip.compress(kit.header("sys/x", claim)) + zeros(10 << 10))
    megabytes, message = peak_of(bomb)
    assert megabytes < 256
    assert ("MiB" in message) == (claim in (10 << 30, 15 << 20)), message


def test_a_million_members(kit, tmp_path):
    with open(tmp_path / "many.tar", "wb") as file:
        for number in range(220_000):
            file.write(kit.renamed(b"sys/%06d" % number))
        file.truncate(1_000_000 * 512)
    megabytes, message = peak_of(tmp_path / "many.tar")
    assert megabytes < 256
    assert "more than 200000 members" in message


def test_gzip_members_without_content_end(kit):
    assert "MiB" in refused(kit, gzip.compress(kit.header("sys/x", 0)) + gzip.compress(b"") * 20_000)


def test_xz_that_wants_much_memory_is_refused(kit):
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 128 << 20, "mode": lzma.MODE_FAST, "mf": lzma.MF_HC3}]
    packed = lzma.compress(kit.tar({"sys/x": b""}), filters=filters)
    assert f"more than {unpack.XZ_MEMORY_LIMIT >> 20} MiB of memory" in refused(kit, packed)


def test_modes_are_those_of_the_header(kit):
    folder = archive.load(io.BytesIO(kit.member("x", b"", mode=0o4755) + END), "x")
    assert stat.S_IMODE(folder["x"].mode) == 0o4755
