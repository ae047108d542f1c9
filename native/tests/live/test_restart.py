# SPDX-License-Identifier: EPL-2.0
"""One self-checking program is saved, killed with all that belongs to it, and restarted from its images.

    test_restart.py NAME PROGRAM        NAME as for stress.py
"""
import os
import re
import shutil
import sys

import snapback_support as support
import stillness
from rows import ROWS


class Restart(support.TestCase):
    def setUp(self):
        super().setUp()
        row = ROWS.get(NAME, {})
        self.refusal = row.get("unsaved", row.get("refusal"))
        self.arguments = row.get("arguments", [])
        self.journal = support.Journal(self.folder)
        more = {k: v.format(folder=os.path.basename(self.folder)) for k, v in row.get("environment", {}).items()}
        self.visible = more.get("LIVE_SHM")
        self.addCleanup(self.remove_visible)
        self.all = self.environment(LIVE_KILLED="1", **self.journal.environment(), **more)

    def remove_visible(self):
        if self.visible and os.path.exists(self.visible):
            os.unlink(self.visible)

    def ticks_pass(self, session, count):
        self.journal.wait_for_ticks(count, alive=lambda: session.process.poll() is None)

    def save(self, session, image, *options):
        """The last tick before the snapshot, and the last one after it."""
        def saved():
            before = self.journal.last()
            outcome = session.run("snapshot", "--save", "-o", image, *options)
            if outcome.status == 0:
                return before, self.journal.last()
            if not self.refusal or not re.search(self.refusal, outcome.message):
                raise AssertionError(f"the snapshot was not saved: {outcome.message}")
            return None
        return support.wait_for(saved, "a moment that can be saved")

    def kill_everything(self, session):
        session.end()
        shutil.rmtree(self.path("run", "snapback"), ignore_errors=True)
        self.remove_visible()

    def go_on(self, image):
        """The restarted session, and the first tick after the restart."""
        seen = len(self.journal.ticks())
        session = self.restart(image, ["--force"], environment=self.all)
        self.ticks_pass(session, 5)
        return session, self.journal.ticks()[seen]

    def check_runs_well(self, session, number):
        """A restarted session is a session like any other."""
        assert session.status()["program_pid"] == number, "the program's number has changed"
        if self.refusal:
            return
        taken = session.snapshot()
        self.ticks_pass(session, 3)
        session.rewind(taken)
        self.ticks_pass(session, 3)

    def test_goes_on_from_its_images(self):
        first = self.launch([PROGRAM, *self.arguments], environment=self.all)
        self.ticks_pass(first, 10)
        number = first.status()["program_pid"]
        before, after = self.save(first, self.path("first.sbi"))
        self.ticks_pass(first, 3)
        self.kill_everything(first)
        # Another session with numbers of its own is there meanwhile.
        other = self.launch(["/bin/sleep", "1000"], environment=self.all)

        session, tick = self.go_on(self.path("first.sbi"))
        assert before < tick <= after + 1, f"saved between ticks {before} and {after}, restarted with {tick}"
        self.check_runs_well(session, number)
        self.save(session, self.path("second.sbi"), "--compress", "zstd")
        other.end()
        self.kill_everything(session)

        session, again = self.go_on(self.path("first.sbi"))
        assert again == tick, f"the second restart went on with tick {again}, the first with {tick}"
        self.kill_everything(session)

        session, _ = self.go_on(self.path("second.sbi"))
        self.check_runs_well(session, number)
        self.journal.ask_to_end()
        status = session.wait()
        assert status == 0, f"the program ended with {status}: {session.shown()}"
        assert self.journal.passed(), "the program ended without its PASS"

    def test_shows_in_proc_what_it_showed(self):
        """A program that was saved while it was stopped comes back stopped, and /proc tells the same of it."""
        first = self.launch([PROGRAM, *self.arguments], environment=self.all)
        self.ticks_pass(first, 10)
        stillness.stop(first)
        then = self.lasting(stillness.views(first, NAME))
        self.save(first, self.path("still.sbi"))
        self.kill_everything(first)
        session = self.restart(self.path("still.sbi"), ["--force"], environment=self.all)
        stillness.wait_until_stopped(session)
        stillness.check_same(then, self.lasting(stillness.views(session, NAME)), "a restart has not brought back")
        stillness.go_on(session)
        self.ticks_pass(session, 3)
        self.journal.ask_to_end()
        assert session.wait() == 0 and self.journal.passed(), session.shown()

    def lasting(self, views):
        """Without what is another one after a restart, as docs/limits.md says: inodes and names of files without a name,
        inodes of shared memory, and private views of files without a name, which are copies then."""
        for view in views.values():
            if NAME == "views":
                view["mappings"] = {}
            for where, what in view["mappings"].items():
                what = re.sub(r"[0-9a-f]+:[0-9a-f]+ \d+ /.* \(deleted\)", "(deleted)", what)
                view["mappings"][where] = re.sub(r" \d+ (/dev/shm/)", r" \1", what)
            for number, what in view["descriptors"].items():
                view["descriptors"][number] = re.sub(r"^/.* \(deleted\)", "(deleted)", what)
        return views


NAME, PROGRAM = sys.argv[1:3] if len(sys.argv) > 2 else ("counter", "")
NAME = NAME.removeprefix("narrow-")

if NAME in stillness.MOVING:
    del Restart.test_shows_in_proc_what_it_showed

if __name__ == "__main__":
    PROGRAM = support.within_reach(os.path.abspath(PROGRAM))
    support.main(sys.argv[:1], own_network=ROWS.get(NAME, {}).get("own_network", False))
