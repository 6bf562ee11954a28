"""What a recording holds, before it is written and after it was read: the one form that is scrubbed and packed."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple, Optional

from hotplugctl.model.reads import Failure


class Holdings(NamedTuple):
    """Everything by canonical path: ``/sys/…`` evidence, ``/cmd/…`` texts of others, ``/events/…`` what was heard.

    ``modes``: permission bits, of those files whose mode is known. ``links``: path → target. ``listed``: folder → its
    names, as a listing gave them. ``kinds``: path → kind, of what was looked at and neither read nor listed.
    ``failed``: reads that failed. ``absent``: looked for, and not there. ``behind``: what stat(2) said of a path.
    Of a story every path of a stage begins with its name (``/added/sys/…``); what all stages share stands beside them
    (``/events/…``).
    """

    files: Mapping[str, bytes]
    modes: Mapping[str, int]
    links: Mapping[str, str]
    listed: Mapping[str, tuple[str, ...]]
    kinds: Mapping[str, str]
    failed: Mapping[str, Failure]
    absent: frozenset[str]
    behind: Mapping[str, str] = MappingProxyType({})


class Heard(NamedTuple):
    """How ``events/`` came to be: who was listened to (``kernel``, ``udev``, ``both``, or ``scan``: looks at sysfs
    alone), for how many seconds, and what could not be heard, or was lost, in words.
    """

    source: str
    seconds: float
    unheard: tuple[str, ...]


class About(NamedTuple):
    """What a manifest says of a recording as a whole.

    ``source``: what was recorded, ``live``, ``recording`` or ``image``; ``seconds``: when, since 1970; ``scrubbed``:
    kind → how many originals were replaced; ``heard`` is None where nobody listened.
    """

    source: str
    kernel: str
    seconds: int
    scrubbed: Mapping[str, int]
    heard: Optional[Heard] = None
