"""Where the links of sysfs lead, worked out from what lies in the tree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Optional

from hotplugctl.model.inventory import Entry, Inventory

_HOPS = 40


class Sysfs:
    """The entries of an inventory with their links followed."""

    def __init__(self, inventory: Inventory) -> None:
        self.entries: Mapping[str, Entry] = inventory.entries
        self.inventory = inventory
        self._children: Optional[dict[str, list[str]]] = None

    @property
    def children(self) -> Mapping[str, list[str]]:
        """Folder → the names in it."""
        if self._children is None:
            self._children = {}
            for path in self.entries:
                folder, _, name = path.rpartition("/")
                self._children.setdefault(folder, []).append(name)
        return self._children

    def links(self) -> Iterator[tuple[str, str]]:
        """Every link and its target."""
        for path, entry in self.entries.items():
            if entry.target is not None:
                yield path, entry.target

    def resolve(self, path: str) -> tuple[str, str]:
        """Where ``path`` ends, and how: ``found``, ``missing`` (the first part that is), ``out`` or ``circle``."""
        parts = [part for part in path.split("/") if part]
        parts.reverse()
        here = ""
        hops = 0
        while parts:
            part = parts.pop()
            if part == ".":
                continue
            if part == "..":
                if not here:
                    return here, "out"
                here = here.rpartition("/")[0]
                continue
            spot = f"{here}/{part}"
            entry = self.entries.get(spot)
            if entry is None:
                return spot, "missing"
            if entry.target is None:
                here = spot
                continue
            hops += 1
            if hops > _HOPS:
                return spot, "circle"
            here = "" if entry.target.startswith("/") else here
            parts.extend(part for part in reversed(entry.target.split("/")) if part)
        return here, "found"

    def lands(self, path: str) -> Optional[str]:
        """Where ``path`` leads, None where that is not in the tree."""
        spot, how = self.resolve(path)
        return spot if how == "found" else None


def joined(folder: str, target: str) -> Optional[str]:
    """The path that a relative target names, by its words alone; None where it climbs out of the root."""
    parts = [part for part in folder.split("/") if part] if not target.startswith("/") else []
    for part in target.split("/"):
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts)
