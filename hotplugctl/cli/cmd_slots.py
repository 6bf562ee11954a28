"""``hotplugctl slots``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

import click

from hotplugctl.cli import exit as status
from hotplugctl.cli.options import color_option, json_option, root_options, table_options
from hotplugctl.cli.world import emit, remark, world
from hotplugctl.model.reads import reason

if TYPE_CHECKING:
    from hotplugctl.model.snapshot import Scene
    from hotplugctl.source.tree import Tree


@click.command("slots")
@root_options
@json_option
@table_options
@color_option
def command(
    root: Optional[str], stage: Optional[str], as_json: bool, output: Optional[str], noheadings: bool,
    list_columns: bool, color: str,  # noqa: ARG001 - understood everywhere, tables have no colour
) -> int:  # fmt: skip
    """Every slot: who serves it, what is in it, and what still fits.

    A slot that only firmware names announces nothing; its mechanism is "none".
    """
    if list_columns:
        from hotplugctl.render import columns, slots_text

        emit(columns.legend(slots_text.COLUMNS))
        return status.YES
    from hotplugctl.collect.snapshot import for_slots
    from hotplugctl.rules.headroom import headroom, last_free

    with world(root, stage) as tree:
        scene = for_slots(tree)
        why = "" if as_json else _why_none(tree, scene)
    found = scene.slots
    if as_json:
        from hotplugctl.render import document, jsontext

        emit(jsontext.dumps(document.slots(found.items, found.failure, headroom(scene))))
    else:
        from hotplugctl.render import columns, slots_text
        from hotplugctl.render.rooms_text import rooms

        wanted = columns.chosen(slots_text.COLUMNS, output)
        if found.failure is not None:
            remark(f"the slots cannot be listed: {reason(found.failure)}")
        elif found.items:
            emit(columns.render(wanted, found.items, not noheadings))
            # Who chooses columns or leaves the headings out wants this one table, for a script.
            if output is None and not noheadings:
                emit("\n" + rooms(headroom(scene)))
                last = last_free(scene)
                if last is not None:
                    remark(f"slot {last.name} is the last free one (hotplugctl check says more)")
        if why:
            remark(why)
    return status.of_listing(known=found.failure is None)


def _why_none(tree: Tree, scene: Scene) -> str:
    """Why no slot takes a device, as ``check`` says it; empty where one does, or the slots are not known."""
    found = scene.slots
    if found.failure is not None or any(slot.hotplug for slot in found.items):
        return ""
    from hotplugctl.collect.snapshot import collect
    from hotplugctl.rules import answer, catalogue

    snapshot = collect(tree)
    report = answer.answer(snapshot, catalogue.select((), (), image=snapshot.image is not None)).report
    what = "no slot is served" if found.items else "no slots"
    return f"{what}: {report.why} (hotplugctl check says more)"
