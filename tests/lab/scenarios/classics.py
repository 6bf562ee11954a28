"""What the old guides to QEMU's PCI hot-plug tell their reader to do in the guest, from end to end.

``lspci`` before and after, ``dmesg``, ``ls /dev/sd*``, ``cat /proc/partitions``, ``modprobe acpiphp``, the SCSI rescan;
and that hotplugctl, fed with these texts, finds what the guest's own files say.
"""

from __future__ import annotations

from tests.lab.plan import CI, Plug, Pull, Rest, Scenario, Sees, Sh
from tests.lab.scenarios.devices import sees
from tests.lab.scenarios.on_pc import snap
from tests.lab.scenarios.pc import KERNELS, PC

_KEEP = "mkdir -p /run/classics && lspci > /run/classics/{0} && dmesg > /run/classics/dmesg-{0}"
_FORMS = ("", "-n", "-nn", "-D", "-m", "-mm", "-vmm", "-vmmk", "-nnk", "-v", "-vvv", "-Dvmmnnk", "-xxx")

_ADDRESSES = "import json, sys; print(*sorted(r['address'] for r in json.load(sys.stdin)['records']), sep='\\n')"
# Two documents on the command line: what the text said, and what list says. A key that the text lacks is in "unknown".
_AGREE = """
import json, sys
text, listed = (json.loads(word) for word in sys.argv[1:])
there = {function["address"]: function for function in listed["functions"]}
for said in text["records"]:
    # An old pciutils does not print the programming interface of a class.
    there[said["address"]]["class"] = there[said["address"]]["class"][: len(said["class"])]
    for key in set(said) & set(there[said["address"]]) - set(said.get("unknown", ())) - {"unknown"}:
        assert said[key] == there[said["address"]][key], (said["address"], key, said[key], there[said["address"]][key])
assert len(text["records"]) == len(there), (len(text["records"]), len(there))
"""


def _difference(sign: str, *lines: str) -> Sh:
    """``diff`` of the two ``lspci``: only these lines came (``>``) or went (``<``)."""
    said = "".join(rf"{sign} {line}\n" for line in lines)
    return Sh("diff /run/classics/before /run/classics/after", 1 if lines else 0, rf"\A(?:[\dacd,]+\n{said})?\Z")


_READ = (
    *(
        Sh(f'diff <(ls /sys/bus/pci/devices) <(lspci {form} | hotplugctl parse lspci | python3 -c "{_ADDRESSES}")')
        for form in _FORMS
    ),
    # "lspci -n" and "lspci", column by column.
    Sh("diff <(lspci -Dn | awk '{print $1, $3}') <(hotplugctl list -n -o ADDRESS,IDS | awk '{print $1, $2}')"),
    Sh(
        "diff <(lspci -D | sed -E 's/ \\(rev ..\\)$//')"
        " <(hotplugctl list -n -o ADDRESS,CLASS,DEVICE | sed -E 's/ +$//; s/^([^ ]+) +(.*[^ ])  +(.*)$/\\1 \\2: \\3/')"
    ),
    Sh(f'python3 -c \'{_AGREE}\' "$(lspci -Dvmmnnk | hotplugctl parse lspci)" "$(hotplugctl list --json)"'),
)

_NEW_RECORDS = "dmesg | tail -n +$(($(wc -l < /run/classics/dmesg-before) + 1)) | hotplugctl parse dmesg"
_FOUND = (
    "import json, sys; said = json.load(sys.stdin); assert said['unparsed'] == 0, said['unparsed'];"
    " print(*(r['address'] for r in said['records'] if (r['event'] or {}).get('kind') == 'device-found'))"
)
_SCAN = "for h in /sys/class/scsi_host/*; do if grep -q sym53c8xx $h/proc_name; then echo '- - -' > $h/scan; fi; done"
_LSI = "lsi53c895a,id=lsi,addr=4"
_NIC = "rtl8139,id=nic,netdev=u1,addr=5"


def _with(disks: int) -> tuple[Sees, ...]:
    return sees("lsi", "lsi53c895a", {"block": disks} if disks else {}), sees("nic", "rtl8139")


SCENARIOS = (
    Scenario(
        "classics",
        PC,
        (
            # Built in; whether modprobe knows that (modules.builtin) differs from kernel to kernel.
            Sh("modprobe -q acpiphp; modprobe -q pci_hotplug; ls -d /sys/module/acpiphp /sys/module/pci_hotplug"),
            Sh(_KEEP.format("before")),
            Sh("ls /dev/sd*", code=2),
            snap("before"),
            # pci_add pci_addr=auto storage file=…,if=scsi: the adapter and its disk in one; then pci_add … nic.
            Plug(_LSI),
            Plug("scsi-hd,id=sd0,bus=lsi.0,scsi-id=0,drive=classic0"),
            Plug(_NIC),
            snap("added", *_with(1)),
            Sh(_KEEP.format("after")),
            _difference(">", "00:04.0 SCSI storage controller: .*53c895a.*", "00:05.0 Ethernet controller: Realtek .*"),
            Sh(
                f'diff /run/classics/before /run/classics/after | hotplugctl parse lspci | python3 -c "{_ADDRESSES}"',
                prints=r"\A0000:00:04\.0\n0000:00:05\.0\n\Z",
            ),
            Sh(f'{_NEW_RECORDS} | python3 -c "{_FOUND}"', prints=r"\A0000:00:04\.0 0000:00:05\.0\n\Z"),
            Sh("ls /dev/sd*", prints=r"\A/dev/sda\n\Z"),
            Sh("cat /proc/partitions", prints=r"(?m)^ +8 +0 +65536 sda$"),
            *_READ,
            # A disk added to a controller that is there already comes only when it is looked for.
            Plug("scsi-hd,id=sd1,bus=lsi.0,scsi-id=3,drive=classic1"),
            Rest(4),
            Sh("ls /dev/sd*", prints=r"\A/dev/sda\n\Z"),
            Sh(_SCAN),
            snap("scanned", *_with(2)),
            Sh("ls /dev/sd*", prints=r"\A/dev/sda\n/dev/sdb\n\Z"),
            Pull("nic"),
            Pull("lsi"),
            snap("after"),
            Sh(_KEEP.format("after")),
            _difference("<"),
            Sh("ls /dev/sd*", code=2),
            Sh("rm -r /run/classics"),
        ),
        releases=KERNELS,
        ci=CI,
        why="lspci before and after, dmesg, /dev/sd*, the SCSI rescan",
    ),
)  # fmt: skip
