"""``hotplugctl parse``."""

from __future__ import annotations

import sys

import click

from hotplugctl.cli import exit as status
from hotplugctl.cli.options import color_option, json_option, root_options
from hotplugctl.cli.world import emit

KINDS = ("lspci", "dmesg", "kconfig", "uevents")


@click.command("parse")
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("file", default="-", metavar="[FILE|-]")
@json_option
@root_options
@color_option
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
        from hotplugctl.cli import lspci_text

        return parsed.lspci(lspci_text.parse(content))
    if kind == "kconfig":
        from hotplugctl.parse import kconfig

        return parsed.kconfig(kconfig.parse(content))
    from hotplugctl.parse import uevent

    return parsed.uevents(uevent.parse_text(content))
