"""Short commands on a recorded guest, against ``python -c "import click"`` of the same interpreter."""

from __future__ import annotations

import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.pairs import CHECKOUT, Row, Unmeasurable, hotplugctl, import_click, output, ratio, verdict

ARCHIVE = CHECKOUT / "fixtures/recordings/q35-rootport-acpi.tar.xz"
STAGE = "added"
ANSWERS = (0, 1, 3)

BOUNDS = [
    (("check", "--json"), 2.0),
    (("slots", "--json"), 2.0),
    (("check",), 3.5),
    (("slots",), 3.5),
]
VERSION_BOUND = 1.3


def unpack(archive: Path, stage: str, target: Path) -> Path:
    """Unpack a recording of ours below ``target``: the directory of ``stage``, or the whole where it has no stages."""
    if not archive.is_file():
        raise Unmeasurable(f"{archive} is missing: name a recorded guest with --guest DIR")
    with tarfile.open(archive) as tar:
        # Python 3.14 refuses absolute links by itself; these archives are our own, and such links are evidence.
        setattr(tar, "extraction_filter", lambda member, _: member)  # noqa: B010 (3.9 does not know the attribute)
        tar.extractall(target)
    for found in sorted(target.rglob("sys/bus/pci")):
        root = found.parents[2]
        if root.name == stage or root.parent == target:
            return root
    raise Unmeasurable(f"{archive} holds no stage {stage} with a PCI bus")


def measure(guest: Path, pairs: int) -> list[Row]:
    """One row a command, ``--version`` first."""
    version, note = ratio(hotplugctl("--version"), import_click(), pairs)
    rows = [Row("--version", version, VERSION_BOUND, "x", note)]
    for arguments, bound in BOUNDS:
        ours = hotplugctl(*arguments, "--root", str(guest))
        if not output(ours, ANSWERS).strip():
            raise Unmeasurable(f"{' '.join(ours)} prints nothing")
        measured, note = ratio(ours, import_click(), pairs, ANSWERS)
        rows.append(Row(" ".join(arguments), measured, bound, "x", note))
    return rows


def of(guest: str) -> list[Row]:
    """The rows of a recorded guest (a directory); of one of the project's own where none is named."""
    with tempfile.TemporaryDirectory(prefix="hotplugctl-bench-") as directory:
        return measure(Path(guest) if guest else unpack(ARCHIVE, STAGE, Path(directory)), pairs=21)


def main(arguments: Sequence[str]) -> int:
    return verdict(lambda: of(arguments[0] if arguments else ""))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
