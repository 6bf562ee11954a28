"""What ``validate`` compares: a recording's own evidence, what its witnesses say, and the problems that come of it."""

from collections.abc import Mapping
from typing import NamedTuple, Optional

from hotplugctl.model.config_space import ConfigSpace
from hotplugctl.model.devices import PciFunction
from hotplugctl.model.lspci import LspciRecord
from hotplugctl.model.reads import Failure
from hotplugctl.model.report import Evidence
from hotplugctl.model.resource import ResourceLine

EXPECTED_PATH = "/expected.json"


class Problem(NamedTuple):
    """A contradiction, or evidence that is damaged. ``id`` is ``family.fault`` and never renamed; no finding has it.

    ``where``: the file, or the function and its field. ``witnesses``: who says what.
    """

    id: str
    where: str
    summary: str
    witnesses: tuple[Evidence, ...] = ()


class Claims(NamedTuple):
    """Modules for one modalias: those of modules.alias, and of the built-in ones, which newer lspci lists too."""

    modules: frozenset[str]
    builtin: frozenset[str]


class Subject(NamedTuple):
    """One PCI function as sysfs shows it.

    ``ids``: key of ``list`` → every file that tells it, with its value: modalias and the file of that name need not
    agree in a damaged recording. ``slots``: all names of the slot that it is in. ``claims``: None where not known.
    ``uevent``: the lines of its ``uevent`` file.
    """

    function: PciFunction
    ids: Mapping[str, tuple[Evidence, ...]]
    slots: tuple[str, ...]
    config: Optional[ConfigSpace]
    resources: Optional[tuple[ResourceLine, ...]]
    claims: Optional[Claims]
    uevent: Mapping[str, str] = {}


class Subjects(NamedTuple):
    """All functions by address; ``failure`` where they could not be listed. ``slots_known``: the slots could be."""

    items: Mapping[str, Subject]
    failure: Optional[Failure]
    slots_known: bool


class Claim(NamedTuple):
    """A range that /proc/iomem (or, ``io``, /proc/ioports) has for the host bridge of a root bus (``dddd:bb``)."""

    bus: str
    start: int
    end: int
    io: bool


class Layout(NamedTuple):
    """The buses that there are (``dddd:bb``), the windows of root buses, and the slots: folder → address."""

    buses: frozenset[str]
    claims: tuple[Claim, ...]
    slots: Mapping[str, str]


class ModuleLists(NamedTuple):
    """Loaded modules: /proc/modules (name → state), /sys/module (name → ``initstate``, None: built in), lsmod's names.

    None for a list that is not there, or that does not hold all.
    """

    proc: Optional[Mapping[str, str]]
    sysfs: Optional[Mapping[str, Optional[str]]]
    lsmod: Optional[frozenset[str]]


class Drift(NamedTuple):
    """In what the tree of a stage differs from the uevents up to it, each as (kind, address, what)."""

    stage: str
    missing: tuple[tuple[str, str, str], ...]
    extra: tuple[tuple[str, str, str], ...]


class Flaw(NamedTuple):
    """What is wrong with the lines of a recorded stream. ``fault``: ``malformed``, ``cut-off``,
    ``carriage-return``, ``disordered``, ``doubled``, ``props-differ``, ``log-differs``, ``lost`` or
    ``stages`` (that of ``source`` was not recorded when its name says).

    ``line``: the first that has it, from 1 (0: the file as a whole). ``what``: whose line that is. ``times``: how many
    have it.
    """

    fault: str
    source: str
    line: int
    what: str
    times: int


class Witness(NamedTuple):
    """An lspci text: its path, the form and the records of ``model.lspci``, and its hex dumps (address → header).

    ``failure``: why it could not be read. ``cut``: it ends in the middle of a line.
    """

    source: str
    form: str
    records: tuple[LspciRecord, ...]
    dumps: Mapping[str, ConfigSpace]
    failure: Optional[Failure] = None
    cut: bool = False


class Expectation(NamedTuple):
    """``expected.json``: its object, or in ``fault`` (problem id, summary) why there is none."""

    document: Mapping[str, object]
    fault: Optional[tuple[str, str]] = None


Told = Mapping[str, object]


class Said(NamedTuple):
    """What the commands say of a recording: the verdict and usable mechanisms of ``check``, the records of ``list``.

    ``events``: what ``watch --replay`` tells, None where nothing was recorded or nobody asks.
    """

    verdict: str
    mechanisms: frozenset[str]
    functions: Mapping[str, Mapping[str, object]]
    events: Optional[tuple[Told, ...]] = None


class Breach(NamedTuple):
    """A path where a recording's content is not what its manifest says.

    ``fault``: ``missing``, ``extra`` (the manifest does not have it), ``kind``, ``size``, ``hash``, ``link`` (where it
    leads) or ``path`` (no path that a recording can have; not looked at). ``noted`` and ``found``: what the manifest
    says and what is there, empty where that is nothing.
    """

    path: str
    fault: str
    noted: str
    found: str


class Validation(NamedTuple):
    """One recording, judged."""

    path: str
    problems: tuple[Problem, ...]

    @property
    def valid(self) -> bool:
        """Whether nothing was found."""
        return not self.problems

    @property
    def unreadable(self) -> bool:
        """Whether it could not be read as a recording."""
        return any(problem.id == "recording.unreadable" for problem in self.problems)

    @property
    def unjudged(self) -> bool:
        """Whether a defect of ours kept something from being judged."""
        return any(problem.id == "recording.unjudged" for problem in self.problems)
