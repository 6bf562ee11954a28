"""What an original looks like where nothing but its shape tells it, and which values of that shape identify nobody.

Texts are ``str`` with one character a byte (latin-1), so that a shape is the same in a text and in binary data. All
expressions take linear time: no repetition stands within another.
"""

from __future__ import annotations

import re
from typing import Optional

_AFTER_NAME = r"(?<=[G-Zg-z]:)|(?<=[G-Zg-z]\d:)|(?<=[G-Zg-z]\d\d:)|(?<=[Mm][Aa][Cc]:)"
MAC = re.compile(
    rf"(?:(?<![0-9A-Za-z:])|{_AFTER_NAME})[0-9A-Fa-f]{{2}}(?::[0-9A-Fa-f]{{2}}){{5,19}}(?![0-9A-Za-z]|:[0-9A-Fa-f])"
)
"""Octets with colons: six of a MAC address, eight of a WWN, twenty of InfiniBand; after a name too (``lan0:``)."""

DOTTED = re.compile(
    r"(?<![0-9A-Za-z.])(?=[0-9.]{0,13}[A-Fa-f])[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}(?![0-9A-Za-z]|\.[0-9A-Za-z])"
)
"""A MAC address as switches write it; of digits alone it could be anything."""

IN_DOTTED = re.compile(r"\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]")

DASHED = re.compile(r"(?<![0-9A-Za-z-])(?:01-(?=(?:[0-9A-Fa-f]{2}-){5}[0-9A-Fa-f]{2}(?!-)))?"
                    r"([0-9A-Fa-f]{2}(?:-[0-9A-Fa-f]{2}){5,7})(?![0-9A-Za-z-])")  # fmt: skip
"""Octets with dashes: a MAC address, after ``01-`` as in BOOTIF=; eight of a Device Serial Number."""

ENX = re.compile(r"(?<![0-9a-z])enx([0-9a-f]{12})(?![0-9a-z])")
"""An interface named by its MAC address (systemd.net-naming-scheme(7))."""

UUID = re.compile(
    r"(?<![0-9A-Za-z])[0-9A-Fa-f]{8}(-|\\x2d|\\x5cx2d)[0-9A-Fa-f]{4}\1[0-9A-Fa-f]{4}\1[0-9A-Fa-f]{4}\1"
    r"[0-9A-Fa-f]{12}(?![0-9A-Za-z])"
)
HEX32 = re.compile(
    r"[0-9A-Fa-f](?<![0-9A-Za-z][0-9A-Fa-f])(?:(?<=[0-9a-f])[0-9a-f]{31}|(?<=[0-9A-F])[0-9A-F]{31})(?![0-9A-Za-z])"
)
MD_UUID = re.compile(r"(?<![0-9A-Za-z:])[0-9a-f]{8}(?::[0-9a-f]{8}){3}(?![0-9A-Za-z:])")

_ESCAPED = r"(?<=\\x[0-9A-Fa-f]{2})|(?<=%[0-9A-Fa-f]{2})"
IPV4 = re.compile(rf"(?:(?<![0-9A-Za-z.])|{_ESCAPED})(?:\d{{1,3}}\.){{3}}\d{{1,3}}(?![0-9A-Za-z]|\.\d|-\d)")
IPV6 = re.compile(
    rf"(?:(?<![0-9A-Za-z:.])|{_ESCAPED})"
    r"(?:[23][0-9A-Fa-f]{3}|[Ff][CDcd][0-9A-Fa-f]{2}|[Ff][Ee][89ABab][0-9A-Fa-f]|"
    r"[Ff]{2}0[25]|64:[Ff]{2}9[Bb])(?::[0-9A-Fa-f]{0,4}){2,7}(?![0-9A-Za-z:])"
)
WWN = re.compile(r"(?<![0-9A-Za-z])(?:naa\.|eui\.|wwn-0x|0x(?=[256]))([0-9a-f]{16}(?:[0-9a-f]{16})?)(?![0-9A-Za-z])")
SPACED = re.compile(r"[0-9a-f]{2}(?: [0-9a-f]{2}){7}")
"""The file ``eui`` of a namespace."""

GUID = re.compile(r"[0-9a-f]{4}(?::[0-9a-f]{4}){3}")
"""The files ``node_guid`` and ``sys_image_guid`` of InfiniBand."""

NVME = re.compile(r"(?<![0-9A-Za-z])nvme\.[0-9a-f]{4}-((?:[0-9a-f]{2}){1,40})-(?:[0-9a-f]{2}){1,80}-[0-9a-f]{8}")
"""What the kernel makes up for a namespace without an identifier: vendor, serial and model in hexadecimal."""

NQN = re.compile(r"(?<![0-9A-Za-z])((?:nqn|iqn)\.\d{4}-?[.]?\d{2}\.[^\s\"':,;<>\0]{1,160}(?::[^\s\"';,<>\0]{1,200})?)")
NQN_FRONT = re.compile(
    r"(?:nqn|iqn)\.\d{4}-?[.]?\d{2}\.(?:(?:org\.(?:nvmexpress|qemu|linux-iscsi|debian)|com\.(?:redhat|ubuntu|suse))(?=:|\Z):?)?"
)
"""Of such a name, when it began to be valid, and an authority that is no single site's."""
FAT = re.compile(r"by-uuid[-/]([0-9A-F]{4}-[0-9A-F]{4})(?![0-9A-Za-z-])")
"""The name of such a file system, as a link and as a unit of systemd."""

LVM = re.compile(r"(?<![0-9A-Za-z])LVM-([0-9A-Za-z]{32})([0-9A-Za-z]{32})(?![0-9A-Za-z])")
LVM_DASHED = re.compile(r"(?<![0-9A-Za-z-])[0-9A-Za-z]{6}(?:-[0-9A-Za-z]{4}){5}-[0-9A-Za-z]{6}(?![0-9A-Za-z-])")
COLONS = re.compile(r":(?::|[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}:|[0-9A-Fa-f]{8}:[0-9A-Fa-f]{8}:|(?:[0-9A-Fa-f]{1,4}:){4})")
"""In every MAC and IPv6 address, and UUID of md."""

DASHES = re.compile(r"-(?:[0-9A-Za-z]{4}-[0-9A-Za-z]{4}|[0-9A-Fa-f]{2}-[0-9A-Fa-f]{2})-|x2d")
"""In every UUID, and in octets with dashes."""

DOTS = re.compile(r"\.\d{1,3}\.\d{1,3}\.\d")
"""In every IPv4 address."""

_WIDE = re.compile(r"0x[256][0-9a-f]{15}")
_HEXADECIMAL = bytes(48 if chr(byte) in "0123456789abcdefABCDEF" else 32 for byte in range(256))
PCI = re.compile(r"(?:[0-9A-Fa-f]{4,8}:)?[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}(?:\.[0-7])?")

# Assigned to hypervisors; such a MAC address tells no more than that the machine is virtual.
_HYPERVISORS = frozenset(
    ("525400", "00163e", "000c29", "005056", "000569", "080027", "00155d", "001c42", "fa163e", "001a4a")
)
# The types of partitions (UEFI 2.10, 5.3.3; systemd's Discoverable Partitions), and what ACPI calls by a UUID.
_KNOWN_UUIDS = frozenset(
    uuid.replace("-", "")
    for uuid in (
        "c12a7328-f81f-11d2-ba4b-00a0c93ec93b",  # EFI system
        "21686148-6449-6e6f-744e-656564454649",  # BIOS boot
        "0fc63daf-8483-4772-8e79-3d69d8477de4",  # Linux file system
        "0657fd6d-a4ab-43c4-84e5-0933c84b4f4f",  # swap
        "e6d6d379-f507-44c2-a23c-238f2a3df928",  # LVM
        "a19d880f-05fc-4d3b-a006-743f0f84911e",  # RAID
        "933ac7e1-2eb4-4f13-b844-0e14e2aef915",  # home
        "bc13c2ff-59e6-4262-a352-b275fd6f7172",  # extended boot loader
        "4f68bce3-e8cd-4db1-96e7-fbcaf984b709",  # root, x86-64
        "44479540-f297-41b2-9af7-d131d5f0458a",  # root, x86
        "b921b045-1df0-41c3-af44-4c6f280d3fae",  # root, arm64
        "69dad710-2ce4-4e3c-b16c-21a1d49abed3",  # root, arm
        "3b8f8425-20e0-4f3b-907f-1a25a76f98e8",  # srv
        "4d21b016-b534-45c2-a9fb-5c16e091fd2d",  # var
        "7ec6f557-3bc5-4aca-b293-16ef5df639d1",  # tmp
        "ca7d7ccb-63ed-4c53-861c-1742536059cc",  # LUKS
        "8da63339-0007-60c0-c436-083ac8230908",  # Linux reserved
        "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7",  # basic data
        "e3c9e316-0b5c-4db8-817d-f92df00215ae",  # Microsoft reserved
        "de94bba4-06d1-4d40-a16a-bfd50179d6ac",  # Windows recovery
        "8be4df61-93ca-11d2-aa0d-00e098032b8c",  # EFI global variable
        "d719b2cb-3d3a-4596-a3bc-dad00e67656f",  # EFI image security
        "33db4d5b-1ff7-401c-9657-7441c03dd766",  # ACPI _OSC of a host bridge
        "68f2d50b-c469-4d8a-bd3d-941a103fd3fc",  # ACPI _OSC of CXL
        "0811b06e-4a27-44f9-8d60-3cbbc22e7b48",  # ACPI _OSC of the platform
        "e5c937d0-3553-4d7a-9117-ea4d19c3434d",  # ACPI _DSM of PCI
    )
)
_TYPES = re.compile(r"class_id|wmi|efivars|modalias|message_id|entry_type|parttype|vmbus:|MESSAGE_ID|ENTRY_TYPE")
_TRIVIAL = re.compile(
    r"(?:0x)?0*|[\W_]*|[fF]+|none|null|n/?a|unknown|default|not (?:specified|available|applicable|present|provided)|"
    r"no ?serial|default string|to be filled by o\.?e\.?m\.?|system serial number|chassis serial number|"
    r"base board serial number|(?:no )?asset (?:tag|information)|chassis asset tag|serial|0?123456789|"
    # The kernel calls a root hub of USB by its controller, and itself its maker.
    r"Linux_\S{1,80}(?:hcd|Host_Controller)\S{0,80}|[a-z_-]{1,20}hcd[.:]\d{1,4}",
    re.IGNORECASE,
)
# By these a guest is told to run in one cloud or the other.
_CLOUDS = frozenset(
    ("7783-7084-3265-9085-8269-3286-77", "OracleCloud.com", "Amazon EC2", "HUAWEICLOUD", "Hetzner", "OpenStack Nova")
)


def may_have_wwn(text: str) -> bool:
    """Whether a World Wide Name can be in it at all: a quick look, that most texts do not pass."""
    return "naa." in text or "eui." in text or ("0x" in text and _WIDE.search(text) is not None)


def may_have_run(text: str, length: int) -> bool:
    """As above, for so many hexadecimal digits in a row."""
    return len(text) >= length and b"0" * length in text.encode("latin-1").translate(_HEXADECIMAL)


def digits(text: str) -> str:
    """The hexadecimal digits of an address or UUID, in lower case, without what separates them."""
    return re.sub(r"\\x5cx2d|\\x2d|[^0-9A-Fa-f]", "", text).lower()


def known_mac(mac: str) -> bool:
    """Whether these twelve digits are nobody's address: none, everybody's, a well-known group's."""
    return len(set(mac)) == 1 or mac.startswith(("01005e0000", "0180c20000", "333300"))


def of_hypervisor(mac: str) -> bool:
    """Whether the first three octets are those of a hypervisor."""
    return mac[:6] in _HYPERVISORS


def known_uuid(uuid: str) -> bool:
    """Whether these 32 digits are the name of a type, or none at all."""
    return uuid in _KNOWN_UUIDS or len(set(uuid)) == 1


def trivial(value: str, shortest: int = 3) -> bool:
    """Whether a serial, tag or name says nothing: too short, a place holder, the name of a cloud."""
    value = value.strip(" \0\t\n")
    return len(value) < shortest or value in _CLOUDS or bool(_TRIVIAL.fullmatch(value) or PCI.fullmatch(value))


def kept_uuid(path: str, text: str, start: int, uuid: str) -> bool:
    """Whether the UUID at ``start`` names a type: by itself, or by the file or key that it stands in."""
    return known_uuid(uuid) or bool(_TYPES.search(path) or _TYPES.search(text, max(0, start - 24), start))


def plain(hexadecimal: str) -> bool:
    """Whether so few different digits can be something else by chance: a register, a size."""
    return len(set(hexadecimal)) < 4 or hexadecimal.count("0") > len(hexadecimal) // 2


_METADATA = "169.254.169.254"


def ipv4(text: str) -> Optional[int]:
    """The address as a number; None of what is no address of one machine: 0/8, loopback, groups, masks, broadcast,
    and where every cloud has its metadata."""
    parts = [int(part) for part in text.split(".")]
    if max(parts) > 255 or parts[0] in (0, 127) or parts[0] > 223 or text == _METADATA:
        return None
    return parts[0] << 24 | parts[1] << 16 | parts[2] << 8 | parts[3]


def private(address: int) -> Optional[int]:
    """How many bits the block has that a private or link-local IPv4 address is in (RFC 1918, 3927, 6598)."""
    for block, bits in ((0x0A000000, 8), (0xAC100000, 12), (0xC0A80000, 16), (0xA9FE0000, 16), (0x64400000, 10)):
        if address >> (32 - bits) == block >> (32 - bits):
            return bits
    return None


_VERSION_FILE = re.compile(r"(?:version|firmware\w*|release|_rev|/rev|fwrev)\Z")
_VERSION = re.compile(
    # A short one may end another word: ``nameserver``.
    r"(?:[vV]ersion|[rR]evision|[fF]irmware|[rR]elease|driver|BIOS|"
    r"(?<![0-9A-Za-z])(?:(?:[fsh]w|[FSH]W|drv|bios)?(?:[vV]er|[rR]ev)|[vV]|FW|fw))[ :=.\"']{0,4}\Z"
)


def version_before(path: str, text: str, start: int) -> bool:
    """Whether four numbers at ``start`` are announced as a version, by the file's name or the word before them."""
    return bool(_VERSION_FILE.search(path) or _VERSION.search(text, max(0, start - 18), start))


def ipv6(text: str) -> Optional[int]:
    """The address as a number (RFC 4291, 2.2); None of what is none."""
    head, double, tail = text.partition("::")
    left = head.split(":") if head else []
    right = tail.split(":") if tail else []
    if "" in left or "" in right or (len(left) + len(right) > 7 if double else len(left) != 8):
        return None
    groups = [*left, *["0"] * (8 - len(left) - len(right)), *right]
    return int("".join(group.zfill(4) for group in groups), 16)


def known_ipv6(address: int) -> bool:
    """Whether it is a group's that everybody joins: ff02::1, ff02::2, ff05::2."""
    return address >> 120 == 0xFF and (address & ((1 << 112) - 1)) < 1 << 24
