"""The initrd of a guest: busybox, the modules that a disk needs, and ``guest_files/initrd-init``."""

from __future__ import annotations

import lzma
import os
import shutil
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

from . import recipe
from .errors import LabError

DIRECTORY, FILE = 0o040755, 0o100755  # st_mode


def build(path: Path) -> None:
    """Turn a directory, in which ``guest_files/customize.sh`` left the parts, into an initrd of the same name.

    :raises LabError: if a module is packed in a way that nothing here unpacks
    """
    parts = path.with_name(f"{path.name}.parts")
    os.replace(path, parts)
    entries: dict[str, bytes] = {
        "init": (recipe.GUEST_FILES / "initrd-init").read_bytes(),
        "bin/busybox": (parts / "busybox").read_bytes(),
    }
    for file in sorted((parts / "modules").iterdir()):
        data = file.read_bytes()
        if file.name in ("first", "rest"):
            data = data.replace(b".ko.xz\n", b".ko\n")
        elif file.suffix == ".xz":  # busybox's insmod unpacks nothing
            data = lzma.decompress(data)
        elif file.suffix != ".ko":
            raise LabError(f"cannot unpack the kernel module {file.name}", "teach tests/lab/initrd.py to")
        entries[f"modules/{file.name.removesuffix('.xz')}"] = data
    path.write_bytes(cpio(entries))
    shutil.rmtree(parts)


def cpio(files: Mapping[str, bytes]) -> bytes:
    """A cpio archive of root's executable files, with their directories.

    Format "newc": the kernel's Documentation/driver-api/early-userspace/buffer-format.rst.
    """
    entries = {str(folder): (b"", DIRECTORY) for name in files for folder in Path(name).parents if folder.name}
    entries.update((name, (data, FILE)) for name, data in files.items())
    out = BytesIO()
    for number, name in enumerate([*sorted(entries), "TRAILER!!!"], start=1):
        data, mode = entries.get(name, (b"", 0))
        path = name.encode() + b"\0"
        fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(path), 0)
        out.write(b"070701" + b"".join(b"%08X" % field for field in fields))
        for piece in (path, data):
            out.write(piece)
            out.write(b"\0" * (-out.tell() % 4))
    return out.getvalue()
