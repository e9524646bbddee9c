#!/bin/sh
# Runs a PostgreSQL server of its own in the folder $2, with the programs of the folder $1 (or of the PATH, if that is
# empty), until standard input ends. That happens when the process that holds the other end is gone, however it went.
trap '' INT TERM HUP PIPE
[ -z "$1" ] || PATH="$1:$PATH"
cd "$2" || exit 1
stop() {
    pg_ctl --pgdata=cluster --mode=immediate --silent stop >/dev/null 2>&1
    cd / && rm -rf "$2"
}
initdb --pgdata=cluster --username=streamctl --auth=trust --encoding=UTF8 --locale=C --no-sync >initdb.log 2>&1 &&
    pg_ctl --pgdata=cluster --log=server.log --silent --wait --options="-c listen_addresses='' -c fsync=off \
        -c unix_socket_directories='$2' -c max_connections=200 -c full_page_writes=off" start >start.log 2>&1 </dev/null ||
    { cat initdb.log start.log server.log 2>/dev/null; stop "$@"; exit 1; }
echo ready 2>/dev/null
cat >/dev/null
stop "$@"
