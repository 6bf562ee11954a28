"""A guest of busybox alone: an initial RAM disk that is never left, without Python, udev or any disk of its own.

Kernel, modules and busybox are those of a release's image, out of which ``build`` takes them; ``busybox_files/init`` is
all that runs. The channel speaks a form that sh can read.
"""

from __future__ import annotations

import asyncio
import contextlib
import lzma
import os
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Optional

from tests.lab.channel import Answer, Channel
from tests.lab.errors import LabError
from tests.lab.image import Image, search_path
from tests.lab.initrd import cpio
from tests.lab.patience import within
from tests.lab.plan import Hardware

INIT = Path(__file__).resolve().parent / "busybox_files" / "init"
WANTED = ("virtio_pci", "virtio_console", "virtio_blk", "virtio_net")
# What modprobe would look at, and so what hotplugctl does.
INDEXES = ("modules.alias", "modules.builtin", "modules.builtin.modinfo", "modules.dep")
_GRACE = 60.0
_KILLED = 137


class Line(Channel):
    """The channel to ``init``: one command after the other, lengths and bytes in place of JSON."""

    async def sh(self, command: str, timeout: float, stdin: Optional[bytes] = None) -> Answer:
        """See ``Channel.sh``. The guest's clock is not asked: ``seconds`` is what it took from here."""
        self._number += 1
        text, given = command.encode("utf-8"), stdin or b""
        self._transcript.note("ag>", {"op": "sh", "cmd": command, "timeout": timeout, "id": self._number})
        head = f"{self._number} {max(1, int(timeout))} {len(text)} {len(given)}\n".encode()
        started = asyncio.get_running_loop().time()
        reply = await self._exchange(self._number, head + text + given, timeout + _GRACE, command)
        seconds = asyncio.get_running_loop().time() - started
        code = None if reply["code"] == _KILLED else reply["code"]
        answer = Answer(code, reply["out"], reply["err"], seconds, "")
        # What came to stdout may be a tar of megabytes.
        said = {"rc": code, "out": answer.text[:2000], "err": answer.complaint, "seconds": seconds}
        self._transcript.note("ag<", {**said, "id": self._number})
        return answer

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while line := await reader.readline():
                words = line.split()
                if words[:1] == [b"hello"] and not self._hello.done():
                    self._hello.set_result({"hello": line.decode("latin-1").strip()})
                elif len(words) == 4:
                    number, code, out, err = map(int, words)
                    reply = {"code": code, "out": await reader.readexactly(out), "err": await reader.readexactly(err)}
                    future = self._waiting.get(number)
                    if future is not None and not future.done():
                        future.set_result(reply)
        self.lose("the channel to the guest was closed")


def build(image: Image, path: Path) -> None:
    """Write the initial RAM disk.

    :raises LabError: where the image lacks a part of it
    """
    base = f"lib/modules/{image.version}"
    taken = _take(image, [f"/usr/{base}/{name}" for name in INDEXES] + ["/usr/bin/busybox"])
    order = list(_order(taken[f"/usr/{base}/modules.dep"].decode("ascii")))
    modules = _take(image, [f"/usr/{base}/{name}" for name in order])
    files = {
        "init": INIT.read_bytes(),
        "bin/busybox": taken["/usr/bin/busybox"],
        f"boot/config-{image.version}": image.config.read_bytes(),
        "modules": "".join(f"{name.removesuffix('.xz')}\n" for name in order).encode("ascii"),
        **{f"{base}/{name}": taken[f"/usr/{base}/{name}"] for name in INDEXES},
    }
    for name in order:
        data = modules[f"/usr/{base}/{name}"]
        # busybox's insmod unpacks nothing.
        files[f"{base}/{name.removesuffix('.xz')}"] = lzma.decompress(data) if name.endswith(".xz") else data
    path.write_bytes(cpio(files))


def _order(dep: str) -> Iterable[str]:
    """The files of the wanted modules and of what they need, in an order in which insmod can load them."""
    needs = {file: after.split() for file, _, after in (line.partition(":") for line in dep.splitlines())}
    files = {Path(file).name.partition(".")[0].replace("-", "_"): file for file in needs}
    found: dict[str, None] = {}
    for name in WANTED:
        if name in files:  # else it is built in
            found.update(dict.fromkeys([*reversed(needs[files[name]]), files[name]]))
    return found


def _take(image: Image, paths: list[str]) -> dict[str, bytes]:
    """These files of the image's disk, by debugfs, which needs no mount and so no privilege."""
    found: dict[str, bytes] = {}
    environment = {**os.environ, "PATH": search_path()}
    for path in paths:
        argv = ["debugfs", "-R", f"cat {path}", str(image.disk)]
        done = subprocess.run(argv, env=environment, capture_output=True, stdin=subprocess.DEVNULL, check=False)
        if done.returncode != 0 or not done.stdout:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise LabError(f"{image.disk} has no {path}: {said[-1] if said else ''}", f"rm -r {image.disk.parent}")
        found[path] = done.stdout
    return found


def command_line(hardware: Hardware, image: Image, initrd: Path, folder: Path, accel: str, port: str) -> list[str]:
    """QEMU's arguments, but for its sockets, as ``guest.command_line``."""
    words = ["-accel", accel, "-M", hardware.machine, "-m", str(hardware.memory), "-smp", "2", "-S"]
    words += ["-nodefaults", "-display", "none", "-no-reboot"]
    words += ["-chardev", f"file,id=console,path={folder}/host/console.log", "-serial", "chardev:console"]
    words += [
        "-device",
        "virtio-serial-pci,id=channel,addr=0x1d",
        "-device",
        f"virtserialport,chardev=agent,name={port}",
    ]
    for device in hardware.devices:
        words += ["-device", device]
    words += [*hardware.options, "-kernel", str(image.kernel), "-initrd", str(initrd)]
    return [*words, "-append", " ".join(("console=ttyS0", "quiet", "panic=-1", *hardware.append))]


async def sent(line: Channel, script: bytes, timeout: float) -> Answer:
    """Run the collector as over ssh: sh reads it from a pipe."""
    return await within(timeout + 2 * _GRACE, line.sh("cat | sh -s", timeout, script))
