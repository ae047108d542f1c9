# SPDX-License-Identifier: EPL-2.0
"""The self-checking programs are worth their name: one value changed behind its back, each says FAIL."""
import os
import shutil
import signal
import subprocess
import sys

import snapback_support as support

# What a debugger changes in each: an assignment that breaks an invariant for good.
SPOILS = {
    "counter": ["mirror = 1"],
    "pages": ["total = 1"],
    "heap": [f"blocks[{i}].sequence = 1" for i in range(200)],
    "brk": [f"expected[{i}] = 1" for i in range(0, 1024, 4)],
    "mappings": [f"slots[{i}].stamp[0] = 1" for i in range(24)] + [f"slots[{i}].rights = 4" for i in range(24)],
    "zero_pages": [f"small.expected[{i}] = 1" for i in range(0, 1024, 8)],
    "file_mapping": ["own[3] = 1"],
    "shared_memory": ["sparse.expected[3] = 1"],
    "threads": ["rounds[2] = 1"],
    "thread_churn": [f"slots[{i}].seed = 1" for i in range(10)],
    "registers": ["loops[1] = 1234567"],
    "signals": ["expected[0].sa_flags = expected[0].sa_flags ^ 0x10000000"],
    "sleeping": ["laps[0] = 1"],
    "futexes": ["left = 1"],
    "polling": ["bell[0] = 899"],
    "reading": ["written[0] = written[0] + 3"],
    "sigwaiting": ["handled = 1"],
    "descriptors": [f"slots[{i}].close_on_exec = !slots[{i}].close_on_exec" for i in range(24)],
    "pipes": [f"slots[{i}].written = slots[{i}].written + 1" for i in range(8)],
    "eventfds": [f"slots[{i}].count = slots[{i}].count + 1" for i in range(10)],
    "epolls": [f"slots[{i}].ready = !slots[{i}].ready" for i in range(8)],
    "locks": ["files[0].holder = files[0].holder < 0 ? 0 : -1"],
    "folders": ["mask = mask ^ 7"],
    "children": [f"generation[{i}] = 12345" for i in range(0, 2048, 8)],
    "execs": ["born = born + 1"],
    "unforked": ["areas[0].expected[3] = 1"],
    "unix_pairs": [f"pairs[{i}].way[0].sent = pairs[{i}].way[0].sent + 1" for i in range(6)],
    "unix_names": ["told_wait = told_wait + 1"],
    "unix_talk": [f"workers[{i}].count = workers[{i}].count + 1" for i in range(4)],
    "phases": ["$all = (long)memset(shared, 0, 131072)"],
    "quiet": ["memory[3] = 1"],
}
TRIES = 5
ORDERS = {"quiet": b"c"}  # a program that checks when it is told to


class Notice(support.TestCase):
    def spoil(self, pid, assignments):
        commands = [word for a in assignments for word in ("-ex", f"set var {a}")]
        subprocess.run([GDB, "-nx", "-batch", "-p", str(pid), *commands], env=self.environment(DEBUGINFOD_URLS=""),
                       stdin=subprocess.DEVNULL, capture_output=True, timeout=60)

    def check(self, name):
        journal = support.Journal(self.folder, name)
        fifo = self.path(name + ".orders")
        if name in ORDERS:
            os.mkfifo(fifo)
        with open(self.path(name + ".stderr"), "wb") as err:
            process = subprocess.Popen([os.path.join(FOLDER, name), *([fifo] if name in ORDERS else [])], stdin=subprocess.DEVNULL, stderr=err,
                                       env=self.environment(**journal.environment()), cwd=self.path("work"))
        self.addCleanup(process.kill)
        support.wait_for(lambda: journal.last() >= (1 if name in ORDERS else 100), f"the ticks of {name}")
        # The program may be about to write the very value anew: then once more.
        for _ in range(TRIES):
            self.spoil(process.pid, SPOILS[name])
            if name in ORDERS:
                with open(fifo, "wb") as orders:
                    orders.write(ORDERS[name])
            try:
                status = process.wait(1)
                break
            except subprocess.TimeoutExpired:
                continue
        else:
            self.fail(f"{name} has not noticed")
        # A value changed in the middle of its use may end the program before its next check: not unnoticed either.
        if status == -signal.SIGSEGV:
            return
        self.assertEqual(status, 1)
        with self.assertRaisesRegex(AssertionError, f"FAIL {name}.c"):
            journal.read()

    def test_every_program_notices_a_changed_value(self):
        for name in SPOILS:
            with self.subTest(name):
                self.check(name)

    def tearDown(self):
        shutil.rmtree(self.path("tmp"))
        os.mkdir(self.path("tmp"))
        super().tearDown()


FOLDER = sys.argv.pop(1) if len(sys.argv) > 1 else ""
GDB = shutil.which("gdb")

if __name__ == "__main__":
    if not GDB:
        print("skipped: gdb is not installed")
        sys.exit(77)
    FOLDER = support.folder_within_reach(os.path.abspath(FOLDER))
    support.main()
