"""Write the man pages: the templates ``man/*.in``, with what the code itself knows in the place of their marks.

    python3 scripts/make_man.py      (make man)

A mark is ``@name@``. hotplugctl.8 takes its commands, options, columns and exit codes from the command line's own
objects, hotplugctl-findings.7 its findings from the registered rules. Version and date are the newest ones with a date
in CHANGELOG.md, so that the same checkout gives the same bytes. Language: mdoc(7).
"""

from __future__ import annotations

import collections
import datetime
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import click

from hotplugctl.cli import exit as status
from hotplugctl.cli import lspci_text
from hotplugctl.cli.app import COMMANDS, cli
from hotplugctl.collect import image, image_boot, kernel_log
from hotplugctl.render import list_text, slots_text, timeline_text
from hotplugctl.render.columns import Column
from hotplugctl.rules import catalogue
from hotplugctl.rules.registry import RULES, Rule
from hotplugctl.source import archive, dump, tar, text, tree, unpack

CHECKOUT = Path(__file__).resolve().parents[1]
MAN = CHECKOUT / "man"
# mandoc objects to longer lines of input than 80.
WIDTH = 76

EXIT_CODES = {
    "YES": "Yes: ready or limited, valid, the same, there, gone, seen; for explain: there and well, or would be; for "
    "can-unplug: safe; or what was asked for was listed, parsed, written or told. watch ends so on time-out, Ctrl-C "
    "and SIGTERM too.",
    "NO": "No: not ready, fewer free slots than asked for, a warning under --strict, not valid, not the same; for "
    "explain: nothing is there, or something is wrong; for can-unplug: in use, or nothing there; for wait: it can "
    "never come; for expect: it cannot be plugged, or was not seen.",
    "WRONG": "Asked wrongly: an unknown command, option, column or finding; a --root or file that cannot be read.",
    "CANNOT_TELL": "Cannot tell: the evidence that decides is missing, unreadable or denied, or the question does not "
    "apply, as in a container or on a machine without a PCI bus.",
    "TIMED_OUT": "Timed out: wait, expect --wait, and watch whose --count was not reached.",
    "LOST": "Events were lost, and no fresh look at sysfs could make up for it.",
    "DEFECT": "A defect in hotplugctl itself: report it. What could be said is still printed.",
    "NOT_WRITTEN": "The output could not be written: disk full, or a folder that may not be written to.",
    "INTERRUPTED": "Interrupted (SIGINT); not watch.",
    "TERMINATED": "Terminated (SIGTERM); not watch.",
}
"""What each constant of ``hotplugctl.cli.exit`` means, in its order."""

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip

LIMITS = (
    ("files, folders and links in a tar", tar.MEMBERS_LIMIT, ""),
    ("of their content, names and links in memory", archive.KEPT_LIMIT, "B"),
    ("of a tar unpacked, kept or not", unpack.PROCESSED_LIMIT, "B"),
    ("memory to unpack xz", unpack.XZ_MEMORY_LIMIT, "B"),
    ("of one file in a tar; a larger one is passed over", tar.CONTENT_LIMIT, "B"),
    ("entries of one folder", tree.NAMES_LIMIT, ""),
    ("of a kernel log", kernel_log.LIMIT, "B"),
    ("kernels of an image; of more the rest is counted", image.KERNELS_LIMIT, ""),
    ("of one file of an image's boot loader", image_boot.LIMIT, "B"),
    ("of a text for parse, but for dmesg, which is read line by line, or of lspci for diff", text.WHOLE_LIMIT, "B"),
    ("functions in a text of lspci", lspci_text.MOST_FUNCTIONS, ""),
    ("of a dump of devices", dump.SIZE_LIMIT, "B"),
    ("lines of a dump of devices", dump.LINES_LIMIT, ""),
)
"""What is read at most: words, amount, unit."""


def main() -> int:
    """Write every page whose text has changed."""
    for path, page in pages().items():
        if not path.is_file() or path.read_text(encoding="ascii") != page:
            path.write_text(page, encoding="ascii")
            print(f"{path.relative_to(CHECKOUT)}: written")
    return 0


def pages() -> dict[Path, str]:
    """Every page with its text."""
    return {template.with_suffix(""): filled(template) for template in sorted(MAN.glob("*.in"))}


def filled(template: Path) -> str:
    """The template with every mark replaced. Raises KeyError for a mark that has no meaning."""
    text = template.read_text(encoding="utf-8")
    comment = f'.\\" Made by scripts/make_man.py out of man/{template.name}: edit that, or the code, then `make man`.\n'
    return comment + re.sub(r"@([a-z-]+)@", lambda found: MARKS[found[1]](), text)


# --- what the marks stand for -----------------------------------------------------------------------------------------


def changelog() -> tuple[str, datetime.date]:
    """The newest version in CHANGELOG.md that bears a date. Raises ValueError where there is none."""
    found = re.search(
        r"^## (\d+\.\d+\.\d+) \((\d{4}-\d\d-\d\d)\)$", (CHECKOUT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M
    )
    if found is None:
        raise ValueError("CHANGELOG.md: no heading like '## 1.2.3 (2026-01-31)'")
    return found[1], datetime.date.fromisoformat(found[2])


def date() -> str:
    """The day of the newest version, as .Dd wants it, whatever the locale."""
    day = changelog()[1]
    return f"{MONTHS[day.month - 1]} {day.day}, {day.year}"


def commands() -> dict[str, click.Command]:
    """Every command by name, in the order of the help."""
    context = click.Context(cli, info_name="hotplugctl")
    found = {name: cli.get_command(context, name) for name in cli.list_commands(context)}
    return {name: command for name, command in found.items() if command is not None}


def options(command: click.Command) -> list[click.Option]:
    """The options that a command declares."""
    return [param for param in command.params if isinstance(param, click.Option) and not param.hidden]


def common_options() -> list[click.Option]:
    """The options that all commands declare, with the words that most of them use."""
    declared = [options(command) for command in commands().values()]
    everywhere = set.intersection(*({tuple(option.opts) for option in found} for found in declared))
    words = collections.Counter(_key(option) for found in declared for option in found)
    return [
        option
        for option in declared[0]
        if tuple(option.opts) in everywhere and words[_key(option)] > len(declared) // 2
    ]


def _key(option: click.Option) -> tuple[str, ...]:
    return (*option.opts, option.help or "")


def own_options(command: click.Command) -> list[click.Option]:
    """The options of a command beside those that all have, and those of these that mean something else in it."""
    common = [_key(option) for option in common_options()]
    return [option for option in options(command) if _key(option) not in common]


def synopsis() -> str:
    """Every command with its own options and its arguments."""
    lines: list[str] = []
    for name, command in commands().items():
        lines += [".Nm", f".Cm {name}", ".Op Ar common options"]
        lines += [f".Op {_flags(option, ' | ')}" for option in own_options(command)]
        lines += [_argument(param) for param in command.params if isinstance(param, click.Argument)]
    return "\n".join(lines)


def _flags(option: click.Option, between: str) -> str:
    flags = between.join(f"Fl {escaped(name[1:])}" for name in option.opts)
    return f"{flags} {_value(option)}".rstrip()


def _value(param: click.Parameter) -> str:
    if isinstance(param, click.Option) and param.is_flag:
        return ""
    if isinstance(param.type, click.Choice) and not _is_long(param.type):
        return "Cm " + " | ".join(str(choice) for choice in param.type.choices)
    name = (param.metavar or (param.name or "").upper()).strip("[].")
    return f"Ar {escaped(name.replace('|', ' | '))}"


def _is_long(choice: click.Choice[str]) -> bool:
    """Whether its words are too many for a synopsis."""
    return len(choice.choices) > 6


def _argument(argument: click.Argument) -> str:
    more = " ..." if argument.nargs != 1 else ""
    # A metavar says by its brackets what may be left out: PATH... has none where --root can stand in for it.
    optional = argument.metavar.startswith("[") if argument.metavar else not argument.required
    return f".{'Op ' if optional else ''}{_value(argument)}{more}"


def groups() -> str:
    """The commands under the headings of the help, each with its text and its own options."""
    known = commands()
    lines: list[str] = []
    for heading, members in COMMANDS:
        lines += [f".Ss {heading}", ".Bl -tag -width Ds"]
        for name, _ in members:
            lines += [f".It Cm {name}", *prose(known[name].help or "")]
            lines += _option_list(own_options(known[name]))
        lines.append(".El")
    return "\n".join(lines)


def common() -> str:
    """The options that every command understands, and those of hotplugctl itself."""
    context = click.Context(cli, help_option_names=cli.context_settings["help_option_names"])
    declared = [param for param in cli.get_params(context) if isinstance(param, click.Option)]
    return "\n".join(_option_list([*common_options(), *declared])[1:])


def _option_list(found: Sequence[click.Option]) -> list[str]:
    if not found:
        return []
    lines = [".Pp", ".Bl -tag -width Ds -compact"]
    for option in found:
        lines += [f".It {_flags(option, ' , ')}", *prose(option.help or "")]
        if isinstance(option.type, click.Choice) and _is_long(option.type):
            *most, last = option.type.choices
            lines += ["One of", *(f".Cm {word} ," for word in most), f".Cm {last} ."]
        elif isinstance(option.type, click.Choice) and isinstance(option.default, str):
            lines += ["The default is", f".Cm {option.default} ."]
        if isinstance(option.envvar, str):
            lines += ["Without it,", f".Ev {option.envvar}", "names it."]
    return [*lines, ".El"]


def columns(known: Iterable[Column]) -> str:
    """The columns that ``-o`` knows; those that are shown unasked first."""
    lines = [".Bl -tag -width MECHANISM -compact"]
    for column in sorted(known, key=lambda column: not column.usual):
        meaning = prose(column.meaning + ("" if column.usual else " (only if asked for)"))
        lines += [f".It Cm {escaped(column.heading)}", *meaning]
    return "\n".join([*lines, ".El"])


def exit_codes() -> str:
    """The table of exit codes. Raises ValueError where it and ``cli.exit`` differ."""
    known = {name: value for name, value in vars(status).items() if name.isupper() and isinstance(value, int)}
    if set(known) != set(EXIT_CODES):
        raise ValueError(f"cli/exit.py and EXIT_CODES differ: {sorted(set(known) ^ set(EXIT_CODES))}")
    lines = [".Bl -tag -width 143x -compact"]
    for name, meaning in EXIT_CODES.items():
        lines += [f".It {known[name]}", *prose(meaning)]
    return "\n".join([*lines, ".El"])


def amount(count: int, unit: str) -> str:
    """``200,000`` or ``96 MiB``."""
    return f"{count >> 20} MiB" if unit == "B" else f"{count:,}"


def limits() -> str:
    """What is read at most."""
    lines = [".Bl -tag -width 200,000x -compact"]
    for words, count, unit in LIMITS:
        lines += [f".It {amount(count, unit)}", *prose(words)]
    return "\n".join([*lines, ".El"])


def findings() -> str:
    """Every rule under its family. Raises ValueError for a rule of no family."""
    lines: list[str] = []
    families = catalogue.every_family()
    left = dict(RULES)
    for family in families:
        name = family.__name__.rpartition(".")[2]
        members = [rule for rule in RULES.values() if rule.id.partition(".")[0] == name]
        lines += [f".Ss {name}", *prose(_first_paragraph(family.__doc__)), ".Bl -tag -width Ds"]
        for rule in members:
            lines += _finding(left.pop(rule.id))
        lines.append(".El")
    if left:
        raise ValueError(f"no family for {', '.join(left)}")
    return "\n".join(lines)


def _first_paragraph(doc: object) -> str:
    return str(doc or "").strip().partition("\n\n")[0]


def _finding(rule: Rule) -> Iterator[str]:
    yield f".It Sy {rule.id} Pq {rule.severity} , {rule.side}"
    yield from prose(rule.title)
    if rule.text:
        yield ".Pp"
        yield from prose(rule.text)
    if rule.needs:
        yield ".Pp"
        yield from prose(f"Unknown where this cannot be read: {', '.join(rule.needs)}.")
    if rule.remedy:
        yield ".Pp"
        yield "Remedy:"
        yield f".Dl {escaped(rule.remedy)}"


# --- mdoc -------------------------------------------------------------------------------------------------------------

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z(\"'`])|(?<=[.!?][)\"])\s+(?=[A-Z(\"'`])")


def prose(text: str) -> list[str]:
    """Lines of text: paragraphs apart, each sentence on a line of its own, wrapped, nothing taken for a request."""
    lines: list[str] = []
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        if lines:
            lines.append(".Pp")
        for sentence in _SENTENCE_END.split(" ".join(paragraph.split())):
            wrapped = textwrap.wrap(sentence, WIDTH - 8, break_long_words=False, break_on_hyphens=False)
            lines += [_text_line(line) for line in wrapped]
    return lines


def _text_line(line: str) -> str:
    line = escaped(line)
    line = re.sub(r"``(.+?)``", r"\\(oq\1\\(cq", line)
    line = re.sub(r"(?<=\w)\(\)", r"\\&()", line)  # mandoc wants .Fn for functions, which prose cannot have
    return f"\\&{line}" if line[:1] in (".", "'") else line


def escaped(text: str) -> str:
    """Backslashes, hyphens of options and paths (never the end of a line), and what is not ASCII, as roff has them."""
    text = text.replace("\\", "\\e")
    text = re.sub(r"(?<![\w.-])--?(?=[A-Za-z])|(?<=/)\S+", lambda found: found[0].replace("-", "\\-"), text)
    return "".join(char if char.isascii() else f"\\[u{ord(char):04X}]" for char in text)


MARKS: dict[str, Callable[[], str]] = {
    "version": lambda: changelog()[0],
    "date": date,
    "synopsis": synopsis,
    "common-options": common,
    "commands": groups,
    "slots-columns": lambda: columns(slots_text.COLUMNS),
    "list-columns": lambda: columns(list_text.COLUMNS),
    "timeline-columns": lambda: columns(timeline_text.COLUMNS),
    "exit-codes": exit_codes,
    "limits": limits,
    "findings": findings,
    "defect": lambda: str(status.DEFECT),
}


if __name__ == "__main__":
    sys.exit(main())
