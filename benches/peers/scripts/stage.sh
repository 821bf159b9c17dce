# The bench's own small world: a network of nothing but loopback, and processes that end together.
#
# usage: sh stage.sh ADDRESS COMMAND...   inside private network, mount and process namespaces
#
# This shell is the first process there: when it goes, whatever is left goes, however the command ended.
set -eu

address=$1
shift
ip link set lo up
ip address add "$address/32" dev lo
exec 3<&0
"$@" <&3 3<&- &
wait $!
