# SPDX-License-Identifier: EPL-2.0
"""Trees of 32-bit and 64-bit programs: each is the parent of both kinds, and all go back, are saved and restarted together.

    test_kinds.py FOLDER NARROW_FOLDER        programs of this folder, built as either kind
"""
import os
import random
import signal
import sys

import snapback_support as support

ROUNDS = 6
NAMES = ("threads", "signals")


class Kinds(support.TestCase):
    def setUp(self):
        super().setUp()
        self.journals = {f"{kind}-{name}": support.Journal(self.folder, f"{kind}-{name}")
                         for kind in FOLDERS for name in NAMES}
        self.stop = next(iter(self.journals.values())).stop_path

    def start(self, kind):
        """A program of that kind that starts programs of both."""
        words = []
        for name, journal in self.journals.items():
            words += [journal.path, os.path.join(FOLDERS[name.split("-")[0]], name.split("-")[1])]
        self.all = self.environment(LIVE_STOP=self.stop, LIVE_JOURNAL="/dev/null")
        return self.launch([os.path.join(FOLDERS[kind], "starter"), *words], environment=self.all)

    def all_tick(self, session, count):
        for journal in self.journals.values():
            journal.wait_for_ticks(count, alive=lambda: session.process.poll() is None)

    def kill_one(self, session):
        """A child ends that the snapshot has: its parent, of either kind, has to make it again."""
        children = [p for p in support.descendants(session.host_pid()) if support.state_of(p) not in ("t", "Z")]
        os.kill(CHOICE.choice(children), signal.SIGKILL)

    def go_on_elsewhere(self, session, image):
        session.call("snapshot", "--save", "-o", image)
        session.end()
        return self.restart(image, ["--force"], environment=self.all)

    def check(self, kind):
        session = self.start(kind)
        self.all_tick(session, 5)
        for turn in range(2):
            taken = []
            for _ in range(ROUNDS):
                taken.append(session.snapshot())
                self.all_tick(session, CHOICE.randrange(1, 20))
                if CHOICE.random() < 0.5:
                    self.kill_one(session)
                session.rewind(CHOICE.choice(taken))
                self.all_tick(session, 3)
            session = self.go_on_elsewhere(session, self.path(f"{turn}.sbi"))
            self.all_tick(session, 5)
        with open(self.stop, "w"):
            pass
        self.assertEqual(session.wait(), 0, session.shown())
        for name, journal in self.journals.items():
            self.assertTrue(journal.passed(), name)

    def test_program_that_becomes_one_of_the_other_kind(self):
        journal = support.Journal(self.folder)
        paths = [os.path.join(folder, "execs") for folder in FOLDERS.values()]
        self.all = self.environment(LIVE_OTHERS=":".join(paths), **journal.environment())
        session, taken, kinds = self.launch(paths[:1], environment=self.all), [], set()
        for turn in range(2):
            taken = []
            for _ in range(4 * ROUNDS):
                journal.wait_for_ticks(CHOICE.randrange(1, 60), alive=lambda: session.process.poll() is None)
                kinds.add(os.readlink(f"/proc/{session.host_pid()}/exe"))
                if len(taken) < ROUNDS:
                    taken.append(session.snapshot())
                session.rewind(CHOICE.choice(taken))
            session = self.go_on_elsewhere(session, self.path(f"{turn}.sbi"))
        journal.ask_to_end()
        self.assertEqual(session.wait(), 0, session.shown())
        self.assertTrue(journal.passed())
        self.assertEqual(kinds, set(paths))

    def test_64_bit_parent(self):
        self.check("wide")

    def test_32_bit_parent(self):
        self.check("narrow")


SEED = int(os.environ.get("SNAPBACK_STRESS_SEED", random.SystemRandom().randrange(10 ** 9)))
CHOICE = random.Random(SEED)
FOLDERS = {}

if __name__ == "__main__":
    print(f"SNAPBACK_STRESS_SEED={SEED}", flush=True)
    FOLDERS = {"wide": support.folder_within_reach(sys.argv.pop(1)), "narrow": support.folder_within_reach(sys.argv.pop(1))}
    support.main()
