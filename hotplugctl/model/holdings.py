"""What a recording holds, before it is written and after it was read: the one form that is scrubbed and packed."""

from collections.abc import Mapping
from typing import NamedTuple

from hotplugctl.model.reads import Failure


class Holdings(NamedTuple):
    """Everything by canonical path: ``/sys/…`` evidence, ``/cmd/…`` texts of others, ``/events/…`` what was heard.

    ``modes``: permission bits, of those files whose mode is known. ``links``: path → target. ``listed``: folder → its
    names, as a listing gave them. ``kinds``: path → kind, of what was looked at and neither read nor listed.
    ``failed``: reads that failed. ``absent``: looked for, and not there.
    """

    files: Mapping[str, bytes]
    modes: Mapping[str, int]
    links: Mapping[str, str]
    listed: Mapping[str, tuple[str, ...]]
    kinds: Mapping[str, str]
    failed: Mapping[str, Failure]
    absent: frozenset[str]
