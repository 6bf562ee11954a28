"""Names out of pci.ids, and the built-in table."""

from __future__ import annotations

from hotplugctl.model.pci_names import PciNames
from hotplugctl.parse import builtin_names, pci_ids

FILE = """\
#
#	List of PCI ID's
#
0e11  Compaq Computer Corporation
	0001  PCI to EISA Bridge
		0e11 4231  Not a device
	1000  Triflex/Pentium Bridge
1000  Broadcom / LSI
	0012  53c895a
		1000 1000  LSI8952U SCSI Host Adapter
# in between
	0030  53c1030  with two blanks

1af4  Red Hat, Inc.
	1000  Virtio network device
	1001  Virtio block device
ffff  Illegal \x1b[31mVendor\u202eID

# List of known device classes
C 01  Mass storage controller
	00  SCSI storage controller
	08  Non-Volatile memory controller
		01  NVMHCI
		02  NVM Express
C 02  Network controller
	00  Ethernet controller
"""


def names(
    *devices: tuple[str, str], vendors: tuple[str, ...] = (), classes: tuple[str, ...] = (), text: str = FILE
) -> PciNames:
    return pci_ids.lookup(text.encode(), set(vendors), set(devices), set(classes))


def test_vendors_and_devices() -> None:
    found = names(("1000", "0012"), ("1000", "0030"), ("1af4", "1001"), vendors=("1af4", "0e11"))
    assert found.vendors == {"1af4": "Red Hat, Inc.", "0e11": "Compaq Computer Corporation"}
    assert found.devices == {
        ("1000", "0012"): "53c895a",
        ("1000", "0030"): "53c1030  with two blanks",
        ("1af4", "1001"): "Virtio block device",
    }
    assert found.classes == {}


def test_a_device_of_the_next_vendor_is_not_ours() -> None:
    assert names(("1000", "1001"), ("0e11", "0012"), ("1000", "4231"), ("0e11", "4231")).devices == {}


def test_many_devices_at_once() -> None:
    asked = [("1000", f"{number:04x}") for number in range(64)]
    assert names(*asked).devices == {("1000", "0012"): "53c895a", ("1000", "0030"): "53c1030  with two blanks"}


def test_classes() -> None:
    assert names(classes=("010802", "020000", "0108", "030000")).classes == {
        "01": "Mass storage controller",
        "0108": "Non-Volatile memory controller",
        "010802": "NVM Express",
        "02": "Network controller",
        "0200": "Ethernet controller",
    }


def test_a_class_is_no_vendor() -> None:
    assert names(vendors=("C 01", "0100", "c001")).vendors == {}


def test_what_is_asked_wrongly_is_not_found() -> None:
    found = names(("1000", ".*"), ("\n", "0012"), vendors=("1AF4", "", "....", "1af4\n"), classes=("zz", "0", "01\n"))
    assert found == ({}, {}, {})


def test_control_characters_are_kept() -> None:
    assert names(vendors=("ffff",)).vendors["ffff"] == "Illegal \x1b[31mVendor\u202eID"


def test_an_unsorted_file() -> None:
    text = "8086  Intel Corporation\n\t100e  82540EM\n1af4  Red Hat, Inc.\n\t1000  Virtio network device\n0001  Last"
    found = names(("8086", "100e"), ("1af4", "1000"), vendors=("8086", "1af4", "0001"), text=text)
    assert found.vendors == {"8086": "Intel Corporation", "1af4": "Red Hat, Inc.", "0001": "Last"}
    assert found.devices == {("8086", "100e"): "82540EM", ("1af4", "1000"): "Virtio network device"}


def test_bytes_that_are_no_text() -> None:
    found = pci_ids.lookup(b"1af4  R\xff\r\n\t1000  \x00x\n", {"1af4"}, {("1af4", "1000")}, {"01"})
    assert found == ({"1af4": "R\\xff"}, {("1af4", "1000"): "\x00x"}, {})
    assert pci_ids.lookup(b"", {"1af4"}, {("1af4", "1000")}, {"010000"}) == ({}, {}, {})


def test_the_builtin_table_is_well_formed() -> None:
    table = builtin_names.NAMES
    digits = set("0123456789abcdef")
    ids = [*table.vendors, *(part for key in table.devices for part in key)]
    assert all(len(key) == 4 and set(key) <= digits for key in ids)
    assert all(len(key) in (2, 4, 6) and set(key) <= digits for key in table.classes)
    assert {vendor for vendor, _ in table.devices} <= set(table.vendors)
    assert {code[:2] for code in table.classes} <= set(table.classes)
    assert {code[:4] for code in table.classes if len(code) == 6} <= set(table.classes)


def test_the_builtin_table_knows_what_guests_meet() -> None:
    devices = builtin_names.NAMES.devices
    assert devices[("1af4", "1041")] == "Virtio 1.0 network device"
    assert devices[("8086", "100e")] == "82540EM Gigabit Ethernet Controller"
    assert devices[("1b36", "000c")] == "QEMU PCIe Root port"
    assert {"1d0f", "1ae0", "1414", "15ad", "5853"} <= {vendor for vendor, _ in devices}
