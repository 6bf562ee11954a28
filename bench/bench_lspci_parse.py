"""How fast ``parse.lspci`` reads 10,000 records of ``lspci -Dvmmnnk``, beside pylspci and jc in the same process.

Prints for each the median of the ratios of pairs timed one after the other. Two texts: one of 200 models, as a large
machine with virtual functions has them, and one where every device is a model of its own. Status: 0 the bound is kept,
1 it is not, 2 pylspci or jc is missing.

    python -m bench.bench_lspci_parse [PAIRS]
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Sized

from hotplugctl.parse.lspci import parse

RECORDS = 10_000
WANTED = 3.0
VENDORS = (("Intel Corporation", 0x8086), ("Red Hat, Inc.", 0x1AF4), ("Advanced Micro Devices, Inc. [AMD/ATI]", 0x1002))
CLASSES = (("Ethernet controller", 0x0200), ("SCSI storage controller", 0x0100), ("PCI bridge", 0x0604))


def machine(models: int) -> str:
    """What ``lspci -Dvmmnnk`` prints on a machine with ``RECORDS`` functions of ``models`` models."""
    blocks = []
    for number in range(RECORDS):
        model = number % models
        vendor, vendor_id = VENDORS[model % 3]
        class_name, class_id = CLASSES[model // 3 % 3]
        blocks.append(
            f"Slot:\t{number >> 13:04x}:{number >> 8 & 0xFF:02x}:{number >> 3 & 0x1F:02x}.{number & 7}\n"
            f"Class:\t{class_name} [{class_id:04x}]\nVendor:\t{vendor} [{vendor_id:04x}]\n"
            f"Device:\tModel {model} Controller [Family {model % 7}] [{model:04x}]\n"
            f"SVendor:\t{vendor} [{vendor_id:04x}]\nSDevice:\tBoard {model} [{model ^ 0x1100:04x}]\n"
            f"PhySlot:\t{number >> 3}\n"
            f"Rev:\t{model % 9 + 1:02x}\nProgIf:\t00\nDriver:\tdriver_{model % 40}\nModule:\tdriver_{model % 40}\n"
            f"Module:\tother_{model % 40}\nNUMANode:\t{number & 1}\nIOMMUGroup:\t{number}\n"
        )
    return "\n".join(blocks) + "\n"


def seconds(read: Callable[[str], Sized], text: str) -> float:
    started = time.perf_counter()
    found = len(read(text))
    taken = time.perf_counter() - started
    if found != RECORDS:
        raise SystemExit(f"{found} records read, not {RECORDS}")
    return taken


def rivals() -> dict[str, Callable[[str], Sized]]:
    """What others have for this form; each is asked for the whole list."""
    import jc.parsers.lspci
    from pylspci.parsers.verbose import VerboseParser

    verbose = VerboseParser()
    return {
        "pylspci VerboseParser": lambda text: list(verbose.parse(text)),
        "jc lspci": lambda text: list(jc.parsers.lspci.parse(text, quiet=True)),
    }


def measure(name: str, read: Callable[[str], Sized], text: str, pairs: int) -> float:
    """The median of the ratios, printed too."""
    ours = [seconds(lambda text: parse(text).records, text)]
    ratios = []
    for _ in range(pairs):
        ours.append(seconds(lambda text: parse(text).records, text))
        ratios.append(seconds(read, text) / ours[-1])
    ratio = statistics.median(ratios)
    print(f"  {ratio:4.1f} x as fast as {name} ({statistics.median(ours) * 1000:.0f} ms, {pairs} pairs)")
    return ratio


def main() -> int:
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    try:
        others = rivals()
    except ImportError as error:
        print(f"not measured: {error}")
        return 2
    worst = float("inf")
    for title, models in (("200 models", 200), ("every device a model of its own", RECORDS)):
        print(f"parse lspci, {RECORDS} records of -Dvmmnnk, {title}:")
        text = machine(models)
        for name, read in others.items():
            worst = min(worst, measure(name, read, text, pairs))
    print(f"worst {worst:.1f} x, at least {WANTED:.1f} x wanted")
    return 0 if worst >= WANTED else 1


if __name__ == "__main__":
    sys.exit(main())
