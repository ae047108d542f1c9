# SPDX-License-Identifier: EPL-2.0
"""MI front-ends, over pipes and on a second terminal: they get gdb's own *running and *stopped, and nothing else."""
import re

from debugging import PROGRAMS, TestCase, main


class OverPipes(TestCase):
    asynchronous = False

    def front_end(self):
        machine, self.session = self.machine(PROGRAMS["steps"], "2", asynchronous=self.asynchronous)
        return machine

    def at_note(self, times):
        mi = self.front_end()
        mi.send("-break-insert note")
        mi.until_stopped("-exec-run")
        for _ in range(times - 1):
            mi.until_stopped("-exec-continue")
        return mi

    def rewind(self, mi, *which):
        """A rewind from outside; returns the records that the front-end got, the *stopped one last."""
        start = len(mi.records)
        self.session.rewind(*which)
        _, end = mi.expect(r"\*stopped", start)
        return mi.records[start:end + 1]

    def test_takes_and_rewinds_from_outside(self):
        mi = self.at_note(2)
        start = len(mi.records)
        first = self.session.snapshot("first")
        self.assertIn('value="1"', mi.send("-data-evaluate-expression counter"))
        self.assertEqual([r for r in mi.records[start:] if r.startswith(("*", "=", "~"))], [])
        mi.until_stopped("-exec-continue")
        records = self.rewind(mi, first)
        self.assertRegex(records[-1], r'reason="end-stepping-range",frame=\{.*func="note".*thread-id="1"')
        self.assertEqual(len([r for r in records if r.startswith("*running")]), 1)
        self.assertEqual([r for r in records if r.startswith("=")], [])
        self.assertEqual(mi.value("counter"), "1")
        self.assertIn('times="4"', self.times_after_continue(mi))

    def times_after_continue(self, mi):
        mi.until_stopped("-exec-continue")
        return mi.send("-break-list")

    def test_keeps_the_front_ends_variable_objects(self):
        mi = self.at_note(2)
        self.session.snapshot()
        mi.send("-var-create watching * sum")
        mi.until_stopped("-exec-continue")
        self.assertIn('value="1"', mi.send("-var-update --all-values watching"))
        self.rewind(mi)
        self.assertIn('value="0"', mi.send("-var-update --all-values watching"))

    def test_has_the_commands_in_its_console(self):
        mi = self.at_note(2)
        mi.send('-interpreter-exec console "snapshot from the console"')
        mi.until_stopped("-exec-continue")
        self.assertIn("from the console", mi.send('-interpreter-exec console "info snapshots"') + "".join(mi.records))
        self.assertIn('func="note"', mi.until_stopped('-interpreter-exec console "rewind from the console"'))
        self.assertEqual(mi.value("counter"), "1")

    def test_rewinds_after_the_program_has_exited(self):
        mi = self.at_note(3)
        self.session.snapshot()
        mi.send("-break-delete")
        self.assertIn('reason="exited"', mi.until_stopped("-exec-continue"))
        start = len(mi.records)
        self.session.rewind()
        mi.expect(r'\*stopped,reason="end-stepping-range".*func="note"', start)
        self.assertEqual(mi.value("counter"), "2")
        self.assertIn('exit-code="07"', mi.until_stopped("-exec-continue"))

    def test_rewinds_again_and_again(self):
        mi = self.at_note(2)
        ids = []
        for _ in range(4):
            ids.append(self.session.snapshot())
            mi.until_stopped("-exec-continue")
        for index in (0, 3, 1, 2, 2, 0):
            self.rewind(mi, ids[index])
            self.assertEqual(mi.value("counter"), str(index + 1))
        mi.send("-break-delete")
        self.assertIn('exit-code="07"', mi.until_stopped("-exec-continue"))


class OverPipesAsynchronously(OverPipes):
    asynchronous = True


class OnASecondTerminal(OverPipes):
    def front_end(self):
        machine, console = self.two_terminals(PROGRAMS["steps"])
        self.session, self.console = console.session, console
        return machine

    def test_shows_the_rewind_in_the_console_too(self):
        mi = self.at_note(2)
        self.session.snapshot("here")
        mi.until_stopped("-exec-continue")
        self.session.terminal.skip()
        self.rewind(mi)
        self.session.terminal.expect(r'Rewound to snapshot 1 "here"\.')
        self.session.terminal.expect(r"\(gdb\) ")

    def test_tells_the_front_end_of_a_rewind_typed_in_the_console(self):
        mi = self.at_note(2)
        self.session.terminal.skip()
        self.session.terminal.send("snapshot\n")
        self.session.terminal.expect(r"Snapshot 1 taken\.\r\n\(gdb\) ")
        mi.until_stopped("-exec-continue")
        start = len(mi.records)
        self.session.terminal.send("rewind\n")
        _, running = mi.expect(r"\*running", start)
        mi.expect(r'\*stopped.*func="note"', running)
        self.assertEqual(mi.value("counter"), "1")


if __name__ == "__main__":
    main()
