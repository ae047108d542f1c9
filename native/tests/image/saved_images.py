# SPDX-License-Identifier: EPL-2.0
"""What the tests of images share: a program that stands still, and two images of it."""
import os
import signal

import snapback_support as support


class TwoImages(support.TestCase):
    """self.first holds all of programs/standing.c; self.second builds on it, three pages changed."""

    def setUp(self):
        super().setUp()
        self.images = self.path("images")
        os.mkdir(self.images)
        self.session = self.launch([STANDING], name="standing")
        self.wait_for_line("standing 1")
        self.first = self.save("first")
        os.kill(self.session.host_pid(), signal.SIGUSR1)
        self.wait_for_line("standing 2")
        self.second = self.save("second")

    def wait_for_line(self, line):
        support.wait_for(lambda: line in self.session.output_text(), line)

    def save(self, name):
        snapshot = self.session.snapshot(name)
        path = os.path.join(self.images, name + ".img")
        self.session.call("save", snapshot, "-o", path)
        return path

    def call(self, *arguments):
        outcome = self.snapback(*arguments)
        self.assertEqual((outcome.status, outcome.message), (0, ""), arguments)
        return outcome.output

    def refused(self, *arguments, status=2):
        """The one sentence with which it is refused."""
        outcome = self.snapback(*arguments)
        self.assertEqual(outcome.status, status, outcome.message)
        self.assertRegex(outcome.message, r"\Asnapback: [^\n]+\Z")
        return outcome.message


STANDING = None


def main(arguments):
    """Takes the program off the command line."""
    global STANDING
    STANDING = support.within_reach(os.path.abspath(arguments.pop(1)))
    support.main()
