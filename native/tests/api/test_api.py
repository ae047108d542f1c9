# SPDX-License-Identifier: EPL-2.0
"""libsnapback: programs that take their own snapshots, and what they are told when they come back to them."""
import os
import random
import re
import shutil
import subprocess
import sys

import snapback_support as support
from journal import Journal


class Api(support.TestCase):
    def setUp(self):
        super().setUp()
        self.journal = Journal(self.path("journal"))
        self.program_environment = self.environment(LD_LIBRARY_PATH=LIBRARIES)

    def start(self, launch):
        """The program that does as it is told."""
        reading, self.orders = os.pipe()
        self.addCleanup(os.close, self.orders)
        session = launch([COMMANDED, self.journal.path], reading)
        os.close(reading)
        self.journal.next("^ready$")
        return session

    def start_controlled(self):
        return self.start(lambda command, stdin: self.launch(command, environment=self.program_environment, stdin=stdin))

    def order(self, text, answer=None):
        os.write(self.orders, (text + "\n").encode())
        return self.journal.next(answer) if answer else None


class Controlled(Api):
    def test_tells_the_taker_what_it_has_come_back_to(self):
        session = self.start_controlled()
        self.order("controlled", "^controlled: 1$")
        for value in (1, 2, 3):
            self.order(f"set {value}")
            self.order(f"snapshot s{value}", f"^s{value}: went on$")
        self.assertEqual([s["name"] for s in session.list()], ["s1", "s2", "s3"])
        self.order("set 9")
        for value in (2, 1, 1, 3, 2):
            session.rewind(f"s{value}")
            self.journal.next(f"^s{value}: after rewind$")
            self.order("say", f"^value: {value}$")
            self.order(f"set {value + 10}")

    def test_goes_on_with_new_snapshots_after_a_rewind(self):
        session = self.start_controlled()
        self.order("snapshot first", "^first: went on$")
        for turn in range(10):
            session.rewind("first")
            self.journal.next("^first: after rewind$")
            self.order(f"set {turn}")
            self.order(f"snapshot t{turn}", f"^t{turn}: went on$")
            session.rewind(f"t{turn}")
            self.journal.next(f"^t{turn}: after rewind$")
            self.order("say", f"^value: {turn}$")

    def test_other_threads_run_on_and_are_put_back(self):
        session = self.start_controlled()
        self.order("snapshot a", "^a: went on$")
        then = int(self.order("work", "^work: ").split()[1])
        support.wait_for(lambda: int(self.order("work", "^work: ").split()[1]) > then + 300, "work of all threads")
        session.rewind("a")
        self.journal.next("^a: after rewind$")
        back = int(self.order("work", "^work: ").split()[1])
        self.assertLess(back, then + 300)
        support.wait_for(lambda: int(self.order("work", "^work: ").split()[1]) > back, "work after the rewind")

    def test_comes_back_in_a_process_that_was_built_anew(self):
        # A rewind that fails half-way ends the process and makes it from its template.
        session = self.start(lambda command, stdin: self.launch(
            command, environment=self.program_environment, stdin=stdin, faults="rewind_pages"))
        self.order("set 5")
        self.order("snapshot a", "^a: went on$")
        self.order("set 6")
        session.rewind("a")
        self.journal.next("^a: after rewind$")
        self.order("say", "^value: 5$")
        self.order("snapshot b", "^b: went on$")

    def test_tells_the_status(self):
        session = self.start_controlled()
        self.order("status", f"^status: {session.name} launched snapshots=0 current=0 disabled=0$")
        self.order("snapshot", "went on$")
        self.order("disable", "^disable: done$")
        self.order("status", f"^status: {session.name} launched snapshots=1 current=1 disabled=1$")

    def test_snapshots_from_outside_wait_until_they_are_enabled(self):
        session = self.start_controlled()
        for _ in range(2):
            self.order("disable", "^disable: done$")
        with self.in_background(session) as waiting:
            self.order("enable", "^enable: done$")
            self.order("status", "snapshots=0 current=0 disabled=1$")
            self.assertIsNone(waiting.poll())
            self.order("enable", "^enable: done$")
            self.assertEqual(waiting.wait(support.PATIENCE), 0)
        self.order("enable", "^enable: EINVAL: this thread has not disabled")
        self.order("status", "snapshots=1 current=1 disabled=0$")

    def in_background(self, session):
        return subprocess.Popen([support.program("snapback"), "snapshot", "-s", session.name],
                                env=session.environment, stdout=subprocess.DEVNULL)

    def test_a_program_that_stays_disabled_is_named(self):
        session = self.start_controlled()
        self.order("disable", "^disable: done$")
        outcome = session.run("snapshot")
        self.assertEqual(outcome.status, 2)
        self.assertIn("has disabled snapshots", outcome.message)
        self.order("say", "^value: 0$")

    def test_a_rewind_brings_back_what_was_disabled(self):
        session = self.start_controlled()
        first = session.snapshot()
        self.order("disable", "^disable: done$")
        session.rewind(first)
        self.order("status", "disabled=0$")
        session.snapshot()

    def test_refuses_the_thread_that_has_disabled_itself(self):
        self.start_controlled()
        self.order("disable", "^disable: done$")
        self.order("snapshot a", "^a: EDEADLK: this thread has disabled snapshots itself")
        self.order("enable", "^enable: done$")
        self.order("snapshot a", "^a: went on$")

    def test_waits_for_another_thread_that_has_disabled(self):
        self.start_controlled()
        self.order("other", "^other: done$")
        self.order("snapshot a")
        self.journal.next("^other: done$")
        self.journal.next("^a: went on$")

    def test_says_why_a_snapshot_was_refused(self):
        session = self.start(lambda command, stdin: self.launch(
            ["/usr/bin/python3", "-c", HOLDS_A_RESET, *command], environment=self.program_environment, stdin=stdin))
        self.order("snapshot a", "^a: EOPNOTSUPP: process [0-9]+ .* has a socket with datagrams behind an error")
        self.order("flags", "^flags: EINVAL: ")
        self.order("snapshot " + "x" * 201, "EINVAL: this cannot be a snapshot's name")
        self.assertEqual(session.list(), [])

    def test_a_snapshot_that_cannot_be_answered_is_not_taken(self):
        session = self.start(lambda command, stdin: self.launch(
            command, environment=self.program_environment, stdin=stdin, faults="application_answer"))
        self.order("snapshot a", "^a: EIO: cannot answer the program's own call")
        self.assertEqual(session.list(), [])
        self.order("snapshot a", "^a: went on$")
        session.rewind("a")
        self.journal.next("^a: after rewind$")

    def test_only_the_program_itself_can_ask(self):
        self.start_controlled()
        self.order("child", "^child: EINVAL: only the session's own program")
        self.order("snapshot a", "^a: went on$")

    def test_threads_that_ask_side_by_side_all_get_their_answers(self):
        turns = 6
        session = self.launch([CROWD, self.journal.path, str(turns)], environment=self.program_environment)
        while "end" not in self.journal.lines():
            session.snapshot()  # also while threads wait for theirs
        self.assertEqual(sum(": went on" in line for line in self.journal.lines()), 4 * turns)
        self.journal.next("^end$")
        entries = session.list()
        for entry in random.Random(7).sample(entries, 12):
            session.rewind(entry["id"])
            if entry["name"]:
                self.journal.next(f"^{entry['name']}: came back$")
            self.journal.next("^end$", 60)

    def test_comes_back_below_a_debugger(self):
        session = self.debug(["-q", "-ex", "set style enabled off", "--args", COMMANDED, self.journal.path],
                             environment=self.program_environment)
        session.terminal.send("run\n")
        self.journal.next("^ready$")
        self.orders = os.dup(session.terminal.master)
        self.addCleanup(os.close, self.orders)
        self.order("set 4")
        self.order("snapshot a", "^a: went on$")
        for value in (5, 6):
            self.order(f"set {value}")
            session.terminal.skip()
            session.rewind("a")
            session.terminal.expect(r"\(gdb\) ")
            session.terminal.send("continue\n")
            session.terminal.expect("Continuing")
            self.journal.next("^a: after rewind$")
            self.order("say", "^value: 4$")

    def test_works_below_a_debugger(self):
        session = self.debug(["-q", "-batch-silent", "-ex", "run", "--args", COMMANDED, self.journal.path],
                             environment=self.program_environment)
        self.orders = os.dup(session.terminal.master)
        self.addCleanup(os.close, self.orders)
        self.journal.next("^ready$")
        self.order("status", "debugged snapshots=0")
        self.order("set 4")
        self.order("snapshot a", "^a: went on$")
        self.order("set 5")
        self.order("disable", "^disable: done$")
        self.assertIn("has disabled snapshots", session.run("snapshot").message)
        self.order("enable", "^enable: done$")
        session.snapshot()


class Restarted(Api):
    def restart_with_orders(self, image):
        reading, orders = os.pipe()
        self.addCleanup(os.close, orders)
        session = self.restart(image, environment=self.program_environment, stdin=reading)
        os.close(reading)
        self.orders = orders
        return session

    def test_tells_the_taker_that_it_was_restarted(self):
        session = self.start_controlled()
        self.order("set 3")
        self.order("snapshot a", "^a: went on$")
        session.call("save", "a", "-o", self.path("a.sbi"))
        self.order("set 4")
        session.end()

        session = self.restart_with_orders(self.path("a.sbi"))
        self.journal.next("^a: after restart$")
        self.order("say", "^value: 3$")
        self.order("status", "snapshots=0 current=0 disabled=0$")
        self.order("disable", "^disable: done$")
        self.assertIn("has disabled snapshots", session.run("snapshot").message)
        self.order("enable", "^enable: done$")
        self.order("set 5")
        self.order("snapshot b", "^b: went on$")
        session.rewind("b")
        self.journal.next("^b: after rewind$")
        session.call("save", "b", "-o", self.path("b.sbi"))
        session.end()

        for _ in range(2):
            session = self.restart_with_orders(self.path("b.sbi"))
            self.journal.next("^b: after restart$")
            self.order("say", "^value: 5$")
            session.end()

    def test_saves_what_it_takes(self):
        os.mkdir(self.path("images"))
        session = self.start(lambda command, stdin: self._start(
            ["launch", "--image-folder", self.path("images")], ["--", *command], None, False, None,
            self.program_environment, True, stdin))
        self.order("set 8")
        self.order("save kept", "^kept: went on$")
        images = support.wait_for(lambda: [s["image"] for s in session.list() if s.get("image")], "the image")
        session.end()
        self.restart_with_orders(images[0])
        self.journal.next("^kept: after restart$")
        self.order("say", "^value: 8$")

    def test_a_snapshot_of_somebody_else_says_nothing_to_the_program(self):
        session = self.start_controlled()
        self.order("set 3")
        self.order("snapshot a", "^a: went on$")
        session.call("snapshot", "--save", "-o", self.path("b.sbi"))
        session.end()
        self.restart_with_orders(self.path("b.sbi"))
        self.order("say", "^value: 3$")
        self.order("snapshot c", "^c: went on$")
        self.assertNotIn("a: after restart", self.journal.lines())


class Alone(Api):
    def setUp(self):
        super().setUp()
        self.start(lambda command, stdin: self.run_alone(command, stdin))

    def run_alone(self, command, stdin):
        process = subprocess.Popen(command, stdin=stdin, env=self.program_environment)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def test_says_that_it_is_not_under_control(self):
        self.order("controlled", "^controlled: 0$")
        self.order("snapshot a", "^a: ENOTCONN: this process is not under Snapback's control")
        self.order("status", "^status: ENOTCONN: ")
        for what in ("disable", "enable"):
            self.order(what, f"^{what}: done$")
        self.order("enable", "^enable: EINVAL")


class Library(support.TestCase):
    def test_the_header_is_good_c_and_good_cxx(self):
        for language, standard in (("c", "c99"), ("c++", "c++98")):
            compiler = shutil.which("g++" if language == "c++" else "gcc")
            if not compiler:
                self.skipTest(f"no compiler of {language} is here")
            done = subprocess.run([compiler, "-x", language, f"-std={standard}", "-pedantic", "-Wall", "-Wextra", "-Werror",
                                   "-Wno-long-long", "-Wno-variadic-macros", "-fsyntax-only", HEADER],
                                  capture_output=True, text=True)
            self.assertEqual(done.stderr, "")

    def test_shows_only_its_own_functions(self):
        symbols = subprocess.run(["nm", "-D", "--defined-only", LIBRARIES + "/libsnapback.so.0"], capture_output=True,
                                 text=True, check=True).stdout.splitlines()
        names = {line.split()[2].partition("@")[0] for line in symbols if line.split()[1] != "A"}
        self.assertEqual(names, {"snapback_version", "snapback_is_controlled", "snapback_snapshot", "snapback_disable",
                                 "snapback_enable", "snapback_status", "snapback_last_error"})

    def test_needs_nothing_but_the_c_library(self):
        needed = subprocess.run(["objdump", "-p", LIBRARIES + "/libsnapback.so.0"], capture_output=True, text=True,
                                check=True).stdout
        self.assertLessEqual(set(re.findall(r"NEEDED +(\S+)", needed)), {"libc.so.6", "ld-linux-x86-64.so.2", "ld-linux.so.2"})
        self.assertEqual(re.findall(r"SONAME +(\S+)", needed), ["libsnapback.so.0"])


# What stands behind a reset nobody can look at: see programs/refused.c of the live tests.
HOLDS_A_RESET = """
import os, socket, sys
near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
near.send(b"a"), far.send(b"b")
far.close()
os.set_inheritable(near.fileno(), True)
os.execv(sys.argv[1], sys.argv[1:])
"""

if __name__ == "__main__":
    LIBRARIES = os.path.dirname(support.within_reach(os.path.abspath(sys.argv.pop(1))))
    programs = support.folder_within_reach(sys.argv.pop(1))
    HEADER = support.within_reach(os.path.abspath(sys.argv.pop(1)))
    COMMANDED, CROWD = os.path.join(programs, "commanded"), os.path.join(programs, "crowd")
    support.main()
