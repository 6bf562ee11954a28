"""What the tests of documents share: the generator of the man pages, and the command line as it is."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import click
import pytest

from hotplugctl.cli.app import cli

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The folder that holds README.md."""
    return CHECKOUT


@pytest.fixture(scope="session")
def make_man() -> ModuleType:
    """scripts/make_man.py, loaded from its file: scripts are no package."""
    spec = importlib.util.spec_from_file_location("make_man", CHECKOUT / "scripts/make_man.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_man"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def command_line() -> dict[str, click.Command]:
    """Every command by name, loaded."""
    context = click.Context(cli, info_name="hotplugctl")
    found = {name: cli.get_command(context, name) for name in cli.list_commands(context)}
    assert all(found.values())
    return {name: command for name, command in found.items() if command is not None}


@pytest.fixture(scope="session")
def option_names(command_line: dict[str, click.Command]) -> set[str]:
    """Every spelling of every option of hotplugctl and of its commands."""
    context = click.Context(cli, help_option_names=["-h", "--help"])
    params = [*cli.get_params(context), *(param for command in command_line.values() for param in command.params)]
    return {
        name for param in params if isinstance(param, click.Option) for name in (*param.opts, *param.secondary_opts)
    }
