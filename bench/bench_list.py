"""``list`` over a tree of 10,000 functions, against lspci on the same tree; its growth, and its memory."""

from __future__ import annotations

import json
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from bench.big_tree import build
from bench.pairs import Row, Unmeasurable, hotplugctl, output, ratio, run, verdict

FUNCTIONS = 10_000
FEWER = FUNCTIONS // 4

JSON_BOUND = 0.8
TEXT_BOUND = 2.0
# Four times the functions: 4 if linear and start-up were free, 16 if quadratic; the rest is noise.
GROWTH_BOUND = 4.5
PEAK_BOUND_MIB = 150

LIST_JSON = ("list", "--json", "--root")


def lspci(root: Path) -> list[str]:
    """lspci on that tree. Without -A it would go on with the live machine if the path were wrong."""
    program = shutil.which("lspci", path="/usr/bin:/usr/sbin:/bin:/sbin") or shutil.which("lspci")
    if program is None:
        raise Unmeasurable("lspci is missing (on Debian: apt-get install pciutils)")
    return [program, "-A", "linux-sysfs", "-O", f"sysfs.path={root}/sys/bus/pci", "-Dnnk"]


def prove(root: Path, functions: int) -> None:
    """Both commands see all functions, else their times say nothing."""
    seen = sum(1 for line in output(lspci(root)).splitlines() if line[:1].isalnum())
    if seen != functions:
        raise Unmeasurable(f"lspci sees {seen} of {functions} functions")
    listed = len(json.loads(output(hotplugctl(*LIST_JSON, str(root))))["functions"])
    if listed != functions:
        raise Unmeasurable(f"hotplugctl list sees {listed} of {functions} functions")


def measure(pairs: int) -> list[Row]:
    """JSON and text against lspci, growth from a quarter, and peaks."""
    with tempfile.TemporaryDirectory(prefix="hotplugctl-bench-") as directory:
        big, small = Path(directory, "big"), Path(directory, "small")
        build(big, FUNCTIONS)
        build(small, FEWER)
        prove(big, FUNCTIONS)
        ours = {form: hotplugctl("list", *form, "--root", str(big)) for form in (("--json",), ())}
        rows = []
        for (form, command), bound in zip(ours.items(), (JSON_BOUND, TEXT_BOUND)):
            measured, note = ratio(command, lspci(big), pairs)
            what = " ".join(("list", *form)) + f": {FUNCTIONS} functions to lspci"
            rows.append(Row(what, measured, bound, "x", note))
        growth, note = ratio(hotplugctl(*LIST_JSON, str(big)), hotplugctl(*LIST_JSON, str(small)), pairs)
        rows.append(Row(f"list --json: {FUNCTIONS} to {FEWER} functions", growth, GROWTH_BOUND, "x", note))
        for form, command in ours.items():
            peak = statistics.median(run(command).peak_mib for _ in range(3))
            rows.append(Row(" ".join(("list", *form)) + ": peak memory", peak, PEAK_BOUND_MIB, "MiB"))
    return rows


def main() -> int:
    return verdict(lambda: measure(pairs=7))


if __name__ == "__main__":
    sys.exit(main())
