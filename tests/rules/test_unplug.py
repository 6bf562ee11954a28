"""What stands against a pull, and in which order it is ended: pure functions of what goes and of who uses it.

The stacks here are made by hand: what real ones look like is in fixtures/lab, and told by tests/cli/test_can_unplug.py.
"""

from __future__ import annotations

import shlex

import pytest

from hotplugctl.model.snapshot import Child
from hotplugctl.model.users import (
    JOURNAL,
    Array,
    Export,
    Member,
    Process,
    Processes,
    Seen,
    Space,
    Swap,
    Use,
)
from hotplugctl.rules import unplug
from hotplugctl.rules.unplug.stake import layers
from tests.unplug_stacks import (
    CARD,
    PATH,
    ask,
    block,
    function,
    going,
    interface,
    mount,
    network,
    node,
    told,
    users,
)

# --- nothing uses it --------------------------------------------------------------------------------------------------


def test_a_disk_that_nobody_uses_is_safe():
    answer = ask(going("vdb", "vdb1"), users([block("vdb", "254:16"), block("vdb1", "254:17", disk="vdb")]))
    assert (answer.safe, answer.blockers, answer.unseen) == (True, (), ())


def test_what_others_use_says_nothing_of_it():
    others = users(
        [block("vda", "254:0", holders=["dm-0"]), block("dm-0", "253:0", slaves=["vda"]), block("vdb", "254:16")],
        [mount("/", "253:0", "/dev/mapper/root"), mount("/srv", "254:0", "/dev/vda")],
        swaps=(Swap("/dev/vda", "partition", False),),
        exports=(Export("lio", "x", "/dev/vda", "/backstores/block"),),
        resume="254:0",
    )
    assert ask(going("vdb"), others).safe is True


def test_where_was_not_looked_it_cannot_be_told():
    seen = Seen("processes", "3 processes could not be looked into", "root")
    answer = ask(going("vdb"), users([block("vdb", "254:16")]), Processes((), (), (seen,)))
    assert answer.safe is None
    assert answer.unseen == (seen,)
    assert "3 processes" in answer.reason


def test_a_known_use_decides_wherever_else_was_not_looked():
    seen = Seen("processes", "/proc: not in the recording", None)
    found = users([block("vdb", "254:16")], [mount("/mnt", "254:16")])
    answer = ask(going("vdb"), found, Processes((), (), (seen,)))
    assert (answer.safe, answer.unseen) == (False, (seen,))


@pytest.mark.parametrize("key", ["blocks", "mounts", "swaps"])
def test_evidence_on_disks_counts_for_disks_alone(key):
    missing = {key: Seen(key, "denied", "root")}
    assert ask(going("vdb"), users([block("vdb", "254:16")], unseen=missing)).safe is None
    card = going(nodes=[node("ens3", "net")])
    assert ask(card, users(network=network(interface("ens3")), unseen=missing)).safe is True


def test_holders_that_could_not_be_listed_count_where_they_could_hold_it():
    hidden = block("vdb", "254:16", unknown="denied")
    assert ask(going("vdb"), users([hidden])).safe is None
    assert ask(going("vdc"), users([hidden, block("vdc", "254:32")])).safe is True


# --- the order --------------------------------------------------------------------------------------------------------


def test_what_lies_on_top_goes_first():
    stack = [
        block("vdb", "254:16"),
        block("vdb1", "254:17", holders=["dm-0"], disk="vdb"),
        block("dm-0", "253:0", holders=["dm-1"], slaves=["vdb1"], dm=("hot-data", "LVM-abc")),
        block("dm-1", "253:1", slaves=["dm-0"], dm=("vault", "CRYPT-LUKS2-1-vault")),
    ]
    answer = ask(going("vdb", "vdb1"), users(stack, [mount("/mnt/hot", "253:1", "/dev/mapper/vault")]))
    assert told(answer) == [("mount", "/mnt/hot"), ("crypt", "vault"), ("lvm", "hot/data")]
    assert [one.remedy for one in answer.blockers] == [
        "umount /mnt/hot",
        "cryptsetup close vault",
        "lvchange --activate n hot/data",
    ]


def test_mounts_on_mounts_go_before_these_whatever_they_are_of():
    mounts = [
        mount("/mnt", "254:16", id=30, parent=1),
        mount("/mnt/in", "0:50", "none", id=31, parent=30, type="tmpfs"),
        mount("/mnt/in/deep", "0:51", "none", id=32, parent=31, type="tmpfs"),
        mount("/other", "0:52", "none", id=33, parent=1, type="tmpfs"),
    ]
    answer = ask(going("vdb"), users([block("vdb", "254:16")], mounts))
    assert told(answer) == [("mount", "/mnt/in/deep"), ("mount", "/mnt/in"), ("mount", "/mnt")]


def test_a_mount_over_another_at_one_place_goes_first():
    mounts = [mount("/mnt", "254:16", id=30), mount("/mnt", "254:17", "/dev/vdb1", id=31, parent=30)]
    stack = [block("vdb", "254:16"), block("vdb1", "254:17", disk="vdb")]
    summaries = [one.summary for one in ask(going("vdb", "vdb1"), users(stack, mounts)).blockers]
    assert [text.split()[0] for text in summaries] == ["/dev/vdb1", "/dev/vdb"]


def test_a_loop_device_swap_and_an_overlay_on_a_mount_go_before_it():
    stack = [
        block("vdb", "254:16"),
        block("loop3", "7:3", backing="/mnt/hot/image"),
        block("loop4", "7:4", backing="/elsewhere/image"),
    ]
    mounts = [
        mount("/", "254:0", "/dev/vda"),
        mount("/mnt/hot", "254:16"),
        mount("/mnt/in", "7:3", "/dev/loop3"),
        mount("/merged", "0:60", "overlay", type="overlay", options="rw,lowerdir=/usr:/mnt/hot/low,upperdir=/up"),
    ]
    found = users(stack, mounts, swaps=(Swap("/mnt/hot/swap", "file", False), Swap("/swap", "file", False)))
    answer = ask(going("vdb"), found)
    kinds = told(answer)
    assert set(kinds) == {
        ("mount", "/mnt/in"), ("loop", "/dev/loop3"), ("swap", "/mnt/hot/swap"), ("mount", "/merged"),
        ("mount", "/mnt/hot"),
    }  # fmt: skip
    assert kinds.index(("mount", "/mnt/in")) < kinds.index(("loop", "/dev/loop3")) < kinds.index(("mount", "/mnt/hot"))
    assert kinds.index(("mount", "/merged")) < kinds.index(("mount", "/mnt/hot"))
    assert kinds.index(("swap", "/mnt/hot/swap")) < kinds.index(("mount", "/mnt/hot"))


def test_holders_in_a_circle_end():
    stack = [
        block("vdb", "254:16", holders=["dm-0"]),
        block("dm-0", "253:0", holders=["dm-1"], slaves=["vdb"], dm=("a", "")),
        block("dm-1", "253:1", holders=["dm-0", "vdb"], slaves=["dm-0"], dm=("b", "")),
    ]
    assert {subject for _, subject in told(ask(going("vdb"), users(stack)))} == {"a", "b"}


def test_a_chain_of_a_thousand_holders_is_followed_to_its_end():
    count = 1000
    chain = [
        block(f"dm-{at}", f"253:{at}", holders=[f"dm-{at + 1}"] if at + 1 < count else [], dm=(f"d{at}", ""))
        for at in range(count)
    ]
    answer = ask(going("vdb"), users([block("vdb", "254:16", holders=["dm-0"]), *chain]))
    assert told(answer)[0] == ("dm", f"d{count - 1}")
    assert told(answer)[-1] == ("dm", "d0")


# --- the system -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "point, kind",
    [
        ("/", "root-filesystem"),
        ("/usr", "root-filesystem"),
        ("/boot", "boot-filesystem"),
        ("/boot/efi", "efi-filesystem"),
    ],
)
def test_the_file_systems_of_the_system_are_graver_and_told_first(point, kind):
    found = users(
        [block("vdb", "254:16"), block("vdb1", "254:17", disk="vdb")], [mount("/srv", "254:17"), mount(point, "254:16")]
    )
    assert told(ask(going("vdb", "vdb1"), found)) == [(kind, point), ("mount", "/srv")]


def test_nothing_undoes_the_root_file_system_and_its_users_are_not_told():
    found = users(
        [block("vdb", "254:16"), block("loop0", "7:0", backing="/image")],
        [mount("/", "254:16"), mount("/bound", "254:16")],
        swaps=(Swap("/swapfile", "file", False),),
    )
    answer = ask(going("vdb"), found)
    assert told(answer) == [("root-filesystem", "/")]
    assert answer.blockers[0].remedy is None
    wanted = unplug.interest(going("vdb"), found, unplug.stake(going("vdb"), found))
    assert not wanted.points and not wanted.numbers


# --- what goes on without it ------------------------------------------------------------------------------------------


def mirror(*states, level="raid1", degraded=0):
    names = ["vdb", "vdc", "vdd"][: len(states)]
    array = Array(level, degraded, tuple(Member(name, state) for name, state in zip(names, states)))
    disks = [block(name, f"254:{16 * at}", holders=["md0"]) for at, name in enumerate(names, 1)]
    return users([*disks, block("md0", "9:0", slaves=names, md=array)], [mount("/srv", "9:0", "/dev/md0")])


def test_half_of_a_healthy_mirror_is_not_the_mirror():
    answer = ask(going("vdb"), mirror("in_sync", "in_sync"))
    assert told(answer) == [("md-member", "/dev/md0")]
    assert answer.blockers[0].remedy == "mdadm /dev/md0 --fail /dev/vdb --remove /dev/vdb"


@pytest.mark.parametrize(
    "found",
    [
        mirror("in_sync"),
        mirror("in_sync", "faulty", degraded=1),
        mirror("in_sync", "spare", degraded=1),
        mirror("in_sync", "in_sync", level="raid0"),
        mirror("in_sync", "in_sync", level="linear"),
        mirror("in_sync", "in_sync", level="raid5", degraded=1),
        mirror("in_sync", "in_sync", "in_sync", level="raid5", degraded=None),
    ],
)
def test_the_last_half_takes_all_with_it(found):
    answer = ask(going("vdb"), found)
    assert told(answer) == [("mount", "/srv"), ("md", "/dev/md0")]
    assert answer.blockers[1].remedy == "mdadm --stop /dev/md0"


def test_both_halves_in_one_slot_are_the_mirror():
    assert told(ask(going("vdb", "vdc"), mirror("in_sync", "in_sync"))) == [("mount", "/srv"), ("md", "/dev/md0")]


def test_a_spare_is_missed_by_nobody():
    answer = ask(going("vdd"), mirror("in_sync", "in_sync", "spare"))
    assert told(answer) == [("md-member", "/dev/md0")]
    assert "no active member" in answer.blockers[0].summary


def paths(**alive):
    disks = [block(name, f"8:{at}", holders=["dm-0"], alive=on) for at, (name, on) in enumerate(alive.items())]
    return users(
        [*disks, block("dm-0", "253:0", slaves=list(alive), dm=("mpatha", "mpath-36"))], [mount("/srv", "253:0")]
    )


def test_a_multipath_map_with_another_live_path_is_not_lost():
    answer = ask(going("sda"), paths(sda=True, sdb=True))
    assert told(answer) == [("multipath-path", "mpatha")]
    assert "not lost" in answer.blockers[0].summary


@pytest.mark.parametrize("found", [paths(sda=True), paths(sda=True, sdb=False)])
def test_the_last_live_path_takes_the_map_with_it(found):
    assert told(ask(going("sda"), found)) == [("mount", "/srv"), ("multipath", "mpatha")]


def test_one_of_several_devices_of_a_btrfs_can_be_removed_from_it():
    stack = [block("vdb", "254:16", system="btrfs u-1"), block("vdc", "254:32", system="btrfs u-1")]
    found = users(stack, [mount("/srv", "0:44", "/dev/vdc", type="btrfs")], btrfs={"u-1": ("vdb", "vdc")})
    answer = ask(going("vdb"), found)
    assert told(answer) == [("btrfs-member", "/dev/vdb")]
    assert answer.blockers[0].remedy == "btrfs device remove /dev/vdb /srv"
    assert ("mount", "/srv") in told(ask(going("vdb", "vdc"), found))


# --- other users of disks ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "found, kind",
    [
        (users([block("vdb", "254:16", holders=["drbd0"])]), "holder"),
        (users([block("vdb", "254:16", bcache="u-1")]), "bcache"),
        (users([block("vdb", "254:16"), block("zram0", "252:0", backing="/dev/vdb")]), "zram"),
        (users([block("vdb", "254:16")], resume="254:16"), "hibernation"),
        (users([block("vdb", "254:16", holds=("zfs_member", "tank"))], pools=frozenset(["tank"])), "zfs"),
        (users([block("vdb", "254:16", system="ext4")]), "filesystem"),
        (
            users([block("vdb", "254:16")], exports=(Export("lio", "x", "/dev/vdb", "/backstores/block"),)),
            "scsi-export",
        ),
        (
            users([block("vdb", "254:16")], exports=(Export("nvmet", "s/1", "/dev/vdb", "/sys/x/enable"),)),
            "nvme-export",
        ),
    ],
)
def test_what_else_holds_a_disk(found, kind):
    assert [name for name, _ in told(ask(going("vdb"), found))] == [kind]
    assert ask(going("vdc"), users([*found.blocks.values(), block("vdc", "254:32")], resume="254:16")).safe is True


def test_a_pool_that_is_not_imported_does_not_count():
    found = users([block("vdb", "254:16", holds=("zfs_member", "tank"))], pools=frozenset(["other"]))
    assert ask(going("vdb"), found).safe is True


def test_a_directory_that_is_exported_goes_before_its_mount():
    found = users(
        [block("vdb", "254:16")], [mount("/srv", "254:16")], exports=(Export("nfs", "*:/srv/x", "/srv/x", None),)
    )
    answer = ask(going("vdb"), found)
    assert told(answer) == [("nfs-export", "/srv/x"), ("mount", "/srv")]
    assert answer.blockers[0].remedy == "exportfs -u '*:/srv/x'"


def test_a_shared_directory_of_the_host():
    share = mount("/share", "0:70", "tag", type="virtiofs")
    card = going(functions=(function(driver="virtio-pci"),))
    assert told(ask(card, users((), [share], tags={"tag": f"{PATH}/virtio3"}))) == [("mount", "/share")]
    assert ask(card, users((), [share], tags={"tag": "/sys/devices/pci0000:00/0000:00:05.0/virtio4"})).safe is True


def test_a_share_of_which_nothing_tells_the_device_cannot_be_told():
    share = mount("/share", "0:70", "tag", type="virtiofs")
    child = (Child("virtio1", CARD, None, "virtiofs", f"{PATH}/virtio1"),)
    assert ask(going(), users((), [share]), children=child).safe is None
    other = (child[0]._replace(address="0000:00:05.0"),)
    assert ask(going(), users((), [share]), children=other).safe is True


def test_connections_by_vsock_cannot_be_told():
    """Netlink alone tells them: whoever talks to the host by it would be cut off."""
    child = (Child("virtio1", CARD, None, "vmw_vsock_virtio_transport", f"{PATH}/virtio1"),)
    answer = ask(going(), users(), children=child)
    assert answer.safe is None
    assert [(one.what, one.privilege) for one in answer.unseen] == [("connections", "ss --vsock")]
    assert ask(going(), users(), children=(child[0]._replace(address="0000:00:05.0"),)).safe is True
    assert ask(going(), users(), children=(child[0]._replace(driver=None),)).safe is True


def test_the_disk_of_nvme_paths_is_told_by_its_users_alone():
    stack = [
        block("nvme0c0n1", "259:0", holders=["nvme0n1"]),
        block("nvme0c1n1", "259:1", holders=["nvme0n1"]),
        block("nvme0n1", "259:2", slaves=["nvme0c0n1", "nvme0c1n1"]),
    ]
    found = users(stack, [mount("/srv", "259:2", "/dev/nvme0n1")])
    assert told(ask(going("nvme0c0n1"), found)) == [("multipath-path", "nvme0n1")]
    assert told(ask(going("nvme0c0n1", "nvme0c1n1"), found)) == [("mount", "/srv")]


def test_programs_come_first_services_by_name():
    processes = Processes(
        (
            Process(40, "postgres", "postgresql.service", (Use("open", "/srv/a"),)),
            Process(41, "postgres", "postgresql.service", (Use("open", "/srv/b"),)),
            Process(50, "bash", None, (Use("directory", "/srv"),)),
        ),
        (),
        (),
    )
    found = users([block("vdb", "254:16")], [mount("/srv", "254:16")])
    answer = ask(going("vdb"), found, processes)
    assert told(answer) == [("process", "postgresql.service"), ("process", "50"), ("mount", "/srv")]
    assert [one.remedy for one in answer.blockers[:2]] == ["systemctl stop postgresql.service", "kill 50"]


def test_the_shell_in_which_it_is_asked_is_not_to_be_killed():
    found = users([block("vdb", "254:16")], [mount("/srv", "254:16")])
    shell = Process(50, "bash", None, (Use("directory", "/srv"),), asks=True)
    assert ask(going("vdb"), found, Processes((shell,), (), ())).blockers[0].remedy == "cd /"
    holder = shell._replace(uses=(*shell.uses, Use("open", "/srv/log")))
    assert ask(going("vdb"), found, Processes((holder,), (), ())).blockers[0].remedy is None


def test_multipathd_only_looks_after_its_paths():
    watcher = Process(9, "multipathd", "multipathd.service", (Use("open", "/dev/sda"),))
    other = watcher._replace(name="fdisk", unit=None)
    found = users([block("sda", "8:0")])
    assert ask(going("sda"), found, Processes((watcher,), (), ())).safe is True
    assert ask(going("sda"), found, Processes((other,), (), ())).safe is False


def test_mounts_elsewhere_count_unless_they_go_with_ours():
    found = users([block("vdb", "254:16")], [mount("/srv", "254:16", peers=["shared:7"])])
    tmp = mount("/srv/tmp", "0:60", "none", id=8, peers=["shared:9"], type="tmpfs")
    found = found._replace(mounts=(*found.mounts, tmp))
    slave = Space(50, (mount("/srv", "254:16", peers=["master:7"]), tmp._replace(peers=("master:9",))))
    private = Space(60, (mount("/in it", "254:16", id=9), mount("/in it/deep", "0:60", id=10, parent=9)))
    answer = ask(going("vdb"), found, Processes((), (slave, private), ()))
    assert told(answer) == [("mount", "/in it/deep"), ("mount", "/in it"), ("mount", "/srv")]
    assert answer.blockers[1].remedy == "nsenter --mount --target 60 umount '/in it'"


def test_swap_and_loop_devices_on_files_of_a_mount_elsewhere():
    """The kernel calls the file as that namespace does; here the path is on the root file system (seen on 6.18)."""
    found = users(
        [
            block("vda", "254:0"), block("vdb", "254:16"), block("loop1", "7:1", backing="/data/nested.img"),
            block("loop2", "7:2", backing="/data/deep/other.img"), block("loop3", "7:3", backing="/srv/image"),
        ],
        [mount("/", "254:0", "/dev/vda")],
        swaps=(Swap("/data/swap", "file", False), Swap("/swapfile", "file", False)),
    )  # fmt: skip
    deep = mount("/data/deep", "0:60", "none", id=10, parent=9, type="tmpfs")
    private = Space(60, (mount("/data", "254:16", id=9), deep))
    answer = ask(going("vdb"), found, Processes((), (private, private._replace(pid=61)), ()))
    assert told(answer)[:2] == [("swap", "/data/swap"), ("loop", "/dev/loop1")]
    assert {kind for kind, _ in told(answer)[2:]} == {"mount"}
    assert [one.remedy for one in answer.blockers[:2]] == [
        "nsenter --mount --target 60 swapoff /data/swap",
        "losetup --detach /dev/loop1",
    ]
    assert "of process 60, if that is where the file is" in answer.blockers[0].summary


def test_a_file_system_that_is_mounted_elsewhere_is_no_riddle():
    found = users([block("vdb", "254:16", system="ext4")])
    private = Space(60, (mount("/data", "254:16", id=9),))
    assert told(ask(going("vdb"), found, Processes((), (private,), ()))) == [("mount", "/data")]
    assert told(ask(going("vdb"), found)) == [("filesystem", "/dev/vdb")]


def test_what_is_mounted_twice_is_unmounted_twice():
    mounts = [mount("/mnt", "254:16", id=8), mount("/mnt", "254:16", id=9, parent=8), mount("/other", "254:16", id=10)]
    answer = ask(going("vdb"), users([block("vdb", "254:16")], mounts))
    twice = next(one for one in answer.blockers if one.subject == "/mnt")
    assert told(answer) == [("mount", "/other"), ("mount", "/mnt")]
    assert twice.remedy == "for i in $(seq 2); do umount /mnt; done"
    assert twice.summary.endswith("is mounted on /mnt, 2 times")


@pytest.mark.parametrize("name", ["a b", "$(reboot)", "it's", "ü"])
def test_a_remedy_is_quoted_for_a_shell(name):
    answer = ask(going("vdb"), users([block("vdb", "254:16")], [mount(f"/mnt/{name}", "254:16")]))
    assert shlex.split(answer.blockers[0].remedy) == ["umount", f"/mnt/{name}"]


@pytest.mark.parametrize("name", ["a\nb", "\x1b[2J", "\udcff", "\u202e"])
def test_what_cannot_be_typed_has_no_remedy(name):
    answer = ask(going("vdb"), users([block("vdb", "254:16")], [mount(f"/mnt/{name}", "254:16")]))
    assert answer.safe is False
    assert answer.blockers[0].remedy is None


def test_a_mount_outlives_its_device_and_so_does_swap():
    left = users(
        [block("vda", "254:0")],
        [mount("/", "254:0", "/dev/vda"), mount("/mnt", "254:17", "/dev/vdb1"), mount("/x", "254:33", "/dev/vdbackup")],
        swaps=(Swap("/dev/vdb2", "partition", True),),
    )
    for name in ("vdb", "/dev/vdb"):
        found = unplug.left_behind(name, left)
        assert {(one.kind, one.subject) for one in found} == {("mount", "/mnt"), ("swap", "/dev/vdb2")}
    assert unplug.left_behind("vda", left) == ()
    assert unplug.left_behind("vdc", left) == ()


# --- file systems of several disks ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "number", "source", "options"),
    [
        ("xfs", "254:0", "/dev/vda", "rw,attr2,logdev=/dev/vdb,noquota"),
        ("xfs", "254:0", "/dev/vda", "rw,rtdev=/dev/vdb"),
        ("bcachefs", "0:45", "/dev/vda:/dev/vdb", "rw"),
    ],
)
def test_a_disk_that_a_file_system_has_beside_its_first(kind, number, source, options):
    disks = [block("vda", "254:0"), block("vdb", "254:16"), block("vdc", "254:32")]
    found = users(disks, [mount("/srv", number, source, type=kind, options=options)])
    assert told(ask(going("vdb"), found)) == [("mount", "/srv")]
    assert ask(going("vdc"), found).safe is True


def test_the_journal_of_a_file_system_that_is_elsewhere():
    disks = [block("vda", "254:0", system="ext4"), block("vdb", "254:16", system=JOURNAL)]
    answer = ask(going("vdb"), users(disks, [mount("/srv", "254:0", "/dev/vda")]))
    assert told(answer) == [("filesystem", "/dev/vdb")]
    assert "journal" in answer.blockers[0].summary


def test_a_disk_of_which_udev_knows_nothing_may_be_in_a_pool():
    disks = [block("vdb", "254:16"), block("vdc", "254:32", holds=("", ""))]
    found = users(disks, pools=frozenset({"tank"}))
    assert ask(going("vdb"), found).safe is None
    assert ask(going("vdc"), found).safe is True


def test_a_colon_in_the_name_of_a_layer():
    assert list(layers("rw,lowerdir=/a\\:b:/c,upperdir=/u")) == ["/a:b", "/c", "/u"]


# --- other names, and what does not tell ------------------------------------------------------------------------------


def test_a_loop_device_and_swap_on_it_under_another_name():
    found = users(
        [block("vdb", "254:16"), block("loop3", "7:3", backing="/dev/xvda")],
        [mount("/mnt", "7:3", "/dev/loop3")],
        swaps=(Swap("/dev/other", "partition", False),),
        aliases={"/dev/xvda": "vdb", "/dev/other": "vdb"},
    )
    assert told(ask(going("vdb"), found)) == [("swap", "/dev/other"), ("mount", "/mnt"), ("loop", "/dev/loop3")]


def test_a_path_that_may_be_any_disk_is_unknown_for_disks_alone():
    seen = Seen("blocks", "/dev/loop3 lies on /dev/xvda", None)
    found = users([block("vdb", "254:16")], unnamed=(seen,), network=network(interface("ens3")))
    assert ask(going("vdb"), found).safe is None
    assert ask(going(nodes=[node("ens3", "net")]), found).safe is True


@pytest.mark.parametrize(
    "key, more, safe",
    [
        ("journals", {"holds": None}, None),
        ("journals", {"holds": ("jbd", "")}, None),
        ("journals", {"holds": ("", "")}, True),
        ("journals", {"holds": ("xfs", "")}, True),
        ("f2fs", {"holds": None}, None),
        ("f2fs", {"holds": ("", "")}, None),
        ("f2fs", {"holds": ("xfs", "")}, True),
    ],
)
def test_what_a_file_system_elsewhere_may_have_counts_where_it_could(key, more, safe):
    seen = {key: Seen("blocks", "not in the recording", None)}
    assert ask(going("vdb"), users([block("vdb", "254:16", **more)], unseen=seen)).safe is safe
    parted = [block("vdb", "254:16", **more), block("vdb1", "254:17", disk="vdb", holds=("xfs", ""))]
    assert ask(going("vdb", "vdb1"), users(parted, unseen=seen)).safe is True


@pytest.mark.parametrize(
    "holds, hidden", [(("vfat", "EFI"), True), (("iso9660", ""), True), (None, True), (("", ""), False)]
)
def test_files_are_looked_at_one_by_one_where_a_file_system_may_leave_no_mark(holds, hidden):
    found = users([block("vdb", "254:16", holds=holds), block("vda", "254:0", dm=("x", "y"))])
    at_stake = unplug.stake(going("vdb"), found)
    wanted = unplug.interest(going("vdb"), found, at_stake)
    assert (wanted.hidden, wanted.nodes) == (hidden, {"block 254:16": "/dev/vdb"})
    assert {"/dev/vda", "/dev/mapper/x"} <= wanted.known
    mounted = users(found.blocks.values(), [mount("/mnt", "254:16")])
    assert unplug.interest(going("vdb"), mounted, unplug.stake(going("vdb"), mounted)).hidden is False


def test_what_has_no_disk_is_called_by_its_type():
    mounts = [
        mount("/mnt", "254:16", id=30, parent=1),
        mount("/mnt/in", "0:50", "none", id=31, parent=30, type="tmpfs"),
    ]
    (above, below) = ask(going("vdb"), users([block("vdb", "254:16")], mounts)).blockers
    assert above.summary == "a tmpfs is mounted on top, on /mnt/in"
    assert below.summary == "/dev/vdb (ext4) is mounted on /mnt"


def test_an_array_that_does_not_run_has_its_disks_all_the_same():
    found = users([block("vdb", "254:16", holders=["md127"]), block("md127", "9:127", slaves=["vdb"])])
    (one,) = ask(going("vdb"), found).blockers
    assert (one.kind, one.remedy) == ("md", "mdadm --stop /dev/md127")
