#!/bin/busybox sh
# The first process of a guest: see guest.ts.
#
# Its root directory is the host's, read-only, with memory laid over it: every program and file is in its place, and what
# is written is gone when the guest is. Of the host, only /guest can be written to.
# Then it runs what it is told to on the line to the host: `ID` runs /guest/ID/command, whose output goes beside it, and
# is answered with `ID EXIT-CODE`. Several may run at a time.
/bin/busybox --install -s /bin
export PATH=/bin
mkdir -p /proc /sys /dev /host /memory /root
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
for module in /modules/*; do insmod "$module"; done
options=trans=virtio,version=9p2000.L,msize=512000
mount -t 9p -o "$options,ro,cache=loose" host /host
mount -t tmpfs tmpfs /memory
mkdir /memory/upper /memory/work
mount -t overlay -o lowerdir=/host,upperdir=/memory/upper,workdir=/memory/work overlay /root
cd /root
mkdir -p proc sys dev run guest
for name in proc sys dev; do mount --move "/$name" "$name"; done
mkdir -p dev/pts dev/shm
mount -t devpts devpts dev/pts
mount -t tmpfs tmpfs dev/shm
mount -t tmpfs tmpfs run
ln -s /proc/self/fd dev/fd
mount -t 9p -o "$options,cache=none" guest guest
hostname guest
ip link set lo up
ip address add 10.0.2.15/24 dev eth0
ip link set eth0 up
ip route add default via 10.0.2.2
exec switch_root /root /bin/sh /guest/serve.sh
