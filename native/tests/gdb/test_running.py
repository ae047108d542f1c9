# SPDX-License-Identifier: EPL-2.0
"""Snapshots of a program that runs under gdb: gdb and its front-end notice nothing."""
import re

import snapback_support as support
from debugging import PROGRAMS, TestCase, main


class RunningProgram(TestCase):
    def running(self, breakpoint=None, asynchronous=True):
        """MI with the program running."""
        mi, session = self.machine(PROGRAMS["busy"], asynchronous=asynchronous)
        mi.send("-break-insert main")
        mi.until_stopped("-exec-run")
        if breakpoint:
            mi.send("-break-insert " + breakpoint)
        mi.send("-exec-continue")
        return mi, session

    def interrupt(self, mi):
        start = len(mi.records)
        mi.send("-exec-interrupt --all")
        mi.expect(r"\*stopped", start)

    def end(self, mi):
        mi.send("-break-delete")
        mi.send("-data-evaluate-expression stop=1")
        self.assertIn('exit-code="07"', mi.until_stopped("-exec-continue"))

    def test_takes_a_snapshot_that_gdb_does_not_notice(self):
        mi, session = self.running()
        start = len(mi.records)
        for _ in range(10):
            session.snapshot()
        mi.expect(r".", len(mi.records) - 1)
        self.assertEqual([r for r in mi.records[start:] if r.startswith("*")], [])
        self.assertEqual(session.status()["state"], "running")
        self.assertEqual({s["place"]["reason"] for s in session.list()}, {"running"})
        self.interrupt(mi)
        self.end(mi)

    def test_rewinds_to_where_it_ran(self):
        mi, session = self.running()
        counts = []
        for _ in range(3):
            session.snapshot()
        self.interrupt(mi)
        last = int(mi.value("counter"))
        for snapshot in (1, 3, 2, 1):
            start = len(mi.records)
            session.rewind(snapshot)
            mi.expect(r"\*stopped", start)
            counts.append(int(mi.value("counter")))
            self.assertLessEqual(counts[-1], last)
        self.assertEqual(counts[0], counts[3])
        self.assertTrue(counts[0] <= counts[2] <= counts[1])
        mi.send("-exec-continue")
        session.snapshot()
        self.interrupt(mi)
        self.assertGreater(int(mi.value("counter")), counts[0])
        self.end(mi)

    def test_interrupts_the_program_for_a_rewind(self):
        mi, session = self.running()
        session.snapshot()
        start = len(mi.records)
        session.rewind()
        _, first = mi.expect(r"\*stopped", start)
        mi.expect(r"\*stopped", first + 1)
        self.assertEqual(session.status()["state"], "stopped")
        self.end(mi)

    def take_until_stopped(self, mi, session, start):
        """Snapshots of the program while gdb stops it at each hit; those that were not taken at its stop in the end."""
        def hit():
            return any(r.startswith("*stopped") for r in mi.records[start:])
        for _ in range(25):
            if hit():
                break
            try:
                session.snapshot()
            except support.CommandFailed as failure:
                self.assertIn("busy", failure.message)
            mi._pump(0)
        stopped, _ = mi.expect(r"\*stopped", start, 60)
        self.assertIn('bkptno="2"', stopped)
        return [s["id"] for s in session.list() if s["place"]["reason"] == "running"]

    def test_takes_snapshots_between_the_hits_of_a_condition(self):
        last = 600
        mi, session = self.running(f'-c "n == {last}" tick')
        start = len(mi.records)
        running = self.take_until_stopped(mi, session, start)
        while not running and last < 6000:  # gdb may have been busy each time
            last += 600
            mi.send(f"-break-condition 2 n == {last}")
            before = len(mi.records)
            mi.send("-exec-continue")
            running = self.take_until_stopped(mi, session, before)
        self.assertTrue(running, "gdb was busy whenever a snapshot was wanted")
        self.assertEqual(mi.value("n"), str(last))
        self.assertEqual(mi.value("counter"), str(last))
        for snapshot in (running[0], running[-1], running[len(running) // 2]):
            session.rewind(snapshot)
            if int(mi.value("counter")) < last:  # else it stood right before the breakpoint, which is then stepped over
                self.assertIn('bkptno="2"', mi.until_stopped("-exec-continue"))
                self.assertEqual(mi.value("counter"), str(last))
        self.assertEqual(re.findall(r"\*stopped,reason=\"signal-received\"", "\n".join(mi.records[start:])), [])
        mi.send("-break-delete 2")
        self.end(mi)

    def test_takes_a_snapshot_while_gdb_waits_in_the_foreground(self):
        gdb = self.command_line(PROGRAMS["busy"])
        gdb.terminal.send("run\n")
        gdb.terminal.expect("New Thread.*\n.*New Thread")
        session = gdb.session
        support.wait_for(lambda: session.status()["state"] == "running", "the program runs")
        session.snapshot("in between")
        gdb.terminal.send("\x03")
        gdb.terminal.expect(r"SIGINT[^$]*\(gdb\) ")
        count = int(gdb.value("counter"))
        gdb.do("rewind")
        self.assertLess(int(gdb.value("counter")), count)
        gdb.do("print stop = 1")
        self.assertIn("exited with code 07", gdb.do("continue"))


if __name__ == "__main__":
    main()
