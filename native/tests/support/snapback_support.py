# SPDX-License-Identifier: EPL-2.0
"""What the tests of the native program share: an ordinary user, sessions, terminals, deadlines, and a check for leftovers.

Standard library only. A test file looks like this:

    import snapback_support as support

    class Rewind(support.TestCase):
        def test_takes_the_program_back(self):
            session = self.launch(["/bin/sleep", "60"])
            first = session.snapshot("first")
            session.rewind(first)

    if __name__ == "__main__":
        support.main()

CTest gives the programs under test in the environment: SNAPBACK and SNAPBACK_FAULTS.
"""
import ctypes
import errno
import fcntl
import json
import os
import pty
import pwd
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import time
import unittest

PATIENCE = float(os.environ.get("SNAPBACK_TEST_PATIENCE", "20"))  # seconds, for whatever must happen soon
UNPRIVILEGED_ID = 61234  # user and group of the tests where they are started by root and no account is named

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_CHILD_SUBREAPER = 1, 4, 36
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1


# ---- who we are ----

def _account():
    """(uid, gid, name) of the ordinary user that the tests run as."""
    name = os.environ.get("SNAPBACK_TEST_USER")
    if not name:
        return UNPRIVILEGED_ID, UNPRIVILEGED_ID, None
    entry = pwd.getpwnam(name)
    return entry.pw_uid, entry.pw_gid, name


def become_ordinary():
    """Gives up root for good; does nothing for an ordinary user. Descendants that lose their parent become ours."""
    if os.getuid() == 0:
        uid, gid, name = _account()
        os.chdir("/")
        os.initgroups(name, gid) if name else os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
        _libc.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)
    os.umask(0o022)
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def take_own_network():
    """A network in which nobody else takes a port that has been left, if an ordinary user may have one here."""
    uid, gid = os.getuid(), os.getgid()
    if _libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) != 0:
        return
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{uid} {uid} 1")
    _write("/proc/self/gid_map", f"{gid} {gid} 1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = bytearray(b"lo".ljust(40, b"\0"))
        fcntl.ioctl(any_socket, _SIOCGIFFLAGS, request)
        request[16] |= _IFF_UP
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, request)


def stay_root():
    """For what only root may do; an ordinary user skips such a test."""
    if os.getuid() != 0:
        print("skipped: needs root (CAP_CHECKPOINT_RESTORE)")
        raise SystemExit(77)
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def within_reach(path):
    """`path`, or a copy of that program where the ordinary user can reach it (a checkout below /root, say)."""
    if os.getuid() != 0 or _reaches(path):
        return path
    uid, gid, _ = _account()
    if not _copies:
        _copies.append(tempfile.mkdtemp(prefix="snapback-bin-", dir="/tmp"))
        os.chown(_copies[0], uid, gid)
    folder = os.path.join(_copies[0], os.path.basename(os.path.dirname(path)))  # of each kind there may be one of the name
    os.makedirs(folder, mode=0o755, exist_ok=True)
    os.chown(folder, uid, gid)
    shutil.copy(path, folder)
    copy = os.path.join(folder, os.path.basename(path))
    os.chmod(copy, 0o755)
    return copy


def folder_within_reach(path):
    """The same for a folder of programs."""
    if os.getuid() != 0 or _reaches(path + "/program"):
        return path
    return os.path.dirname([within_reach(entry.path) for entry in os.scandir(path) if entry.is_file()][-1])


_copies = []


def _reaches(path):
    while path != "/":
        path = os.path.dirname(path)
        if not os.stat(path).st_mode & 0o001:
            return False
    return True


_programs = {}


def program(name):
    """The program under test: "snapback" or "snapback-faults"."""
    variable = {"snapback": "SNAPBACK", "snapback-faults": "SNAPBACK_FAULTS"}[name]
    if name not in _programs:
        path = os.environ.get(variable)
        if not path or not os.access(path, os.X_OK):
            raise SystemExit(f"the environment variable {variable} does not name a program: run this test with ctest")
        _programs[name] = within_reach(os.path.abspath(path))
    return _programs[name]


# ---- waiting ----

class Late(AssertionError):
    """Something did not happen before its deadline."""


def wait_for(condition, what, seconds=None):
    """Looks at `condition` until it holds, and returns its value. `what` names it, for the message; text or function."""
    deadline = time.monotonic() + (seconds or PATIENCE)
    pause = 0.001
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Late(f"waited {seconds or PATIENCE:g} s in vain: {what() if callable(what) else what}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)


def repeat_for(seconds, step):
    """Takes one step after the other for that time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        step()


# ---- processes ----

def _stat(pid):
    """(parent, state) of a process, or None."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            state, parent = file.read().rpartition(b") ")[2].split()[:2]
        return int(parent), state.decode()
    except OSError:
        return None


def state_of(pid):
    """The letter that /proc shows for the state of a process; None: it is gone."""
    facts = _stat(pid)
    return facts and facts[1]


def descendants(root):
    """All processes below `root`, parents first, zombies included."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            facts = _stat(entry)
            if facts:
                children.setdefault(facts[0], []).append(int(entry))
    found, queue = [], [root]
    while queue:
        for child in children.get(queue.pop(), []):
            found.append(child)
            queue.append(child)
    return found


def describe(pid):
    """A process in words, for messages."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            command = file.read(200).replace(b"\0", b" ").decode(errors="replace").strip()
        with open(f"/proc/{pid}/comm") as file:
            name = file.read().strip()
        parent, state = _stat(pid) or ("?", "?")
        return f"{pid} [{name}] state {state} parent {parent}: {command}"
    except OSError:
        return f"{pid} (gone)"


def inner_pid(pid):
    """The number of a process in its own namespace; 0: it is gone."""
    try:
        with open(f"/proc/{pid}/status") as file:
            for line in file:
                if line.startswith("NSpid:"):
                    return int(line.split()[-1])
    except OSError:
        pass
    return 0


def reap_orphans(keep=()):
    """Collects ended processes that have become our children; those of Popen objects are left to them."""
    for pid in descendants(os.getpid()):
        facts = _stat(pid)
        if facts and facts[0] == os.getpid() and facts[1] == "Z" and pid not in keep:
            try:
                os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                pass


def _before_exec(terminal):
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    if terminal:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)


# ---- commands ----

class CommandFailed(AssertionError):
    """`snapback VERB` ended with a status other than 0."""

    def __init__(self, command, status, message):
        super().__init__(f"`snapback {' '.join(command)}` ended with {status}: {message}")
        self.status = status
        self.message = message


class Outcome:
    """How a command ended: status, output, message (its standard error)."""

    def __init__(self, status, output, message):
        self.status, self.output, self.message = status, output, message


class Terminal:
    """The outer end of a pseudo-terminal with a program on it; expect() and send() as in expect(1)."""

    def __init__(self, command, environment, folder, rows=24, columns=200):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, rows.to_bytes(2, "little") + columns.to_bytes(2, "little") + bytes(4))
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env=environment, cwd=folder, start_new_session=True,
            preexec_fn=lambda: _before_exec(True))
        os.close(slave)
        os.set_blocking(self.master, False)
        self.transcript = ""  # all that has been shown
        self.read_to = 0      # what expect() has passed

    def send(self, text):
        """Types `text`; a line needs its own "\\n"."""
        data = text.encode()
        while data:
            select.select([], [self.master], [], PATIENCE)
            data = data[os.write(self.master, data):]

    def pump(self, seconds=0.0):
        """Takes in what has been shown within that time; False when the terminal has no program any more."""
        if not select.select([self.master], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.master, 65536)
        except BlockingIOError:
            return True
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return False
        self.transcript += data.decode(errors="replace")
        return bool(data)

    def expect(self, pattern, seconds=None):
        """Waits until the regular expression is shown behind what was expected before; returns the match."""
        deadline = time.monotonic() + (seconds or PATIENCE)
        open_end = True
        while True:
            match = re.compile(pattern).search(self.transcript, self.read_to)
            if match:
                self.read_to = match.end()
                return match
            if not open_end or time.monotonic() > deadline:
                raise Late(f"the terminal never showed {pattern!r} after:\n{self.transcript[self.read_to:][-3000:]}")
            open_end = self.pump(0.05)

    def skip(self):
        """Forgets what has been shown so far."""
        self.pump()
        self.read_to = len(self.transcript)

    def wait(self, seconds=None):
        """Waits for the end of the program, taking in its output; returns its status as Popen does."""
        deadline = time.monotonic() + (seconds or PATIENCE)
        while self.process.poll() is None:
            if time.monotonic() > deadline:
                raise Late(f"{describe(self.process.pid)} does not end; shown:\n{self.transcript[-3000:]}")
            self.pump(0.02)
        while self.pump(0.0) and select.select([self.master], [], [], 0)[0]:
            pass
        return self.process.returncode

    def close(self):
        if self.master >= 0:
            os.close(self.master)
            self.master = -1


class Session:
    """One `snapback launch` or `snapback gdb`, as its user's shell sees it."""

    def __init__(self, folder, environment, name, process, terminal=None):
        self.folder, self.environment, self.name = folder, environment, name
        self.process, self.terminal = process, terminal
        self._host_pids = {}

    @property
    def socket(self):
        return os.path.join(self.environment["XDG_RUNTIME_DIR"], "snapback", self.name + ".sock")

    def wait_until_ready(self, seconds=None):
        """Until the session has a socket and its program has been started."""
        wait_for(lambda: os.path.exists(self.socket) or self.process.poll() is not None,
                 f"the socket {self.socket}", seconds)
        if self.process.poll() is None:
            wait_for(lambda: self.process.poll() is not None or self._started(), "the program of the session", seconds)
        if self.process.poll() is not None:
            raise AssertionError(f"the session ended at once with {self.process.returncode}: {self.shown()}")

    def _started(self):
        outcome = self.run("status", "--json")
        return outcome.status == 0 and json.loads(outcome.output).get("state") not in (None, "unknown", "starting")

    def shown(self):
        """What the session has said so far on its terminal or standard error, as far as we hold it."""
        if self.terminal:
            self.terminal.pump()
            return self.terminal.transcript
        return self.error_text()

    def error_text(self):
        path = os.path.join(self.folder, self.name + ".stderr")
        try:
            with open(path, errors="replace") as file:
                return file.read()
        except OSError:
            return ""

    def output_text(self):
        path = os.path.join(self.folder, self.name + ".stdout")
        try:
            with open(path, errors="replace") as file:
                return file.read()
        except OSError:
            return ""

    # -- verbs --

    def run(self, verb, *arguments, seconds=None):
        """`snapback VERB -s NAME ARGUMENTS`, whatever its outcome."""
        command = [program("snapback"), verb, "-s", self.name, *map(str, arguments)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=self.environment,
                              cwd=self.folder, timeout=seconds or 3 * PATIENCE, preexec_fn=lambda: _before_exec(False))
        return Outcome(done.returncode, done.stdout, done.stderr.strip())

    def call(self, verb, *arguments, seconds=None):
        """The same; its output. Raises CommandFailed unless the status is 0."""
        outcome = self.run(verb, *arguments, seconds=seconds)
        if outcome.status != 0:
            raise CommandFailed([verb, *map(str, arguments)], outcome.status, outcome.message + self._obituary())
        return outcome.output

    def _obituary(self):
        if self.process.poll() is None:
            return ""
        return f" (the session has ended with {self.process.returncode}; it said: {self.shown()[-500:]!r})"

    def snapshot(self, name=None):
        output = self.call("snapshot", *(["--name", name] if name else []))
        if not re.fullmatch(r"\d+\n", output):
            raise AssertionError(f"`snapback snapshot` printed {output!r}, not a number alone")
        return int(output)

    def rewind(self, snapshot=None, with_debugger=False):
        self.call("rewind", *([snapshot] if snapshot is not None else []),
                  *(["--with-debugger"] if with_debugger else []))

    def delete(self, *snapshots):
        self.call("delete", *(snapshots or ["--all"]))

    def list(self):
        """The entries of `list --json`."""
        found = json.loads(self.call("list", "--json"))
        return found["snapshot"] if isinstance(found, dict) else found

    def status(self):
        return json.loads(self.call("status", "--json"))

    # -- processes --

    def processes(self):
        """Host numbers of all processes of the session: ours, the program's, templates."""
        return [self.process.pid] + descendants(self.process.pid)

    def host_pid(self, inner=None):
        """The host's number of a process of the session, by default its program's."""
        inner = inner or self.status()["program_pid"]
        if inner_pid(self._host_pids.get(inner, 0)) != inner:
            wait_for(lambda: self._find(inner), f"process {inner} of the session")
        return self._host_pids[inner]

    def _find(self, inner):
        for pid in descendants(self.process.pid):
            if inner_pid(pid) == inner:
                self._host_pids[inner] = pid
                return True
        return False

    # -- the end --

    def wait(self, seconds=None):
        """Waits for the end of the session: its exit status, as Popen gives it."""
        if self.terminal:
            return self.terminal.wait(seconds)
        try:
            return self.process.wait(seconds or PATIENCE)
        except subprocess.TimeoutExpired:
            raise Late("the session does not end:\n" + "\n".join(map(describe, self.processes()))) from None

    def end(self, seconds=None):
        """Kills the program; waits for the end of the session."""
        self.run("kill")
        return self.wait(seconds)


# ---- tests ----

_open_tests = []


class TestCase(unittest.TestCase):
    """A test with a folder of its own, that leaves no process, no socket and no temporary file behind.

    folder/home is HOME, folder/run is XDG_RUNTIME_DIR, folder/tmp is TMPDIR, folder/work is where programs start.
    """

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="sb-", dir="/tmp")
        _open_tests.append(self)
        for name in ("home", "run", "tmp", "work"):
            os.mkdir(os.path.join(self.folder, name), 0o700)
        self.sessions = []
        self.terminals = []
        self.beside = []
        self._shared_memory = set(os.listdir("/dev/shm"))
        # Runs last, also after a failed setUp of a subclass.
        self.addCleanup(self._leave_nothing)

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def environment(self, **more):
        """The environment of programs: the caller's, with folders of the test's own."""
        found = {k: v for k, v in os.environ.items() if not k.startswith(("SNAPBACK", "XDG_", "DEBUGINFOD"))}
        found.update(HOME=self.path("home"), XDG_RUNTIME_DIR=self.path("run"), TMPDIR=self.path("tmp"), LC_ALL="C.UTF-8",
                     TERM="dumb", PATH="/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", HISTFILE="/dev/null")
        found.update(more)
        return found

    # -- starting things --

    def launch(self, command, name=None, terminal=False, faults=None, environment=None, ready=True, stdin=None):
        """`snapback launch --name NAME -- COMMAND`; `faults` arms a fault point. Returns a Session."""
        return self._start(["launch"], ["--", *command], name, terminal, faults, environment, ready, stdin)

    def debug(self, arguments, options=(), name=None, terminal=True, faults=None, environment=None, ready=True,
              stdin=None):
        """`snapback gdb --name NAME OPTIONS ARGUMENTS`. Returns a Session."""
        return self._start(["gdb"], [*options, *arguments], name, terminal, faults, environment, ready, stdin)

    def restart(self, image, options=(), name=None, terminal=False, faults=None, environment=None, ready=True,
                stdin=None):
        """`snapback restart --name NAME OPTIONS IMAGE`. Returns a Session."""
        return self._start(["restart"], [*options, image], name, terminal, faults, environment, ready, stdin)

    def attach(self, pid, options=(), name=None, terminal=False, faults=None, environment=None, ready=True):
        """`snapback attach --name NAME OPTIONS PID`. Returns a Session."""
        return self._start(["attach"], [*options, pid], name, terminal, faults, environment, ready, None)

    def run_beside(self, command, environment=None, pass_fds=()):
        """A program that no session has started. Returns its Popen; what it says is in the file of its `said`."""
        said = self.path(f"beside{len(self.beside)}")
        with open(said, "wb") as out:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment or self.environment(),
                cwd=self.path("work"), start_new_session=True, pass_fds=pass_fds,
                preexec_fn=lambda: _before_exec(False))
        process.said = said
        self.beside.append(process)
        return process

    def _start(self, verb, command, name, terminal, faults, environment, ready, stdin):
        name = name or f"t{len(self.sessions)}"
        binary = program("snapback-faults" if faults is not None else "snapback")
        environment = dict(environment or self.environment())
        if faults:
            environment["SNAPBACK_FAULT"] = faults
        full = [binary, *verb, "--name", name, *map(str, command)]
        if terminal:
            held = self.on_terminal(full, environment)
            session = Session(self.folder, environment, name, held.process, held)
        else:
            session = Session(self.folder, environment, name, self._in_background(full, environment, name, stdin))
        self.sessions.append(session)
        if ready:
            session.wait_until_ready()
        return session

    def on_terminal(self, command, environment=None):
        """Any command on a pseudo-terminal of its own. Returns a Terminal."""
        terminal = Terminal(command, environment or self.environment(), self.path("work"))
        self.terminals.append(terminal)
        return terminal

    def _in_background(self, command, environment, name, stdin):
        with open(self.path(name + ".stdout"), "wb") as out, open(self.path(name + ".stderr"), "wb") as err:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL if stdin is None else stdin, stdout=out, stderr=err, env=environment,
                cwd=self.path("work"), start_new_session=True, preexec_fn=lambda: _before_exec(False))

    def snapback(self, *arguments, binary="snapback", environment=None, seconds=None):
        """`snapback ARGUMENTS` to its end, whatever it is. Returns an Outcome."""
        done = subprocess.run([program(binary), *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, env=environment or self.environment(), cwd=self.path("work"),
                              timeout=seconds or 3 * PATIENCE, preexec_fn=lambda: _before_exec(False))
        return Outcome(done.returncode, done.stdout, done.stderr.strip())

    # -- leaving nothing --

    def _failed(self):
        # unittest tells a cleanup nothing: before Python 3.11 the outcome keeps the errors, since then the result.
        outcome = self._outcome
        told = list(getattr(outcome, "errors", [])) + outcome.result.errors + outcome.result.failures
        return any(test is self and text for test, text in told)

    def _leave_nothing(self):
        failed = self._failed()
        if failed:
            self._tell()
        try:
            self._end_all(failed)
            if not failed:
                self._check_sockets()
                self._check_files()
        finally:
            self.give_up()

    def give_up(self):
        """Kills whatever there is and removes the folder."""
        _open_tests.remove(self)
        self._kill_all()
        for terminal in self.terminals:
            terminal.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _tell(self):
        for session in self.sessions:
            print(f"-- session {session.name} ({session.process.poll()}) said:\n{session.shown()[-3000:]}",
                  file=sys.stderr)
        for process in self.beside:
            with open(process.said, errors="replace") as said:
                print(f"-- process {process.pid} ({process.poll()}) said:\n{said.read()[-3000:]}", file=sys.stderr)

    def _end_all(self, failed):
        """Ends sessions that are still there; then no process may be left."""
        if failed:
            return
        for session in self.sessions:
            if session.process.poll() is None:
                session.end()
        keep = [o.process.pid for o in self.sessions + self.terminals] + [p.pid for p in self.beside]
        for process in [t.process for t in self.terminals] + self.beside:
            process.poll()

        def gone():
            reap_orphans(keep)
            return not descendants(os.getpid())
        try:
            wait_for(gone, "the end of all processes", 5)
        except Late:
            raise AssertionError(
                "processes are left over:\n" + "\n".join(map(describe, descendants(os.getpid())))) from None

    def _kill_all(self):
        """Every process below us, by its number, until there is none."""
        owners = {s.process.pid: s.process for s in self.sessions}
        owners.update({t.process.pid: t.process for t in self.terminals})
        owners.update({p.pid: p for p in self.beside})

        def gone():
            for pid in descendants(os.getpid()):
                try:
                    os.kill(pid, signal.SIGKILL)
                except OSError:
                    pass
            for process in owners.values():
                process.poll()
            reap_orphans(owners)
            return not descendants(os.getpid())
        wait_for(gone, "the end of killed processes", 10)

    def _check_sockets(self):
        folder = self.path("run", "snapback")
        left = os.listdir(folder) if os.path.isdir(folder) else []
        if left:
            raise AssertionError(f"sockets are left over: {left}")

    def _check_files(self):
        left = os.listdir(self.path("tmp"))
        if left:
            raise AssertionError(f"temporary files are left over: {left}")
        mine = {name for name in set(os.listdir("/dev/shm")) - self._shared_memory if self._owns("/dev/shm/" + name)}
        if any(name.startswith(("snapback", os.path.basename(self.folder))) for name in mine):
            raise AssertionError(f"shared memory is left over: {sorted(mine)}")

    @staticmethod
    def _owns(path):
        try:
            return os.stat(path).st_uid == os.getuid()
        except OSError:
            return False


# ---- programs that check themselves ----

class Journal:
    """What a program of tests/live tells: a file that no rewind takes back.

    The program appends a line for each tick of its work ("tick 17"), and "FAIL why" or "PASS" at its end. It
    ends when its stop file is there.
    """

    def __init__(self, folder, name="journal"):
        self.path = os.path.join(folder, name)
        self.stop_path = os.path.join(folder, name + ".stop")
        self.lines = []
        self._rest = ""
        self._at = 0

    def environment(self):
        return {"LIVE_JOURNAL": self.path, "LIVE_STOP": self.stop_path}

    def read(self):
        """Takes in what is new; returns all lines so far. Raises AssertionError when the program found a fault."""
        try:
            with open(self.path, "rb") as file:
                file.seek(self._at)
                new = file.read()
        except FileNotFoundError:
            return self.lines
        self._at += len(new)
        *whole, self._rest = (self._rest + new.decode()).split("\n")
        self.lines += whole
        for line in whole:
            if line.startswith("FAIL"):
                raise AssertionError("the program found a fault: " + line)
        return self.lines

    def ticks(self):
        return [int(line[5:]) for line in self.read() if line.startswith("tick ")]

    def last(self):
        """The last tick, -1 when there is none."""
        ticks = self.ticks()
        return ticks[-1] if ticks else -1

    def wait_for_ticks(self, count=1, seconds=None, alive=None):
        """Until so many more ticks have been told than now."""
        goal = len(self.ticks()) + count

        def come():
            if len(self.ticks()) >= goal:
                return True
            if alive and not alive():
                self.read()
                raise AssertionError("the program has ended, without a word about why")
            return False
        wait_for(come, "the program's next tick", seconds)

    def ask_to_end(self):
        with open(self.stop_path, "w"):
            pass

    def passed(self):
        return "PASS" in self.read()


def main(arguments=None, own_network=False):
    """Runs the tests of the calling file as an ordinary user; `arguments` are for unittest, default sys.argv."""
    for name in ("snapback", "snapback-faults"):
        if os.environ.get({"snapback": "SNAPBACK", "snapback-faults": "SNAPBACK_FAULTS"}[name]):
            program(name)
    copies = list(_copies)
    if os.environ.get("SNAPBACK_TEST_AS_ROOT"):
        stay_root()
    else:
        become_ordinary()
    if own_network:
        take_own_network()
    # An interrupted test skips its cleanup: it is done here.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        unittest.main(verbosity=2, argv=arguments)
    finally:
        for test in list(_open_tests):
            test.give_up()
        for folder in copies:
            shutil.rmtree(folder, ignore_errors=True)
