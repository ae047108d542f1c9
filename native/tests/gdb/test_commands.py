# SPDX-License-Identifier: EPL-2.0
"""The commands inside gdb, what gdb is without a session, and what is refused."""
import os
import re
import signal
import subprocess

import snapback_support as support
from debugging import PROGRAMS, TestCase, main


class Commands(TestCase):
    def stopped(self, *options):
        gdb = self.command_line(PROGRAMS["steps"], options=options)
        gdb.do("break note")
        gdb.do("run")
        return gdb

    def test_lists_names_and_deletes(self):
        gdb = self.stopped()
        self.assertEqual(gdb.do("info snapshots"), "No snapshots.")
        gdb.do("snapshot the first")
        gdb.do("continue")
        gdb.do("snapshot")
        lines = gdb.do("info snapshots").splitlines()
        self.assertRegex(lines[0], r"Num +Name +Taken +Threads +Memory +Saved +Where")
        self.assertRegex(lines[1], r"^  1 +the first +\d\d:\d\d:\d\d +1 .* note at steps.c:\d+ \(breakpoint 1\)")
        self.assertRegex(lines[2], r"^\* 2 ")
        gdb.do("rewind the first")
        self.assertRegex(gdb.do("info snapshots"), r"\* 1 ")
        self.assertIn('There is no snapshot "9"', gdb.do("rewind 9"))
        self.assertIn('There is no snapshot "9"', gdb.do("delete snapshots 2 9"))
        gdb.do("delete snapshots 2")
        self.assertEqual([s["id"] for s in map(self.plain, gdb.session.list())], [1])
        gdb.do("snapshot")
        gdb.do("delete snapshots")
        self.assertEqual(gdb.do("info snapshots"), "No snapshots.")
        self.assertIn("There is no snapshot yet", gdb.do("rewind"))
        self.assertIn("Breakpoint", gdb.do("info breakpoints").replace("breakpoint", "Breakpoint"))

    @staticmethod
    def plain(entry):
        return {**entry, "id": int(entry["id"])}

    def test_completes_and_helps(self):
        gdb = self.stopped()
        gdb.do("snapshot alpha")
        gdb.do("snapshot beta")
        self.assertEqual(gdb.do("complete rewind a").split("\n"), ["rewind alpha"])
        self.assertEqual(gdb.do("complete delete snapshots b").split("\n"), ["delete snapshots beta"])
        self.assertEqual(gdb.do("complete snapshot a").split("\n"), ["snapshot auto"])
        self.assertIn("snapshot auto on", gdb.do("complete snapshot auto o"))
        self.assertIn("info snapshots", gdb.do("complete info snap"))
        for command, words in (("snapshot", "Take a snapshot"), ("rewind", "Put the program back"),
                               ("info snapshots", "List the snapshots"), ("delete snapshots", "Delete some snapshots"),
                               ("snapshot auto", "at every stop")):
            shown = gdb.do("help " + command)
            self.assertIn(words, shown)
            self.assertIn("Usage: ", shown)

    def test_takes_any_name(self):
        gdb = self.stopped()
        for number, name in enumerate(("a", "aut", "automatic", "on", "two words"), 1):
            self.assertEqual(gdb.do("snapshot " + name), f"Snapshot {number} taken.")
        self.assertEqual([e["name"] for e in gdb.session.list()], ["a", "aut", "automatic", "on", "two words"])

    def test_takes_a_snapshot_at_every_stop(self):
        gdb = self.stopped()
        self.assertIn("off", gdb.do("snapshot auto"))
        self.assertIn("on, at most 3", gdb.do("snapshot auto on 3"))
        gdb.do("snapshot kept")
        for _ in range(5):
            gdb.do("continue")
        entries = gdb.session.list()
        self.assertEqual([e["name"] for e in entries], ["kept", "", "", ""])
        self.assertTrue(all(e["automatic"] for e in entries[1:]))
        gdb.do("rewind " + str(entries[1]["id"]))
        self.assertEqual(gdb.value("counter"), "3")
        self.assertEqual(len(gdb.session.list()), 4)
        self.assertIn("off", gdb.do("snapshot auto off"))
        gdb.do("continue")
        self.assertEqual(len(gdb.session.list()), 4)
        gdb.session.call("auto", "on")
        gdb.do("continue")
        self.assertEqual(len(gdb.session.list()), 4)
        self.assertGreater(gdb.session.list()[-1]["id"], entries[-1]["id"])
        gdb.session.call("auto", "off")
        gdb.do("continue")
        self.assertEqual(gdb.session.list()[-1]["id"], entries[-1]["id"] + 1)

    def test_takes_none_while_stepping_fast(self):
        gdb = self.stopped("--auto")
        gdb.do("next")
        before = len(gdb.session.list())
        gdb.terminal.send("".join("stepi\n" for _ in range(20)))
        for _ in range(20):
            gdb.terminal.expect(r"\(gdb\) ")
        self.assertLess(len(gdb.session.list()) - before, 10)

    def test_says_what_is_missing(self):
        gdb = self.command_line(PROGRAMS["steps"])
        self.assertIn("The program is not being run", gdb.do("snapshot"))
        with self.assertRaises(support.CommandFailed) as caught:
            gdb.session.snapshot()
        self.assertIn("not being run", caught.exception.message)
        self.assertEqual(gdb.session.status()["state"], "idle")
        self.assertIn("Argument must be", gdb.do("snapshot auto perhaps"))

    def test_rewinds_the_files_that_the_program_writes(self):
        gdb = self.stopped("--files=rewind")
        path = self.path("work", "data")
        number = gdb.value(f'(int)open("{path}", 0102, 0600)')
        gdb.value(f'(long)write({number}, "old", 3)')
        gdb.do("snapshot")
        gdb.value(f'(long)write({number}, "new", 3)')
        gdb.do("continue")
        self.assertIn(f"Files put back: {path}.", gdb.do("rewind"))
        self.assertEqual(self.content(path), "old")
        gdb.value(f'(long)write({number}, "newer", 5)')
        gdb.do("delete")
        self.assertIn("exited with code 07", gdb.do("continue"))
        self.assertIn(f"Files put back: {path}.", gdb.do("rewind"))
        self.assertEqual(self.content(path), "old")
        self.assertIn("exited with code 07", gdb.do("continue"))

    @staticmethod
    def content(path):
        with open(path) as file:
            return file.read()

    def test_survives_faults(self):
        for fault in ("capture_threads", "capture_clone", "capture_descriptors"):
            with self.subTest(fault=fault):
                gdb = self.command_line(PROGRAMS["steps"], faults=fault)
                gdb.do("break note")
                gdb.do("run")
                self.assertNotIn("taken", gdb.do("snapshot"))
                self.assertIn("Snapshot 1 taken", gdb.do("snapshot"))
                gdb.do("delete")
                self.assertIn("exited with code 07", gdb.do("continue"))
        for fault in ("rewind_plan", "rewind_area", "rewind_mappings", "rewind_pages", "rewind_descriptors",
                      "rewind_threads"):
            with self.subTest(fault=fault):
                gdb = self.command_line(PROGRAMS["steps"], faults=fault)
                gdb.do("break note")
                gdb.do("run")
                gdb.do("snapshot")
                gdb.do("continue")
                gdb.do("rewind")
                self.assertRegex(gdb.do("bt"), "#0  note ")
                gdb.do("rewind")
                self.assertEqual(gdb.value("counter"), "0")
                gdb.do("delete")
                self.assertIn("exited with code 07", gdb.do("continue"))


class DropIn(TestCase):
    def plain(self, *arguments):
        return subprocess.run(["gdb", *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                              env=self.environment(), cwd=self.path("work"), check=False)

    def test_passes_on_what_needs_no_session(self):
        for arguments in (["--version"], ["-v"], ["--help"], ["--configuration"]):
            with self.subTest(arguments=arguments):
                ours = self.snapback("gdb", *arguments)
                self.assertEqual(ours.output.strip(), self.plain(*arguments).stdout.strip())
                self.assertEqual(ours.status, 0)

    def test_behaves_in_batch_mode_as_gdb_does(self):
        for arguments in (["-nx", "-batch", "-ex", "print 6*7"],
                          ["-nx", "-batch", "-ex", "python print(gdb.parameter('prompt'))"],
                          ["-nx", "-batch", "-ex", "run", "-ex", "quit 3", "--args", PROGRAMS["steps"], "0"],
                          ["-nx", "-batch", "-ex", "no such command"],
                          ["-nx", "-batch", "-return-child-result", "-ex", "run", "--args", PROGRAMS["steps"], "0"]):
            with self.subTest(arguments=arguments):
                ours, plain = self.snapback("gdb", *arguments), self.plain(*arguments)
                self.assertEqual(ours.status, plain.returncode)
                self.assertEqual(self.without_numbers(ours.output), self.without_numbers(plain.stdout))
                self.assertEqual(self.without_numbers(ours.message), self.without_numbers(plain.stderr.strip()))

    @staticmethod
    def without_numbers(text):
        return re.sub(r"process \d+|LWP \d+|\[New process.*\n|\[Thread 0x.*\n", "", text)

    def test_refuses_a_gdb_that_is_none(self):
        old = self.path("work", "oldgdb")
        with open(old, "w") as file:
            file.write("#!/bin/sh\necho 'GNU gdb (GDB) 9.2'\n")
        os.chmod(old, 0o755)
        for gdb, status, words in (("/no/such/gdb", 127, "cannot find /no/such/gdb"), ("/etc/passwd", 126, "cannot run"),
                                   ("/bin/true", 2, "does not answer as gdb does"), (old, 2, "too old")):
            with self.subTest(gdb=gdb):
                outcome = self.snapback("gdb", "--gdb", gdb, "-q")
                self.assertEqual(outcome.status, status)
                self.assertRegex(outcome.message, rf"^snapback: .*{re.escape(words)}[^\n]*$")

    def test_gives_the_program_nothing_of_ours(self):
        outcome = self.snapback("gdb", "-nx", "-q", "-batch", "-ex", "run", "--args", "/bin/sh", "-c",
                                "ls -l /proc/self/fd; env | grep -i snapback; true")
        self.assertNotRegex(outcome.output, r"socket:|memfd:")

    # Types Ctrl-C, as it were, while the handler of gdb's that tells of the running program is at work.
    INTERRUPTING = """python
import gc, os, signal
link = next(thing for thing in gc.get_objects() if type(thing).__name__ == "Link")
tell = link.tell
def interrupting(*fields):
    if "running" in fields:
        os.kill(os.getpid(), signal.SIGINT)
    tell(*fields)
link.tell = interrupting
"""

    def test_interrupt_during_our_own_work_is_not_lost(self):
        script = self.path("work", "interrupting")
        with open(script, "w", encoding="utf-8") as file:
            file.write(self.INTERRUPTING)
        gdb = self.command_line(PROGRAMS["busy"])
        gdb.do("break main")
        gdb.do("run")
        gdb.do(f"source {script}")
        for _ in range(5):
            self.assertIn("received signal SIGINT", gdb.do("continue"))
            self.assertEqual(gdb.session.status()["state"], "stopped")

    def test_is_interrupted_as_a_job_of_its_front_end(self):
        mi, session = self.machine(PROGRAMS["busy"])
        mi.send("-exec-run")
        mi.expect(r"=thread-created,id=\"3\"")
        start = len(mi.records)
        os.killpg(session.process.pid, signal.SIGINT)
        mi.expect(r"\*stopped.*SIGINT", start)
        session.snapshot()
        mi.send("-gdb-exit")
        self.assertEqual(session.wait(), 0)


if __name__ == "__main__":
    main()
