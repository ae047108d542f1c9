# SPDX-License-Identifier: EPL-2.0
"""A program under gdb that starts other processes: they are held and rewound with it."""
import random
import re

import snapback_support as support
from debugging import PROGRAMS, TestCase, main


class Families(TestCase):
    def at_first_step(self, *commands):
        gdb = self.command_line(PROGRAMS["family"])
        for command in commands:
            gdb.do(command)
        gdb.do("break step_done")
        self.assertIn("step_done (at=1)", gdb.do("run"))
        return gdb

    def step(self, gdb):
        return int(re.search(r"at=(\d)", gdb.do("continue")).group(1))

    def children(self, gdb):
        """What the program has started: numbers of living processes whose parent it is, templates left out."""
        inner = int(gdb.value("(int)getpid()"))
        parent = gdb.session.host_pid(inner)
        return [pid for pid in support.descendants(gdb.session.process.pid)
                if support._stat(pid) and support._stat(pid)[0] == parent and support.state_of(pid) not in "Zt"]

    def finish(self, gdb):
        gdb.do("delete")
        shown = gdb.do("continue")
        self.assertIn("all right", shown)
        self.assertIn("exited normally", shown)

    def test_children_are_rewound_with_the_program(self):
        gdb = self.at_first_step()
        counting, shell = gdb.value("child"), gdb.value("shell")
        self.assertEqual(gdb.do("snapshot"), "Snapshot 1 taken.")
        for goal in (2, 3, 4):
            for _ in range(goal - 1):
                self.step(gdb)
            self.assertIn("step_done (at=1)", gdb.do("rewind 1"))
            self.assertEqual((gdb.value("child"), gdb.value("shell")), (counting, shell))
            self.assertEqual(len(self.children(gdb)), 2, list(map(support.describe, gdb.session.processes())))
            support.wait_for(lambda: int(gdb.value("common->count")) > 0, "the child to count")
        self.finish(gdb)

    def test_any_order(self):
        gdb = self.at_first_step()
        steps = {}
        at = 1
        for number in range(1, 5):
            self.assertEqual(gdb.do("snapshot"), f"Snapshot {number} taken.")
            steps[number] = at
            at = self.step(gdb) if number < 4 else at
        for _ in range(8):
            number = CHOICE.choice(list(steps))
            self.assertIn(f"step_done (at={steps[number]})", gdb.do(f"rewind {number}"))
            if steps[number] < 4 and CHOICE.random() < 0.5:
                self.assertEqual(self.step(gdb), steps[number] + 1)
        self.finish(gdb)

    def test_program_that_has_ended_is_built_anew_with_its_children(self):
        gdb = self.at_first_step()
        self.assertEqual(gdb.do("snapshot"), "Snapshot 1 taken.")
        self.finish(gdb)
        gdb.do("break step_done")
        self.assertIn("step_done (at=1)", gdb.do("rewind"))
        self.assertEqual(len(self.children(gdb)), 2)
        self.finish(gdb)

    def test_program_that_is_killed_is_built_anew_with_its_children(self):
        gdb = self.at_first_step()
        self.assertEqual(gdb.do("snapshot"), "Snapshot 1 taken.")
        gdb.do("kill")
        self.assertIn("step_done (at=1)", gdb.do("rewind"))
        self.finish(gdb)

    def test_snapshot_while_it_runs(self):
        gdb = self.at_first_step()
        gdb.do("delete")
        gdb.do("break puts")
        gdb.do("set var common->parent = 0")
        number = gdb.session.snapshot()
        self.assertIn("Breakpoint", gdb.do("continue"))
        gdb.session.rewind(number)
        support.wait_for(lambda: "step_done" in gdb.do("frame"), "the old place")
        gdb.do("delete")
        self.finish(gdb)

    def test_image_of_all(self):
        gdb = self.at_first_step()
        image = self.path("all.sbi")
        gdb.session.call("snapshot", "--save", "-o", image)
        gdb.do("kill")
        gdb.quit()
        session = self.restart(image, ["--force"], ready=False)  # it may have come to its end before anybody asks
        self.assertEqual(session.wait(), 0, session.shown())

    def test_child_that_is_followed(self):
        gdb = self.command_line("/bin/sh", "-c", f"{PROGRAMS['family']}; exit $?")
        gdb.do("set follow-fork-mode child")
        gdb.do("set breakpoint pending on")
        gdb.do("break start_child")
        self.assertIn("start_child ()", gdb.do("run"))
        gdb.do("set follow-fork-mode parent")
        gdb.do("delete")
        gdb.do("break step_done")
        self.assertEqual(self.step(gdb), 1)
        self.assertEqual(gdb.do("snapshot"), "Snapshot 1 taken.")
        self.assertEqual(self.step(gdb), 2)
        self.assertEqual(self.step(gdb), 3)
        self.assertIn("step_done (at=1)", gdb.do("rewind"))
        self.finish(gdb)


CHOICE = random.Random(random.SystemRandom().randrange(10 ** 9))

if __name__ == "__main__":
    main()
