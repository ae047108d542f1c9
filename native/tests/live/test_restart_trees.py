# SPDX-License-Identifier: EPL-2.0
"""Images of several processes: what is told of them, the options of a restart, and its failures: nothing is left then.

    test_restart_trees.py RELATIONS PIPELINES PAGES        programs of this folder
"""
import json
import os
import random
import re
import signal
import sys
import threading

import snapback_support as support

# Each step that can be made to fail, and a word of what is said then; behind a colon: in which process.
FAULTS = {
    "restart_fork": "cannot make process",
    "restart_fork:7": "cannot make process",
    "restart_zombie": "which had ended",
    "restart_zombie:3": "which had ended",
    "restart_objects": "shared memory",
    "restart_clear:5": "cannot empty the memory",
    "restart_vdso:2": "cannot move the vdso",
    "restart_pages:4": "cannot put back memory",
    "restart_limits:3": "cannot set the limits",
    "rewind_open:5": "cannot open",
    "rewind_descriptors:6": "descriptors",
    "rewind_threads:8": "cannot set the registers",
}
SCRIPT = r'''
import ctypes, os, sys, time
library = ctypes.CDLL(None)
library.getenv.restype = ctypes.c_char_p
journal = os.open(os.environ["LIVE_JOURNAL"], os.O_WRONLY | os.O_APPEND)
data = os.open(sys.argv[1], os.O_RDWR)
if os.fork() == 0:
    os.putenv("TWO", "second")
    os.execv(sys.executable, [sys.executable, "-c", """
import ctypes, os, sys, time
library = ctypes.CDLL(None)
library.getenv.restype = ctypes.c_char_p
while True:
    words = [library.getenv(name).decode() for name in (b"ONE", b"TWO")]
    os.write(int(sys.argv[1]), f"child {' '.join(words)} {os.lseek(int(sys.argv[2]), 0, 1)}\\n".encode())
    time.sleep(0.01)
""", str(os.dup2(journal, 800)), str(os.dup2(data, 801))])
tick = 0
while not os.path.exists(os.environ["LIVE_STOP"]):
    tick += 1
    os.lseek(data, tick, 0)
    os.write(journal, f"tick {tick}\n".encode())
    time.sleep(0.01)
'''


class Saved(support.TestCase):
    def setUp(self):
        super().setUp()
        self.image = self.path("saved.sbi")
        self.journal = support.Journal(self.folder)
        self.all = self.environment(ONE="orange", **self.journal.environment())

    def ticks_pass(self, session, count):
        self.journal.wait_for_ticks(count, alive=lambda: session.process.poll() is None)

    def begin(self, command):
        session = self.launch(command, environment=self.all)
        self.ticks_pass(session, 5)
        return session

    def save(self, command, *options):
        session = self.begin(command)
        session.call("snapshot", "--save", "-o", self.image, *options)
        session.end()

    def go_on(self, *options, **more):
        session = self.restart(self.image, ["--force", *options], environment=self.all, **more)
        self.ticks_pass(session, 3)
        return session

    def finish(self, session):
        self.journal.ask_to_end()
        self.assertEqual(session.wait(), 0, session.shown())
        self.assertTrue(self.journal.passed())

    def members(self, session):
        """Host numbers of the program's processes: what is below the supervisor and none of ours."""
        return [pid for pid in support.descendants(session.process.pid)[1:] if support.state_of(pid) != "Z"]


class Told(Saved):
    def inspect(self, *options):
        return self.snapback("inspect", *options, self.image)

    def test_all_processes_are_told(self):
        self.save([RELATIONS])
        facts = json.loads(self.inspect("--json").output)
        processes = facts["process"]
        numbers = {p["pid"]: p for p in processes}
        self.assertEqual(len(processes), 10)
        self.assertEqual(sum(len(p.get("zombie", [])) for p in processes), 3)
        self.assertEqual(sum(p.get("stopped", False) for p in processes), 1)
        self.assertEqual(sum(p.get("subreaper", False) for p in processes), 1)
        for p in processes:
            self.assertTrue(p.get("parent", 0) == 0 or p["parent"] in numbers)
        text, graph = self.inspect().output, self.inspect("--graph").output
        for pid in numbers:
            self.assertRegex(text, rf"(?m)^process {pid}\b")
            self.assertIn(f"process{pid} [", graph)
        self.assertRegex(text, r"stopped")
        self.assertRegex(text, r"ended, not waited for: \d+ \(exit 7\)")
        self.assertEqual(self.snapback("verify", self.image).status, 0)
        self.assertEqual(self.snapback("diff", self.image, self.image).status, 0)

    def test_core_of_each(self):
        self.save([PIPELINES])
        facts = json.loads(self.inspect("--json").output)
        for p in facts["process"]:
            core = self.path(f"core{p['pid']}")
            outcome = self.snapback("core", "--process", str(p["pid"]), self.image, "-o", core)
            self.assertEqual(outcome.status, 0, outcome.message)
            self.assertGreater(os.path.getsize(core), 4096)

    def test_images_build_on_each_other(self):
        session = self.begin(["/bin/sh", "-c", f"{PAGES} 64 small & wait $!"])
        first, second = self.path("first.sbi"), self.image
        session.call("snapshot", "--save", "-o", first)
        session.call("snapshot", "--save", "-o", second)
        facts = json.loads(self.inspect("--json").output)
        self.assertEqual([a["file"] for a in facts["ancestor"]], ["first.sbi"])
        self.assertLess(os.path.getsize(second), os.path.getsize(first) * 0.5)
        session.end()
        self.finish(self.go_on())
        os.unlink(first)
        self.assertIn("first.sbi", self.snapback("restart", "--force", second, environment=self.all).message)


class Memory(Saved):
    SHARING = '''
import os, time
block = os.urandom(20 << 20)
for n in range(4):
    if os.fork() == 0:
        own = bytearray(block[n << 20:(n << 20) + (1 << 20)])
        while True:
            own[n] = (own[n] + 1) % 256
            if block[n << 20] != own[0] and n: raise SystemExit(1)
            time.sleep(0.01)
tick = 0
while not os.path.exists(os.environ["LIVE_STOP"]):
    tick += 1
    with open(os.environ["LIVE_JOURNAL"], "a") as file: file.write(f"tick {tick}\\n")
    time.sleep(0.01)
with open(os.environ["LIVE_JOURNAL"], "a") as file: file.write("PASS\\n")
'''

    def memory_of(self, session):
        total = 0
        for pid in self.members(session):
            with open(f"/proc/{pid}/smaps_rollup") as file:
                total += sum(int(line.split()[1]) for line in file if line.startswith("Pss:"))
        return total * 1024

    def test_what_processes_share_is_stored_once_and_stays_shared(self):
        self.save(["/usr/bin/python3", "-c", self.SHARING])
        self.assertLess(os.path.getsize(self.image), 50 << 20)
        session = self.go_on()
        members = self.members(session)
        self.assertEqual(len(members), 5)
        self.assertLess(self.memory_of(session), 60 << 20)
        taken = session.snapshot()
        self.ticks_pass(session, 3)
        session.rewind(taken)
        self.ticks_pass(session, 3)
        self.assertEqual(self.members(session)[:1], members[:1])
        self.finish(session)


class Options(Saved):
    def test_stopped_processes_go_on_together(self):
        self.save([RELATIONS])
        seen = len(self.journal.ticks())
        session = self.restart(self.image, ["--force", "--stopped"], environment=self.all)
        pid = int(support.wait_for(session.output_text, "the process number"))
        members = self.members(session)
        self.assertEqual(len(members), 10)
        support.wait_for(lambda: {support.state_of(m) for m in members} == {"T"}, "all to be stopped")
        self.assertEqual(len(self.journal.ticks()), seen)
        os.kill(pid, signal.SIGCONT)
        self.ticks_pass(session, 5)
        self.finish(session)

    def save_script(self, *options):
        with open(self.journal.path, "w"):
            pass
        self.data = self.path("work", "data")
        with open(self.data, "w") as file:
            file.write("as it was")
        session = self.begin(["/usr/bin/python3", "-c", SCRIPT, "data"])
        support.wait_for(self.children_say, "the child's first word")
        session.call("snapshot", "--save", "-o", self.image, *options)
        session.end()

    def children_say(self):
        return [line.split()[1:] for line in self.journal.read() if line.startswith("child ")]

    def test_environment_of_any_process(self):
        self.save_script()
        file = self.path("values")
        with open(file, "w") as out:
            out.write("ONE=plum\nTWO=next\n")
        seen = len(self.children_say())
        session = self.go_on("--env-file", file)
        support.wait_for(lambda: len(self.children_say()) > seen, "a word of the child")
        self.assertEqual(self.children_say()[-1][:2], ["plum", "next"])
        session.end()
        with open(file, "a") as out:
            out.write("THREE=x\n")
        outcome = self.snapback("restart", "--force", "--env-file", file, self.image, environment=self.all)
        self.assertEqual(outcome.status, 2)
        self.assertIn("environment has no THREE", outcome.message)

    def test_files_travel_and_move(self):
        self.save_script("--files")
        with open(self.data, "w") as file:
            file.write("spoiled")
        self.go_on("--files").end()
        with open(self.data) as file:
            self.assertEqual(file.read(), "as it was")
        os.mkdir(self.path("moved"))
        os.rename(self.data, self.path("moved", "data"))
        session = self.go_on("--map-path", f"{self.data}={self.path('moved', 'data')}")
        before = self.children_say()[-1][2]
        support.wait_for(lambda: self.children_say()[-1][2] != before, "the offset, which the parent moves")
        session.end()

    def test_interval(self):
        folder = self.path("images")
        os.mkdir(folder)
        session = self._start(["launch", "--interval", "1", "--image-folder", folder, "--keep", "2"],
                              ["--", RELATIONS], None, False, None, self.all, True, None)
        support.wait_for(lambda: len(os.listdir(folder)) >= 2, "two images")
        session.end()
        self.assertEqual(session.error_text(), "")
        self.image = os.path.join(folder, sorted(os.listdir(folder))[-1])
        self.finish(self.go_on())


class Failures(Saved):
    def refused(self, words, fault):
        outcome = self.snapback("restart", "--force", self.image, binary="snapback-faults",
                                environment=dict(self.all, SNAPBACK_FAULT=fault))
        self.assertEqual((outcome.status, outcome.output), (2, ""), outcome.message)
        self.assertRegex(outcome.message, r"\Asnapback: [^\n]+\Z")
        self.assertIn(words, outcome.message)
        self.assertEqual(os.listdir(self.path("run", "snapback")), [])
        support.reap_orphans([s.process.pid for s in self.sessions])
        self.assertEqual(support.descendants(os.getpid()), [])

    def test_each_step(self):
        self.save([RELATIONS])
        for fault, words in FAULTS.items():
            with self.subTest(fault):
                self.refused(words, fault)
        self.finish(self.go_on())

    def test_killed_supervisor_leaves_nothing(self):
        self.save([RELATIONS])
        for number in range(12):
            session = self.restart(self.image, ["--force"], name=f"k{number}", environment=self.all, ready=False)
            below = support.wait_for(lambda: support.descendants(session.process.pid), "the supervisor")
            done = threading.Event()
            done.wait(CHOICE.random() * 0.05)
            os.kill(below[0], signal.SIGKILL)
            session.wait()
            support.wait_for(self.nothing_is_left, "the end of all processes", 5)
        self.finish(self.go_on())

    def nothing_is_left(self):
        support.reap_orphans([s.process.pid for s in self.sessions])
        return not support.descendants(os.getpid())


RELATIONS, PIPELINES, PAGES = sys.argv[1:4] if len(sys.argv) > 3 else ("", "", "")
del sys.argv[1:4]
SEED = int(os.environ.get("SNAPBACK_STRESS_SEED", random.SystemRandom().randrange(10 ** 9)))
CHOICE = random.Random(SEED)

if __name__ == "__main__":
    print(f"SNAPBACK_STRESS_SEED={SEED}", flush=True)
    RELATIONS, PIPELINES, PAGES = (support.within_reach(os.path.abspath(program)) for program in (RELATIONS, PIPELINES, PAGES))
    support.main()
