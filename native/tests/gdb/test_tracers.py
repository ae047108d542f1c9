# SPDX-License-Identifier: EPL-2.0
"""gdb of a program that is itself a tracer: strace goes back together with what it traces."""
import os
import shutil
import sys

sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))

import call_log
import snapback_support as support
from debugging import TestCase, main

STEPS = 400
SCRIPT = f"""
i=0 sum=7
while [ $i -lt {STEPS} ]; do
  i=$((i + 1))
  [ $((i % 7)) = 0 ] && word=$(expr $i + 1)
  sum=$(((sum * 31 + i + ${{#word}}) % 1000003))
  echo "tick $i" >> "$LIVE_JOURNAL"
done
while [ ! -e "$LIVE_STOP" ]; do sleep 0.001; done
echo $sum $word > result
"""


class Tracers(TestCase):
    def start(self, *options):
        strace = shutil.which("strace", path="/usr/bin:/bin")
        if not strace:
            self.skipTest("strace is not installed")
        self.calls = self.path("work", "calls")
        script = self.path("work", "script")
        with open(script, "w") as file:
            file.write(SCRIPT)
        self.journal = support.Journal(self.folder)
        mi, session = self.machine(strace, *options, "-o", self.calls, "/bin/sh", script)
        mi.send("-gdb-set mi-async on")
        for name, value in self.journal.environment().items():
            mi.send(f"-gdb-set environment {name}={value}")
        mi.send("-exec-run")
        self.pass_steps(3)
        return mi, session

    def pass_steps(self, count):
        goal = len(self.journal.ticks()) + count
        support.wait_for(lambda: len(self.journal.ticks()) >= goal or self.journal.last() == STEPS, "the next step")

    def when_possible(self, mi, do):
        """gdb may have stopped strace between a fork and the moment in which strace hears of it."""
        for _ in range(5):
            try:
                return do()
            except support.CommandFailed as failure:
                self.assertIn("in the middle of something", failure.message)
            mi.send("-exec-continue")
            self.pass_steps(1)
            self.interrupt(mi)
        raise AssertionError("strace is always in the middle of something")

    def go_back(self, mi, session, snapshot):
        start = len(mi.records)
        self.when_possible(mi, lambda: session.rewind(snapshot))
        mi.expect(r"\*stopped", start)

    def interrupt(self, mi):
        start = len(mi.records)
        mi.send("-exec-interrupt --all")
        mi.expect(r"\*stopped", start)

    def check(self, *options):
        mi, session = self.start(*options)
        taken = []
        for _ in range(3):
            self.pass_steps(7)
            taken.append(session.snapshot())
        self.pass_steps(5)
        self.interrupt(mi)
        taken.append(self.when_possible(mi, session.snapshot))
        for snapshot in reversed(taken):
            self.go_back(mi, session, snapshot)
            mi.send("-exec-continue")
            self.pass_steps(9)
            self.interrupt(mi)
        mi.send("-exec-continue")
        self.journal.ask_to_end()
        start = len(mi.records)
        mi.expect(r'\*stopped,reason="exited-normally"', 0, 60)
        self.assertEqual([r for r in mi.records[start:] if "SIGSEGV" in r], [])
        with open(self.path("work", "result")) as file:
            self.assertRegex(file.read(), r"^\d+ 400$")
        calls = [call for call in call_log.check(self.calls, self) if call.startswith('write(1, "tick ')]
        self.assertEqual([int(call.split("tick ")[1].split("\\")[0]) for call in calls], list(range(1, STEPS + 1)))

    def test_strace_of_a_shell(self):
        self.check()

    def test_strace_of_a_shell_and_all_that_it_starts(self):
        self.check("-f")


if __name__ == "__main__":
    main()
