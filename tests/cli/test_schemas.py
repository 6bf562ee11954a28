"""Every JSON document fits its schema: of every command, on every recorded guest, and on this machine."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

import hotplugctl as package

SCHEMAS = {
    path.name[: -len(".schema.json")]: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((Path(package.__file__).parent / "schemas").glob("*.json"))
}
VALIDATORS = {name: Draft202012Validator(schema) for name, schema in SCHEMAS.items()}

UEVENTS = """\
KERNEL[212.000512] add      /devices/pci0000:00/0000:00:04.0 (pci)
ACTION=add
DEVPATH=/devices/pci0000:00/0000:00:04.0
SUBSYSTEM=pci
SEQNUM=1501

{"t": 3.5, "group": 1, "b64": "", "props": {"ACTION": "add", "DEVPATH": "/devices/x", "SUBSYSTEM": "pci"}}
"""
JOURNAL = (
    '{"__REALTIME_TIMESTAMP":"1795392000123456","_SOURCE_MONOTONIC_TIMESTAMP":"1500000","PRIORITY":"6",'
    '"SYSLOG_FACILITY":"0","MESSAGE":"pci 0000:00:04.0: [1af4:1001] type 00 class 0x010000"}\n'
)
NOISE = "\x1b[31m\0\u202e\x85 : = \udcff\n{["


def faults(name: str, document: object) -> list[str]:
    """What the schema has against a document."""
    return [f"{'/'.join(map(str, error.path))}: {error.message}" for error in VALIDATORS[name].iter_errors(document)]


@pytest.mark.parametrize("command", ["check", "slots", "list", "explain"])
def test_a_recorded_guest(truth, answers, command):
    assert not faults(command, answers(command, truth["story"], truth["stage"]))


@pytest.mark.parametrize("command", ["check", "slots", "list", "explain"])
def test_this_machine(hotplugctl, command):
    done = hotplugctl(command, "--json")
    assert done.status in (0, 1, 3)
    assert not faults(command, done.document)


@pytest.mark.parametrize("command", ["check", "slots", "list", "explain"])
@pytest.mark.parametrize("held", [["sys"], ["boot"], ["sys/bus/pci/devices"], ["sys/bus/pci/slots", "sys/module"]])
def test_a_tree_that_holds_next_to_nothing(hotplugctl, tmp_path, command, held):
    for folder in held:
        (tmp_path / folder).mkdir(parents=True)
    done = hotplugctl(command, "--json", "--root", tmp_path)
    assert done.status in (0, 3) and not done.err
    assert not faults(command, done.document)


@pytest.mark.parametrize("text", ["lspci", "lspci_Dnnk", "lspci_Dvmmnnk", "lspci_vvv"])
@pytest.mark.parametrize("story", ["burst", "q35-hotbridge-short", "pc-bridge-shpc"])
def test_parse_lspci(hotplugctl, recordings, story, text):
    done = hotplugctl("parse", "lspci", recordings.stage(story, "after") / "cmd" / text)
    assert (done.status, done.err) == (0, "")
    assert done.document["records"]
    assert not faults("parse.lspci", done.document)


@pytest.mark.parametrize("story", ["pc-nobar", "q35-rootport-native@forky", "q35-hotbridge-short"])
def test_parse_dmesg(hotplugctl, recordings, story):
    done = hotplugctl("parse", "dmesg", recordings.stage(story, "after") / "cmd" / "kmsg")
    assert done.status == 0
    assert any(record["event"] for record in done.document["records"])
    assert not faults("parse.dmesg", done.document)


def test_parse_kconfig(hotplugctl, recordings):
    (config,) = (recordings.stage("pc-nobar", "before") / "boot").iterdir()
    done = hotplugctl("parse", "kconfig", config)
    assert done.document["kernel"] and done.document["records"]
    assert not faults("parse.kconfig", done.document)


@pytest.mark.parametrize(
    "kind, text",
    [
        ("uevents", UEVENTS),
        ("dmesg", JOURNAL),
        ("dmesg", "[Sun Nov 22 20:27:35 2026] pci 0000:00:04.0: BAR 0: assigned [io 0xc000-0xc03f]\n"),
        ("dmesg", "Nov 22 20:27:35 host kernel: [  12.5] pciehp 0000:00:02.0:pcie004: Slot(1): Card present\nnoise"),
        *((kind, "") for kind in ("lspci", "dmesg", "kconfig", "uevents")),
        *((kind, NOISE) for kind in ("lspci", "dmesg", "kconfig", "uevents")),
    ],
)  # fmt: skip
def test_parse_any_text(hotplugctl, kind, text):
    done = hotplugctl("parse", kind, "-", stdin=text.encode("utf-8", "surrogateescape"))
    assert (done.status, done.err) == (0, "")
    assert not faults(f"parse.{kind}", done.document)


def test_record(hotplugctl, recordings, tmp_path):
    done = hotplugctl(
        "record", tmp_path / "out", "--no-scrub", "--json", "--root", recordings.stage("pc-virtio", "added")
    )
    assert done.status == 0
    assert not faults("record", done.document)


def broken(document: dict, *path: object, value: object) -> dict:
    """A copy of the document with another value at a path; without one, where ``value`` is ``...``."""
    copied = copy.deepcopy(document)
    at = copied
    for key in path[:-1]:
        at = at[key]
    if value is ...:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return copied


@pytest.mark.parametrize(
    "command, path, value",
    [
        ("check", ("verdict",), "maybe"),
        ("check", ("schema",), "hotplugctl.check/2"),
        ("check", ("guest", "kernel"), None),
        ("check", ("guest", "surprise"), 1),
        ("check", ("mechanisms", 0, "state"), "running"),
        ("check", ("mechanisms", 0, "present"), None),
        ("check", ("mechanisms", 0, "slots"), ...),
        ("check", ("headroom", "buses", 0, "port"), "00:02.0"),
        ("check", ("headroom", "free_slots"), None),
        ("check", ("findings", 0, "status"), "failed"),
        ("check", ("findings", 0, "evidence"), []),
        ("check", ("findings", 0, "remedy"), ""),
        ("check", ("findings", 0, "id"), "bus.Unserved"),
        ("slots", ("slots", 0, "address"), "0000:01:00.0"),
        ("slots", ("slots", 0, "power"), "1"),
        ("slots", ("slots", 0, "occupied"), None),
        ("slots", ("slots",), None),
        ("list", ("functions", 0, "vendor"), "0x8086"),
        ("list", ("functions", 0, "class"), "0600"),
        ("list", ("functions", 0, "enabled"), None),
        ("list", ("functions", 0, "nodes"), ...),
        ("list", ("functions", 0, "nodes"), None),
        ("list", ("functions", 0, "unknown"), {"nodes": "denied"}),
        ("list", ("functions", -1, "unknown"), {"slot": "denied"}),
        ("list", ("functions", -1, "nodes", 0, "detail", "size"), None),
        ("list", ("functions", -1, "nodes", 0, "detail", "speed"), 1),
    ],
)
def test_drift_is_seen(answers, command, path, value):
    assert faults(command, broken(answers(command, "q35-rootport-acpi", "added"), *path, value=value))


def test_schemas_are_sound():
    for name, schema in SCHEMAS.items():
        Draft202012Validator.check_schema(schema)
        # Of watch it is the first line that says so.
        said = schema["$defs"]["hello"] if name == "watch" else schema
        assert said["properties"]["schema"] == {"const": f"hotplugctl.{name.partition('.')[0]}/1"}
        assert schema["$id"].startswith(f"hotplugctl.{name.partition('.')[0]}/1")


def test_every_object_is_closed():
    """No key can come unseen: each object names its keys, or is a map of values of one kind."""

    def objects(schema: object):
        if isinstance(schema, dict):
            if schema.get("type") == "object":
                yield schema
            for value in schema.values():
                yield from objects(value)
        elif isinstance(schema, list):
            for value in schema:
                yield from objects(value)

    # A node's detail is closed by the schema of its subsystem.
    open_ones = [
        (name, found)
        for name, schema in SCHEMAS.items()
        for found in objects(schema)
        if "additionalProperties" not in found and found != {"type": "object"}
    ]
    assert not open_ones


def test_what_two_schemas_define_is_the_same():
    seen: dict[str, object] = {}
    for schema in SCHEMAS.values():
        for name, definition in schema.get("$defs", {}).items():
            if name != "record":
                assert seen.setdefault(name, definition) == definition, name
