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


def undecided(config: KernelConfig) -> frozenset[str]:
    """The modules of which the config does not say that they are built in or left out."""
    return frozenset(name for name, symbol in (CORE, *MAIN) if config.symbols.get(symbol) not in ("y", "n"))


class Witnesses(NamedTuple):
    """What is known of the kernel as a whole; ``serving``: mechanism → slots that it serves now.

    ``source``: where ``cmdline`` was read.
    """

    config: KernelConfig
    installed: Installed
    autoload: Mapping[str, tuple[str, ...]]
    forbidden: Mapping[str, Evidence]
    cmdline: Optional[CommandLine]
    serving: Mapping[str, int]
    announced: frozenset[str]
    source: str = "/proc/cmdline"


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
        blocked = _switched_off(tree, name, seen.cmdline, seen.source)
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
        None if blocked is None else f"{_parameter(name, blocked)} ({blocked.source})",
        config if config in ("y", "m", "n") else None,
        seen.autoload.get(name, ()),
        evidence,
        unknown,
    )


def _parameter(name: str, blocked: Evidence) -> str:
    _, in_sysfs, key = blocked.source.partition(f"/sys/module/{name}/parameters/")
    return f"{name}.{key}={blocked.value}" if in_sysfs else blocked.value


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
    serving = _serving(name, seen)
    if serving:
        return "builtin", (*serving, *said)
    if config in ("y", "n"):
        return ("builtin" if config == "y" else "absent"), said
    if name in seen.installed.builtin:
        return "builtin", (Evidence(seen.installed.sources[name], name), *said)
    files = seen.installed.files
    if files is not None and name in files:
        return "loadable", (*said, Evidence("modules.dep", files[name]))
    if config == "m":
        return _not_installed(name, said) if files is not None else ("loadable", said)
    if name in seen.announced:
        return "builtin", (Evidence("kernel log", f"{name} announced itself"), *said)
    return _not_named(tree, name, folder, seen, said)


def _not_named(
    tree: Tree, name: str, folder: object, seen: Witnesses, said: tuple[Evidence, ...]
) -> tuple[str, tuple[Evidence, ...]]:
    """The config does not name it, or there is none."""
    if name == CORE[0] and any(seen.config.symbols.get(other) in ("y", "m") for _, other in (*MAIN, *REST)):
        # What depends on it is there.
        return "builtin", said
    if seen.config.path is not None:
        return "absent", said
    return _without_config(tree, name, folder, seen)


def _serving(name: str, seen: Witnesses) -> tuple[Evidence, ...]:
    """Slots that it answers for prove a mechanism, and any slot with a mechanism proves the core."""
    count = sum(seen.serving.values()) if name == CORE[0] else seen.serving.get(name, 0)
    return (Evidence("/sys/bus/pci/slots", f"{count} slots served"),) if count else ()


def _not_installed(name: str, said: tuple[Evidence, ...]) -> tuple[str, tuple[Evidence, ...]]:
    """The kernel was built with it as a module, and the package that holds the module is not there."""
    return "absent", (*said, Evidence("modules.dep", f"no {name}"))


def _without_config(tree: Tree, name: str, folder: object, seen: Witnesses) -> tuple[str, tuple[Evidence, ...]]:
    """No config, no module file: a populated /sys/module without the folder shows that the code is not running."""
    nowhere = tree.kind_of("/lib/modules")
    modules_known = seen.installed.files is not None or isinstance(nowhere, Absent)
    if name == CORE[0]:
        # The core has a folder only with ACPI; where a mechanism has one the core is there too.
        found = next((other for other, _ in MAIN if isinstance(tree.names(f"/sys/module/{other}"), Names)), None)
        if found is not None:
            return "builtin", (Evidence(f"/sys/module/{found}", "exists"),)
    elif name not in dict(MAIN):
        return "unknown", ()
    if tree.kind == "image" and seen.installed.files is not None:
        # Linux 5.2 and later list everything that is built in.
        listed = next((path for path in seen.installed.sources.values() if path.endswith(".modinfo")), None)
        if listed is not None:
            return "absent", (Evidence(listed, f"no {name}"),)
    if isinstance(folder, (Absent, Failed)) and modules_known:
        return "absent", (Evidence(f"/sys/module/{name}", "absent"),)
    return "unknown", ()


def _config_evidence(symbol: str, config: KernelConfig) -> tuple[Evidence, ...]:
    return () if config.path is None else (Evidence(config.path, config.line(symbol)),)


def _switched_off(tree: Tree, name: str, cmdline: Optional[CommandLine], source: str) -> Optional[Evidence]:
    """The parameter that keeps a mechanism from serving anything (Documentation/admin-guide/kernel-parameters.txt)."""
    if name == "acpiphp":
        read = tree.read("/sys/module/acpiphp/parameters/disable")
        if isinstance(read, Value) and read.text.strip() in ("Y", "1"):
            return Evidence(read.path, read.text.strip())
    if cmdline is None:
        return None
    return next((Evidence(source, text) for text in parameters_against(name, cmdline)), None)


def parameters_against(name: str, cmdline: CommandLine) -> tuple[str, ...]:
    """The parameters with which a mechanism serves nothing."""
    if name not in _INITCALLS:
        return ()
    never = tuple(
        f"initcall_blacklist={call}" for call in cmdline.comma("initcall_blacklist") if call in _INITCALLS[name]
    )
    off = tuple(f"acpi={value}" for value in ("off", "ht") if cmdline.last("acpi") == value)
    pci = cmdline.comma("pci")
    without_acpi = off + (("pci=noacpi",) if "noacpi" in pci else ())
    if name == "acpiphp":
        return never + _acpiphp_disable(cmdline) + without_acpi
    if name == "pciehp":
        return never + _against_pciehp(cmdline, pci, bool(without_acpi))
    return never


# The initial calls of the drivers, by the names that they have had.
_INITCALLS: Mapping[str, tuple[str, ...]] = {
    "acpiphp": ("acpiphp_init",),
    "pciehp": ("pcie_hp_init", "pcied_init", "pcie_portdrv_init"),
    "shpchp": ("shpcd_init",),
}


def _acpiphp_disable(cmdline: CommandLine) -> tuple[str, ...]:
    value = cmdline.module_param("acpiphp", "disable")
    return ("acpiphp.disable=" + value,) if value is not None and value.lower() in ("", "1", "y", "on", "yes") else ()


def _against_pciehp(cmdline: CommandLine, pci: tuple[str, ...], without_acpi: bool) -> tuple[str, ...]:
    ports = cmdline.last("pcie_ports")
    if ports == "compat":
        return ("pcie_ports=compat",)
    if ports in ("native", "dpc-native") or without_acpi:
        # Firmware is not asked, and the ports are taken all the same.
        return ()
    # Linux asks firmware for native hot-plug only where it has ASPM, MSI and extended config space to offer
    # (drivers/acpi/pci_root.c, ACPI_PCIE_REQ_SUPPORT).
    asked = tuple(f"pci={key}" for key in ("nomsi", "nommconf", "conf1", "conf2") if key in pci)
    return asked + (("pcie_aspm=off",) if cmdline.last("pcie_aspm") == "off" else ())
