"""``record`` against ``check`` on the same guest: whole processes, the tar that is written counted in."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.bench_start import ANSWERS, ARCHIVE, STAGE, unpack
from bench.pairs import CHECKOUT, Row, Unmeasurable, hotplugctl, output, ratio, verdict

BOUND = 3.0
SCRUBBED_BOUND = 4.5
# Thirty hot-added devices: what is read outweighs the start.
LARGE = CHECKOUT / "fixtures/recordings/burst.tar.xz"
LARGE_STAGE = "added"


def measure(guests: Sequence[tuple[str, Path]], pairs: int) -> list[Row]:
    """As it is, and scrubbed, of each guest; the tar goes nowhere, so that no disk is measured."""
    rows = []
    for name, guest in guests:
        root = ("--root", str(guest))
        check = hotplugctl("check", "--json", *root)
        if not output(check, ANSWERS).strip():
            raise Unmeasurable(f"{' '.join(check)} prints nothing")
        for options, bound in ((("--no-scrub",), BOUND), ((), SCRUBBED_BOUND)):
            record = hotplugctl("record", *options, "-", *root)
            measured, note = ratio(record, check, pairs, ANSWERS, ANSWERS)
            rows.append(Row(" ".join(("record", *options, "of", name)), measured, bound, "x", note))
    return rows


def of() -> list[Row]:
    """The rows of two of the project's own guests."""
    with tempfile.TemporaryDirectory(prefix="hotplugctl-bench-") as directory:
        small, large = Path(directory, "small"), Path(directory, "large")
        return measure(
            [(ARCHIVE.name.partition(".")[0], unpack(ARCHIVE, STAGE, small)),
             (LARGE.name.partition(".")[0], unpack(LARGE, LARGE_STAGE, large))],
            pairs=11,
        )  # fmt: skip


def main() -> int:
    return verdict(of)


if __name__ == "__main__":
    sys.exit(main())
