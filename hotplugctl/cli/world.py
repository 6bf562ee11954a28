"""What a command works with: the tree that it reads and the terminal that it writes to. The only ``if root``."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Optional

import click

from hotplugctl.cli import streams
from hotplugctl.errors import UnusableRoot
from hotplugctl.source.door import LIVE_LABEL, open_tree
from hotplugctl.source.rooted import Rooted
from hotplugctl.source.tree import Tree

if TYPE_CHECKING:
    from hotplugctl.model.device_dump import DeviceDump


@contextmanager
def world(root: Optional[str], stage: Optional[str]) -> Iterator[Rooted]:
    """The tree that ``--root`` names, this machine without it. Raises UnusableRoot."""
    announce(root)
    stdin = sys.stdin.buffer if root == "-" else None
    try:
        tree = open_tree(root, stage, stdin, reader=read_dump)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise UnusableRoot(f"{root or LIVE_LABEL}: {why}") from error
    try:
        yield tree
    finally:
        tree.close()


def read_dump(data: bytes) -> DeviceDump:
    """The devices in a dump of umockdev-record or udevadm."""
    from hotplugctl.parse import device_dump

    return device_dump.parse(data)


@contextmanager
def reference(tree: Tree) -> Iterator[Optional[Tree]]:
    """This machine, for pci.ids alone, where the tree is another one; None where it cannot be opened."""
    try:
        machine = None if tree.kind == "live" else open_tree(None, None, None)
    except OSError:
        machine = None
    try:
        yield machine
    finally:
        if machine is not None:
            machine.close()


def announce(root: Optional[str]) -> None:
    """Say that ``--root`` comes from the environment: what is shown is not this machine."""
    if root and origin("root") == "ENVIRONMENT":
        remark(f"reading {root} (HOTPLUGCTL_ROOT)")


def origin(option: str) -> Optional[str]:
    """Where an option's value comes from: COMMANDLINE, ENVIRONMENT, DEFAULT …; None outside of a command."""
    context = click.get_current_context(silent=True)
    source = None if context is None else context.get_parameter_source(option)
    return None if source is None else source.name


def wants_color(choice: str) -> bool:
    """``--color``, NO_COLOR (no-color.org), TERM=dumb, and whether stdout is a terminal."""
    if choice != "auto":
        return choice == "always"
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and sys.stdout.isatty()


def moves() -> bool:
    """Whether stdout is a terminal on which the cursor can be moved."""
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def emit(text: str) -> None:
    """Write an answer to stdout, with a newline at its end. A reader that has gone changes nothing of the status."""
    try:
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
    except BrokenPipeError:
        streams.let_go()


def remark(text: str) -> None:
    """Write a line that is no answer to stderr."""
    from hotplugctl.render.escape import printable

    streams.tell(f"hotplugctl: {printable(text)}\n")
