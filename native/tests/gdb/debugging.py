# SPDX-License-Identifier: EPL-2.0
"""gdb as its users see it: a command line on a terminal, MI over pipes, MI on a second terminal."""
import os
import pty
import re
import select
import subprocess
import time
import tty

import snapback_support as support

QUIET = ["-q", "-nx", "-iex", "set pagination off", "-iex", "set confirm off", "-iex", "set style enabled off",
         "-iex", "set width 0", "-iex", "set debuginfod enabled off"]


# Looked up while we are root still, if we are.
PROGRAMS = {name: support.within_reach(os.path.join(os.environ["GDB_PROGRAMS"], name))
            for name in ("steps", "churn", "crash", "busy", "family", "kin")}


class CommandLine:
    """gdb's prompt on a terminal."""

    def __init__(self, session):
        self.session, self.terminal = session, session.terminal
        self.terminal.expect(r"\(gdb\) ")

    def do(self, command, seconds=None):
        """Types a command; returns what gdb shows until its next prompt."""
        self.terminal.send(command + "\n")
        self.terminal.expect(re.escape(command))
        start = self.terminal.read_to
        end = self.terminal.expect(r"(?:\r?\n|^)\(gdb\) ", seconds).start()
        return self.terminal.transcript[start:end].replace("\r", "").strip()

    def value(self, expression):
        shown = self.do("print " + expression)
        match = re.search(r"\$\d+ = (.*)", shown)
        return match.group(1) if match else shown

    def quit(self):
        self.terminal.send("quit\n")
        return self.session.wait()


class Machine:
    """MI over a pair of descriptors: records, parsed only as far as tests look at them."""

    def __init__(self, reading, writing):
        self._in, self._out = reading, writing
        self._rest = b""
        self._token = 0
        self.records = []

    def _pump(self, seconds):
        if not select.select([self._in], [], [], seconds)[0]:
            return
        try:
            data = os.read(self._in, 65536)
        except OSError:
            data = b""
        *lines, self._rest = (self._rest + data).split(b"\n")
        self.records += [line.decode(errors="replace").rstrip("\r") for line in lines]

    def expect(self, pattern, start=0, seconds=None):
        """The first record from the `start`-th on that the pattern matches, and its index."""
        deadline = time.monotonic() + (seconds or support.PATIENCE)
        while True:
            for index in range(start, len(self.records)):
                if re.match(pattern, self.records[index]):
                    return self.records[index], index
            if time.monotonic() > deadline:
                raise support.Late(f"no record {pattern!r} in:\n" + "\n".join(self.records[start:][-40:]))
            self._pump(0.05)

    def send(self, command):
        """Sends a command; returns its result record."""
        self._token += 1
        start = len(self.records)
        os.write(self._out, f"{self._token}{command}\n".encode())
        return self.expect(rf"{self._token}\^", start)[0]

    def until_stopped(self, command):
        """Sends a command that lets the program go; returns the *stopped record."""
        start = len(self.records)
        self.send(command)
        return self.expect(r"\*stopped", start)[0]

    def value(self, expression):
        return re.search(r'value="(.*)"', self.send(f"-data-evaluate-expression {expression}")).group(1)


class TestCase(support.TestCase):
    """A test with gdb."""

    def command_line(self, *command, options=(), **more):
        """gdb on a terminal, at its prompt. The session is its `session`."""
        session = self.debug([*QUIET, "--args", *command], options=options, terminal=True, **more)
        return CommandLine(session)

    def piped(self, verb, *arguments):
        """A session whose standard streams are pipes, on which gdb speaks MI. Returns (Machine, Session)."""
        name, environment = f"m{len(self.sessions)}", self.environment()
        process = subprocess.Popen([support.program("snapback"), verb, "--name", name, *arguments],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   env=environment, cwd=self.path("work"), start_new_session=True, bufsize=0)
        self.addCleanup(process.stdin.close)
        self.addCleanup(process.stdout.close)
        session = support.Session(self.folder, environment, name, process)
        self.sessions.append(session)
        return Machine(process.stdout.fileno(), process.stdin.fileno()), session

    def machine(self, *command, options=(), asynchronous=False):
        """gdb with MI on its standard streams. Returns (Machine, Session)."""
        machine, session = self.piped("gdb", *options, "--interpreter=mi2", *QUIET, "--args", *command)
        machine.expect(r"\(gdb\)")
        session.wait_until_ready()
        if asynchronous:
            machine.send("-gdb-set mi-async on")
        return machine, session

    def two_terminals(self, *command, options=()):
        """gdb as CDT starts it: a console on one terminal, MI on another. Returns (Machine, CommandLine)."""
        outer, inner = pty.openpty()
        tty.setraw(inner)
        name = os.ttyname(inner)
        self.addCleanup(os.close, outer)
        self.addCleanup(os.close, inner)
        session = self.debug(["--interpreter", "mi2", "--nx", "-q", "--interpreter", "console", "-ex",
                              f"new-ui mi2 {name}", "-ex", "set pagination off", "-ex", "show version", *command],
                             options=options, terminal=True)
        machine = Machine(outer, outer)
        machine.expect(r"\(gdb\)")
        console = CommandLine(session)
        console.do("set confirm off")
        return machine, console


main = support.main
