"""All that any command reads, for a tree that takes notes."""

from __future__ import annotations

from hotplugctl.collect import lineage, listing, names, signs, snapshot, users, witnesses
from hotplugctl.source.tree import Tree


def collect(tree: Tree) -> None:
    """Read everything once, and keep nothing: what was read is in the notes of the tree."""
    found = snapshot.collect(tree)
    read = listing.evidence(tree, found.functions)
    lineage.evidence(tree, found.functions.items, read.nodes)
    signs.look(tree, "start", ())
    users.evidence(tree)
    names.evidence(tree, found.functions.items)
    witnesses.subjects(tree)
