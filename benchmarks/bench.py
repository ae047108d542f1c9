#!/usr/bin/env python3
# SPDX-License-Identifier: EPL-2.0
"""Measures Snapback against the limits and the peers found here; prints the tables as Markdown.

    bench.py [--rounds N] [--quick] [--write FILE]
"""
import argparse
import os
import platform
import statistics
import subprocess
import sys

import crowds
import images
import peers
from control import Control
from workload import NOBODY, folder, median, workload

# (MiB, pages, threads)
PAUSES = [(10, "small", 1), (10, "small", 8), (1024, "small", 1), (1024, "small", 8), (1024, "huge", 1),
          (1024, "huge", 8)]
REWINDS = [(10, "small", 1), (1024, "small", 1), (1024, "small", 8), (1024, "huge", 1)]
CHANGES = [0, 1, 100]  # in a hundred pages
OVERHEADS = [("malloc", "1"), ("malloc", "8"), ("calls",)]
LAUNCH = ["{folder}/snapback", "launch", "--control", "{folder}/control.sock", "--"]
QUICK = {"pauses": PAUSES[:2], "rewinds": REWINDS[:1]}

LOAD_AT_START = os.getloadavg()[0]  # whatever else runs disturbs the times
PAUSE_LIMIT = 2, 5  # at most so many times the bare fork, plus milliseconds
OVERHEAD_TURNS = 3  # these runs are short: more of them, and each way goes first as often as the other
NOISE = 0.03  # differences below it are not measurable on a machine that does anything else
REWIND_LIMIT_MS = 50  # a rewind of 1 % of 1 GiB may take so much longer than an empty one


def say(text):
    print(text, file=sys.stderr, flush=True)


def name_of(shape):
    mib, pages, threads = shape
    size = f"{mib} MiB" if mib < 1024 else f"{mib // 1024} GiB"
    return f"{size} | {'4 KiB' if pages == 'small' else '2 MiB'} | {threads}"


def ms(value):
    return "–" if value is None else f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def table(heads, rows):
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * sum(head.count("|") + 1 for head in heads)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


# ---- pause ----

def snapback_pause(shape, rounds):
    """Medians of the pause as the engine tells it, and as the program felt it."""
    told, felt = [], []
    with workload(shape, LAUNCH) as running, Control(running.folder / "control.sock") as control:
        for _ in range(rounds):
            running.do("touch", 100)
            gap, (snapshot, pause) = running.gap_ms(control.take)
            control.delete(snapshot)
            told.append(pause)
            felt.append(gap)
    return median(told), median(felt)


def pause_row(shape, rounds):
    say(f"pause: {name_of(shape)}")
    fork = peers.fork_ms(shape, rounds)
    told, felt = snapback_pause(shape, rounds)
    factor, extra = PAUSE_LIMIT
    reached = "yes" if told <= factor * fork + extra else "no"
    others = [ms(peers.pause_ms(program, shape, rounds)) for program in peers.PEERS]
    return [name_of(shape), ms(fork), ms(told), ms(felt), f"{told / fork:.1f}", reached, *others]


def pauses(shapes, rounds):
    heads = ["memory | pages | threads", "bare fork ms", "Snapback ms", "felt by the program ms", "ratio",
             "goal reached", "gdb checkpoint ms", "CRIU ms", "DMTCP ms"]
    return table(heads, [pause_row(shape, rounds) for shape in shapes])


# ---- rewind ----

def memcpy_ms(size, rounds):
    if size == 0:
        return 0.0
    with folder() as place:
        command = [str(place / "workload"), "memcpy", str(size)]
        spent = [subprocess.run(command, capture_output=True, check=True, **NOBODY).stdout for _ in range(rounds)]
    return median(int(text) / 1e6 for text in spent)


def rewind_times(shape, change, rounds):
    spent, pages = [], []
    with workload(shape, LAUNCH) as running, Control(running.folder / "control.sock") as control:
        snapshot, _ = control.take()
        for _ in range(rounds):
            running.do("touch", change)
            took, put_back = control.rewind(snapshot)
            spent.append(took)
            pages.append(put_back)
    return median(spent), median(pages)


def rewind_row(shape, change, rounds):
    say(f"rewind: {name_of(shape)}, {change} % changed")
    spent, pages = rewind_times(shape, change, rounds)
    copying = memcpy_ms((shape[0] << 20) * change // 100, rounds)
    ratio = f"{spent / copying:.1f}" if copying else "–"
    return spent, [name_of(shape), f"{change} %", ms(copying), ms(spent), ratio, f"{pages:.0f}"]


def rewinds(shapes, rounds):
    rows, times = [], {}
    for shape in shapes:
        for change in CHANGES:
            times[shape, change], row = rewind_row(shape, change, rounds)
            rows.append(row)
    heads = ["memory | pages | threads", "changed", "memcpy ms", "rewind ms", "ratio", "pages put back"]
    return table(heads, rows) + "".join(rewind_verdicts(shapes, times))


def rewind_verdicts(shapes, times):
    for shape in shapes:
        if shape[0] < 1024:
            continue
        more = times[shape, 1] - times[shape, 0]
        reached = "reached" if more <= REWIND_LIMIT_MS else "not reached"
        threads = f"{shape[2]} thread{'s' if shape[2] > 1 else ''}"
        yield (f"\n1 GiB of {shape[1]} pages, {threads}: 1 % changed costs {more:.1f} ms more than nothing changed "
               f"(goal: at most {REWIND_LIMIT_MS}): {reached}.\n")


# ---- run time ----

def timed(arguments, prefix):
    with folder() as place:
        command = [word.format(folder=place) for word in prefix] + [str(place / "overhead"), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL, **NOBODY)
    return {name: float(value) for name, value in (line.split() for line in done.stdout.splitlines())}


def overhead_rows(arguments, rounds):
    say(f"run time: {' '.join(arguments)}")
    native, controlled = [], []
    for turn in range(rounds * OVERHEAD_TURNS):
        runs = [(native, []), (controlled, LAUNCH)]
        for results, prefix in runs if turn % 2 else reversed(runs):
            results.append(timed(arguments, prefix))
    for name in native[0]:
        yield overhead_row(name, [r[name] for r in native], [r[name] for r in controlled])


def overhead_row(name, native, controlled):
    alone, under = median(native), median(controlled)
    low, _, high = statistics.quantiles(native, n=4)
    spread = (high - low) / alone
    verdict = "no" if under <= alone * (1 + max(spread, NOISE)) else "yes"
    return [name, f"{alone:.1f}", f"{under:.1f}", f"{under / alone:.3f}", f"{spread * 100:.0f} %", verdict]


def overheads(rounds):
    heads = ["what", "native ns", "under launch ns", "ratio", "quartiles of native", "measurably slower"]
    return table(heads, [row for arguments in OVERHEADS for row in overhead_rows(arguments, rounds)])


# ---- the report ----

def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        return next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), "unknown")


def machine():
    gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    return (f"Linux {platform.release().split('-')[0]}, {os.cpu_count()} cores ({processor()}), {gib:.0f} GiB, "
            f"load average {LOAD_AT_START:.1f} when it began.\n"
            f"Peers: {', '.join(peers.versions())}. A dash: not on this machine, or not able to.\n")


def report(rounds, pause_shapes, rewind_shapes, quick):
    factor, extra = PAUSE_LIMIT
    return "\n".join([
        "# Benchmarks\n",
        f"Written by `./dev bench`. Medians of {rounds} rounds, as an ordinary user.\n",
        machine(),
        "## Pause of a snapshot\n",
        "All pages were written before each round. *Bare fork*: the same process calls fork(), the limit for any "
        f"copy-on-write snapshot. Goal: at most {factor} × bare fork + {extra} ms. gdb's `checkpoint` knows one thread "
        "only.\n",
        pauses(pause_shapes, rounds),
        crowds.report(table, rounds, LAUNCH),
        "## Rewind\n",
        "*memcpy*: as many bytes as have changed, between pages that are in memory.\n",
        rewinds(rewind_shapes, rounds),
        "## Run time under control\n",
        "Goal: not measurable, that is, within the distance of the quartiles of the native runs (at least "
        f"{NOISE * 100:.0f} %).\n",
        overheads(rounds),
        images.report(table, max(3, rounds // 2), quick),
    ])


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--quick", action="store_true", help="small memory only")
    options.add_argument("--write", metavar="FILE")
    chosen = options.parse_args()
    shapes = (QUICK["pauses"], QUICK["rewinds"]) if chosen.quick else (PAUSES, REWINDS)
    text = report(chosen.rounds, *shapes, chosen.quick)
    print(text)
    if chosen.write:
        with open(chosen.write, "w", encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    main()
