# SPDX-License-Identifier: EPL-2.0
"""Core files of images, as gdb sees them."""
import os
import shutil
import subprocess
import sys
import unittest

import saved_images


@unittest.skipUnless(shutil.which("gdb"), "needs gdb")
class Core(saved_images.TwoImages):
    def gdb(self, core, *commands):
        told = [word for command in commands for word in ("-ex", command)]
        done = subprocess.run(["gdb", "-nx", "-q", "-batch", "-iex", "set debuginfod enabled off", *told,
                               saved_images.STANDING, core],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, env=self.environment(), timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def make_core(self, image):
        core = self.path("standing.core")
        self.call("core", image, "-o", core)
        return core

    def test_shows_threads_stacks_and_memory_to_gdb(self):
        text = self.gdb(self.make_core(self.second), "info threads", "thread apply all bt", "p/d area[3 * 4096]",
                        "p/d area[6 * 4096]", "p/d area[7 * 4096]", "p (char *)shared", "info auxv", "info proc mappings")
        self.assertRegex(text, r"(?m)^\* 1 .*LWP \d+")
        self.assertRegex(text, r"(?m)^  2 .*LWP \d+.*spin_here")
        self.assertRegex(text, r"#\d+ .* in stand \(depth=0\) at .*standing\.c")
        self.assertRegex(text, r"#\d+ .* in main \(\) at .*standing\.c")
        for answer in ("$1 = 101", "$2 = 7", "$3 = 0", '"shared words"'):
            self.assertIn(answer, text)
        self.assertIn("AT_ENTRY", text)
        self.assertRegex(text, r"0x10000000 |/standing")
        self.assertNotIn("Program terminated", text)

    def test_is_for_its_owner_alone_and_replaces_no_folder(self):
        self.assertEqual(os.stat(self.make_core(self.first)).st_mode & 0o777, 0o600)
        self.assertIn("not a file", self.refused("core", self.first, "-o", self.images))

    def test_refuses_a_process_that_is_not_there(self):
        self.assertIn("holds no process 7", self.refused("core", "--process", "7", self.first, "-o", self.path("core")))
        self.assertFalse(os.path.exists(self.path("core")))


if __name__ == "__main__":
    saved_images.main(sys.argv)
