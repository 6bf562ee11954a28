"""``hotplugctl record``."""

from __future__ import annotations

import os
import sys
from typing import Optional

import click

from hotplugctl.cli import exit as status
from hotplugctl.cli.options import json_option, root_options
from hotplugctl.cli.world import emit, world
from hotplugctl.errors import BadTarget


@click.command("record")
@click.argument("out", metavar="OUT")
@click.option("--no-scrub", is_flag=True, help="Write everything as it is, serial numbers and addresses too.")
@click.option(
    "--with-processes", is_flag=True, help="Also what can-unplug reads of each process: open files, libraries, mounts."
)
@root_options
@json_option
def command(
    out: str, no_scrub: bool, with_processes: bool, root: Optional[str], stage: Optional[str], as_json: bool
) -> int:
    """Write what the other commands read into OUT: a directory, a .tar, .tar.gz or .tar.xz, or - for a tar on stdout.

    Failed reads and absences are written down too, and replay as they were. OUT must not exist yet.
    """
    if not no_scrub:
        raise click.UsageError("this version cannot scrub: say --no-scrub, and look at it before you give it away")
    _vacant(out)
    from hotplugctl.collect import everything
    from hotplugctl.source.recorder import Recorder
    from hotplugctl.source.recording import write

    with world(root, stage) as tree:
        recorder = Recorder(tree)
        everything.collect(recorder)
        if with_processes:
            from hotplugctl.collect import users

            users.processes_too(recorder)
        written = write(recorder, out, sys.stdout.buffer if out == "-" else None)
    if out == "-":
        return status.YES
    if as_json:
        from hotplugctl.render import document, jsontext

        emit(jsontext.dumps(document.record(written.path, written.files, written.bytes, {})))
    else:
        from hotplugctl.render.escape import printable

        emit(f"{printable(written.path)}: {written.files} files, {written.bytes} bytes, not scrubbed")
    return status.YES


def _vacant(out: str) -> None:
    """Asked in time: what is there is never written over, and reading a whole machine for nothing takes a while."""
    hint = "name a place that does not exist yet"
    if not out:
        raise BadTarget("OUT names nothing", hint)
    if out != "-" and os.path.lexists(out.rstrip("/") or out):
        raise BadTarget(f"{out}: is there already", hint)
