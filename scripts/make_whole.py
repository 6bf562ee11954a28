"""Keep two stories of real guests as they are in sysfs, unreduced, for ``fixtures/whole``.

    python3 -m scripts.make_whole STORIES fixtures

What ``validate`` looks for is damage, and of that a tree can show only as much as it holds: drivers that list their
devices, links everywhere, files that can only be written. STORIES is a folder of stories as for make_fixtures.py. Of a
stage /sys, /proc, the log, lsmod and lspci's texts are kept, without a manifest; beside the stages lie the events, and
what ``watch`` should tell of them, out of fixtures/TRUTH.tsv. The same input gives the same bytes.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

from scripts.make_fixtures import EPOCH, copy_events, pack

STORIES = ("pc-scsi", "q35-rootport-native")
_PARTS = ("sys", "proc")
_TEXTS = ("kmsg", "lsmod", "lspci", "lspci_Dnnk", "lspci_Dvmmnnk", "lspci_vvv")


def main() -> int:
    """Make both; print what came out."""
    stories, fixtures = Path(sys.argv[1]), Path(sys.argv[2])
    (fixtures / "whole").mkdir(parents=True, exist_ok=True)
    os.environ.setdefault(*EPOCH)
    with (fixtures / "TRUTH.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    for story in STORIES:
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / story
            out.mkdir()
            mine = [row for row in rows if row["story"] == story]
            for row in mine:
                _stage(stories / story / row["stage"], out / row["stage"])
            copy_events(stories / story / "events", out / "events")
            expected = {"events": [{"event": "function-added", "address": address} for address in _added(mine)]}
            (out / "expected.json").write_text(json.dumps(expected, indent=1) + "\n", encoding="utf-8")
            target = fixtures / "whole" / f"{story}.tar.xz"
            pack(out, target)
            print(f"{target}: {target.stat().st_size} bytes")
    return 0


def _stage(source: Path, out: Path) -> None:
    for part in _PARTS:
        shutil.copytree(source / part, out / part, symlinks=True)
    (out / "cmd").mkdir()
    for name in _TEXTS:
        shutil.copyfile(source / "cmd" / name, out / "cmd" / name)
    shutil.copyfile(source / "unreadable.txt", out / "unreadable.txt")


def _added(rows: list[dict[str, str]]) -> list[str]:
    """The functions that were plugged, in the order in which the host plugged them."""
    devices = (device for row in rows if row["stage"] == "added" for device in row["devices"].split(";"))
    return [device.split("=", 1)[1].rsplit(":", 4)[0] for device in devices]


if __name__ == "__main__":
    sys.exit(main())
