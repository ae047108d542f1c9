# SPDX-License-Identifier: EPL-2.0
"""gdb's side of Snapback: the commands, and the link to the supervisor that started gdb.

The supervisor started this file by an -iex option of gdb's and gave it two sockets. On CALL gdb's main thread sends
one line and, for most, waits for one in answer: in that wait the supervisor may hold and use the main thread. On ORDER
a thread of ours reads what the supervisor wants done and posts it to the main thread, which then makes the call. The
lines are described in docs/control-protocol.md.

A rewind puts the program back and leaves one thread before a jump to the place where it stood. gdb itself steps over
that jump, so that it takes a real stop, and every front-end is told.
"""
import _thread
import atexit
import contextlib
import os
import signal
import socket
import threading
import time

import gdb

QUICK = 0.1  # seconds: a step that ends sooner after the last stop gets no automatic snapshot


# ---- the link ----

def escape(field):
    text = {True: "1", False: "0", None: ""}.get(field, field) if isinstance(field, (bool, type(None))) else str(field)
    return text.replace("%", "%25").replace("\t", "%09").replace("\n", "%0A").replace("\r", "%0D").replace("\0", "%00")


def unescape(field):
    first, *others = field.split("%")
    return first + "".join(chr(int(other[:2], 16)) + other[2:] for other in others)


class Channel:
    """Lines of tab-separated fields over an inherited socket, which no process that gdb starts is to have."""

    def __init__(self, descriptor):
        os.set_inheritable(descriptor, False)
        self._socket = socket.socket(fileno=descriptor)
        self._rest = b""

    def send(self, *fields):
        # What gdb was told on its command line may be any bytes: they come and go as they are.
        line = "\t".join(map(escape, fields)) + "\n"
        self._socket.sendall(line.encode("utf-8", "surrogateescape"))

    def receive(self):
        """The fields of the next line; None: the supervisor has gone."""
        while b"\n" not in self._rest:
            more = self._socket.recv(65536)
            if not more:
                return None
            self._rest += more
        line, _, self._rest = self._rest.partition(b"\n")
        return [unescape(field) for field in line.decode("utf-8", "replace").split("\t")]


class Link:
    """What the main thread says to the supervisor. Used by gdb's main thread only."""

    def __init__(self, channel):
        self._channel = channel

    def tell(self, *fields):
        try:
            self._channel.send(*fields)
        except OSError:
            pass  # the session is ending, and gdb with it

    def call(self, *fields):
        """Sends a line and waits for the answer. An answer that is an error is raised as gdb.GdbError."""
        try:
            self._channel.send(*fields)
            answer = self._channel.receive()
        except OSError as error:
            raise gdb.GdbError(f"The session's supervisor cannot be reached: {error.strerror}.")
        if answer is None:
            raise gdb.GdbError("The session's supervisor has ended.")
        if answer[0] == "error":
            raise gdb.GdbError(answer[1][:1].upper() + answer[1][1:] + ".")
        return answer


# ---- what gdb knows ----

def live_inferiors():
    """Those that have a process, the lowest number first."""
    return sorted((inferior for inferior in gdb.inferiors() if inferior.pid), key=lambda inferior: inferior.num)


def numbered():
    """The same as the supervisor wants to hear of them: number and process, in turn."""
    return [field for inferior in live_inferiors() for field in (inferior.num, inferior.pid)]


def inferior_of(pid):
    return next((inferior for inferior in live_inferiors() if inferior.pid == pid), None)


def selected_inferior():
    """The one that the user looks at, if it has a process; else another one, or None."""
    live, selected = live_inferiors(), gdb.selected_inferior()
    return selected if selected in live else live[0] if live else None


def is_running(inferior):
    return any(thread.is_running() for thread in inferior.threads())


def running_inferior():
    return next((inferior for inferior in live_inferiors() if is_running(inferior)), None)


def quietly(command):
    return gdb.execute(command, to_string=True)


def try_quietly(*commands):
    """The first of the commands that this gdb knows."""
    for command in commands:
        try:
            return quietly(command)
        except gdb.error as error:
            if "Undefined" not in str(error):
                break  # it is known, but does not work now: the older name for it would not either
    return ""


class Unheard:
    """What gdb says to its front-ends meanwhile leads nowhere.

    gdb has no way to change a breakpoint or a setting without telling every MI front-end, which would take the
    change for the user's. So the descriptors that gdb writes to are replaced for that moment.
    """

    def __enter__(self):
        gdb.flush()
        outputs = list(self.outputs())  # all of them, before a copy takes a number that was listed
        self._saved = [(fd, os.dup(fd), os.get_inheritable(fd)) for fd in outputs]
        null = os.open("/dev/null", os.O_RDWR)
        for fd, _, inheritable in self._saved:
            os.dup2(null, fd, inheritable)
        os.close(null)

    def __exit__(self, *_):
        gdb.flush()
        for fd, saved, inheritable in self._saved:
            os.dup2(saved, fd, inheritable)
            os.close(saved)

    @staticmethod
    def outputs():
        """Standard output and error, and the terminals of `new-ui`."""
        for name in os.listdir("/proc/self/fd"):
            fd = int(name)
            try:
                if fd in (1, 2) or fd > 2 and os.isatty(fd):
                    os.fstat(fd)
                    yield fd
            except OSError:
                pass


def is_command_line_alone():
    """No front-end that speaks MI has been asked for, or could have come on another terminal since."""
    with open("/proc/self/cmdline", "rb") as file:
        words = file.read().split(b"\0")
    if any(b"interpreter" in word or b"new-ui" in word or word == b"-i" for word in words):
        return False
    own = {os.fstat(fd).st_rdev for fd in range(3)}
    return all(os.fstat(fd).st_rdev in own for fd in Unheard.outputs() if fd > 2)


def forget_caches():
    try_quietly("maintenance flush register-cache", "flushregs")
    try_quietly("maintenance flush dcache")


class Place:
    """Where the selected thread stands, and why."""

    function, file, line, pc, thread = "", "", 0, 0, 0

    def __init__(self, inferior, reason):
        self.reason = reason
        self.thread = inferior.pid
        if running_inferior():
            self.reason = "running"
            return
        selected = gdb.selected_thread()
        if selected and selected.is_valid():
            self.thread = selected.ptid[1] or selected.ptid[0]
        try:
            self._read(gdb.newest_frame())
        except gdb.error:
            pass

    def _read(self, frame):
        self.pc = frame.pc()
        self.function = frame.name() or ""
        where = frame.find_sal()
        self.line = where.line
        if where.symtab:
            self.file = where.symtab.fullname() or where.symtab.filename

    def fields(self):
        return self.thread, self.function, self.file, self.line, self.pc, self.reason


def reason_of(event):
    if isinstance(event, gdb.BreakpointEvent):
        first = event.breakpoints[0]
        kind = "breakpoint" if first.type == gdb.BP_BREAKPOINT or first.type is None else "watchpoint"
        kind = kind if first.location or first.expression else "catchpoint"
        return f"{kind} {first.number}"
    if isinstance(event, gdb.SignalEvent):
        return f"signal {event.stop_signal}"
    return "step"


# ---- gdb's state, put aside while it is moved ----

class Aside:
    """gdb with all breakpoints disabled and one thread to be stepped alone, until it is closed.

    None of them is to be hit by the stop at the old place: hit counts, ignore counts, conditions, commands and
    temporary breakpoints stay as they are. A watchpoint that is enabled again reads its old value anew.
    """

    def __init__(self):
        self._disabled = [b for b in gdb.breakpoints() or () if b.enabled and b.number > 0]
        self._locking = gdb.parameter("scheduler-locking")
        with Unheard():
            self._enable(False)

    def hold_other_threads(self):
        """Only a target that runs has locks: without a process the setting would be refused."""
        if gdb.parameter("scheduler-locking") != "on":
            with Unheard():
                quietly("set scheduler-locking on")

    def close(self):
        with Unheard():
            try_quietly(f"set scheduler-locking {self._locking}")
            self._enable_in_all()

    def _enable_in_all(self):
        """gdb reads a watchpoint's value only if it looks at the process in which it was set, and does not say which."""
        self._enable(True)
        selected = gdb.selected_thread()
        if len(live_inferiors()) < 2 or not any(map(self._is_watchpoint, self._disabled)):
            return
        for inferior in live_inferiors():
            inferior.threads()[0].switch()
            self._enable(False, self._is_watchpoint)
            self._enable(True, self._is_watchpoint)
        if selected:
            selected.switch()

    @staticmethod
    def _is_watchpoint(breakpoint):
        return breakpoint.is_valid() and breakpoint.type in (gdb.BP_WATCHPOINT, gdb.BP_HARDWARE_WATCHPOINT)

    def _enable(self, enabled, which=lambda breakpoint: True):
        for breakpoint in filter(which, self._disabled):
            try:
                breakpoint.enabled = enabled
            except (gdb.error, RuntimeError):
                pass  # deleted meanwhile, or a watchpoint for which the processor has no room


class Move:
    """One rewind, as the supervisor leads gdb through it. Its answers say what gdb is to do next."""

    def __init__(self, link, done, at_prompt):
        self._link, self._done = link, done
        self._at_prompt = at_prompt  # a user sits there who has typed nothing of this
        self._aside = Aside()
        self.reason = "rewind"
        self._reporter = None  # the thread that takes the stop
        self._number = None    # of the snapshot
        self._announced = False
        self._awaited = None   # what to tell the supervisor at the next stop
        self._inside = False   # gdb has not yet returned from letting the program go
        self._answer = None    # of the supervisor, to that

    def begin(self, first_call):
        try:
            self._follow(first_call())
        except BaseException as error:
            self.fail(str(error) or type(error).__name__)
            raise

    def is_ours(self, event):
        return self._awaited is None

    def on_stop(self):
        """gdb has its stop. Whatever fails here is told where the rewind was asked for, or to the supervisor."""
        word, self._awaited = self._awaited, None
        if not word:
            return
        try:
            answer = self._link.call(word, *numbered())
        except gdb.GdbError as error:
            gdb.write(f"{error}\n", gdb.STDERR)
            self._end()
            return
        forget_caches()
        if answer[0] == "rewound":
            self._stand_again()
            self._end()
        elif self._inside:
            self._answer = answer
        else:
            gdb.post_event(lambda: self._go_on(answer))

    def _stand_again(self):
        """Where a signal had stopped the program, gdb still has it to pass on."""
        reasons = [row["reason"] for row in Rows(self._link) if row["id"] == self._number]
        if reasons and reasons[0].startswith("signal "):
            self.reason = reasons[0]
            try_quietly("queue-" + reasons[0])  # not of a signal that gdb is to keep

    def fail(self, why):
        self._link.tell("failed", 0, why.rstrip("."))
        self._end()

    def _go_on(self, answer):
        try:
            self._follow(answer)
        except (Exception, KeyboardInterrupt) as error:
            self.fail(str(error))

    def _end(self):
        if self._aside:
            self._aside.close()
            self._aside = None
            self._done()
            self._show_prompt()

    def _show_prompt(self):
        """gdb shows its prompt again after a command only. Its first front-end has standard output."""
        if self._at_prompt:
            gdb.flush()
            os.write(1, gdb.parameter("prompt").encode(errors="replace"))

    def _follow(self, answer):
        while answer:
            verb, *fields = answer
            answer = getattr(self, "_" + verb)(*fields)

    def _kill(self, *numbers):
        """Those inferiors, or all. One that a fork has made goes with its process."""
        for number in numbers or [inferior.num for inferior in live_inferiors()]:
            quietly(f"with confirm off -- kill inferiors {number}")
        return self._link.call("killed", *numbered())

    def _attach(self, number, pid):
        """Front-ends have to hear of the process; on a command line its parking place would only puzzle."""
        def attach():
            with Unheard() if is_command_line_alone() else contextlib.nullcontext():
                self._select_idle(int(number))
                quietly(f"attach {pid}")
        return self._let_go("attached", attach)

    @staticmethod
    def _select_idle(number):
        """The inferior of that number, or one that is as good where it has gone or has another process."""
        idle = [inferior.num for inferior in gdb.inferiors() if not inferior.pid]
        if number not in idle:
            known = {inferior.num for inferior in gdb.inferiors()}
            quietly("add-inferior")
            number = next(inferior.num for inferior in gdb.inferiors() if inferior.num not in known)
        if gdb.selected_inferior().num != number:
            quietly(f"inferior {number}")

    def _step(self, pid, thread, count, is_last, number, name, note):
        if is_last == "1" and not self._announced:
            self._announce(number, name, note)
        self._hold_all_but(inferior_of(int(pid)), int(thread))
        step = f"stepi {count}" if count != "1" else "stepi"
        return self._let_go("stopped", lambda: self._pass(step, is_last == "1"))

    def _hold_all_but(self, inferior, thread):
        if self._reporter is None or self._reporter not in inferior.threads():
            self._reporter = self._thread(inferior, thread)
        self._reporter.switch()
        self._aside.hold_other_threads()
        forget_caches()
        try_quietly("thread apply all -s -q queue-signal 0")
        self._reporter.switch()
        try_quietly("queue-signal 0")

    @staticmethod
    def _pass(step, is_last):
        """The user looks at one place only: the last."""
        with Unheard() if not is_last and is_command_line_alone() else contextlib.nullcontext():
            gdb.execute(step)

    def _let_go(self, word, action):
        self._awaited, self._inside = word, True
        try:
            action()
        finally:
            self._inside = False
        answer, self._answer = self._answer, None
        return answer

    @staticmethod
    def _thread(inferior, number):
        """The thread of that number, or the main thread where it has ended since."""
        threads = {thread.ptid[1]: thread for thread in inferior.threads()}
        return threads.get(number) or threads[inferior.pid]

    def _announce(self, number, name, note):
        self._number, self._announced = number, True
        title = f' "{name}"' if name else ""
        text = f"Rewound to snapshot {number}{title}.\n" + (note + "\n" if note else "")
        if self._at_prompt:
            # The front-end that was used last may be another one.
            gdb.flush()
            os.write(1, ("\n" + text).encode(errors="replace"))
        else:
            gdb.write(text)
            gdb.flush()


# ---- handlers of gdb's events ----

def undisturbed(handler):
    """The handler as gdb is to call it: an interrupt that the user types meanwhile is not Python's but the program's.

    Python would end the handler by an exception, after which gdb has forgotten the interrupt.
    """
    def handle(event=None):
        try:
            before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            try:
                handler(event)
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
        except KeyboardInterrupt:
            start_quietly(interrupt_again)
    return handle


def interrupt_again():
    """Python runs this in a thread of its own, which it lets run when gdb's main thread has left Python."""
    os.kill(os.getpid(), signal.SIGINT)


# ---- the session ----

class Session:
    """What gdb does for snapshots. All in the main thread."""

    def __init__(self, link):
        self.link = link
        self._reason = "step"
        self._told = None
        self._ended = False        # the last inferior's process has ended
        self._calling = False      # gdb calls a function of the program
        self._move_under_way = None  # a rewind: its stops are ours
        self._prompts = False      # gdb's first front-end is a command line
        self._at_stop = None       # what to do when the program has stopped
        self._last_stop = 0.0
        self._warned = None

    # -- events of gdb's --

    def listen(self):
        gdb.events.cont.connect(undisturbed(lambda event: self._changed()))
        gdb.events.stop.connect(undisturbed(self._on_stop))
        gdb.events.exited.connect(undisturbed(self._on_exit))
        if hasattr(gdb.events, "inferior_call"):
            gdb.events.inferior_call.connect(undisturbed(self._on_inferior_call))
        if hasattr(gdb.events, "before_prompt"):
            gdb.events.before_prompt.connect(undisturbed(self._on_prompt))
        self._changed()

    def _changed(self):
        if not self._calling and not self._move_under_way:
            self._tell_state()

    def _on_prompt(self, event):
        self._prompts = True
        self._changed()

    def _tell_state(self, gone=None):
        live = [inferior for inferior in live_inferiors() if inferior != gone]
        if not live:
            state = ("exited" if self._ended else "idle", 0)
        else:
            state = ("running" if any(map(is_running, live)) else "stopped", live[0].pid)
        if state != self._told:
            self._told = state
            self.link.tell("state", *state)

    def _on_inferior_call(self, event):
        self._calling = type(event).__name__ == "InferiorCallPreEvent"

    def _on_exit(self, event):
        if self._move_under_way and not self._move_under_way.is_ours(event):
            self._move_under_way.fail("the program has ended meanwhile")
        self._ended = True
        self._tell_state(gone=event.inferior)
        self._do_at_stop()

    def _on_stop(self, event):
        move = self._move_under_way
        if move:
            move.on_stop()
        if self._move_under_way or self._calling:
            return
        if move:
            self._do_at_stop()
            return
        self._ended = False
        self._reason = reason_of(event)
        self._changed()
        if self._do_at_stop():
            return
        now = time.monotonic()
        quick = self._reason == "step" and now - self._last_stop < QUICK
        if not quick and self._is_automatic():
            self._take_automatically()
        self._last_stop = time.monotonic()

    def _do_at_stop(self):
        action, self._at_stop = self._at_stop, None
        if action:
            gdb.post_event(action)
        return action is not None

    # -- taking --

    def take(self, name, automatic=False, order=0):
        """Returns the new snapshot's number, or None when an automatic one was skipped."""
        inferior = selected_inferior()
        if not inferior:
            raise gdb.GdbError("The program is not being run: start it first, then take a snapshot.")
        if running_inferior() and any(b.type == gdb.BP_WATCHPOINT and b.enabled for b in gdb.breakpoints() or ()):
            raise gdb.GdbError("A software watchpoint makes gdb step the program all the time: interrupt it first, "
                               "then take the snapshot.")
        place = Place(inferior, self._reason)
        answer = self.link.call("take", order, name, automatic, *place.fields(), *numbered())
        if answer[0] in ("taken", "skipped", "later"):
            return answer[1] if answer[0] == "taken" else None
        self._move(lambda: answer, unasked=order != 0)  # gdb itself has been taken back to when it took a snapshot
        return None

    def _is_automatic(self):
        """Asked at each stop: a setting that is told could come after the first stop that it is for."""
        try:
            return self.link.call("auto")[1] == "1"
        except gdb.GdbError:
            return False

    def _take_automatically(self):
        try:
            self.take("", automatic=True)
            self._warned = None
        except gdb.GdbError as error:
            if str(error) != self._warned:
                gdb.write(f"warning: No automatic snapshot: {error}\n", gdb.STDERR)
            self._warned = str(error)

    # -- rewinding --

    def rewind(self, which, with_debugger=False, order=0):
        if running_inferior():
            raise gdb.GdbError("The program is running: interrupt it first, then rewind it.")
        self._move(lambda: self.link.call("rewind", order, which, with_debugger, *numbered()), unasked=order != 0)

    def _move(self, first_call, unasked=False):
        """A rewind, from the supervisor's first answer to gdb's stop.

        Where gdb lets the program go and returns at once (MI does), it is the stop that goes on with it.
        """
        if self._move_under_way:
            raise gdb.GdbError("A rewind is under way: wait for its end.")
        self._move_under_way = Move(self.link, self._moved, unasked and self._prompts)
        self._move_under_way.begin(first_call)

    def _moved(self):
        self._reason = self._move_under_way.reason
        self._move_under_way = None
        self._ended = False
        self._last_stop = time.monotonic()
        self._tell_state()

    # -- orders of the supervisor --

    def obey(self, order):
        verb, *fields = order
        getattr(self, "_order_" + verb)(*fields)

    def _order_say(self, text):
        """Something that the user has asked for has come to its end."""
        at_prompt = self._prompts and not running_inferior()
        gdb.write(("\n" if at_prompt else "") + text + "\n" + (gdb.parameter("prompt") if at_prompt else ""))
        gdb.flush()

    def _order_take(self, order, name, automatic):
        self._answer(order, lambda: self.take(name, automatic == "1", order))

    def _order_rewind(self, order, number, with_debugger):
        def rewind():
            self._answer(order, lambda: self.rewind(number, with_debugger == "1", order))
        running = running_inferior()
        if not running:
            rewind()
            return
        self._at_stop = rewind
        if not is_running(gdb.selected_inferior()):
            quietly(f"inferior {running.num}")
        quietly("interrupt -a" if gdb.parameter("non-stop") else "interrupt")

    def _answer(self, order, action):
        try:
            action()
        except (Exception, KeyboardInterrupt) as error:  # gdb.GdbError is no gdb.error
            self.link.tell("failed", order, (str(error) or type(error).__name__).rstrip("."))


class Orders:
    """What the supervisor wants, read by a thread of its own and posted to gdb's main thread."""

    def __init__(self, channel, session):
        self._channel, self._session = channel, session
        self._posted = 0
        self._status = 0
        if hasattr(gdb.events, "gdb_exiting"):
            gdb.events.gdb_exiting.connect(lambda event: setattr(self, "_status", event.exit_code or 0))
        atexit.register(self._on_exit)

    def read(self):
        while True:
            try:
                order = self._channel.receive()
            except OSError:
                return
            if order is None:
                return
            self._posted += 1
            gdb.post_event(lambda order=order: self._obey(order))

    def _obey(self, order):
        self._posted -= 1
        self._session.obey(order)

    def _on_exit(self):
        """gdb crashes at its very end, when Python is gone already, if an event that was posted has not been run."""
        if self._posted:
            gdb.flush()
            os._exit(self._status)


@contextlib.contextmanager
def without_signals():
    """For threads, which inherit it: signals are gdb's own thread's to handle."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def start_thread(target, *arguments):
    with without_signals():
        threading.Thread(target=target, args=arguments, daemon=True).start()


def start_quietly(target):
    """A thread whose beginning nobody waits for."""
    with without_signals():
        _thread.start_new_thread(target, ())


# ---- the commands ----

class Rows:
    """The snapshots, as the supervisor lists them."""

    FIELDS = ("id", "current", "automatic", "with_debugger", "taken", "threads", "memory", "name", "function", "file",
              "line", "reason", "image", "saved_bytes", "saving")

    def __init__(self, link):
        _, *fields = link.call("list")
        size = len(self.FIELDS)
        self.rows = [dict(zip(self.FIELDS, fields[at:at + size])) for at in range(0, len(fields), size)]

    def __iter__(self):
        return iter(self.rows)

    def completions(self, word):
        words = [row["id"] for row in self] + [row["name"] for row in self if row["name"]]
        return [found for found in words if found.startswith(word)]


def where(row):
    place = row["function"] or "??"
    if row["file"]:
        place += f" at {os.path.basename(row['file'])}:{row['line']}"
    return f"{place} ({row['reason']})" if row["reason"] else place


def size_of(text):
    size = float(text)
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def saved(row):
    if row["saving"] == "1":
        return "(saving)"
    return size_of(row["saved_bytes"]) if row["image"] else ""


def table(rows):
    """Lines with their columns aligned as gdb's own tables are."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]


class Snapshot(gdb.Command):
    """Take a snapshot of the program.
Usage: snapshot [NAME]
       snapshot auto [on|off [CAP]]

The program's memory, registers, threads and open files are kept as they are now; "rewind" puts them back.
With NAME the snapshot can be rewound to by that name.

"snapshot auto on" takes one at every stop of the program. At most CAP automatic snapshots without a name are kept;
the oldest go first. None is taken while stepping fast, or while memory is short.
"snapshot auto" alone shows the present setting."""

    # No command of its own: gdb would take a name that begins it, such as "a", for its abbreviation.
    AUTO, WORDS = "auto", ("on", "off")

    def __init__(self, session):
        super().__init__("snapshot", gdb.COMMAND_RUNNING)
        self._session = session

    def invoke(self, argument, from_tty):
        self.dont_repeat()
        first, *words = argument.split() or [""]
        if first == self.AUTO:
            self._set_automatic(words)
            return
        number = self._session.take(argument.strip())
        if number is not None:
            gdb.write(f"Snapshot {number} taken.\n")

    def _set_automatic(self, words):
        if len(words) > 2 or (words and words[0] not in self.WORDS) or (len(words) == 2 and not words[1].isdecimal()):
            raise gdb.GdbError('Argument must be "on" or "off", and then the number to keep at most.')
        _, enabled, cap = self._session.link.call("auto", *words)
        state = f"on, at most {cap} are kept" if enabled == "1" else "off"
        gdb.write(f"Snapshots at every stop: {state}.\n")

    def complete(self, text, word):
        before = text.split()[:-1] if word else text.split()
        words = {(): [self.AUTO], (self.AUTO,): self.WORDS}.get(tuple(before), ())
        return [found for found in words if found.startswith(word)]


class InfoSnapshots(gdb.Command):
    """List the snapshots of the program.
Usage: info snapshots

The snapshot that the program descends from is marked with an asterisk."""

    def __init__(self, session):
        super().__init__("info snapshots", gdb.COMMAND_STATUS)
        self._session = session

    def invoke(self, argument, from_tty):
        rows = list(Rows(self._session.link))
        if not rows:
            gdb.write("No snapshots.\n")
            return
        lines = [("  Num", "Name", "Taken", "Threads", "Memory", "Saved", "Where")]
        for row in rows:
            mark = "* " if row["current"] == "1" else "  "
            name = row["name"] or ("(automatic)" if row["automatic"] == "1" else "")
            taken = time.strftime("%H:%M:%S", time.localtime(int(row["taken"]) / 1000))
            lines.append((mark + row["id"], name, taken, row["threads"], size_of(row["memory"]), saved(row), where(row)))
        gdb.write("\n".join(table(lines)) + "\n")
        for row in rows:
            if row["image"]:
                gdb.write(f"Snapshot {row['id']} is saved in {row['image']}\n")


class Rewind(gdb.Command):
    """Put the program back to where it was when a snapshot was taken.
Usage: rewind [--with-debugger] [NUM|NAME]

Without an argument, rewind to the last snapshot taken.
Breakpoints, history and convenience variables stay as they are now; with --with-debugger they are put back too.
The program may also have exited or crashed meanwhile."""

    OPTION = "--with-debugger"

    def __init__(self, session):
        super().__init__("rewind", gdb.COMMAND_RUNNING)
        self._session = session

    def invoke(self, argument, from_tty):
        self.dont_repeat()
        words = argument.split(" ")
        with_debugger = self.OPTION in words
        which = " ".join(word for word in words if word != self.OPTION).strip()
        self._session.rewind(which, with_debugger)

    def complete(self, text, word):
        found = Rows(self._session.link).completions(text.lstrip())
        skipped = len(text.lstrip()) - len(word)
        return [name[skipped:] for name in found] + [o for o in [self.OPTION] if o.startswith(word) and word]


class SaveSnapshot(gdb.Command):
    """Save a snapshot of the program to an image file.
Usage: save snapshot [-o FILE|FOLDER] [--files] [--full] [--with-debugger] [NUM|NAME]

Without NUM or NAME, save the last snapshot taken. The program can be restarted from an image on another day:
"snapback gdb --image FILE" begins with it, "snapback restart FILE" lets it run.
The file is written in the background; a message tells when it is whole. In a folder it gets a name of its own;
without -o it goes to the folder where the session was started.
--files keeps the contents of files that the program has open for writing; --full refers to no older image;
--with-debugger saves gdb's own state, too."""

    OUTPUT, FLAGS = "-o", ("--files", "--full", "--with-debugger")

    def __init__(self, session):
        super().__init__("save snapshot", gdb.COMMAND_RUNNING)
        self._session = session

    def invoke(self, argument, from_tty):
        self.dont_repeat()
        words = gdb.string_to_argv(argument)
        path = self._take_output(words)
        flags = [flag in words for flag in self.FLAGS]
        which = " ".join(word for word in words if word not in self.FLAGS)
        _, number = self._session.link.call("save", which, path, *flags)
        gdb.write(f"Snapshot {number} is being saved.\n")

    def _take_output(self, words):
        if self.OUTPUT not in words:
            return ""
        at = words.index(self.OUTPUT)
        if at + 1 == len(words):
            raise gdb.GdbError("-o must be followed by a file or a folder.")
        path = os.path.abspath(os.path.expanduser(words[at + 1]))
        folder = "/" if words[at + 1].endswith("/") and path != "/" else ""
        del words[at:at + 2]
        return path + folder

    def complete(self, text, word):
        return Rows(self._session.link).completions(word) + [flag for flag in self.FLAGS if word and flag.startswith(word)]


class DeleteSnapshots(gdb.Command):
    """Delete some snapshots, or all.
Usage: delete snapshots [NUM|NAME]...

Arguments are numbers or names of snapshots, separated by spaces.
Without an argument, delete all snapshots."""

    def __init__(self, session):
        super().__init__("delete snapshots", gdb.COMMAND_RUNNING)
        self._session = session

    def invoke(self, argument, from_tty):
        self.dont_repeat()
        if not argument.strip() and not self._confirmed(from_tty):
            return
        self._session.link.call("delete", argument.strip())

    def _confirmed(self, from_tty):
        if not from_tty or not gdb.parameter("confirm") or not list(Rows(self._session.link)):
            return True
        try:
            return input("Delete all snapshots? (y or n) ").strip().lower().startswith("y")
        except EOFError:
            return True

    def complete(self, text, word):
        return Rows(self._session.link).completions(word)


def start(call, order):
    session = Session(Link(Channel(call)))
    for command in (Snapshot, InfoSnapshots, Rewind, SaveSnapshot, DeleteSnapshots):
        command(session)
    session.listen()
    session.link.tell("hello", gdb.VERSION)
    start_thread(Orders(Channel(order), session).read)


start(CALL, ORDER)  # noqa: F821: given by the supervisor
