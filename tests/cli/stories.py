"""Recorded stories as entries that a test can damage.

The recordings are those of fixtures/whole: sysfs as it was, so that there is something to contradict.
"""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Callable, Optional, Union

WHOLE = Path(__file__).resolve().parents[2] / "fixtures" / "whole"
# More than the kernel had sent when the story began.
LATE = 1_850
NATIVE, SCSI = "q35-rootport-native", "pc-scsi"
PORT, DISK, NVME, NIC = "0000:00:02.0", "0000:01:00.0", "0000:02:00.0", "0000:03:00.0"
PORT_PATH = f"/sys/devices/pci0000:00/{PORT}"
DISK_PATH = f"{PORT_PATH}/{DISK}"
NIC_PATH = f"/sys/devices/pci0000:00/0000:00:04.0/{NIC}"
DEVICES = "/sys/bus/pci/devices"
Content = Union[bytes, str, None]


class Story:
    """A story as entries: path → (mode, bytes of a file, str of a link, None for a folder)."""

    def __init__(self, entries: dict[str, tuple[int, Content]]) -> None:
        self.entries = entries

    @classmethod
    def load(cls, path: Path) -> Story:
        entries: dict[str, tuple[int, Content]] = {}
        with tarfile.open(path) as archive:
            for member in archive:
                name = "/" + member.name.partition("/")[2]
                if member.isdir():
                    entries[name] = (member.mode, None)
                elif member.issym():
                    entries[name] = (member.mode, member.linkname)
                elif member.islnk():
                    entries[name] = entries["/" + member.linkname.partition("/")[2]]
                else:
                    file = archive.extractfile(member)
                    entries[name] = (member.mode, file.read() if file else b"")
        return cls({name: entry for name, entry in entries.items() if name != "/"})

    def stage(self, name: str) -> Story:
        """One stage of it, as a recording."""
        top = f"/{name}"
        return Story({p[len(top) :]: entry for p, entry in self.entries.items() if p.startswith(top + "/")})

    def copy(self) -> Story:
        return Story(dict(self.entries))

    def read(self, path: str) -> bytes:
        content = self.entries[path][1]
        assert isinstance(content, bytes), path
        return content

    def write(self, path: str, data: bytes, mode: Optional[int] = None) -> None:
        before = self.entries.get(path, (0o644, b""))[0]
        self.entries[path] = (before if mode is None else mode, data)

    def edit(self, path: str, old: bytes, new: bytes, count: int = 1) -> None:
        assert old in self.read(path), (path, old)
        self.write(path, self.read(path).replace(old, new, count))

    def link(self, path: str, target: str) -> None:
        self.entries[path] = (0o777, target)

    def remove(self, path: str) -> None:
        found = [name for name in self.entries if name == path or name.startswith(path + "/")]
        assert found, path
        for name in found:
            del self.entries[name]

    def move(self, old: str, new: str) -> None:
        for name in [name for name in self.entries if name == old or name.startswith(old + "/")]:
            self.entries[new + name[len(old) :]] = self.entries.pop(name)

    def config(self, path: str, at: int, data: bytes) -> None:
        """Overwrite bytes of a config space."""
        raw = bytearray(self.read(f"{path}/config"))
        raw[at : at + len(data)] = data
        self.write(f"{path}/config", bytes(raw))

    def save(self, path: Path) -> Path:
        with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
            for name, (mode, content) in self.entries.items():
                member = tarfile.TarInfo(name[1:])
                member.mode = mode
                if content is None:
                    member.type = tarfile.DIRTYPE
                elif isinstance(content, str):
                    member.type, member.linkname = tarfile.SYMTYPE, content
                else:
                    member.size = len(content)
                archive.addfile(member, io.BytesIO(content) if isinstance(content, bytes) else None)
        return path


def silent(story: Story) -> None:
    """No text beside the tree: what is left must see it alone."""
    story.remove("/cmd")


def everywhere(name: str) -> Callable[[Story], None]:
    """Remove all that has a name, wherever it is."""

    def make(story: Story) -> None:
        for path in [path for path in story.entries if path.endswith(f"/{name}")]:
            if path in story.entries:
                story.remove(path)

    return make
