"""The help of every command: there, complete, and no wider than a terminal of 80 columns."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from hotplugctl.cli.app import COMMANDS, cli

NAMES = [name for _, members in COMMANDS for name, _ in members]


def help_of(*arguments: str) -> str:
    result = CliRunner().invoke(cli, [*arguments, "--help"], prog_name="hotplugctl")
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("arguments", [(), *((name,) for name in NAMES)], ids=lambda arguments: " ".join(arguments))
def test_help_fits_80_columns(arguments: tuple[str, ...]) -> None:
    lines = help_of(*arguments).splitlines()
    assert len(lines) > 3
    assert not [line for line in lines if len(line) > 80]


def test_the_help_names_every_command_with_what_it_answers() -> None:
    words = " ".join(help_of().split())
    assert not [name for _, members in COMMANDS for name, what in members if f"{name} {what}" not in words]


def test_no_command_has_two_places() -> None:
    assert sorted(NAMES) == sorted(set(NAMES))


@pytest.mark.parametrize("name", NAMES)
def test_a_command_says_what_it_does(name: str, command_line: dict[str, click.Command]) -> None:
    command = command_line[name]
    assert command.name == name
    assert (command.help or "").strip()
    assert command.params[0].opts, "options come first in the source"
    silent = [param.opts for param in command.params if isinstance(param, click.Option) and not param.help]
    assert not silent


@pytest.mark.parametrize("name", NAMES)
def test_what_every_command_understands(name: str, command_line: dict[str, click.Command]) -> None:
    spelt = {spelling for param in command_line[name].params for spelling in param.opts}
    assert {"--root", "--json", "-J"} <= spelt
