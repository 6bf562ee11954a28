"""All that any command reads, for a tree that takes notes."""

from __future__ import annotations

from hotplugctl.collect import lineage, listing, names, serials, signs, snapshot, users, witnesses
from hotplugctl.source.tree import Tree


def collect(tree: Tree) -> None:
    """Read everything once, and keep nothing: what was read is in the notes of the tree.

    ``expect`` looks at what ``check`` and ``list`` look at.
    """
    found = snapshot.collect(tree)
    addresses = tuple(item.address for item in found.functions.items)
    nodes = listing.evidence(tree, found.functions).nodes
    lineage.evidence(tree, found.functions.items, nodes)
    users.evidence(tree)
    names.evidence(tree, found.functions.items)
    for address in addresses:
        serials.collect(tree, nodes.get(address, ()))
    signs.look(tree, "facts", addresses)
    witnesses.subjects(tree)
