# SPDX-License-Identifier: EPL-2.0
"""Job control: a launched program on a terminal, under a shell, behaves as without us."""
import fcntl
import os
import signal
import struct
import sys
import termios

import snapback_support as support

# Tells on its terminal what happens to it; `import` order and flush so that each line comes at once.
TELLER = """
import os, signal, sys, time
tty = os.open('/dev/tty', os.O_RDWR)
def say(text): os.write(2, (text + '\\r\\n').encode())
signal.signal(signal.SIGCONT, lambda *_: say('continued'))
say('foreground' if os.tcgetpgrp(tty) == os.getpgrp() else 'background')
say('ready')
while True: time.sleep(0.02)
"""


class Shell(support.TestCase):
    """An interactive bash on a terminal, with job control."""

    def shell(self):
        terminal = self.on_terminal(["bash", "--norc", "--noprofile", "-i"],
                                    self.environment(PS1="$ ", SB=support.program("snapback"), TELLER=TELLER,
                                                     PYTHON=sys.executable))
        terminal.expect(r"\$ $")
        return terminal

    def leave(self, terminal):
        terminal.send("exit\n")
        terminal.wait()

    def test_the_program_is_in_the_foreground(self):
        terminal = self.shell()
        terminal.send('"$SB" launch -- "$PYTHON" -c "$TELLER"\n')
        terminal.expect("\nforeground")
        terminal.expect("ready")
        terminal.send("\x03")
        terminal.expect(r"\$ $")
        terminal.send("echo rc=$?\n")
        terminal.expect("\nrc=(130|1)")
        self.leave(terminal)

    def test_interrupt_ends_it_and_the_shell_has_its_terminal_again(self):
        terminal = self.shell()
        terminal.send("\"$SB\" launch -- sh -c 'echo up; exec sleep 60'\n")
        terminal.expect("\nup")
        terminal.send("\x03")
        terminal.expect(r"\$ $")
        terminal.send("echo rc=$?\n")
        terminal.expect("\nrc=130")
        self.leave(terminal)

    def test_quit_ends_it(self):
        terminal = self.shell()
        terminal.send("ulimit -c 0; \"$SB\" launch -- sh -c 'echo up; exec sleep 60'\n")
        terminal.expect("\nup")
        terminal.send("\x1c")
        terminal.expect(r"\$ $")
        terminal.send("echo rc=$?\n")
        terminal.expect("\nrc=131")
        self.leave(terminal)

    def test_suspend_then_fg(self):
        terminal = self.shell()
        terminal.send('"$SB" launch --name job -- "$PYTHON" -c "$TELLER"\n')
        terminal.expect("\nready")
        for _ in range(3):
            terminal.send("\x1a")
            terminal.expect("Stopped")
            terminal.expect(r"\$ $")
            terminal.send("\"$SB\" status -s job | grep state\n")
            terminal.expect("state +stopped")
            terminal.expect(r"\$ $")
            terminal.send("fg\n")
            terminal.expect("\ncontinued")
        terminal.send("\x03")
        terminal.expect(r"\$ $")
        self.leave(terminal)

    def test_suspend_then_bg_then_fg_then_interrupt(self):
        terminal = self.shell()
        terminal.send('"$SB" launch --name job -- "$PYTHON" -c "$TELLER"\n')
        terminal.expect("\nready")
        terminal.send("\x1a")
        terminal.expect("Stopped")
        terminal.expect(r"\n\$ $")
        terminal.send("bg\n")
        terminal.expect("continued")
        terminal.send("echo shell lives\n")
        terminal.expect("\nshell lives")
        terminal.send("fg\n")
        terminal.expect("\n.*launch")
        support.wait_for(lambda: os.tcgetpgrp(terminal.master) != terminal.process.pid, "the job in the foreground")
        terminal.send("\x03")
        terminal.expect(r"\$ $")
        self.leave(terminal)

    def test_started_in_the_background(self):
        terminal = self.shell()
        terminal.send('"$SB" launch --name job -- "$PYTHON" -c "$TELLER" &\n')
        terminal.expect("background")
        terminal.expect("ready")
        terminal.send("\n")
        terminal.expect(r"\$ $")
        terminal.send("kill %1; wait %1; echo rc=$?\n")
        terminal.expect("\nrc=143")
        self.leave(terminal)

    def test_in_the_background_it_stops_when_it_reads(self):
        terminal = self.shell()
        terminal.send("\"$SB\" launch --name job -- sh -c 'read line; echo read:$line' &\n")
        terminal.expect(r"\$ $")
        terminal.send("until jobs | grep Stopped; do :; done\n")
        terminal.expect("\n.*Stopped")
        terminal.expect(r"\$ $")
        terminal.send("fg\n")
        terminal.expect("launch")
        terminal.send("words\n")
        terminal.expect("\nread:words")
        terminal.expect(r"\$ $")
        self.leave(terminal)

    def test_in_a_pipeline(self):
        terminal = self.shell()
        terminal.send("\"$SB\" launch -- sh -c 'echo one; echo two' | cat -n | sed s/t/T/\n")
        terminal.expect("1\tone")
        terminal.expect("2\tTwo")
        terminal.expect(r"\$ $")
        terminal.send("\"$SB\" launch -- sh -c 'echo up >&2; exec sleep 60' | cat\n")
        terminal.expect("\nup")
        terminal.send("\x03")
        terminal.expect(r"\$ $")
        self.leave(terminal)

    def test_a_shell_inside_has_job_control_of_its_own(self):
        terminal = self.shell()
        terminal.send("PS1='inner> ' \"$SB\" launch -- bash --norc --noprofile -i\n")
        terminal.expect("inner> $")
        self.assertNotIn("no job control", terminal.transcript)
        terminal.send('$PYTHON -c "$TELLER"\n')
        terminal.expect("\nforeground")
        terminal.expect("ready")
        terminal.send("\x1a")
        terminal.expect("Stopped")
        terminal.expect("inner> $")
        terminal.send("jobs\n")
        terminal.expect(r"\[1\]\+ +Stopped")
        terminal.expect("inner> $")
        terminal.send("fg\n")
        terminal.expect("continued")
        terminal.send("\x03")
        terminal.expect("KeyboardInterrupt")
        terminal.expect("inner> $")
        terminal.send("exit 4\n")
        terminal.expect(r"\n\$ $")
        terminal.send("echo rc=$?\n")
        terminal.expect("\nrc=4")
        self.leave(terminal)


class Terminal(support.TestCase):
    def test_hang_up_ends_the_program(self):
        session = self.launch(["sleep", "60"], terminal=True)
        os.close(session.terminal.master)
        session.terminal.master = -1
        self.assertEqual(session.process.wait(20), -signal.SIGHUP)

    def test_a_change_of_size_reaches_the_program(self):
        script = "trap 'stty size' WINCH; echo ready; while :; do sleep 0.05; done"
        session = self.launch(["sh", "-c", script], terminal=True)
        session.terminal.expect("ready")
        fcntl.ioctl(session.terminal.master, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 90, 0, 0))
        session.terminal.expect("30 90")

    def test_suspend_without_a_shell_goes_on_at_once(self):
        session = self.launch([sys.executable, "-c", TELLER], terminal=True)
        session.terminal.expect("foreground")
        session.terminal.expect("ready")
        session.terminal.send("\x1a")
        session.terminal.expect("continued")


if __name__ == "__main__":
    support.main()
