"""The guests made by hand of ``tests/syn.py``, and the recorded ones, as ``check`` sees them."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

SYN = Path(__file__).resolve().parents[1] / "syn.py"


def _load():
    if "hotplugctl_syn" not in sys.modules:
        spec = importlib.util.spec_from_file_location("hotplugctl_syn", SYN)
        module = sys.modules["hotplugctl_syn"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules["hotplugctl_syn"]


@pytest.fixture(scope="session")
def syn():
    """The module that makes guests."""
    return _load()


@pytest.fixture
def guest(syn):
    """An empty tree to be filled."""
    return syn.Guest()


@pytest.fixture
def pc(syn, guest):
    """syn-pc, ready."""
    return syn.pc(guest)


@pytest.fixture
def q35(syn, guest):
    """syn-q35 with pciehp, ready."""
    return syn.q35(guest)


@pytest.fixture
def recorded(syn, recordings):
    """What ``check`` says of a recorded guest: story, stage."""
    return lambda story, stage: syn.check(recordings.stage(story, stage))
