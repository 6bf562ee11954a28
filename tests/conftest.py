"""What all tests share: examples, golden files, recorded guests and those made by hand, the command line as a call."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import os
import signal
import sys
import tarfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple, Optional
from unittest import mock

import pytest
from hypothesis import HealthCheck, settings

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
# What a user's shell may hold and a test must not.
SETTINGS = ("HOTPLUGCTL_ROOT", "HOTPLUGCTL_DEBUG", "NO_COLOR", "COLUMNS")

# The same examples every time, and no clock: a slow machine fails nothing. `--hypothesis-profile=search` looks further.
settings.register_profile(
    "house", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("search", deadline=None, max_examples=2000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write golden files anew in place of comparing")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[Path, str], None]:
    """Compare a text with a golden file, or write that (``make golden``). A golden shows changes; it proves nothing."""

    def compare(path: Path, text: str) -> None:
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.is_file(), f"{path} is missing: `make golden` writes it"
        assert text == path.read_text(encoding="utf-8")

    return compare


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for ``truth`` runs once for every recorded snapshot, with its row of fixtures/TRUTH.tsv."""
    if "truth" in metafunc.fixturenames:
        with (FIXTURES / "TRUTH.tsv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
        metafunc.parametrize("truth", rows, ids=[f"{row['story']}-{row['stage']}" for row in rows])


class Outcome(NamedTuple):
    """How a command ended, and what it said."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> dict:
        """Its one JSON document."""
        return json.loads(self.out)


@contextmanager
def _stream(data: bytes) -> Iterator[io.TextIOWrapper]:
    with io.TextIOWrapper(io.BytesIO(data), encoding="utf-8", write_through=True) as stream:
        yield stream


def call(*arguments: object, stdin: bytes = b"", environment: Optional[dict[str, str]] = None) -> Outcome:
    """Run the command line in this process, with streams and environment of its own."""
    from hotplugctl.cli.main import run

    clean = {key: value for key, value in os.environ.items() if key not in SETTINGS}
    before = signal.getsignal(signal.SIGTERM)
    with ExitStack() as stack:
        out, err, given = (stack.enter_context(_stream(data)) for data in (b"", b"", stdin))
        stack.callback(signal.signal, signal.SIGTERM, before)
        stack.enter_context(mock.patch.dict(os.environ, {**clean, **(environment or {})}, clear=True))
        stack.enter_context(mock.patch.object(sys, "stdin", given))
        stack.enter_context(redirect_stdout(out))
        stack.enter_context(redirect_stderr(err))
        status = run([str(argument) for argument in arguments])
        texts = [stream.buffer.getvalue().decode("utf-8") for stream in (out, err)]
    return Outcome(status, *texts)


@pytest.fixture(scope="session")
def hotplugctl() -> Callable[..., Outcome]:
    """The command line as a call: arguments in, outcome out."""
    return call


class Recordings:
    """The recordings under fixtures/, each unpacked once, when it is first asked for. Not to be written to."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.archives = {path.name[: -len(".tar.xz")]: path for path in (FIXTURES / "recordings").glob("*.tar.xz")}

    def story(self, story: str) -> Path:
        """The folder of a story."""
        folder = self._folder / story
        if not folder.exists():
            with tarfile.open(self.archives[story]) as archive:
                trusted = {"filter": "fully_trusted"} if hasattr(tarfile, "fully_trusted_filter") else {}
                archive.extractall(self._folder, **trusted)
        return folder

    def stage(self, story: str, stage: str) -> Path:
        """The folder of one recording of a story."""
        return self.story(story) / stage

    def stages(self, story: str) -> list[str]:
        """The names of a story's recordings."""
        return sorted(path.name for path in self.story(story).iterdir() if path.is_dir())


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Recordings:
    """The recordings under fixtures/."""
    return Recordings(tmp_path_factory.mktemp("recordings"))


@pytest.fixture(scope="session")
def answers(recordings: Recordings) -> Callable[[str, str, str], dict]:
    """The JSON document of a command on a recorded snapshot: each is made once."""
    made: dict[tuple[str, str, str], dict] = {}

    def answer(command: str, story: str, stage: str) -> dict:
        key = (command, story, stage)
        if key not in made:
            done = call(command, "--json", "--root", recordings.stage(story, stage))
            assert done.err == ""
            made[key] = done.document
        return made[key]

    return answer


SYN = Path(__file__).resolve().parent / "syn.py"


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
