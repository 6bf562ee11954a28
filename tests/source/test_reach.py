"""Do uevents reach a process in a namespace of its own?"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hotplugctl.source.reach import INITIAL_USER, Reach, reach

CHECKOUT = Path(__file__).resolve().parents[2]
SAY = "from hotplugctl.source.reach import reach; print(reach().kernel)"


def unshared(*flags: str) -> str:
    """What a process in namespaces of its own finds."""
    done = subprocess.run(
        ["unshare", *flags, sys.executable, "-c", SAY], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    if "unshare" in done.stderr or done.returncode:
        pytest.skip(f"this kernel lets us have no namespace of our own: {done.stderr.strip()}")
    return done.stdout.strip()


def test_a_network_of_a_users_own_hears_nothing() -> None:
    assert unshared("--user", "--map-root-user", "--net") == "False"


def test_a_network_of_roots_own_hears_the_kernel() -> None:
    if os.geteuid() or os.stat("/proc/self/ns/user").st_ino != INITIAL_USER:
        pytest.skip("only root of the first user namespace can make such a network namespace")
    assert unshared("--net") == "True"


def test_a_user_alone_may_hear_it() -> None:
    """The network is still that of the machine, and whose that is cannot be known from inside."""
    assert unshared("--user", "--map-root-user") == "None"


def test_a_kernel_without_namespaces(tmp_path: Path) -> None:
    found = reach(str(tmp_path / "user"), str(tmp_path / "net"))
    assert found == Reach(None, f"{tmp_path / 'user'}: no such file or directory")
