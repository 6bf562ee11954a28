"""``hotplugctl check``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

import click

from hotplugctl.cli import exit as status
from hotplugctl.cli.options import Count, color_option, json_option, root_options
from hotplugctl.cli.world import emit, reference, remark, wants_color, world
from hotplugctl.errors import BadTarget

if TYPE_CHECKING:
    from hotplugctl.model.snapshot import Snapshot
    from hotplugctl.rules.answer import Answer


@click.command("check")
@root_options
@json_option
@click.option(
    "--format", "form", type=click.Choice(["table", "json"]), default="table", help="json is the same as --json."
)
@click.option("--strict", is_flag=True, help="A warning is a no.")
@click.option("--need", type=Count(min=0), metavar="N", help="Fewer than N free slots is a no.")
@click.option("--only", multiple=True, metavar="ID", help="Only this finding, or family of findings (may be repeated).")
@click.option("--skip", multiple=True, metavar="ID", help="Not this finding, or family of findings (may be repeated).")
@color_option
def command(
    root: Optional[str], stage: Optional[str], as_json: bool, form: str, strict: bool, need: Optional[int],
    only: tuple[str, ...], skip: tuple[str, ...], color: str,
) -> int:  # fmt: skip
    """Can this guest take a hot-plugged PCI device, by which mechanism, and if not, why not?

    Ends with 0 for ready and limited, 1 for not-ready, 3 where it cannot be told or does not apply.
    """
    from hotplugctl.collect.pci_ids_file import source_of
    from hotplugctl.collect.snapshot import collect
    from hotplugctl.rules import answer, catalogue

    unknown = catalogue.unknown_ids((*only, *skip))
    if unknown:
        raise BadTarget(f"no finding is called {unknown[0]}", "hotplugctl-findings(7) lists them all")
    with world(root, stage) as tree:
        snapshot = collect(tree)
        with reference(tree) as machine:
            names_from = source_of(tree, machine)
    said = answer.answer(snapshot, catalogue.select(only, skip, image=snapshot.image is not None))
    if snapshot.image is not None and root is not None:
        said = _in_the_image(said, root)
    if as_json or form == "json":
        from hotplugctl.render import document, jsontext

        emit(
            jsontext.dumps(document.check(snapshot, said.report, said.headroom, said.usable, names_from, said.kernels))
        )
    else:
        emit(_text(snapshot, said, wants_color(color)))
    # The slots are the machine's: an image has none, and does not lack them either.
    enough = _enough(need, None if snapshot.image is not None else said.headroom.free_slots)
    if enough is False:
        remark(f"--need {need}: only {said.headroom.free_slots} slots are free")
    crashed = any(finding.status == "crashed" for finding in said.report.findings)
    return status.of_check(said.report.verdict, strict=strict, enough=enough, crashed=crashed)


def _in_the_image(said: Answer, root: str) -> Answer:
    """Its remedies as they are typed outside of it, where it is mounted; a tar or a recording is no such place."""
    import os

    if not os.path.isdir(root) or os.path.lexists(os.path.join(root, "manifest.json")):
        return said
    from hotplugctl.rules.mounted import inside

    findings = tuple(
        item._replace(remedy=inside(item.remedy, root)) if item.remedy else item for item in said.report.findings
    )
    return said._replace(report=said.report._replace(findings=findings))


def _enough(need: Optional[int], free: Optional[int]) -> Optional[bool]:
    """Whether as many slots are free as are asked for; None where nobody knows how many are."""
    if not need:
        return True
    return None if free is None else free >= need


def _text(snapshot: Snapshot, said: Answer, color: bool) -> str:
    if snapshot.image is not None:
        from hotplugctl.render import image_text

        return image_text.check(snapshot, said.report, said.kernels, color)
    from hotplugctl.render import check_text

    return check_text.check(snapshot, said.report, said.headroom, said.usable, color)
