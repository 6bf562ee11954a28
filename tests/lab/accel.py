"""Whether KVM really runs a guest here.

That /dev/kvm can be opened proves little: nested, it may take a guest that then never gets anywhere, or run a boot
sector and hang in a kernel. So a kernel is run. It has no root file system, so its panic ends QEMU at once.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from tests.lab.patience import process, within

TCG = "tcg,thread=multi"
KVM = "kvm"

# panic=-1 reboots at once (kernel-parameters.rst), and -no-reboot makes that the end of QEMU, with status 0.
_WORDS = ("-M", "pc", "-m", "256", "-nodefaults", "-display", "none", "-no-reboot", "-append", "panic=-1")
_PATIENCE = 12.0


async def accelerator(qemu: str, kernel: Path) -> str:
    """The value for QEMU's ``-accel``: KVM where ``kernel`` came to its panic within twelve seconds, else TCG."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return TCG
    child = await process(
        qemu, "-accel", KVM, *_WORDS, "-kernel", str(kernel),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        return KVM if await within(_PATIENCE, child.wait()) == 0 else TCG
    except asyncio.TimeoutError:
        return TCG
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
