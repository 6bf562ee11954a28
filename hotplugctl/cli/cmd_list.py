"""``hotplugctl list``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

import click

from hotplugctl.cli import exit as status
from hotplugctl.cli import streams
from hotplugctl.cli.options import color_option, json_option, root_options, table_options
from hotplugctl.cli.world import emit, reference, remark, world
from hotplugctl.model.reads import FAILURES, reason

if TYPE_CHECKING:
    from hotplugctl.collect.listing import Listing
    from hotplugctl.render.list_text import Line


@click.command("list")
@root_options
@json_option
@click.option("--tree", "as_tree", is_flag=True, help="Ports and what is behind them, and each function's nodes.")
@table_options
@color_option
def command(
    root: Optional[str], stage: Optional[str], as_json: bool, as_tree: bool, output: Optional[str], noheadings: bool,
    list_columns: bool, color: str,  # noqa: ARG001 - understood everywhere, tables have no colour
) -> int:  # fmt: skip
    """PCI functions, their drivers, and the nodes that they made."""
    if list_columns:
        from hotplugctl.render import columns, list_text

        emit(columns.legend(list_text.COLUMNS))
        return status.YES
    from hotplugctl.collect import listing

    with world(root, stage) as tree, reference(tree) as machine:
        found = listing.collect(tree, machine)
    if as_json:
        from hotplugctl.render import document, jsontext

        record = document.functions(
            found.functions, found.nodes, found.slots, found.modules, found.names, found.unknown
        )
        emit(jsontext.dumps(record))
    else:
        _text(found, output, as_tree, not noheadings)
    return status.of_listing(known=found.functions.failure is None)


def _text(found: Listing, output: Optional[str], as_tree: bool, headings: bool) -> None:
    from hotplugctl.render import columns, list_text

    wanted = columns.chosen(list_text.COLUMNS, output)
    failure = found.functions.failure
    if failure is not None:
        remark(f"the functions cannot be listed: {reason(failure)}")
    elif not found.functions.items:
        remark("no PCI functions")
    elif as_tree:
        emit(list_text.tree(lines(found), streams.can_write(list_text.LINES)))
    else:
        emit(columns.render(wanted, lines(found), headings))


def lines(found: Listing) -> list[Line]:
    """The functions of a listing as lines of its table."""
    from hotplugctl.render.list_text import Line

    claims = {} if isinstance(found.modules, FAILURES) else found.modules
    return [
        Line(
            item, found.nodes.get(item.address, ()), found.slots.get(item.address),
            claims.get(item.modalias or "", ()), found.names,
            found.slots_failure is not None, found.nodes_failure is not None,
        )
        for item in found.functions.items
    ]  # fmt: skip
