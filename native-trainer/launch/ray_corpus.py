"""Builds a corpus on Ray: one remote function a task, stage after stage.

    python ray_corpus.py --config corpus.toml --tasks 64 [--threads 4] [--address auto] [--program mmedkit]

Every node must see the program, the configuration, the inputs and the output at the same place (a shared file system, or an object store for
inputs and output). A task whose worker dies is run again by Ray; units that have their completion marker are not done twice.
"""

import argparse
import os
import shutil
import subprocess
import sys

import ray

# None: as many tasks as asked for.
STAGES = [("plan", 1), ("map", None), ("reduce", None), ("resolve", 1), ("write", None), ("pack", 1), ("finish", 1)]


@ray.remote(max_retries=5, retry_exceptions=True)
def run(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}\nended with status {done.returncode}:\n{done.stdout}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", required=True, help="corpus.toml")
    parser.add_argument("--tasks", type=int, default=16, help="parts to cut each stage into")
    parser.add_argument("--threads", type=int, default=1, help="processors of a task")
    parser.add_argument("--address", help="of the cluster, or auto; without it, a cluster on this machine is started")
    parser.add_argument("--program", default="mmedkit", help="mmedkit, where it is not in PATH")
    options = parser.parse_args()
    program = shutil.which(options.program)
    if program is None:
        sys.exit(f"there is no program {options.program}")
    build = [os.path.abspath(program), "corpus", "build", "--config", os.path.abspath(options.config), "--threads", str(options.threads)]

    ray.init(address=options.address, log_to_driver=False)
    for stage, tasks in STAGES:
        tasks = tasks or options.tasks
        waiting = [
            run.options(num_cpus=options.threads, name=f"corpus-{stage}-{task}").remote(
                build + ["--stage", stage, "--task", str(task), "--tasks", str(tasks)]
            )
            for task in range(tasks)
        ]
        while waiting:
            finished, waiting = ray.wait(waiting)
            try:
                ray.get(finished)
            except ray.exceptions.RayError as error:
                sys.exit(f"stage {stage} failed:\n{error}")
            print(f"{stage}: {tasks - len(waiting)} of {tasks} tasks", flush=True)


if __name__ == "__main__":
    main()
