"""``hotplugctl collector``."""

from __future__ import annotations

import os

import click

import hotplugctl
from hotplugctl.cli import exit as status
from hotplugctl.cli.options import color_option, json_option, root_options
from hotplugctl.cli.world import emit

SCRIPT = os.path.join(os.path.dirname(hotplugctl.__file__), "data", "collect.sh")


@click.command("collector")
@json_option
@root_options
@color_option
def command(as_json: bool, **_everywhere: object) -> int:
    """Print a script for sh that collects what hotplugctl reads, for a guest without Python: a tar on stdout.

    Any POSIX sh (dash, busybox) runs it, from its stdin too: `ssh guest sh < collect.sh | hotplugctl check --root -`.
    What it writes is a recording that is not scrubbed.
    """
    with open(SCRIPT, encoding="ascii") as file:
        script = file.read()
    if as_json:
        from hotplugctl.render import document, jsontext

        emit(jsontext.dumps(document.collector(script)))
    else:
        emit(script)
    return status.YES
