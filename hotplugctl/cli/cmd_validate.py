"""``hotplugctl validate``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple, Optional

import click

from hotplugctl.cli import exit as status
from hotplugctl.cli.options import color_option, json_option, root_options
from hotplugctl.cli.world import announce, emit
from hotplugctl.errors import HotplugctlError

if TYPE_CHECKING:
    from hotplugctl.model.validation import Said, Validation
    from hotplugctl.source.archive import Folder
    from hotplugctl.source.rooted import Rooted
    from hotplugctl.source.stages import Place


class _Judged(NamedTuple):
    """One recording, and whether it could be read and the rules ran through."""

    validation: Validation
    code: int


@click.command("validate")
@click.argument("paths", nargs=-1, metavar="PATH...")
@root_options
@json_option
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", help="The same as --json.")
@color_option
def command(
    paths: tuple[str, ...], root: Optional[str], stage: Optional[str], as_json: bool, form: str, **_everywhere: object
) -> int:
    """Is a recording sound, and do its own witnesses agree?

    PATH is a recording, a story (all its stages, or the one that --stage names) or a folder of these. Compared are
    expected.json with what check and list say, cmd/lspci* with sysfs, and every file with the manifest.

    Ends with 0 for valid, 1 for invalid, 2 where a PATH cannot be read as a recording.
    """
    from hotplugctl.source.stages import places

    found = [place for path in paths or _root(root) for place in places(path, stage)]
    loaded: dict[str, Folder] = {}
    judged = [_judge(place, loaded) for place in found]
    validations = [item.validation for item in judged]
    if as_json or form == "json":
        from hotplugctl.render import document, jsontext

        emit(jsontext.dumps(document.validate(validations)))
    else:
        from hotplugctl.render import validate_text

        emit(validate_text.validate(validations))
    worst = max(item.code for item in judged)
    return worst or status.of_validation(valid=all(item.valid for item in validations))


def _root(root: Optional[str]) -> tuple[str, ...]:
    """``--root`` where no PATH is named: it is one."""
    if not root:
        raise click.UsageError("Missing argument 'PATH...'.")
    announce(root)
    return (root,)


def _judge(place: Place, loaded: dict[str, Folder]) -> _Judged:
    from hotplugctl.model.validation import Problem, Validation
    from hotplugctl.source.door import open_tree

    try:
        tree = open_tree(place.path, place.stage, sys.stdin.buffer if place.path == "-" else None, loaded)
    except HotplugctlError as error:
        why = error.message
        prefix = f"{place.path}: "
        problem = Problem("recording.unreadable", place.path, why[len(prefix) :] if why.startswith(prefix) else why)
        return _Judged(Validation(place.label, (problem,)), status.WRONG)
    try:
        return _validate(tree, place.label)
    finally:
        tree.close()


def _validate(tree: Rooted, label: str) -> _Judged:
    from hotplugctl.collect import breaches, witnesses
    from hotplugctl.model.validation import Validation
    from hotplugctl.rules import validation

    problems = [*validation.manifest(breaches.collect(tree))]
    expectation = witnesses.expectation(tree)
    crashed = False
    if expectation is not None:
        said, crashed = _said(tree)
        problems += validation.expected(expectation, said)
    texts = witnesses.texts(tree)
    if texts:
        problems += validation.lspci(texts, witnesses.subjects(tree))
    return _Judged(Validation(label, tuple(problems)), status.DEFECT if crashed else status.YES)


def _said(tree: Rooted) -> tuple[Said, bool]:
    """What ``check`` and ``list`` say, and whether a rule crashed."""
    from hotplugctl.collect import listing
    from hotplugctl.collect.snapshot import collect
    from hotplugctl.model.validation import Said
    from hotplugctl.render import document
    from hotplugctl.rules import answer, catalogue

    answered = answer.answer(collect(tree), catalogue.select((), ()))
    # Names come from the recording alone: those of this machine's pci.ids are others elsewhere.
    listed = listing.collect(tree, None)
    usable = frozenset(name for name, can in answered.usable.items() if can)
    records = {
        item.address: document.function(
            item,
            listed.nodes.get(item.address, ()),
            listed.slots.get(item.address),
            listed.modules,
            listed.names,
            listed.unknown(item.address),
        )
        for item in listed.functions.items
    }
    crashed = any(finding.status == "crashed" for finding in answered.report.findings)
    return Said(answered.report.verdict, usable, records), crashed
