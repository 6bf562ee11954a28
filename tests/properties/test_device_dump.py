"""Dumps of devices: any bytes are read, and what was written comes back."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from hotplugctl.model.reads import FAILURES
from hotplugctl.parse.device_dump import parse
from hotplugctl.source.dump import DumpTree

LINES = st.lists(
    st.one_of(
        st.binary(max_size=20),
        st.builds(
            lambda letter, key, value: letter + b": " + key + b"=" + value,
            st.sampled_from([b"P", b"E", b"A", b"H", b"L", b"N", b"S", b"D", b"U", b"I", b"Z"]),
            st.sampled_from([b"SUBSYSTEM", b"DRIVER", b"MAJOR", b"MINOR", b"driver", b"../x", b"a/b", b"", b"PCI_ID"]),
            st.one_of(st.sampled_from([b"pci", b"block", b"net", b"../../x", b"254", b"0A"]), st.binary(max_size=10)),
        ),
        st.builds(
            lambda parts: b"P: /devices/" + b"/".join(parts),
            st.lists(
                st.sampled_from([b"pci0000:00", b"0000:00:02.0", b"virtio1", b"..", b"", b"block", b"vda"]), max_size=6
            ),
        ),
        st.sampled_from([b"", b"E: SUBSYSTEM=pci", b"E: SUBSYSTEM=block", b"E: DRIVER=x", b"L: driver=../../../../.."]),
    ),
    max_size=30,
)
NAMES = st.text(st.characters(blacklist_characters="/\0=\n\r", blacklist_categories=("Cs",)), min_size=1, max_size=8)


@given(LINES)
@example([b"P: /devices/a/b", b"E: SUBSYSTEM=pci", b"A: b=file", b"P: /devices/a", b"A: b=file", b"A: b/c=below"])
def test_any_bytes_are_read_and_make_a_tree(lines):
    data = b"\n".join(lines)
    dump = parse(data)
    assert all(
        device.devpath.startswith("/devices/") and ".." not in device.devpath.split("/") for device in dump.devices
    )
    assert len({device.devpath for device in dump.devices}) == len(dump.devices)
    assert 0 <= dump.unparsed <= data.count(b"\n") + 1
    tree = DumpTree(dump, "dump")
    for device in dump.devices:
        assert tree.kind_of(f"/sys{device.devpath}") == "dir"
    for path in ("/sys/bus/pci/devices", "/sys/class/block", "/run/udev/data"):
        listing = tree.names(path)
        for name in () if isinstance(listing, FAILURES) else listing.names:
            tree.read(f"{path}/{name}")
            tree.resolve(f"{path}/{name}")


def escaped(data: bytes) -> bytes:
    """As GLib's g_strescape writes it."""
    named = {0x0A: b"\\n", 0x09: b"\\t", 0x5C: b"\\\\", 0x22: b'\\"'}
    return b"".join(named.get(byte, bytes((byte,)) if 32 <= byte < 127 else b"\\%03o" % byte) for byte in data)


@given(st.dictionaries(NAMES, st.tuples(st.binary(max_size=40), st.booleans()), min_size=1, max_size=5))
def test_what_umockdev_writes_comes_back(attributes):
    lines = [b"P: /devices/a", b"E: SUBSYSTEM=pci"]
    for name, (value, in_hex) in attributes.items():
        if name in (".", ".."):
            continue
        key = name.encode()
        lines.append(
            b"H: %s=%s" % (key, value.hex().upper().encode()) if in_hex else b"A: %s=%s" % (key, escaped(value))
        )
    (device,) = parse(b"\n".join([*lines, b""])).devices
    assert device.attributes == {name: value for name, (value, _) in attributes.items() if name not in (".", "..")}
