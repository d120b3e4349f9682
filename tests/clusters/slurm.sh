#!/usr/bin/env bash
# Builds a corpus on a real Slurm of one node, started here for this purpose: slurm.sh LAUNCHER FOLDER, with the program in MMEDKIT.
# FOLDER holds `in` and `reference`, made by one process; the test compares with that.
#
# Everything of this Slurm lies in FOLDER and ends with this script: its keys, state and logs. No cgroups and no systemd, so it runs in a container.
set -euo pipefail
launcher=$(realpath -e "$1")
folder=$(realpath -e "$2")
export PATH="$PATH:/usr/sbin:/sbin"
slurm="$folder/slurm"
rm -rf "$slurm" && mkdir -p "$slurm"/{state,spool} && chmod 700 "$slurm"
host=$(hostname -s)
# Ports of our own, so that another Slurm of this machine is left alone.
port=$((20000 + $$ % 20000))

dd if=/dev/urandom of="$slurm/munge.key" bs=1024 count=1 status=none
chmod 400 "$slurm/munge.key"
cat > "$slurm/slurm.conf" <<CONF
ClusterName=mmedkit
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmdPort=$((port + 1))
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthType=auth/munge
AuthInfo=socket=$slurm/munge.socket
CredType=cred/munge
StateSaveLocation=$slurm/state
SlurmdSpoolDir=$slurm/spool
SlurmctldPidFile=$slurm/slurmctld.pid
SlurmdPidFile=$slurm/slurmd.pid
SlurmctldLogFile=$slurm/slurmctld.log
SlurmdLogFile=$slurm/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=batch_sched_delay=0,sched_interval=1
ReturnToService=2
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
PartitionName=debug Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONF
export SLURM_CONF="$slurm/slurm.conf"

stop() {
    for daemon in slurmd slurmctld munged; do
        if [ -s "$slurm/$daemon.pid" ]; then kill "$(cat "$slurm/$daemon.pid")" 2> /dev/null || true; fi
    done
}
trap stop EXIT

munged --force --key-file="$slurm/munge.key" --socket="$slurm/munge.socket" --pid-file="$slurm/munged.pid" --log-file="$slurm/munged.log" --seed-file="$slurm/munged.seed"
slurmctld -f "$SLURM_CONF"
slurmd -f "$SLURM_CONF"
for _ in $(seq 60); do
    if [ "$(sinfo -h -o %T 2> /dev/null)" = idle ]; then break; fi
    sleep 1
done
state=$(sinfo -h -o %T)
[ "$state" = idle ] || { echo "the node is $state, not idle"; tail -n 20 "$slurm"/*.log; exit 1; }
slurmctld -V

cd "$folder"
sed 's/^output = .*/output = "by-slurm"/' corpus.toml > by-slurm.toml
# Cancelled in the middle of its work, then run again.
"$launcher" --config by-slurm.toml --tasks 3 --logs "$slurm/logs"
for _ in $(seq 600); do
    if [ -d by-slurm/done/map ]; then break; fi
    sleep 0.1
done
scancel --user "$(id -un)"
while [ -n "$(squeue -h)" ]; do sleep 0.5; done
echo "cancelled with $(find by-slurm/done -name '*.json' | wc -l) units done and $(find reference/done -name '*.json' | wc -l) in all"
"$launcher" --config by-slurm.toml --tasks 3 --logs "$slurm/logs" --wait || { tail -n 5 "$slurm"/logs/*; exit 1; }
diff -r reference by-slurm
echo "Slurm: the same as one process, byte for byte"
