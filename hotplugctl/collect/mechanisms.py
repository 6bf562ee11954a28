"""The hot-plug mechanisms of the kernel: built in, loaded, loadable, absent, disabled, and what says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Optional

from hotplugctl.collect.kernel_config import KernelConfig, unknown_reason
from hotplugctl.collect.modules import Installed
from hotplugctl.model.cmdline import CommandLine
from hotplugctl.model.listing import Names
from hotplugctl.model.reads import Absent, Failed, Value, reason
from hotplugctl.model.report import Evidence
from hotplugctl.model.snapshot import Mechanism
from hotplugctl.source.tree import Tree

CORE = ("pci_hotplug", "CONFIG_HOTPLUG_PCI")
# The three that serve slots in virtual machines carry module parameters on every kernel, so that a folder in
# /sys/module proves them and its absence from a populated /sys/module disproves them.
MAIN = (
    ("acpiphp", "CONFIG_HOTPLUG_PCI_ACPI"),
    ("pciehp", "CONFIG_HOTPLUG_PCI_PCIE"),
    ("shpchp", "CONFIG_HOTPLUG_PCI_SHPC"),
)
REST = (
    ("acpiphp_ibm", "CONFIG_HOTPLUG_PCI_ACPI_IBM"),
    ("acpiphp_ampere_altra", "CONFIG_HOTPLUG_PCI_ACPI_AMPERE_ALTRA"),
    ("cpcihp", "CONFIG_HOTPLUG_PCI_CPCI"),
    ("cpcihp_zt5550", "CONFIG_HOTPLUG_PCI_CPCI_ZT5550"),
    ("cpcihp_generic", "CONFIG_HOTPLUG_PCI_CPCI_GENERIC"),
    ("cpqphp", "CONFIG_HOTPLUG_PCI_COMPAQ"),
    ("ibmphp", "CONFIG_HOTPLUG_PCI_IBM"),
    ("fakephp", "CONFIG_HOTPLUG_PCI_FAKE"),
    ("octep_hp", "CONFIG_HOTPLUG_PCI_OCTEONEP"),
    ("pnv_php", "CONFIG_HOTPLUG_PCI_POWERNV"),
    ("rpaphp", "CONFIG_HOTPLUG_PCI_RPA"),
    ("rpadlpar_io", "CONFIG_HOTPLUG_PCI_RPA_DLPAR"),
    ("s390_pci_hpc", "CONFIG_HOTPLUG_PCI_S390"),
)
SYMBOLS = tuple(symbol for _, symbol in (CORE, *MAIN, *REST))
MODULES = frozenset(name for name, _ in (CORE, *MAIN, *REST))


class Witnesses(NamedTuple):
    """What is known of the kernel as a whole; ``serving``: mechanism → slots that it serves now."""

    config: KernelConfig
    installed: Installed
    autoload: Mapping[str, tuple[str, ...]]
    forbidden: Mapping[str, Evidence]
    cmdline: Optional[CommandLine]
    serving: Mapping[str, int]
    announced: frozenset[str]


def collect(tree: Tree, seen: Witnesses) -> tuple[Mechanism, tuple[Mechanism, ...]]:
    """The core, and every mechanism that matters: the three of virtual machines, and what else the config names."""
    core = _mechanism(tree, *CORE, seen)
    main = tuple(_mechanism(tree, name, symbol, seen) for name, symbol in MAIN)
    rest = tuple(
        _mechanism(tree, name, symbol, seen)
        for name, symbol in REST
        if symbol in seen.config.symbols or seen.serving.get(name)
    )
    return core, main + rest


def _mechanism(tree: Tree, name: str, symbol: str, seen: Witnesses) -> Mechanism:
    state, evidence = _code(tree, name, symbol, seen)
    unknown: dict[str, str] = {}
    config = seen.config.symbols.get(symbol)
    failure = unknown_reason(seen.config.failures)
    if seen.config.path is None and failure is not None:
        unknown["config"] = reason(failure)
    blocked = None
    if not seen.serving.get(name) and state != "absent":
        blocked = _switched_off(tree, name, seen.cmdline)
    if blocked is not None:
        state = "disabled"
        evidence = (blocked, *evidence)
    elif state == "loadable" and name in seen.forbidden:
        state, blocked = "blacklisted", seen.forbidden[name]
        evidence = (blocked, *evidence)
    if state == "unknown":
        unknown["state"] = unknown.get("config", "no evidence")
        unknown["present"] = unknown["state"]
    return Mechanism(
        name,
        symbol,
        state,
        _present(state, evidence, seen, name),
        None if blocked is None else f"{blocked.value} ({blocked.source})",
        config if config in ("y", "m", "n") else None,
        seen.autoload.get(name, ()),
        evidence,
        unknown,
    )


def _present(state: str, evidence: tuple[Evidence, ...], seen: Witnesses, name: str) -> Optional[bool]:
    if state in ("builtin", "loaded"):
        return True
    if state == "unknown":
        return None
    if state == "disabled":
        # Switched off, but is the code there at all? A module that nobody loaded is not.
        in_kernel = seen.config.symbols.get(dict((CORE, *MAIN, *REST))[name]) == "y"
        return in_kernel or any(item.source.startswith(("/sys/module/", "/proc/modules")) for item in evidence)
    return False


def _code(tree: Tree, name: str, symbol: str, seen: Witnesses) -> tuple[str, tuple[Evidence, ...]]:
    """Is the code in this kernel? The running kernel's own word counts more than a config file's."""
    loaded, config = seen.installed.loaded, seen.config.symbols.get(symbol)
    said = _config_evidence(symbol, seen.config)
    if loaded is not None and name in loaded:
        return "loaded", (Evidence("/proc/modules", name), *said)
    folder = tree.names(f"/sys/module/{name}")
    if isinstance(folder, Names):
        here = Evidence(folder.path, "exists")
        return ("loaded" if "initstate" in folder.names else "builtin"), (here, *said)
    if config in ("y", "n"):
        return ("builtin" if config == "y" else "absent"), said
    if name in seen.announced:
        return "builtin", (Evidence("kernel log", f"{name} announced itself"), *said)
    if name in seen.installed.builtin:
        return "builtin", (Evidence(seen.installed.sources[name], name), *said)
    if config == "m" or (seen.installed.files is not None and name in seen.installed.files):
        return "loadable", (*said, *_file_evidence(name, seen.installed))
    if seen.config.path is not None:
        return "absent", said
    return _without_config(tree, name, folder, seen)


def _without_config(tree: Tree, name: str, folder: object, seen: Witnesses) -> tuple[str, tuple[Evidence, ...]]:
    """No config, no module file: a populated /sys/module without the folder shows that the code is not running."""
    nowhere = tree.kind_of("/lib/modules")
    modules_known = seen.installed.files is not None or isinstance(nowhere, Absent)
    running = dict(MAIN)
    if isinstance(folder, (Absent, Failed)) and modules_known and (name in running or name == CORE[0]):
        return "absent", (Evidence(f"/sys/module/{name}", "absent"),)
    return "unknown", ()


def _config_evidence(symbol: str, config: KernelConfig) -> tuple[Evidence, ...]:
    return () if config.path is None else (Evidence(config.path, config.line(symbol)),)


def _file_evidence(name: str, installed: Installed) -> tuple[Evidence, ...]:
    path = (installed.files or {}).get(name)
    return () if path is None else (Evidence("modules.dep", path),)


def _switched_off(tree: Tree, name: str, cmdline: Optional[CommandLine]) -> Optional[Evidence]:
    """The parameter that keeps a mechanism from serving anything (Documentation/admin-guide/kernel-parameters.txt)."""
    if name == "acpiphp":
        read = tree.read("/sys/module/acpiphp/parameters/disable")
        if isinstance(read, Value) and read.text.strip() in ("Y", "1"):
            return Evidence(read.path, read.text.strip())
    if cmdline is None:
        return None
    return next((Evidence("/proc/cmdline", text) for text in _parameters_against(name, cmdline)), None)


def _parameters_against(name: str, cmdline: CommandLine) -> tuple[str, ...]:
    off = tuple(f"acpi={value}" for value in ("off", "ht") if cmdline.last("acpi") == value)
    pci = cmdline.comma("pci")
    if name == "acpiphp":
        value = cmdline.module_param("acpiphp", "disable")
        disabled = ("acpiphp.disable=" + value,) if value is not None and value in ("", "1", "Y", "y") else ()
        return disabled + off + (("pci=noacpi",) if "noacpi" in pci else ())
    if name == "pciehp":
        ports = cmdline.last("pcie_ports")
        if ports in ("native", "dpc-native"):
            return ()
        compat = ("pcie_ports=compat",) if ports == "compat" else ()
        # Linux asks firmware for native hot-plug only where it has ASPM, MSI and extended config space to offer
        # (drivers/acpi/pci_root.c, ACPI_PCIE_REQ_SUPPORT); without ACPI it asks nobody.
        asked = () if off else tuple(f"pci={key}" for key in ("nomsi", "nommconf") if key in pci)
        aspm = ("pcie_aspm=off",) if cmdline.last("pcie_aspm") == "off" and not off else ()
        return compat + asked + aspm
    return ()
