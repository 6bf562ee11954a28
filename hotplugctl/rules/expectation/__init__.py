"""What the guest should come to see of a monitor command. It judges a command, not a guest: it makes no findings."""

from __future__ import annotations

from hotplugctl.rules.expectation.meaning import expectation
from hotplugctl.rules.expectation.sight import between, comes, now

__all__ = ["between", "comes", "expectation", "now"]
