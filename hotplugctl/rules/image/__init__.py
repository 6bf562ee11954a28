"""Images that do not run: what is decided before they are booted. ``judged``: the verdicts; ``findings``: the rules."""

from hotplugctl.rules.image import findings, judged

__all__ = ["findings", "judged"]
