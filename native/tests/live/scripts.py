# SPDX-License-Identifier: EPL-2.0
"""What tests of scripts share, which tell a journal each of their steps up to a last one."""
import subprocess

import snapback_support as support


class Stepping(support.TestCase):
    STEPS = None  # the number of the last one

    def undisturbed(self, command):
        journal = support.Journal(self.folder, "undisturbed")
        journal.ask_to_end()
        done = subprocess.run(command, env=self.environment(**journal.environment()), cwd=self.path("work"),
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def pass_steps(self, session, journal, count):
        """So many more steps of the script, unless it has taken its last."""
        goal = len(journal.ticks()) + count

        def has_come():
            self.assertIsNone(session.process.poll(), session.shown())
            return len(journal.ticks()) >= goal or journal.last() == self.STEPS
        support.wait_for(has_come, "the next step")
