"""The boundary: runs the application and turns every way in which it can end into a status and one line."""

from __future__ import annotations

import io
import os
import signal
import sys
from types import FrameType
from typing import NoReturn, Optional, Union

import click

from hotplugctl.cli import exit as status
from hotplugctl.cli import streams
from hotplugctl.cli.app import cli
from hotplugctl.errors import HotplugctlError, OutputFailed

_LONGEST_WORD = 200
_LONGEST_LINE = 1000


def run(arguments: list[str]) -> int:
    """Run the command line with these arguments. Never raises for what a user can cause."""
    try:
        streams.prepare()
        signal.signal(signal.SIGTERM, _terminated)
        return _flushed(_guarded(arguments))
    except KeyboardInterrupt:
        code = status.INTERRUPTED
    except status.Done as done:
        code = done.code
    # What is left of the output is not waited for: its reader may be the one that hangs.
    return _closed(code)


def _terminated(_number: int, _frame: Optional[FrameType]) -> NoReturn:
    raise status.Done(status.TERMINATED)


def _guarded(arguments: list[str]) -> int:
    try:
        result = cli.main(arguments, prog_name="hotplugctl", standalone_mode=False)
        return result if isinstance(result, int) else status.YES
    except click.Abort:
        raise KeyboardInterrupt from None
    except (click.ClickException, HotplugctlError) as error:
        return _asked_wrongly(error)
    except (BrokenPipeError, SystemExit):
        # click catches the closed pipe of a command that writes as it goes, and exits; nothing else does.
        return _closed(status.YES)
    except MemoryError:
        # No memory for a message of ours either: __main__ ends with a constant one.
        raise
    except OSError as error:
        # What is read is read by name, and its failures are outcomes; the output has none.
        return _output_lost(error) if error.filename is None else _defect(error)
    except Exception as error:  # noqa: BLE001 - the boundary: a defect is told, and ends with a status of its own
        return _defect(error)


def _defect(error: Exception) -> int:
    if os.environ.get("HOTPLUGCTL_DEBUG"):
        raise error
    where = f"{type(error).__name__}: {error}"
    return _say(
        f"a defect in hotplugctl: {where}", "set HOTPLUGCTL_DEBUG=1 for the trace, and report it", status.DEFECT
    )


def _asked_wrongly(error: Union[click.ClickException, HotplugctlError]) -> int:
    if isinstance(error, HotplugctlError):
        code = status.NOT_WRITTEN if isinstance(error, OutputFailed) else status.WRONG
        return _say(error.message, error.hint, code)
    shown = io.StringIO()
    error.show(shown)
    # click sets the values that an argument may have below each other, with a tab before each.
    return _say_lines(shown.getvalue().rstrip("\n").replace("\n\t", "\n  ").split("\n"), status.WRONG)


def _flushed(code: int) -> int:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        return _closed(code)
    except OSError as error:
        # It may have been told already, of the same output.
        return _closed(code) if code == status.NOT_WRITTEN else _output_lost(error)
    return code


def _closed(code: int) -> int:
    streams.let_go()
    return code


def _output_lost(error: OSError) -> int:
    _closed(status.NOT_WRITTEN)
    return _say(f"the output could not be written: {error.strerror or error}", "", status.NOT_WRITTEN)


def _say(message: str, hint: str, code: int) -> int:
    return _say_lines([f"hotplugctl: {message}" + (f" ({hint})" if hint else "")], code)


def _say_lines(lines: list[str], code: int) -> int:
    from hotplugctl.render.escape import printable

    streams.tell("".join(f"{printable(_cut(line))}\n" for line in lines))
    return code


def _cut(line: str) -> str:
    """A message echoes arguments, and those may be a hundred thousand characters long."""
    import re

    short = re.sub(rf"(\S{{{_LONGEST_WORD}}})\S+", r"\1...", line)
    return short if len(short) <= _LONGEST_LINE else short[:_LONGEST_LINE] + "..."
