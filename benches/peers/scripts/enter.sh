# Runs a command in a peer's own view of the file system: this machine's, with whatever the peer installed laid over it.
#
# usage: sh enter.sh FOLDER RESOLV COMMAND...   inside private mount and process namespaces
#
# FOLDER holds `upper`, `work`, `root` and `spool`; RESOLV is the resolv.conf to show. BENCH_GROUP, if there, is the file
# by which a control group is joined: then the peer is to work, and has its spool. Nothing is written below `/` of the
# machine: the namespaces end with the command, and the mounts with them.
set -eu

folder=$1 resolv=$2
shift 2
root=$folder/root

mount -t overlay overlay -o "lowerdir=/,upperdir=$folder/upper,workdir=$folder/work" "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for node in null zero full random urandom tty; do
    : > "$root/dev/$node"
    mount --bind "/dev/$node" "$root/dev/$node"
done
mkdir -m 1777 "$root/dev/shm"
ln -s /proc/self/fd "$root/dev/fd"

# Both are mounts of their own in containers, which the layer below does not show.
for file in resolv.conf hosts; do
    rm -f "$root/etc/$file"
done
cat "$resolv" > "$root/etc/resolv.conf"
echo '127.0.0.1 localhost' > "$root/etc/hosts"

# The spool lies on the disk itself: a layer in between would be the peer's disadvantage.
if [ -n "${BENCH_GROUP:-}" ]; then
    echo 0 > "$BENCH_GROUP"
    mkdir -p "$root/$BENCH_SPOOL"
    mount --bind "$folder/spool" "$root/$BENCH_SPOOL"
fi
# This shell stays, as the first process of its namespace: it is told to end when `unshare` is, while a server that
# changes its user has forgotten that order.
chroot "$root" "$@" &
wait $!
