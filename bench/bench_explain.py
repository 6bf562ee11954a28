"""``explain`` against ``check`` on the same recorded guest, whole processes in turn: at most three times as long."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.bench_start import ANSWERS, ARCHIVE, STAGE, unpack
from bench.pairs import Row, Unmeasurable, hotplugctl, output, ratio, verdict

BOUND = 3.0


def target(guest: Path) -> str:
    """The last function of the guest: in ours, one that was hot-plugged."""
    functions = json.loads(output(hotplugctl("list", "--json", "--root", str(guest)), ANSWERS))["functions"]
    if not functions:
        raise Unmeasurable(f"{guest} has no PCI function")
    return str(functions[-1]["address"])


def measure(guest: Path, pairs: int) -> list[Row]:
    """A device, and the survey without one; as text and as JSON."""
    rows = []
    for asked in ((target(guest),), ()):
        for form in ((), ("--json",)):
            ours = hotplugctl("explain", *asked, *form, "--root", str(guest))
            if not output(ours, ANSWERS).strip():
                raise Unmeasurable(f"{' '.join(ours)} prints nothing")
            check = hotplugctl("check", *form, "--root", str(guest))
            measured, note = ratio(ours, check, pairs, ANSWERS)
            what = " ".join(("explain", *(("ADDRESS",) if asked else ()), *form))
            rows.append(Row(f"{what} to check", measured, BOUND, "x", note))
    return rows


def of(guest: str) -> list[Row]:
    """The rows of a recorded guest (a directory); of one of the project's own where none is named."""
    with tempfile.TemporaryDirectory(prefix="hotplugctl-bench-") as directory:
        return measure(Path(guest) if guest else unpack(ARCHIVE, STAGE, Path(directory)), pairs=11)


def main(arguments: Sequence[str]) -> int:
    return verdict(lambda: of(arguments[0] if arguments else ""))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
