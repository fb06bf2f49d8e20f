# sh isolated.sh COMMAND [ARGUMENT...]
#
# Runs COMMAND where it may make networks, mounts and nodes as it likes: in namespaces of its own. All of it goes when
# COMMAND ends, however it ends: the kernel kills what is left in a process namespace whose first process is gone.
# What COMMAND needs from the network is fetched before, because in there is none.
# Where that is not possible COMMAND runs as it is, and finds TLV_ISOLATED empty.
if [ "$(id -u)" != 0 ] || ! unshare --mount --net --pid --fork true 2>/dev/null || ! node "$(dirname "$0")/prepare.ts"; then
  TLV_ISOLATED='' exec "$@"
fi
TLV_ISOLATED=1 exec unshare --mount --net --pid --fork --kill-child --mount-proc sh -c 'ip link set lo up && exec "$@"' - "$@"
