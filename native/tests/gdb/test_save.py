# SPDX-License-Identifier: EPL-2.0
"""Saving from gdb: its own command, what is shown, and no breakpoint in an image."""
import os
import re

from debugging import PROGRAMS, TestCase, main


class SaveTest(TestCase):
    def at_note(self):
        gdb = self.command_line(PROGRAMS["steps"], "0")
        gdb.do("break note")
        gdb.do("run")
        return gdb

    def wait_until_saved(self, gdb, number):
        return gdb.terminal.expect(rf"Snapshot {number} is saved: (\S+)\.\r?\n\(gdb\) ").group(1)

    def save(self, gdb, number, *arguments):
        self.assertEqual(gdb.do(f"save snapshot {' '.join(arguments)}"), f"Snapshot {number} is being saved.")
        path = self.wait_until_saved(gdb, number)
        outcome = self.snapback("verify", path)
        self.assertEqual(outcome.status, 0, outcome.message)
        return path

    def test_saves_by_number_name_and_the_last(self):
        gdb = self.at_note()
        gdb.do("snapshot before")
        gdb.do("next")
        gdb.do("snapshot")
        first = self.path("first.snapback")
        self.assertEqual(self.save(gdb, 1, "-o", first, "before"), first)
        folder = self.path("many")
        os.mkdir(folder)
        second = self.save(gdb, 2, "-o", folder)
        self.assertEqual(os.path.dirname(second), folder)
        shown = gdb.do("info snapshots")
        self.assertRegex(shown, r"Num +Name +Taken +Threads +Memory +Saved +Where")
        self.assertIn("Snapshot 1 is saved in " + first, shown)
        self.assertIn("Snapshot 2 is saved in " + second, shown)
        self.assertEqual(gdb.quit(), 0)

    def test_tells_what_went_wrong(self):
        gdb = self.at_note()
        self.assertIn('There is no snapshot yet: "snapshot" takes one.', gdb.do("save snapshot"))
        gdb.do("snapshot")
        self.assertIn('There is no snapshot "nonsense"', gdb.do("save snapshot nonsense"))
        gdb.do("save snapshot -o /nowhere/x")
        gdb.terminal.expect(r"Snapshot 1 was not saved: cannot open the folder /nowhere: No such file")
        gdb.terminal.expect(r"\(gdb\) ")
        self.assertEqual(gdb.quit(), 0)

    def test_leaves_gdbs_own_command_alone(self):
        gdb = self.at_note()
        path = self.path("breakpoints")
        self.assertIn("Saved to file", gdb.do("save breakpoints " + path))
        with open(path) as file:
            self.assertIn("break note", file.read())
        self.assertEqual(gdb.quit(), 0)

    def test_saves_no_breakpoint(self):
        gdb = self.at_note()
        code = gdb.do("x/16xb note")
        gdb.do("snapshot")
        image = self.save(gdb, 1, "-o", self.path("a.snapback"))
        core = self.path("core")
        outcome = self.snapback("core", image, "-o", core)
        self.assertEqual(outcome.status, 0, outcome.message)
        gdb.do("kill")
        gdb.do("core-file " + core)
        bytes_of = lambda text: re.findall(r"0x[0-9a-f]{2}\b", text)
        self.assertEqual(bytes_of(gdb.do("x/16xb note")), bytes_of(code))
        self.assertEqual(gdb.value("step"), "0")
        self.assertEqual(gdb.quit(), 0)


if __name__ == "__main__":
    main()
