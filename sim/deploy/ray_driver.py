"""A simulation on a Ray cluster: every task runs one shard, and the results are verified at the end.

    python sim/deploy/ray_driver.py payroll --runs 1000 --shards 16 --out /shared/payroll

Change: CPUS, and the address of the cluster by RAY_ADDRESS. The netlist and the folder must be seen by all nodes, and
streamctl be on their PATH, or be named by --streamctl.
"""

import argparse
import json
import pathlib
import subprocess

import ray

# Cores of a task, and so the threads of a shard.
CPUS = 2


@ray.remote(num_cpus=CPUS, max_retries=3, retry_exceptions=True)
def shard(streamctl, netlist, runs, out, index, count):
    """Runs shard `index` of `count`, from 1; a shard that is tried again goes on where it was."""
    command = [streamctl, "sim", "run", netlist, "--runs", str(runs), "--out", out]
    command += ["--shard", f"{index}/{count}", "--threads", str(CPUS), "--json", "--quiet"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        raise RuntimeError(f"shard {index} of {count}: {ran.stderr.strip()}")
    return json.loads(ran.stdout)


def seen_by_all(path):
    """Workers have folders of their own; a model in the box has no path."""
    found = pathlib.Path(path)
    return str(found.resolve()) if found.exists() else path


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("netlist", type=seen_by_all)
    parser.add_argument("--runs", type=int, required=True)
    parser.add_argument("--shards", type=int, required=True)
    parser.add_argument("--out", type=lambda path: str(pathlib.Path(path).resolve()), required=True)
    parser.add_argument("--streamctl", default="streamctl")
    given = parser.parse_args()
    ray.init()
    tasks = [
        shard.remote(given.streamctl, given.netlist, given.runs, given.out, index + 1, given.shards)
        for index in range(given.shards)
    ]
    while tasks:
        done, tasks = ray.wait(tasks)
        n_missing = ray.get(done[0])["n_missing_parts"]
        print(f"{len(tasks)} shards to go, {n_missing} parts missing", flush=True)
    subprocess.run([given.streamctl, "sim", "verify", given.out], check=True)


if __name__ == "__main__":
    main()
