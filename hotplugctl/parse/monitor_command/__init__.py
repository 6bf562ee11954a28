"""Monitor commands as people paste them: of QEMU's two monitors, old and new, with prompts, replies and virsh."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Optional, Union

from hotplugctl.model.monitor import Command, Fault, Parsed, Reply, Request
from hotplugctl.parse.monitor_command import hmp, places, qmp
from hotplugctl.parse.monitor_command.text import Text, Wrong, first_word, shell_words

LONGEST = 1 << 16
"""Characters of a text that is read: far more than any command has."""

_MOST_ITEMS = 100
_DEEPEST = 3
# Monitors, qmp-shell, virsh, shells, and the arrows of QEMU's documentation.
_PROMPT = re.compile(
    r"\((?:qemu|QEMU)\)\s*|virsh\s*#\s*|(?:->|<-|[#$%>])\s+|[\w.~-]{1,64}@[^\s'\"{}=,]{1,100}[#$%>]\s+"
)
_EXAMPLES = ("a command such as device_add or pci_add", "its reply: OK domain 0, bus 0, slot 4, function 0")
_VIRSH = "virsh qemu-monitor-command DOMAIN --hmp COMMAND"
_PREPARE = frozenset({"drive_add", "blockdev-add", "netdev_add", "object_add", "chardev-add", "host_net_add"})

Item = Union[Command, Reply]


def parse(text: str) -> Parsed:
    """What a text asks of QEMU: one command, those that prepare it, and the reply, each where it is there.

    ``pci_add`` and the like are read as QEMU 0.10 to 2.x took them (hmp-commands.hx, hw/pci-hotplug.c), ``device_add``
    and its kind as HMP and QMP take them now. Total: where a text is no command, the Fault says where and why.
    """
    try:
        if len(text) > LONGEST:
            raise Wrong(LONGEST, f"longer than {LONGEST >> 10} KiB", _EXAMPLES)
        return _request(text, list(_items(Text.of(text.replace("\\\n", "  ")))))
    except Wrong as wrong:
        return Fault(wrong.at, wrong.message, wrong.allowed)


def _request(text: str, items: list[Item]) -> Request:
    commands = [item for item in items if isinstance(item, Command)]
    replies = [item for item in items if isinstance(item, Reply)]
    if not items:
        raise Wrong(len(text), "no command", _EXAMPLES)
    acting = [command for command in commands if not _prepares(command)]
    if len(acting) > 1:
        raise Wrong(acting[1].at, "a second command", ("one device at a time",))
    main = acting[0] if acting else commands[-1] if commands else None
    if commands and main is not commands[-1]:
        raise Wrong(commands[-1].at, "comes after the command that needs it", ("before it",))
    return Request(text, main, tuple(command for command in commands if command is not main), _telling(replies))


def _prepares(command: Command) -> bool:
    return command.name in _PREPARE and not (command.name == "drive_add" and command.get("if") == "scsi")


def _telling(replies: list[Reply]) -> Optional[Reply]:
    """The one that says most: a place, then a refusal, then any."""
    chosen = [reply for reply in replies if reply.place is not None] or [one for one in replies if one.refused]
    return next(iter(chosen or replies), None)


def _items(text: Text, depth: int = 0) -> Iterator[Item]:
    """What a text holds, line by line and object by object; ``depth``: how many commands pass it on."""
    if depth > _DEEPEST:
        raise Wrong(text.start, "one command inside of another, too many times", _EXAMPLES)
    rest = text.stripped()
    for _ in range(_MOST_ITEMS):
        if not rest.text:
            return
        rest = _without_prompt(rest)
        if rest.text.startswith("{"):
            item, length = qmp.read(rest)
            rest = rest.cut(length, len(rest.text)).stripped()
            if isinstance(item, qmp.Inner):
                yield from _items_of_line(item.line, depth + 1)
            elif item is not None:
                yield item
            continue
        line, _, rest = rest.partition("\n")
        rest = rest.stripped()
        yield from _items_of_line(line, depth)
    if rest.text:
        raise Wrong(rest.start, f"more than {_MOST_ITEMS} lines", _EXAMPLES)


def _items_of_line(line: Text, depth: int) -> Iterator[Item]:
    line = _without_prompt(line.stripped())
    if not line.text:
        return
    answer = places.reply(line)
    if answer is not None:
        yield answer
        return
    inner = _unwrapped(line)
    if inner is not None:
        yield from _items(inner, depth + 1)
        return
    head, rest = first_word(line)
    if head.text in hmp.ALIASES and rest.text.startswith(("'", '"')):
        # As a shell is given it.
        rest = _joined(shell_words(rest))
        line = _joined([head, rest])
    if head.text in hmp.ALIASES and rest.text.startswith("{"):
        # -device takes JSON, too.
        yield from _items(rest, depth + 1)
    else:
        yield hmp.command(line)


def _without_prompt(line: Text) -> Text:
    for _ in range(4):
        found = _PROMPT.match(line.text)
        if found is None:
            break
        line = line.cut(found.end(), len(line.text))
    return line


def _unwrapped(line: Text) -> Optional[Text]:
    """The command that virsh is to pass on; None where the line does not call virsh. Raises Wrong."""
    head, rest = first_word(line)
    if head.text == "sudo":
        head, rest = first_word(rest)
    name = head.text.rpartition("/")[2]
    if name not in ("virsh", "qemu-monitor-command"):
        return None
    given = shell_words(rest)
    if name == "virsh":
        place = next((place for place, word in enumerate(given) if word.text == "qemu-monitor-command"), None)
        if place is None:
            at = next((word.start for word in given if not word.text.startswith("-")), rest.end)
            raise Wrong(at, "not a monitor command", (_VIRSH,))
        given = given[place + 1 :]
    return _after_domain(given, rest.end)


def _after_domain(given: list[Text], end: int) -> Text:
    """``[--domain] DOMAIN [--hmp] [--pretty] [--cmd] COMMAND…``; options may stand anywhere before the command."""
    named = False
    while given and (not named or given[0].text.startswith("--")):
        word = given.pop(0)
        if word.text == "--domain" and given:
            named = bool(given.pop(0))
        elif not word.text.startswith("--") or word.text.startswith("--domain="):
            named = True
    if not given:
        raise Wrong(end, "which command is virsh to pass on?", (_VIRSH,))
    return _joined(given)


def _joined(given: list[Text]) -> Text:
    """Words as one line again: a blank between them, at the place after the word before."""
    said: list[str] = []
    where: list[int] = []
    for word in given:
        if said:
            said.append(" ")
            where.append(max(0, word.start - 1))
        said.append(word.text)
        where += word.where
    return Text("".join(said), where, given[-1].end)
