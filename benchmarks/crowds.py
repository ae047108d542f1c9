# SPDX-License-Identifier: EPL-2.0
"""The pause of a snapshot of many processes, threads and descriptors, against the bare forks of the same processes."""
import sys

from control import Control
from workload import median, workload

MIB = 2  # of each process
# What is many, then threads, processes and descriptors.
CROWDS = [("1 process", 1, 1, 0), ("10 processes", 1, 10, 0), ("100 processes", 1, 100, 0),
          ("1,000 descriptors", 1, 1, 1000), ("500 threads", 500, 1, 0)]
LIMIT = 3, 20  # at most so many times the sum of the bare forks, plus milliseconds


def forks_ms(shape, rounds):
    """What the bare forks of all processes take, one after the other."""
    with workload(shape) as running:
        spent = []
        for _ in range(rounds):
            running.do("touch", 100)
            spent.append(running.do("forks") / 1e6)
    return median(spent)


def pause_ms(shape, rounds, launch):
    """Medians of the pause as the engine tells it, and as the first process felt it."""
    told, felt = [], []
    with workload(shape, launch) as running, Control(running.folder / "control.sock") as control:
        for _ in range(rounds):
            running.do("touch", 100)
            gap, (snapshot, pause) = running.gap_ms(control.take)
            control.delete(snapshot)
            told.append(pause)
            felt.append(gap)
    return median(told), median(felt)


def row(name, threads, processes, descriptors, rounds, launch):
    print(f"pause: {name}", file=sys.stderr, flush=True)
    shape = MIB, "small", threads, processes, descriptors
    forks = forks_ms(shape, rounds)
    told, felt = pause_ms(shape, rounds, launch)
    factor, extra = LIMIT
    reached = "yes" if told <= factor * forks + extra else "no"
    return [name, f"{forks:.2f}", f"{told:.1f}", f"{felt:.1f}", f"{factor * forks + extra:.1f}", reached]


def report(table, rounds, launch):
    factor, extra = LIMIT
    heads = ["session", "bare forks ms", "Snapback ms", "felt by the first process ms", "allowed ms", "goal reached"]
    return (f"## Pause of many\n\n{MIB} MiB of written memory in each process. *Bare forks*: each process calls fork() by "
            f"itself, one after the other; their sum. Goal: at most {factor} × that sum + {extra} ms.\n\n"
            + table(heads, [row(*crowd, rounds, launch) for crowd in CROWDS]))
