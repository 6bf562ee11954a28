"""Images and payloads without a mirror and without QEMU: a stand-in for mmdebstrap leaves what the real one would."""

from __future__ import annotations

import lzma
import os
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

if sys.version_info < (3, 11):
    pytest.skip("the lab needs Python 3.11", allow_module_level=True)

from tests.lab import image, initrd, payload, recipe
from tests.lab.errors import LabError, Lost

BOOKWORM = recipe.RELEASES["bookworm"]
PARTS = """
out=$LAB_OUT/lab-out
mkdir -p "$out/initrd/modules"
echo 6.1.0-1-amd64 > "$out/version"
for part in vmlinuz config disk.img; do echo "$LAB_FLAVOUR" > "$out/$part"; done
echo busybox > "$out/initrd/busybox"
echo code > "$out/initrd/modules/virtio.ko"
echo virtio.ko > "$out/initrd/modules/first"
: > "$out/initrd/modules/rest"
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache on a machine that has all that a build needs."""
    keyring = tmp_path / "keyring.gpg"
    keyring.touch()
    monkeypatch.setattr(image, "KEYRING", keyring)
    monkeypatch.setattr(image, "NEEDED_BYTES", 0)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setenv("HOTPLUGCTL_LAB_MIRROR", "http://mirror.example/debian")
    return tmp_path / "cache"


@pytest.fixture
def mmdebstrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Put a shell script in the place of mmdebstrap; gives a file that holds a line for every call."""
    programs = tmp_path / "bin"
    programs.mkdir()
    calls = tmp_path / "calls"
    calls.touch()

    def script(text: str) -> Path:
        for name in image.PROGRAMS:
            body = f'set -eu\necho "$*" | head -n 1 >> {calls}\n{text}' if name == "mmdebstrap" else "exit 1"
            (programs / name).write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
            (programs / name).chmod(0o755)
        return calls

    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    return script


def quiet(_: str) -> None:
    return None


def called(calls: Path) -> int:
    return len(calls.read_text(encoding="utf-8").splitlines())


def left(cache: Path) -> list[str]:
    """What lies in a cache besides locks and logs."""
    return sorted(path.name for path in cache.iterdir() if path.suffix not in (".lock", ".log"))


def test_built_once_then_taken_from_the_cache(cache: Path, mmdebstrap: Callable[[str], Path]) -> None:
    calls = mmdebstrap(PARTS)
    first = image.ensure(BOOKWORM, cache, quiet)
    again = image.ensure(BOOKWORM, cache, quiet)
    assert first == again
    assert first.version == "6.1.0-1-amd64"
    assert first.kernel.read_text() == "amd64\n"
    assert first.initrd.read_bytes().startswith(b"070701")
    assert called(calls) == 1
    assert left(cache) == [f"bookworm-{image.key(BOOKWORM)}"]


def test_key_changes_with_release_recipe_and_guest_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = tmp_path / "guest_files"
    files.mkdir()
    (files / "agent.py").write_text("one")
    monkeypatch.setattr(recipe, "GUEST_FILES", files)
    keys = [image.key(BOOKWORM), image.key(recipe.RELEASES["trixie"])]
    keys.append(image.key(BOOKWORM._replace(packages=("udev",))))
    (files / "agent.py").write_text("two")
    keys.append(image.key(BOOKWORM))
    (files / "agent.py").rename(files / "agent2.py")
    keys.append(image.key(BOOKWORM))
    assert len(set(keys)) == len(keys)
    assert image.key(BOOKWORM) == keys[-1]


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ("tar: x: Cannot write: No space left on device", "disk is full"),
        ("E: Failed to fetch http://x Could not resolve 'mirror.example'", "no network"),
        ("E: The repository 'http://x sid Release' does not have a Release file.", "lacks the release"),
        ("E: Release file is expired. Updates for this repository will not be applied.", "past its date"),
        ("E: Unable to locate package python4", "lacks a package"),
        ("I: fine\nE: something new\nE: and its consequence", "something new"),
        ("cp: no such thing\nE: setup failed: E: command failed: # a script\nE: of many lines", "cp: no such thing"),
        ("", "said nothing"),
    ],
)
def test_a_failed_build_says_why_and_leaves_nothing(
    cache: Path, mmdebstrap: Callable[[str], Path], log: str, said: str
) -> None:
    mmdebstrap(f"{PARTS}\ncat <<'END'\n{log}\nEND\nexit 25" if log else f"{PARTS}\nexit 25")
    with pytest.raises(LabError, match=said) as caught:
        image.ensure(BOOKWORM, cache, quiet)
    assert caught.value.hint
    assert "\n" not in str(caught.value)
    assert left(cache) == []


def test_a_build_that_leaves_no_kernel_is_no_image(cache: Path, mmdebstrap: Callable[[str], Path]) -> None:
    mmdebstrap(PARTS.replace("vmlinuz", "other"))
    with pytest.raises(LabError, match="lacks vmlinuz"):
        image.ensure(BOOKWORM, cache, quiet)
    assert left(cache) == []


def test_what_an_interrupted_build_left_goes(cache: Path, mmdebstrap: Callable[[str], Path]) -> None:
    mmdebstrap(PARTS)
    (cache / ".building-bookworm" / "lab-out").mkdir(parents=True)
    (cache / ".building-bookworm" / "lab-out" / "disk.img").write_text("half")
    assert image.ensure(BOOKWORM, cache, quiet).disk.read_text() == "amd64\n"
    assert left(cache) == [f"bookworm-{image.key(BOOKWORM)}"]


def test_two_builders_build_once(cache: Path, mmdebstrap: Callable[[str], Path]) -> None:
    calls = mmdebstrap(f"sleep 1\n{PARTS}")
    said: list[str] = []
    images = image.ensure_all([BOOKWORM, BOOKWORM], cache, said.append)
    assert images[0] == images[1]
    assert called(calls) == 1
    assert any("waiting for another build" in line for line in said)


def test_a_stopped_build_ends_its_processes(cache: Path, mmdebstrap: Callable[[str], Path], tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    mmdebstrap(f"sleep 300 &\necho $! > {pid_file}.new\nmv {pid_file}.new {pid_file}\nwait")
    stop = threading.Event()

    def stop_when_it_runs() -> None:
        while not pid_file.exists():
            time.sleep(0.05)
        stop.set()

    threading.Thread(target=stop_when_it_runs, daemon=True).start()
    with pytest.raises(image.Stopped):
        image.ensure(BOOKWORM, cache, quiet, stop)
    assert left(cache) == []
    assert not alive(int(pid_file.read_text()))


def alive(pid: int) -> bool:
    """Does a process run within the next seconds still?"""
    status = Path(f"/proc/{pid}/status")
    for _ in range(100):
        try:
            if "State:\tZ" in status.read_text():
                return False
        except (FileNotFoundError, ProcessLookupError):
            return False
        time.sleep(0.05)
    return True


def test_a_failure_ends_the_other_builds(cache: Path, mmdebstrap: Callable[[str], Path]) -> None:
    mmdebstrap(f'[ "$LAB_FLAVOUR" = amd64 ] || {{ echo "E: cloudy"; exit 1; }}\nsleep 300\n{PARTS}')
    start = time.monotonic()
    with pytest.raises(LabError, match="cloudy"):
        image.ensure_all([BOOKWORM, recipe.RELEASES["bookworm-cloud"]], cache, quiet)
    assert time.monotonic() - start < 60


def test_missing_program(cache: Path, mmdebstrap: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    mmdebstrap(PARTS)
    monkeypatch.setattr(image, "PROGRAMS", {"no-such-program": "its-package"})
    with pytest.raises(LabError, match="its-package missing") as caught:
        image.ensure(BOOKWORM, cache, quiet)
    assert caught.value.hint == "apt-get install its-package"


def test_too_little_room(cache: Path, mmdebstrap: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    calls = mmdebstrap(PARTS)
    monkeypatch.setattr(image, "NEEDED_BYTES", 1 << 62)
    with pytest.raises(LabError, match="MiB free"):
        image.ensure(BOOKWORM, cache, quiet)
    assert called(calls) == 0


def test_cache_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LabError, match="file/cache") as caught:
        image.ensure(BOOKWORM, tmp_path / "file" / "cache", quiet)
    assert "HOTPLUGCTL_LAB_CACHE" in caught.value.hint


def test_images_that_nobody_uses_go(cache: Path, mmdebstrap: Callable[[str], Path]) -> None:
    mmdebstrap(PARTS)
    now = time.time()
    ages = {"bookworm-000000000000": 30, "bookworm-000000000001": 0.5, "bookworm-cloud-000000000000": 30}
    for name, days in ages.items():
        (cache / name).mkdir(parents=True)
        os.utime(cache / name, (now - days * 86400,) * 2)
    image.ensure(BOOKWORM, cache, quiet)
    assert set(left(cache)) == {*list(ages)[1:], f"bookworm-{image.key(BOOKWORM)}"}


def test_an_image_that_is_asked_for_counts_as_used(cache: Path, mmdebstrap: Callable[[str], Path]) -> None:
    mmdebstrap(PARTS)
    directory = image.ensure(BOOKWORM, cache, quiet).disk.parent
    os.utime(directory, (0, 0))
    image.ensure(BOOKWORM, cache, quiet)
    assert directory.stat().st_mtime > time.time() - 3600


def test_where_the_cache_is() -> None:
    assert image.default_cache({"HOTPLUGCTL_LAB_CACHE": "/a", "XDG_CACHE_HOME": "/b"}) == Path("/a")
    assert image.default_cache({"XDG_CACHE_HOME": "/b"}) == Path("/b/hotplugctl-lab")
    assert image.default_cache({}) == Path.home() / ".cache" / "hotplugctl-lab"


def test_mirror_of_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    apt = tmp_path / "apt-get"
    apt.write_text(
        "#!/bin/sh\n"
        "echo http://mirror.example/debian-security/ main\n"
        "echo http://mirror.example/debian/ contrib\n"
        "echo http://mirror.example/debian/ main\n"
    )
    apt.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert image.mirror({}) == "http://mirror.example/debian"
    apt.write_text("#!/bin/sh\n")
    with pytest.raises(LabError, match="no Debian mirror"):
        image.mirror({})


def test_command_names_suite_packages_and_hooks(cache: Path, tmp_path: Path) -> None:
    command = image.mmdebstrap_command(recipe.RELEASES["trixie"], tmp_path / "o.tar", tmp_path, "http://m/debian")
    assert command[-3:] == ["trixie", "/dev/null", "http://m/debian"]
    assert any(word.startswith("--include=systemd-sysv,") for word in command)
    assert not any("copy-out" in word for word in command)


def test_overlay_holds_units_and_agent(tmp_path: Path) -> None:
    image.overlay_tar(tmp_path / "o.tar")
    with tarfile.open(tmp_path / "o.tar") as tar:
        assert {"./usr/lib/lab/agent.py", "./etc/systemd/system/lab-agent.service"} <= set(tar.getnames())


def test_initrd_unpacks_modules_and_can_be_listed(tmp_path: Path) -> None:
    modules = tmp_path / "initrd" / "modules"
    modules.mkdir(parents=True)
    (tmp_path / "initrd" / "busybox").write_bytes(b"box")
    (modules / "a.ko").write_bytes(b"plain")
    (modules / "b.ko.xz").write_bytes(lzma.compress(b"packed"))
    (modules / "first").write_text("a.ko\nb.ko.xz\n")
    (modules / "rest").write_text("")
    initrd.build(tmp_path / "initrd")
    data = (tmp_path / "initrd").read_bytes()
    entries = dict(read_cpio(data))
    assert set(entries) == {
        "bin",
        "modules",
        "init",
        "bin/busybox",
        *(f"modules/{n}" for n in ("a.ko", "b.ko", "first", "rest")),
    }
    assert entries["modules/b.ko"] == b"packed"
    assert entries["modules/first"] == b"a.ko\nb.ko\n"
    assert not (tmp_path / "initrd.parts").exists()


def read_cpio(data: bytes) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    at = 0
    while True:
        assert data[at : at + 6] == b"070701"
        size, length = (int(data[at + 6 + 8 * field : at + 14 + 8 * field], 16) for field in (6, 11))
        name = data[at + 110 : at + 109 + length].decode()
        at = (at + 110 + length + 3) & ~3
        if name == "TRAILER!!!":
            return found
        found.append((name, data[at : at + size]))
        at = (at + size + 3) & ~3


def test_module_that_nothing_unpacks(tmp_path: Path) -> None:
    modules = tmp_path / "initrd" / "modules"
    modules.mkdir(parents=True)
    (tmp_path / "initrd" / "busybox").write_bytes(b"box")
    (modules / "a.ko.zst").write_bytes(b"?")
    with pytest.raises(LabError, match=r"a\.ko\.zst"):
        initrd.build(tmp_path / "initrd")


def make_wheel(directory: Path) -> Path:
    """A wheel of a hotplugctl that says hello; as pip wants it, without a build."""
    path = directory / "hotplugctl-9.9-py3-none-any.whl"
    info = "hotplugctl-9.9.dist-info"
    files = {
        "hotplugctl/__init__.py": "",
        "hotplugctl/__main__.py": "def main():\n    print('hello')\n",
        "hotplugctl/schemas/a.json": "{}",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: hotplugctl\nVersion: 9.9\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\nhotplugctl = hotplugctl.__main__:main\n",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
        archive.writestr(f"{info}/RECORD", "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"]))
    return path


@pytest.mark.skipif(
    subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False).returncode != 0,
    reason="this Python has no pip",
)
def test_payload_is_what_pip_would_install(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path)
    built = payload.build(wheel, BOOKWORM, tmp_path / "cache")
    assert payload.build(wheel, BOOKWORM, tmp_path / "cache") == built
    with tarfile.open(built) as tar:
        members = {member.name: member for member in tar}
        script = tar.extractfile("usr/local/bin/hotplugctl")
        assert script is not None
        assert script.readline() == b"#!/usr/bin/python3\n"
    site = "usr/local/lib/python3.11/dist-packages"
    assert {f"{site}/hotplugctl/schemas/a.json", f"{site}/hotplugctl-9.9.dist-info/METADATA"} <= set(members)
    assert members["usr/local/bin/hotplugctl"].mode == 0o755
    assert {(member.uid, member.gid) for member in members.values()} == {(0, 0)}
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == [built.name]


def test_no_wheel(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"no wheel .*gone\.whl") as caught:
        payload.build(tmp_path / "gone.whl", BOOKWORM, tmp_path)
    assert caught.value.hint == "make wheel"


def test_errors_are_one_line() -> None:
    error = Lost("the guest\nis gone", "look at\n  its console")
    assert str(error) == "the guest is gone (look at its console)"
    assert str(LabError("plain")) == "plain"
