"""The options that every command understands."""

from __future__ import annotations

from typing import Any, Callable, TypeVar

import click

Function = TypeVar("Function", bound=Callable[..., Any])


def root_options(function: Function) -> Function:
    """``--root`` and ``--stage``: what to read in place of this machine."""
    for decorator in (
        click.option("--stage", metavar="NAME", help="Which recording of a story: before, added, after …"),
        click.option(
            "--root",
            metavar="PATH",
            envvar="HOTPLUGCTL_ROOT",
            show_envvar=True,
            help="Read a directory tree, a recording (directory, .tar, .tar.gz, .tar.xz, - for stdin) or a mounted "
            "guest image in place of /.",
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
