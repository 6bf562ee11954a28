"""The options that every command understands."""

from __future__ import annotations

import re
from typing import Any, Callable, Optional, TypeVar

import click

Function = TypeVar("Function", bound=Callable[..., Any])


class Count(click.IntRange):
    """A whole number in plain digits: none of what else Python reads as one (``1_0``, other scripts' digits)."""

    def convert(self, value: Any, param: Optional[click.Parameter], ctx: Optional[click.Context]) -> Any:
        """As IntRange does; at most nine digits."""
        if isinstance(value, str) and not re.fullmatch(r"-?[0-9]{1,9}", value):
            self.fail(f"{value!r} is not a whole number in plain digits.", param, ctx)
        return super().convert(value, param, ctx)


class Seconds(click.FloatRange):
    """A time in seconds in plain digits, with a fraction or without: no exponent, no sign, no infinity."""

    def __init__(self) -> None:
        super().__init__(min=0)

    def convert(self, value: Any, param: Optional[click.Parameter], ctx: Optional[click.Context]) -> Any:
        """At most nine digits before the point."""
        if isinstance(value, str) and not re.fullmatch(r"[0-9]{1,9}(?:\.[0-9]{1,9})?", value):
            self.fail(f"{value!r} is not a time in seconds, as in 30 or 0.5.", param, ctx)
        return super().convert(value, param, ctx)


def root_options(function: Function) -> Function:
    """``--root`` and ``--stage``: what to read in place of this machine."""
    for decorator in (
        click.option("--stage", metavar="NAME", help="Which recording of a story: before, added, after …"),
        click.option(
            "--root",
            metavar="PATH",
            envvar="HOTPLUGCTL_ROOT",
            show_envvar=True,
            help="Read a directory tree, a recording (directory, .tar, .tar.gz, .tar.xz, - for stdin), a dump by "
            "umockdev-record or udevadm, or a mounted guest image in place of /.",
        ),
    ):
        function = decorator(function)
    return function


def json_option(function: Function) -> Function:
    """``--json``/``-J``."""
    return click.option("-J", "--json", "as_json", is_flag=True, help="One JSON document.")(function)


def color_option(function: Function) -> Function:
    """``--color``."""
    return click.option(
        "--color",
        type=click.Choice(["auto", "always", "never"]),
        default="auto",
        help="Colour the text (auto: on a terminal).",
    )(function)


def table_options(function: Function) -> Function:
    """``-o``, ``-n`` and ``--list-columns``, as in lsblk(8)."""
    for decorator in (
        click.option("--list-columns", is_flag=True, help="List the columns that -o knows, and end."),
        click.option("-n", "--noheadings", is_flag=True, help="No heading line."),
        click.option("-o", "--output", metavar="COL,COL", help="These columns; +COL,COL: more than the usual."),
    ):
        function = decorator(function)
    return function
