"""``hotplugctl parse``."""

from __future__ import annotations

import sys

import click

from hotplugctl.cli import exit as status
from hotplugctl.cli.options import json_option, root_options
from hotplugctl.cli.world import emit

KINDS = ("lspci", "dmesg", "kconfig", "uevents")


@click.command("parse")
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("file", default="-", metavar="[FILE|-]")
@json_option
@root_options
def command(kind: str, file: str, **_everywhere: object) -> int:
    """A text as JSON: the output of lspci, a kernel log, a kernel config, or uevents, in any form.

    Lines that fit no grammar are counted in "unparsed". The answer is always JSON.
    """
    from hotplugctl.source import text

    opened = text.open_text(file, sys.stdin.buffer)
    if kind == "dmesg":
        from hotplugctl.parse import kernel_events
        from hotplugctl.parse.dmesg import Parser
        from hotplugctl.render.ndjson_log import write_document

        write_document(Parser(text.lines(opened), kernel_events.READER), sys.stdout.write)
        return status.YES
    from hotplugctl.render import jsontext

    emit(jsontext.dumps(_document(kind, text.whole(opened, file))))
    return status.YES


def _document(kind: str, content: str) -> dict[str, object]:
    from hotplugctl.render import parsed

    if kind == "lspci":
        from hotplugctl.parse import lspci

        _refuse_crowd(content)
        return parsed.lspci(lspci.parse(content))
    if kind == "kconfig":
        from hotplugctl.parse import kconfig

        return parsed.kconfig(kconfig.parse(content))
    from hotplugctl.parse import uevent

    return parsed.uevents(uevent.parse_text(content))


# Five times the largest machine that is known. Each record takes some 4 KB, and a line of ten bytes can be one.
_MOST_FUNCTIONS = 50_000


def _refuse_crowd(content: str) -> None:
    import re

    from hotplugctl.errors import UnusableRoot

    starts = re.compile(r"^[> ]{0,8}(?:(?:Slot|Device):\s*)?(?:[0-9a-f]{4,8}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]", re.M)
    for count, _ in enumerate(starts.finditer(content)):
        if count >= _MOST_FUNCTIONS:
            raise UnusableRoot(f"more than {_MOST_FUNCTIONS} functions in one text", "cut the text into parts")
