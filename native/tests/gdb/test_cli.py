# SPDX-License-Identifier: EPL-2.0
"""gdb's command line: after a rewind everything is as it was at the old place, and gdb as it is now."""
import re

from debugging import PROGRAMS, TestCase, main


class CommandLineTest(TestCase):
    def at_note(self, times, threads=0, **more):
        """gdb at the `times`-th stop in note()."""
        gdb = self.command_line(PROGRAMS["steps"], str(threads), **more)
        gdb.do("break note")
        gdb.do("run")
        for _ in range(times - 1):
            gdb.do("continue")
        return gdb

    def test_rewinds_to_a_breakpoint(self):
        gdb = self.at_note(3)
        self.assertEqual(gdb.do("snapshot before"), "Snapshot 1 taken.")
        gdb.do("continue")
        gdb.do("continue")
        self.assertEqual(gdb.value("counter"), "4")
        shown = gdb.do("rewind")
        self.assertRegex(shown, r'^Rewound to snapshot 1 "before".\nnote \(step=2\) at .*steps.c:\d+\n\d+\t')
        self.assertEqual(gdb.value("counter"), "2")
        self.assertRegex(gdb.do("bt"), r"#0  note \(step=2\).*\n#1 .* in main ")
        self.assertRegex(gdb.do("next"), r"sum \+= step")
        self.assertEqual(gdb.value("counter"), "3")
        self.assertRegex(gdb.do("continue"), r"Breakpoint 1, note \(step=3\)")
        self.assertRegex(gdb.do("finish"), r"Run till exit")
        gdb.do("delete")
        self.assertRegex(gdb.do("continue"), r"counter 12 sum 66 watched 77 local 112\n\[Inferior 1 .* code 07\]")
        self.assertEqual(gdb.quit(), 0)

    def test_does_not_meet_the_old_breakpoint_again(self):
        gdb = self.at_note(2)
        gdb.do("snapshot")
        gdb.do("continue")
        gdb.do("rewind 1")
        self.assertIn("step=2", gdb.do("continue"))

    def test_keeps_the_present_breakpoints_and_their_counts(self):
        gdb = self.at_note(2)
        gdb.do("snapshot")
        gdb.do("continue")
        gdb.do("break later if step == 5")
        gdb.do("ignore 1 1")
        gdb.do("tbreak note")
        gdb.do("set $mine = 5")
        before = gdb.do("info breakpoints")
        gdb.do("rewind")
        self.assertEqual(gdb.do("info breakpoints"), before)
        self.assertEqual(gdb.value("$mine"), "5")
        self.assertIn("Temporary breakpoint 3, note (step=2)", gdb.do("continue"))
        self.assertIn("note (step=3)", gdb.do("continue"))

    def test_does_not_run_the_commands_of_the_breakpoint_at_the_old_place(self):
        gdb = self.at_note(2)
        gdb.do("snapshot")
        gdb.do("continue")
        gdb.terminal.send("commands 1\nsilent\nset $ran = $ran + 1\nend\n")
        gdb.terminal.expect(r"\(gdb\) ")
        gdb.do("set $ran = 0")
        gdb.do("rewind")
        self.assertEqual(gdb.value("$ran"), "0")
        gdb.do("continue")
        self.assertEqual(gdb.value("$ran"), "1")

    def test_meets_breakpoints_set_before_and_after_the_snapshot(self):
        for kind in ("break", "hbreak"):
            with self.subTest(kind=kind):
                gdb = self.at_note(2)
                gdb.do("snapshot")
                gdb.do("continue")
                gdb.do(f"{kind} later")
                gdb.do("rewind")
                self.assertIn("later (step=1)", gdb.do("continue"))
                self.assertIn("note (step=2)", gdb.do("continue"))
                self.assertIn("later (step=2)", gdb.do("continue"))

    def test_keeps_breakpoints_that_are_always_inserted(self):
        gdb = self.at_note(2)
        gdb.do("set breakpoint always-inserted on")
        gdb.do("snapshot")
        gdb.do("continue")
        gdb.do("break later")
        gdb.do("rewind")
        self.assertIn("later (step=1)", gdb.do("continue"))
        gdb.do("delete")
        gdb.do("rewind")
        self.assertRegex(gdb.do("continue"), r"exited with code 07")

    def test_shows_a_watchpoints_right_old_value(self):
        for can_use_hardware in ("1", "0"):
            with self.subTest(hardware=can_use_hardware):
                gdb = self.command_line(PROGRAMS["steps"])
                gdb.do(f"set can-use-hw-watchpoints {can_use_hardware}")
                gdb.do("break note")
                gdb.do("run")
                gdb.do("continue")
                gdb.do("snapshot")
                gdb.do("delete")
                gdb.do("watch sum")
                gdb.do("continue")
                self.assertRegex(gdb.do("continue"), r"Old value = 1\nNew value = 3")
                gdb.do("rewind")
                self.assertRegex(gdb.do("continue"), r"atchpoint 2: sum\n\nOld value = 0\nNew value = 1")
                self.assertRegex(gdb.do("continue"), r"Old value = 1\nNew value = 3")

    def test_rewinds_all_threads(self):
        gdb = self.at_note(3, threads=4)
        gdb.do("snapshot")
        before = [gdb.value(f"worked[{i}]") for i in range(4)]
        frames = re.findall(r"LWP \d+", gdb.do("info threads"))
        gdb.do("continue")
        gdb.do("continue")
        gdb.do("rewind")
        self.assertEqual([gdb.value(f"worked[{i}]") for i in range(4)], before)
        self.assertEqual(re.findall(r"LWP \d+", gdb.do("info threads")), frames)
        self.assertRegex(gdb.do("thread apply 2 bt"), r"sleeper")
        gdb.do("delete")
        self.assertRegex(gdb.do("continue"), r"exited with code 07")

    def test_stops_in_the_thread_that_had_stopped(self):
        gdb = self.command_line(PROGRAMS["busy"])
        gdb.do("break sleepy")
        gdb.do("run")
        gdb.do("delete")
        gdb.do("break check")
        self.assertIn('hit Breakpoint 2', gdb.do("continue"))
        thread = gdb.value("$_thread")
        frame = gdb.do("frame")
        gdb.do("snapshot")
        gdb.do("break tick thread 1")
        gdb.do("disable 2")
        gdb.do("continue")
        self.assertEqual(gdb.value("$_thread"), "1")
        gdb.do("rewind")
        self.assertEqual(gdb.value("$_thread"), thread)
        self.assertEqual(gdb.do("frame"), frame)

    def test_makes_threads_anew_and_ends_others(self):
        gdb = self.command_line(PROGRAMS["churn"])
        gdb.do("break tick if n == 2 || n == 5 || n == 8 || n == 11")
        gdb.do("run")
        threads = {}
        for name in ("two", "five", "eight"):
            gdb.do("snapshot " + name)
            threads[name] = sorted(re.findall(r"LWP \d+", gdb.do("info threads")))
            gdb.do("continue")
        self.assertEqual([len(t) for t in threads.values()], [1, 3, 2])
        for name in ("five", "two", "eight", "two", "five", "eight"):
            gdb.do("rewind " + name)
            self.assertEqual(sorted(re.findall(r"LWP \d+", gdb.do("info threads"))), threads[name])
        gdb.do("delete")
        for name in ("eight", "five", "two"):
            gdb.do("rewind " + name)
            self.assertIn("exited with code 07", gdb.do("continue"))

    def test_rewinds_after_the_program_has_exited(self):
        gdb = self.at_note(3, threads=2)
        pid = re.search(r"process (\d+)", gdb.do("info inferiors")).group(1)
        gdb.do("snapshot")
        gdb.do("delete")
        for _ in range(3):
            self.assertIn("exited with code 07", gdb.do("continue"))
            self.assertEqual(gdb.session.status()["state"], "exited")
            self.assertIn("Rewound to snapshot 1.", gdb.do("rewind"))
            self.assertIn("process " + pid, gdb.do("info inferiors"))
            self.assertEqual(gdb.value("counter"), "2")
            self.assertRegex(gdb.do("bt"), r"#0  note \(step=2\)")
        gdb.do("break later")
        self.assertIn("later (step=2)", gdb.do("continue"))
        self.assertIn("killed", gdb.do("kill"))
        self.assertEqual(gdb.quit(), 0)

    def test_lets_no_other_thread_run_while_it_takes_its_stop(self):
        for _ in range(3):
            gdb = self.command_line(PROGRAMS["churn"])
            gdb.do("break tick if n == 4")
            gdb.do("run")
            if "not defined" in gdb.do("break start_thread"):
                self.skipTest("the C library of this program has no symbols")
            gdb.do("continue")
            gdb.do("delete")
            locking = gdb.do("show scheduler-locking")
            gdb.do("snapshot")
            before = gdb.do("thread apply 1 x/40gx $sp")
            self.assertIn("exited with code 07", gdb.do("continue"))
            gdb.do("rewind")
            self.assertEqual(gdb.do("thread apply 1 x/40gx $sp"), before)
            self.assertEqual(gdb.do("show scheduler-locking"), locking)
            self.assertIn("exited with code 07", gdb.do("continue"))

    def test_rewinds_after_a_crash(self):
        gdb = self.command_line(PROGRAMS["crash"], "null")
        gdb.do("break before")
        gdb.do("run")
        gdb.do("snapshot")
        self.assertIn("SIGSEGV", gdb.do("continue"))
        gdb.do("snapshot crashed")
        gdb.do("rewind 1")
        self.assertRegex(gdb.do("bt"), r"#0  before \(\)")
        self.assertIn("SIGSEGV", gdb.do("continue"))
        self.assertIn("terminated with signal SIGSEGV", gdb.do("continue"))
        gdb.do("rewind crashed")
        self.assertRegex(gdb.do("bt"), r"#0 .* use \(p=0x0\)")
        self.assertIn("SIGSEGV", gdb.do("continue"))
        gdb.do("rewind 1")
        self.assertEqual(gdb.value("step"), "0")

    def test_rewinds_at_a_signal_that_the_program_catches(self):
        gdb = self.command_line(PROGRAMS["crash"], "usr1")
        gdb.do("break before")
        gdb.do("run")
        gdb.do("snapshot")
        self.assertIn("SIGUSR1", gdb.do("continue"))
        gdb.do("rewind")
        self.assertEqual(gdb.value("caught"), "0")
        self.assertIn("SIGUSR1", gdb.do("continue"))
        self.assertIn("Breakpoint 1", gdb.do("continue"))
        self.assertEqual(gdb.value("caught"), "10")
        self.assertIn("exited with code 07", gdb.do("continue"))

    def test_passes_on_the_signal_of_the_old_place(self):
        gdb = self.command_line(PROGRAMS["crash"], "usr1")
        self.assertIn("SIGUSR1", gdb.do("run"))
        gdb.do("snapshot first")
        self.assertIn("exited with code 07", gdb.do("continue"))
        gdb.do("rewind first")
        gdb.do("snapshot again")
        for name in ("first", "again"):
            gdb.do("rewind " + name)
            self.assertEqual(gdb.value("caught"), "0")
            self.assertIn("exited with code 07", gdb.do("continue"))
        gdb.do("rewind first")
        gdb.do("handle SIGUSR1 nopass")
        gdb.do("rewind first")
        self.assertIn("exited with code 010", gdb.do("continue"))

    def test_rewinds_an_earlier_run_of_the_program(self):
        gdb = self.at_note(4)
        gdb.do("snapshot")
        gdb.do("run")
        self.assertEqual(gdb.value("counter"), "0")
        gdb.do("rewind")
        self.assertEqual(gdb.value("counter"), "3")

    def test_puts_stepping_back(self):
        gdb = self.at_note(2)
        gdb.do("next")
        gdb.do("next")
        place = gdb.do("frame")
        gdb.do("snapshot")
        gdb.do("next")
        gdb.do("stepi")
        gdb.do("rewind")
        self.assertEqual(gdb.do("frame"), place)
        self.assertIn("local++", place)

    def test_takes_gdb_back_too(self):
        gdb = self.at_note(2, threads=2)
        gdb.do("set $mine = 1")
        gdb.do("snapshot")
        before = gdb.do("info breakpoints")
        for _ in range(3):
            gdb.do("set $mine = 2")
            gdb.do("break later")
            gdb.do("watch watched")
            gdb.do("continue")
            gdb.do("delete 1")
            shown = gdb.do("rewind --with-debugger 1")
            self.assertRegex(shown, r"^Rewound to snapshot 1\.\nnote \(step=1\) at ")
            self.assertEqual(gdb.do("info breakpoints"), before)
            self.assertEqual(gdb.value("$mine"), "1")
            self.assertIn("note (step=2)", gdb.do("continue"))
        gdb.do("rewind")
        gdb.do("delete")
        self.assertIn("exited with code 07", gdb.do("continue"))
        self.assertIn("rewind without --with-debugger", gdb.do("rewind --with-debugger"))
        gdb.do("rewind")
        self.assertEqual(gdb.value("counter"), "1")
        self.assertEqual(gdb.quit(), 0)

    def test_takes_gdb_back_from_outside(self):
        gdb = self.at_note(2)
        gdb.session.snapshot("here")
        gdb.do("break later")
        gdb.do("continue")
        gdb.terminal.skip()
        gdb.session.rewind("here", with_debugger=True)
        gdb.terminal.expect(r"note \(step=1\)[^(]*\(gdb\) ")
        self.assertNotIn("later", gdb.do("info breakpoints"))

    def test_shows_the_prompt_again_after_a_rewind_from_outside(self):
        gdb = self.at_note(2)
        gdb.session.snapshot("here")
        gdb.do("continue")
        gdb.session.rewind()
        gdb.terminal.expect(r'\nRewound to snapshot 1 "here"\.\r\nnote \(step=1\)[^(]*\(gdb\) $')
        self.assertEqual(gdb.value("counter"), "1")

    def test_keeps_a_half_typed_line(self):
        gdb = self.at_note(2)
        gdb.do("snapshot")
        gdb.do("continue")
        gdb.terminal.send("print coun")
        gdb.terminal.expect("print coun")
        gdb.session.snapshot("meanwhile")
        gdb.terminal.send("ter\n")
        gdb.terminal.expect(r"\$1 = 2")
        gdb.terminal.send("print coun")
        gdb.terminal.expect("print coun")
        gdb.session.rewind(1)
        gdb.terminal.expect(r"note \(step=1\)")
        gdb.terminal.send("ter + 10\n")
        gdb.terminal.expect(r"\$2 = 11")


if __name__ == "__main__":
    main()
