# sh supervise.sh DIRECTORY COMMAND [ARGUMENT...]
#
# Becomes COMMAND, and leaves a watcher beside it that reads from standard input, a pipe held open by the parent.
# The kernel closes that pipe however the parent ends, SIGKILL included; the watcher then ends COMMAND and removes
# DIRECTORY. The pipe is closed too once the parent has seen COMMAND end: the kill fails then, and nothing is removed.
# (It cannot hit a stranger: the watcher is still in the process group of that number, so the number stays taken.)
directory=$1
shift
exec 3<&0 </dev/null
(
  read -r _ <&3
  kill -s KILL $$ 2>/dev/null || exit 0
  # A neighbour that is about to be killed by its own watcher may still be writing there.
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    rm -rf -- "$directory" && exit 0
    sleep 0.1
  done
) &
exec 3<&-
exec "$@"
