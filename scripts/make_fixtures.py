"""Reduce recordings of real guests to what hotplugctl reads of them, for ``fixtures/``.

    python3 scripts/make_fixtures.py STORIES fixtures

STORIES is a folder of stories (``NAME/STAGE/sys …``), beside them ``common-KERNEL/`` with what all guests of a kernel
share (boot/config, lib/modules). Each story becomes ``fixtures/recordings/NAME.tar.xz``: ``NAME/STAGE/`` is a recording
with its manifest, made by the recorder of the product itself, so that failed reads and absences replay; beside it the
lspci texts as witnesses, and ``expected.json`` out of fixtures/TRUTH.tsv. ``NAME/events/`` holds the story's uevents
and kernel messages, without what is told twice. The same input gives the same bytes.
"""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import sys
import tarfile
import tempfile
from pathlib import Path

from hotplugctl.collect import everything
from hotplugctl.source.door import open_tree
from hotplugctl.source.recorder import Recorder
from hotplugctl.source.recording import about, write

# What is read of the lines of events/: a uevent's properties are in its datagram.
_EVENTS = {"netlink-uevent.jsonl": ("t", "group", "b64"), "kmsg.jsonl": ("t", "raw")}
EPOCH = ("SOURCE_DATE_EPOCH", "1795219200")
_WITNESSES = ("lspci", "lspci_Dnnk", "lspci_Dvmmnnk", "lspci_vvv")


def main() -> int:
    """Make every story's fixture; print what came out."""
    stories, fixtures = Path(sys.argv[1]), Path(sys.argv[2])
    truth = _truth(fixtures / "TRUTH.tsv")
    wanted = sys.argv[3:]
    (fixtures / "recordings").mkdir(parents=True, exist_ok=True)
    os.environ.setdefault(*EPOCH)
    for story in sorted({name for name, _ in truth}):
        if wanted and story not in wanted:
            continue
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / story
            out.mkdir()
            for (name, stage), row in truth.items():
                if name == story:
                    _stage(stories, story, stage, row, out)
            copy_events(stories / story / "events", out / "events")
            target = fixtures / "recordings" / f"{story}.tar.xz"
            pack(out, target)
            print(f"{target}: {target.stat().st_size} bytes")
    return 0


def _truth(path: Path) -> dict[tuple[str, str], dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return {(row["story"], row["stage"]): row for row in csv.DictReader(file, delimiter="\t")}


def _stage(stories: Path, story: str, stage: str, row: dict[str, str], out: Path) -> None:
    """Lay what the kernel's guests share over the snapshot, and record what is read of it."""
    snapshot = stories / story / stage
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "whole"
        shutil.copytree(snapshot, whole, symlinks=True)
        for part in sorted((stories / f"common-{row['kernel']}").glob("*")):
            shutil.copytree(part, whole / part.name, symlinks=True, dirs_exist_ok=True)
        recorder = Recorder(open_tree(str(whole), None, None))
        everything.collect(recorder)
        texts = {f"/cmd/{name}": (snapshot / "cmd" / name).read_bytes() for name in _WITNESSES}
        said = {"": about(recorder)}
        holdings = recorder.notes.holdings()
        write(holdings._replace(files={**holdings.files, **texts}), said, str(out / stage))
    (out / stage / "expected.json").write_text(json.dumps(_expected(row), indent=1) + "\n", encoding="utf-8")


def copy_events(source: Path, out: Path) -> None:
    """Copy the events, all of them, with microseconds: the rest of ``t`` is noise that does not pack."""
    out.mkdir()
    for name, keys in _EVENTS.items():
        entries = (json.loads(line) for line in (source / name).read_text(encoding="utf-8").splitlines())
        lines = (json.dumps({**{key: entry[key] for key in keys}, "t": round(entry["t"], 6)}) for entry in entries)
        (out / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _expected(row: dict[str, str]) -> dict[str, object]:
    """The row of the truth as ``validate`` reads it: verdict, usable mechanisms, the hot-added functions."""
    functions: dict[str, object] = {}
    for device in row["devices"].split(";") if row["devices"] not in ("", "-") else ():
        address, vendor, product, driver, _ = device.split("=", 1)[1].rsplit(":", 4)
        functions[address] = {"vendor": vendor, "device": product, "driver": None if driver == "-" else driver}
    mechanisms = [] if row["mechanisms"] == "-" else row["mechanisms"].split(",")
    return {"verdict": row["verdict"], "mechanisms": mechanisms, "functions": functions}


def pack(folder: Path, target: Path) -> None:
    """A tar that depends on names, modes and contents alone."""

    def plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        member.mtime = int(os.environ["SOURCE_DATE_EPOCH"])
        return member

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:xz", format=tarfile.PAX_FORMAT, preset=6) as archive:
        archive.add(folder, arcname=folder.name, recursive=False, filter=plain)
        for path in sorted(folder.rglob("*")):
            archive.add(path, arcname=str(path.relative_to(folder.parent)), recursive=False, filter=plain)
    target.write_bytes(buffer.getvalue())


if __name__ == "__main__":
    sys.exit(main())
