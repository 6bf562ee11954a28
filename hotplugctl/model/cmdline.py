"""The kernel command line."""

from typing import NamedTuple, Optional


class CommandLine(NamedTuple):
    """``params`` in the order given: (key, value), the value None where there is no ``=``.

    ``after_dashes`` is what stands behind ``--``, for init and not for the kernel; empty where there is none.
    Keys compare as the kernel compares them: ``-`` and ``_`` are the same (kernel/params.c, ``parameq``).
    """

    params: tuple[tuple[str, Optional[str]], ...]
    after_dashes: str

    def all(self, key: str) -> tuple[Optional[str], ...]:
        """Every value of ``key``, None for a bare word."""
        wanted = key.replace("-", "_")
        return tuple(value for name, value in self.params if name.replace("-", "_") == wanted)

    def has(self, key: str) -> bool:
        """Whether ``key`` stands there, with or without a value."""
        return bool(self.all(key))

    def last(self, key: str) -> Optional[str]:
        """The last value of ``key``; empty for a bare word, None where the key is not there at all."""
        values = self.all(key)
        return (values[-1] or "") if values else None

    def module_param(self, module: str, param: str) -> Optional[str]:
        """``last`` of ``module.param``. A bare ``module.param`` gives an empty text: to the kernel it is set."""
        return self.last(f"{module}.{param}")

    def comma(self, key: str) -> tuple[str, ...]:
        """The words of every ``key=a,b``, repeats of the key included, in order: ``pci=noacpi,nomsi``."""
        return tuple(word for value in self.all(key) for word in (value or "").split(",") if word)
