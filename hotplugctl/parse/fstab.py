"""``/etc/fstab``: where which file system goes (fstab(5))."""

from __future__ import annotations


def mount_points(text: str) -> tuple[str, ...]:
    """The mount points in their order, each without a slash at its end; swap (``none``) is left out."""
    points = []
    for line in text.split("\n"):
        fields = line.split()
        if len(fields) > 1 and fields[0][0] != "#" and fields[1].startswith("/"):
            points.append(fields[1].replace("\\040", " ").rstrip("/") or "/")
    return tuple(dict.fromkeys(points))
