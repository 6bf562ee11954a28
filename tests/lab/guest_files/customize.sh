# Run by mmdebstrap as a hook, on the building machine, $1 = the root. Leaves kernel, config, disk and the initrd's parts
# in lab-out of $LAB_OUT, or of the root. From the environment, besides that: LAB_FLAVOUR LAB_TRIMMED LAB_FIRST LAB_REST
# LAB_LABEL LAB_UUID LAB_ROOM_MIB.
set -eu
root=$1
work=$(mktemp -d "$root.lab.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir "$work/out" "$work/out/initrd" "$work/out/initrd/modules" "$work/root"

# The kernel is taken apart, not installed: no initramfs-tools, no boot loader hooks, no postinst.
export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"
package=$(apt-cache depends "linux-image-$LAB_FLAVOUR" | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
[ -n "$package" ] || { echo "lab: no kernel package behind linux-image-$LAB_FLAVOUR" >&2; exit 1; }
echo "kernel: $package"
(cd "$work" && apt-get -q -o APT::Sandbox::User=root download "$package")
unset APT_CONFIG
version=${package#linux-image-}
excludes=
for path in $LAB_TRIMMED; do
    excludes="$excludes --exclude=*/lib/modules/$version/kernel/$path"
done
# shellcheck disable=SC2086 # a list of words
dpkg-deb --fsys-tarfile "$work/$package"_*.deb | tar -C "$root" -x --keep-directory-symlink \
    --exclude=./usr/share --exclude=./boot/System.map* $excludes
rm "$work/$package"_*.deb
mv "$root/boot/vmlinuz-$version" "$work/out/vmlinuz"
cp "$root/boot/config-$version" "$work/out/config"
chroot "$root" depmod "$version"
echo "$version" > "$work/out/version"

# The initrd's modules; "first" and "rest" name them in an order in which insmod can load them.
order() { # $1: file to write; then modules
    list=$1
    shift
    for module in "$@"; do
        chroot "$root" modprobe -S "$version" --show-depends "$module" 2>/dev/null || echo "this kernel has no module $module" >&2
    done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++' | while read -r file; do
        cp "$root/$file" "$work/out/initrd/modules/"
        echo "${file##*/}"
    done > "$list"
}
# shellcheck disable=SC2086 # lists of words
order "$work/out/initrd/modules/first" $LAB_FIRST
# shellcheck disable=SC2086
order "$work/out/initrd/modules/rest" $LAB_REST
cp "$root/bin/busybox" "$work/out/initrd/busybox"

# A root that boots quietly, and says nothing of the machine that built it.
rm -f "$root/etc/resolv.conf"
rm -rf "$root"/etc/systemd/system/*.wants "$root"/var/cache/debconf/*-old
echo lab > "$root/etc/hostname"
printf '127.0.0.1 localhost lab\n' > "$root/etc/hosts"
echo 6c61626c61626c61626c61626c61626c > "$root/etc/machine-id"
: > "$root/etc/fstab"
ln -s lab.target "$root/etc/systemd/system/default.target"
chroot "$root" python3 -m compileall -q /usr/lib/lab

# A bind shows the root without /proc and /sys, which are mounted in it now; what apt and mmdebstrap still need is hidden.
# Features by name: those that the oldest of the kernels knows, however new mke2fs is. No journal: guests run on snapshots.
export root work
unshare --mount sh -euc '
    mount --bind "$root" "$work/root"
    for path in tmp var/lib/apt/lists var/cache/apt dev; do
        mount -t tmpfs -o mode=0755 lab "$work/root/$path"
    done
    chmod 1777 "$work/root/tmp"
    used=$(du -xsm "$work/root" | cut -f 1)
    mke2fs -q -F -t ext4 -O none,extent,filetype,dir_index,sparse_super,large_file,huge_file,flex_bg,extra_isize \
        -I 256 -m 0 -L "$LAB_LABEL" -U "$LAB_UUID" -E "lazy_itable_init=1,nodiscard,hash_seed=$LAB_UUID" \
        -d "$work/root" "$work/out/disk.img" "$((used + LAB_ROOM_MIB))M"
'
# In a user namespace nothing out there can be written: mmdebstrap copies it from the root.
mv "$work/out" "${LAB_OUT:-$root}/lab-out"
