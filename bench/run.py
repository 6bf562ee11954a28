"""All measurements, each with its bound: status 0 if all are kept, 1 if one is over, 2 if one could not be measured."""

from __future__ import annotations

import argparse
import platform
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from importlib.util import find_spec

from bench import bench_explain, bench_list, bench_record, bench_start
from bench.pairs import CHECKOUT, environment, verdict

# In process, with bounds and a verdict of their own: modules with a main(), each run as a process.
PARSERS = {
    "unplug": "bench.bench_unplug",
    "lspci": "bench.bench_lspci_parse",
    "dmesg": "bench.bench_dmesg_parse",
    "watch": "bench.bench_watch",
    "validate": "bench.bench_validate",
}
PARTS = ("start", "list", "explain", "record", *PARSERS)


def processes(part: str, guest: str) -> int:
    """Measure whole processes and print the rows; the status that this part alone would end with."""
    measures = {
        "start": lambda: bench_start.of(guest),
        "list": lambda: bench_list.measure(pairs=7),
        "explain": lambda: bench_explain.of(guest),
        "record": bench_record.of,
    }
    return verdict(measures[part])


def parser(module: str) -> int:
    if find_spec(module) is None:
        print(f"not measured: {module} is missing")
        return 2
    return subprocess.run([sys.executable, "-m", module], cwd=CHECKOUT, env=environment(), check=False).returncode


def main(arguments: Sequence[str]) -> int:
    options = argparse.ArgumentParser(prog="make bench", description=__doc__)
    options.add_argument("--only", choices=PARTS, action="append", help="measure this part (may be repeated)")
    options.add_argument("--guest", default="", help="a recorded guest (directory) for `start` and `explain`")
    chosen = options.parse_args(arguments)
    print(f"Python {platform.python_version()}, click {version('click')}, tabulate {version('tabulate')}")
    codes = []
    for part in chosen.only or PARTS:
        print(f"\n{part}:", flush=True)
        codes.append(parser(PARSERS[part]) if part in PARSERS else processes(part, chosen.guest))
    print("\n" + {0: "all bounds are kept", 1: "over a bound"}.get(max(codes), "not everything could be measured"))
    return max(codes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
