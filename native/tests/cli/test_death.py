# SPDX-License-Identifier: EPL-2.0
"""Whoever is killed, nothing stays behind: no process, no socket."""
import os
import signal

import snapback_support as support
from control import REWIND, Client, error_of, field


class Death(support.TestCase):
    def start(self):
        return self.launch(["sh", "-c", "trap '' TERM HUP INT; sleep 60 & setsid sleep 60 & wait; sleep 60"])

    def with_snapshots(self):
        session = self.launch(["sleep", "60"])
        session.snapshot()
        session.snapshot()
        return session

    def expect_nothing(self, session, pids):
        def gone():
            support.reap_orphans([session.process.pid])
            return [pid for pid in pids if (support._stat(pid) or (0, "Z"))[1] != "Z"] == []
        support.wait_for(gone, "the end of all processes")
        support.wait_for(lambda: not os.path.exists(session.socket), "the socket to go")

    def test_of_the_outer_process(self):
        for session in (self.start(), self.with_snapshots()):
            pids = session.processes()
            os.kill(session.process.pid, signal.SIGKILL)
            self.assertEqual(session.wait(), -signal.SIGKILL)
            self.expect_nothing(session, pids)

    def test_of_the_supervisor(self):
        for session in (self.start(), self.with_snapshots()):
            pids = session.processes()
            os.kill(session.status()["supervisor_pid"], signal.SIGKILL)
            self.assertEqual(session.wait(), 2)
            self.assertIn("snapback: the session's supervisor was ended (Killed)", session.error_text())
            self.expect_nothing(session, pids)

    def test_of_the_outer_process_while_the_program_is_stopped(self):
        session = self.with_snapshots()
        pids = session.processes()
        os.kill(session.host_pid(), signal.SIGSTOP)
        support.wait_for(lambda: support._stat(session.process.pid)[1] == "T", "the outer process to stop too")
        os.kill(session.process.pid, signal.SIGKILL)
        self.expect_nothing(session, pids)
        session.wait()

    def test_of_the_outer_process_while_the_supervisor_is_stopped(self):
        session = self.with_snapshots()
        pids = session.processes()
        supervisor = session.status()["supervisor_pid"]
        os.kill(supervisor, signal.SIGSTOP)
        os.kill(session.process.pid, signal.SIGKILL)
        session.wait()
        os.kill(supervisor, signal.SIGCONT)
        self.expect_nothing(session, pids)

    def test_of_the_program(self):
        session = self.with_snapshots()
        pids = session.processes()
        os.kill(session.host_pid(), signal.SIGKILL)
        self.assertEqual(session.wait(), -signal.SIGKILL)
        self.expect_nothing(session, pids)

    def test_of_a_template_at_the_very_moment_of_a_rewind_to_it(self):
        session = self.launch(["sleep", "60"])
        before = session.processes()
        session.snapshot()
        template, = set(session.processes()) - set(before)
        supervisor, program = session.status()["supervisor_pid"], session.host_pid()
        with Client(session.socket) as client:
            os.kill(supervisor, signal.SIGSTOP)
            support.wait_for(lambda: support.state_of(supervisor) == "T", "the supervisor to stop")
            os.kill(template, signal.SIGKILL)
            client.send(REWIND, field(1, 1))
            os.kill(supervisor, signal.SIGCONT)
            _, text = error_of(client.reply())
        self.assertIn("has been killed", text)
        self.assertEqual(session.status()["state"], "running")
        self.assertEqual(support.state_of(program), "S")
        support.wait_for(lambda: session.list() == [], "the lost snapshot to leave the list")
        session.rewind(session.snapshot())

    def lose_program(self):
        session = self.launch(["sh", "-c", "read line; exec sleep 60"], faults="rebuild_clone",
                              stdin=support.subprocess.PIPE)
        pid = session.host_pid()
        session.snapshot()
        shell = os.readlink(f"/proc/{pid}/exe")
        session.process.stdin.write(b"go\n")
        session.process.stdin.close()
        support.wait_for(lambda: os.readlink(f"/proc/{pid}/exe") != shell, "the program's exec")
        self.assertEqual(session.run("rewind").status, 2)
        self.assertEqual(session.status()["state"], "exited")
        return session

    def test_of_a_session_whose_program_was_lost(self):
        for end, status in ((lambda s: self.snapback("kill", "-s", s.name), -signal.SIGKILL),
                            (lambda s: os.kill(s.process.pid, signal.SIGTERM), -signal.SIGTERM)):
            session = self.lose_program()
            pids = session.processes()
            end(session)
            self.assertEqual(session.wait(), status)
            self.expect_nothing(session, pids)

    def test_of_a_template_takes_its_snapshot_along(self):
        session = self.with_snapshots()
        program, supervisor = session.host_pid(), session.status()["supervisor_pid"]
        templates = [pid for pid in support.descendants(supervisor) if pid != program]
        self.assertEqual(len(templates), 2)
        os.kill(templates[0], signal.SIGKILL)
        support.wait_for(lambda: len(session.list()) == 1, "the lost snapshot to leave the list")
        session.rewind()
        self.assertEqual(session.snapshot(), 3)

    def test_early_at_any_moment(self):
        # The outer process dies while the session is being made.
        for _ in range(30):
            session = self.launch(["sleep", "60"], ready=False)
            pids = session.processes()
            os.kill(session.process.pid, signal.SIGKILL)
            session.wait()
            self.expect_nothing(session, pids)

    def test_by_the_kill_command(self):
        session = self.start()
        pids = session.processes()
        self.assertEqual(self.snapback("kill", "-s", session.name).status, 0)
        self.assertFalse(os.path.exists(session.socket))
        self.assertEqual(session.wait(), -signal.SIGKILL)
        self.expect_nothing(session, pids)

    def test_of_the_followed_process(self):
        front_end = support.subprocess.Popen(["sleep", "60"])
        process = support.subprocess.Popen(
            [support.program("snapback"), "launch", "--name", "f", "--follow", str(front_end.pid), "--", "sleep", "60"],
            env=self.environment())
        support.wait_for(lambda: self.snapback("status", "-s", "f").status == 0, "the session")
        front_end.kill()
        front_end.wait()
        self.assertEqual(process.wait(20), -signal.SIGKILL)

    def test_of_a_debugger_that_does_not_listen(self):
        script = self.path("work", "stuck.py")
        with open(script, "w") as file:
            file.write("import time\nprint('stuck', flush=True)\nwhile True:\n    try:\n        time.sleep(60)\n"
                       "    except BaseException:\n        pass\n")
        for number in (signal.SIGTERM, signal.SIGHUP):
            session = self.debug(["-q", "-nx", "-x", script])
            session.terminal.expect("stuck")
            pids = session.processes()
            os.kill(session.process.pid, number)
            self.assertEqual(session.wait(), -signal.SIGKILL)
            self.expect_nothing(session, pids)

    def test_a_program_cannot_end_its_supervisor(self):
        session = self.launch(["sh", "-c", "kill -TERM 1; kill -KILL 1; kill -INT 1; echo tried; sleep 60"])
        support.wait_for(lambda: "tried" in session.output_text(), "the attempt")
        self.assertEqual(session.status()["state"], "running")


if __name__ == "__main__":
    support.main()
