"""Two commands in turn, A B A B …, and the median of the ratios of neighbours: a slow second hits both."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

CHECKOUT = Path(__file__).resolve().parents[1]


class Unmeasurable(Exception):
    """A command that cannot be measured: it is missing, or did not do its work."""


class Run(NamedTuple):
    """One process: wall-clock seconds, and the peak of its memory in MiB (``ru_maxrss``)."""

    seconds: float
    peak_mib: float


class Row(NamedTuple):
    """One line of the result: what was measured, the measure, and the bound that it must not pass."""

    what: str
    measured: float
    bound: float
    unit: str
    note: str = ""

    @property
    def kept(self) -> bool:
        return self.measured <= self.bound


def environment() -> dict[str, str]:
    """This environment without what would change the work: byte code is cached, nothing is coloured, no root is set."""
    drop = ("PYTHONDONTWRITEBYTECODE", "PYTHONPROFILEIMPORTTIME", "HOTPLUGCTL_ROOT", "FORCE_COLOR", "PYTHONDEVMODE")
    return {key: value for key, value in os.environ.items() if key not in drop}


def hotplugctl(*arguments: str) -> list[str]:
    """The command as installed beside this interpreter, as users start it."""
    script = Path(sys.executable).with_name("hotplugctl")
    if not script.exists():
        raise Unmeasurable(f"{script} is missing: start this with `make bench`")
    return [str(script), *arguments]


def import_click() -> list[str]:
    """The yardstick of start-up."""
    return [sys.executable, "-c", "import click"]


def run(command: Sequence[str], codes: Sequence[int] = (0,)) -> Run:
    """Run ``command`` to its end, its output thrown away; Unmeasurable if it ends with none of ``codes``."""
    start = time.perf_counter()
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment()
    ) as process:
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)
    if process.returncode not in codes:
        raise Unmeasurable(f"{' '.join(command)} ended with {process.returncode}")
    return Run(seconds, usage.ru_maxrss / 1024)


def output(command: Sequence[str], codes: Sequence[int] = (0,)) -> str:
    """What ``command`` prints: to see that it does the work that is about to be measured."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, env=environment(), check=False)
    if done.returncode not in codes:
        raise Unmeasurable(
            f"{' '.join(command)} ended with {done.returncode}: {done.stderr.decode(errors='replace')[-500:]}"
        )
    return done.stdout.decode(errors="replace")


def ratio(
    ours: Sequence[str], theirs: Sequence[str], pairs: int, codes: Sequence[int] = (0,),
    their_codes: Sequence[int] = (0,),
) -> tuple[float, str]:  # fmt: skip
    """The median of ours/theirs over ``pairs`` pairs after one that does not count, and the medians in words."""
    run(ours, codes)
    run(theirs, their_codes)
    taken = [(run(ours, codes).seconds, run(theirs, their_codes).seconds) for _ in range(pairs)]
    mine, other = (statistics.median(side) for side in zip(*taken))
    return statistics.median(a / b for a, b in taken), f"{mine * 1000:.0f} ms to {other * 1000:.0f} ms"


def verdict(measure: Callable[[], Sequence[Row]]) -> int:
    """Measure and print the rows: 0 if all bounds are kept, 1 if one is over, 2 if it could not be measured."""
    try:
        rows = measure()
    except Unmeasurable as error:
        print(f"not measured: {error}")
        return 2
    print(table(rows))
    return 0 if all(row.kept for row in rows) else 1


def table(rows: Sequence[Row]) -> str:
    """The rows as text, one a line, with a verdict each."""
    width = max((len(row.what) for row in rows), default=0)
    return "\n".join(
        f"{'ok  ' if row.kept else 'OVER'}  {row.what:<{width}}  {row.measured:7.2f} {row.unit:<3}"
        f"  bound {row.bound:g} {row.unit:<3}  {row.note}".rstrip()
        for row in rows
    )
