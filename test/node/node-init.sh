# bash node-init.sh DISK HOSTNAME GROUP...
#
# The first process of a node, in mount, network, process and UTS namespaces of its own. Its root directory is this
# machine's with DISK/upper laid over it, where everything goes that is written; DISK is a mounted filesystem. The node's
# pool is DISK/pool, mounted at the usual place. Of this machine's control groups it has those below each GROUP, in which
# it is, as if there were no others: a kubelet tries for seconds to make sense of each group that it does not know.
#
# Then it starts and kills what it is told to on standard input, a line each:
#   start NAME COMMAND [ARGUMENT...]    and again whenever it ends; output goes to DISK/log/NAME
#   kill NAME                           and leaves it so
# When it ends, for a kill or the end of its input, the kernel ends all that runs on the node and takes its mounts:
# what a power failure leaves is DISK.
set -eu
disk=$1 name=$2
shift 2
groups=("$@")
mkdir -p "$disk"/{upper,work,root,log,pool,containerd,kubelet}
mount --make-rprivate /
mount -t overlay overlay -o "lowerdir=/,upperdir=$disk/upper,workdir=$disk/work" "$disk/root"
cd "$disk/root"
mkdir -p proc sys dev run tmp var/log/pods var/lib/kubelet var/lib/containerd node/log usr/local/app/tars/host-mount .host
mount -t proc proc proc
mount --rbind /sys sys
for group in "${groups[@]}"; do mount --bind "$group" ".${group%/*}"; done
mount --rbind /dev dev
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mount --bind "$disk/containerd" var/lib/containerd
mount --bind "$disk/kubelet" var/lib/kubelet
mount --bind "$disk/log" node/log
mount --bind "$disk/pool" usr/local/app/tars/host-mount
pivot_root . .host
umount -l /.host
# In version 2 processes are in the leaves of the tree only.
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
  mkdir -p /sys/fs/cgroup/init
  echo $$ >/sys/fs/cgroup/init/cgroup.procs
fi
# As the init of a real node does: kubelet and the runtime hand mounts on to pods.
mount --make-rshared /
hostname "$name"
ip link set lo up
echo 1 >/proc/sys/net/ipv4/ip_forward
# Starts a component, and starts it again when it ends, as systemd would: a kubelet ends where it finds no runtime.
keep() {
  while true; do
    # Word splitting is wanted: a command with its arguments.
    # shellcheck disable=SC2086
    $2 >>"/node/log/$1" 2>&1 </dev/null &
    echo $! >"/run/$1.pid"
    wait $! || true
    sleep 0.5
  done
}
declare -A pids
while read -r verb component command; do
  case $verb in
    start)
      keep "$component" "$command" &
      pids[$component]=$!
      ;;
    kill)
      kill -s KILL "${pids[$component]}" 2>/dev/null || true
      wait "${pids[$component]}" 2>/dev/null || true
      kill -s KILL "$(<"/run/$component.pid")" 2>/dev/null || true
      ;;
  esac
done
