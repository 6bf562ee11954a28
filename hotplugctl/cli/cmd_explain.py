"""``hotplugctl explain``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

import click

from hotplugctl.cli import exit as status
from hotplugctl.cli.options import color_option, json_option, root_options
from hotplugctl.cli.world import emit, reference, wants_color, world
from hotplugctl.errors import BadTarget

if TYPE_CHECKING:
    from hotplugctl.model.explanation import Explanation, Page
    from hotplugctl.model.target import Target
    from hotplugctl.source.tree import Tree


@click.command("explain")
@click.argument("target", required=False, metavar="[TARGET|FINDING-ID]")
@root_options
@json_option
@color_option
def command(target: Optional[str], root: Optional[str], stage: Optional[str], as_json: bool, color: str) -> int:
    """How far a device came and what held it up; without TARGET: I attached it and nothing came.

    TARGET is an address, a slot (slot:4), a node (/dev/vdb), an interface (ens3) or a serial number; FINDING-ID a
    finding of check. Ends with 0 where it is there and well, or would be; 1 where nothing is there or something is
    wrong; 3 where it cannot be told.
    """
    from hotplugctl.rules import catalogue
    from hotplugctl.rules.explain.page import page

    if target is not None and target.partition(".")[0] == catalogue.OF_IMAGES:
        catalogue.every_family()
    found = None if target is None else page(target)
    if found is not None:
        _tell_page(found, as_json, wants_color(color))
        return status.YES
    from hotplugctl.cli import explaining

    with world(root, stage) as tree, reference(tree) as machine:
        asked = None if target is None else _named(tree, target)
        here = explaining.scene(tree, machine, root)
        told = explaining.survey(here) if asked is None else explaining.explain(here, asked)
    _tell(told, as_json, wants_color(color))
    crashed = any(one.status == "crashed" for one in told.findings)
    return status.of_explanation(good=told.good, crashed=crashed)


def _named(tree: Tree, target: str) -> Target:
    """The target. Raises BadTarget, with what may have been meant where it looks like a finding."""
    from hotplugctl.collect import targets
    from hotplugctl.rules.explain.page import looks_like_one, near, of_family

    found = targets.resolve(tree, target)
    family = () if found.found else of_family(target)
    if family:
        raise BadTarget(
            f"{target} is a family of findings, and nothing here is called so", f"name one: {', '.join(family)}"
        )
    if not found.found and looks_like_one(target):
        meant = ", ".join(near(target))
        raise BadTarget(
            f"no finding is called {target}", f"there are: {meant}" if meant else "see hotplugctl-findings(7)"
        )
    return found


def _tell(told: Explanation, as_json: bool, color: bool) -> None:
    if as_json:
        from hotplugctl.render import document_explain, jsontext

        emit(jsontext.dumps(document_explain.explain(told)))
    else:
        from hotplugctl.render import explain_text

        emit(explain_text.explain(told, color))


def _tell_page(found: Page, as_json: bool, color: bool) -> None:
    if as_json:
        from hotplugctl.render import document_explain, jsontext

        emit(jsontext.dumps(document_explain.page(found)))
    else:
        from hotplugctl.render import explain_text

        emit(explain_text.page(found, color))
