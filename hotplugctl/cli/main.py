"""The boundary: runs the application and turns every way in which it can end into a status and one line."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType
from typing import NoReturn, Optional, Union

import click

from hotplugctl.cli import exit as status
from hotplugctl.cli.app import cli
from hotplugctl.errors import HotplugctlError, OutputFailed


def run(arguments: list[str]) -> int:
    """Run the command line with these arguments. Never raises for what a user can cause."""
    signal.signal(signal.SIGTERM, _terminated)
    code = _guarded(arguments)
    return _flushed(code)


def _terminated(_number: int, _frame: Optional[FrameType]) -> NoReturn:
    raise status.Done(status.TERMINATED)


def _guarded(arguments: list[str]) -> int:
    try:
        result = cli.main(arguments, prog_name="hotplugctl", standalone_mode=False)
        return result if isinstance(result, int) else status.YES
    except status.Done as done:
        return done.code
    except (click.Abort, KeyboardInterrupt):
        return status.INTERRUPTED
    except (click.ClickException, HotplugctlError) as error:
        return _asked_wrongly(error)
    except BrokenPipeError:
        return _closed(status.YES)
    except OSError as error:
        return _output_lost(error)
    except Exception as error:
        if os.environ.get("HOTPLUGCTL_DEBUG"):
            raise
        where = f"{type(error).__name__}: {error}"
        hint = "set HOTPLUGCTL_DEBUG=1 for the trace, and report it"
        return _say(f"a defect in hotplugctl: {where}", hint, status.DEFECT)


def _asked_wrongly(error: Union[click.ClickException, HotplugctlError]) -> int:
    if isinstance(error, click.ClickException):
        error.show()
        return status.WRONG
    code = status.NOT_WRITTEN if isinstance(error, OutputFailed) else status.WRONG
    return _say(error.message, error.hint, code)


def _flushed(code: int) -> int:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        return _closed(code)
    except OSError as error:
        return _output_lost(error)
    return code


def _closed(code: int) -> int:
    # The reader has gone (| head). Python would complain when it flushes at exit: give it something that takes all.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


def _output_lost(error: OSError) -> int:
    _closed(status.NOT_WRITTEN)
    return _say(f"the output could not be written: {error.strerror or error}", "", status.NOT_WRITTEN)


def _say(message: str, hint: str, code: int) -> int:
    from hotplugctl.render.escape import printable

    text = f"hotplugctl: {message}" + (f" ({hint})" if hint else "")
    try:
        sys.stderr.write(printable(text) + "\n")
    except OSError:
        pass
    return code
