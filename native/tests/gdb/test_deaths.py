# SPDX-License-Identifier: EPL-2.0
"""Whoever is killed, and whenever: no process and no socket stays. The test case itself looks for both at its end."""
import os
import random
import signal
import threading
import time

import snapback_support as support
from debugging import PROGRAMS, TestCase, main


class Deaths(TestCase):
    def at_work(self):
        """gdb with a stopped program and two snapshots."""
        gdb = self.command_line(PROGRAMS["steps"], "3")
        gdb.do("break note")
        gdb.do("run")
        gdb.do("snapshot")
        gdb.do("continue")
        gdb.do("snapshot")
        return gdb

    def children(self, gdb):
        outer = gdb.session.process.pid
        supervisor = next(p for p in support.descendants(outer) if support._stat(p)[0] == outer)
        debugger = next(p for p in support.descendants(outer) if support._stat(p)[0] == supervisor)
        return supervisor, debugger, gdb.session.host_pid()

    def test_of_the_supervisor(self):
        gdb = self.at_work()
        os.kill(self.children(gdb)[0], signal.SIGKILL)
        self.assertNotEqual(gdb.session.wait(), 0)

    def test_of_gdb(self):
        gdb = self.at_work()
        os.kill(self.children(gdb)[1], signal.SIGKILL)
        self.assertEqual(gdb.session.wait(), -signal.SIGKILL)

    def test_of_the_outer_process(self):
        gdb = self.at_work()
        os.kill(gdb.session.process.pid, signal.SIGKILL)
        self.assertEqual(gdb.session.wait(), -signal.SIGKILL)

    def test_of_the_program(self):
        gdb = self.at_work()
        os.kill(self.children(gdb)[2], signal.SIGKILL)
        gdb.do("rewind 1")
        self.assertEqual(gdb.value("counter"), "0")
        gdb.do("delete")
        self.assertIn("exited with code 07", gdb.do("continue"))
        self.assertEqual(gdb.quit(), 0)

    def test_of_the_owner_of_the_terminal(self):
        """An IDE that is killed leaves a terminal without its other end."""
        for moment in ("", "snapshot\n", "rewind 1\n", "continue\n"):
            with self.subTest(moment):
                gdb = self.at_work()
                gdb.terminal.send(moment)
                os.close(gdb.terminal.master)
                gdb.terminal.master = -1
                gdb.session.process.wait(support.PATIENCE)

    def test_by_quitting_in_the_middle(self):
        gdb = self.at_work()
        gdb.do("rewind 1")
        self.assertEqual(gdb.quit(), 0)

    def test_of_anyone_at_any_moment(self):
        random.seed(7)
        for victim in (0, 1, 2, 1, 2):
            gdb = self.at_work()
            pids = self.children(gdb)
            over = threading.Event()

            def work(terminal=gdb.terminal, over=over):
                for which in (1, 2) * 50:
                    if over.is_set():
                        return
                    try:
                        terminal.send(f"rewind {which}\n")
                        terminal.expect(r"\(gdb\) ", 5)
                    except (OSError, AssertionError):
                        return
            worker = threading.Thread(target=work)
            worker.start()
            time.sleep(random.uniform(0.05, 0.4))  # the moment is what is random here
            try:
                os.kill(pids[victim], signal.SIGKILL)
            except ProcessLookupError:
                pass
            time.sleep(0.05)
            over.set()
            worker.join()
            if victim == 2:
                gdb.session.end()
            else:
                gdb.session.wait()


class Templates(TestCase):
    """They are children of the program, which cannot know that it has to reap them."""

    def at_note(self):
        gdb = self.command_line(PROGRAMS["steps"], "0")
        gdb.do("break note")
        gdb.do("run")
        return gdb

    def test_one_that_is_killed_is_in_nobodys_way(self):
        gdb = self.at_note()
        gdb.do("snapshot")
        template, = support.descendants(gdb.session.host_pid())
        os.kill(template, signal.SIGKILL)
        support.wait_for(lambda: gdb.session.list() == [], "the lost snapshot to leave the list")
        self.assertIn("taken", gdb.do("snapshot"))
        self.assertIn("taken", gdb.do("snapshot"))

    def test_many_that_are_deleted_at_once_are_in_nobodys_way(self):
        gdb = self.at_note()
        gdb.do("python for i in range(300): gdb.execute('snapshot', to_string=True)")
        gdb.session.delete()
        self.assertIn("taken", gdb.do("snapshot"))
        self.assertIn("taken", gdb.do("snapshot"))


if __name__ == "__main__":
    main()
