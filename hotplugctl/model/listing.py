"""What a directory held when it was listed."""

from typing import NamedTuple, Union

from hotplugctl.model.reads import Failure


class Names(NamedTuple):
    """The entries of one directory, sorted, without ``.`` and ``..``; bytes that are no UTF-8 as surrogates."""

    path: str
    names: tuple[str, ...]


Listing = Union[Names, Failure]
