# SPDX-License-Identifier: EPL-2.0
"""An exec that cannot go on, because somebody else's strace does not let a thread of the program end: the snapshot is
refused within seconds, the session stays responsive, and all goes on when the strace does."""
import ctypes
import os
import sys

import snapback_support as support

PTRACE_SEIZE = 0x4206
_WALL = 0x40000000
MOST_SECONDS = 15


class BlockedExec(support.TestCase):
    def seize(self, thread):
        """Makes this test the tracer of a thread: its end waits until it is taken."""
        libc = ctypes.CDLL(None, use_errno=True)
        libc.ptrace.argtypes = [ctypes.c_long] * 4
        self.assertEqual(libc.ptrace(PTRACE_SEIZE, thread, 0, 0), 0, os.strerror(ctypes.get_errno()))

    def thread_beside(self, pid):
        return next(int(t) for t in os.listdir(f"/proc/{pid}/task") if int(t) != pid)

    def state(self, pid, thread):
        with open(f"/proc/{pid}/task/{thread}/stat") as file:
            return file.read().rpartition(")")[2].split()[0]

    def test_is_refused_and_goes_on(self):
        journal = support.Journal(self.folder)
        session = self.launch([PROGRAM, "0", "waits"], environment=self.environment(**journal.environment()))
        journal.wait_for_ticks(1)
        pid = session.host_pid()
        thread = self.thread_beside(pid)
        self.seize(thread)
        with open(self.path("work", "go"), "w"):
            pass
        support.wait_for(lambda: self.state(pid, thread) == "Z", "the exec that waits for a thread")
        outcome = session.run("snapshot", seconds=MOST_SECONDS)
        self.assertEqual(outcome.status, 2)
        self.assertRegex(outcome.message, r"has not come to rest within \d+ seconds")
        self.assertEqual(session.status()["state"], "running")
        self.assertEqual(os.waitpid(thread, _WALL)[0], thread)
        ticks = journal.last()
        journal.wait_for_ticks(3, alive=lambda: session.process.poll() is None)
        self.assertGreater(journal.last(), ticks)
        session.rewind(session.snapshot())
        journal.wait_for_ticks(3, alive=lambda: session.process.poll() is None)
        journal.ask_to_end()
        self.assertEqual(session.wait(), 0, session.shown())
        self.assertTrue(journal.passed())


PROGRAM = sys.argv.pop(1) if len(sys.argv) > 1 else ""

if __name__ == "__main__":
    PROGRAM = support.within_reach(os.path.abspath(PROGRAM))
    support.main()
