"""``hotplugctl expect``."""

from __future__ import annotations

import sys
from typing import IO, TYPE_CHECKING, Any, NamedTuple, Optional

import click

from hotplugctl.cli import exit as status
from hotplugctl.cli.options import Seconds, color_option, json_option, root_options
from hotplugctl.cli.world import emit, origin, wants_color, world

if TYPE_CHECKING:
    from hotplugctl.model.monitor import Expectation, Request, Sighting, View
    from hotplugctl.source.archive import Folder


class NoCommand(click.ClickException):
    """What was given is no monitor command: says where, and what is allowed there."""

    exit_code = status.WRONG

    def show(self, file: Optional[IO[Any]] = None) -> None:
        """The lines as they are."""
        click.echo(self.message, file=file)


@click.command("expect", context_settings={"ignore_unknown_options": True})
@click.option("--between", nargs=2, metavar="A B", help="Look for it between two recordings, or STORY:STAGE twice.")
@click.option("--wait", is_flag=True, help="Wait until it is there and ready, or gone.")
@click.option(
    "--timeout", type=Seconds(), default="30", metavar="S", help="With --wait: at most S seconds (default 30)."
)
@click.argument("words", nargs=-1, metavar="MONITOR-COMMAND")
@root_options
@json_option
@color_option
def command(
    between: Optional[tuple[str, str]], wait: bool, timeout: float, words: tuple[str, ...], root: Optional[str],
    stage: Optional[str], as_json: bool, color: str,
) -> int:  # fmt: skip
    """What should the guest see of a QEMU monitor command, and did it?

    MONITOR-COMMAND as it was typed or answered (pci_add, pci_del, device_add, device_del, drive_add, QMP, "OK domain
    0, bus 0, slot 4, function 0"), also with prompts or virsh around it; - reads it from standard input.

    Ends with 0 for what can be plugged (with --between, --wait, or after a reply: for what was seen), 1 for what cannot
    be, or was not seen, 2 for what is no command, 4 when the waiting took too long.

    --wait says "listening" when it does: what came before that counts only where the command tells it from others,
    by its place, serial number or MAC address.
    """
    request = _request(words)
    if between:
        _not_both(wait, root, stage)
        answer = _between(request, *between)
    else:
        answer = _now(request, root, stage, timeout if wait else None)
    if as_json:
        from hotplugctl.render import document_expect, jsontext

        emit(jsontext.dumps(document_expect.expect(answer.expected, answer.sighting, answer.waited)))
    else:
        from hotplugctl.render import expect_text

        emit(expect_text.expect(answer.expected, answer.sighting, wants_color(color)))
    return answer.code


class _Answer(NamedTuple):
    """``code`` as ``cli.exit`` has it; ``waited``: seconds, None where it was not waited."""

    expected: Expectation
    sighting: Sighting
    code: int
    waited: Optional[float] = None


def _request(words: tuple[str, ...]) -> Request:
    from hotplugctl.model.monitor import Fault
    from hotplugctl.parse.monitor_command import parse

    text = _text(words)
    request = parse(text)
    if isinstance(request, Fault):
        from hotplugctl.render import expect_text

        raise NoCommand(expect_text.fault(text, request))
    return request


def _text(words: tuple[str, ...]) -> str:
    if not words:
        raise click.UsageError("Missing argument 'MONITOR-COMMAND'.")
    if words != ("-",):
        return " ".join(words)
    from hotplugctl.source import text

    return text.whole(sys.stdin.buffer, "standard input")


def _not_both(wait: bool, root: Optional[str], stage: Optional[str]) -> None:
    if wait:
        raise click.UsageError("--wait listens to this machine: it does not go with --between.")
    if stage is not None or (root and origin("root") == "COMMANDLINE"):
        raise click.UsageError("--between names the recordings itself: leave --root and --stage out.")


def _now(request: Request, root: Optional[str], stage: Optional[str], timeout: Optional[float]) -> _Answer:
    """What is there; with a ``timeout``, wait for it. In a recording nothing is to come."""
    from hotplugctl.collect import view
    from hotplugctl.rules import expectation

    with world(root, stage) as tree:
        before = view.collect(tree)
        expected = expectation.expectation(request, before)
        if timeout is not None and tree.kind == "live" and expectation.comes(expected, before):
            from hotplugctl.cli import expect_wait

            return _Answer(expected, *expect_wait.wait(tree, expected, before, timeout))
    sighting = expectation.now(expected, before)
    looked = timeout is not None or expected.told
    return _Answer(expected, sighting, status.of_expectation(expected.valid, sighting.seen, looked=looked))


def _between(request: Request, first: str, second: str) -> _Answer:
    from hotplugctl.rules import expectation

    loaded: dict[str, Folder] = {}
    before, after = _view(first, loaded), _view(second, loaded)
    expected = expectation.expectation(request, before)
    sighting = expectation.between(expected, before, after)
    return _Answer(expected, sighting, status.of_expectation(expected.valid, sighting.seen, looked=True))


def _view(name: str, loaded: dict[str, Folder]) -> View:
    from hotplugctl.cli.opened import opened
    from hotplugctl.collect import view
    from hotplugctl.model.lspci import LspciText
    from hotplugctl.source.stages import named

    place = named(name)
    found = opened(place, loaded)
    if isinstance(found, LspciText):
        return view.of_lspci(found.records, place.path)
    try:
        return view.collect(found)
    finally:
        found.close()
