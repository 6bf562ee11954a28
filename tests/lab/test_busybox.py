"""The channel to a guest of busybox: its own init answers, with cat and dd of this machine in busybox's place."""

from __future__ import annotations

import asyncio
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import busybox
from tests.lab.transcript import Transcript

# The part of init that serves, with its files in a folder of the test and the port as its stdin.
SERVES = re.compile(r"^exec 3<>.*?^done\n", re.M | re.S)


@pytest.fixture
def end(tmp_path: Path) -> Iterator[socket.socket]:
    """The lab's end of a channel, at whose other end init serves."""
    found = SERVES.search(busybox.INIT.read_text(encoding="ascii"))
    assert found is not None
    loop = found[0].replace('3<>"$port"', "3<&0").replace(">&3", ">&4").replace("/run/", f"{tmp_path}/")
    ours, theirs = socket.socketpair()
    guest = subprocess.Popen(
        ["sh", "-c", f"exec 4>&1\n{loop}"], stdin=theirs.fileno(), stdout=theirs.fileno(), stderr=subprocess.DEVNULL
    )
    theirs.close()
    try:
        yield ours
    finally:
        ours.close()
        guest.kill()
        guest.wait()


def test_commands_and_their_answers(end: socket.socket, tmp_path: Path) -> None:
    async def talk() -> None:
        line = busybox.Line(Transcript(tmp_path / "qmp.jsonl"))
        await line.open(end)
        assert (await line.hello())["hello"].startswith("hello ")
        answer = await line.sh("cat; echo to stderr >&2; exit 3", 20, bytes(range(256)) * 100)
        assert (answer.code, answer.out, answer.err) == (3, bytes(range(256)) * 100, b"to stderr\n")
        answer = await line.sh("echo 'sh -s' and\necho two lines", 20)
        assert (answer.code, answer.text, answer.complaint) == (0, "sh -s and\ntwo lines\n", "")
        answer = await busybox.sent(line, b"echo from stdin $#\n", 20)
        assert (answer.code, answer.text) == (0, "from stdin 0\n")
        assert (await line.sh("exec sleep 60", 1)).code is None
        await line.close()

    asyncio.run(talk())


def test_modules_come_after_what_they_need() -> None:
    dep = (
        "kernel/drivers/block/virtio_blk.ko: kernel/drivers/virtio/virtio.ko kernel/drivers/virtio/virtio_ring.ko\n"
        "kernel/drivers/net/virtio_net.ko: kernel/net/core/failover.ko\nkernel/net/core/failover.ko:\nkernel/fs/x.ko:\n"
    )
    order = [Path(file).stem for file in busybox._order(dep)]
    assert order == ["virtio_ring", "virtio", "virtio_blk", "failover", "virtio_net"]
