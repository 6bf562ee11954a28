"""All that any command reads, for a tree that takes notes."""

from __future__ import annotations

from hotplugctl.collect import listing, names, snapshot, witnesses
from hotplugctl.source.tree import Tree


def collect(tree: Tree) -> None:
    """Read everything once, and keep nothing: what was read is in the notes of the tree."""
    found = snapshot.collect(tree)
    listing.evidence(tree, found.functions)
    names.evidence(tree, found.functions.items)
    witnesses.subjects(tree)
