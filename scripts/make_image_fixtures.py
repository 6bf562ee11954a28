"""Make fixtures of guest images: only what ``check`` reads of one, cut down to the lines that it looks for.

    python3 scripts/make_image_fixtures.py OUT.tar.xz ROOT

ROOT is the mounted root of an image. What is read is noted by a ``Recorder``; kernels and modules become empty files,
since it is asked only whether they are there. Of modules.dep stay the lines of the drivers that are asked for, of
configurations their symbols, of modules.builtin.modinfo their licences. The same ROOT gives the same bytes.
"""

from __future__ import annotations

import io
import lzma
import sys
import tarfile
from pathlib import Path
from typing import Optional, Union

from hotplugctl.collect import guest, image_drivers, mechanisms, snapshot
from hotplugctl.parse import kconfig, modules
from hotplugctl.source.door import open_tree
from hotplugctl.source.recorder import Recorder

NAMES = (*image_drivers.NAMES, *mechanisms.MODULES)
SYMBOLS = frozenset((*image_drivers.SYMBOLS, *mechanisms.SYMBOLS, *guest.ARCHITECTURE_SYMBOLS, "CONFIG_PCI"))

Content = Union[bytes, str, None]


def collect(root: str) -> dict[str, Content]:
    """Path → bytes, target of a link, or None for a folder."""
    tree = open_tree(root, None, None)
    recorder = Recorder(tree)
    try:
        if tree.kind != "image":
            raise SystemExit(f"{root}: a {tree.kind}, not an image")
        snapshot.collect(recorder)
    finally:
        tree.close()
    notes = recorder.notes
    found: dict[str, Content] = dict(notes.links)
    found.update({path: reduced(path, data) for path, data in notes.files.items()})
    for path, kind in notes.kinds.items():
        found.setdefault(path, None if kind == "dir" else b"")
    for folder, names in notes.listed.items():
        found.setdefault(folder, None)
        for name in names:
            found.setdefault(f"{folder}/{name}", b"")
    above = {path[:at] for path in found for at in range(1, len(path)) if path[at] == "/"}
    return {path: None if path in above else content for path, content in sorted(found.items()) if path}


def reduced(path: str, data: bytes) -> bytes:
    """What matters of a file."""
    name = path.rpartition("/")[2]
    if name.startswith("config-"):
        return config(data)
    if name == "modules.dep":
        wanted = set(modules.dependencies(data, NAMES))
        lines = [line for line in data.splitlines(keepends=True) if _module(line.partition(b":")[0]) in wanted]
        return b"".join(lines)
    if name == "modules.builtin":
        return b"".join(line for line in data.splitlines(keepends=True) if _module(line.strip()) in NAMES)
    if name == "modules.builtin.modinfo":
        return b"".join(entry + b"\0" for entry in data.split(b"\0") if _licence(entry) in NAMES)
    return data


def config(data: bytes) -> bytes:
    """The header, and the symbols that are asked for."""
    text = data.decode("utf-8", "backslashreplace")
    lines = text.split("\n")
    kept = {record.line for record in kconfig.parse(text).records if record.symbol in SYMBOLS}
    return "".join(f"{line}\n" for number, line in enumerate(lines, 1) if number <= 4 or number in kept).encode()


def _module(path: bytes) -> str:
    return modules.normalise(path.decode().rpartition("/")[2].partition(".ko")[0])


def _licence(entry: bytes) -> Optional[str]:
    name, dot, rest = entry.decode("utf-8", "backslashreplace").partition(".")
    return modules.normalise(name) if dot and rest.startswith("license=") else None


def pack(content: dict[str, Content]) -> bytes:
    """A reproducible tar."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for path, data in content.items():
            member = tarfile.TarInfo(path[1:])
            member.mode = 0o755 if data is None else 0o644
            if data is None:
                member.type = tarfile.DIRTYPE
            elif isinstance(data, str):
                member.type, member.linkname = tarfile.SYMTYPE, data
            else:
                member.size = len(data)
            archive.addfile(member, io.BytesIO(data) if isinstance(data, bytes) else None)
    return lzma.compress(buffer.getvalue(), preset=9)


def main(arguments: list[str]) -> int:
    """Write one fixture."""
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    out, root = arguments
    Path(out).write_bytes(pack(collect(root)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
