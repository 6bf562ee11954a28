"""Names: any bytes have an answer, and a look-up finds what a reading of the whole file finds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hotplugctl.parse import pci_ids

VENDORS = ["0001", "1af4", "8086"]
DEVICES = ["0001", "1000"]
CLASSES = {"01", "010802", "0208"}
PIECES = [
    "\n",
    "\n\t",
    "\n\t\t",
    "\n#",
    "0001  a",
    "1af4  b",
    "1000  c",
    "C 01  d",
    "01  e",
    "08  f",
    "02  g",
    "\r",
    " ",
    "é",
]


@given(st.binary())
def test_any_bytes(data: bytes) -> None:
    assert pci_ids.lookup(data, {"1af4"}, {("1af4", "1000")}, CLASSES).devices == {}


@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_any_text(text: str) -> None:
    found = pci_ids.lookup(text.encode(), set(VENDORS), {(v, d) for v in VENDORS for d in DEVICES}, CLASSES)
    assert set(found.vendors) <= set(VENDORS)
    assert {vendor for vendor, _ in found.devices} <= set(found.vendors)
    assert set(found.classes) <= {"01", "0108", "010802", "02", "0208"}


@given(
    st.dictionaries(st.sampled_from([f"{n:04x}" for n in range(40)]), st.sets(st.sampled_from(DEVICES)), max_size=20),
    st.booleans(),
)
def test_every_name_in_a_file_is_found(content: dict[str, set[str]], is_sorted: bool) -> None:
    vendors = sorted(content) if is_sorted else list(content)
    text = "# head\n\n" + "".join(
        f"{vendor}  V{vendor}\n"
        + "".join(f"\t{device}  D{vendor}{device}\n\t\t0001 1000  S\n" for device in content[vendor])
        for vendor in vendors
    )
    asked = {(vendor, device) for vendor in content for device in DEVICES}
    found = pci_ids.lookup(text.encode(), set(content), asked, set())
    assert found.vendors == {vendor: f"V{vendor}" for vendor in content}
    assert found.devices == {(v, d): f"D{v}{d}" for v, devices in content.items() for d in devices}
