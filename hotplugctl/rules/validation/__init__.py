"""What is wrong with a recording itself. Its problems are no findings: they say nothing of the guest."""

from __future__ import annotations

from hotplugctl.rules.validation.children import children, is_told
from hotplugctl.rules.validation.drivers import drivers
from hotplugctl.rules.validation.engine import CRASHED, run
from hotplugctl.rules.validation.expected import expected, expected_of_story, wants_events
from hotplugctl.rules.validation.functions import functions
from hotplugctl.rules.validation.kernel_log import kernel_log
from hotplugctl.rules.validation.links import links, lost, unlisted
from hotplugctl.rules.validation.lspci import lspci
from hotplugctl.rules.validation.manifest import archive, manifest
from hotplugctl.rules.validation.modules import modules
from hotplugctl.rules.validation.paths import Sysfs
from hotplugctl.rules.validation.streams import CONSEQUENCES, streams
from hotplugctl.rules.validation.texts import texts
from hotplugctl.rules.validation.topology import topology
from hotplugctl.rules.validation.uevents import uevents

__all__ = [
    "CONSEQUENCES",
    "CRASHED",
    "Sysfs",
    "archive",
    "children",
    "drivers",
    "expected",
    "expected_of_story",
    "functions",
    "is_told",
    "kernel_log",
    "links",
    "lost",
    "lspci",
    "manifest",
    "modules",
    "run",
    "streams",
    "texts",
    "topology",
    "uevents",
    "unlisted",
    "wants_events",
]
