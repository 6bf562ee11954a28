"""``hotplugctl can-unplug``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

import click

from hotplugctl.cli import exit as status
from hotplugctl.cli.options import color_option, json_option, root_options
from hotplugctl.cli.world import emit, remark, wants_color, world

if TYPE_CHECKING:
    from hotplugctl.model.target import Target
    from hotplugctl.model.users import Answer, Going
    from hotplugctl.source.tree import Tree


@click.command("can-unplug")
@click.argument("target", metavar="TARGET")
@root_options
@json_option
@color_option
def command(target: str, root: Optional[str], stage: Optional[str], as_json: bool, color: str) -> int:
    """Say whether TARGET may be pulled, and if not, what to stop, in the order in which to stop it.

    TARGET is an address, a slot, a disk, a partition, an interface or a serial number; slot:NAME, node:NAME, net:NAME
    and serial:TEXT where it could be several. Ends with 0 when nothing uses it, 1 when something does or nothing is
    there, 3 where it may not look. Nothing is changed.
    """
    from hotplugctl.collect.targets import resolve

    with world(root, stage) as tree:
        found = resolve(tree, target)
        going, answer = _judge(tree, found) if found.found else (None, _missing(tree, found))
    if as_json:
        from hotplugctl.render import document_unplug, jsontext

        emit(jsontext.dumps(document_unplug.can_unplug(found, going, answer)))
    elif answer.safe is None and (going is None or not (going.functions or going.nodes)):
        remark(answer.reason or "")
    else:
        from hotplugctl.render import unplug_text

        emit(unplug_text.text(found, going, answer, wants_color(color)))
    there: Optional[bool] = found.found or (None if found.unknown is not None and not answer.blockers else False)
    return status.of_unplug(answer.safe, found=there and (going is None or bool(going.functions or going.nodes)))


def _judge(tree: Tree, found: Target) -> tuple[Going, Answer]:
    from hotplugctl.collect import details, going, netns, processes, users
    from hotplugctl.model.target import SLOT
    from hotplugctl.model.users import Answer, Processes
    from hotplugctl.rules import unplug

    scope = going.collect(tree, found)
    if not scope.going.functions and not scope.going.nodes:
        why = "the slot is empty" if found.kind == SLOT and not found.functions else "it went while it was looked at"
        return scope.going, Answer(None, f"{found.text}: {why}", (), (), ())
    of_users = users.collect(tree)
    at_stake = unplug.stake(scope.going, of_users)
    wanted = unplug.interest(scope.going, of_users, at_stake)
    looked = unplug.needs_processes(scope.going, of_users)
    seen = processes.collect(tree, wanted) if looked else Processes((), (), ())
    evidence = unplug.Evidence(
        scope.going, of_users, details.virtio_children(tree), scope.ports, scope.nodes_unknown,
        *(netns.collect(tree) if looked and any(node.subsystem == "net" for node in scope.going.nodes) else ()),
    )  # fmt: skip
    return scope.going, unplug.answer(evidence, at_stake, wanted, seen)


def _missing(tree: Tree, found: Target) -> Answer:
    """Nothing is there; what still uses it is told, if it was a disk."""
    from hotplugctl.collect import users
    from hotplugctl.model.users import Answer
    from hotplugctl.rules import unplug

    name = found.text[len("node:") :] if found.text.startswith("node:") else found.text
    left = unplug.left_behind(name, users.collect(tree)) if found.kind in (None, "node") else ()
    if left:
        return Answer(False, None, left, (), (f"{found.text}: nothing is there any more",))
    if found.unknown is not None:
        return Answer(None, f"{found.text}: cannot be looked for ({found.unknown})", (), (), ())
    return Answer(None, f"{found.text}: nothing is there", (), (), ())
