# SPDX-License-Identifier: EPL-2.0
"""Every fault point of capture and rewind, tripped: the message names the step, the program is unharmed."""
import contextlib
import os
import sys

import snapback_support as support

PHASE = 600  # ticks: long enough for a command on a busy machine

# Points by what is to come of them; all of captures and rewinds that `snapback-faults fault-points` prints must be here.
# Those of saves and restarts are in test_save.py and test_restart_checks.py, those of files in test_files.py, those of libsnapback in tests/api,
# those of terminals in test_terminals.py, those of tracers in test_tracers.py, those of TCP in test_outside_sockets.py.
CAPTURE = {
    "freeze": "cannot hold the threads",
    "capture_area": "cannot map memory into process",
    "capture_threads": "cannot read the registers",
    "capture_signals": "pending signals",
    "capture_descriptors": "cannot read descriptor",
    "capture_sockets": "cannot read the sockets",
    "capture_shared": "shared memory",
    "capture_attributes": "attributes",
    "capture_system_v": "System V",
    "capture_pages": "which pages",
    "capture_clone": "not enough memory for a template",
    "capture_template": "cannot set template",
}
REWIND_UNTOUCHED = {
    "rewind_freeze": "cannot hold the threads",
    "rewind_area": "cannot map memory into process",
    "rewind_plan": "cannot read the mappings",
    "rewind_sockets": "cannot make the sockets",
    "rewind_open": "cannot open",
}
REWIND_UNDER_WAY = {
    "rewind_end_threads": "thread",
    "rewind_mappings": "mappings",
    "rewind_make_threads": "cannot make thread",
    "rewind_pages": "memory",
    "rewind_shared": "shared memory",
    "rewind_descriptors": "descriptors",
    "rewind_queues": "in the sockets",
    "rewind_signals": "pending signals",
    "rewind_timers": "timers",
    "rewind_attributes": "attributes",
    "rewind_memory_locks": "memory locks",
    "rewind_system_v": "System V",
    "rewind_threads": "thread",
}
REBUILD = {"rebuild_clone": "cannot build process"}


ELSEWHERE = ("capture_terminal", "new_terminal", "files_", "image_", "save_", "restart_", "application_", "timer_", "tcp_", "tracers_")


class Faults(support.TestCase):
    def start(self, point, program):
        journal = support.Journal(self.folder, point.replace(":", "-"))
        session = self.launch([program], name=point.replace(":", "-"), faults=point,
                              environment=self.environment(LIVE_PHASE=str(PHASE), **journal.environment()))
        self.pass_ticks(session, journal, 5)
        return session, journal

    def pass_ticks(self, session, journal, count):
        journal.wait_for_ticks(count, alive=lambda: session.process.poll() is None)

    def wait_for_other_phase(self, session, journal):
        """Until all is different from what it is now."""
        self.pass_ticks(session, journal, PHASE - journal.last() % PHASE + 2)

    def check_failure(self, outcome, words):
        self.assertEqual((outcome.status, outcome.output), (2, ""), outcome.message)
        self.assertRegex(outcome.message, r"\Asnapback: [^\n]+\Z")
        self.assertIn(words, outcome.message)

    def jumps(self, journal):
        ticks = journal.ticks()
        return [b for a, b in zip(ticks, ticks[1:]) if b != a + 1]

    def finish(self, session, journal, jumps):
        """Snapshots and rewinds work now; the program checks itself to its end."""
        self.assertEqual(len(self.jumps(journal)), jumps, self.jumps(journal))
        again = session.snapshot()
        self.wait_for_other_phase(session, journal)
        session.rewind(again)
        self.pass_ticks(session, journal, 3)
        self.assertEqual(len(self.jumps(journal)), jumps + 1)
        session.delete()
        journal.ask_to_end()
        self.assertEqual(session.wait(), 0, session.shown())
        self.assertTrue(journal.passed())

    def each(self, points, check):
        for point, words in points.items():
            with self.subTest(point):
                check(point, words)

    def test_table_is_complete(self):
        printed = [point for point in self.snapback("fault-points", binary="snapback-faults").output.split()
                   if not point.startswith(ELSEWHERE)]
        known = [*CAPTURE, *REWIND_UNTOUCHED, *REWIND_UNDER_WAY, *REBUILD]
        self.assertEqual(sorted(printed), sorted(known))

    def fails_to_capture(self, point, words):
        session, journal = self.start(point, PROGRAM)
        self.check_failure(session.run("snapshot"), words)
        self.assertEqual(session.list(), [])
        self.pass_ticks(session, journal, 10)
        self.finish(session, journal, 0)

    def test_capture_that_fails_leaves_the_program_running(self):
        self.each(CAPTURE, self.fails_to_capture)

    def fails_between(self, point):
        """Memory has moved since a snapshot, and a second snapshot failed: the first is as good as before."""
        journal = support.Journal(self.folder, f"journal{len(self.sessions)}")
        session = self.launch([MOVES], faults=point,
                              environment=self.environment(LIVE_PHASE=str(PHASE), **journal.environment()))
        self.pass_ticks(session, journal, 5)
        first = session.snapshot()
        self.pass_ticks(session, journal, 64)  # programs/swapping.c: the two have changed their places once
        self.assertEqual(session.run("snapshot").status, 2)
        session.rewind(first)
        self.pass_ticks(session, journal, 3)
        journal.ask_to_end()
        self.assertEqual(session.wait(), 0, session.shown())

    def test_capture_that_fails_does_no_harm_to_earlier_snapshots(self):
        for point in ["capture_clone:2", "capture_template:2"] * 4:
            with self.subTest(point):
                self.fails_between(point)

    def snapshots_until_one_fails(self, session, journal):
        for _ in range(50):
            outcome = session.run("snapshot")
            if outcome.status:
                return outcome
            self.pass_ticks(session, journal, 3)
        raise AssertionError("no snapshot has failed")

    def fails_among_several(self, point, words):
        """What holds and drives all of them lets go of all of them, on all processors."""
        journal = support.Journal(self.folder, f"journal{len(self.sessions)}")
        session = self.launch([FAMILY], faults=point,
                              environment=self.environment(LIVE_PHASE=str(PHASE), **journal.environment()))
        self.pass_ticks(session, journal, 20)
        everywhere = os.sched_getaffinity(session.host_pid())
        self.check_failure(self.snapshots_until_one_fails(session, journal), words)
        for pid in session.processes():
            with contextlib.suppress(ProcessLookupError):
                processors = os.sched_getaffinity(pid)
                if " state Z " not in support.describe(pid):
                    self.assertEqual(processors, everywhere, support.describe(pid))
        self.pass_ticks(session, journal, 20)
        session.rewind(session.snapshot())
        self.pass_ticks(session, journal, 3)
        session.delete()
        journal.ask_to_end()
        self.assertEqual(session.wait(), 0, session.shown())
        self.assertTrue(journal.passed())

    def test_capture_that_fails_at_one_of_several_processes(self):
        for point in ("capture_descriptors", "capture_pages", "capture_area", "capture_threads", "capture_clone",
                      "capture_template", "capture_attributes"):
            for passage in (3, 20):
                with self.subTest(point, passage=passage):
                    self.fails_among_several(f"{point}:{passage}", CAPTURE[point])

    def fails_untouched(self, point, words):
        session, journal = self.start(point, PROGRAM)
        first = session.snapshot()
        self.wait_for_other_phase(session, journal)
        self.check_failure(session.run("rewind", first), words)
        self.pass_ticks(session, journal, 10)
        self.assertEqual(self.jumps(journal), [])
        session.rewind(first)
        self.pass_ticks(session, journal, 3)
        self.finish(session, journal, 1)

    def test_rewind_that_cannot_begin_leaves_the_program_where_it_is(self):
        self.each(REWIND_UNTOUCHED, self.fails_untouched)

    def fails_under_way(self, point, words):
        session, journal = self.start(point, PROGRAM)
        first = session.snapshot()
        number = session.status()["program_pid"]
        self.wait_for_other_phase(session, journal)
        outcome = session.run("rewind", first)
        self.assertEqual(outcome.status, 0, outcome.message)
        self.assertIn("built anew", outcome.output + outcome.message)
        self.assertIn(words, outcome.output + outcome.message)
        self.assertEqual(session.status()["program_pid"], number)
        self.pass_ticks(session, journal, 3)
        self.finish(session, journal, 1)

    def test_rewind_that_fails_half_way_builds_the_process_anew(self):
        self.each(REWIND_UNDER_WAY, self.fails_under_way)

    def test_rebuild_that_fails_leaves_no_half_alive_process_and_can_be_repeated(self):
        session, journal = self.start("rebuild_clone", EXECS)
        first = session.snapshot()
        pid = session.host_pid()
        before = os.readlink(f"/proc/{pid}/exe")
        support.wait_for(lambda: os.readlink(f"/proc/{pid}/exe") != before, "the program's exec")
        self.check_failure(session.run("rewind", first), REBUILD["rebuild_clone"])
        self.assertEqual(session.status()["state"], "exited")
        # The program is gone, its snapshots are not.
        session.rewind(first)
        self.pass_ticks(session, journal, 5)
        journal.ask_to_end()
        self.assertEqual(session.wait(), 0, session.shown())
        self.assertTrue(journal.passed())

    def test_supervisor_that_is_killed_takes_all_with_it(self):
        session, journal = self.start("freeze:1000000", PROGRAM)
        session.snapshot()
        os.kill(session.status()["supervisor_pid"], 9)
        self.assertNotEqual(session.wait(), 0)
        # Nobody was left to remove the socket: what comes next says so, and clears it away.
        self.assertRegex(session.run("status").message, r"\Asnapback: [^\n]+\Z")
        self.snapback("sessions", environment=session.environment)


PROGRAM, EXECS, MOVES, FAMILY = sys.argv[1:5] if len(sys.argv) > 4 else ("", "", "", "")
del sys.argv[1:5]

if __name__ == "__main__":
    PROGRAM, EXECS, MOVES, FAMILY = (support.within_reach(os.path.abspath(program))
                                     for program in (PROGRAM, EXECS, MOVES, FAMILY))
    support.main()
