"""``hotplugctl watch``.

The live half is ``cli.watch_live.run``; the replay half is ``cli.watch_replay.run``. Both tell through ``cli.telling``.
"""

from __future__ import annotations

from typing import Optional

import click

from hotplugctl.cli.options import Count, Seconds, color_option, root_options
from hotplugctl.cli.telling import Wish
from hotplugctl.cli.world import announce, moves, wants_color


@click.command("watch")
@click.option("--replay", metavar="RECORDING", help="Play what a recording heard: a story, or what --save wrote.")
@click.option(
    "--speed", type=Seconds(), metavar="N",
    help="With --replay: N times as fast as it was (1: in its own time); as fast as it goes without.",
)  # fmt: skip
@click.option("--save", metavar="OUT", help="Write what is heard to OUT/events, a new folder, to be replayed.")
@click.option("--subsystem", "subsystems", multiple=True, metavar="NAME", help="Only events of pci, block, net …")
@click.option("--timeout", type=Seconds(), metavar="S", help="End after S seconds.")
@click.option("--count", type=Count(min=1), metavar="N", help="End after N events; with status 4 if they do not come.")
@click.option("--since-boot", is_flag=True, help="Begin with the insertions that the kernel log still knows.")
@click.option("-J", "--json", "as_json", is_flag=True, help="A JSON object a line.")
@color_option
@root_options
def command(
    replay: Optional[str], speed: Optional[float], save: Optional[str], subsystems: tuple[str, ...],
    timeout: Optional[float], count: Optional[int], since_boot: bool, as_json: bool, color: str,
    root: Optional[str], stage: Optional[str],
) -> int:  # fmt: skip
    """Tell each insertion and removal, how far it gets, and why it got no further. Ctrl-C ends it."""
    wish = Wish(as_json, subsystems, count, timeout, since_boot, save, wants_color(color) and not as_json, moves())
    if speed == 0:
        raise click.UsageError("--speed 0 would never end")
    if replay is None and root is not None:
        announce(root)
        replay = root
    if replay is None:
        if speed is not None:
            raise click.UsageError("--speed goes with --replay")
        from hotplugctl.cli import watch_live

        return watch_live.run(wish)
    if save is not None:
        raise click.UsageError("--save writes what is heard live, not what is replayed")
    from hotplugctl.cli import watch_replay

    return watch_replay.run(replay, stage, wish, speed)
