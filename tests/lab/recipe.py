"""What a guest image is made of: releases, packages, kernel modules, settings. Plain data; ``image`` builds from it.

A change to anything here, or to a file in ``guest_files``, makes another key, and so another image.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

GUEST_FILES = Path(__file__).resolve().parent / "guest_files"
LABEL = "labroot"  # of the root file system: its device's name differs with the machine
ROOM_MIB = 768  # what a guest may write to its root; the file is sparse
UUID = "6c616272-6f6f-4f6f-8f6f-746c6162726f"  # of the root file system, the same in every build

# What hotplugctl, the scenarios, and the guest itself need.
PACKAGES = (
    "systemd-sysv", "udev", "kmod", "pciutils", "pci.ids",
    "python3", "python3-pyudev", "python3-tabulate",
    "iproute2", "util-linux", "mount", "fdisk", "e2fsprogs", "procps", "lvm2", "mdadm", "cryptsetup-bin",
    "expect", "busybox-static",
)  # fmt: skip

# Where a file of guest_files goes in the root, by its suffix; the others serve the build.
PLACES = {".py": "usr/lib/lab", ".service": "etc/systemd/system", ".target": "etc/systemd/system"}

# Kernel modules that no guest of the lab can use, cut out before depmod: the indexes are true to what is on the disk.
# Storage, network cards, virtio, hot-plug and bridges are whole.
TRIMMED = (
    "sound",
    "drivers/media",
    "drivers/gpu/drm/amd",
    "drivers/gpu/drm/i915",
    "drivers/gpu/drm/nouveau",
    "drivers/gpu/drm/radeon",
    "drivers/gpu/drm/xe",
    "drivers/net/wireless",
    "drivers/iio",
    "drivers/staging",
    "drivers/comedi",
    "drivers/isdn",
    "net/bluetooth",
    "drivers/bluetooth",
)

# The initrd's modules, loaded in this order with what they depend on; what a kernel lacks or has built in is passed
# over. The second lot only where the first shows no root.
INITRD_FIRST = ("virtio_pci", "virtio_blk", "ext4")
INITRD_REST = ("ata_piix", "ahci", "sd_mod")

# What dpkg does not unpack. /usr/share/python3 and the like stay: only what nobody reads in a guest.
EXCLUDED = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*", "/usr/share/lintian/*")


class Release(NamedTuple):
    """One kind of guest: ``suite`` of Debian, kernel ``flavour``, and what hotplugctl runs on there.

    ``wheels`` are requirements that the distribution cannot satisfy; they come with hotplugctl's wheel (``payload``).
    """

    name: str
    suite: str
    python: str
    flavour: str = "amd64"
    packages: tuple[str, ...] = (*PACKAGES, "python3-click")
    wheels: tuple[str, ...] = ()


RELEASES = {
    release.name: release
    for release in (
        Release("bookworm", "bookworm", "3.11"),
        # Debian 11's click is 7.1, below hotplugctl's range.
        Release("bullseye", "bullseye", "3.9", packages=PACKAGES, wheels=("click==8.0.*",)),
        Release("trixie", "trixie", "3.13"),
        Release("forky", "forky", "3.13"),
        Release("bookworm-cloud", "bookworm", "3.11", flavour="cloud-amd64"),
    )
}
