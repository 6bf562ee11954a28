"""``hotplugctl diff``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple, Optional

import click

from hotplugctl.cli import exit as status
from hotplugctl.cli.options import color_option, json_option, root_options
from hotplugctl.cli.world import emit, origin, reference, wants_color, world

if TYPE_CHECKING:
    from hotplugctl.collect.sides import Found
    from hotplugctl.model.difference import Change, Difference, Held
    from hotplugctl.model.lspci import LspciText
    from hotplugctl.source.archive import Folder
    from hotplugctl.source.rooted import Rooted
    from hotplugctl.source.stages import Place


@click.command("diff")
@click.argument("first", metavar="A")
@click.argument("second", metavar="[B]", required=False)
@root_options
@json_option
@color_option
def command(
    first: str, second: Optional[str], root: Optional[str], stage: Optional[str], as_json: bool, color: str
) -> int:
    """What is different in B: functions, drivers, nodes, slots, mechanisms.

    A and B are recordings, STORY:STAGE, dumps by umockdev-record or udevadm, or texts of lspci in any form; one of them
    can be - for standard input. Without B, A is compared with this machine, or with what --root names.

    A device at another address is "moved" where its serial number, WWN or MAC address, its place behind the same ports,
    or ids that no other has, show that it is the same. What one side cannot tell is no difference; it is listed.

    Ends with 0 for the same, 1 for differences, 3 where functions cannot be compared and nothing else differs.
    """
    _check(first, second, root, stage)
    with ExitStack() as stack:
        found, functions = _compare(*_open(first, second, root, stage, stack))
    if as_json:
        from hotplugctl.render import document_diff, jsontext

        emit(jsontext.dumps(document_diff.diff(found)))
    else:
        from hotplugctl.render import diff_text

        emit(diff_text.diff(found, functions, wants_color(color)))
    return status.of_difference(same=found.same)


def _check(first: str, second: Optional[str], root: Optional[str], stage: Optional[str]) -> None:
    if second is None:
        if first == "-" and root == "-":
            raise click.UsageError("standard input can be one of the two only.")
        return
    if first == second == "-":
        raise click.UsageError("standard input can be one of the two only.")
    if stage is not None or (root and origin("root") == "COMMANDLINE"):
        raise click.UsageError("--root stands in for B: with A and B name the recordings themselves.")


class _Opened(NamedTuple):
    """A tree or a text; ``path``: what was named, None for this machine."""

    label: str
    tree: Optional[Rooted]
    text: Optional[LspciText]
    path: Optional[str]


def _open(
    first: str, second: Optional[str], root: Optional[str], stage: Optional[str], stack: ExitStack
) -> tuple[_Opened, _Opened]:
    from hotplugctl.source.stages import named

    loaded: dict[str, Folder] = {}
    before = _opened(named(first), loaded, stack)
    if second is not None:
        return before, _opened(named(second), loaded, stack)
    tree = stack.enter_context(world(root, stage))
    return before, _Opened(tree.label, tree, None, root)


def _opened(place: Place, loaded: dict[str, Folder], stack: ExitStack) -> _Opened:
    from hotplugctl.cli.opened import opened
    from hotplugctl.model.lspci import LspciText

    label = "standard input" if place.path == "-" else place.label
    what = opened(place, loaded)
    if isinstance(what, LspciText):
        return _Opened(label, None, what, place.path)
    stack.callback(what.close)
    return _Opened(label, what, None, place.path)


def _compare(before: _Opened, after: _Opened) -> tuple[Difference, Mapping[str, Held]]:
    """The difference, and the functions that it speaks of, by address, with their names."""
    from hotplugctl.rules.difference import difference

    there, here = _found(before, after), _found(after, before)
    if _strangers(before, after):
        from hotplugctl.collect.sides import anonymous

        there, here = there._replace(side=anonymous(there.side)), here._replace(side=anonymous(here.side))
        remark = "serial numbers and MAC addresses are not compared: those of a scrubbed recording are pseudonyms"
        here = here._replace(side=here.side._replace(remarks=(*here.side.remarks, remark)))
    found = difference(there.side, here.side)
    old = _named(there, before.tree, [change.before for change in found.changes], found.changes)
    new = _named(here, after.tree, [change.after for change in found.changes], found.changes)
    changes = [
        change._replace(before=_called(change.before, old), after=_called(change.after, new))
        if change.what in ("function", "driver")
        else change
        for change in found.changes
    ]
    return found._replace(changes=tuple(changes)), {**old, **new}


def _found(one: _Opened, other: _Opened) -> Found:
    if one.text is not None:
        from hotplugctl.collect.side_of_lspci import of_lspci

        return of_lspci(one.text, one.label, beside_text=other.text is not None)
    from hotplugctl.collect import sides

    assert one.tree is not None
    return sides.of_tree(one.tree, one.label, functions_only=other.text is not None)


def _strangers(before: _Opened, after: _Opened) -> bool:
    """Whether pseudonyms in one mean nothing in the other. In a story they are the same in all stages."""
    scrubbed = any(one.tree is not None and one.tree.scrubbed for one in (before, after))
    return scrubbed and (before.path != after.path or before.path is None)


def _named(
    found: Found, tree: Optional[Rooted], held: Iterable[Optional[Held]], changes: Iterable[Change]
) -> dict[str, Held]:
    """The functions of a side that are spoken of. Names are looked up for these alone."""
    wanted = {one.key for one in held if one is not None} | {change.address for change in changes}
    spoken_of = {one.key: one for one in found.side.functions if one.key in wanted}
    if tree is None or not spoken_of:
        return spoken_of
    from hotplugctl.collect import names
    from hotplugctl.collect.sides import named

    with reference(tree) as machine:
        called = names.collect(tree, machine, [item for item in found.functions if item.address in spoken_of])
    return {address: named(one, called) for address, one in spoken_of.items()}


def _called(held: Optional[Held], named: Mapping[str, Held]) -> Optional[Held]:
    return None if held is None else named.get(held.key, held)
