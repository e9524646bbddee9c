#!/bin/bash
# Tries the templates without a cluster: sets what Slurm, Kubernetes and AWS Batch set for each task, runs what their tasks
# run, and compares the fingerprint with that of a run in one piece. Set RAY_PYTHON to a Python that has Ray to try that too.
#
#   sim/deploy/try.sh [STREAMCTL]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
STREAMCTL=$(realpath "${1:-$here/../../target/debug/streamctl}")
export STREAMCTL NETLIST=flash-v3 RUNS=7
n=3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
# What the tasks of a job would call by its name.
mkdir bin
ln -s "$STREAMCTL" bin/streamctl

fingerprint() { sed -n 's/^ *fingerprint *\(0x[0-9a-f]\{64\}\)$/\1/p'; }

whole=$("$STREAMCTL" sim run "$NETLIST" --runs "$RUNS" --out whole --quiet | fingerprint)
[ -n "$whole" ] || { echo "the run in one piece has no fingerprint" >&2; exit 1; }

check() { # NAME FOLDER
    local found
    found=$("$STREAMCTL" sim verify "$2" | fingerprint)
    [ "$found" = "$whole" ] || { echo "$1: fingerprint ${found:-none} and not $whole" >&2; exit 1; }
    echo "$1: $n shards, fingerprint as in one piece"
}

# `#SBATCH` lines are comments to bash; tasks begin with 5 and go by 2, end in any order, and one is requeued.
for id in 9 5 7 5; do
    env OUT=slurm SLURM_ARRAY_TASK_ID=$id SLURM_ARRAY_TASK_MIN=5 SLURM_ARRAY_TASK_MAX=9 SLURM_ARRAY_TASK_STEP=2 \
        SLURM_ARRAY_TASK_COUNT=$n SLURM_CPUS_PER_TASK=2 bash "$here/slurm.sbatch" > /dev/null
done
check Slurm slurm

# The line that the Job's container runs.
command=$(sed -n 's/^ *- \(exec streamctl .*\)$/\1/p' "$here/kubernetes.yaml")
[ "$(wc -l <<< "$command")" = 1 ] && [ -n "$command" ] || { echo "kubernetes.yaml has not one command" >&2; exit 1; }
completions=$(sed -n 's/^ *completions: \([0-9]*\)$/\1/p' "$here/kubernetes.yaml")
shards=$(sed -n 's/^ *- { name: N_SHARDS, value: "\([0-9]*\)" }$/\1/p' "$here/kubernetes.yaml")
[ "$completions" = "$shards" ] || { echo "kubernetes.yaml: completions $completions, N_SHARDS $shards" >&2; exit 1; }
for index in 2 0 1; do
    env PATH="$work/bin:$PATH" OUT=kubernetes N_SHARDS=$n JOB_COMPLETION_INDEX=$index sh -c "$command" > /dev/null
done
check Kubernetes kubernetes

for index in 1 2 0; do
    env AWS_BATCH_JOB_ARRAY_INDEX=$index AWS_BATCH_JOB_ARRAY_SIZE=$n \
        "$STREAMCTL" sim run "$NETLIST" --runs "$RUNS" --out batch --shard auto > /dev/null
done
check "AWS Batch" batch

# Tasks at the same time in one folder, and folders of their own that are merged.
for index in 1 2 3; do
    "$STREAMCTL" sim run "$NETLIST" --runs "$RUNS" --out together --shard "$index/$n" > "together-$index.log" &
    tasks[index]=$!
done
for task in "${tasks[@]}"; do wait "$task"; done
check "at the same time" together
for index in 1 2 3; do
    "$STREAMCTL" sim run "$NETLIST" --runs "$RUNS" --out "apart-$index" --shard "$index/$n" > /dev/null
done
"$STREAMCTL" sim merge apart-1 apart-2 apart-3 --out merged > /dev/null
check merged merged

if [ -n "${RAY_PYTHON:-}" ]; then
    "$RAY_PYTHON" "$here/ray_driver.py" "$NETLIST" --runs "$RUNS" --shards $n --out ray --streamctl "$STREAMCTL" > /dev/null
    check Ray ray
fi
