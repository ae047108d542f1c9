# SPDX-License-Identifier: EPL-2.0
"""A program that stands still and changes everything when told to: after a rewind /proc shows what it showed before."""
import os
import sys

import proc_view
import snapback_support as support


class Quiet(support.TestCase):
    def setUp(self):
        super().setUp()
        self.fifo = self.path("orders")
        os.mkfifo(self.fifo)
        self.journal = support.Journal(self.folder)
        self.session = self.launch([PROGRAM, self.fifo], environment=self.environment(**self.journal.environment()))
        support.wait_for(lambda: self.journal.last() == 1, "the program's first tick")
        self.orders = os.open(self.fifo, os.O_WRONLY)
        self.addCleanup(os.close, self.orders)
        self.pid = self.session.host_pid()

    def order(self, letter):
        ticks = len(self.journal.ticks())
        os.write(self.orders, letter.encode())
        support.wait_for(lambda: len(self.journal.ticks()) > ticks, f"the answer to order {letter}")

    def settled_view(self):
        """The view once all threads sleep in the system calls that they go to."""
        last = [None]

        def is_settled():
            previous, last[0] = last[0], proc_view.view(self.pid)
            return previous == last[0]
        support.wait_for(is_settled, "a program that stands still")
        return last[0]

    def check_same(self, then, now, what):
        lines = proc_view.differences(then, now)
        self.assertEqual(lines, [], f"{what}:\n" + "\n".join(lines))

    def test_snapshot_changes_nothing(self):
        before = self.settled_view()
        for _ in range(3):
            self.session.snapshot()
        self.check_same(before, self.settled_view(), "a snapshot has changed")

    def test_rewind_brings_everything_back(self):
        before = self.settled_view()
        first = self.session.snapshot()
        for _ in range(3):
            self.order("m")
            changed = self.settled_view()
            self.assertGreater(len(proc_view.differences(before, changed)), 20)
            second = self.session.snapshot()
            self.session.rewind(first)
            self.check_same(before, self.settled_view(), "a rewind has not brought back")
            self.session.rewind(second)
            self.check_same(changed, self.settled_view(), "a rewind to later has not brought back")
            self.session.rewind(first)
        self.order("c")
        self.session.rewind(first)
        self.order("c")

    def tearDown(self):
        if self.session.process.poll() is None:
            self.session.end()
        if os.path.exists(self.path("tmp", "quiet")):
            os.unlink(self.path("tmp", "quiet"))
        super().tearDown()


PROGRAM = sys.argv.pop(1) if len(sys.argv) > 1 else ""

if __name__ == "__main__":
    PROGRAM = support.within_reach(os.path.abspath(PROGRAM))
    support.main()
