#!/bin/sh
# A SLURM of one node on this machine, as root, for tests: everything lies in one folder, and nothing else is changed.
#   sh scripts/slurm.sh install [--here]  installs Debian's packages; without --here on a CI machine only (CI=true)
#   sh scripts/slurm.sh start FOLDER      starts it; FOLDER is new, on a short path; then: export SLURM_CONF=FOLDER/slurm.conf
#   sh scripts/slurm.sh stop FOLDER       ends it with all of its jobs, and removes FOLDER
# Exit code 3: it cannot run here; one line on standard error says why.
set -eu

cannot() {
    echo "no SLURM here: $1" >&2
    exit 3
}

install() {
    PATH="$PATH:/usr/sbin:/sbin"
    if command -v slurmctld >/dev/null && command -v slurmd >/dev/null && command -v munged >/dev/null; then
        return 0
    fi
    [ "${CI:-}" = true ] || [ "${1:-}" = --here ] || cannot 'this is no CI machine (CI=true); `make slurm` installs it'
    command -v apt-get >/dev/null || cannot "it is installed by apt-get, which is not here"
    [ "$(id -u)" = 0 ] || cannot "apt-get needs root"
    for words in update "install --no-install-recommends slurmctld slurmd slurm-client munge"; do
        # shellcheck disable=SC2086  (several words)
        DEBIAN_FRONTEND=noninteractive timeout 300 apt-get -qq -y -o DPkg::Lock::Timeout=120 $words </dev/null \
            >/dev/null 2>&1 || cannot "apt-get $words failed"
    done
}

free_ports() {
    python3 -c 'import socket
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(s.getsockname()[1] for s in held))'
}

write_configuration() {
    set -- "$1" $(free_ports)
    cat >"$1/slurm.conf" <<CONFIGURATION
ClusterName=spikebridge
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmctldPort=$2
SlurmdPort=$3
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$1/munge.socket
StateSaveLocation=$1/state
SlurmdSpoolDir=$1/spool
SlurmctldPidFile=$1/slurmctld.pid
SlurmdPidFile=$1/slurmd.pid
SlurmctldLogFile=$1/slurmctld.log
SlurmdLogFile=$1/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
ReturnToService=2
MaxArraySize=1001
SchedulerParameters=sched_min_interval=100000,batch_sched_delay=0
SlurmdParameters=config_overrides
KillWait=2
NodeName=$(hostname -s) NodeAddr=127.0.0.1 CPUs=4 RealMemory=4000 State=UNKNOWN
PartitionName=short Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONFIGURATION
}

start() {
    [ "$(id -u)" = 0 ] || cannot "it needs root"
    PATH="$PATH:/usr/sbin:/sbin"
    for program in slurmctld slurmd sbatch munged; do
        command -v "$program" >/dev/null || cannot "$program is not installed (make slurm)"
    done
    mkdir -p "$1/state" "$1/spool"
    folder=$(cd "$1" && pwd)
    [ "${#folder}" -le 80 ] || cannot "the path of a socket is limited to 108 characters, and $folder is long"
    chmod 711 "$folder"
    write_configuration "$folder"
    export SLURM_CONF="$folder/slurm.conf"
    head -c 1024 /dev/urandom >"$folder/munge.key"
    chmod 400 "$folder/munge.key"
    munged --force --key-file="$folder/munge.key" --socket="$folder/munge.socket" --pid-file="$folder/munged.pid" \
        --log-file="$folder/munged.log" --seed-file="$folder/munged.seed" >/dev/null 2>&1 ||
        cannot "munged does not start: $(tail -n 1 "$folder/munged.log" 2>/dev/null)"
    slurmctld -c || cannot "slurmctld does not start: $(tail -n 1 "$folder/slurmctld.log" 2>/dev/null)"
    slurmd -N "$(hostname -s)" 2>/dev/null || slurmd || cannot "slurmd does not start: $(tail -n 1 "$folder/slurmd.log")"
    waited=0
    until [ "$(sinfo --noheader --format=%t 2>/dev/null)" = idle ]; do
        waited=$((waited + 1))
        [ "$waited" -le 120 ] || {
            stop "$folder"
            cannot "its node does not become idle within a minute"
        }
        sleep 0.5
    done
    echo "$SLURM_CONF"
}

ended() { # waits until a process has ended, and kills it after ten seconds
    waited=0
    while kill -0 "$1" 2>/dev/null; do
        waited=$((waited + 1))
        [ "$waited" -le 20 ] || kill -9 "$1" 2>/dev/null || true
        [ "$waited" -le 40 ] || return 0
        sleep 0.5
    done
}

stop() {
    export SLURM_CONF="$1/slurm.conf"
    [ -f "$SLURM_CONF" ] || return 0
    scancel --full --user=root 2>/dev/null || true
    waited=0
    while [ -n "$(squeue --noheader 2>/dev/null)" ] && [ "$waited" -lt 20 ]; do
        waited=$((waited + 1))
        sleep 0.5
    done
    for name in slurmd slurmctld munged; do
        if [ -f "$1/$name.pid" ]; then
            pid=$(cat "$1/$name.pid")
            kill "$pid" 2>/dev/null || true
            ended "$pid"
        fi
    done
    rm -rf "$1"
}

case "${1:-}" in
install) install "${2:-}" ;;
start | stop)
    [ -n "${2:-}" ] || { echo "usage: slurm.sh $1 FOLDER" >&2; exit 2; }
    "$1" "$2"
    ;;
*)
    sed -n '2,6s/^# *//p' "$0" >&2
    exit 2
    ;;
esac
