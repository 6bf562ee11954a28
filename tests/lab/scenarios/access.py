"""What hotplugctl may read, and who handles devices: udevd stopped, other users, namespaces, /sys and /proc missing."""

from __future__ import annotations

from tests.lab.plan import CI, CI_OLDEST, Cure, Plug, Pull, Says, Scenario, Sees, Sh
from tests.lab.scenarios.devices import sees
from tests.lab.scenarios.on_pc import IDE, mentions, silent_on, snap
from tests.lab.scenarios.pc import FREE, KERNELS, PC, SLOTS

_NOT_RUNNING, _NO_NODES, _NOT_BOUND = "udev.not-running", "udev.no-dev-nodes", "driver.not-bound"
_SOCKETS = "systemd-udevd-kernel.socket systemd-udevd-control.socket"
_STOP = Sh(f"systemctl stop systemd-udevd.service {_SOCKETS} && ! pgrep -x systemd-udevd")
_START = Sh(f"systemctl start {_SOCKETS} systemd-udevd.service && udevadm settle -t 30")
_NO_E1000 = Sh("rmmod e1000; [ ! -e /sys/module/e1000 ]")

NOBODY = "setpriv --reuid 65534 --regid 65534 --clear-groups {}"
POWERLESS = "setpriv --bounding-set=-all --inh-caps=-all {}"
"""Root, without any of its capabilities."""
NAMESPACES = "unshare -n -p -m -u -i -f --mount-proc {}"


def _within(prepare: str, user: str = "{}") -> str:
    """Mounts of its own, prepared by a command: nothing of it is left afterwards."""
    return f"unshare -m sh -c '{prepare}; {user}'"


_BUT_READ_ONLY = "{} | grep -v access.sysfs-read-only"


def _entered(prepare: str) -> str:
    """In namespaces as a container has them, prepared by a command."""
    return f"unshare -n -p -m -u -i -f --mount-proc sh -c '{prepare}; {{}}'"


def _same(command: str, through: str) -> Sh:
    """The same document as outside, as root."""
    return _alike(command, "{}", through)


def _alike(command: str, one: str, other: str) -> Sh:
    words = f"hotplugctl {command} --json"
    return Sh(f"diff <({one.format(words)}) <({other.format(words)})")


def _container(kind: str, through: str) -> Says:
    return Says("check", 3, (rf"\Anot-applicable: this is a container \({kind}\)",), through=through)


_OWN_SYS = "unshare -m -n sh -c 'mount -t sysfs s /sys; {}'"
_NO_SYS = _within("umount -l /sys")
_NOBODY_SAYS = (
    rf"\Aready: {FREE - 1} of {SLOTS} slots free by acpiphp",
    r"^info: the capabilities of \d+ functions could not be read: .* \[access\.config-truncated\]$",
)

_UDEVD = (
    Scenario(
        "access-udevd-stopped",
        PC,
        (
            _NO_E1000,
            silent_on(_NOT_RUNNING),
            _STOP,
            mentions(_NOT_RUNNING),
            Plug("virtio-blk-pci,id=d1,drive=d1,serial=HOT1"),
            Plug("e1000,id=n1,netdev=u1"),
            # The kernel's own part is done: a driver that is loaded binds, devtmpfs makes the node. Nothing is loaded.
            snap("added", sees("d1", "virtio-blk-pci"), Sees("n1", None, {}), findings={_NOT_BOUND}),
            Sh("[ -b /dev/vdb ] && [ ! -e /dev/disk/by-id/virtio-HOT1 ]"),
            Says("check", 0, (r"has no driver: nothing loaded e1000", rf"\[{_NOT_RUNNING}\]")),
            Cure(_NOT_BOUND, ("modprobe e1000",)),
            snap("cured", sees("d1", "virtio-blk-pci"), sees("n1", "e1000")),
            mentions(_NOT_RUNNING),
            Says("check", 0, (r"\Alimited: ", rf"\[{_NO_NODES}\]"), through=_within("mount -t tmpfs none /dev")),
            # As the finding's remedy has it.
            Says(
                "check", 0, (r"\Aready: ",), (rf"\[{_NO_NODES}\]",),
                through=_within("mount -t tmpfs none /dev; mount -t devtmpfs devtmpfs /dev"),
            ),
            _START,
            silent_on(_NOT_RUNNING),
            Pull("n1"),
            Pull("d1"),
            _NO_E1000,
            snap("after"),
        ),
        ci=CI,
        why="nobody loads modules and makes links; what is loaded binds all the same",
    ),
    Scenario(
        "access-udevd-woken",
        PC,
        (
            _NO_E1000,
            Sh("systemctl kill -s KILL systemd-udevd.service"),
            silent_on(_NOT_RUNNING),
            Sh("systemctl stop systemd-udevd.service; ! pgrep -x systemd-udevd"),
            # systemd keeps its sockets, and starts it again with the next uevent.
            silent_on(_NOT_RUNNING),
            Plug("e1000,id=n1,netdev=u1"),
            snap("added", sees("n1", "e1000")),
            Sh("pgrep -x systemd-udevd"),
            Pull("n1"),
            _NO_E1000,
            snap("after"),
        ),
        why="udevd killed, and stopped while systemd holds its sockets: it comes back when it is needed",
    ),
    Scenario(
        "access-udevd-masked",
        IDE._replace(append=tuple(f"systemd.mask={unit}" for unit in ("systemd-udevd.service", *_SOCKETS.split()))),
        (
            snap("before", room=SLOTS),
            mentions(_NOT_RUNNING),
            Plug("virtio-blk-pci,id=d1,drive=d1,serial=HOT1"),
            snap("added", Sees("d1", None, {}), findings={_NOT_BOUND}, room=SLOTS),
            Cure(_NOT_BOUND, ("modprobe virtio_pci",)),
            snap("half", Sees("d1", "virtio-pci", {}), findings={"virtio.child-unbound"}, room=SLOTS),
            Cure("virtio.child-unbound", ("modprobe virtio_blk",)),
            snap("cured", sees("d1", "virtio-blk-pci"), room=SLOTS),
            Sh("[ -b /dev/vda ]"),
            Pull("d1"),
            snap("after", room=SLOTS),
        ),
        why="no udevd from boot on: every module by hand, each step told",
    ),
)  # fmt: skip

_USERS = (
    Scenario(
        "access-non-root",
        PC,
        (
            Plug("virtio-blk-pci,id=d1,drive=d1,serial=HOT1"),
            snap("added", sees("d1", "virtio-blk-pci")),
            Says("check", 0, (*_NOBODY_SAYS, r"/dev/kmsg: denied \(EPERM\)", r"^Not known:"), through=NOBODY),
            Says("check --strict --need 27", 0, through=NOBODY),
            Says("check --need 28", 1, through=NOBODY),
            Says("slots", 0, (r"acpiphp +30 +27 +\? +\? +\?",), through=NOBODY),
            _same("list", NOBODY),
            # What was denied is recorded as denied, and replays so.
            Sh(
                f"{NOBODY.format('hotplugctl record --no-scrub -')} > /run/nobody.tar &&"
                f" diff <({NOBODY.format('hotplugctl check')})"
                " <(hotplugctl check --root /run/nobody.tar | sed 's/, from a recording$//')"
            ),
            Says("check", 0, _NOBODY_SAYS, through=POWERLESS),
            Sh("sysctl -w kernel.dmesg_restrict=0"),
            Says("check", 0, _NOBODY_SAYS, (r"log\.unreadable", r"/dev/kmsg"), through=NOBODY),
            Sh("sysctl -w kernel.dmesg_restrict=1"),
            # proc(5): of other users' processes nothing at all is shown. None of it is needed.
            _alike("check", NOBODY, _within("mount -t proc -o hidepid=2 proc /proc", NOBODY)),
            Pull("d1"),
            snap("after"),
        ),
        releases=KERNELS,
        ci=CI_OLDEST,
        why="what another user may not read is said, and changes no verdict",
    ),
    Scenario(
        "access-container",
        PC,
        (
            Plug("e1000,id=n1,netdev=u1"),
            snap("added", sees("n1", "e1000")),
            # Namespaces alone are no container: the guest below is the same, and all of it is seen.
            *(_same(command, NAMESPACES) for command in ("check", "slots", "list")),
            # An interface is seen in the network namespace of whoever mounted sysfs (sysfs(5)): the function stays.
            Says("list -o DRIVER,NODES", 0, (r"^e1000 +-$",), through=_OWN_SYS),
            # systemd.io/CONTAINER_INTERFACE; Kubernetes: "Discovering Services"; podman-run(1).
            _container("lxc", _entered("mount -t tmpfs t /run/systemd; echo lxc > /run/systemd/container")),
            _container("systemd-nspawn", NAMESPACES.format("env container=systemd-nspawn {}")),
            _container("kubernetes", NAMESPACES.format("env KUBERNETES_SERVICE_HOST=10.0.0.1 {}")),
            Says("slots", 0, through=NAMESPACES.format("env container=systemd-nspawn {}")),
            Sh("touch /.dockerenv /run/.containerenv"),
            _container("podman", NAMESPACES),
            # A guest whose root was made from a container's image.
            Says("check", 0, (r"\Aready: ",)),
            Sh("rm /run/.containerenv"),
            _container("docker", NAMESPACES),
            Sh("rm /.dockerenv"),
            Pull("n1"),
            snap("after"),
        ),
        ci=CI,
        why="a container's marks decide, namespaces alone do not",
    ),
    Scenario(
        "access-mounts",
        PC,
        (
            snap("before"),
            *(_same(command, _within("mount -o remount,ro,bind /sys")) for command in ("slots", "list")),
            # All but the finding that says so, which has a line of its own.
            _alike("check", _BUT_READ_ONLY, _within("mount -o remount,ro,bind /sys", _BUT_READ_ONLY)),
            Says("check", 3, (r"\Aunknown: ", r"/sys: not there or not mounted"), through=_NO_SYS),
            Says("list", 3, stderr=(r"the functions cannot be listed: /sys/bus/pci/devices: absent",), through=_NO_SYS),
            Says("slots", 3, stderr=(r"the slots cannot be listed: /sys/bus/pci/slots: absent",), through=_NO_SYS),
            # /proc tells of the kernel, its command line and the memory map: what sysfs says holds without.
            Says("check", 0, (rf"\Aready: {FREE} of {SLOTS}",), through=_within("umount -l /proc")),
            Says("slots", 0, (r"acpiphp +30 +28 ",), through=_within("umount -l /proc")),
            snap("after"),
        ),
        why="/sys read-only, /sys missing, /proc missing",
    ),
)  # fmt: skip

SCENARIOS = (*_UDEVD, *_USERS)
