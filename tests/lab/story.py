"""A scenario's run as a story: a recording for every stage, the events between them, and the host's transcript."""

from __future__ import annotations

import json
import shutil
import tarfile
from collections.abc import Sequence
from pathlib import Path

from tests.lab.errors import LabError

_EVENTS = ("netlink-uevent.jsonl", "kmsg.jsonl")
_HOST = ("cmdline.txt", "qmp.jsonl")


def assemble(run: Path, stages: Sequence[str], out: Path, names: dict[str, str]) -> None:
    """Make the story ``out`` of what a run left in ``run``: STAGE/, events/, host/ and the expectations.

    ``names``: paths of this host, which tell a reader nothing, and what is written in their place. Raises LabError
    where the run left less than a story needs.
    """
    if out.exists():
        shutil.rmtree(out)
    (out / "host").mkdir(parents=True)
    # The order of the stages, which their names alone do not tell.
    manifest = {"format": "hotplugctl-recording", "version": 1, "stages": list(stages)}
    (out / "manifest.json").write_text(json.dumps(manifest) + "\n", encoding="utf-8")
    try:
        for stage in stages:
            _unpack(run / f"{stage}.tar", out / stage)
            expected = json.loads((run / f"{stage}.json").read_text("utf-8"))["expected"]
            (out / stage / "expected.json").write_text(json.dumps(expected, indent=1) + "\n", encoding="utf-8")
            shutil.copyfile(run / f"info-pci-{stage}.txt", out / "host" / f"info-pci-{stage}.txt")
        for name in _HOST:
            (out / "host" / name).write_text(
                _replaced((run / "host" / name).read_text("utf-8"), names), encoding="utf-8"
            )
        _events(run / "events.tar", out / "events")
    except (OSError, tarfile.TarError, KeyError) as error:
        raise LabError(f"no story can be made of {run}: {error}", "run the scenario again with --keep") from None


def _unpack(recording: Path, out: Path) -> None:
    """A recording taken in a guest of the lab: its modes and its failed reads are in its manifest."""
    out.mkdir()
    with tarfile.open(recording) as archive:
        archive.extractall(out, filter="tar")
    for path in (out, *(path for path in out.rglob("*") if path.is_dir() and not path.is_symlink())):
        path.chmod(path.stat().st_mode | 0o700)


def _events(archive: Path, out: Path) -> None:
    out.mkdir()
    with tarfile.open(archive) as members:
        for name in _EVENTS:
            file = members.extractfile(f"events/{name}")
            if file is not None:
                (out / name).write_bytes(file.read())


def _replaced(text: str, names: dict[str, str]) -> str:
    for path, name in sorted(names.items(), key=lambda pair: -len(pair[0])):
        text = text.replace(path, name)
    return text
