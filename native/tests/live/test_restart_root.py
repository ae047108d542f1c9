# SPDX-License-Identifier: EPL-2.0
"""An image is restarted where another tree of files is the root: executable and libraries are that one's own.

    test_restart_root.py THREADS        a program of this folder
"""
import json
import os
import shutil
import sys

import snapback_support as support

LOADER = "/lib64/ld-linux-x86-64.so.2"
OTHER_ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "other_root.py")


def strings(value):
    """All of a tree of JSON."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from strings(inner)


class OtherRoot(support.TestCase):
    def setUp(self):
        super().setUp()
        self.shared, self.root = self.path("shared"), self.path("root")
        os.mkdir(self.shared)
        self.image = os.path.join(self.shared, "saved.sbi")
        self.journal = support.Journal(self.shared)
        self.all = self.environment(**self.journal.environment())

    def save(self):
        session = self.launch([THREADS], environment=self.all)
        self.journal.wait_for_ticks(5, alive=lambda: session.process.poll() is None)
        session.call("snapshot", "--save", "-o", self.image)
        session.end()

    def copy(self, path, into=None):
        target = self.root + (into or path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy2(path, target)

    def make_tree(self):
        told = json.loads(self.snapback("inspect", "--json", self.image).output)
        for path in set(strings(told)):
            if path.startswith("/") and os.path.isfile(path) and not path.startswith((self.shared, "/dev/", "/proc/")):
                self.copy(path)
        self.copy(LOADER)
        self.copy(support.program("snapback"), "/bin/snapback")
        os.makedirs(self.root + self.path("work"), exist_ok=True)

    def test_program_goes_on_with_the_files_of_that_tree(self):
        self.save()
        self.make_tree()
        seen = len(self.journal.ticks())
        socket = os.path.join(self.shared, "socket")
        process = self.run_beside([sys.executable, "-B", support.within_reach(OTHER_ROOT), self.root, self.shared, "/bin/snapback",
                                   "restart", "--force", "--control", socket, self.image], environment=self.all)
        self.journal.wait_for_ticks(seen + 3 - len(self.journal.ticks()), alive=lambda: process.poll() is None)
        status = json.loads(self.snapback("status", "-s", socket, "--json").output)
        own, before = (os.stat(path) for path in (f"/proc/{status['program_host_pid']}/exe", THREADS))
        self.assertEqual((own.st_dev, own.st_ino), self.identity(self.root + THREADS))
        self.assertNotEqual(own.st_ino, before.st_ino)
        self.assertEqual(self.snapback("snapshot", "-s", socket).status, 0)
        self.journal.wait_for_ticks(3)
        self.assertEqual(self.snapback("rewind", "-s", socket).status, 0)
        self.journal.ask_to_end()
        self.assertEqual(process.wait(support.PATIENCE), 0)
        self.assertTrue(self.journal.passed())

    @staticmethod
    def identity(path):
        found = os.stat(path)
        return found.st_dev, found.st_ino


THREADS = sys.argv[1] if len(sys.argv) > 1 else ""
del sys.argv[1:2]

if __name__ == "__main__":
    THREADS = support.within_reach(os.path.abspath(THREADS))
    support.main()
