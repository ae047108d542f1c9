# SPDX-License-Identifier: EPL-2.0
"""Images of what gdb debugs: the program alone, to which a new gdb is led, and whole sessions, gdb and its program."""
import os
import re

from debugging import PROGRAMS, QUIET, CommandLine, TestCase, main

OUTPUT = "counter 12 sum 66 watched 77 local 112"
ENDED = OUTPUT + r"(?s:.*)\[Inferior 1 .* code 07\]"


class FromAnImage(TestCase):
    def at_note(self, times, threads=0):
        gdb = self.command_line(PROGRAMS["steps"], str(threads))
        gdb.do("break note")
        gdb.do("run")
        for _ in range(times - 1):
            gdb.do("continue")
        return gdb

    def save(self, session, *options):
        image = self.path("work", f"{len(self.sessions)}.snapback")
        session.call("save", "-o", image, *options)
        return image

    def saved(self, gdb, *options):
        """The image of the last snapshot; the session it came from has ended."""
        image = self.save(gdb.session, *options)
        gdb.quit()
        gdb.session.end()
        return image

    def from_image(self, image, *options):
        return CommandLine(self.debug(QUIET, options=["--image", image, *options], terminal=True))

    def restarted(self, image, *options):
        return CommandLine(self.restart(image, options=options, terminal=True))


class TheProgram(FromAnImage):
    def test_stands_at_its_old_place(self):
        gdb = self.at_note(3, threads=3)
        gdb.do("snapshot third")
        image = self.saved(gdb)
        gdb = self.from_image(image)
        self.assertNotIn("gettimeofday", gdb.terminal.transcript)  # where it was parked for gdb
        self.assertEqual(gdb.value("counter"), "2")
        self.assertRegex(gdb.do("bt"), r"#0  note \(step=2\).*\n#1 .* in main ")
        self.assertEqual(len(re.findall(r"^[* ] +\d+ ", gdb.do("info threads"), re.M)), 4)
        self.assertRegex(gdb.do("info snapshots"), r'\* 1 +third .* note at steps.c')
        gdb.do("break note if step == 10")
        self.assertIn("note (step=10)", gdb.do("continue"))
        gdb.do("rewind third")
        self.assertEqual(gdb.value("counter"), "2")
        gdb.do("delete")
        self.assertRegex(gdb.do("continue"), ENDED)

    def test_comes_from_a_program_that_nobody_debugged(self):
        session = self.launch([PROGRAMS["busy"]])
        session.snapshot("running")
        image = self.save(session)
        session.call("kill")
        session.end()
        gdb = self.from_image(image)
        self.assertEqual(len(re.findall(r"^[* ] +\d+ ", gdb.do("info threads"), re.M)), 3)
        gdb.do("break tick")
        self.assertIn("tick (n=", gdb.do("continue"))
        before = int(gdb.value("counter"))
        gdb.do("continue")
        self.assertEqual(int(gdb.value("counter")), before + 1)

    def test_carries_no_breakpoint_instruction(self):
        gdb = self.command_line(PROGRAMS["steps"])
        gdb.do("set breakpoint always-inserted on")
        gdb.do("break note")
        gdb.do("break later")
        gdb.do("run")
        gdb.do("snapshot")
        image = self.saved(gdb)
        session = self.restart(image, terminal=True, ready=False)
        self.assertEqual(session.wait(), 7)
        self.assertIn(OUTPUT, session.terminal.transcript)

    def test_is_led_to_twice_in_a_row(self):
        gdb = self.at_note(2)
        gdb.do("snapshot")
        image = self.saved(gdb)
        for step in (2, 3):
            gdb = self.from_image(image)
            gdb.do("break note")
            self.assertIn(f"note (step={step})", gdb.do("continue"))
            gdb.do("snapshot again")
            image = self.saved(gdb)

    def test_error_is_one_sentence(self):
        for options, words in ((["--image", self.path("nowhere")], "No such file"),
                               (["--image", PROGRAMS["steps"]], "is no image")):
            with self.subTest(words):
                outcome = self.snapback("gdb", *options, "-nx", "-batch")
                self.assertEqual((outcome.status, outcome.output), (2, ""))
                self.assertRegex(outcome.message, r"\Asnapback: [^\n]+\Z")
                self.assertIn(words, outcome.message)


class WholeSessions(FromAnImage):
    def test_come_back_with_all_that_gdb_knew(self):
        gdb = self.at_note(3, threads=2)
        gdb.do("watch watched")
        gdb.do("tbreak later if step == 9")
        gdb.do("set $mine = 5")
        breakpoints = gdb.do("info breakpoints")
        gdb.do("snapshot evening")
        gdb.do("set $mine = 6")
        gdb.do("continue")
        gdb = self.restarted(self.saved(gdb, "--with-debugger"))
        self.assertIn('Rewound to snapshot 1 "evening"', gdb.terminal.transcript)
        self.assertEqual(gdb.value("$mine"), "5")
        self.assertEqual(gdb.value("counter"), "2")
        self.assertEqual(gdb.do("info breakpoints"), breakpoints)
        self.assertIn("set $mine = 5", gdb.do("show commands"))
        gdb.do("disable 1")
        self.assertRegex(gdb.do("continue"), r"Old value = 0\nNew value = 77")
        self.assertIn("later (step=9)", gdb.do("continue"))
        gdb.do("delete")
        self.assertRegex(gdb.do("continue"), ENDED)
        gdb.do("rewind")
        self.assertEqual(gdb.value("counter"), "2")
        self.assertEqual(gdb.quit(), 0)

    def test_come_back_twice_in_a_row(self):
        gdb = self.at_note(2)
        gdb.do("snapshot")
        for step in (2, 3):
            gdb = self.restarted(self.saved(gdb, "--with-debugger"))
            self.assertIn(f"note (step={step})", gdb.do("continue"))
            gdb.do("snapshot")

    def test_come_back_to_a_front_end(self):
        mi, session = self.machine(PROGRAMS["steps"], "2")
        mi.send("-break-insert note")
        mi.until_stopped("-exec-run")
        mi.until_stopped("-exec-continue")
        session.snapshot()
        image = self.save(session, "--with-debugger")
        session.call("kill")
        session.end()
        mi, _ = self.piped("restart", image)
        mi.expect(r'\*stopped.*func="note"')
        self.assertEqual(mi.value("counter"), "1")
        self.assertIn('func="note"', mi.until_stopped("-exec-continue"))
        self.assertIn('times="3"', mi.send("-break-list"))
        mi.send("-break-delete")
        self.assertIn('exit-code="07"', mi.until_stopped("-exec-continue"))

    def test_can_leave_gdb_behind(self):
        gdb = self.at_note(3)
        gdb.do("snapshot")
        gdb = self.from_image(self.saved(gdb, "--with-debugger"))
        self.assertEqual(gdb.value("counter"), "2")
        self.assertEqual(gdb.do("info breakpoints"), "No breakpoints or watchpoints.")

    def test_without_gdb_are_refused(self):
        gdb = self.at_note(1)
        gdb.do("snapshot auto on")
        gdb.do("continue")
        outcome = gdb.session.run("save", "--with-debugger", "-o", self.path("work", "no.snapback"))
        self.assertEqual(outcome.status, 2)
        self.assertIn("holds the program alone", outcome.message)
        self.assertFalse(os.path.exists(self.path("work", "no.snapback")))


if __name__ == "__main__":
    main()
