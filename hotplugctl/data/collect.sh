#!/bin/sh
# Collect what hotplugctl reads of a Linux guest that has no Python, as a tar on stdout.
#
#     ssh guest sh -s < collect.sh | hotplugctl check --root -
#     sh collect.sh [ROOT] > guest.tar          (ROOT: a tree to read in place of /)
#
# It needs a POSIX shell (dash, busybox) and cat cp date dd df dmesg id ln ls mkdir readlink rm sleep tar wc: applets of
# busybox, or coreutils, tar and util-linux. Nothing is changed and nothing is asked that hotplugctl itself would not ask. Serial
# numbers and addresses stay as they are: `hotplugctl record --scrub` replaces them.
#
# Some 4 MiB are written to $TMPDIR, /tmp, /dev/shm or /run, and removed at the end. A copy is packed and not the files
# themselves, because a file of sysfs says that it has 4096 bytes and then has fewer. What a tar cannot say is in
# notes.txt: one line each, a word and a path. ABSENT: looked for, and not there. LISTED: a folder whose names are all in the
# tar or in these lines. file, dir, socket: what is there and was not read. HUNG n, LARGE n: a read that did not
# return within n seconds, a file of more than n bytes. Else the errno that a read failed with.
#
# Exit status: 0 done, 2 asked wrongly, 3 nothing could be collected, 74 the output could not be written.

unalias -a 2>/dev/null
unset -f cat cp date dd df dmesg id kill ln ls mkdir printf pwd read readlink rm sleep tar wait wc 2>/dev/null

me=hotplugctl-collect
room=8192     # KiB that must be free for the copy
largest=16777216     # bytes of a file outside /proc and /sys
patience=20     # seconds that a read may take
risky_patience=2     # the same for one that makes the kernel ask a device
stalls_limit=12     # reads that hang, until no more are tried
nl='
'

# --- what is copied ---------------------------------------------------------------------------------------------------

# --- made by scripts/make_collector.py: begin
plan() {
    list /etc/modprobe.d
    list /etc/modules-load.d
    list /etc/sysconfig/modules
    list /lib/modprobe.d
    list /proc/fs/jbd2
    list /proc/spl/kstat/zfs
    list /run/modprobe.d
    list /run/modules-load.d
    list /run/udev/data
    list /sys/bus/pci/devices
    list '/sys/bus/pci/devices/*/firmware_node'
    list /sys/bus/pci/slots
    list /sys/bus/pci_express/devices
    list /sys/bus/scsi/devices
    list '/sys/bus/scsi/devices/*/scsi_generic'
    list /sys/bus/virtio/devices
    list /sys/bus/virtio/drivers/9pnet_virtio
    list /sys/class/block
    list '/sys/class/block/*/holders'
    list '/sys/class/block/*/md'
    list '/sys/class/block/*/slaves'
    list /sys/class/drm
    list /sys/class/infiniband
    list /sys/class/iscsi_connection
    list /sys/class/net
    list '/sys/class/net/*'
    list /sys/class/nvme
    list /sys/class/pci_bus
    list /sys/class/ptp
    list /sys/class/rtc
    list /sys/class/scsi_generic
    list /sys/class/scsi_host
    list /sys/class/scsi_tape
    list /sys/class/sound
    list /sys/class/tpm
    list /sys/class/tty
    list /sys/class/uio
    list /sys/class/usbmisc
    list /sys/class/video4linux
    list /sys/class/virtio-ports
    list /sys/class/watchdog
    list /sys/devices/LNXSYSTM:00
    list '/sys/devices/LNXSYSTM:00/*:*'
    list '/sys/devices/LNXSYSTM:00/*:*/PNP0A0[38]:*'
    list '/sys/devices/pci*:*/firmware_node'
    list /sys/devices/virtual/block
    list '/sys/devices/virtual/block/*/slaves'
    list /sys/firmware/acpi
    list /sys/fs/bcache
    list '/sys/fs/bcache/*'
    list /sys/fs/bcachefs
    list '/sys/fs/bcachefs/*'
    list /sys/fs/btrfs
    list '/sys/fs/btrfs/*/devices'
    list /sys/fs/erofs
    list /sys/fs/ext4
    list /sys/fs/f2fs
    list /sys/fs/nilfs2
    list /sys/fs/virtiofs
    list /sys/fs/xfs
    list /sys/kernel/config/nvmet/subsystems
    list '/sys/kernel/config/nvmet/subsystems/*/namespaces'
    list /sys/kernel/config/target/core
    list '/sys/kernel/config/target/core/*'
    list /sys/module/acpiphp
    list /sys/module/acpiphp_ibm
    list /sys/module/cpcihp
    list /sys/module/cpcihp_generic
    list /sys/module/cpcihp_zt5550
    list /sys/module/octep_hp
    list /sys/module/pci_hotplug
    list /sys/module/pciehp
    list /sys/module/shpchp
    list /usr/lib/modprobe.d
    list /usr/lib/modules-load.d
    list /usr/local/lib/modprobe.d
    list /usr/local/lib/modules-load.d
    files /etc modules
    files /etc/modprobe.d '*.conf'
    files /etc/modules-load.d '*.conf'
    files /etc/sysconfig/modules '*.modules'
    files /lib/modprobe.d '*.conf'
    files /proc cmdline config.gz consoles cpuinfo iomem ioports modules mounts swaps version
    files /proc/1 environ
    files '/proc/fs/f2fs/*' disk_map
    files /proc/fs/nfsd exports
    files /proc/net fib_trie if_inet6 ipv6_route packet pppoe route unix
    files /proc/self mountinfo mounts
    files /proc/self/ns @pid
    files /proc/sys/kernel arch hotplug osrelease
    files /proc/xen capabilities
    files /run/modprobe.d '*.conf'
    files /run/modules-load.d '*.conf'
    files /run/systemd container
    files /run/udev/data '+pci:*' 'b*:*' 'n*'
    files /sys/bus/pci drivers_autoprobe
    files '/sys/bus/pci/devices/*' @driver @iommu_group @physfn class config device driver_override enable modalias resource revision sriov_numvfs subsystem_device subsystem_vendor vendor
    files '/sys/bus/pci/devices/*/firmware_node/*:*' adr sun
    files '/sys/bus/pci/devices/*/power' runtime_status
    files '/sys/bus/pci/drivers/*' @module
    files '/sys/bus/pci/slots/*' @module adapter address attention cur_bus_speed latch max_bus_speed power
    files '/sys/bus/pci_express/devices/*' @driver
    files /sys/bus/virtio drivers_autoprobe
    files '/sys/bus/virtio/devices/*' @driver modalias
    files '/sys/class/block/*' backing_dev dev ro size
    files '/sys/class/block/*/device' state vpd_pg80
    files '/sys/class/block/*/dm' name uuid
    files '/sys/class/block/*/loop' backing_file
    files '/sys/class/block/*/md' degraded level
    files '/sys/class/block/*/md/dev-*' state
    files /sys/class/dmi/id chassis_type chassis_vendor product_name sys_vendor
    files '/sys/class/iscsi_connection/*' address persistent_address
    files '/sys/class/net/*' @master address carrier flags ifindex operstate uevent
    files '/sys/class/nvme/*' model serial state
    files '/sys/class/scsi_host/*' proc_name
    files /sys/dev/block '@*:*'
    files '/sys/devices/LNXSYSTM:00/*:*/PNP0A0[38]:*/*:*' adr sun uid
    files '/sys/devices/pci*:*/firmware_node/*:*' adr sun uid
    files /sys/firmware/acpi/interrupts gpe01
    files /sys/firmware/acpi/tables APIC DSDT FACP
    files /sys/firmware/devicetree/base compatible
    files '/sys/fs/bcache/*' '@cache*'
    files '/sys/fs/bcache/*/bdev*' @dev
    files '/sys/fs/bcachefs/*/dev-*' @block
    files '/sys/fs/virtiofs/*' tag
    files /sys/hypervisor type
    files /sys/kernel uevent_seqnum
    files '/sys/kernel/config/nvmet/subsystems/*/namespaces/*' device_path enable
    files '/sys/kernel/config/target/core/*/*' udev_path
    files /sys/module/acpiphp/parameters disable
    files /sys/power resume
    files /usr/lib/modprobe.d '*.conf'
    files /usr/lib/modules-load.d '*.conf'
    files /usr/local/lib/modprobe.d '*.conf'
    files /usr/local/lib/modules-load.d '*.conf'
    looks / .dockerenv
    looks /dev .udev
    looks /lib modules
    looks /run .containerenv
    looks /run/udev control queue
    looks '/sys/fs/virtiofs/*' device
    risky '/sys/bus/pci/devices/*' uevent
    risky '/sys/class/block/*' serial
}

plan_of_kernel() {
    files /boot "config-$release"
    files "/lib/modules/$release" config modules.alias modules.builtin modules.builtin.modinfo modules.dep
    files "/usr/lib/modules/$release" config
}

is_read_anywhere() {
    case $1 in sys/class/block/*|sys/class/iscsi_connection/*|sys/class/net/*) ;; *) return 1 ;; esac
}
# --- made by scripts/make_collector.py: end

list() { each '' "${1#/}" list_folder; }
files() { ask take_files "$@"; }
looks() { ask take_looks "$@"; }
risky() { ask take_risky "$@"; }

# ask DO FOLDER NAME...: in every folder that the pattern stands for, these names; they may be patterns, and @ stands
# before that of a link which is not followed.
ask() {
    do=$1 folder=${2#/}
    shift 2
    each '' "$folder" "$do" "$*"
}

# each DONE REST DO NAMES: call DO NAMES with $here at every folder that DONE and the pattern REST stand for.
each() {
    case $2 in
        *\**) ;;
        *)
            if walk "$1$2" && [ "$kind" = dir ] && is_wanted "$1"; then "$3" "${4-}"; fi
            put_notes
            return ;;
    esac
    head='' rest=$2
    while glob=${rest%%/*}; case $glob in *\**) false ;; esac; do
        head=$head$glob/ rest=${rest#*/}
    done
    case $rest in */*) tail=${rest#*/} ;; *) tail='' ;; esac
    if ! walk "$1$head" || [ "$kind" != dir ]; then put_notes; return; fi
    begin "$patience" "names of /$here" || return
    set -- "$1$head" "$tail" "$3" "${4-}"
    if [ -z "$tail" ]; then make_folders "$here" "$glob"; fi
    for entry in "$here"/$glob "$here"/.$glob; do
        case $entry in */.|*/..) continue ;; esac
        if [ -e "$entry" ] || [ -L "$entry" ]; then each "$1${entry##*/}/" "$2" "$3" "$4"; fi
    done
}

# Make the folders in $1 that the pattern $2 stands for, all at once: each alone would take a child of its own.
make_folders() {
    # shellcheck disable=SC2086 # a pattern
    set -- "$1"/$2
    count=$#
    while [ "$count" -gt 0 ]; do
        if ! [ -L "$1" ] && [ -d "$1" ] && ! [ -d "$tree/$1" ]; then set -- "$@" "$tree/$1"; fi
        shift
        count=$((count - 1))
    done
    [ $# -eq 0 ] || mkdir -p "$@" || full
}

# Of the members of most classes only those below a PCI function are read.
is_wanted() {
    if is_read_anywhere "$1"; then return; fi
    case $1 in
        sys/class/*) case $here in */[0-9a-f]*:[0-9a-f][0-9a-f]:[01][0-9a-f].[0-7]/*) ;; *) return 1 ;; esac ;;
    esac
}

# --- the way to a file ------------------------------------------------------------------------------------------------

# walk PATH: take every link on the way, and come to the path without links, $here, and its $kind. Fails where the way
# ends, which is noted. Paths have no / at their front: the root may be another than /.
walk() {
    here='' kind=dir pending=$1 hops=0
    while [ -n "$pending" ]; do
        part=${pending%%/*}
        case $pending in */*) pending=${pending#*/} ;; *) pending='' ;; esac
        case $part in
            ''|.) continue ;;
            ..) case $here in */*) here=${here%/*} ;; *) here='' ;; esac; continue ;;
        esac
        if [ "$kind" != dir ]; then note "$kind" "$here"; return 1; fi
        spot=${here:+$here/}$part
        if [ -L "$spot" ]; then
            hops=$((hops + 1))
            if [ "$hops" -gt 40 ]; then note ELOOP "$spot"; return 1; fi
            follow || return 1
        else
            kind_of "$spot"
            if [ -z "$kind" ]; then missing "$spot"; return 1; fi
            here=$spot
        fi
    done
    [ "$kind" != dir ] || make_folder "$here"
}

# Take the link at $spot, and go where it leads.
follow() {
    if [ "$base/$spot" = /proc/self ]; then
        # Whoever reads it finds himself: here the shell, which is there to the end.
        make_folder proc
        [ -L "$tree/proc/self" ] || ln -s "$$" "$tree/proc/self"
        pending=$$/$pending
        return
    fi
    take_link "$spot"
    case $spot in
        sys/*)
            # No other program is needed to see where these lead.
            if cd -P "./$spot" 2>/dev/null; then
                here=$PWD
                # mksh has the way in it, not the place.
                [ -z "${KSH_VERSION-}" ] || here=$(pwd -P)
                here=${here#"$base"/}
                cd "$base/" || exit 3
                return
            fi ;;
    esac
    if ! target=$(readlink "$spot" && echo /); then note ENOENT "$spot"; return 1; fi
    target=${target%?/}
    case $target in /*) here='' ;; esac
    pending=$target/$pending
}

kind_of() {
    if [ -d "$1" ]; then kind=dir
    elif [ -f "$1" ]; then kind='file'
    elif [ -S "$1" ]; then kind=socket
    elif [ -p "$1" ]; then kind=fifo
    elif [ -c "$1" ]; then kind=char
    elif [ -b "$1" ]; then kind=block
    else kind=''
    fi
}

missing() {
    above_of "$1"
    make_folder "$above"
    if [ -x "$above" ]; then note ABSENT "$1"; else note EACCES "$1"; fi
}

above_of() {
    case $1 in */*) above=${1%/*} ;; *) above=. ;; esac
}

# --- what is done there -----------------------------------------------------------------------------------------------

list_folder() {
    if ! [ -r "$here" ]; then note EACCES "$here"; return; fi
    begin "$patience" "names of /$here" || return
    note LISTED "$here"
    set --
    for entry in "$here"/* "$here"/.[!.]* "$here"/..?*; do
        if [ -L "$entry" ]; then
            if ! [ -L "$tree/$entry" ]; then set -- "$@" "$entry"; fi
            if [ $# -ge 200 ]; then copy_links "$@"; set --; fi
        else
            kind_of "$entry"
            [ -z "$kind" ] || note "$kind" "$entry"
        fi
    done
    [ $# -eq 0 ] || copy_links "$@"
}

# entries DO NAMES: call DO with each of these in the folder $here; names may be patterns, after an @ too. $literal: the
# name, with its @, where it is none, or is wanted as a link.
entries() {
    set -f
    # shellcheck disable=SC2086 # names without blanks
    set -- "$1" "$here" $2
    set +f
    do=$1 folder=$2
    shift 2
    for name; do
        case $name in
            *\**)
                mark=''
                case $name in @*) mark=@ name=${name#@} ;; esac
                for entry in "$folder"/$name "$folder"/.$name; do
                    case $entry in */.|*/..) continue ;; esac
                    literal=${mark:+@${entry##*/}}
                    if [ -e "$entry" ] || [ -L "$entry" ]; then "$do" "$entry"; fi
                done ;;
            *)
                literal=$name
                "$do" "${folder:+$folder/}$name" ;;
        esac
    done
}

take_looks() { entries look "$1"; }
take_risky() { entries copy_risky "$1"; }

take_files() {
    batch=''
    entries copy_or_queue "$1"
    [ -z "$batch" ] || copy "$batch"
}

look() {
    if walk "$1" && [ "$kind" != dir ]; then note "$kind" "$here"; fi
}

# What the kernel keeps is copied a folder at a time, other files each alone. A link that is wanted as such has an @.
copy_or_queue() {
    if [ -f "$tree/$1" ] && ! [ -L "$1" ]; then return; fi
    case $literal in
        '') ;;
        @*)
            name=${literal#@}
            set -- "${1%/*}/$name"
            if [ -L "$1" ]; then batch="$batch $name"; else look "$1"; fi
            return ;;
        *)
            case $1 in
                sys/*|proc/*) if ! [ -L "$1" ] && [ -f "$1" ]; then batch="$batch $literal"; return; fi ;;
            esac ;;
    esac
    if ! walk "$1"; then return; fi
    if [ "$kind" = file ]; then copy_alone "$here" "$patience"; else note "$kind" "$here"; fi
}

# --- copying ----------------------------------------------------------------------------------------------------------

make_folder() {
    [ -d "$tree/$1" ] || mkdir -p "$tree/$1" || full
}

take_link() {
    if ! [ -L "$tree/$1" ]; then
        above_of "$1"
        make_folder "$above"
        copy_links "$1"
    fi
}

# copy_links LINK...: links of one folder, as links.
copy_links() {
    above_of "$1"
    if cp -P -- "$@" "$tree/$above/" 2>/dev/null; then return; fi
    for entry; do
        if [ -L "$tree/$entry" ]; then :
        elif cp -P -- "$entry" "$tree/$entry" 2>"$scratch/said"; then :
        else why; note "$word" "$entry"
        fi
    done
}

# copy NAMES: these files of $folder all at once, which is fast; if one fails, each alone, which tells why.
copy() {
    set -f
    # shellcheck disable=SC2086 # names without blanks
    set -- $1
    set +f
    for name; do
        shift
        set -- "$@" "$folder/$name"
    done
    if [ -z "$cat" ] && begin "$patience" "files of /$folder" && cp -pPf -- "$@" "$tree/$folder/" 2>/dev/null; then return; fi
    for entry; do
        if [ -L "$entry" ]; then take_link "$entry"
        elif [ -n "$cat" ] || ! [ -s "$tree/$entry" ]; then copy_alone "$entry" "$patience"
        fi
    done
}

copy_alone() {
    begin "$2" "/$1" || { note_file "HUNG $2" "$1"; return; }
    case $1 in
        sys/*|proc/*|cmd/*) ;;
        *) if is_large "$1"; then note_file "LARGE $largest" "$1"; return; fi ;;
    esac
    above_of "$1"
    make_folder "$above"
    copy_to "$1" 2>"$scratch/said" || { why; note_file "$word" "$1"; }
}

# In a child, which can be killed if it hangs, or left behind.
copy_risky() {
    if ! walk "$1"; then return; fi
    if [ "$kind" != file ]; then note "$kind" "$here"; return; fi
    if [ "$hung_risky" -ge 3 ]; then note_file "HUNG $risky_patience" "$here"; return; fi
    if ! begin "$risky_patience" "/$here"; then
        hung_risky=$((hung_risky + 1))
        note_file "HUNG $risky_patience" "$here"
        return
    fi
    copy_to "$here" 2>"$scratch/said" &
    printf '%s\n' "$!" >"$scratch/reader"
    wait "$!" || { why; note_file "$word" "$here"; }
}

copy_to() {
    if [ -z "$cat" ]; then cp -pf -- "$1" "$tree/$1"; else cat -- "$1" >"$tree/$1"; fi
}

is_large() {
    set -f
    # shellcheck disable=SC2046 # into words: the fifth is the size
    set -- $(ls -lnd -- "$1" 2>/dev/null)
    set +f
    case ${5-} in ''|*[!0-9]*) return 1 ;; esac
    [ "$5" -gt "$largest" ]
}

# Some cp believe the 4096 bytes that sysfs says, or what a kernel says of copy_file_range(2): then cat copies.
choose_copier() {
    cat=''
    set -- sys/bus/pci/devices/*/vendor
    for entry in "$1" proc/version; do
        if [ -f "$entry" ] && begin "$patience" "/$entry" && cp -pf -- "$entry" "$scratch/probe" 2>/dev/null; then
            [ "$(cat -- "$scratch/probe" | wc -c)" = "$(cat -- "$entry" | wc -c)" ] || cat=yes
        fi
    done
}

kernel_log() {
    make_folder cmd
    if [ -n "$base" ]; then files /cmd kmsg dmesg; return; fi
    begin "$patience" '/dev/kmsg' || { note "HUNG $patience" dev/kmsg; return; }
    # Only the dd of coreutils can do this; it ends with EAGAIN when it has all.
    dd if=/dev/kmsg of="$tree/cmd/kmsg" bs=16384 iflag=nonblock 2>"$scratch/said"
    case $(cat -- "$scratch/said") in *': Resource temporarily unavailable'*) return ;; esac
    rm -f "$tree/cmd/kmsg"
    dmesg -r >"$tree/cmd/dmesg" 2>"$scratch/said" && return
    rm -f "$tree/cmd/dmesg"
    why
    note "$word" dev/kmsg
}

# --- notes ------------------------------------------------------------------------------------------------------------

# note WORD PATH: a path with a newline cannot be noted, and stays unknown.
note() {
    case $2 in *"$nl"*) ;; *) notes="$notes$1 /$2$nl" ;; esac
}

put_notes() {
    [ -z "$notes" ] || printf %s "$notes" >>"$tree/notes.txt" || full
    notes=''
}

# A file that is there and not in the tar, and why.
note_file() {
    printf '%s\n' "$tree/$2" >>"$scratch/dropped"
    note "$1" "$2"
    note file "$2"
}

# What is left of copies that failed.
drop() {
    set --
    while read -r entry; do
        set -- "$@" "$entry"
        if [ $# -ge 200 ]; then rm -f -- "$@"; set --; fi
    done <"$scratch/dropped"
    [ $# -eq 0 ] || rm -f -- "$@"
}

# The $word for what a program has said of a file that it could not read: the errno, in the words of glibc and musl.
why() {
    said=''
    read -r said <"$scratch/said"
    case ${said##*: } in
        'Permission denied') word=EACCES ;;
        'Operation not permitted') word=EPERM ;;
        'No such file or directory') word=ENOENT ;;
        'No such device or address') word=ENXIO ;;
        'No such device') word=ENODEV ;;
        'Invalid argument') word=EINVAL ;;
        'Device or resource busy'|'Resource busy') word=EBUSY ;;
        'Resource temporarily unavailable') word=EAGAIN ;;
        'No data available') word=ENODATA ;;
        'Operation not supported'|'Not supported') word=EOPNOTSUPP ;;
        'Connection timed out'|'Operation timed out') word=ETIMEDOUT ;;
        'Remote I/O error') word=EREMOTEIO ;;
        'No space left on device'|'Disk quota exceeded') full ;;
        *) word=EIO ;;
    esac
}

# --- the worker, and who watches it -------------------------------------------------------------------------------------

# begin SECONDS WHAT: say what comes now, and how long it may take. Fails if just that hung before.
begin() {
    case $hung in *"$nl$2$nl"*) return 1 ;; esac
    printf '%s %s\n' "$1" "$2" >"$scratch/now"
}

full() {
    : >"$scratch/full"
    exit 1
}

worker() {
    trap - HUP INT PIPE TERM USR1 EXIT
    hung=$nl$(cat -- "$scratch/hung")$nl hung_risky=0 notes=''
    rm -rf -- "$tree"
    mkdir "$tree" || full
    : >"$scratch/dropped"
    printf 'hotplugctl-notes 1\ntime %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" >"$tree/notes.txt" || full
    choose_copier
    plan
    release=''
    if [ -r proc/sys/kernel/osrelease ]; then read -r release <proc/sys/kernel/osrelease
    elif [ -r proc/version ]; then read -r word word release word <proc/version
    fi
    case $release in ''|*/*) ;; *) plan_of_kernel ;; esac
    kernel_log
    put_notes
    drop
    : >"$scratch/done"
}

# A signal ends the wait for a worker that is stuck where no signal reaches it.
ticker() {
    trap - HUP INT PIPE TERM USR1 EXIT
    before='' count=0
    while sleep 1 && kill -0 $$ 2>/dev/null; do
        now=''
        read -r now <"$scratch/now"
        if [ "$now" != "$before" ]; then before=$now count=0; else count=$((count + 1)); fi
        if [ -n "$now" ] && [ "$count" -ge "${now%% *}" ]; then
            printf '%s\n' "$now" >"$scratch/stuck"
            kill -USR1 $$
        fi
    done
}

# Run the worker to its end, or until it hangs; what hung is left out the next time.
collect() {
    stalls=0
    trap : USR1
    while [ "$stalls" -le "$stalls_limit" ]; do
        rm -f "$scratch/stuck" "$scratch/now" "$scratch/reader"
        worker </dev/null >/dev/null 2>"$scratch/errors" 3>&- &
        worker=$!
        ticker </dev/null >/dev/null 2>&1 3>&- &
        ticker=$!
        wait "$worker"
        kill -9 "$ticker" 2>/dev/null
        [ ! -e "$scratch/done" ] || break
        kill -9 "$worker" 2>/dev/null
        if [ -e "$scratch/full" ]; then end 3 "$place is full: $room KiB are needed there (or name another place: TMPDIR)"; fi
        if ! [ -e "$scratch/stuck" ]; then
            read -r said <"$scratch/errors"
            end 3 "the reading ended early: ${said:-for no reason that it told}"
        fi
        if [ -e "$scratch/reader" ]; then kill -9 "$(cat -- "$scratch/reader")" 2>/dev/null; fi
        read -r now <"$scratch/now"
        read -r stuck <"$scratch/stuck"
        # It may have gone on after all.
        if [ "$now" = "$stuck" ]; then printf '%s\n' "${now#* }" >>"$scratch/hung"; fi
        stalls=$((stalls + 1))
    done
    worker='' ticker=''
    trap '' USR1
}

send() {
    tar -cf - -C "$tree" . </dev/null 2>"$scratch/errors" 3>&- &
    packer=$!
    wait "$packer" || {
        read -r said <"$scratch/errors"
        end 74 "the output could not be written${said:+ (${said##*: })}"
    }
    packer=''
}

# --- the beginning and the end --------------------------------------------------------------------------------------------

say() { printf '%s: %s\n' "$me" "$*" >&3; }

end() {
    code=$1
    shift
    [ $# -eq 0 ] || say "$@"
    exit "$code"
}

clean() {
    for process in $worker $ticker $packer; do kill -9 "$process" 2>/dev/null; done
    rm -rf -- "$scratch" 2>/dev/null
}

choose_place() {
    for place in "${TMPDIR-}" /tmp /dev/shm /run; do
        case $place in /*) ;; *) continue ;; esac
        if is_small "$place"; then continue; fi
        scratch=$place/$me.$$
        if mkdir -m 700 "$scratch" 2>/dev/null; then return; fi
    done
    scratch=''
    end 3 "no place for a copy: $room KiB are needed in TMPDIR, /tmp, /dev/shm or /run"
}

# Whether df says that there is too little room; an initial RAM disk says nothing of itself.
is_small() {
    set -f
    # shellcheck disable=SC2046 # into words
    set -- $(df -Pk "$1" 2>/dev/null | { read -r size; read -r size; printf %s "$size"; })
    set +f
    case ${4-} in ''|*[!0-9]*) return 1 ;; esac
    [ "${2-0}" != 0 ] && [ "$4" -lt "$room" ]
}

main() {
    set +aefuvxC
    IFS=$(printf ' \t\n_')
    IFS=${IFS%_}
    PATH=${PATH:+$PATH:}/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
    export PATH LC_ALL
    unset CDPATH ENV BASH_ENV TAR_OPTIONS BLOCK_SIZE BLOCKSIZE LS_BLOCK_SIZE DF_BLOCK_SIZE QUOTING_STYLE GLOBIGNORE
    umask 077
    # Of a compound command this is no error that ends the shell.
    if { true; } 3>&2; then :; else exec 2>/dev/null; fi
    exec 3>&2
    worker='' ticker='' packer='' scratch=''
    [ $# -le 1 ] || end 2 "one argument at most: the root of a tree to read in place of /"
    if { true; } 2>/dev/null 4>&1; then :; else end 74 "the output could not be written: there is none"; fi
    if [ -t 1 ]; then end 2 "a tar does not go to a terminal: write it to a file or a pipe (> guest.tar)"; fi
    cd -P -- "${1:-/}" 2>/dev/null || end 2 "${1:-/}: no folder that can be read"
    base=$(pwd -P)
    base=${base%/}
    if ! [ -d sys/bus ] && ! [ -d proc/sys ]; then end 3 "${base:-/}: neither sys nor proc is mounted there"; fi
    trap clean EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 141' PIPE
    trap 'exit 143' TERM
    choose_place
    tree=$scratch/tree
    : >"$scratch/hung"
    # What the shell itself says of children that were killed.
    exec 2>"$scratch/shell"
    collect
    if [ "$stalls" -gt "$stalls_limit" ]; then say "too many reads hang: the rest was left out, and is unknown"
    elif [ -s "$scratch/hung" ]; then
        hung=''
        while read -r said; do hung="$hung $said"; done <"$scratch/hung"
        say "left out, because it hangs:$hung"
    fi
    if [ "$(id -u)" != 0 ]; then say "not run as root: config space, kernel log and some files are cut short or missing"; fi
    send
}

main "$@"
