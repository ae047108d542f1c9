# SPDX-License-Identifier: EPL-2.0
"""How the memory of a restarted program is filled: in huge pages where there are enough, and under no other advice than before.

    test_restart_memory.py PAGES        a program of this folder
"""
import os
import re
import sys
import unittest

import snapback_support as support

MIB = 48
KIB_OF_IT = MIB * 1024 * 3 // 4  # its ends may share a huge page with something else


def huge_pages_are_on_advice():
    try:
        with open("/sys/kernel/mm/transparent_hugepage/enabled") as file:
            return "[madvise]" in file.read()
    except OSError:
        return False


def can_move_pages():
    return tuple(int(n) for n in re.findall(r"\d+", os.uname().release)[:2]) >= (6, 8)


class Memory(support.TestCase):
    def setUp(self):
        super().setUp()
        self.image = self.path("saved.sbi")
        self.journal = support.Journal(self.folder)
        self.all = self.environment(**self.journal.environment())

    def ticks_pass(self, session, count):
        self.journal.wait_for_ticks(count, alive=lambda: session.process.poll() is None)

    def save(self):
        session = self.launch([PAGES, str(MIB), "dense"], environment=self.all)
        self.ticks_pass(session, 5)
        session.call("snapshot", "--save", "-o", self.image)
        session.end()

    def go_on(self, **more):
        session = self.restart(self.image, ["--force"], environment=self.all, **more)
        self.ticks_pass(session, 3)
        return session

    def finish(self, session):
        self.journal.ask_to_end()
        self.assertEqual(session.wait(), 0, session.shown())
        self.assertTrue(self.journal.passed())

    def blocks(self, session):
        """Of each anonymous mapping: KiB there, KiB of them in huge pages, flags."""
        with open(f"/proc/{session.status()['program_host_pid']}/smaps") as file:
            text = file.read()
        for block in re.split(r"\n(?=[0-9a-f]+-[0-9a-f]+ )", text):
            there, huge = (int(re.search(rf"^{name}: +(\d+) kB", block, re.M)[1]) for name in ("Rss", "AnonHugePages"))
            yield there, huge, re.search(r"^VmFlags: (.*)", block, re.M)[1].split()

    def test_dense_memory_is_in_huge_pages_without_advice(self):
        if not huge_pages_are_on_advice() or not can_move_pages():
            raise unittest.SkipTest("this kernel does not give huge pages on advice, or cannot move pages (UFFDIO_MOVE)")
        self.save()
        session = self.go_on()
        there, huge, _ = max(self.blocks(session))
        self.assertGreater(there, KIB_OF_IT)
        self.assertGreater(huge, KIB_OF_IT)
        for _, _, flags in self.blocks(session):
            self.assertFalse({"hg", "nh", "um"} & set(flags), flags)
        self.finish(session)

    def test_pages_that_cannot_be_moved_are_copied(self):
        self.save()
        session = self.go_on(faults="restart_move")
        there, huge, _ = max(self.blocks(session))
        self.assertGreater(there, KIB_OF_IT)
        self.assertEqual(huge, 0)
        self.finish(session)


PAGES = sys.argv[1] if len(sys.argv) > 1 else ""
del sys.argv[1:2]

if __name__ == "__main__":
    PAGES = support.within_reach(os.path.abspath(PAGES))
    support.main()
