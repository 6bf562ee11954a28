"""What is wrong with a recording itself. Its problems are no findings: they say nothing of the guest."""

from __future__ import annotations

from hotplugctl.rules.validation.expected import expected
from hotplugctl.rules.validation.lspci import lspci
from hotplugctl.rules.validation.manifest import manifest

__all__ = ["expected", "lspci", "manifest"]
