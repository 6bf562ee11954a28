"""``check`` of images, as an image pipeline calls it: exit codes, JSON, recordings of images, hostile ones."""

from __future__ import annotations

import io
import json
import os
import tarfile
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

import hotplugctl as package
from hotplugctl.rules.mounted import inside

IMAGES = Path(__file__).resolve().parents[2] / "fixtures" / "images"
SCHEMA = json.loads((Path(package.__file__).parent / "schemas" / "check.schema.json").read_text(encoding="utf-8"))
RELEASE = "6.1.0-syn"


@pytest.fixture
def guest(syn):
    """An empty tree to be filled."""
    return syn.Guest()


def fits(document) -> bool:
    return not [error.message for error in Draft202012Validator(SCHEMA).iter_errors(document)]


def unpacked(name: str, folder: Path) -> Path:
    root = folder / name
    with tarfile.open(IMAGES / f"{name}.tar.xz") as archive:
        trusted = {"filter": "fully_trusted"} if hasattr(tarfile, "fully_trusted_filter") else {}
        archive.extractall(root, **trusted)
    return root


def test_remedies_are_typed_outside_of_the_image(hotplugctl, syn, guest, tmp_path):
    syn.grub(syn.image(guest, RELEASE), (RELEASE, "pci=noacpi"))
    guest.file("etc/default/grub", 'GRUB_CMDLINE_LINUX="pci=noacpi"\n')
    root = guest.written(tmp_path / "mounted here's")

    def remedy(place):
        done = hotplugctl("check", "--json", "--root", place)
        return next(item for item in done.document["findings"] if item["id"] == "image.mechanism-disabled")["remedy"]

    quoted = "'" + str(root).replace("'", "'\\''") + "'"
    assert remedy(root).startswith(f"chroot {quoted} sh -c '")
    assert "/etc/default/grub && " in remedy(root)
    # A recording is no place to change anything in.
    assert hotplugctl("record", "--no-scrub", tmp_path / "recorded", "--root", root).status == 0
    assert "chroot" not in remedy(tmp_path / "recorded")


@pytest.mark.parametrize(
    "remedy, place, typed",
    [
        ("update-grub", "/mnt", "chroot /mnt update-grub"),
        ("update-grub", "a b", "chroot 'a b' update-grub"),
        ("update-grub", "-x", "chroot ./-x update-grub"),
        ("echo x >> /etc/modules", "/mnt", "chroot /mnt sh -c 'echo x >> /etc/modules'"),
        ("depmod '6.1 x'", "/mnt", "chroot /mnt depmod '6.1 x'"),
        ("rm 'a' && b", "/mnt", "chroot /mnt sh -c 'rm '\\''a'\\'' && b'"),
        ("$EDITOR f", "/mnt", "chroot /mnt sh -c '$EDITOR f'"),
    ],
)
def test_a_remedy_for_the_image(remedy, place, typed):
    assert inside(remedy, place) == typed


CASES = {
    "bullseye": ("ready", ["5.10.0-32-amd64"], set()),
    "trixie": ("ready", ["6.12.107+deb13-amd64"], set()),
    "bookworm-cloud": ("limited", ["6.1.0-50-cloud-amd64"], {"e1000", "e1000e"}),
    "bookworm-grub": ("limited", ["6.1.0-50-cloud-amd64", "6.1.0-50-amd64"], {"e1000", "e1000e"}),
}


def test_every_fixture_is_a_case():
    assert sorted(CASES) == sorted(path.name[: -len(".tar.xz")] for path in IMAGES.glob("*.tar.xz"))
    text = (IMAGES / "README.md").read_text(encoding="utf-8")
    assert all(f"`{name}.tar.xz`" in text for name in CASES)


@pytest.mark.parametrize("name", CASES)
def test_a_real_image(hotplugctl, tmp_path, name):
    """A folder and a tar of it say the same, and what the kernel package holds is what is said of it."""
    verdict, kernels, missing = CASES[name]
    done = hotplugctl("check", "--json", "--root", IMAGES / f"{name}.tar.xz")
    said = done.document
    assert (done.status, done.err, said["verdict"], said["guest"]["source"]) == (0, "", verdict, "image")
    assert fits(said)
    assert [kernel["release"] for kernel in said["kernels"]] == kernels
    default = next(kernel for kernel in said["kernels"] if kernel["default"])
    assert default["release"] == said["guest"]["kernel"] == kernels[0]
    assert {item["name"] for item in default["drivers"] if item["common"] and item["state"] == "missing"} == missing
    root = unpacked(name, tmp_path)
    mounted = hotplugctl("check", "--json", "--root", root).document
    for item in mounted["findings"]:
        # The one difference: where it is mounted, that is told along with the remedy.
        assert not item["remedy"] or item["remedy"].startswith(f"chroot {root} ")
        item["remedy"] = item["remedy"] and item["remedy"].replace(f"chroot {root} ", "")
    assert mounted == said


def test_the_top_speaks_of_the_kernel_that_boots(hotplugctl):
    said = hotplugctl("check", "--json", "--root", IMAGES / "bookworm-grub.tar.xz").document
    cloud, other = said["kernels"]
    states = {item["name"]: item["state"] for item in said["mechanisms"]}
    assert states == {item["name"]: item["state"] for item in cloud["mechanisms"]}
    assert (states["shpchp"], {item["name"]: item["state"] for item in other["mechanisms"]}["shpchp"]) == (
        "absent", "builtin",
    )  # fmt: skip
    line = cloud["command_lines"][0]
    assert (line["source"], line["default"], line["forbids"]) == ("/boot/grub/grub.cfg", True, [])
    assert line["text"] == "root=/dev/vda1 ro console=ttyS0 quiet"


@pytest.mark.parametrize("name", CASES)
def test_a_recording_of_an_image_says_the_same(hotplugctl, tmp_path, name):
    root = unpacked(name, tmp_path)
    out = tmp_path / "recorded.tar"
    assert hotplugctl("record", out, "--no-scrub", "--root", root).status == 0
    for options in ([], ["--json"]):
        mounted = hotplugctl("check", *options, "--root", root).out
        # But for where remedies are typed.
        assert hotplugctl("check", *options, "--root", out).out == mounted.replace(f"chroot {root} ", "")


def test_a_guest_has_no_kernels(hotplugctl, recordings):
    assert hotplugctl("check", "--json", "--root", recordings.stage("pc-virtio", "added")).document["kernels"] == []


@pytest.mark.parametrize(
    "line, options, status",
    [
        ("quiet", [], 0),
        ("quiet", ["--strict"], 0),
        ("module_blacklist=virtio_blk", [], 0),
        ("module_blacklist=virtio_blk", ["--strict"], 1),
        ("module_blacklist=virtio_blk", ["--strict", "--skip", "image.module-blacklisted"], 0),
        ("acpiphp.disable=1", [], 3),
        ("acpiphp.disable=1 pcie_ports=compat", [], 1),
        ("quiet", ["--need", "1"], 3),
        ("quiet", ["--need", "0"], 0),
        ("quiet", ["--only", "image.driver-missing"], 0),
        ("quiet", ["--skip", "image"], 0),
        ("quiet", ["--only", "image.nothing"], 2),
    ],
)
def test_status(hotplugctl, syn, guest, tmp_path, line, options, status):
    root = syn.grub(syn.image(guest), (RELEASE, line)).written(tmp_path / "image")
    assert hotplugctl("check", "--root", root, *options).status == status


def test_findings_of_images_can_be_named_for_a_guest_too(hotplugctl, recordings):
    done = hotplugctl("check", "--skip", "image", "--json", "--root", recordings.stage("pc-virtio", "added"))
    assert done.status == 0
    assert not [finding for finding in done.document["findings"] if finding["id"].startswith("image.")]


# Hostile images.


@pytest.mark.parametrize(
    "path, content",
    [
        ("boot/grub/grub.cfg", b"menuentry " + b"{" * 100_000),
        ("boot/grub/grub.cfg", b"menuentry '\x1b[2J\xff\xfe' {\nlinux /boot/vmlinuz-6.1.0-syn \x1b]0;x\x07\xff\n}\n"),
        ("boot/grub/grub.cfg", b"linux\0\0" * 1000),
        ("boot/grub/grub.cfg", b"submenu a {" * 20_000 + b"menuentry b {\n linux /k\n"),
        ("boot/grub/grub.cfg", b"source " + b"x" * 100_000),
        ("boot/grub/grub.cfg", b"menuentry a {\nlinux /../../../boot/vmlinuz-../../../../etc/passwd x\n}\n"),
        ("boot/grub/grub.cfg", b"set a=$a$a\n" * 10_000 + b"menuentry $a {\nlinux $a $a\n}\n"),
        ("boot/grub/grubenv", b"# GRUB Environment Block\n" + b"=\\" * 10_000),
        ("boot/loader/entries/\x1b[31m.conf", b"linux /vmlinuz-6.1.0-syn\noptions \xff\n"),
        ("boot/loader/loader.conf", b"default " + b"*a" * 10_000),
        ("boot/extlinux.conf", b"include extlinux.conf\n" * 1000),
        ("etc/default/grub", b'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX$GRUB_CMDLINE_LINUX x"\n' * 5000),
        ("etc/os-release", b"ID=\x1b[2J\xff\n"),
        ("etc/fstab", b"\xff /boot/../.. \x1b\n" * 1000),
        (
            "lib/modules/6.1.0-syn/modules.dep",
            b"../../../../etc/passwd.ko: /../../x.ko\nkernel/nvme.ko: " + b"y " * 50_000,
        ),
        ("lib/modules/6.1.0-syn/modules.builtin.modinfo", b"\0.=\0\xff.license=\0" * 1000),
        ("lib/modules/6.1.0-syn/modules.softdep", b"softdep a pre: a b\nsoftdep b pre: a\n" * 1000),
    ],
)
def test_files_that_lie(hotplugctl, syn, guest, path, content):
    guest = syn.image(guest)
    buffer = io.BytesIO()
    guest.file(path, content)
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, data in guest.entries.items():
            member = tarfile.TarInfo(name)
            member.type = tarfile.DIRTYPE if data is None else tarfile.REGTYPE
            member.size = len(data or b"")
            archive.addfile(member, io.BytesIO(data or b""))
    for options in ([], ["--json"]):
        done = hotplugctl("check", "--root", "-", *options, stdin=buffer.getvalue())
        assert done.status in (0, 3) and not done.err
        assert done.out.replace("\n", "").isprintable()
    assert fits(done.document)


@pytest.mark.parametrize("target", ["/etc/grub.cfg", "../../../../../etc/passwd", "grub.cfg", "/proc/self/mem"])
def test_links_lead_nowhere_outside(hotplugctl, syn, guest, tmp_path, target):
    root = syn.image(guest).written(tmp_path / "image")
    (root / "boot/grub").mkdir()
    (root / "boot/grub/grub.cfg").symlink_to(target)
    (root / "etc/grub.cfg").write_text(f"menuentry inside {{\n linux /boot/vmlinuz-{RELEASE} acpi=off\n}}\n")
    done = hotplugctl("check", "--json", "--root", root)
    lines = done.document["kernels"][0]["command_lines"]
    assert [line["text"] for line in lines] == (["acpi=off"] if target == "/etc/grub.cfg" else [])
    assert fits(done.document)


@pytest.mark.parametrize("kind", ["fifo", "folder"])
def test_a_configuration_that_is_no_file(hotplugctl, syn, guest, tmp_path, kind):
    root = syn.image(guest).written(tmp_path / "image")
    (root / "boot/grub").mkdir()
    if kind == "fifo":
        os.mkfifo(root / "boot/grub/grub.cfg")
    else:
        (root / "boot/grub/grub.cfg").mkdir()
    assert hotplugctl("check", "--root", root).status == 0


def test_a_file_of_a_gigabyte(hotplugctl, syn, guest, tmp_path):
    root = syn.image(guest).written(tmp_path / "image")
    (root / "boot/grub").mkdir()
    with (root / "boot/grub/grub.cfg").open("wb") as file:
        file.truncate(1 << 30)
    done = hotplugctl("check", "--root", root)
    assert done.status == 3 and "larger than" in done.out
