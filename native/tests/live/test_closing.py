# SPDX-License-Identifier: EPL-2.0
"""What the program closes is closed at once, whatever snapshots are taken: no template holds it a moment longer."""
import fcntl
import os
import sys

import snapback_support as support

# Locks of ours on a file that the program only holds: the kernel looks through all of them at each close of it, so that
# whoever closes a copy of the program's descriptors takes long enough to be seen.
LOCKS = 5000
SNAPSHOTS = 30


class Closing(support.TestCase):
    def setUp(self):
        super().setUp()
        self.journal = support.Journal(self.folder)
        locked = open(self.path("locked"), "w+b")
        self.addCleanup(locked.close)
        for i in range(LOCKS):
            fcntl.lockf(locked, fcntl.LOCK_EX, 1, 2 * i)
        self.session = self.launch([PROGRAM, self.path("locked")],
                                   environment=self.environment(**self.journal.environment()))

    def ticks_pass(self, count):
        self.journal.wait_for_ticks(count, alive=lambda: self.session.process.poll() is None)

    def finish(self):
        self.journal.ask_to_end()
        self.assertEqual(self.session.wait(), 0, self.session.shown())
        self.assertTrue(self.journal.passed())

    def test_a_lock_goes_with_its_file(self):
        self.ticks_pass(1)
        for _ in range(SNAPSHOTS):
            self.session.snapshot()
            self.ticks_pass(1)
        self.finish()


PROGRAM = sys.argv.pop(1) if len(sys.argv) > 1 else ""

if __name__ == "__main__":
    PROGRAM = support.within_reach(os.path.abspath(PROGRAM))
    support.main()
