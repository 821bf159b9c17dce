# Runs a server that must not outlive the program that asked for it.
#
# Standard input is a pipe whose other end the program holds; when the program goes, however it goes, the kernel closes
# that end, and the server is told to stop. Standard output is the folder's lock, which the server inherits, so that
# the folder stays locked until its last process is gone.
#
# Arguments: log file, signal that stops the server, folder to remove afterwards or nothing, socket folder to remove
# afterwards or nothing, then the server's command line.

# A terminal's hang-up or a service manager's SIGTERM to the whole group is for the program; we follow it.
trap '' INT HUP TERM
# The program has gone or lets the server go.
told=
trap 'told=yes' USR1

log=$1 signal=$2 remove=$3 sockets=$4
shift 4

exec 4<&0 </dev/null
"$@" 3>&1 >>"$log" 2>&1 4<&- &
server=$!

{
    read -r _ <&4
    kill -s USR1 $$
    # Told again each second, because a server that has just been forked does not listen yet. After a minute it must
    # stop without a checkpoint: nothing committed is lost by that, the next start takes longer.
    tries=0
    while kill -s "$signal" "$server" 2>/dev/null; do
        sleep 1 >/dev/null
        tries=$((tries + 1))
        [ "$tries" -lt 60 ] || signal=QUIT
    done
} &
watcher=$!

wait "$server"
code=$?
# The watcher's USR1 has interrupted that wait; the server is still stopping.
[ -z "$told" ] || { wait "$server"; code=$?; }
kill -s KILL "$watcher" 2>/dev/null
wait "$watcher" 2>/dev/null

# A server that ended by itself leaves its log for the program to read.
if [ -n "$told" ]; then
    [ -z "$sockets" ] || rm -rf -- "$sockets"
    [ -z "$remove" ] || rm -rf -- "$remove"
fi
exit "$code"
