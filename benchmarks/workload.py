# SPDX-License-Identifier: EPL-2.0
"""Starts the measured program, by itself or under something, and gives it commands."""
import contextlib
import os
import pathlib
import shutil
import signal
import statistics
import struct
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILT = [ROOT / "build" / "benchmarks" / "workload", ROOT / "build" / "benchmarks" / "overhead",
         ROOT / "build" / "bin" / "snapback"]
COMMANDS = {"reset_gap": 1, "largest_gap": 2, "touch": 3, "fork": 4, "quit": 5, "fill_with_text": 6, "forks": 7}  # as in workload.c
MAILBOX = struct.Struct("5Q")
DEADLINE_S = 120

# Snapback needs no root, and is measured without.
NOBODY = {"user": 65534, "group": 65534, "extra_groups": []} if os.getuid() == 0 else {}


def median(values):
    return statistics.median(values)


@contextlib.contextmanager
def folder():
    """A folder that the measured program may write to, with the programs in it, so that whoever runs them finds them."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="snapback-bench-"))
    try:
        for program in BUILT:
            if program.exists():
                shutil.copy(program, path)
        if NOBODY:
            os.chown(path, NOBODY["user"], NOBODY["group"])
        yield path
    finally:
        shutil.rmtree(path)


class Workload:
    """One running workload. `prefix` is what it is started under; it may hold "{folder}"."""

    def __init__(self, place, shape, prefix=(), identity=None):
        self.folder, self.shape = place, shape
        self.mailbox = place / "mailbox"
        self.mailbox.write_bytes(bytes(MAILBOX.size))
        self.mailbox.chmod(0o666)
        identity = NOBODY if identity is None else identity
        command = [word.format(folder=place) for word in prefix] + self.command()
        self.output = open(place / "output", "w+b")
        if identity:
            os.fchown(self.output.fileno(), identity["user"], identity["group"])
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self.output, stderr=self.output, cwd=place,
            start_new_session=True, **identity,
        )

    def command(self):
        mib, pages, *numbers = self.shape  # threads, and maybe processes and descriptors
        return [str(self.folder / "workload"), str(self.mailbox), str(mib), pages, *map(str, numbers)]

    def send(self, name, argument=0):
        with open(self.mailbox, "r+b", buffering=0) as file:
            number = MAILBOX.unpack(file.read(MAILBOX.size))[3] + 1
            file.seek(0)
            file.write(struct.pack("3Q", number, COMMANDS[name], argument))
        return number

    def answer(self, number):
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            with open(self.mailbox, "rb", buffering=0) as file:
                mail = MAILBOX.unpack(file.read(MAILBOX.size))
            if mail[3] == number:
                return mail[4]
            if self.process.poll() is not None:
                break
            time.sleep(0.0005)
        raise RuntimeError(f"the workload does not answer: {self.said()}")

    def do(self, name, argument=0):
        return self.answer(self.send(name, argument))

    def gap_ms(self, disturb):
        """The longest time for which the program did not run while disturb() ran, and what that returned."""
        self.do("reset_gap")
        result = disturb()
        return self.do("largest_gap") / 1e6, result

    def said(self):
        self.output.seek(0)
        return self.output.read().decode(errors="replace").strip()[-500:]

    def stop(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)
        self.output.close()


@contextlib.contextmanager
def workload(shape, prefix=(), identity=None):
    with folder() as place:
        running = Workload(place, shape, prefix, identity)
        try:
            running.do("reset_gap")
            yield running
        finally:
            running.stop()
