"""``validate`` of many recordings: the time for a story grows with their number, and not faster."""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from bench.pairs import CHECKOUT, Row, Unmeasurable, hotplugctl, run, verdict

STORY = CHECKOUT / "fixtures/recordings/q35-rootport-acpi.tar.xz"
COPIES = 8
# Twice as many stories take twice the time, less what a start takes once, and more where a machine is noisy.
RATIO_BOUND = 2.3
ALL_BOUND_S = 30.0
MEMORY_BOUND_MIB = 200.0
ROUNDS = 3


def main() -> int:
    """Measure, print the rows; 0 if the bounds are kept."""
    return verdict(measure)


def measure() -> list[Row]:
    """Stories against twice as many, and all that the fixtures hold."""
    if not STORY.is_file():
        raise Unmeasurable(f"{STORY} is missing")
    with tempfile.TemporaryDirectory() as folder:
        few = _copies(Path(folder) / "few", COPIES)
        many = _copies(Path(folder) / "many", 2 * COPIES)
        pairs = [(_seconds(few), _seconds(many)) for _ in range(ROUNDS)]
    ratio = statistics.median(two / one for one, two in pairs)
    whole = run(hotplugctl("validate", str(CHECKOUT / "fixtures")))
    return [
        Row(f"validate, {2 * COPIES} stories against {COPIES}", ratio, RATIO_BOUND, "x"),
        Row("validate fixtures/", whole.seconds, ALL_BOUND_S, "s"),
        Row("its memory", whole.peak_mib, MEMORY_BOUND_MIB, "MiB"),
    ]


def _copies(folder: Path, number: int) -> Path:
    folder.mkdir()
    for index in range(number):
        shutil.copyfile(STORY, folder / f"{index:03}.tar.xz")
    return folder


def _seconds(path: Path) -> float:
    return run(hotplugctl("validate", str(path))).seconds


if __name__ == "__main__":
    sys.exit(main())
