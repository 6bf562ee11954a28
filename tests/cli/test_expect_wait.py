"""The waiting of ``expect``: a machine that changes by the script of a test, in place of one that is listened to."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from hotplugctl.cli import exit as status
from hotplugctl.cli import expect_wait
from hotplugctl.collect import view
from hotplugctl.parse.monitor_command import parse
from hotplugctl.rules import expectation
from hotplugctl.source.door import open_tree


@pytest.fixture(scope="module")
def looks(recordings):
    """A guest before and after a virtio disk and others came."""
    found = []
    for stage in ("before", "added"):
        tree = open_tree(str(recordings.stage("pc-virtio", stage)), None, None)
        found.append(view.collect(tree))
        tree.close()
    return found


@pytest.fixture
def scripted(monkeypatch, looks, capsys):
    """Run the waiting: ``views`` are the looks that it takes, one after another; ``ready`` after how many of them."""

    def run(text: str, views: list[int], ready: int = 0, recovered: bool = True):
        before = looks[views[0]]
        expected = expectation.expectation(parse(text), before)
        now = [0.0]
        taken = []

        class Loop:
            def __init__(self, _tree, _hearing, sink, _explain):
                self.sink = sink
                self.enough = False
                self.recovered = recovered
                self.state = SimpleNamespace(functions={f.address: f for f in looks[1].functions.items})

            def begin(self):
                pass

            def run(self, until, stopped):
                assert until == 10.0
                now[0] += 1.0
                # One that is told that it is enough drops what is left of a batch.
                assert self.sink.tell([object()]) is False
                assert stopped()

        def collect(_tree):
            taken.append(0)
            return looks[views[min(len(taken), len(views) - 1)]]

        monkeypatch.setattr(expect_wait, "Loop", Loop)
        monkeypatch.setattr(expect_wait, "open_ears", lambda *_, **__: SimpleNamespace(ears=SimpleNamespace(close=int)))
        monkeypatch.setattr(expect_wait.view, "collect", collect)
        monkeypatch.setattr(expect_wait, "reached", lambda *_: len(taken) > ready)
        monkeypatch.setattr(expect_wait, "held_up", lambda *_: "is slow")
        monkeypatch.setattr(expect_wait.clock, "monotonic", lambda: now[0])
        done = expect_wait.wait(object(), expected, before, 10.0)
        return done, len(taken), "listening" in capsys.readouterr().err

    return run


BLOCK = "device_add virtio-blk-pci,id=vb1"


def test_it_comes(scripted):
    done, taken, listened = scripted(BLOCK, [0, 0, 0, 1])
    assert (done.code, done.sighting.seen, done.sighting.address) == (status.YES, True, "0000:00:02.0")
    assert (taken, done.seconds, listened) == (3, 2.0, True)


def test_it_comes_and_is_slow(scripted):
    done, taken, _ = scripted(BLOCK, [0, 1], ready=4)
    assert (done.code, taken) == (status.YES, 5)


def test_it_comes_and_is_never_ready(scripted):
    done, _, _ = scripted(BLOCK, [0, 1], ready=999)
    assert (done.code, done.sighting.seen) == (status.TIMED_OUT, True)
    assert any("is slow" in remark for remark in done.sighting.remarks)


def test_it_never_comes(scripted):
    done, _, _ = scripted(BLOCK, [0])
    assert (done.code, done.sighting.seen, done.seconds) == (status.TIMED_OUT, False, 10.0)


def test_what_was_lost_is_said(scripted):
    assert scripted(BLOCK, [0], recovered=False)[0].code == status.LOST


def test_what_is_there_already_counts_where_the_command_names_it(scripted):
    done, taken, listened = scripted("OK domain 0, bus 0, slot 2, function 0", [1])
    assert (done.code, taken, listened) == (status.YES, 1, False)
    assert scripted(BLOCK, [1])[0].code == status.TIMED_OUT


def test_it_goes(scripted):
    done, _, _ = scripted("pci_del 2", [1, 1, 0], ready=999)
    assert (done.code, done.sighting.seen, done.sighting.address) == (status.YES, True, "0000:00:02.0")
    assert scripted("device_del vb1", [1, 1, 0], ready=999)[0].code == status.YES
