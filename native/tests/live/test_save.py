# SPDX-License-Identifier: EPL-2.0
"""Saving to images: in the background, incremental, at an interval, cancelled, and when things go wrong."""
import json
import os
import random
import re
import signal
import subprocess
import sys
import time

import snapback_support as support

PROGRAM = None  # programs/saving
KILLS_OF_WRITERS, KILLS_OF_SUPERVISORS = 140, 60
CLEARLY_SMALLER = 4


class Saves(support.TestCase):
    def setUp(self):
        super().setUp()
        self.images = self.path("images")
        os.mkdir(self.images)

    def image(self, name="a.snapback"):
        return os.path.join(self.images, name)

    def start(self, mebibytes=4, name=None, options=(), faults=None, terminal=False):
        """A session of the program; its journal."""
        journal = support.Journal(self.folder, f"journal-{len(self.sessions)}")
        session = self._start(["launch"], [*options, "--", PROGRAM, mebibytes], name, terminal, faults,
                              self.environment(**journal.environment()), True, None)
        journal.wait_for_ticks(1, alive=lambda: session.process.poll() is None)
        return session, journal

    def verify(self, path):
        outcome = self.snapback("verify", path)
        self.assertEqual(outcome.status, 0, outcome.message)

    def inspect(self, path):
        return json.loads(self.snapback("inspect", "--json", path).output)

    def files(self):
        return sorted(os.listdir(self.images))

    def entry(self, session, number):
        return next(entry for entry in session.list() if entry["id"] == number)

    def finish(self, session, journal):
        """The program is unharmed: it checks all its memory at its end."""
        journal.wait_for_ticks(3, alive=lambda: session.process.poll() is None)
        journal.ask_to_end()
        self.assertEqual(session.wait(), 0, session.shown())
        self.assertTrue(journal.passed())

    def in_background(self, session, *arguments):
        """`snapback save …` that goes on; ended with the test."""
        return subprocess.Popen([support.program("snapback"), "save", "-s", session.name, *map(str, arguments)],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                env=session.environment, cwd=self.path("work"))

    def writers(self, session):
        """Host numbers of the processes that write for the session."""
        found = []
        for pid in support.descendants(session.process.pid):
            try:
                with open(f"/proc/{pid}/comm") as file:
                    if file.read() == "snapback-save\n":
                        found.append(pid)
            except OSError:
                pass
        return found

    def wait_until_written(self, session):
        """A process writes, and has begun to."""
        return support.wait_for(lambda: self.writers(session), "the process that writes")[0]

    def kill(self, pid):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


class Saving(Saves):
    def test_goes_on_in_the_background(self):
        session, journal = self.start(64)
        number = session.snapshot("here")
        ticks = len(journal.ticks())
        output = session.call("save", "-o", self.image())
        journal.wait_for_ticks(1)
        self.assertRegex(output, rf"\A{re.escape(self.image())} \(6\d\.\d MiB\)\n\Z")
        self.assertGreater(len(journal.ticks()), ticks)
        self.verify(self.image())
        self.assertEqual(os.stat(self.image()).st_mode & 0o777, 0o600)
        entry = self.entry(session, number)
        self.assertEqual((entry["image"], entry["saving"]), (self.image(), False))
        self.assertEqual(entry["saved_bytes"], os.stat(self.image()).st_size)
        self.assertEqual(self.files(), ["a.snapback"])
        self.finish(session, journal)

    def test_takes_and_saves_at_once(self):
        session, journal = self.start()
        output = session.call("snapshot", "--name", "both", "--save", "-o", self.images)
        number, line = output.splitlines()
        path = line.rpartition(" (")[0]
        self.assertRegex(os.path.basename(path), rf"\A{session.name}-\d{{8}}-\d{{6}}-{number}\.snapback\Z")
        self.verify(path)
        found = self.inspect(path)
        self.assertEqual(found["name"], "both")
        self.finish(session, journal)

    def test_a_relative_path_is_the_clients_own(self):
        session, journal = self.start()
        session.snapshot()
        here = self.path("here")
        os.mkdir(here)
        done = subprocess.run([support.program("snapback"), "save", "-s", session.name, "-o", "r.snapback"], cwd=here,
                              env=session.environment, capture_output=True, text=True, timeout=support.PATIENCE)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.verify(os.path.join(here, "r.snapback"))
        self.finish(session, journal)

    def test_stores_only_what_has_changed(self):
        session, journal = self.start(64)
        session.snapshot()
        session.call("save", "-o", self.image())
        journal.wait_for_ticks(5)
        output = session.call("snapshot", "--save", "-o", self.image("b.snapback"))
        self.assertIn("builds on " + self.image(), output)
        self.assertLess(os.stat(self.image("b.snapback")).st_size * CLEARLY_SMALLER, os.stat(self.image()).st_size)
        self.verify(self.image("b.snapback"))
        # Also after a rewind.
        session.rewind(1)
        journal.wait_for_ticks(3)
        output = session.call("snapshot", "--save", "-o", self.image("c.snapback"))
        self.assertIn("builds on " + self.images, output)
        self.assertLess(os.stat(self.image("c.snapback")).st_size * CLEARLY_SMALLER, os.stat(self.image()).st_size)
        output = session.call("snapshot", "--save", "--full", "-o", self.image("d.snapback"))
        self.assertNotIn("builds on", output)
        for name in self.files():
            self.verify(self.image(name))
        self.finish(session, journal)

    def test_what_is_referred_to_is_the_right_memory(self):
        session, journal = self.start(8)
        for i in range(8):
            journal.wait_for_ticks(random.randrange(2, 30))
            session.call("snapshot", "--save", "-o", self.image(f"{i}.snapback"))
            if i % 2:
                session.rewind(random.choice(session.list())["id"])
            if i % 3 == 2:
                session.delete(i)
        self.finish(session, journal)
        for i in range(8):
            # The program finds that it is to end, checks all its memory, and says so.
            outcome = self.snapback("restart", "--force", self.image(f"{i}.snapback"))
            self.assertEqual(outcome.status, 0, outcome.message)
            self.assertEqual(journal.read().count("PASS"), i + 2)

    def test_stands_alone_when_the_older_image_has_gone(self):
        session, journal = self.start()
        session.snapshot()
        session.call("save", "-o", self.image())
        os.rename(self.image(), self.image("moved"))
        output = session.call("snapshot", "--save", "-o", self.image("b.snapback"))
        self.assertNotIn("builds on", output)
        self.verify(self.image("b.snapback"))
        # An image never builds on the file that it replaces.
        output = session.call("snapshot", "--save", "-o", self.image("b.snapback"))
        self.assertNotIn("builds on", output)
        self.verify(self.image("b.snapback"))
        self.finish(session, journal)

    def test_does_not_take_the_ground_from_under_another_image(self):
        session, journal = self.start()
        session.call("snapshot", "--save", "-o", self.image())
        session.call("snapshot", "--save", "-o", self.image("b.snapback"))
        outcome = session.run("snapshot", "--save", "-o", self.image())
        self.assertEqual(outcome.status, 2)
        self.assertIn("b.snapback builds on it", outcome.message)
        for name in self.files():
            self.verify(self.image(name))
        self.finish(session, journal)

    def test_deletes_images_too_when_told_so(self):
        session, journal = self.start()
        session.call("snapshot", "--save", "-o", self.image())
        session.call("snapshot", "--save", "-o", self.image("b.snapback"))
        outcome = session.run("delete", "--images", 1)
        self.assertEqual(outcome.status, 2)
        self.assertIn("b.snapback builds on it", outcome.message)
        self.assertEqual((len(session.list()), len(self.files())), (2, 2))
        session.call("delete", 1)
        self.assertEqual(len(self.files()), 2)
        session.call("delete", "--images", 2)
        self.assertEqual(self.files(), ["a.snapback"])
        self.finish(session, journal)

    def test_shows_progress_and_is_cancelled_by_an_interrupt(self):
        session, journal = self.start(256)
        session.snapshot()
        terminal = self.on_terminal([support.program("snapback"), "save", "-s", session.name, "--compress", "zstd",
                                     "-o", self.image()], session.environment)
        terminal.expect(r"saving: +\d+ %, \d+")
        terminal.send("\x03")
        self.assertEqual(terminal.wait(), 2, terminal.transcript)
        self.assertIn("snapback: saving was cancelled, nothing has been written", terminal.transcript)
        self.assertEqual(self.files(), [])
        self.assertFalse(self.entry(session, 1)["saving"])
        session.call("save", "-o", self.image())
        self.verify(self.image())
        self.finish(session, journal)

    def test_outlives_the_client(self):
        session, journal = self.start(128)
        session.snapshot()
        client = self.in_background(session, "--compress", "zstd", "-o", self.image())
        self.wait_until_written(session)
        client.kill()
        client.communicate()
        support.wait_for(lambda: self.entry(session, 1)["image"], "the image")
        self.verify(self.image())
        self.finish(session, journal)

    def test_the_session_answers_meanwhile(self):
        session, journal = self.start(512)
        session.snapshot()
        client = self.in_background(session, "--compress", "zstd", "-o", self.image())
        self.wait_until_written(session)
        times = []
        while client.poll() is None and len(times) < 20:
            begun = time.monotonic()
            self.assertTrue(session.status()["program_pid"])
            times.append(time.monotonic() - begun)
        # The program can be captured and rewound as well.
        number = session.snapshot()
        session.rewind(number)
        journal.wait_for_ticks(2)
        self.assertEqual(client.wait(3 * support.PATIENCE), 0)
        client.communicate()
        self.assertLess(sorted(times)[len(times) // 2], 1)
        self.verify(self.image())
        self.finish(session, journal)

    def test_saves_wait_for_each_other(self):
        session, journal = self.start(32)
        session.snapshot()
        clients = [self.in_background(session, "--full", "-o", self.image(f"{i}.snapback")) for i in range(4)]
        for client in clients:
            _, message = client.communicate(timeout=3 * support.PATIENCE)
            self.assertEqual(client.returncode, 0, message)
        for name in self.files():
            self.verify(self.image(name))
        self.assertEqual(len(self.files()), 4)
        self.finish(session, journal)

    def test_keeps_the_contents_of_files(self):
        session, journal = self.start()
        session.snapshot()
        session.call("save", "--files", "-o", self.image())
        self.verify(self.image())
        self.assertIn(journal.path, json.dumps(self.inspect(self.image())))
        self.finish(session, journal)


class Ends(Saves):
    def test_a_deleted_snapshot_is_not_saved(self):
        session, journal = self.start(256)
        session.snapshot()
        client = self.in_background(session, "--compress", "zstd", "-o", self.image())
        self.wait_until_written(session)
        session.delete(1)
        _, message = client.communicate(timeout=support.PATIENCE)
        self.assertEqual(client.returncode, 2)
        self.assertIn("was deleted or lost before it was saved", message)
        self.assertEqual(self.files(), [])
        self.finish(session, journal)

    def test_a_lost_template_is_told(self):
        session, journal = self.start(256)
        before = set(support.descendants(session.process.pid))
        session.snapshot()
        template = (set(support.descendants(session.process.pid)) - before).pop()
        client = self.in_background(session, "--compress", "zstd", "-o", self.image())
        self.wait_until_written(session)
        self.kill(template)
        _, message = client.communicate(timeout=support.PATIENCE)
        self.assertEqual(client.returncode, 2)
        self.assertRegex(message, "lost")
        self.assertEqual(self.files(), [])
        self.finish(session, journal)

    def test_a_program_that_ends_lets_the_save_end_first(self):
        session, _ = self.start(256)
        session.snapshot()
        program = session.host_pid()
        client = self.in_background(session, "--compress", "zstd", "-o", self.image())
        self.wait_until_written(session)
        os.kill(program, signal.SIGTERM)
        self.assertEqual(session.wait(3 * support.PATIENCE), -signal.SIGTERM, session.shown())
        client.communicate()
        self.assertEqual(client.returncode, 0)
        self.assertIn("the program has ended; snapshot 1 is still being saved to " + self.image(), session.shown())
        self.verify(self.image())

    def test_an_interrupt_gives_the_last_save_up(self):
        session, _ = self.start(512, terminal=True)
        session.snapshot()
        program = session.host_pid()
        client = self.in_background(session, "--compress", "zstd", "-o", self.image())
        self.wait_until_written(session)
        os.kill(program, signal.SIGTERM)
        session.terminal.expect("the program has ended; snapshot 1 is still being saved")
        session.terminal.send("\x03")
        self.assertEqual(session.wait(), -signal.SIGTERM)
        client.communicate()
        self.assertEqual((client.returncode, self.files()), (2, []))

    def test_kill_ends_all_at_once(self):
        session, _ = self.start(256)
        session.snapshot()
        client = self.in_background(session, "--compress", "zstd", "-o", self.image())
        self.wait_until_written(session)
        session.end()
        client.communicate()
        self.assertEqual(client.returncode, 2)
        self.assertEqual(self.files(), [])


class Intervals(Saves):
    def test_saves_at_an_interval_and_keeps_the_newest(self):
        session, journal = self.start(8, options=["--interval", "1", "--image-folder", self.images, "--keep", "2"])
        seen = set()

        def enough():
            now = self.files()
            seen.update(now)
            self.assertLessEqual(len(now), 4)
            return len(seen) >= 6
        support.wait_for(enough, "six images")
        support.wait_for(lambda: not session.list(), "the live snapshots to go")
        journal.ask_to_end()
        self.assertEqual(session.wait(), 0, session.shown())
        left = self.files()
        self.assertLessEqual(len(left), 3, left)
        self.assertTrue(set(sorted(seen)[-2:]) <= set(left), (seen, left))
        for name in left:
            self.verify(self.image(name))

    def test_ends_after_the_save(self):
        session, _ = self.start(options=["--image-folder", self.images, "--exit-after-save"])
        session.snapshot()
        session.run("save")
        self.assertEqual(session.wait(), 0)
        self.assertIn("--exit-after-save", session.shown())
        self.assertEqual(len(self.files()), 1)
        self.verify(self.image(self.files()[0]))

    def test_says_once_why_there_is_no_image(self):
        gone = self.path("gone")
        os.mkdir(gone)
        session, journal = self.start(options=["--interval", "1", "--image-folder", gone])
        os.rmdir(gone)
        support.wait_for(lambda: "there is no folder" in session.shown(), "the word about the folder")
        journal.wait_for_ticks(3)
        self.finish(session, journal)
        self.assertEqual(session.shown().count("there is no folder"), 1)

    def test_refuses_senseless_numbers(self):
        for options in (["--interval", "0"], ["--interval", "x"], ["--keep", "2"], ["--image-folder", "/nowhere"]):
            outcome = self.snapback("launch", *options, "--", "/bin/true")
            self.assertEqual(outcome.status, 1, outcome.message)


FAULTS = {
    "image_write": "Input/output error",
    "image_full": "No space left on device",
    "image_sync": "Input/output error",
    "image_rename": "Input/output error",
    "save_fork": "cannot make a process that saves the snapshot",
    "save_memory": "Input/output error",
}


class Damage(Saves):
    def test_fault_points(self):
        for point, words in FAULTS.items():
            with self.subTest(point):
                session, journal = self.start(faults=point, name=point.replace("_", "-"))
                session.snapshot()
                outcome = session.run("save", "-o", self.image(point))
                self.assertEqual((outcome.status, outcome.output), (2, ""))
                self.assertRegex(outcome.message, r"\Asnapback: [^\n]+\Z")
                self.assertIn(words, outcome.message)
                self.assertEqual(self.files(), [])
                self.assertEqual(self.entry(session, 1)["image"], "")
                self.finish(session, journal)

    def test_an_old_image_survives_a_fault(self):
        session, journal = self.start()
        session.snapshot("old")
        session.call("save", "-o", self.image())
        second, other = self.start(faults="image_rename", name="second")
        second.snapshot("new")
        self.assertEqual(second.run("save", "-o", self.image()).status, 2)
        self.verify(self.image())
        self.assertEqual(self.inspect(self.image())["name"], "old")
        self.finish(session, journal)
        self.finish(second, other)

    def test_a_full_disk_keeps_nothing(self):
        """In a mount namespace with a small file system of its own."""
        script = ("mount -t tmpfs -o size=8m tmpfs \"$1\" && shift && exec \"$@\"")
        enter = ["unshare", "--user", "--map-current-user", "--keep-caps", "--mount", "sh", "-c", script, "sh",
                 self.images]
        if subprocess.run([*enter, "true"], stderr=subprocess.DEVNULL).returncode != 0:
            self.skipTest("no mount in a user namespace here")
        for mebibytes, fits in ((32, False), (2, True)):
            journal = support.Journal(self.folder, f"journal-{mebibytes}")
            environment = self.environment(**journal.environment())
            name = f"full{mebibytes}"
            command = [*enter, support.program("snapback"), "launch", "--name", name, "--", PROGRAM, str(mebibytes)]
            session = support.Session(self.folder, environment, name,
                                      self._in_background(command, environment, name, None))
            self.sessions.append(session)
            session.wait_until_ready()
            journal.wait_for_ticks(1)
            session.snapshot()
            outcome = session.run("save", "-o", self.image())
            seen = os.listdir(f"/proc/{session.process.pid}/root{self.images}")
            if fits:
                self.assertEqual((outcome.status, seen), (0, ["a.snapback"]), outcome.message)
            else:
                self.assertEqual((outcome.status, seen), (2, []))
                self.assertIn("No space left on device", outcome.message)
            self.finish(session, journal)


class Kills(Saves):
    """At random moments: the old image is whole, or the new one, and nothing else is there."""

    def check(self, names):
        self.verify(self.image())
        self.assertIn(self.inspect(self.image())["name"], names)
        # Between two system calls of a writer its file has a hidden name: the next one removes what was left so.
        self.assertEqual([name for name in self.files() if not name.startswith(".snapback-")], ["a.snapback"])

    def random_pause(self, most):
        time.sleep(random.uniform(0, most))  # not a wait: the moment is what is tested

    def time_of_a_save(self, session):
        begun = time.monotonic()
        session.call("save", "--full", "-o", self.image())
        return time.monotonic() - begun

    def test_of_the_process_that_writes(self):
        session, journal = self.start(8)
        session.snapshot("0")
        most = self.time_of_a_save(session)
        killed = 0
        for i in range(1, KILLS_OF_WRITERS + 1):
            session.delete()
            session.snapshot(str(i))
            client = self.in_background(session, "--full", "-o", self.image())
            self.random_pause(most)
            for writer in self.writers(session):
                self.kill(writer)
                killed += 1
            _, message = client.communicate(timeout=support.PATIENCE)
            if client.returncode != 0:
                self.assertIn("was killed", message)
            # The last one whose save was not cut, or this one.
            self.check({str(n) for n in range(i + 1)})
            if client.returncode == 0:
                self.assertEqual(self.inspect(self.image())["name"], str(i))
        self.assertEqual(self.files(), ["a.snapback"])
        self.assertGreater(killed, KILLS_OF_WRITERS // 10)
        self.finish(session, journal)

    def test_of_the_supervisor(self):
        session, journal = self.start(8, name="first")
        session.snapshot("first")
        most = self.time_of_a_save(session)
        self.finish(session, journal)
        names = {"first"}
        for i in range(KILLS_OF_SUPERVISORS):
            name = f"k{i}"
            session, _ = self.start(8, name=name)
            session.snapshot(name)
            supervisor = session.status()["supervisor_pid"]
            client = self.in_background(session, "--full", "-o", self.image())
            self.random_pause(most)
            self.kill(supervisor)
            client.communicate(timeout=support.PATIENCE)
            session.wait()
            names.add(name)
            self.check(names)
        session, journal = self.start(8, name="last")
        session.call("snapshot", "--save", "-o", self.image())
        self.assertEqual(self.files(), ["a.snapback"])
        self.finish(session, journal)


if __name__ == "__main__":
    PROGRAM = support.within_reach(sys.argv.pop(1))
    support.main()
