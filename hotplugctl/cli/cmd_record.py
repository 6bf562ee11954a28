"""``hotplugctl record``."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple, Optional

import click

from hotplugctl.cli import exit as status
from hotplugctl.cli.options import Seconds, color_option, json_option, root_options
from hotplugctl.cli.world import emit, origin, remark, world
from hotplugctl.errors import BadTarget

if TYPE_CHECKING:
    from hotplugctl.model.holdings import About, Holdings
    from hotplugctl.scrub import Leftover
    from hotplugctl.source.tree import Tree

_NAMED = 3


@click.command("record")
@click.argument("out", metavar="OUT")
@click.option("--no-scrub", is_flag=True, help="Write everything as it is, serial numbers and addresses too.")
@click.option("--scrub", "existing", metavar="EXISTING", help="Scrub a recording or story that is there, all of it.")
@click.option(
    "--events",
    type=Seconds(),
    metavar="S",
    help="Listen first: S seconds of uevents and kernel messages (Ctrl-C ends).",
)
@click.option(
    "--with-processes", is_flag=True, help="Also what can-unplug reads of each process: open files, libraries, mounts."
)
@root_options
@json_option
@color_option
def command(
    out: str, no_scrub: bool, existing: Optional[str], events: Optional[float], with_processes: bool,
    root: Optional[str], stage: Optional[str], as_json: bool,
    color: str,  # noqa: ARG001 - understood everywhere, one line has no colour
) -> int:  # fmt: skip
    """Write what the other commands read into OUT: a directory, a .tar, .tar.gz or .tar.xz, or - for a tar on stdout.

    Serial numbers, addresses and names give way to pseudonyms, the same everywhere in it. Failed reads and absences are
    written down too, and replay as they were. OUT must not exist yet.

    Ends with 1, and nothing is written, where something that was to be scrubbed is still in it.
    """
    from hotplugctl.source import place

    _check_options(out, no_scrub, existing, events, root, stage, as_json)
    if with_processes and existing is not None:
        raise click.UsageError("--with-processes reads of a guest: it does not go with --scrub.")
    if out == "-":
        _not_a_terminal()
    else:
        place.check(out)
        _check_apart(out, existing)
    taken = _existing(existing) if existing is not None else _guest(root, stage, events, with_processes)
    counts: Mapping[str, int] = {}
    if not no_scrub:
        from hotplugctl.scrub import scrub

        scrubbed = scrub(taken.holdings)
        if scrubbed.leftovers:
            remark(_refusal(scrubbed.leftovers))
            return status.of_record(clean=False, complete=taken.complete)
        counts = scrubbed.counts
        about = {top: said._replace(scrubbed={**said.scrubbed, **counts}) for top, said in taken.about.items()}
        taken = taken._replace(holdings=scrubbed.holdings, about=about)
    _deliver(taken, out, None if no_scrub else counts, as_json)
    return status.of_record(clean=True, complete=taken.complete)


class _Taken(NamedTuple):
    """What is to be written: ``about`` as in ``source.recording.write``. ``complete``: no events were lost."""

    holdings: Holdings
    about: Mapping[str, About]
    complete: bool = True


def _check_options(
    out: str, no_scrub: bool, existing: Optional[str], events: Optional[float], root: Optional[str],
    stage: Optional[str], as_json: bool,
) -> None:  # fmt: skip
    if as_json and out == "-":
        raise click.UsageError("OUT is standard output, which cannot take the JSON as well.")
    if existing is None:
        if events is not None and root:
            raise click.UsageError("--events listens to this machine: it does not go with --root.")
        return
    if no_scrub:
        raise click.UsageError("--scrub and --no-scrub: one or the other.")
    if events is not None:
        raise click.UsageError("--events listens to this machine: it does not go with --scrub.")
    if stage is not None or (root and origin("root") == "COMMANDLINE"):
        raise click.UsageError("--scrub names what to read: leave --root and --stage out.")


def _check_apart(out: str, existing: Optional[str]) -> None:
    """What is written into a recording would be a part of it, and of what is to be scrubbed."""
    if existing is None or existing == "-":
        return
    given = os.path.realpath(existing)
    if os.path.realpath(out).startswith(os.path.join(given, "")):
        raise BadTarget(f"{out}: OUT lies inside EXISTING", "name a place outside of it")


def _not_a_terminal() -> None:
    if sys.stdout.isatty():
        raise BadTarget("a tar is not written to a terminal", "name a file, or redirect it: record - > guest.tar")


def _guest(root: Optional[str], stage: Optional[str], events: Optional[float], with_processes: bool) -> _Taken:
    """This machine, or the tree that ``--root`` names; what is heard of it first."""
    from hotplugctl.source.recorder import Recorder
    from hotplugctl.source.recording import about
    from hotplugctl.source.whole import with_beside

    with world(root, stage) as tree:
        caught = None
        if events is not None:
            from hotplugctl.cli.record_events import listen

            caught = listen(tree, events)
        recorder = Recorder(tree)
        _read(recorder)
        if with_processes:
            from hotplugctl.collect import users

            users.processes_too(recorder)
        said = about(recorder)
        holdings = with_beside(recorder.notes.holdings(), tree)
    if caught is None:
        return _Taken(holdings, {"": said})
    files = {**holdings.files, **caught.files}
    return _Taken(holdings._replace(files=files), {"": said._replace(heard=caught.heard)}, caught.complete)


def _existing(path: str) -> _Taken:
    """All that lies in a recording or story. What it lacks is told by what is looked for in it."""
    from hotplugctl.source.recorder import Recorder
    from hotplugctl.source.recording import about
    from hotplugctl.source.whole import gather, opened, told

    with opened(path, sys.stdin.buffer if path == "-" else None) as whole:
        recorders = {part.top: Recorder(part.tree) for part in whole.parts}
        for recorder in recorders.values():
            _read(recorder)
        holdings, left_out = gather(whole, recorders)
        said = {top: about(recorder) for top, recorder in recorders.items()}
    if left_out:
        remark(told(left_out))
    return _Taken(holdings, said)


def _read(tree: Tree) -> None:
    from hotplugctl.collect import everything

    everything.collect(tree)


def _refusal(leftovers: tuple[Leftover, ...]) -> str:
    places = ", ".join(f"a {left.kind} in {left.path} ({left.where})" for left in leftovers[:_NAMED])
    more = f" and {len(leftovers) - _NAMED} more" if len(leftovers) > _NAMED else ""
    return f"not written, scrubbing has missed something: {places}{more} (report it; --no-scrub keeps everything)"


def _deliver(taken: _Taken, out: str, counts: Optional[Mapping[str, int]], as_json: bool) -> None:
    """``counts``: None where nothing was scrubbed."""
    from hotplugctl.source.recording import write

    written = write(taken.holdings, taken.about, out, sys.stdout.buffer if out == "-" else None)
    if out == "-":
        return
    if as_json:
        from hotplugctl.render import document, jsontext

        heard = taken.about[""].heard if "" in taken.about else None
        emit(jsontext.dumps(document.record(written.path, written.files, written.bytes, counts or {}, heard)))
    else:
        from hotplugctl.render import record_text

        emit(record_text.record(written.path, written.files, written.bytes, counts))
