"""Trees to read: planted on disk or packed into a tar from one description."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from hotplugctl.source.door import open_tree


class Kit:
    """What the tests of this room share."""

    @staticmethod
    def exact(outcome):
        """An outcome with its type: tuples of different types compare equal."""
        return (type(outcome).__name__, *outcome) if isinstance(outcome, tuple) else outcome

    @staticmethod
    def plant(root, entries):
        """``entries``: path → bytes (a file), str (a link's target) or None (a directory)."""
        for path, content in entries.items():
            where = Path(os.fspath(root) + "/" + path)
            where.parent.mkdir(parents=True, exist_ok=True)
            if content is None:
                where.mkdir(exist_ok=True)
            elif isinstance(content, str):
                where.symlink_to(content)
            else:
                where.write_bytes(content)
        return str(root)

    @staticmethod
    def header(name, size=0, kind=b"0", link="", mode=0o644):
        """One tar header, whatever it claims."""
        info = tarfile.TarInfo(name)
        info.size, info.type, info.linkname, info.mode = size, kind, link, mode
        return info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")

    def renamed(self, name, _cache=[]):  # noqa: B006 - the one template
        """An empty member, made quickly: only the name differs from the one before."""
        if not _cache:
            _cache.append(self.header("x" * len(name)))
        block = name + _cache[0][len(name) :]
        return block[:148] + b"%06o\0 " % (sum(block) - sum(block[148:156]) + 256) + block[156:]

    def member(self, name, content=b"", **more):
        """One tar member: header, content, padding."""
        return self.header(name, len(content), **more) + content + bytes(-len(content) % 512)

    def tar(self, entries):
        """A tar of what ``plant`` takes."""
        parts = []
        for path, content in entries.items():
            if content is None:
                parts.append(self.header(path + "/", kind=b"5", mode=0o755))
            elif isinstance(content, str):
                parts.append(self.header(path, kind=b"2", link=content, mode=0o777))
            else:
                parts.append(self.member(path, content))
        return b"".join(parts) + bytes(1024)

    @staticmethod
    def open_bytes(data, stage=None):
        """The tree in a tar that comes on standard input."""
        return open_tree("-", stage, io.BytesIO(data))


@pytest.fixture
def kit():
    return Kit()


@pytest.fixture(params=["directory", "tar"])
def opened(request, kit, tmp_path):
    """Open a description as a recording, once from a directory and once from a tar."""

    def open_entries(entries, stage=None):
        if request.param == "tar":
            return kit.open_bytes(kit.tar(entries), stage)
        return open_tree(kit.plant(tmp_path / "tree", entries), stage, None)

    return open_entries
