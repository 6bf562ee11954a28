"""Names of vendors, devices and classes."""

from collections.abc import Mapping
from typing import NamedTuple


class PciNames(NamedTuple):
    """Names by lower-case hex: vendors by ``"1af4"``, devices by ``("1af4", "1000")``, classes by 2, 4 or 6 digits.

    Names are as their source has them, control characters too.
    """

    vendors: Mapping[str, str]
    devices: Mapping[tuple[str, str], str]
    classes: Mapping[str, str]
