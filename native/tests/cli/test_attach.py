# SPDX-License-Identifier: EPL-2.0
"""`snapback attach`: a program that runs already comes under control, and goes on unharmed whoever lets it go."""
import os
import random
import signal
import socket
import subprocess
import sys
import termios
import threading
import time

import snapback_support as support

ROUNDS = int(os.environ.get("SNAPBACK_ATTACH_ROUNDS", "8"))
SEED = int(os.environ.get("SNAPBACK_STRESS_SEED", random.SystemRandom().randrange(10 ** 9)))
CHOICE = random.Random(SEED)

# A parent that waits for whatever child it may have, and hears of each that ends: it has one, which it starts itself.
WAITER = r"""
import os, signal, sys, time
heard = 0
def hear(*_):
    global heard
    heard += 1
signal.signal(signal.SIGCHLD, hear)
journal = os.open(os.environ["LIVE_JOURNAL"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
def tell(text):
    os.write(journal, (text + "\n").encode())
tick = 0
while not os.path.exists(os.environ["LIVE_STOP"]):
    tick += 1
    before = heard
    try:
        found = os.waitpid(-1, os.WNOHANG)
        tell(f"FAIL there is a child {found}")
    except ChildProcessError:
        pass
    time.sleep(0.002)
    if heard != before:
        tell("FAIL the end of a child was told")
    if tick % 50 == 0:
        child = os.fork()
        if child == 0:
            os._exit(3)
        pid, status = os.waitpid(-1, 0)
        if (pid, os.waitstatus_to_exitcode(status)) != (child, 3):
            tell(f"FAIL waited for {child}, and got {pid} {status}")
        while heard == before:
            time.sleep(0.001)
    tell(f"tick {tick}")
tell("PASS")
"""

PARENT = "sleep 1000 & sleep 1000 & wait"


class Attach(support.TestCase):
    def start(self, command=None):
        """A self-checking program that no session has started: its Popen and its journal."""
        journal = support.Journal(self.folder, f"journal{len(self.beside)}")
        program = self.run_beside(command or [PROGRAMS["threads"]], self.environment(**journal.environment()))
        journal.wait_for_ticks(3, alive=lambda: program.poll() is None)
        return program, journal

    def comes_to_its_end(self, program, journal):
        """It works on, has nothing of ours about it, and finds at its end that all is right."""
        try:
            journal.wait_for_ticks(5, alive=lambda: program.poll() is None)
        except AssertionError:
            with open(program.said) as file:
                raise AssertionError(f"the program has ended with {program.poll()}: {file.read()}") from None
        with open(f"/proc/{program.pid}/status") as file:
            assert "TracerPid:\t0" in file.read()
        with open(f"/proc/{program.pid}/maps") as file:
            assert "rwxp" not in file.read(), "our area is still mapped"
        journal.ask_to_end()
        assert program.wait(support.PATIENCE) == 0
        assert journal.passed()

    def nothing_is_left(self, program):
        support.wait_for(lambda: not support.descendants(program.pid),
                         lambda: "the end of " + "; ".join(map(support.describe, support.descendants(program.pid))))

    # -- as it should be --

    def test_takes_snapshots_and_rewinds(self):
        program, journal = self.start()
        session = self.attach(program.pid)
        first = session.snapshot("first")
        before = journal.last()
        journal.wait_for_ticks(20)
        session.rewind(first)
        journal.wait_for_ticks(1)
        ticks = journal.ticks()
        assert any(b != a + 1 and b <= before + 2 for a, b in zip(ticks, ticks[1:])), ticks[-30:]
        assert session.snapshot() == 2
        session.call("detach")
        assert session.wait() == 0
        self.nothing_is_left(program)
        self.comes_to_its_end(program, journal)

    def test_is_told_by_all_commands(self):
        program, journal = self.start()
        session = self.attach(program.pid, name="mine")
        status = session.status()
        assert (status["program_pid"], status["program_host_pid"]) == (program.pid, program.pid)
        assert status["attached"] is True and status["command"] == [PROGRAMS["threads"]]
        assert status["working_directory"] == self.path("work")
        assert f"{program.pid} (attached)" in session.call("status")
        assert "attached" in self.snapback("sessions").output
        assert f"process {program.pid} (threads) is under control as session mine; Ctrl-C lets it go" in session.shown()
        session.call("detach")
        assert session.wait() == 0
        assert f"process {program.pid} (threads) goes on alone" in session.shown()
        self.comes_to_its_end(program, journal)

    def test_is_named_after_the_program(self):
        program, journal = self.start()
        outcome = []
        runner = threading.Thread(target=lambda: outcome.append(self.snapback("attach", program.pid)))
        runner.start()
        support.wait_for(lambda: "threads-1" in self.snapback("sessions").output, "the session")
        assert self.snapback("detach", "-s", "threads-1").status == 0
        runner.join()
        assert outcome[0].status == 0
        self.comes_to_its_end(program, journal)

    def test_does_not_disturb_a_parent_that_waits(self):
        program, journal = self.start([sys.executable, "-c", WAITER])
        session = self.attach(program.pid)
        for _ in range(6):
            journal.wait_for_ticks(30)
            try:
                session.snapshot()
                session.rewind()
                session.delete(session.list()[0]["id"])
            except support.CommandFailed as failure:  # when it has a child of its own, just then
                assert "has been waited for since" in failure.message or "cannot be had again" in failure.message, failure
        journal.wait_for_ticks(60)
        session.call("detach")
        self.nothing_is_left_but_its_own(program, journal)
        journal.ask_to_end()
        assert program.wait(support.PATIENCE) == 0 and journal.passed()

    def nothing_is_left_but_its_own(self, program, journal):
        journal.wait_for_ticks(60, alive=lambda: program.poll() is None)
        support.wait_for(lambda: not support.descendants(program.pid), "the end of all templates")

    def test_holds_the_children_too(self):
        program = self.run_beside(["/bin/sh", "-c", PARENT])
        support.wait_for(lambda: len(support.descendants(program.pid)) == 2, "its children")
        own = support.descendants(program.pid)
        session = self.attach(program.pid)
        first = session.snapshot()
        os.kill(own[0], signal.SIGKILL)
        support.wait_for(lambda: support.state_of(own[0]) in (None, "Z"), "the end of a child")
        outcome = session.run("rewind", first)
        assert outcome.status == 2 and f"process {own[0]} (sleep) has ended since the snapshot" in outcome.message, \
            outcome.message
        assert "snapback launch" in outcome.message
        support.wait_for(lambda: support.state_of(own[1]) == "S", "the rest of the other child")
        assert program.poll() is None
        session.call("kill")
        assert session.wait() == 0
        assert program.wait(support.PATIENCE) == -signal.SIGKILL
        support.wait_for(lambda: support.state_of(own[1]) in (None, "Z"), "the end of the other child")

    def test_ends_what_has_been_started_since(self):
        program, journal = self.start([sys.executable, "-c", STARTER])
        session = self.attach(program.pid)
        first = session.snapshot()
        journal.wait_for_ticks(3)
        grown = support.wait_for(lambda: [p for p in support.descendants(program.pid) if support.state_of(p) == "S"],
                                 "a child")
        session.rewind(first)
        support.wait_for(lambda: support.state_of(grown[0]) is None, "the end of what was started since")
        session.call("detach")
        session.wait()
        journal.wait_for_ticks(3)
        for child in support.descendants(program.pid):
            os.kill(child, signal.SIGKILL)
        program.kill()
        program.wait()

    def test_leaves_a_pipe_alone_that_others_hold_too(self):
        """What others have taken out of it meanwhile (a token of make's, say) is not put into it once more."""
        reading, writing = os.pipe2(os.O_NONBLOCK)
        try:
            os.write(writing, b"token")
            program = self.run_beside(["/bin/sleep", "1000"], pass_fds=(reading, writing))
            support.wait_for(lambda: open(f"/proc/{program.pid}/comm").read() == "sleep\n", "its program")
            session = self.attach(program.pid)
            session.snapshot()
            assert os.read(reading, 100) == b"token"
            session.rewind()
            self.assertRaises(BlockingIOError, os.read, reading, 100)
            session.call("kill")
            session.wait()
            program.wait()
        finally:
            os.close(reading)
            os.close(writing)

    def test_keeps_a_connection_to_somebody_outside(self):
        """An echo server over a TCP and a unix socket, whose client is this test."""
        for family in ("AF_INET", "AF_UNIX"):
            address = self.path(family)
            program = self.run_beside([sys.executable, "-c", ECHO, family, address])
            support.wait_for(lambda: os.path.exists(address + ".ready"), "the server")
            with open(address + ".ready") as file:
                where = file.read()
            client = socket.socket(getattr(socket, family), socket.SOCK_STREAM)
            client.settimeout(support.PATIENCE)
            client.connect(("127.0.0.1", int(where)) if family == "AF_INET" else where)
            self.is_answered(client, b"one")
            session = self.attach(program.pid)
            session.snapshot()
            self.is_answered(client, b"two")
            session.rewind()
            self.is_answered(client, b"three")
            session.call("detach")
            assert session.wait() == 0
            self.is_answered(client, b"four")
            client.close()
            assert program.wait(support.PATIENCE) == 0

    def is_answered(self, client, word):
        client.sendall(word)
        assert client.recv(100) == word

    def test_leaves_the_terminal_alone_on_which_the_program_is(self):
        """Its other end is outside: what has been typed there meanwhile stays. Its settings are the program's."""
        terminal = self.on_terminal(["/bin/cat"])
        support.wait_for(lambda: open(f"/proc/{terminal.process.pid}/comm").read() == "cat\n", "its program")
        session = self.attach(terminal.process.pid)
        terminal.send("before\n")
        terminal.expect("before\r\nbefore\r\n")
        session.snapshot()
        terminal.send("half a line")
        terminal.expect("half a line")
        before, silent = termios.tcgetattr(terminal.master), termios.tcgetattr(terminal.master)
        silent[3] &= ~termios.ECHO
        termios.tcsetattr(terminal.master, termios.TCSANOW, silent)
        session.rewind()
        assert termios.tcgetattr(terminal.master) == before
        terminal.send(" and the rest\n")
        terminal.expect("half a line and the rest\r\n")
        session.call("detach")
        assert session.wait() == 0
        terminal.send("after\n")
        terminal.expect("after\r\n")
        terminal.send("\x04")
        assert terminal.wait() == 0

    def test_ends_with_the_program(self):
        program, journal = self.start()
        session = self.attach(program.pid)
        session.snapshot()
        journal.ask_to_end()
        assert session.wait() == 0
        assert f"process {program.pid} (threads) has ended" in session.shown()
        assert program.wait(support.PATIENCE) == 0 and journal.passed()

    def test_saves_and_restarts(self):
        self.is_saved_and_restarted(*self.start())

    def test_saves_and_restarts_one_of_a_foreign_job(self):
        """Its process group and terminal session are those of a shell that is none of it."""
        shell, journal = self.start(["/bin/sh", "-c", f"{PROGRAMS['threads']} & wait"])
        child = support.descendants(shell.pid)[0]
        self.is_saved_and_restarted(shell, journal, child)

    def is_saved_and_restarted(self, program, journal, pid=None):
        session = self.attach(pid or program.pid)
        image = self.path("work", "one.snapback")
        session.call("snapshot", "--save", "-o", image)
        support.wait_for(lambda: session.list()[0].get("image"), "the image")
        session.call("kill")
        session.wait()
        program.wait(support.PATIENCE)
        last = journal.last()
        again = self.restart(image, options=["--force"])
        journal.wait_for_ticks(5, alive=lambda: again.process.poll() is None)
        assert last < len(journal.ticks())
        journal.ask_to_end()
        assert again.wait() == 0 and journal.passed()

    # -- being let go --

    def test_is_let_go_by_the_interrupt_key(self):
        program, journal = self.start()
        session = self.attach(program.pid, terminal=True)
        session.snapshot()
        session.terminal.send("\x03")
        assert session.wait() == 0
        assert "goes on alone" in session.shown()
        self.nothing_is_left(program)
        self.comes_to_its_end(program, journal)

    def test_is_let_go_by_whoever_is_killed(self):
        for victim in ("outer", "supervisor"):
            program, journal = self.start()
            session = self.attach(program.pid)
            session.snapshot()
            session.snapshot()
            session.delete(1)
            os.kill(session.process.pid if victim == "outer" else session.status()["supervisor_pid"], signal.SIGKILL)
            session.wait()
            self.nothing_is_left(program)
            support.wait_for(lambda: not os.path.exists(session.socket), "the end of the socket")
            self.comes_to_its_end(program, journal)

    def traffic(self, session, rewinds):
        while session.run("snapshot").status == 0 and (not rewinds or session.run("rewind").status == 0):
            if len(session.run("list").output) > 1000 and session.run("delete", "--all").status:
                return

    def kill_in_traffic(self, victim, rewinds):
        program, journal = self.start()
        session = self.attach(program.pid)
        target = session.process.pid if victim == "outer" else session.status()["supervisor_pid"]
        worker = threading.Thread(target=self.traffic, args=(session, rewinds))
        worker.start()
        time.sleep(CHOICE.random() * 0.15)  # the moment is to be any
        os.kill(target, signal.SIGKILL)
        worker.join()
        session.wait()
        return program, journal, session

    def test_goes_on_whoever_is_killed_in_the_middle_of_a_snapshot(self):
        for victim in ("outer", "supervisor") * ROUNDS:
            program, journal, _ = self.kill_in_traffic(victim, rewinds=False)
            self.nothing_is_left(program)
            self.comes_to_its_end(program, journal)

    def test_is_never_half_a_program(self):
        """Killed in the middle of a rewind, it has ended; else it goes on."""
        for victim in ("outer", "supervisor") * ROUNDS:
            program, journal, session = self.kill_in_traffic(victim, rewinds=True)
            if victim == "supervisor" and "in the middle of a rewind" in session.shown():
                assert program.wait(support.PATIENCE) == -signal.SIGKILL
                continue
            self.nothing_is_left(program)
            self.comes_to_its_end(program, journal)

    # -- what is refused --

    def refused(self, *arguments, status=2):
        outcome = self.snapback("attach", *arguments)
        assert outcome.status == status, (outcome.status, outcome.message)
        return outcome.message

    def test_refuses_by_name(self):
        program, journal = self.start()
        thread = max(map(int, os.listdir(f"/proc/{program.pid}/task")))
        session = self.attach(program.pid)
        launched = self.launch(["/bin/sleep", "1000"])
        assert "there is no process 99999999" in self.refused(99999999)
        assert f"{thread} is a thread of process {program.pid} (threads)" in self.refused(thread)
        assert "belongs to another user" in self.refused(1)
        assert "has started this command itself" in self.refused(os.getpid())
        assert "has process numbers of its own" in self.refused(launched.host_pid())
        session.snapshot()
        assert "is under control already" in self.refused(program.pid)
        assert "'x' is not a process number" in self.refused("x", status=1)
        assert "which process?" in self.refused(status=1)
        outcome = launched.run("detach")
        assert outcome.status == 2 and "has been started in it" in outcome.message
        session.call("detach")
        session.wait()
        self.comes_to_its_end(program, journal)

    def test_refuses_a_message_queue_that_others_may_use(self):
        """To copy its messages they would have to be taken out for a moment. The program misses none."""
        program, journal = self.start([PROGRAMS["mqueues"]])
        session = self.attach(program.pid)
        support.wait_for(lambda: "is the message queue" in session.run("snapshot").message, "a queue that is open")
        session.call("detach")
        session.wait()
        self.comes_to_its_end(program, journal)

    def test_refuses_one_that_is_traced(self):
        program = self.run_beside(["/bin/sleep", "1000"])
        gdb = subprocess.Popen(["gdb", "-q", "-nx", "-p", str(program.pid)], stdin=subprocess.PIPE,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=self.environment())
        try:
            support.wait_for(lambda: support.state_of(program.pid) == "t", "gdb")
            message = self.refused(program.pid)
            assert f"is traced by process {gdb.pid} (gdb)" in message and "snapback gdb --host-pids" in message, message
        finally:
            gdb.communicate(b"detach\nquit\n")
        program.kill()
        program.wait()

    # -- what fails --

    def test_goes_on_when_a_snapshot_fails(self):
        for point in ("freeze", "capture_area", "capture_threads", "capture_descriptors", "capture_pages",
                      "capture_clone", "capture_template"):
            program, journal = self.start()
            session = self.attach(program.pid, faults=point, environment=self.environment())
            assert session.run("snapshot").status == 2, point
            session.snapshot()
            session.call("detach")
            session.wait()
            self.nothing_is_left(program)
            self.comes_to_its_end(program, journal)

    def test_goes_on_when_a_rewind_cannot_begin(self):
        for point in ("rewind_freeze", "rewind_area", "rewind_plan"):
            program, journal = self.start()
            session = self.attach(program.pid, faults=point)
            session.snapshot()
            assert session.run("rewind").status == 2, point
            session.rewind()
            session.call("detach")
            session.wait()
            self.comes_to_its_end(program, journal)

    def test_says_that_the_program_is_lost_when_a_rewind_fails_half_way(self):
        program, _ = self.start()
        session = self.attach(program.pid, faults="rewind_mappings")
        session.snapshot()
        outcome = session.run("rewind")
        assert outcome.status == 2 and "failed half-way" in outcome.message and "has been ended" in outcome.message, \
            outcome.message
        assert session.wait() == 0
        assert program.wait(support.PATIENCE) == -signal.SIGKILL


# Starts one child that stays, once some ticks have passed.
STARTER = r"""
import os, time
journal = os.open(os.environ["LIVE_JOURNAL"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
for tick in range(100000):
    os.write(journal, f"tick {tick}\n".encode())
    time.sleep(0.02)
    if tick and tick % 40 == 0:
        os.posix_spawn("/bin/sleep", ["sleep", "1000"], os.environ)
"""

# Answers its one client with what it says.
ECHO = r"""
import os, socket, sys
family, address = sys.argv[1:]
server = socket.socket(getattr(socket, family), socket.SOCK_STREAM)
server.bind(("127.0.0.1", 0) if family == "AF_INET" else address)
server.listen(1)
with open(address + ".part", "w") as file:
    file.write(str(server.getsockname()[1]) if family == "AF_INET" else address)
os.rename(address + ".part", address + ".ready")
client, _ = server.accept()
while True:
    word = client.recv(100)
    if not word:
        break
    client.sendall(word)
"""

PROGRAMS = {name: support.within_reach(os.path.join(os.environ["LIVE_PROGRAMS"], name)) for name in ("threads", "mqueues")}

if __name__ == "__main__":
    print(f"SNAPBACK_STRESS_SEED={SEED}", flush=True)
    support.main()
