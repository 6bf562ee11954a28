"""Scrubbing: what tells who and where a guest is gives way to pseudonyms of the same shape. Pure: no machine."""

from __future__ import annotations

from hotplugctl.model.holdings import Holdings
from hotplugctl.scrub.records import Leftover, Scrubbed

__all__ = ["Leftover", "Scrubbed", "scrub"]


def scrub(holdings: Holdings) -> Scrubbed:
    """``holdings`` with pseudonyms in place of originals, and what the second pass still found of these."""
    from hotplugctl.scrub.find import find
    from hotplugctl.scrub.rewrite import Rewriter
    from hotplugctl.scrub.second import Second
    from hotplugctl.scrub.vocabulary import Vocabulary

    finds = find(holdings)
    vocabulary = Vocabulary(finds)
    after = Rewriter(vocabulary, finds.spans).holdings(holdings)
    return Scrubbed(after, finds.counts(), tuple(Second(finds, vocabulary).leftovers(after)))
