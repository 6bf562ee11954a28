"""The lab's judge: silent where hotplugctl and the host agree, one line for every place where they do not."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from typing import Any, Optional
from xml.etree import ElementTree

import pytest

from tests.lab import oracle, report, runner
from tests.lab.guest import HostFunction
from tests.lab.oracle import Host, Spoken
from tests.lab.plan import Collect, Hardware, Scenario, Sees, Snap, Step
from tests.lab.runner import Job, Outcome
from tests.lab.scenarios import ALL

DISK = "0000:00:02.0"
HOST = Host(
    {
        "0000:00:00.0": HostFunction("0000:00:00.0", "8086", "1237", "", "06"),
        DISK: HostFunction(DISK, "1af4", "1001", "vb1", "01"),
    },
    {"vb1": DISK},
)
SNAP = Snap("added", "ready", mechanisms=frozenset({"acpiphp"}), free=27, slots=30,
            sees=(Sees("vb1", "virtio-pci", {"block": 1}),))  # fmt: skip

LIST = {
    "functions": [
        {"address": "0000:00:00.0", "vendor": "8086", "device": "1237", "driver": None, "nodes": []},
        {
            "address": DISK, "vendor": "1af4", "device": "1001", "driver": "virtio-pci",
            "nodes": [{"subsystem": "block"}, {"subsystem": "virtio"}],
        },
    ]
}  # fmt: skip
SLOTS = {
    "slots": [
        {"name": "2", "address": "0000:00:02", "occupied": True},
        {"name": "3", "address": "0000:00:03", "occupied": False},
    ],
    "headroom": {"free_slots": 27, "slots": 30},
}
CHECK = {
    "verdict": "ready",
    "mechanisms": [{"name": "acpiphp", "usable": True}, {"name": "pciehp", "usable": False}],
    "headroom": {"free_slots": 27, "slots": 30},
    "findings": [
        {"id": "bus.unserved", "status": "fail", "severity": "info", "summary": "", "detail": None},
        {"id": "slot.none-free", "status": "pass", "severity": "warning", "summary": "", "detail": None},
    ],
}


def said(document: Any, code: int = 0, stderr: str = "") -> Spoken:
    return Spoken(code, copy.deepcopy(document), stderr)


def test_it_is_silent_where_all_agree() -> None:
    assert list(oracle.wrong_list(SNAP, HOST, said(LIST))) == []
    assert list(oracle.wrong_slots(SNAP, HOST, said(SLOTS))) == []
    assert list(oracle.wrong_check(SNAP, said(CHECK))) == []
    assert list(oracle.wrong_replay("list", said(LIST), said(LIST))) == []


@pytest.mark.parametrize(
    ("place", "value", "line"),
    [
        (("functions", 1, "address"), "0000:00:03.0", "list: 0000:00:02.0 is missing (QEMU has vb1 there)"),
        (("functions", 1, "address"), "0000:00:03.0", "list: 0000:00:03.0 should not be there"),
        (("functions", 0, "device"), "1238", "list: 0000:00:00.0 is 8086:1238, QEMU says 8086:1237"),
        (("functions", 1, "driver"), None, "list: vb1 (0000:00:02.0) has driver None, expected virtio-pci"),
        (("functions", 1, "nodes"), [], "list: vb1 (0000:00:02.0) has nodes {}, expected {'block': 1}"),
    ],
)
def test_list(place: tuple[Any, ...], value: object, line: str) -> None:
    assert line in list(oracle.wrong_list(SNAP, HOST, said(changed(LIST, place, value))))


def test_list_where_the_guest_cannot_know() -> None:
    unseen = SNAP._replace(sees=(), unseen=("vb1",))
    assert list(oracle.wrong_list(unseen, HOST, said(LIST))) == ["list: 0000:00:02.0 should not be there"]
    gone = HOST._replace(functions={"0000:00:00.0": HOST.functions["0000:00:00.0"]})
    assert list(oracle.wrong_list(SNAP._replace(sees=(), ghosts=("vb1",)), gone, said(LIST))) == []
    assert list(oracle.wrong_list(SNAP._replace(sees=()), gone, said(LIST))) == [
        "list: 0000:00:02.0 should not be there"
    ]


@pytest.mark.parametrize(
    ("place", "value", "line"),
    [
        (("slots", 0, "occupied"), False, "slots: 2 at 0000:00:02: occupied is False, QEMU says True"),
        (("slots", 1, "occupied"), True, "slots: 3 at 0000:00:03: occupied is True, QEMU says False"),
        (("headroom", "free_slots"), 28, "slots: free_slots is 28, expected 27"),
        (("headroom", "slots"), None, "slots: slots is None, expected 30"),
    ],
)
def test_slots(place: tuple[Any, ...], value: object, line: str) -> None:
    assert list(oracle.wrong_slots(SNAP, HOST, said(changed(SLOTS, place, value)))) == [line]


@pytest.mark.parametrize(
    ("place", "value", "line"),
    [
        (("verdict",), "limited", "check: verdict is limited, expected ready"),
        (("mechanisms", 1, "usable"), True, "check: usable are ['acpiphp', 'pciehp'], expected ['acpiphp']"),
        (("findings", 1, "status"), "fail", "check: finding not expected: slot.none-free: "),
        (("findings", 1, "status"), "crashed", "check: rule slot.none-free crashed: None"),
        (("headroom", "free_slots"), 1, "check: free_slots is 1, expected 27"),
    ],
)
def test_check(place: tuple[Any, ...], value: object, line: str) -> None:
    assert list(oracle.wrong_check(SNAP, said(changed(CHECK, place, value)))) == [line]


def test_check_that_misses_a_finding() -> None:
    wanted = SNAP._replace(findings=frozenset({"log.oops"}))
    assert list(oracle.wrong_check(wanted, said(CHECK))) == ["check: finding missing: log.oops"]
    assert list(oracle.wrong_check(SNAP, said(CHECK, code=1))) == ["check: exit status 1, expected 0"]
    assert "check: no JSON, exit status 70: defect" in list(oracle.wrong_check(SNAP, said(None, 70, "defect\n")))


def finding(id: str, *because: str, address: Optional[str] = None, severity: str = "warning") -> dict[str, Any]:
    return {"id": id, "status": "fail", "severity": severity, "address": address, "because": list(because)}


def explained(*findings: dict[str, Any], kind: str = "overview", good: bool = False, code: int = 1) -> Spoken:
    return said({"kind": kind, "good": good, "headline": "so", "findings": list(findings)}, code)


def test_the_cause_comes_first() -> None:
    cause, effect = finding("bus.no-window"), finding("bar.unassigned", "bus.no-window")
    assert list(oracle.wrong_cause(explained(cause, effect), "bus.no-window")) == []
    assert list(oracle.wrong_cause(explained(cause, effect), "")) == [
        "check: bus.no-window comes first, expected that the scenario names its cause"
    ]
    assert list(oracle.wrong_cause(explained(effect, cause), "bar.unassigned")) == [
        "check: bar.unassigned comes before its cause, bus.no-window"
    ]
    assert list(oracle.wrong_cause(explained(finding("a.b", severity="info"), effect), "")) == []


def test_the_survey_begins_as_check_does() -> None:
    first, second = finding("bus.no-window"), finding("bar.unassigned")
    check = explained(first, second)
    assert list(oracle.wrong_survey(check, explained(first))) == []
    assert list(oracle.wrong_survey(check, explained(second))) == [
        "explain: ['bar.unassigned'] comes first, expected ['bus.no-window']"
    ]
    assert list(oracle.wrong_survey(explained(), explained(good=False))) == [
        "explain: says 'so', and check finds nothing wrong"
    ]
    assert list(oracle.wrong_survey(explained(), explained(good=True, code=0))) == []


def test_a_device_is_explained_as_check_has_it() -> None:
    about = finding("driver.not-bound", address=DISK)
    check = explained(about, finding("bus.no-window", address="0000:00:05.0"))
    fine = explained(kind="function", good=True, code=0)
    assert list(oracle.wrong_device(DISK, check, explained(about, kind="function"), False)) == []
    assert list(oracle.wrong_device(DISK, explained(), fine, False)) == []
    assert list(oracle.wrong_device(DISK, check, fine, False)) == [
        f"explain {DISK}: exit status 0, expected 1: so",
        f"explain {DISK}: does not say driver.not-bound",
    ]
    assert list(oracle.wrong_device(DISK, explained(), explained(kind="nowhere"), True)) == []
    assert list(oracle.wrong_device(DISK, explained(), fine, True)) == [
        f"explain {DISK}: exit status 0, expected 1: so",
        f"explain {DISK}: it is there, and the guest cannot know of it",
    ]


@pytest.mark.parametrize("scenario", ALL, ids=lambda scenario: scenario.name)
def test_a_scenario_names_its_cause(scenario: Scenario) -> None:
    """Where several things are wrong at once; and it is one of these."""
    several = [snap.findings for snap in _snaps(scenario.steps) if len(snap.findings) > 1]
    assert bool(several) == bool(scenario.cause)
    assert all(scenario.cause in findings for findings in several)


def _snaps(steps: Iterable[Step]) -> Iterator[Snap]:
    for step in steps:
        if isinstance(step, (Snap, Collect)):
            yield step if isinstance(step, Snap) else step.snap


def test_replay_names_the_place() -> None:
    other = changed(CHECK, ("findings", 0, "summary"), "else")
    assert list(oracle.wrong_replay("check", said(CHECK), said(other))) == [
        "check: findings[0].summary is '' live, 'else' from the recording"
    ]
    live, recorded = {"guest": {"source": "live"}}, {"guest": {"source": "recording"}}
    assert list(oracle.wrong_replay("check", said(live), said(recorded))) == []


def changed(document: Any, place: tuple[Any, ...], value: object) -> Any:
    made = copy.deepcopy(document)
    inner = made
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return made


def test_expected_is_what_a_recording_must_say() -> None:
    assert oracle.expected(SNAP, HOST) == {
        "verdict": "ready",
        "mechanisms": ["acpiphp"],
        "functions": {DISK: {"vendor": "1af4", "device": "1001", "driver": "virtio-pci"}},
    }


def test_who_shares_a_boot() -> None:
    pc, q35 = Hardware("pc"), Hardware("q35")

    def job(name: str, hardware: Hardware, release: str = "bookworm", **more: bool) -> Job:
        return Job(Scenario(name, hardware, (), **more), release)  # type: ignore[arg-type]

    jobs = [job("a", pc), job("spoils-1", pc, spoils=True), job("b", pc), job("spoils-2", pc, spoils=True)]
    jobs += [job("c", q35), job("d", pc, "trixie"), job("kept", pc, fixture=True)]
    found = {tuple(job.name for job in chain) for chain in runner.chains(jobs)}
    assert found == {("a", "b", "spoils-1"), ("spoils-2",), ("c",), ("d@trixie",), ("kept",)}


def test_the_reports_hold_what_happened(tmp_path: Any) -> None:
    outcomes = [
        Outcome("one", "passed", "6.1.0", "+vb1", "added: ready", 1.5, (), ()),
        Outcome("two", "failed", "6.1.0", "+x | y", "", 2.0, ("check: \x1b[31mwrong",), (tmp_path,)),
        Outcome("three", "error", "5.10", "", "", 0.5, ("lost",), ()),
    ]
    report.junit(outcomes, tmp_path / "junit.xml")
    suite = ElementTree.parse(tmp_path / "junit.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "1", "1")
    assert [case.get("name") for case in suite] == ["one", "two", "three"]
    failure = suite[1].find("failure")
    assert failure is not None and failure.get("message") == "check: ?[31mwrong"
    assert str(tmp_path) in (failure.text or "")
    assert suite[2].find("error") is not None
    lines = report.table(outcomes).splitlines()
    assert lines[2] == "| one | 6.1.0 | passed | +vb1 | added: ready | 2 |"
    assert "+x \\| y" in lines[3]
