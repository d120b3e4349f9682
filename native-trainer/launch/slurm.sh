#!/usr/bin/env bash
# Builds a corpus on Slurm: one array job a stage, each begun when all tasks of the one before have ended well.
#
#   slurm.sh --config corpus.toml --tasks 64 [--threads 4] [--logs FOLDER] [--wait] [-- SBATCH OPTIONS]
#
# What stands after `--` goes to every sbatch, e.g. `-- --partition=cpu --time=12:00:00 --mem=8G`. MMEDKIT names the program (default:
# mmedkit, from PATH), which every node must see at the same path, like the configuration, the inputs and the output. A job that failed or was
# killed loses nothing: run this again, units that have their completion marker are not done twice.
set -euo pipefail

usage() { sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "$0"; }

config="" tasks=16 threads=1 logs=logs wait=no
while [ $# -gt 0 ]; do
    case $1 in
        --config) config=$2; shift 2 ;;
        --tasks) tasks=$2; shift 2 ;;
        --threads) threads=$2; shift 2 ;;
        --logs) logs=$2; shift 2 ;;
        --wait) wait=yes; shift ;;
        --help) usage; exit 0 ;;
        --) shift; break ;;
        *) echo "slurm.sh: unknown option $1" >&2; usage >&2; exit 2 ;;
    esac
done
[ -n "$config" ] || { echo "slurm.sh: --config is missing" >&2; usage >&2; exit 2; }
config=$(realpath -e -- "$config")
program=$(command -v -- "${MMEDKIT:-mmedkit}") || { echo "slurm.sh: there is no program ${MMEDKIT:-mmedkit}; set MMEDKIT" >&2; exit 1; }
program=$(realpath -e -- "$program")
mkdir -p -- "$logs"
logs=$(realpath -e -- "$logs")

# submit STAGE TASKS JOB_BEFORE SBATCH_OPTIONS… → job id
submit() {
    local stage=$1 count=$2 before=$3
    shift 3
    local command
    command=$(printf '%q ' "$program" corpus build --config "$config" --stage "$stage" --tasks "$count" --threads "$threads")
    sbatch --parsable --job-name="corpus-$stage" --array="0-$((count - 1))" --cpus-per-task="$threads" --requeue \
        --output="$logs/%x-%A_%a.log" ${before:+--dependency="afterok:$before" --kill-on-invalid-dep=yes} "$@" \
        --wrap="exec $command --task \$SLURM_ARRAY_TASK_ID" | cut -d ';' -f 1
}

job=""
for stage in plan map reduce resolve write pack finish; do
    case $stage in
        plan | resolve | pack | finish) count=1 ;;
        *) count=$tasks ;;
    esac
    last=()
    if [ "$stage" = finish ] && [ "$wait" = yes ]; then
        echo "waiting for the last stage; logs are in $logs" >&2
        last=(--wait)
    fi
    job=$(submit "$stage" "$count" "$job" "${last[@]}" "$@")
    echo "$stage: job $job, tasks: $count"
done
