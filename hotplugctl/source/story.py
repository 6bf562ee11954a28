"""Which part of what the user named is the root: a root-like tree, a recording, or one stage of a story."""

from __future__ import annotations

from typing import Optional

from hotplugctl.errors import UnusableRoot
from hotplugctl.model.listing import Names
from hotplugctl.model.reads import Value, reason
from hotplugctl.source import manifest
from hotplugctl.source.tree import Tree

_ROOT_LIKE = ("sys", "proc", "manifest.json", "boot", "lib", "etc", "usr", "run")
_STAGE_LIKE = ("sys", "proc", "manifest.json")
_LISTED = 20
_NOTHING = "no sys, proc, boot, etc, lib, usr or run in it"


def find_root(tree: Tree, label: str, stage: Optional[str]) -> str:
    """The path in ``tree`` of the root to read: ``/``, ``/STAGE``, or one folder deeper.

    A single folder at the top (tars have one) is entered. Raises UnusableRoot where there is nothing to read, where a
    story comes without ``stage``, or ``stage`` does not name one of its stages.
    """
    top = "/"
    for _ in range(3):
        names = _names(tree, top, label)
        stages = find_stages(tree, top, names)
        if stages:
            return _choose(top, stages, label, stage)
        if any(name in names for name in _ROOT_LIKE):
            if stage is not None:
                raise UnusableRoot(f"{label}: not a story, it has no stages", "leave --stage out")
            return top
        if len(names) != 1 or tree.kind_of(_below(top, names[0])) != "dir":
            break
        top = _below(top, names[0])
    if not _names(tree, "/", label):
        raise UnusableRoot(f"{label}: empty", "name a directory or tar that looks like the root of a guest")
    raise UnusableRoot(f"{label}: neither root, recording nor image: {_NOTHING}", "name the directory that holds sys/")


def find_stages(tree: Tree, top: str, names: tuple[str, ...]) -> list[str]:
    """The stages of the story at ``top`` in their order, none where it is no story.

    The order is the one in the story's manifest (``"stages"``), else before, others by name, after.
    """
    if holds_root(names):
        return []
    stages = [name for name in names if _is_stage(tree, _below(top, name))]
    noted = _noted_order(tree, top) if "manifest.json" in names else []
    order = {name: place for place, name in enumerate(dict.fromkeys(noted))}
    return sorted(stages, key=lambda name: (order.get(name, len(order)), {"before": 0, "after": 2}.get(name, 1), name))


def holds_root(names: tuple[str, ...]) -> bool:
    """Whether a folder with these entries looks like the root of a guest. Stories have a manifest.json too."""
    return any(name in names for name in _ROOT_LIKE if name != "manifest.json")


def _noted_order(tree: Tree, top: str) -> list[str]:
    read = tree.read(_below(top, "manifest.json"), manifest.SIZE_LIMIT)
    try:
        stages = manifest.parse(read.data).get("stages") if isinstance(read, Value) else None
    except manifest.BadManifest:
        # The order is a nicety; the recordings have manifests of their own.
        return []
    return [name for name in stages if isinstance(name, str)] if isinstance(stages, list) else []


def _is_stage(tree: Tree, path: str) -> bool:
    if tree.kind_of(path) != "dir":
        return False
    names = _names_if_any(tree, path)
    if "manifest.json" in names and not holds_root(names):
        # A story has a manifest too: what holds stages is none.
        return not any(_holds_root(tree, _below(path, name)) for name in names)
    return any(name in names for name in _STAGE_LIKE)


def _holds_root(tree: Tree, path: str) -> bool:
    if tree.kind_of(path) != "dir":
        return False
    names = _names_if_any(tree, path)
    return any(name in names for name in _STAGE_LIKE)


def _names_if_any(tree: Tree, path: str) -> tuple[str, ...]:
    listing = tree.names(path)
    return listing.names if isinstance(listing, Names) else ()


def _choose(top: str, stages: list[str], label: str, stage: Optional[str]) -> str:
    listed = ", ".join(stages[:_LISTED])
    if len(stages) > _LISTED:
        listed += f" and {len(stages) - _LISTED} more"
    if stage is None and len(stages) == 1:
        # Nothing to choose; and so looks a recording that was packed with its folder.
        return _below(top, stages[0])
    if stage is None:
        raise UnusableRoot(f"{label}: a story of several recordings: {listed}", f"add --stage {stages[0]}")
    if stage not in stages:
        raise UnusableRoot(f"{label}: no stage {stage!r}; its stages: {listed}", f"add --stage {stages[0]}")
    return _below(top, stage)


def _names(tree: Tree, path: str, label: str) -> tuple[str, ...]:
    listing = tree.names(path)
    if not isinstance(listing, Names):
        raise UnusableRoot(f"{label}: {reason(listing)}", "check its permissions")
    return listing.names


def _below(top: str, name: str) -> str:
    return f"{top.rstrip('/')}/{name}"
