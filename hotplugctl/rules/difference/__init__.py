"""In what two guests differ. It compares, and judges neither: it makes no findings."""

from __future__ import annotations

from hotplugctl.rules.difference.compare import difference

__all__ = ["difference"]
