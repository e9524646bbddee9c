#!/bin/sh
# Installs PostgreSQL for the tests, where that can be done without asking. Never fails: the tests say what they lack.
for folder in "" /usr/lib/postgresql/*/bin/; do
    if command -v "${folder}initdb" >/dev/null 2>&1; then exit 0; fi
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    export DEBIAN_FRONTEND=noninteractive
    # The server that the package would start by itself is not wanted.
    mkdir -p /etc/postgresql-common
    [ -e /etc/postgresql-common/createcluster.conf ] ||
        echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
    apt-get install -qq -y postgresql >/dev/null 2>&1 ||
        { apt-get update -qq && apt-get install -qq -y postgresql; } >/dev/null 2>&1 ||
        echo "PostgreSQL could not be installed; its tests are passed over, or fail where CI=true" >&2
else
    echo "there is no PostgreSQL; its tests are passed over, or fail where CI=true: install the package postgresql" >&2
fi
exit 0
