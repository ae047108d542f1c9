# SPDX-License-Identifier: EPL-2.0
"""--files=rewind: what was in the files that a program writes comes back with it, and nothing else is touched."""
import fcntl
import os
import sqlite3
import subprocess
import sys
import termios

import snapback_support as support
import stress

PROGRAM = ""
STEPS = """
import mmap, os, sqlite3, time
journal = os.open(os.environ["LIVE_JOURNAL"], os.O_WRONLY)
def step(number):
    os.write(journal, f"tick {number}\\n".encode())
    while not os.path.exists(f"go-{number}"):
        time.sleep(0.001)
def opened(name, flags=os.O_RDWR | os.O_CREAT):
    return os.open(name, flags, 0o600)
"""


class PipedJournal(support.Journal):
    """A journal that is a pipe for the program: as a file it would be rewound, too."""

    def is_copied(self):
        """Whether all that the program has told is in the file: nothing is in the pipe, and the copier waits for more."""
        waiting = fcntl.ioctl(self.pipe, termios.FIONREAD, bytes(4))
        return not any(waiting) and " state S " in support.describe(self.copier.pid)

    def catch_up(self):
        support.wait_for(lambda: self.copier.poll() is not None or self.is_copied(), "the copy of the journal")

    def last(self):
        self.catch_up()
        return super().last()

    def wait_for_ticks(self, *arguments, **more):
        self.catch_up()
        super().wait_for_ticks(*arguments, **more)

    def passed(self):
        self.copier.wait()
        return super().passed()


class FilesCase(support.TestCase):
    def setUp(self):
        self.copiers = []
        self.addCleanup(lambda: [copier.wait() for copier in self.copiers])  # when all have ended
        super().setUp()

    def start(self, command, policy="rewind", faults=None):
        self.journal = PipedJournal(self.folder, f"journal{len(self.sessions)}")
        reader, writer = os.pipe()
        with open(self.journal.path, "ab") as file:
            self.journal.copier = subprocess.Popen(["cat"], stdin=reader, stdout=file)
        self.journal.pipe = reader
        self.addCleanup(os.close, reader)
        self.copiers.append(self.journal.copier)
        environment = self.environment(**{**self.journal.environment(), "LIVE_JOURNAL": "/dev/stdin"})
        try:
            return self._start(["launch", f"--files={policy}"], ["--", *command], None, False, faults, environment, True,
                               writer)
        finally:
            os.close(writer)

    def script(self, text, **more):
        """A Python program that does its parts one by one: before part N stands step(N). Returns its session at step 1."""
        path = self.path("script.py")
        with open(path, "w") as file:
            file.write(STEPS + text)
        session = self.start(["/usr/bin/python3", "-B", path], **more)
        support.wait_for(self.journal.ticks, "the program's first step")
        return session

    def go(self, step):
        """Lets it go on from that step to the next one."""
        before = len(self.journal.ticks())
        with open(self.path("work", f"go-{step}"), "w"):
            pass
        support.wait_for(lambda: len(self.journal.ticks()) > before, "the next step")

    def hold(self):
        """It will wait at each step again."""
        for name in os.listdir(self.path("work")):
            if name.startswith("go-"):
                os.unlink(self.path("work", name))

    def rewind(self, session, number):
        """Returns what is told."""
        self.hold()
        return [line[len("note: "):] for line in session.call("rewind", number).splitlines() if line.startswith("note: ")]

    def read(self, name):
        with open(self.path("work", name), "rb") as file:
            return file.read()

    def write(self, name, data):
        with open(self.path("work", name), "wb") as file:
            file.write(data)


class Writers(stress.Stress, FilesCase):
    def launch(self, command, **more):
        return self.start(command)


class Told(FilesCase):
    """What is put back, what is not, and what is said about it."""

    def test_keep_is_the_rule_and_touches_nothing(self):
        session = self.script("f = opened('data'); os.write(f, b'old'); step(1); os.write(f, b'new'); step(2)",
                              policy="keep")
        number = session.snapshot()
        self.go(1)
        self.assertEqual(self.rewind(session, number), [])
        self.assertEqual(self.read("data"), b"oldnew")

    def test_content_comes_back(self):
        session = self.script("f = opened('data'); os.write(f, b'old'); step(1); os.write(f, b'new'); step(2)")
        number = session.snapshot()
        for _ in range(2):
            self.go(1)
            self.assertEqual(self.read("data"), b"oldnew")
            self.assertEqual(self.rewind(session, number), [f"Files put back: {self.path('work', 'data')}."])
            self.assertEqual(self.read("data"), b"old")

    def test_what_was_not_changed_is_not_touched(self):
        self.write("other", b"of somebody else")
        session = self.script("f = opened('data'); os.write(f, b'old'); r = opened('other', os.O_RDONLY); step(1); step(2)")
        number = session.snapshot()
        before = [os.stat(self.path("work", name)) for name in ("data", "other")]
        self.write("other", b"changed since")
        self.go(1)
        self.assertEqual(self.rewind(session, number), [])
        self.assertEqual(before[0].st_ctime_ns, os.stat(self.path("work", "data")).st_ctime_ns)
        self.assertEqual(self.read("other"), b"changed since")

    def test_times_come_back(self):
        session = self.script("f = opened('data'); os.write(f, b'old'); step(1); os.write(f, b'new'); step(2)")
        before = os.stat(self.path("work", "data")).st_mtime_ns
        number = session.snapshot()
        self.go(1)
        self.rewind(session, number)
        self.assertEqual(os.stat(self.path("work", "data")).st_mtime_ns, before)

    def test_deleted_file_comes_back_under_its_name(self):
        session = self.script("f = opened('data'); os.write(f, b'old'); step(1); os.unlink('data'); os.close(f); step(2);"
                              "os.write(f, b'more'); step(3)")
        number = session.snapshot()
        self.go(1)
        self.assertFalse(os.path.exists(self.path("work", "data")))
        self.assertEqual(self.rewind(session, number),
                         [f"Files made anew under their old names: {self.path('work', 'data')}."])
        self.assertEqual(self.read("data"), b"old")

    def test_renamed_file_is_left_and_made_anew(self):
        session = self.script("f = opened('data'); os.write(f, b'old'); step(1); os.write(f, b'new');"
                              "os.rename('data', 'away'); step(2)")
        number = session.snapshot()
        self.go(1)
        told = self.rewind(session, number)
        self.assertIn("made anew", told[0])
        self.assertEqual((self.read("data"), self.read("away")), (b"old", b"oldnew"))
        # From now on the program writes to the new one.
        self.go(1)
        self.assertEqual((os.path.exists(self.path("work", "data")), self.read("away")), (False, b"oldnew"))

    def test_name_that_an_older_file_has_is_left_to_it(self):
        self.write("older", b"older")
        session = self.script("f = opened('data'); os.write(f, b'old'); step(1); os.write(f, b'new');"
                              "os.rename('older', 'data'); step(2)")
        number = session.snapshot()
        self.go(1)
        self.assertEqual(self.rewind(session, number),
                         [f"Files put back without their names, which others have: {self.path('work', 'data')}."])
        self.assertEqual(self.read("data"), b"older")

    def test_file_made_since_is_removed(self):
        session = self.script("step(1); f = opened('data', os.O_WRONLY | os.O_CREAT | os.O_EXCL); step(2)")
        number = session.snapshot()
        self.go(1)
        self.assertEqual(self.rewind(session, number),
                         [f"Files removed, because they were made since: {self.path('work', 'data')}."])
        self.assertFalse(os.path.exists(self.path("work", "data")))
        self.go(1)
        self.assertTrue(os.path.exists(self.path("work", "data")))

    def test_file_opened_since_is_left_and_told(self):
        self.write("data", b"old")
        session = self.script("step(1); f = opened('data'); os.write(f, b'new'); step(2)")
        number = session.snapshot()
        self.go(1)
        self.assertEqual(self.rewind(session, number),
                         [f"Files opened for writing since, left as they are: {self.path('work', 'data')}."])
        self.assertEqual(self.read("data"), b"new")

    def test_many_names_are_counted(self):
        session = self.script("all = [opened(f'f{i}') for i in range(9)]; step(1); [os.write(f, b'x') for f in all]; step(2)")
        number = session.snapshot()
        self.go(1)
        told = self.rewind(session, number)
        self.assertRegex(told[0], r"\AFiles put back: /\S+/f0, /\S+/f1, /\S+/f2 and 6 more\.\Z")
        self.assertEqual({self.read(f"f{i}") for i in range(9)}, {b""})

    def test_snapshots_in_any_order(self):
        session = self.script("f = opened('data')\n"
                              "for i in range(1, 40):\n  os.pwrite(f, b'%d' % i * 50000, 70000 * (i % 7)); step(i)")
        taken = {}
        for i in range(1, 8):
            taken[i] = session.snapshot(), self.read("data")
            self.go(i)
        for i in (3, 1, 7, 2, 2, 6):
            self.rewind(session, taken[i][0])
            self.assertEqual(self.read("data"), taken[i][1])
        session.delete(taken[3][0])
        for i in (5, 4, 1):
            self.rewind(session, taken[i][0])
            self.assertEqual(self.read("data"), taken[i][1])

    def test_nothing_is_left_when_the_supervisor_is_killed(self):
        session = self.script("f = opened('data'); os.write(f, b'old' * 100000); step(1)")
        session.snapshot()
        os.kill(support.descendants(session.process.pid)[0], 9)
        session.process.wait()
        self.assertEqual(sorted(os.listdir(self.path("work")) + os.listdir(self.path("tmp"))), ["data"])

    def test_mapped_file_that_was_deleted_is_refused(self):
        session = self.script("f = opened('data'); os.ftruncate(f, 4096); m = mmap.mmap(f, 4096); os.close(f);"
                              "os.unlink('data'); del f; step(1)\n")
        outcome = session.run("snapshot")
        if outcome.status == 0:  # Python keeps a descriptor of its own: then the file can be reached
            return
        self.assertIn("has been deleted or replaced", outcome.message)


class Trees(FilesCase):
    TEXT = """
shared = opened('shared')
pid = os.fork()
if pid == 0:
    own = opened('own')
    for n in range(10 ** 9):
        os.pwrite(own, b'%012d' % n, 0)
        os.write(shared, b'c')
        time.sleep(0.001)
step(1)
os.kill(pid, 9)
os.waitpid(pid, 0)
os.unlink('own')
os.write(shared, b'p' * 1000)
step(2)
"""

    def number(self):
        return int(self.read("own") or b"0") if os.path.exists(self.path("work", "own")) else 0

    def test_files_of_all_processes_come_back(self):
        session = self.script(self.TEXT)
        support.wait_for(lambda: self.number() > 10, "the child's first words")
        number = session.snapshot()
        for _ in range(2):
            before = self.number()
            support.wait_for(lambda: self.number() > before + 10, "the child to go on")
            self.go(1)
            self.assertIn(b"p", self.read("shared"))
            told = self.rewind(session, number)
            self.assertIn("made anew", told[0])
            self.assertNotIn(b"p", self.read("shared"))
            before = self.number()
            support.wait_for(lambda: self.number() > before, "the child to go on")


class Saved(FilesCase):
    def test_image_holds_what_was_in_the_files_at_the_snapshot(self):
        session = self.script("f = opened('data'); os.write(f, b'old'); os.lseek(f, 900000, 0); os.write(f, b'end')\n"
                              "step(1); os.ftruncate(f, 0); os.pwrite(f, b'new', 0); step(2)")
        number = session.snapshot()
        self.go(1)
        session.call("save", number, "-o", self.path("then.snapback"), "--files")
        session.end()
        self.hold()
        self.assertEqual(self.read("data"), b"new")
        self.restart(self.path("then.snapback"), ["--files"])
        self.assertEqual(self.read("data"), b"old" + bytes(899997) + b"end")


class Faults(FilesCase):
    TEXT = "f = opened('data'); os.write(f, b'old'); step(1); os.write(f, b'new'); step(2)"

    def test_full_disk_refuses_the_snapshot_and_the_program_goes_on(self):
        session = self.script(self.TEXT, faults="files_full")
        outcome = session.run("snapshot")
        self.assertEqual(outcome.status, 2)
        self.assertIn("there is no room to keep the contents of", outcome.message)
        number = session.snapshot()
        self.go(1)
        self.rewind(session, number)
        self.assertEqual(self.read("data"), b"old")

    def test_full_disk_refuses_the_rewind_before_anything_is_changed(self):
        for fault, words in (("files_reserve", "cannot be put back (No space left"), ("files_write", "put the files back")):
            with self.subTest(fault):
                self.hold()
                session = self.script(self.TEXT, faults=fault)
                number = session.snapshot()
                self.go(1)
                outcome = session.run("rewind", number)
                self.assertEqual(outcome.status, 2)
                self.assertIn(words, outcome.message)
                self.assertEqual(self.read("data"), b"oldnew")
                self.rewind(session, number)
                self.assertEqual(self.read("data"), b"old")
                session.end()
                os.unlink(self.path("work", "data"))


class Database(FilesCase):
    TEXT = """
d = sqlite3.connect('base.db', isolation_level=None)
d.execute('create table if not exists t(n integer, text text)')
for round in range(1, 1000):
    d.execute('begin')
    for i in range(40):
        d.execute('insert into t values(?, ?)', (round, 'x' * 500))
    d.execute('update t set text = ? where n % 7 = ?', (str(round) * 300, round % 7))
    step(2 * round - 1)
    d.execute('commit')
    assert d.execute('select count(*) from t').fetchone()[0] == 40 * round
    assert d.execute('pragma integrity_check').fetchone()[0] == 'ok'
    step(2 * round)
"""

    def check(self, rounds):
        with sqlite3.connect(self.path("work", "base.db")) as base:
            self.assertEqual(base.execute("pragma integrity_check").fetchone()[0], "ok")
            self.assertEqual(base.execute("select count(*) from t").fetchone()[0], 40 * rounds)
        base.close()

    def test_is_right_after_rewinds_into_and_between_transactions(self):
        for mode in ("delete", "truncate", "persist", "wal"):
            with self.subTest(mode):
                self.hold()
                session = self.script(self.TEXT.replace("d.execute('create", f"d.execute('pragma journal_mode={mode}');"
                                                        "d.execute('create"))
                self.run_rounds(session, mode)
                session.end()
                for name in os.listdir(self.path("work")):
                    os.unlink(self.path("work", name))

    def run_rounds(self, session, mode):
        taken = []
        for i in range(1, 9):
            taken.append(session.snapshot())
            self.go(i)
        for k in (2, 5, 1, 6, 3, 0):
            self.rewind(session, taken[k])
            for i in range(k + 1, 9):
                self.go(i)
        self.go(9)  # step 10: the fifth transaction is done
        self.check(5)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    stress.NAME, stress.PROGRAM = "written_files", support.within_reach(os.path.abspath(PROGRAM))
    support.main()
