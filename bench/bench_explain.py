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


LINES = 100_000
_SAID = ("Attention button pressed", "Powering on due to button press", "Card present", "Link Up")


def chatter(guest: Path) -> None:
    """Make a recorded guest's kernel log one of a slot that flaps."""
    logs = [guest / "cmd/kmsg", guest / "cmd/dmesg"]
    log = next((one for one in logs if one.is_file()), None)
    if log is None:
        raise Unmeasurable(f"{guest} has no kernel log")
    line = "6,{n},{at}00000,-;{said}\n" if log.name == "kmsg" else "[{at:>10}.000000] {said}\n"
    with log.open("a", encoding="utf-8") as out:
        for number in range(LINES):
            said = f"pciehp 0000:00:02.0:pcie004: Slot(0): {_SAID[number % len(_SAID)]}"
            out.write(line.format(n=10_000 + number, at=1000 + number // len(_SAID), said=said))


def of_long_log() -> list[Row]:
    """The same where the kernel log holds a hundred thousand lines about a slot."""
    with tempfile.TemporaryDirectory(prefix="hotplugctl-bench-") as directory:
        guest = unpack(ARCHIVE, STAGE, Path(directory))
        chatter(guest)
        return [row._replace(what=f"{row.what}, 100,000 lines") for row in measure(guest, pairs=5)]


def of(guest: str) -> list[Row]:
    """The rows of a recorded guest (a directory); of the project's own where none is named."""
    if guest:
        return measure(Path(guest), pairs=11)
    with tempfile.TemporaryDirectory(prefix="hotplugctl-bench-") as directory:
        rows = measure(unpack(ARCHIVE, STAGE, Path(directory)), pairs=11)
    return rows + of_long_log()


def main(arguments: Sequence[str]) -> int:
    return verdict(lambda: of(arguments[0] if arguments else ""))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
