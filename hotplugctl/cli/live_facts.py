"""What the rules of ``check`` say of a device that does not get ready."""

from __future__ import annotations

from hotplugctl.model.live import Look
from hotplugctl.source.tree import Tree


def explain(tree: Tree, look: Look) -> Look:
    """The same look, each function with the gravest fault that is found at it, root causes first.

    No device is asked for anything: nobody listens meanwhile, and what hangs would hang each time.
    """
    from hotplugctl.collect.snapshot import collect
    from hotplugctl.rules import catalogue
    from hotplugctl.rules.engine import run

    said: dict[str, str] = {}
    for finding in run(catalogue.select((), ()), collect(tree, asks=False)):
        if finding.status == "fail" and finding.address is not None and finding.severity != "info":
            said.setdefault(finding.address, finding.summary)
    return look._replace(functions=tuple(fact._replace(trouble=said.get(fact.address)) for fact in look.functions))
