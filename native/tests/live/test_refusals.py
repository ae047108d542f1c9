# SPDX-License-Identifier: EPL-2.0
"""What snapshots cannot hold yet is refused by name, in one sentence, and the program goes on unharmed."""
import os
import subprocess
import sys

import snapback_support as support

UNAVAILABLE = 77  # the program says so: this kernel does not give it such a thing
PRIVILEGED_GROUP = r"descriptor \d+ of process \d+ \(refused\) is a fanotify group of a privileged kind"

# What programs/refused.c can have → what the refusal must name. None: a snapshot holds it.
REFUSALS = {
    "nothing": None,
    "posix-lock": None,
    "unforked-memory": None,
    "child": None,
    "zombie": None,
    "unix-socket": None,
    "packets-behind-reset": r"process \d+ \(refused\) has a socket with datagrams behind an error",
    "early-bytes": r"process \d+ \(refused\) has a socket that has sent bytes and has not been accepted yet",
    "internet-socket": None,
    "timerfd": None,
    "signalfd": None,
    "inotify": None,
    "io_uring": r"descriptor \d+ .*io_uring",
    "pidfd": None,
    "userfaultfd": r"descriptor \d+ .*userfaultfd",
    "terminal-pair": None,
    "message-queue": None,
    "interval-timer": None,
    "posix-timer": None,
    "pending-signal": None,
    "sysv-memory": None,
    "lease": None,
    "secret-memory": r"descriptor \d+ .* is secret memory",
    "mapped-secret": r"has secret memory .*mapped at 0x",
    "huge-memory-file": r"descriptor \d+ .* is a memory file of huge pages",
    "perf-event": r"descriptor \d+ .* is a perf event",
    "fanotify": None,
    "fanotify-open-files": PRIVILEGED_GROUP,
    "fanotify-file-system": PRIVILEGED_GROUP,
    "fanotify-mounts": PRIVILEGED_GROUP,
    "fanotify-nameless-file": r"fanotify group \d+ of process \d+ watches a file \(inode \d+\) whose name cannot be found",
    "device": r"descriptor \d+ .* is /dev/",
    "listened-queue": r"mq_notify, descriptor \d+",
    "no-main-thread": r"main thread of process \d+ has ended",
}


class Refusals(support.TestCase):
    def start(self, what):
        journal = support.Journal(self.folder, what)
        session = self.launch([PROGRAM, what], name=what, ready=False,
                              environment=self.environment(**journal.environment()))
        support.wait_for(lambda: journal.last() >= 2 or session.process.poll() is not None, f"the program with {what}")
        if session.process.poll() == UNAVAILABLE:
            return None, None
        return session, journal

    def check_sentence(self, message, pattern):
        """One sentence: what it is, and what to do."""
        self.assertRegex(message, r"\Asnapback: [^\n]+\Z")
        self.assertRegex(message, pattern)
        self.assertRegex(message, r": (close|end|wait|stop|delete|unmap|switch|let|continue|give|take|run)\b.*[^.]\Z")

    def finish(self, session, journal):
        journal.wait_for_ticks(20, alive=lambda: session.process.poll() is None)
        journal.ask_to_end()
        self.assertEqual(session.wait(), 0, session.shown())
        self.assertTrue(journal.passed())

    def check(self, what, pattern):
        session, journal = self.start(what)
        if not session:
            print(f"(no {what} here) ", end="")
            return
        outcome = session.run("snapshot")
        if pattern:
            self.assertEqual((outcome.status, outcome.output), (2, ""), outcome.message)
            self.check_sentence(outcome.message, pattern)
            self.assertEqual(session.list(), [])
        else:
            self.assertEqual(outcome.status, 0, outcome.message)
            session.rewind(int(outcome.output))
        self.finish(session, journal)

    def test_each_is_refused_by_name(self):
        known = subprocess.run([PROGRAM], capture_output=True, text=True).stdout.split()
        self.assertEqual(sorted(known), sorted(REFUSALS))
        for what, pattern in REFUSALS.items():
            with self.subTest(what):
                self.check(what, pattern)

    def test_memory_of_the_host_is_refused(self):
        journal = support.Journal(self.folder)
        session = self._start(["launch", "--ipc=host"], ["--", PROGRAM, "sysv-memory"], None, False, None,
                              self.environment(**journal.environment()), True, None)
        support.wait_for(lambda: journal.last() >= 2, "the program with memory of the host's")
        outcome = session.run("snapshot")
        self.assertEqual(outcome.status, 2)
        self.check_sentence(outcome.message, r"process \d+ has System V shared memory mapped at 0x[0-9a-f]+, .* cannot hold")
        self.finish(session, journal)


PROGRAM = sys.argv.pop(1) if len(sys.argv) > 1 else ""

if __name__ == "__main__":
    PROGRAM = support.within_reach(os.path.abspath(PROGRAM))
    support.main()
