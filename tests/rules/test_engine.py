"""How rules are run, ordered and explained; and that each of them is tested both ways."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from hotplugctl.model.report import SEVERITIES, Evidence, Finding
from hotplugctl.rules import catalogue
from hotplugctl.rules.causes import link_causes
from hotplugctl.rules.engine import run
from hotplugctl.rules.registry import RULES, Fault, Rule, Undecided, rule

HERE = Path(__file__).parent


def made(outcomes: Iterable, identifier="test.made", severity="warning", needs=(), remedy=None) -> Rule:
    def check(snapshot):
        """Something is wrong.

        When it is. Source: a test.
        """
        yield from outcomes

    return Rule(identifier, severity, "guest", needs, remedy, check)


# Those of images have trees of their own: tests/collect/test_image.py, tests/rules/test_image.py.
OF_A_RUNNING_GUEST = sorted(rule.id for rule in catalogue.select())


@pytest.fixture
def snapshot(pc):
    return pc.check().snapshot


@pytest.mark.parametrize("identifier", OF_A_RUNNING_GUEST)
def test_every_rule_is_seen_silent_and_firing(identifier):
    texts = "\n".join(path.read_text(encoding="utf-8") for path in sorted(HERE.glob("test_*.py")))
    for half in ("silent", "fires"):
        direct = rf'\.{half}\(\s*"{re.escape(identifier)}"'
        # The rules of one machine are also asked in one loop.
        assert re.search(direct, texts) or (half == "silent" and _in_a_loop(identifier, texts)), half


def _in_a_loop(identifier: str, texts: str) -> bool:
    return any(
        f'"{identifier}"' in names for names in re.findall(r"for rule in (\([^)]*\)):\s+said\.silent\(rule\)", texts)
    )


@pytest.mark.parametrize("identifier", OF_A_RUNNING_GUEST)
def test_every_rule_says_what_it_is(identifier):
    found = RULES[identifier]
    assert re.fullmatch(r"[a-z]+\.[a-z0-9]+(-[a-z0-9]+)*", identifier)
    assert found.check.__module__ == f"hotplugctl.rules.{identifier.partition('.')[0]}"
    assert found.severity in SEVERITIES
    assert found.side in ("guest", "host", "image")
    assert found.title.endswith(".")
    assert found.text
    assert found.remedy is None or "\n" not in found.remedy


def test_an_id_is_taken_once():
    with pytest.raises(ValueError, match=r"kernel\.core-absent"):
        rule("kernel.core-absent", "error")(lambda snapshot: ())


# Running.


def test_nothing_wrong_is_a_pass(snapshot):
    (finding,) = run([made([])], snapshot)
    assert (finding.status, finding.severity, finding.summary) == ("pass", "info", "Something is wrong.")


def test_a_fault(snapshot):
    fault = Fault("it", "it broke", (Evidence("/x", "1"),), "0000:00:01.0")
    (finding,) = run([made([fault], remedy="mend it")], snapshot)
    assert finding == Finding(
        "test.made", "fail", "warning", "it", "0000:00:01.0", "it broke", None, (), (Evidence("/x", "1"),), "mend it"
    )


def test_what_a_fault_says_goes_before_the_rule(snapshot):
    fault = Fault("it", "it broke", severity="info", side="host", remedy="")
    (finding,) = run([made([fault], remedy="mend it")], snapshot)
    assert (finding.severity, finding.side, finding.remedy) == ("info", "host", None)


def test_a_crash_silences_nobody(snapshot):
    def check(snapshot):
        """A broken rule."""
        yield Fault("a", "b")
        raise LookupError("gone")

    broken = Rule("test.broken", "error", "guest", (), None, check)
    first, second = run([broken, made([Fault("it", "broke")])], snapshot)
    assert (first.status, first.detail) == ("crashed", "LookupError: gone")
    assert (second.id, second.status) == ("test.made", "fail")


def test_undecided(snapshot):
    (finding,) = run([made([Undecided("it", "no light")])], snapshot)
    assert (finding.status, finding.subject, finding.detail) == ("unknown", "it", "no light")


def test_what_a_rule_needs_is_missing(pc):
    pc.remove("sys/bus/pci/slots")
    said = pc.check()
    assert "/sys/bus/pci/slots" in said.unknown("slot.none-free")


# Order and causes.


def failed(identifier, severity="warning", subject=None, address=None):
    return Finding(identifier, "fail", severity, subject, address)


def test_causes_come_first_then_the_graver(snapshot):
    rules = [
        made([Fault("a", "a")], "bus.unserved", "warning"),
        made([], "test.silent"),
        made([Fault("b", "b")], "udev.not-running", "info"),
        made([Fault("acpiphp", "c")], "kernel.core-absent", "error"),
        made([Undecided("d", "d")], "test.dark", "error"),
        made([Fault("e", "e")], "test.bad", "error"),
    ]
    assert [finding.id for finding in run(rules, snapshot)] == [
        "kernel.core-absent", "test.bad", "udev.not-running", "bus.unserved", "test.dark", "test.silent",
    ]  # fmt: skip


def test_an_effect_comes_after_all_of_its_causes(snapshot):
    """driver.not-bound is explained by both of the others, and one of these by the other one."""
    ids = ("driver.not-bound", "driver.probe-failed", "bar.unassigned")
    rules = [made([Fault("a", "a", address="0000:00:03.0")], id, "warning") for id in ids]
    found = run(rules, snapshot)
    assert [finding.id for finding in found] == ["bar.unassigned", "driver.probe-failed", "driver.not-bound"]
    assert set(found[2].because) == {"bar.unassigned", "driver.probe-failed"}


def test_a_cause_of_the_same_device_only():
    bar = failed("bar.unassigned", address="0000:00:03.0")
    here = failed("driver.not-bound", address="0000:00:03.0")
    there = failed("driver.not-bound", address="0000:00:04.0")
    linked = link_causes([bar, here, there], [None, None, None])
    assert [finding.because for finding in linked] == [(), ("bar.unassigned",), ()]


def test_a_cause_of_the_mechanism_that_is_needed_there():
    off = failed("kernel.mechanism-disabled", "error", subject="pciehp")
    port, bridge = failed("bus.unserved"), failed("bus.unserved")
    linked = link_causes([off, port, bridge], [None, "pciehp", "shpchp"])
    assert [finding.because for finding in linked] == [(), ("kernel.mechanism-disabled",), ()]


@pytest.mark.parametrize("severity, status", [("info", "fail"), ("error", "pass"), ("error", "unknown")])
def test_what_is_no_fault_explains_nothing(severity, status):
    cause = Finding("kernel.core-absent", status, severity)
    (_, effect) = link_causes([cause, failed("bus.unserved")], [None, None])
    assert effect.because == ()


def test_every_cause_is_a_rule():
    from hotplugctl.rules import causes

    assert {name for effect, cause, _ in causes._CAUSES for name in (effect, cause)} <= set(RULES)


# Choosing.


def test_choosing():
    ids = [rule.id for rule in catalogue.select()]
    images = [rule.id for rule in catalogue.select(image=True)]
    assert sorted({*ids, *images}) == sorted(RULES)
    assert not [name for name in ids if name.startswith("image.")]
    assert {name.partition(".")[0] for name in images} == {"guest", "image", "kernel"}
    assert [rule.id for rule in catalogue.select(only=["slot.none-free"])] == ["slot.none-free"]
    assert {rule.id.partition(".")[0] for rule in catalogue.select(only=["slot", "bar"])} == {"slot", "bar"}
    assert not [rule for rule in catalogue.select(skip=["slot"]) if rule.id.startswith("slot.")]
    assert catalogue.unknown_ids(["slot", "slot.none-free", "slots"]) == ("slots",)
