# SPDX-License-Identifier: EPL-2.0
"""What a restart looks at before it starts anything, its options, and its failures: one sentence, nothing left.

    test_restart_checks.py THREADS SHARED        programs of this folder
"""
import json
import os
import re
import shutil
import signal
import sys

import snapback_support as support

# Each step that can be made to fail, and a word of what is said then.
FAULTS = {
    "restart_start": "cannot start",
    "restart_area": "cannot map memory",
    "restart_clear": "cannot empty the memory",
    "restart_vdso": "cannot move the vdso",
    "restart_vdso:2": "cannot move the vdso",
    "restart_fields": "heap and stack",
    "restart_mappings": "cannot map",
    "restart_mappings:12": "cannot map",
    "restart_pages": "cannot put back memory",
    "restart_limits": "cannot set the limits",
    "rewind_make_threads": "cannot make thread",
    "rewind_open": "cannot open",
    "rewind_descriptors": "descriptors",
    "rewind_threads": "cannot set the registers",
    "rewind_threads:3": "cannot set the registers",
}
FAULTS_OF_SHARED = {"restart_objects": "shared memory"}
FAULTS_OF_TREES = ("restart_fork", "restart_zombie")  # test_restart_trees.py
NO_FAILURES = {"restart_bridge", "restart_clocks", "restart_move"}  # the last in test_restart_memory.py

SCRIPT = '''
import ctypes, os, time
journal = os.open(os.environ["LIVE_JOURNAL"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
data = open("data", "r+")
library = ctypes.CDLL(None)
library.getenv.restype = ctypes.c_char_p
tick = 0
while True:
    tick += 1
    stop = library.getenv(b"LIVE_STOP").decode()
    note = f"note {time.monotonic()} {os.getcwd()} {library.getenv(b'WORD').decode()} {stop} {os.fstat(data.fileno()).st_size}\\n"
    os.write(journal, f"{note}tick {tick}\\n".encode())
    if os.path.exists(stop):
        os.write(journal, b"PASS\\n")
        break
    time.sleep(0.01)
'''


class Saved(support.TestCase):
    """A program with an open file, saved and killed."""

    def setUp(self):
        super().setUp()
        self.image = self.path("saved.sbi")
        self.journal = support.Journal(self.folder)
        self.all = self.environment(WORD="orange", **self.journal.environment())

    def ticks_pass(self, session, count):
        self.journal.wait_for_ticks(count, alive=lambda: session.process.poll() is None)

    def save(self, command, *options):
        session = self.launch(command, environment=self.all)
        self.ticks_pass(session, 5)
        session.call("snapshot", "--save", "-o", self.image, *options)
        session.end()

    def save_script(self, *options):
        self.data = self.path("work", "data")
        with open(self.data, "w") as file:
            file.write("as it was")
        self.save(["/usr/bin/python3", "-c", SCRIPT], *options)

    def go_on(self, *options, **more):
        seen = len(self.journal.ticks())
        session = self.restart(self.image, ["--force", *options], environment=self.all, **more)
        self.journal.wait_for_ticks(seen + 3 - len(self.journal.ticks()), alive=lambda: session.process.poll() is None)
        return session

    def refused(self, *options, words, binary="snapback", fault=None, image=None):
        environment = dict(self.all, SNAPBACK_FAULT=fault) if fault else self.all
        outcome = self.snapback("restart", *options, image or self.image, binary=binary, environment=environment)
        self.assertEqual((outcome.status, outcome.output), (2, ""), outcome.message)
        self.assertRegex(outcome.message, r"\Asnapback: [^\n]+\Z")
        self.assertRegex(outcome.message, words)
        self.assertEqual(os.listdir(self.path("run", "snapback")), [])

    def notes(self):
        return [line.split()[1:] for line in self.journal.read() if line.startswith("note ")]

    def finish(self, session):
        self.journal.ask_to_end()
        self.assertEqual(session.wait(), 0, session.shown())
        self.assertTrue(self.journal.passed())


class Checks(Saved):
    def test_open_file_that_has_changed(self):
        self.save_script()
        with open(self.data, "a") as file:
            file.write(" and more")
        os.unlink(self.journal.path)  # it has changed as well
        self.refused(words=r"/journal, which is not there|/data has 18 bytes, and had 9 when the snapshot was taken: .*--force")
        with open(self.journal.path, "w"):
            pass
        self.refused(words=r"(journal|data) has \d+ bytes, and had \d+ when the snapshot was taken: .*--force")
        self.finish(self.go_on())

    def test_open_file_that_is_gone(self):
        self.save_script()
        os.unlink(self.data)
        self.refused("--force", words="/work/data, which is not there: put it back")

    def test_contents_that_travel_with_the_image(self):
        self.save_script("--files")
        with open(self.data, "w") as file:
            file.write("spoiled")
        self.refused(words="--files")
        session = self.go_on("--files")
        with open(self.data) as file:
            self.assertEqual(file.read(), "as it was")
        session.end()
        os.unlink(self.data)
        self.refused(words="--files")
        self.finish(self.go_on("--files"))

    def test_working_directory_that_is_gone(self):
        self.save([THREADS])
        os.rmdir(self.path("work"))
        outcome = self.snapback_elsewhere("restart", "--force", self.image)
        os.mkdir(self.path("work"))
        self.assertEqual(outcome.status, 2)
        self.assertIn("working directory", outcome.message)

    def snapback_elsewhere(self, *arguments):
        work, self.path = self.path, lambda *parts: self.folder
        try:
            return self.snapback(*arguments, environment=self.all)
        finally:
            self.path = work

    def test_shared_memory_that_is_there(self):
        name = "/dev/shm/" + os.path.basename(self.folder)
        self.addCleanup(lambda: os.path.exists(name) and os.unlink(name))
        self.all["LIVE_SHM"] = name
        self.save([SHARED])
        self.refused(words="/dev/shm/.* is there already: .*--force")
        self.finish(self.go_on())

    def test_executable_of_another_build(self):
        program = self.path("program")
        shutil.copy(THREADS, program)
        self.save([program])
        os.unlink(program)
        self.refused("--force", words="/program, which is not there")
        shutil.copy("/bin/true", program)
        self.refused("--force", words="/program is another build")
        shutil.copy(THREADS, program)  # the same build, though with another time
        os.utime(program, (1, 1))
        self.finish(self.go_on())

    def test_image_that_is_none(self):
        for text, words in ((b"", "image"), (b"x" * 9000, "image")):
            with open(self.image, "wb") as file:
                file.write(text)
            os.makedirs(self.path("run", "snapback"), exist_ok=True)
            self.refused(words=words)
        os.unlink(self.image)
        self.refused(words="saved.sbi")

    def test_parent_that_is_missing(self):
        first = self.path("first.sbi")
        session = self.launch([THREADS], environment=self.all)
        self.ticks_pass(session, 5)
        session.call("snapshot", "--save", "-o", first)
        self.ticks_pass(session, 5)
        session.call("snapshot", "--save", "-o", self.image)
        session.end()
        os.mkdir(self.path("elsewhere"))
        os.rename(first, self.path("elsewhere", "first.sbi"))
        self.refused("--force", words="first.sbi")
        self.finish(self.go_on("--image-folder", self.path("elsewhere")))


class Options(Saved):
    def test_environment(self):
        self.save_script()
        file = self.path("environment")

        def say(text):
            with open(file, "w") as out:
                out.write(text)
        say("WORD=watermelon\n")
        self.refused("--force", "--env-file", file, words="WORD has 10 bytes, but .* room for 6")
        say("NOT_THERE=1\n")
        self.refused("--force", "--env-file", file, words="no NOT_THERE")
        say("nonsense\n")
        self.refused("--force", "--env-file", file, words="'nonsense' .* NAME=VALUE")
        say("# a shorter word\nWORD=plum\n")
        session = self.go_on("--env-file", file)
        self.assertEqual(self.notes()[-1][2], "plum")
        self.finish(session)

    def test_files_that_have_moved(self):
        """The whole of what the program uses is in one folder, which is copied and deleted."""
        old, new = self.path("A"), self.path("B")
        os.mkdir(old)
        self.journal = support.Journal(old)
        self.all.update(self.journal.environment())
        shutil.copy(THREADS, old)
        os.rename(self.path("work"), os.path.join(old, "work"))
        os.symlink(os.path.join(old, "work"), self.path("work"))
        self.save([os.path.join(old, os.path.basename(THREADS))])
        shutil.copytree(old, new)
        shutil.rmtree(old)
        os.unlink(self.path("work"))
        os.mkdir(self.path("work"))
        self.refused(words="/A/.* not there")
        self.journal.path = os.path.join(new, "journal")
        with open(self.path("environment"), "w") as file:
            file.write(f"LIVE_STOP={new}/journal.stop\n")
        session = self.go_on("--map-path", f"{old}={new}/", "--env-file", self.path("environment"))
        pid = session.host_pid()
        self.assertTrue(os.readlink(f"/proc/{pid}/exe").startswith(new + "/"))
        self.assertEqual(os.readlink(f"/proc/{pid}/cwd"), new + "/work")
        self.journal.stop_path = os.path.join(new, "journal.stop")
        self.finish(session)

    def test_usage(self):
        for arguments in ([], ["a", "b"], ["--map-path", "x=y", "a"], ["--map-path", "/x", "a"], ["--follow", "x", "a"]):
            outcome = self.snapback("restart", *arguments)
            self.assertEqual(outcome.status, 1, arguments)
            self.assertRegex(outcome.message, r"\Asnapback: restart: [^\n]+\Z")

    def test_clocks_go_on(self):
        self.save_script()
        saved_at = float(self.notes()[-1][0])
        session = self.go_on()
        self.ticks_pass(session, 60)
        session.end()
        late = float(self.notes()[-1][0])
        seen = len(self.notes())
        session = self.go_on()
        again = float(self.notes()[seen][0])
        self.assertLess(again, late)
        self.assertLess(abs(again - saved_at), 2)
        self.finish(session)

    def test_kernel_without_time_namespaces(self):
        self.save_script()
        session = self.go_on(faults="restart_clocks")
        self.assertRegex(session.shown(), r"snapback: [^\n]*monotonic clock")
        self.finish(session)


class Caller(Saved):
    """What the program had of its caller is now that of whoever restarts it."""

    def test_standard_input(self):
        script = ("import os\njournal = os.open(os.environ['LIVE_JOURNAL'], os.O_WRONLY | os.O_APPEND | os.O_CREAT)\n"
                  "while True:\n  word = os.read(0, 100)\n  os.write(journal, word)\n"
                  "  if not word: os.write(journal, b'PASS\\n'); break\n")
        for number in range(2):
            out, into = os.pipe()
            if number == 0:
                session = self.launch(["/usr/bin/python3", "-c", script], environment=self.all, stdin=out)
            else:
                session = self.restart(self.image, ["--force"], environment=self.all, stdin=out)
            os.close(out)
            os.write(into, f"tick {number}\n".encode())
            support.wait_for(lambda: self.journal.last() == number, "what was written to come through")
            if number == 0:
                session.call("snapshot", "--save", "-o", self.image)
                session.end()
            os.close(into)
        self.assertEqual(session.wait(), 0, session.shown())
        self.assertEqual(self.journal.read(), ["tick 0", "tick 1", "PASS"])


class Stopped(Saved):
    """--stopped: a process as any other for a debugger that attaches to it."""

    def stopped(self):
        self.save([THREADS])
        ticks = len(self.journal.ticks())
        session = self.restart(self.image, ["--force", "--stopped"], environment=self.all)
        pid = int(support.wait_for(session.output_text, "the process number"))
        self.assertEqual(support.state_of(pid), "T")
        self.assertEqual(len(self.journal.ticks()), ticks)
        return session, pid

    def test_goes_on_when_it_is_continued(self):
        session, pid = self.stopped()
        self.assertEqual(session.status()["state"], "stopped")
        os.kill(pid, 18)
        self.ticks_pass(session, 5)
        self.finish(session)

    def test_looks_like_any_process(self):
        session, pid = self.stopped()
        self.assertEqual(os.readlink(f"/proc/{pid}/exe"), THREADS)
        with open(f"/proc/{pid}/comm") as file:
            self.assertEqual(file.read().strip(), os.path.basename(THREADS)[:15])
        with open(f"/proc/{pid}/cmdline") as file:
            self.assertEqual(file.read(), THREADS + "\0")
        with open(f"/proc/{pid}/maps") as file:
            maps = file.read()
        for name in ("[heap]", "[stack]", "[vdso]", THREADS):
            self.assertIn(name, maps)
        with open(f"/proc/{pid}/environ") as file:
            self.assertIn("WORD=orange", file.read())
        os.kill(pid, 18)
        self.finish(session)

    def test_debugger_attaches(self):
        if not shutil.which("gdb"):
            self.skipTest("gdb is not installed")
        session, pid = self.stopped()
        # What an ordinary user's gdb cannot open in another mount namespace it finds here under the same name.
        done = support.subprocess.run(
            ["gdb", "-q", "-batch", "-nx", "-iex", "set sysroot /", "-iex", "set debuginfod enabled off", "-p", str(pid),
             "-ex", "handle SIGSTOP nostop noprint nopass", "-ex", "info threads", "-ex", "thread 1", "-ex", "bt",
             "-ex", "break live_tick", "-ex", "continue", "-ex", "bt 2", "-ex", "print (int)getpid()", "-ex", "delete"],
            stdin=support.subprocess.DEVNULL, capture_output=True, text=True, env=self.all, timeout=60)
        self.assertIn("in main ()", done.stdout)
        self.assertIn('"worker 6"', done.stdout)
        self.assertRegex(done.stdout, r"hit Breakpoint 1, [^\n]*live_tick")
        self.assertIn(f"$1 = {session.status()['program_pid']}", done.stdout)
        if support.state_of(pid) == "T":
            os.kill(pid, 18)
        self.ticks_pass(session, 5)
        self.finish(session)


class Failures(Saved):
    def test_each_step(self):
        printed = self.snapback("fault-points", binary="snapback-faults").output.split()
        points = {p.split(":")[0] for p in [*FAULTS, *FAULTS_OF_SHARED]} | NO_FAILURES | {
            "restart_pipes", "restart_queues", "restart_sockets", *FAULTS_OF_TREES}
        self.assertLessEqual({p for p in printed if p.startswith("restart_")}, points)
        self.save([THREADS])
        for point, words in FAULTS.items():
            with self.subTest(point):
                self.refused("--force", words=words, binary="snapback-faults", fault=point)
        self.finish(self.go_on())

    def test_shared_memory(self):
        self.save([SHARED])
        for point, words in FAULTS_OF_SHARED.items():
            with self.subTest(point):
                self.refused("--force", words=words, binary="snapback-faults", fault=point)
        self.finish(self.go_on())

    def test_pipes(self):
        self.save(["/usr/bin/python3", "-c", "import os; p = os.pipe()\n" + SCRIPT.replace('open("data", "r+")', "None")
                   .replace("os.fstat(data.fileno()).st_size", "0")])
        self.refused("--force", words="cannot make a pipe", binary="snapback-faults", fault="restart_pipes")
        self.finish(self.go_on())

    def stop_with_a_queue(self, session):
        """Stops the program at a moment at which one of its queues has a name, and saves it so. It writes nothing any more,
        so that its journal is no reason to refuse the image."""
        host_pid, image = session.status()["program_host_pid"], self.path("stopped.sbi")
        for _ in range(50):
            os.kill(host_pid, signal.SIGSTOP)
            support.wait_for(lambda: session.status()["state"] == "stopped", "the stop")
            session.call("snapshot", "--save", "--full", "-o", image)
            queues = json.loads(self.snapback("inspect", "--json", image).output).get("message_queue", [])
            if any(not queue.get("deleted") for queue in queues):
                return image
            os.unlink(image)
            os.kill(host_pid, signal.SIGCONT)
            self.ticks_pass(session, 5)
        raise AssertionError("the program has no queue")

    def test_message_queue(self):
        """Of the host's namespace: its name outlives the program. In one of the session's own there is none but its own."""
        session = self._start(["launch"], ["--ipc", "host", "--", QUEUES], None, False, None, self.all, True, None)
        self.ticks_pass(session, 60)
        session.call("snapshot", "--save", "-o", self.image)
        stopped = self.stop_with_a_queue(session)
        session.end()
        self.refused("--ipc", "host", image=stopped,
                     words="message queue /live-.* is there already: if no other program uses it, remove")
        self.refused("--force", words="cannot make the message queue", binary="snapback-faults", fault="restart_queues")
        self.finish(self.go_on("--ipc", "host"))

    def test_sockets(self):
        self.save(["/usr/bin/python3", "-c", "import socket; p = socket.socketpair()\n" +
                   SCRIPT.replace('open("data", "r+")', "None").replace("os.fstat(data.fileno()).st_size", "0")])
        self.refused("--force", words="cannot make the sockets", binary="snapback-faults", fault="restart_sockets")
        self.refused("--force", words="cannot make the sockets", binary="snapback-faults", fault="rewind_sockets")
        self.refused("--force", words="in the sockets", binary="snapback-faults", fault="rewind_queues")
        self.finish(self.go_on())

    def test_vdso_of_another_kernel(self):
        """Twice: the second image holds what the first restart has made."""
        self.save([THREADS])
        for _ in range(2):
            session = self.go_on(faults="restart_bridge")
            taken = session.snapshot()
            self.ticks_pass(session, 3)
            session.rewind(taken)
            self.ticks_pass(session, 3)
            session.call("snapshot", "--save", "-o", self.image)
            session.end()
        self.finish(self.go_on())


THREADS, SHARED, QUEUES = sys.argv[1:4] if len(sys.argv) > 3 else ("", "", "")
del sys.argv[1:4]

if __name__ == "__main__":
    THREADS, SHARED, QUEUES = (support.within_reach(os.path.abspath(program)) for program in (THREADS, SHARED, QUEUES))
    support.main()
