"""The application: its commands are named here and loaded when they are called."""

from __future__ import annotations

import importlib
from typing import Optional

import click

from hotplugctl import __version__

# Grouped by what a user wants: (heading, ((command, what it answers), …)).
COMMANDS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    (
        "Before a device is plugged",
        (
            ("check", "Can this guest take a hot-plugged PCI device, and if not, why?"),
            ("slots", "Every slot: who serves it, what is in it, what still fits."),
            ("list", "PCI functions, their drivers, and the nodes that they made."),
        ),
    ),
    (
        "While a device is plugged",
        (
            ("watch", "Each insertion and removal as it happens, and how far it gets."),
            ("wait", "Until a device is there and ready, or gone."),
            ("expect", "What should the guest see of a QEMU monitor command, and did it?"),
        ),
    ),
    (
        "After a device was plugged",
        (
            ("explain", "How far a device came, why no further; or why none came."),
            ("can-unplug", "May a device be pulled, and if not, what uses it?"),
            ("timeline", "How long each stage of each insertion and removal took."),
        ),
    ),
    (
        "On record",
        (
            ("record", "Write what the other commands read into a recording."),
            ("collector", "A script for sh that records a guest without Python."),
            ("diff", "What is different between two recordings, or a recording and now."),
            ("validate", "Is a recording sound, and do its own witnesses agree?"),
            ("parse", "lspci, kernel log, kernel config or uevents as JSON."),
        ),
    ),
)


class LazyGroup(click.Group):
    """A group whose commands live in ``hotplugctl.cli.cmd_NAME`` and are imported only when they run."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """All commands, in the order of the help."""
        return [name for _, commands in COMMANDS for name, _ in commands]

    def get_command(self, ctx: click.Context, cmd_name: str) -> Optional[click.Command]:
        """Load one command."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = importlib.import_module(f"hotplugctl.cli.cmd_{cmd_name.replace('-', '_')}").command
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does, but an option that stands before the command says where it belongs."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if error.possibilities:
                raise
            ctx.fail(
                f"No such option {error.option_name!r} here: options follow the command (hotplugctl check --root .)."
            )

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[Optional[str], Optional[click.Command], list[str]]:
        """As click does, but an unknown command names those that there are."""
        if args and args[0] not in self.list_commands(ctx) and not args[0].startswith("-"):
            known = ", ".join(self.list_commands(ctx))
            ctx.fail(f"No such command {args[0]!r}. There are: {known}.")
        return super().resolve_command(ctx, args)

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands, grouped, without loading any."""
        for heading, commands in COMMANDS:
            with formatter.section(heading):
                formatter.write_dl(list(commands))


@click.command(cls=LazyGroup, no_args_is_help=False, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="hotplugctl", message="%(prog)s %(version)s")
def cli() -> None:
    """Say from inside a Linux guest whether PCI hot-plug works, through which mechanism, and if not, why.

    Nothing is ever changed: no command writes to sysfs, loads a module or rescans a bus.
    """
