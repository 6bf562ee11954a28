"""``hotplugctl validate``."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, Optional

import click

from hotplugctl.cli import exit as status
from hotplugctl.cli import streams
from hotplugctl.cli.options import color_option, json_option, root_options
from hotplugctl.cli.world import announce, emit

if TYPE_CHECKING:
    from hotplugctl.model.validation import Validation


class _Judged(NamedTuple):
    """One recording, and the seconds that it took."""

    validation: Validation
    took: float


@click.command("validate")
@click.argument("paths", nargs=-1, metavar="PATH...")
@root_options
@json_option
@click.option(
    "--format", "form", type=click.Choice(["table", "json", "junit", "tap"]), default="table",
    help="json is the same as --json; junit and tap are for those who collect test results.",
)  # fmt: skip
@color_option
def command(
    paths: tuple[str, ...], root: Optional[str], stage: Optional[str], as_json: bool, form: str, color: str
) -> int:
    """Is a recording sound, and do its own witnesses agree?

    PATH is a recording, a story (all its stages, or the one that --stage names), a folder of these or a pattern. Asked
    is whether the tree is what a kernel makes, and whether lspci's texts, the kernel log, uevents, the lists of
    modules, the manifest and expected.json agree with it.

    Ends with 0 for valid, 1 for invalid, 2 where a PATH cannot be read as a recording.
    """
    began = time.strftime("%Y-%m-%dT%H:%M:%S")
    judged = list(_judge(paths or _root(root), stage))
    validations = [item.validation for item in judged]
    form = "json" if as_json else form
    if form == "json":
        from hotplugctl.render import document, jsontext

        emit(jsontext.dumps(document.validate(validations)))
    elif form == "junit":
        import socket

        from hotplugctl.render import junit

        emit(junit.validate(validations, [item.took for item in judged], began, socket.gethostname()))
    elif form == "tap":
        from hotplugctl.render import tap

        emit(tap.validate(validations))
    else:
        from hotplugctl.cli.world import wants_color
        from hotplugctl.render import validate_text

        emit(validate_text.validate(validations, wants_color(color)))
    return status.of_validations(
        valid=all(item.valid for item in validations),
        readable=not any(item.unreadable for item in validations),
        judged=not any(item.unjudged for item in validations),
    )


def _root(root: Optional[str]) -> tuple[str, ...]:
    """``--root`` where no PATH is named: it is one."""
    if not root:
        raise click.UsageError("Missing argument 'PATH...'.")
    announce(root)
    return (root,)


def _judge(paths: Sequence[str], stage: Optional[str]) -> Iterator[_Judged]:
    from hotplugctl.cli.judging import Judge

    judge = Judge(sys.stdin.buffer if "-" in paths else None)
    progress = _Progress()
    try:
        for path in dict.fromkeys(name for given in paths for name in _expanded(given)):
            for look in judge.each(path, stage):
                progress.show(look.label)
                since = time.monotonic()
                found = look.judge()
                yield _Judged(found, time.monotonic() - since)
    finally:
        progress.clear()


def _expanded(path: str) -> Sequence[str]:
    """A pattern that the shell left alone (quoted, or in a configuration of CI); what is there means itself."""
    import glob
    import os

    if path == "-" or not glob.has_magic(path) or os.path.lexists(path):
        return (path,)
    return sorted(glob.glob(path, recursive=True)) or (path,)


def _is_terminal() -> bool:
    """Whether stderr is one on which a line can be written over: in CI it is none."""
    import os

    return sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"


class _Progress:
    """A line on a terminal that says what is looked at."""

    def __init__(self) -> None:
        self._count = 0
        self._shows = _is_terminal()

    def show(self, text: str) -> None:
        """Write over the line before."""
        self._count += 1
        if self._shows:
            import shutil

            from hotplugctl.render.escape import printable

            width = max(10, shutil.get_terminal_size().columns - 1)
            streams.tell(f"\r\x1b[K{printable(f'{self._count}: {text}')[:width]}")

    def clear(self) -> None:
        """Leave the terminal as it was."""
        if self._shows:
            streams.tell("\r\x1b[K")
