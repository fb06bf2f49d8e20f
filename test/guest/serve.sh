# Goes on where guest-init.sh ends, with the host's shell.
exec 3<>"$(echo /dev/vport*p1)"
echo ready >&3
while read -r id <&3; do
  (
    sh "/guest/$id/command" </dev/null >"/guest/$id/stdout" 2>"/guest/$id/stderr" 3>&-
    echo "$id $?" >&3
  ) &
done
