# SPDX-License-Identifier: EPL-2.0
"""The Python module over libsnapback, with the real python3."""
import os
import subprocess
import sys

import snapback_support as support
from journal import Journal

# Tells in a journal what it comes back to; the other thread works on all the time.
PROGRAM = """
import sys, threading, time
import snapback

def tell(*words):
    with open(sys.argv[1], "a") as journal:
        print(*words, file=journal)

work = 0
def run():
    global work
    while True:
        work += 1
        time.sleep(0.0005)
threading.Thread(target=run, daemon=True).start()

tell("controlled:", snapback.is_controlled(), snapback.version())
value = 1
answer = snapback.snapshot("first")
tell("first:", answer.name, value)
value = 2
with snapback.disabled():
    with snapback.disabled():
        tell("status:", snapback.status())
    try:
        snapback.snapshot()
    except snapback.Error as error:
        tell("error:", error.errno, error.strerror)
tell("second:", snapback.snapshot(f"second after {answer.name}").name)
try:
    snapback.enable()
except OSError as error:
    tell("error:", error.errno)
while True:
    before = work
    time.sleep(0.01)
    tell("work:", work > before)
"""


class Python(support.TestCase):
    def setUp(self):
        super().setUp()
        self.journal = Journal(self.path("journal"))
        self.script = self.path("program.py")
        with open(self.script, "w") as file:
            file.write(PROGRAM)
        self.python_environment = self.environment(PYTHONPATH=MODULES, LD_LIBRARY_PATH=LIBRARIES,
                                                     PYTHONDONTWRITEBYTECODE="1")

    def python(self, *arguments, environment=None):
        return subprocess.run(["/usr/bin/python3", *arguments], env=environment or self.python_environment,
                              capture_output=True, text=True, timeout=support.PATIENCE)

    def test_a_script_takes_its_own_snapshots(self):
        session = self.launch(["/usr/bin/python3", self.script, self.journal.path], environment=self.python_environment)
        self.journal.next("^controlled: True [0-9.]+$")
        self.journal.next("^first: WENT_ON 1$")
        self.journal.next(r"^status: Status\(session='t0', is_debugged=False, disabled=2, snapshots=1, "
                          r"current_snapshot=1\)$")
        self.journal.next("^error: 35 this thread has disabled snapshots itself")
        self.journal.next("^second: WENT_ON$")
        self.journal.next("^error: 22$")
        for _ in range(3):
            session.rewind("first")
            self.journal.next("^first: AFTER_REWIND 1$")
            self.journal.next("^second: WENT_ON$")
            self.journal.next("^work: True$")
        session.rewind("second after WENT_ON")
        self.journal.next("^second: AFTER_REWIND$")

    def test_a_script_goes_on_from_its_image(self):
        session = self.launch(["/usr/bin/python3", self.script, self.journal.path], environment=self.python_environment)
        self.journal.next("^second: WENT_ON$")
        session.call("save", "first", "-o", self.path("first.sbi"))
        session.end()
        self.restart(self.path("first.sbi"), environment=self.python_environment)
        self.journal.next("^first: AFTER_RESTART 1$")
        self.journal.next("^second: WENT_ON$")
        self.journal.next("^work: True$")

    def test_outside_of_control_everything_says_so(self):
        done = self.python("-c", "import snapback\nprint(snapback.is_controlled())\nsnapback.snapshot()")
        self.assertEqual(done.stdout, "False\n")
        self.assertIn("[Errno 107] this process is not under Snapback's control", done.stderr)

    def test_a_missing_library_is_named(self):
        alone = self.path("alone")
        os.mkdir(alone)
        os.symlink(os.path.join(MODULES, "snapback.py"), os.path.join(alone, "snapback.py"))
        done = self.python("-c", "import snapback", environment=self.environment(PYTHONPATH=alone))
        self.assertIn("ImportError: snapback: libsnapback.so.0 cannot be loaded", done.stderr)


if __name__ == "__main__":
    LIBRARIES = os.path.dirname(support.within_reach(os.path.abspath(sys.argv.pop(1))))
    MODULES = os.path.dirname(support.within_reach(os.path.abspath(sys.argv.pop(1))))
    support.main()
