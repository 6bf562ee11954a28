"""``hotplugctl wait``."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Optional

import click

from hotplugctl.cli import exit as status
from hotplugctl.cli.options import Count, Seconds, color_option, json_option
from hotplugctl.cli.world import emit, reference, remark, world
from hotplugctl.errors import BadTarget, UnusableRoot
from hotplugctl.model.address import PciAddress
from hotplugctl.model.live import STAGES

if TYPE_CHECKING:
    from hotplugctl.cli.waiting import Outcome
    from hotplugctl.collect.listing import Listing

_IDS = re.compile(r"[0-9a-fA-F]{4}:[0-9a-fA-F]{4}\Z")
_CLASS = re.compile(r"(?:0[xX])?((?:[0-9a-fA-F]{2}){1,3})\Z")
_LONGEST_NAME = 255
_GONE = "gone: nothing that fits is there"


@click.command("wait")
@click.option("--address", metavar="ADDR", help="The function at [DDDD:]BB:DD.F.")
@click.option("--slot", metavar="NAME", help="A function in this slot (its name, see `hotplugctl slots`).")
@click.option("--pci", metavar="VVVV:DDDD", help="Vendor and device id.")
@click.option("--class", "class_", metavar="CLASS", help="storage, network, or 2, 4 or 6 hex digits.")
@click.option("--node", metavar="NAME", help="With this disk, partition, interface …: /dev/vdb, vdb, ens3.")
@click.option("--serial", metavar="TEXT", help="With a disk of this serial number.")
@click.option("--driver", metavar="NAME", help="Bound to this driver, or its virtio device is.")
@click.option("--any", "any_", is_flag=True, help="Any function (with others: no further condition).")
@click.option("--gone", is_flag=True, help="Until none that fits is there.")
@click.option("--new", is_flag=True, help="What is there at the start does not count.")
@click.option("--count", type=Count(min=1), default=1, metavar="N", help="Until N of them are there (default 1).")
@click.option(
    "--stage", type=click.Choice([*STAGES, "settled"]), default="settled",
    help="How far it has to have come (default: settled, the last stage of its class).",
)  # fmt: skip
@click.option(
    "--timeout", type=Seconds(), default="30", metavar="S", help="At most S seconds (default 30); 0 looks once."
)
@click.option(
    "--root", metavar="PATH", envvar="HOTPLUGCTL_ROOT", show_envvar=True,
    help="A recording, or PATH:STAGE of a story: answered at once by what is there.",
)  # fmt: skip
@json_option
@color_option
def command(
    address: Optional[str], slot: Optional[str], pci: Optional[str], class_: Optional[str], node: Optional[str],
    serial: Optional[str], driver: Optional[str], any_: bool, gone: bool, new: bool, count: int, stage: str,
    timeout: float, root: Optional[str], as_json: bool,
    color: str,  # noqa: ARG001 - understood everywhere, tables have no colour
) -> int:  # fmt: skip
    """Wait until a device is there and has come far enough, or (--gone) until it is gone.

    All conditions must hold for one function. What is there already counts, unless --new says otherwise.
    Ends with 0 when it is there, 4 on time-out, 1 when it is certain that it never comes, 3 where that cannot be told.
    """
    conditions = (address, slot, pci, class_, node, serial, driver)
    if not any_ and all(one is None for one in conditions):
        raise click.UsageError(
            "say what to wait for: --address, --slot, --pci, --class, --node, --serial, --driver or --any"
        )
    if gone and (new or count != 1 or stage != "settled"):
        raise click.UsageError("--gone waits for all that fit; --new, --count and --stage do not go with it")
    if count > 1 and address is not None:
        raise click.UsageError("--address means one function: --count does not go with it")
    from hotplugctl.cli import waiting
    from hotplugctl.cli.wait_sink import Aim
    from hotplugctl.live.wanted import Wanted

    wanted = Wanted(_address(address), _name(slot, "slot"), _ids(pci), _class(class_), _node(node), driver, stage)
    aim = Aim(wanted, serial, gone, new, count)
    place, part = _place(root)
    try:
        with world(place, part) as tree, reference(tree) as machine:
            outcome = waiting.live(tree, aim, timeout) if tree.kind == "live" else waiting.recorded(tree, aim)
            found = waiting.listing(tree, machine, outcome.addresses)
    except UnusableRoot as error:
        # Of a story: --stage means something else here.
        hint = error.hint.replace("add --stage ", f"name it as {place}:")
        raise UnusableRoot(error.message, hint) from error
    _say(outcome, found, as_json)
    return outcome.code


def _say(outcome: Outcome, found: Listing, as_json: bool) -> None:
    if as_json:
        from hotplugctl.render import document, jsontext

        listed = document.functions(
            found.functions, found.nodes, found.slots, found.modules, found.names, found.unknown
        )
        emit(jsontext.dumps(document.wait(outcome.code == status.YES, listed, *outcome[2:])))
        return
    if outcome.reason is not None:
        remark(outcome.reason)
    if found.functions.items:
        from hotplugctl.cli.cmd_list import lines
        from hotplugctl.render import columns, list_text

        emit(columns.render(columns.chosen(list_text.COLUMNS, None), lines(found), True))
    elif outcome.code == status.YES:
        emit(_GONE)


def _address(text: Optional[str]) -> Optional[str]:
    if text is None:
        return None
    found = PciAddress.parse(text)
    if found is None:
        raise BadTarget(f"--address {text}: not a PCI address", "[DDDD:]BB:DD.F in hex, as in 0000:00:04.0")
    return str(found)


def _name(text: Optional[str], what: str) -> Optional[str]:
    if text is not None and (not text or "/" in text or "\0" in text or len(text) > _LONGEST_NAME):
        raise BadTarget(f"--{what} {text}: nothing can be called so", f"`hotplugctl {what}s` lists them")
    return text


def _ids(text: Optional[str]) -> Optional[str]:
    if text is not None and _IDS.match(text) is None:
        raise BadTarget(f"--pci {text}: not VVVV:DDDD", "vendor and device id in hex, as in 1af4:1001")
    return None if text is None else text.lower()


def _class(text: Optional[str]) -> Optional[str]:
    from hotplugctl.live.wanted import CLASSES

    if text is None:
        return None
    found = _CLASS.match(text)
    if found is None and text not in CLASSES:
        raise BadTarget(f"--class {text}: no such class", "storage, network, or hex digits: 01, 0108, 010802")
    return CLASSES.get(text) or (found[1].lower() if found is not None else None)


def _node(text: Optional[str]) -> Optional[str]:
    """A name, or a path in /dev as it is; what links there lead to is not known before they are made."""
    if text is None:
        return None
    name = text[len("/dev/") :] if text.startswith("/dev/") else text
    parts = name.split("/")
    if not name or name.startswith("/") or "\0" in name or any(part in ("", ".", "..") for part in parts):
        raise BadTarget(f"--node {text}: nothing in /dev can be called so", "as in /dev/vdb, vdb, ens3")
    return text


def _place(root: Optional[str]) -> tuple[Optional[str], Optional[str]]:
    """``STORY:STAGE``: --stage means something else here."""
    if root is None or ":" not in root:
        return root, None
    from hotplugctl.source.stages import named

    place = named(root)
    return (place.path, place.stage) if os.path.lexists(place.path) else (root, None)
