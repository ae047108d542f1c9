# SPDX-License-Identifier: EPL-2.0
"""Saving and restarting: the time and size of images, beside copies of the same bytes on the same file system."""
import contextlib
import os
import shutil
import subprocess
import sys
import time

import peers
from control import Control
from workload import NOBODY, Workload, folder, median, workload

LAUNCH = ["{folder}/snapback", "launch", "--control", "{folder}/control.sock", "--"]
DEFAULT = "none"      # docs/image-format.md says why
SAVE_GOAL = 0.8       # of the throughput of cp
BYTES_GOAL = 0.03     # an incremental image of 1 % changed, of a full one
TIME_GOAL = 0.10
START_GOAL_MS = 150   # more than twice an empty session's restart


def say(text):
    print(text, file=sys.stderr, flush=True)


def snapback(place, *arguments):
    command = [str(place / "snapback"), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, cwd=place, check=False,
                          **NOBODY)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def timed_ms(action):
    start = time.monotonic()
    action()
    return (time.monotonic() - start) * 1000


def save_ms(place, number, path, *options):
    return timed_ms(lambda: snapback(place, "save", "-s", place / "control.sock", *options, "-o", path, number))


def copy_ms(source, target):
    """cp and what makes it last, as a save does."""
    def copy():
        subprocess.run(["cp", "--reflink=never", str(source), str(target)], check=True, **NOBODY)
        fd = os.open(target, os.O_RDONLY)
        os.fsync(fd)
        os.close(fd)
    try:
        return timed_ms(copy)
    finally:
        target.unlink(missing_ok=True)


def read_ms(path):
    with open(path, "rb", buffering=0) as file:
        block = bytearray(1 << 20)

        def read():
            while file.readinto(block):
                pass
        return timed_ms(read)


# ---- saving ----

def save_times(mib, content, compression, rounds):
    """Medians: ms to save, ms of cp of the uncompressed bytes, bytes of the image, ms of pause, memory saved."""
    saves, copies, pauses, size = [], [], [], 0
    with workload((mib, "small", 1), LAUNCH) as running, Control(running.folder / "control.sock") as control:
        if content == "text":
            running.do("fill_with_text")
        image, plain = running.folder / "image.snapback", running.folder / "plain.snapback"
        for _ in range(rounds):
            number, pause = control.take()
            if not plain.exists():
                snapback(running.folder, "save", "-s", running.folder / "control.sock", "--full", "--compress", "none",
                         "-o", plain, number)
            pauses.append(pause)
            saves.append(save_ms(running.folder, number, image, "--full", "--compress", compression))
            size = image.stat().st_size
            image.unlink()
            copies.append(copy_ms(plain, running.folder / "copy"))
            control.delete(number)
        plain.unlink()
    return median(saves), median(copies), size, median(pauses)


def save_rows(mib, rounds):
    for content in ("random", "text"):
        for compression in ("none", "zstd"):
            say(f"save: {mib} MiB, {content}, {compression}")
            spent, copying, size, pause = save_times(mib, content, compression, rounds)
            goal = "yes" if copying / spent >= SAVE_GOAL else "no"
            reached = goal if compression == DEFAULT else "not the default"
            yield [f"{mib} MiB", content, compression, f"{copying:.0f}", f"{spent:.0f}", f"{copying / spent:.2f}",
                   reached, f"{size / (1 << 20):.0f}", f"{pause:.1f}"]


# ---- incremental ----

def incremental_lines(mib, rounds):
    say(f"incremental save: 1 % of {mib} MiB")
    full, part, full_size, part_size = [], [], 0, 0
    with workload((mib, "small", 1), LAUNCH) as running, Control(running.folder / "control.sock") as control:
        place = running.folder
        for _ in range(rounds):
            number, _ = control.take()
            full.append(save_ms(place, number, place / "full.snapback", "--full"))
            running.do("touch", 1)
            second, _ = control.take()
            part.append(save_ms(place, second, place / "part.snapback"))
            full_size, part_size = (place / "full.snapback").stat().st_size, (place / "part.snapback").stat().st_size
            control.delete(number)
            control.delete(second)
            for name in ("full.snapback", "part.snapback"):
                (place / name).unlink()
    in_bytes, in_time = part_size / full_size, median(part) / median(full)
    reached = "reached" if in_bytes <= BYTES_GOAL and in_time <= TIME_GOAL else "not reached"
    return (f"Incremental, 1 % of {mib} MiB changed: {part_size / (1 << 20):.1f} MiB of {full_size / (1 << 20):.0f} "
            f"({in_bytes * 100:.1f} %), {median(part):.0f} ms of {median(full):.0f} ({in_time * 100:.0f} %). Goal: "
            f"at most {BYTES_GOAL * 100:.0f} % of the bytes and {TIME_GOAL * 100:.0f} % of the time: {reached}.\n")


# ---- restarting ----

class Restarted(Workload):
    """The program of an image, which goes on reading the same mailbox."""

    def __init__(self, place, image):
        self.folder, self.mailbox = place, place / "mailbox"
        self.output = open(place / "output", "w+b")
        command = [str(place / "snapback"), "restart", "--force", "--control", str(place / "again.sock"), str(image)]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.output, stderr=self.output,
                                        cwd=place, start_new_session=True, **NOBODY)


def first_instruction_ms(place, image):
    """From the command to the answer to a request that was waiting in the mailbox."""
    start = time.monotonic()
    running = None
    number = Workload.send(type("Box", (), {"mailbox": place / "mailbox"}), "reset_gap")
    try:
        running = Restarted(place, image)
        running.answer(number)
        return (time.monotonic() - start) * 1000
    finally:
        if running:
            running.stop()


def restart_times(mib, pages, rounds):
    with folder() as place:
        image = place / "image.snapback"
        running = Workload(place, (mib, pages, 1), LAUNCH)
        try:
            running.do("reset_gap")
            with Control(place / "control.sock") as control:
                number, _ = control.take()
                snapback(place, "save", "-s", place / "control.sock", "--compress", "none", "-o", image, number)
        finally:
            running.stop()
        starts = [first_instruction_ms(place, image) for _ in range(rounds)]
        return median(starts), median(read_ms(image) for _ in range(rounds)), image.stat().st_size


RESTARTED = {"plain": "memory without advice, as most programs have it",
             "small": "memory for which the program forbids huge pages"}


def restart_row(mib, pages, empty, rounds):
    say(f"restart: {mib} MiB, {pages}")
    spent, reading, size = restart_times(mib, pages, rounds)
    reached = "yes" if spent <= START_GOAL_MS + 2 * empty else "no"
    return [f"{mib} MiB", RESTARTED[pages], f"{reading:.0f}", f"{spent:.0f}", f"{size / (1 << 30) / (spent / 1000):.1f}",
            reached]


def restart_lines(table, mib, rounds):
    empty, _, _ = restart_times(1, "plain", rounds)
    heads = ["memory", "of what kind", "reading the file ms", "to the first instruction ms", "GiB/s", "goal reached"]
    return (table(heads, [restart_row(mib, pages, empty, rounds) for pages in RESTARTED]) +
            f"\nNot compressed. 1 MiB: {empty:.0f} ms. Goal: at most {START_GOAL_MS + 2 * empty:.0f} ms "
            f"({START_GOAL_MS} + twice that of 1 MiB).\n")


def peer_lines(mib):
    for program in peers.IMAGE_PEERS:
        say(f"images of {program}")
        times = peers.image_ms(program, (mib, "small", 1))
        yield f"- {program}: " + (f"{times[0]:.0f} ms to save {mib} MiB, {times[1]:.0f} ms to restart.\n" if times
                                else "not on this machine, or not able to.\n")


# ---- a session of gdb ----

def gdb_lines(rounds):
    """From `snapback gdb --image` to gdb's stop at the old place."""
    say("restart of gdb's inferior")
    if not shutil.which("gdb"):
        return ""
    with folder() as place:
        image = place / "image.snapback"
        running = Workload(place, (10, "small", 8), LAUNCH)
        try:
            running.do("reset_gap")
            with Control(place / "control.sock") as control:
                number, _ = control.take()
                snapback(place, "save", "-s", place / "control.sock", "-o", image, number)
        finally:
            running.stop()
        command = [str(place / "snapback"), "gdb", "--force", "--image", str(image), "-nx", "-q", "-batch", "-ex", "info threads"]
        alone = ["gdb", "-nx", "-q", "-batch", "-ex", "info line main", str(place / "workload")]

        def run(words):
            with contextlib.suppress(subprocess.TimeoutExpired):
                return timed_ms(lambda: subprocess.run(words, capture_output=True, stdin=subprocess.DEVNULL, cwd=place,
                                                       timeout=60, check=True, **NOBODY))
            return float("nan")
        return (f"gdb and its inferior (10 MiB, 8 threads) from an image, until all threads are listed: "
                f"{median(run(command) for _ in range(rounds)):.0f} ms; gdb alone, until it has read the program: "
                f"{median(run(alone) for _ in range(rounds)):.0f} ms.\n")


def report(table, rounds, quick):
    mib = 64 if quick else 1024
    heads = ["memory", "content", "compression", "cp ms", "save ms", "cp / save", "goal reached", "image MiB",
             "pause ms"]
    return "\n".join([
        "## Saving\n",
        "The program runs on. *cp*: of the uncompressed image, on the same file system; both times end when the bytes "
        f"are on the disk (fsync). Goal: cp / save at least {SAVE_GOAL} for what is the default, no compression: packing "
        "takes processor time from the program, and is for images that are to be kept or sent.\n",
        table(heads, list(save_rows(mib, rounds))),
        incremental_lines(mib * 2, rounds),
        "## Restart\n",
        restart_lines(table, mib, rounds),
        "".join(peer_lines(mib)),
        gdb_lines(rounds),
    ])
