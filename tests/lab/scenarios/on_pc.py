"""What a pc guest must say, for scenarios that are not about the machine itself."""

from __future__ import annotations

from collections.abc import Collection

from tests.lab.plan import Hardware, Says, Sees, Snap
from tests.lab.scenarios.pc import ACPIPHP, FREE, SLOTS

IDE = Hardware("pc", virtio=False)
"""Root on IDE, the lab's channel on a UART: no virtio driver is loaded before something is plugged in."""


def snap(stage: str, *sees: Sees, findings: Collection[str] = (), room: int = FREE) -> Snap:
    """acpiphp serves all slots; of the ``room`` that is free after boot each of ``sees`` takes one.
    ``findings`` make it a limited one."""
    verdict = "limited" if findings else "ready"
    return Snap(stage, verdict, frozenset(findings), ACPIPHP, room - len(sees), SLOTS, sees)


def mentions(finding: str) -> Says:
    """``check`` says this in passing (severity info): the verdict is ready all the same."""
    return Says(f"check --only {finding}", 0, (r"\Aready: ", rf"^info: .* \[{finding}\]$"))


def silent_on(finding: str) -> Says:
    """``check`` does not say it."""
    return Says(f"check --only {finding}", 0, (r"\Aready: ",), (rf"\[{finding}\]",))
