"""How ``watch`` tells: transitions to lines, for the live loop and for a replay alike.

The live half makes a ``Teller`` with a ``write`` of its own (an ``Outlet``, say), says ``hello``, and hands on what the
reducer gives; ``tell`` answers True once ``--count`` is reached. Lines come out complete, each with its newline.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Callable, NamedTuple, Optional

from hotplugctl.model.live import Hello, Transition

if TYPE_CHECKING:
    from hotplugctl.render.watch_board import Board

_SILENT = {"time": "the recording does not say"}


class Wish(NamedTuple):
    """What the user asked for. ``subsystems``: empty for all; ``most``: ``--count``.

    ``terminal``: the text goes to a terminal, where a line can be filled in.
    """

    as_json: bool
    subsystems: tuple[str, ...]
    most: Optional[int]
    timeout: Optional[float]
    since_boot: bool
    save: Optional[str]
    color: bool
    terminal: bool = False


class Teller:
    """Writes lines. ``told`` counts what passed the filter of ``--subsystem``; ``hello`` is not counted.

    ``realtime``: CLOCK_REALTIME minus CLOCK_MONOTONIC, None where it is not known; a live loop may set it anew whenever
    the wall clock jumps.
    """

    def __init__(self, wish: Wish, write: Callable[[Sequence[str]], None], realtime: Optional[float] = None) -> None:
        from hotplugctl.render import watch_text

        self.told = 0
        self.realtime = realtime
        self._wish = wish
        self._write = write
        self._text = watch_text
        self._board: Optional[Board] = None
        if wish.terminal and not wish.as_json:
            from hotplugctl.render.watch_board import Board

            self._board = Board(_size, wish.color)

    @property
    def enough(self) -> bool:
        """``--count`` is reached."""
        return self._wish.most is not None and self.told >= self._wish.most

    def hello(self, hello: Hello) -> None:
        """The first line: of JSON an object, of text the headings."""
        if self._wish.as_json:
            from hotplugctl.render import document_watch, jsontext

            self._write([jsontext.dumps(document_watch.hello(hello), compact=True) + "\n"])
        else:
            self._write([self._text.heading() + "\n"])

    def tell(self, transitions: Sequence[Transition]) -> bool:
        """Write what the user wants of these; True where nothing more is wanted."""
        wanted = [one for one in transitions if not self._wish.subsystems or one.subsystem in self._with_own]
        if self._wish.most is not None:
            wanted = wanted[: self._wish.most - self.told]
        if wanted:
            self.told += len(wanted)
            if self._board is not None:
                self._write([self._board.put(wanted)])
            else:
                self._write([self._line(one) for one in wanted])
        return self.enough

    @property
    def _with_own(self) -> tuple[Optional[str], ...]:
        # What is said of the stream itself concerns every subsystem.
        return (*self._wish.subsystems, None)

    def _line(self, one: Transition) -> str:
        if self.realtime is None:
            one = one._replace(unknown={**one.unknown, **_SILENT})
        else:
            one = one._replace(time=self._text.wall_time(self.realtime + one.monotonic))
        if self._wish.as_json:
            from hotplugctl.render import document_watch, jsontext

            return jsontext.dumps(document_watch.transition(one), compact=True) + "\n"
        return self._text.line(one, self._wish.color) + "\n"


def _size() -> tuple[int, int]:
    """Columns and lines of the terminal."""
    import shutil

    size = shutil.get_terminal_size()
    return size.columns, size.lines
