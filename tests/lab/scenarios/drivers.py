"""Devices that arrive and find no driver: each kind of it, told apart, and cured by what ``check`` offers."""

from __future__ import annotations

from tests.lab.plan import CI, Cure, Hardware, Plug, Pull, Says, Scenario, Sees, Sh
from tests.lab.scenarios.devices import sees
from tests.lab.scenarios.on_pc import IDE, snap
from tests.lab.scenarios.pc import PC, SLOTS

_NOT_BOUND, CHILD, _AUTOPROBE = "driver.not-bound", "virtio.child-unbound", "driver.autoprobe-off"
BLACKLISTED = Hardware("pc", append=("modprobe.blacklist=virtio_net", "module_blacklist=e1000"))
# modprobe.d(5): what the machine's owner writes, as opposed to the command line.
_CONF = "/etc/modprobe.d/lab.conf"
_AT_7 = "/sys/bus/pci/devices/0000:00:07.0"


def _unbound(id: str) -> Sees:
    return Sees(id, None, {})


def _unload(*modules: str) -> Sh:
    """So that the next device finds the module not loaded, and the cure is no accident."""
    return Sh(f"for m in {' '.join(modules)}; do rmmod $m 2>/dev/null; [ ! -e /sys/module/$m ] || exit 1; done")


def _autoprobe(bus: str, value: int) -> Sh:
    return Sh(f"echo {value} > /sys/bus/{bus}/drivers_autoprobe")


_DRIVERS_PROBE = r"echo {} > /sys/bus/{}/drivers_probe"

SCENARIOS = (
    Scenario(
        "driver-virtio-net-blacklisted",
        BLACKLISTED,
        (
            snap("before"),
            Plug("virtio-net-pci,id=n1,netdev=u1"),
            snap("added", Sees("n1", "virtio-pci", {}), findings={CHILD}),
            Says("check", 0, (r"^warning: virtio\d+ below \S+ has no driver: virtio_net is blacklisted",)),
            Says("check --strict", 1),
            Cure(CHILD, ("modprobe virtio_net",)),
            snap("cured", sees("n1", "virtio-net-pci")),
            Pull("n1"),
            _unload("virtio_net"),
            snap("after"),
        ),
        ci=CI,
        why="virtio-pci binds, its child finds no driver: blacklisted on the command line",
    ),
    Scenario(
        "driver-kernel-blacklist",
        BLACKLISTED,
        (
            Plug("e1000,id=n1,netdev=u1"),
            snap("added", _unbound("n1"), findings={_NOT_BOUND}),
            # module_blacklist= binds the kernel itself: nothing loads it before the next boot, so nothing is offered.
            Says("check", 0, (r"has no driver: e1000 is blacklisted", r"module_blacklist=e1000"), (r"^ +try:",)),
            Sh("modprobe e1000", code=1),
            Pull("n1"),
            snap("after"),
        ),
        why="module_blacklist= cannot be got round by modprobe",
    ),
    Scenario(
        "driver-modprobe-d",
        PC,
        (
            # Another scenario of the same boot may have had such cards.
            _unload("ne2k_pci", "8139cp", "8139too"),
            # udevd reads it anew when it is told, or after three seconds.
            Sh(
                f"echo 'install ne2k-pci /bin/false' > {_CONF}; echo 'blacklist 8139cp' >> {_CONF}; "
                "udevadm control --reload"
            ),
            Plug("ne2k_pci,id=n1,netdev=u1"),
            snap("install", _unbound("n1"), findings={_NOT_BOUND}),
            Sh("modprobe ne2k-pci", code=1),
            Cure(_NOT_BOUND, (r"modprobe --ignore-install ne2k.pci",)),
            snap("install-cured", sees("n1", "ne2k_pci")),
            Pull("n1"),
            # Two drivers claim its ids. The one that may be loaded looks at the revision, and leaves it alone.
            Plug("rtl8139,id=n2,netdev=u2"),
            snap("left-alone", _unbound("n2"), findings={_NOT_BOUND}),
            Says("check", 0, (r"8139too left it alone, and 8139cp is blacklisted",)),
            Cure(_NOT_BOUND, ("modprobe 8139cp",)),
            snap("left-alone-cured", sees("n2", "rtl8139")),
            Pull("n2"),
            Sh(f"rm {_CONF}"),
            _unload("ne2k_pci", "8139cp", "8139too"),
            snap("after"),
        ),
        why="install and blacklist lines in modprobe.d",
    ),
    Scenario(
        "driver-virtio-pci-blacklisted",
        IDE._replace(append=("modprobe.blacklist=virtio_pci",)),
        (
            snap("before", room=SLOTS),
            Plug("virtio-blk-pci,id=d1,drive=d1,serial=HOT1"),
            Plug("virtio-net-pci,id=n1,netdev=u1"),
            snap("added", _unbound("d1"), _unbound("n1"), findings={_NOT_BOUND}, room=SLOTS),
            Says("check", 0, (r"has no driver: virtio_pci is blacklisted", r"modprobe\.blacklist=virtio_pci")),
            Cure(_NOT_BOUND, ("modprobe virtio_pci",) * 2),
            snap("cured", sees("d1", "virtio-blk-pci"), sees("n1", "virtio-net-pci"), room=SLOTS),
            Pull("d1"),
            Pull("n1"),
            snap("after", room=SLOTS),
        ),
        why="no virtio at all: root on IDE, the bus driver blacklisted",
    ),
    Scenario(
        "driver-autoprobe-pci",
        PC,
        (
            _unload("e1000"),
            _autoprobe("pci", 0),
            snap("before", findings={_AUTOPROBE}),
            # A driver that is there already is asked all the same (pci_bus_add_device); one loaded later is not.
            Plug("virtio-blk-pci,id=d1,drive=d1"),
            Plug("e1000,id=n1,netdev=u1"),
            snap("added", sees("d1", "virtio-blk-pci"), _unbound("n1"), findings={_AUTOPROBE, _NOT_BOUND}),
            Says("check", 0, (r"e1000 is there and did not bind",)),
            Cure(_AUTOPROBE, (r"echo 1 > /sys/bus/pci/drivers_autoprobe",)),
            snap("switched-on", sees("d1", "virtio-blk-pci"), _unbound("n1"), findings={_NOT_BOUND}),
            Cure(_NOT_BOUND, (_DRIVERS_PROBE.format(r"0000:00:\w\w\.0", "pci"),)),
            snap("cured", sees("d1", "virtio-blk-pci"), sees("n1", "e1000")),
            Pull("n1"),
            Pull("d1"),
            _unload("e1000"),
            snap("after"),
        ),
        cause="driver.autoprobe-off",
        why="drivers_autoprobe of the pci bus is 0: a driver that is loaded later takes nothing",
    ),
    Scenario(
        "driver-autoprobe-virtio",
        PC,
        (
            _autoprobe("virtio", 0),
            Plug("virtio-blk-pci,id=d1,drive=d1,serial=HOT1"),
            snap("added", Sees("d1", "virtio-pci", {}), findings={_AUTOPROBE, CHILD}),
            Cure(CHILD, (_DRIVERS_PROBE.format(r"virtio\d+", "virtio"),)),
            snap("bound", sees("d1", "virtio-blk-pci"), findings={_AUTOPROBE}),
            Cure(_AUTOPROBE, (r"echo 1 > /sys/bus/virtio/drivers_autoprobe",)),
            snap("cured", sees("d1", "virtio-blk-pci")),
            Pull("d1"),
            snap("after"),
        ),
        cause="driver.autoprobe-off",
        why="drivers_autoprobe of the virtio bus is 0: new devices get no driver",
    ),
    Scenario(
        "driver-override-unbind",
        PC,
        (
            Plug("e1000,id=n1,netdev=u1,addr=7"),
            snap("added", sees("n1", "e1000")),
            Sh("echo 0000:00:07.0 > /sys/bus/pci/drivers/e1000/unbind"),
            snap("unbound", _unbound("n1"), findings={_NOT_BOUND}),
            Cure(_NOT_BOUND, (_DRIVERS_PROBE.format(r"0000:00:07\.0", "pci"),)),
            snap("bound", sees("n1", "e1000")),
            Sh(f"cd {_AT_7} && echo none > driver_override && echo 0000:00:07.0 > driver/unbind"),
            snap("overridden", _unbound("n1"), findings={_NOT_BOUND}),
            # Somebody wants it so (a function for a guest of this guest): what is said is who it waits for.
            Says("check", 0, (r"has no driver: driver_override asks for none",), (r"^ +try:",)),
            Sh(f"echo > {_AT_7}/driver_override"),
            Cure(_NOT_BOUND),
            snap("cured", sees("n1", "e1000")),
            Pull("n1"),
            snap("after"),
        ),
        why="unbound by hand, and kept from its driver by driver_override",
    ),
)  # fmt: skip
