# SPDX-License-Identifier: EPL-2.0
"""Programs that trace others, as programs of a session: strace under random snapshots and rewinds comes to the result of
an undisturbed run, and its log tells of each call once.

    test_tracers.py PROGRAM   programs/phases
"""
import os
import random
import re
import shutil
import sys

import call_log
import scripts
import snapback_support as support

STEPS = 400

# Builtin commands, other programs, pipelines, signals.
SCRIPT = f"""
i=0 sum=7
while [ $i -lt {STEPS} ]; do
  i=$((i + 1))
  case $((i % 8)) in
  0) word=$(expr $i + 1) ;;
  3) word=$(echo $i | sed s/1/one/ | tr a-z A-Z) ;;
  6) sleep 5 & kill $!; wait $! 2>/dev/null; word=$? ;;
  *) word=plain ;;
  esac
  sum=$(((sum * 31 + i + ${{#word}}) % 1000003))
  echo "tick $i" >> "$LIVE_JOURNAL"
done
while [ ! -e "$LIVE_STOP" ]; do sleep 0.001; done
echo $sum $word
"""


class Tracers(scripts.Stepping):
    STEPS = STEPS

    def setUp(self):
        super().setUp()
        self.strace = shutil.which("strace", path="/usr/bin:/bin")
        if not self.strace:
            self.skipTest("strace is not installed")
        self.calls = self.path("work", "calls")

    def script(self, text=SCRIPT):
        path = self.path("work", "script")
        with open(path, "w") as file:
            file.write(text)
        return ["/bin/sh", path]

    def disturb(self, session, journal, count):
        """Each rewind ends the snapshots that are later: the log before them is another one by then."""
        taken = []
        for _ in range(count):
            self.pass_steps(session, journal, CHOICE.randrange(12))
            if len(taken) < 4 and journal.last() < STEPS:
                taken.append(session.snapshot())
                self.pass_steps(session, journal, CHOICE.randrange(12))
            at = CHOICE.randrange(len(taken))
            session.rewind(taken[at])
            for late in taken[at + 1:]:
                session.delete(late)
            del taken[at + 1:]

    def log(self):
        with open(self.calls, errors="replace") as file:
            return file.read()

    def run_traced(self, command, *options):
        """Returns the calls that strace has told of."""
        journal = support.Journal(self.folder)
        session = self.launch([self.strace, *options, "-o", self.calls, *command],
                              environment=self.environment(**journal.environment()))
        self.disturb(session, journal, 12)
        journal.ask_to_end()
        self.assertEqual(session.wait(60), 0, session.shown())
        self.output = session.output_text()
        return call_log.check(self.calls, self)

    def check_steps(self, calls):
        told = [int(n) for call in calls for n in re.findall(r'^write\(1, "tick (\d+)\\n"', call)]
        self.assertEqual(told, list(range(1, STEPS + 1)))

    def test_strace_of_a_shell_alone(self):
        command = self.script()
        expected = self.undisturbed(command)
        self.check_steps(self.run_traced(command))
        self.assertEqual(self.output, expected)

    def test_strace_of_a_shell_and_all_that_it_starts(self):
        command = self.script()
        expected = self.undisturbed(command)
        calls = self.run_traced(command, "-f")
        self.check_steps([call for call in calls if not call.startswith("<")])
        self.assertEqual(self.output, expected)

    def test_strace_that_a_shell_has_started(self):
        """It waits for children of any kind, and may not meet its own template."""
        command = self.script()
        expected = self.undisturbed(command)
        journal = support.Journal(self.folder)
        session = self.launch(["/bin/sh", "-c", f"{self.strace} -f -o {self.calls} {' '.join(command)}; echo ended $?"],
                              environment=self.environment(**journal.environment()))
        self.disturb(session, journal, 12)
        journal.ask_to_end()
        self.assertEqual(session.wait(60), 0, session.shown())
        self.assertEqual(session.output_text(), expected + "ended 0\n")
        call_log.check(self.calls, self)

    def test_strace_of_vfork(self):
        """While the parent waits in vfork(2) neither can be held: the tracer is let go on until the child has its program."""
        text = ("import os\nwrite = os.open(os.environ['LIVE_JOURNAL'], os.O_WRONLY | os.O_APPEND | os.O_CREAT)\n"
                f"for n in range(1, {STEPS} + 1):\n"
                "    pid = os.posix_spawn('/bin/true', ['true'], os.environ)\n"
                "    assert os.waitpid(pid, 0) == (pid, 0)\n"
                "    os.write(write, b'tick %d\\n' % n)\n"
                "while not os.path.exists(os.environ['LIVE_STOP']): pass\nprint('right')\n")
        script = self.script(text)[1]
        calls = self.run_traced(["/usr/bin/python3", "-S", "-E", script], "-f")
        self.assertEqual(self.output, "right\n")
        self.assertEqual(len([call for call in calls if re.match(r"(<\.\.\. )?(clone3?|vfork)\b", call)]), STEPS)

    def test_strace_with_a_file_for_each_thread(self):
        command = self.script()
        expected = self.undisturbed(command)
        journal = support.Journal(self.folder)
        session = self.launch([self.strace, "-ff", "-o", self.calls, *command],
                              environment=self.environment(**journal.environment()))
        self.disturb(session, journal, 8)
        journal.ask_to_end()
        self.assertEqual(session.wait(60), 0, session.shown())
        self.assertEqual(session.output_text(), expected)

    def test_strace_that_counts(self):
        command = self.script()
        expected = self.undisturbed(command)
        journal = support.Journal(self.folder)
        session = self.launch([self.strace, "-c", "-o", self.calls, *command],
                              environment=self.environment(**journal.environment()))
        self.disturb(session, journal, 8)
        journal.ask_to_end()
        self.assertEqual(session.wait(60), 0, session.shown())
        self.assertEqual(session.output_text(), expected)
        self.assertRegex(self.log(), r"execve")

    def test_strace_that_lets_calls_fail(self):
        script = self.script(f"i=0; while [ $i -lt {STEPS} ]; do i=$((i + 1)); echo \"tick $i\" >> \"$LIVE_JOURNAL\"; "
                             "cd /usr 2>/dev/null && echo wrong; done; "
                             "while [ ! -e \"$LIVE_STOP\" ]; do :; done; echo right")
        calls = self.run_traced(script, "--inject=chdir:error=EIO")
        self.assertEqual(self.output, "right\n")
        failed = [call for call in calls if call.startswith("chdir")]
        self.assertEqual(len(failed), STEPS)
        for call in failed:
            self.assertIn("EIO", call)

    # -- images --

    def restarted(self, *options):
        """Saved at some moment, killed, restarted, disturbed again."""
        command = self.script()
        expected = self.undisturbed(command)
        journal = support.Journal(self.folder)
        session = self.launch([self.strace, *options, "-o", self.calls, *command],
                              environment=self.environment(**journal.environment()))
        self.pass_steps(session, journal, 5 + CHOICE.randrange(40))
        number = session.snapshot()
        image = self.path("image")
        session.call("save", number, "-o", image)
        session.end()
        again = self.restart(image, options=["--force"])
        self.disturb(again, journal, 4)
        journal.ask_to_end()
        self.assertEqual(again.wait(60), 0, again.shown())
        self.assertEqual(session.output_text(), expected)  # the same file
        self.check_steps([call for call in call_log.check(self.calls, self) if not call.startswith("<")])

    def test_strace_from_an_image(self):
        self.restarted()

    def test_strace_of_all_from_an_image(self):
        self.restarted("-f")

    def test_strace_from_an_image_cannot_be_left_stopped(self):
        journal = support.Journal(self.folder)
        session = self.launch([self.strace, "-o", self.calls, *self.script()],
                              environment=self.environment(**journal.environment()))
        self.pass_steps(session, journal, 3)
        session.snapshot()
        session.call("save", "-o", self.path("image"))
        session.end()
        outcome = self.snapback("restart", "--force", "--stopped", self.path("image"))
        self.assertNotEqual(outcome.status, 0)
        self.assertIn("without --stopped", outcome.message)

    # -- a program that is stopped --

    def test_strace_of_a_stopped_program(self):
        journal = support.Journal(self.folder)
        session = self.launch([self.strace, "-f", "-o", self.calls, *self.script()],
                              environment=self.environment(**journal.environment()))
        self.pass_steps(session, journal, 3)
        shell = next(pid for pid in support.descendants(session.host_pid()) if "/bin/sh" in support.describe(pid))
        os.kill(shell, 19)
        support.wait_for(lambda: "stopped by SIGSTOP" in self.log(), "the stop")
        first = session.snapshot()
        os.kill(shell, 18)
        self.pass_steps(session, journal, 5)
        session.rewind(first)
        last = journal.last()
        second = session.snapshot()
        self.assertEqual(journal.last(), last)
        os.kill(session.host_pid(support.inner_pid(shell)), 18)
        self.pass_steps(session, journal, 5)
        session.delete(first, second)
        journal.ask_to_end()
        self.assertEqual(session.wait(60), 0, session.shown())
        call_log.check(self.calls, self)

    # -- gdb --

    def test_gdb_at_its_prompt(self):
        """It and what it debugs go back together: counts of hits, and values of its own."""
        gdb = shutil.which("gdb", path="/usr/bin:/bin")
        if not gdb:
            self.skipTest("gdb is not installed")
        journal = support.Journal(self.folder)
        session = self.launch([gdb, "-nx", "-q", "-iex", "set pagination off", "-iex", "set confirm off", "-iex",
                               "set debuginfod enabled off", PROGRAM], terminal=True,
                              environment=self.environment(**journal.environment()))

        def ask(question, answer):
            session.terminal.skip()
            session.terminal.send(question + "\n")
            return session.terminal.expect(answer + r"[^$]*\(gdb\) ")
        session.terminal.expect(r"\(gdb\) ")
        ask("break live_tick", "Breakpoint 1")
        ask("run", "Breakpoint 1, ")
        ask("set $mine = 5", "")
        ask("ignore 1 3", "Will ignore")
        ask("continue", "Breakpoint 1, ")
        first = session.snapshot()
        for _ in range(3):
            ticks = len(journal.ticks())
            ask("set $mine = 7", "")
            ask("continue", "Breakpoint 1, ")
            ask("info breakpoints", "hit 6 times")
            self.assertEqual(len(journal.ticks()), ticks + 1)
            session.rewind(first)
            ask("print $mine", r"\$\d+ = 5")
            ask("info breakpoints", "hit 5 times")
        ask("delete", "")
        journal.ask_to_end()
        ask("continue", "exited normally")
        session.terminal.send("quit\n")
        self.assertEqual(session.wait(), 0)
        self.assertTrue(journal.passed())

    def test_gdb_that_watches_memory(self):
        gdb = shutil.which("gdb", path="/usr/bin:/bin")
        if not gdb:
            self.skipTest("gdb is not installed")
        words = ["set pagination off", "set confirm off", "set debuginfod enabled off", "handle all nostop noprint pass",
                 "break main", "run", "watch *(unsigned int *)&current",
                 "commands\nsilent\nprintf \"phase %u\\n\", *(unsigned int *)&current\ncontinue\nend", "continue",
                 "quit $_exitcode"]
        with open(self.path("work", "commands"), "w") as file:
            file.write("\n".join(words) + "\n")
        journal = support.Journal(self.folder)
        session = self.launch([gdb, "-nx", "-batch", "-x", self.path("work", "commands"), PROGRAM],
                              environment=self.environment(LIVE_PHASE="9", **journal.environment()))
        journal.wait_for_ticks(3, alive=lambda: session.process.poll() is None)
        self.disturb(session, journal, 12)
        last = journal.last()
        journal.ask_to_end()
        self.assertEqual(session.wait(), 0, session.shown())
        phases = re.findall(r"^phase (\d)$", session.output_text(), re.MULTILINE)
        self.assertGreaterEqual(len(phases), last // 9 - 1)
        self.assertEqual(phases, [str((i + 1) % 2) for i in range(len(phases))])

    # -- what fails --

    def phases(self, point):
        journal = support.Journal(self.folder)
        session = self.launch([self.strace, "-f", "-o", self.calls, PROGRAM], faults=point,
                              environment=self.environment(LIVE_PHASE="200", **journal.environment()))
        journal.wait_for_ticks(5, alive=lambda: session.process.poll() is None)
        return session, journal

    def finish(self, session, journal):
        journal.wait_for_ticks(5, alive=lambda: session.process.poll() is None)
        journal.ask_to_end()
        self.assertEqual(session.wait(), 0, session.shown())
        self.assertTrue(journal.passed())
        call_log.check(self.calls, self)
        os.unlink(self.calls)
        for name in ("journal", "journal.stop"):
            os.unlink(self.path(name))
        session.name = "gone"

    def test_snapshot_that_fails_leaves_both_as_they_were(self):
        for point in ("tracers_take", "tracers_take:2", "tracers_options", "capture_area:2", "capture_pages:2",
                      "capture_clone:2"):
            with self.subTest(point):
                session, journal = self.phases(point)
                outcome = session.run("snapshot")
                self.assertEqual(outcome.status, 2, outcome.message)
                again = session.snapshot()
                journal.wait_for_ticks(5, alive=lambda: session.process.poll() is None)
                session.rewind(again)
                self.finish(session, journal)

    def test_rewind_that_fails_goes_on_or_builds_anew(self):
        for point in ("rewind_area:2", "rewind_plan:2", "rewind_pages", "rewind_pages:2", "rewind_threads:2"):
            with self.subTest(point):
                session, journal = self.phases(point)
                first = session.snapshot()
                journal.wait_for_ticks(250, alive=lambda: session.process.poll() is None)
                outcome = session.run("rewind", first)
                self.assertEqual(outcome.status, 2 if "area" in point or "plan" in point else 0, outcome.message)
                self.finish(session, journal)


CHOICE = random.Random(int(os.environ.get("SNAPBACK_STRESS_SEED", random.SystemRandom().randrange(10 ** 9))))
PROGRAM = sys.argv[1] if len(sys.argv) > 1 and os.path.exists(sys.argv[1]) else ""
if PROGRAM:
    del sys.argv[1]

if __name__ == "__main__":
    PROGRAM = support.within_reach(os.path.abspath(PROGRAM))
    support.main()
