# SPDX-License-Identifier: EPL-2.0
"""The pause of a snapshot: the bare fork, which is the limit, and the peers that are found on the machine."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

from workload import NOBODY, median, workload

GDB_SCRIPT = pathlib.Path(__file__).with_name("gdb_checkpoint.py")


def fork_ms(shape, rounds):
    """A bare fork() of the same process, all of its pages written since the last."""
    with workload(shape) as running:
        spent = []
        for _ in range(rounds):
            running.do("touch", 100)
            spent.append(running.do("fork") / 1e6)
    return median(spent)


def gdb_checkpoint_ms(shape, rounds):
    """gdb's own `checkpoint`, which knows one thread only."""
    if shape[2] != 1:
        return None
    prefix = ["gdb", "-nx", "-q", "-batch", "-ex", f"python rounds = {rounds}; result = '{{folder}}/result'",
              "-x", str(GDB_SCRIPT), "--args"]
    with workload(shape, prefix) as running:
        for _ in range(rounds):
            running.do("touch", 100)
            running.do("fork")
        return median(json.loads((running.folder / "result").read_text()))


def criu_ms(shape, rounds):
    """CRIU's dump of a process that goes on; it needs root."""
    if os.getuid() != 0:
        return None
    gaps = []
    for _ in range(max(1, rounds // 3)):
        with workload(shape, identity={}) as running:
            images = running.folder / "images"
            images.mkdir()
            dump = ["criu", "dump", "-t", str(running.process.pid), "-D", str(images), "--leave-running", "-o", "log"]
            gap, done = running.gap_ms(lambda: subprocess.run(dump, capture_output=True, check=False))
            if done.returncode:
                raise RuntimeError((images / "log").read_text(errors="replace").strip().splitlines()[-1])
            gaps.append(gap)
    return median(gaps)


def dmtcp_ms(shape, rounds):
    """DMTCP's blocking checkpoint, images uncompressed."""
    prefix = ["dmtcp_launch", "--new-coordinator", "--coord-port", "0", "--port-file", "{folder}/port", "--no-gzip",
              "--ckptdir", "{folder}"]
    gaps = []
    with workload(shape, prefix) as running:
        port = (running.folder / "port").read_text().strip()
        checkpoint = ["dmtcp_command", "--coord-port", port, "--bcheckpoint"]
        for _ in range(max(1, rounds // 3)):
            gap, _ = running.gap_ms(lambda: subprocess.run(checkpoint, capture_output=True, check=True, **NOBODY))
            gaps.append(gap)
    return median(gaps)


PEERS = {"gdb": gdb_checkpoint_ms, "criu": criu_ms, "dmtcp_launch": dmtcp_ms}


def pause_ms(program, shape, rounds):
    """The pause that a peer needs; None where it is not found, or cannot do it (it says why on standard error)."""
    if not shutil.which(program):
        return None
    try:
        return PEERS[program](shape, rounds)
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        print(f"{program}: {error}", file=sys.stderr)
        return None


# ---- images ----

def timed_ms(command, **options):
    start = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if done.returncode:
        raise RuntimeError((done.stderr or done.stdout).strip().splitlines()[-1])
    return (time.monotonic() - start) * 1000


def criu_image_ms(shape):
    """CRIU: dump, which ends the process, and restore, in the background; it needs root."""
    if os.getuid() != 0:
        return None
    with workload(shape, identity={}) as running:
        images = running.folder / "images"
        images.mkdir()
        saved = timed_ms(["criu", "dump", "-t", str(running.process.pid), "-D", str(images), "--shell-job"])
        restored = timed_ms(["criu", "restore", "-d", "-D", str(images), "--shell-job", "--pidfile",
                             str(running.folder / "pid")])
        os.kill(int((running.folder / "pid").read_text()), signal.SIGKILL)
    return saved, restored


def dmtcp_image_ms(shape):
    """DMTCP: a checkpoint that ends the process, and a restart until the process answers again."""
    prefix = ["dmtcp_launch", "--new-coordinator", "--coord-port", "0", "--port-file", "{folder}/port", "--no-gzip",
              "--ckptdir", "{folder}"]
    with workload(shape, prefix) as running:
        port = (running.folder / "port").read_text().strip()
        saved = timed_ms(["dmtcp_command", "--coord-port", port, "--kcheckpoint"], **NOBODY)
        running.process.wait(60)
        number = running.send("reset_gap")
        start = time.monotonic()
        image = next(running.folder.glob("ckpt_*.dmtcp"))
        running.process = subprocess.Popen(["dmtcp_restart", "--new-coordinator", "--coord-port", "0", str(image)],
                                           start_new_session=True, stdout=subprocess.DEVNULL, **NOBODY)
        running.answer(number)
    return saved, (time.monotonic() - start) * 1000


IMAGE_PEERS = {"criu": criu_image_ms, "dmtcp_launch": dmtcp_image_ms}


def image_ms(program, shape):
    """Milliseconds to save and to restart; None where the peer is not found, or cannot do it."""
    if not shutil.which(program):
        return None
    try:
        return IMAGE_PEERS[program](shape)
    except (OSError, RuntimeError, StopIteration, subprocess.SubprocessError) as error:
        print(f"{program}: {error}", file=sys.stderr)
        return None


def versions():
    """The peers, each with the version that it says it is."""
    found = []
    for program in PEERS:
        if not shutil.which(program):
            found.append(f"{program} (not on this machine)")
            continue
        said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
        version = re.search(r"\d+(\.\d+)+", said)
        found.append(f"{program} {version.group() if version else ''}".strip())
    return found
