# SPDX-License-Identifier: EPL-2.0
"""Programs that have terminals of their own inside of a session: script, tmux, screen, each with a shell in it."""
import os
import random
import shutil

import snapback_support as support

SHELL = "bash --noprofile --rcfile rc"


class Terminals(support.TestCase):
    def start(self, program, *arguments, faults=None, **environment):
        path = shutil.which(program, path="/usr/bin:/bin")
        if not path:
            self.skipTest(f"{program} is not installed")
        more = {"TERM": "xterm", "HOME": self.path("work"), "SHELL": "/bin/bash", **environment}
        with open(self.path("work", "rc"), "w", encoding="utf-8") as file:
            file.write("PS1='ready> '; bind 'set enable-bracketed-paste off'\n")
        return self.launch([path, *arguments], terminal=True, faults=faults, environment=self.environment(**more))

    def ask(self, terminal, question, answer):
        terminal.skip()
        terminal.send(question + "\n")
        terminal.expect(answer)

    def set(self, session, value):
        """A variable of the shell inside, and what it shows."""
        self.ask(session.terminal, f"x={value}; echo is''$x", f"is{value}")

    def check(self, session, value):
        # What the screen shows is the caller's terminal's affair; the shell is asked until it answers.
        self.ask(session.terminal, "echo now''$x", f"now{value}")

    def skip_without_sockets(self, session):
        outcome = session.run("snapshot")
        if outcome.status and "is a socket" in outcome.message:
            self.skipTest("snapshots cannot hold the sockets of this program")

    def rewind_at_random(self, session, rounds=5):
        taken, value = {}, 0
        for _ in range(rounds):
            value += 1
            self.set(session, value)
            taken[session.snapshot()] = value
            value += 1
            self.set(session, value)
            number = CHOICE.choice(list(taken))
            session.rewind(number)
            value = max(value, *taken.values())
            self.check(session, taken[number])
        return taken

    def go_on_elsewhere(self, session):
        """Saved, killed, and restarted on another terminal."""
        image = self.path(f"{random.randrange(10 ** 9)}.sbi")
        session.call("snapshot", "--save", "-o", image)
        session.end()
        return self.restart(image, ["--force"], terminal=True, environment=session.environment)

    def restart_twice(self, session, value):
        self.set(session, value)
        for _ in range(2):
            session = self.go_on_elsewhere(session)
            self.check(session, value)
            self.check_jobs(session)
        return session

    def check_jobs(self, session):
        """Job control on the inner terminal: what was in the foreground is there again, and can be interrupted."""
        terminal = session.terminal
        self.ask(terminal, "sleep 1000; echo woke''up", "sleep")
        inner = self.inner_sleep(session)
        first = session.snapshot()
        terminal.send("\x03")
        self.ask(terminal, "echo bac''k", "back")
        session.rewind(first)
        self.assertNotEqual(inner, self.inner_sleep(session))
        terminal.send("\x03")
        self.ask(terminal, "echo ag''ain", "again")

    def inner_sleep(self, session):
        def find():
            for pid in session.processes():
                try:
                    with open(f"/proc/{pid}/comm") as file:
                        if file.read() == "sleep\n":
                            return pid
                except OSError:
                    pass
            return None
        return support.wait_for(find, "the inner shell's job")


class Script(Terminals):
    def begin(self, **more):
        session = self.start("script", "-q", "-c", SHELL, "typescript", **more)
        session.terminal.expect("ready> ")
        return session

    def finish(self, session):
        session.terminal.send("exit 3\n")
        session.wait()

    def test_script(self):
        session = self.begin()
        self.rewind_at_random(session)
        self.check_jobs(session)
        self.finish(self.restart_twice(session, 77))

    def test_shell_that_has_ended_comes_back(self):
        session = self.begin()
        self.set(session, 5)
        self.ask(session.terminal, SHELL, "ready> ")
        self.set(session, 6)
        first = session.snapshot()
        self.ask(session.terminal, "exit", "exit\\s+ready> ")
        self.check(session, 5)
        session.rewind(first)
        self.check(session, 6)
        self.ask(session.terminal, "exit", "exit\\s+ready> ")
        self.finish(session)

    def test_terminal_that_has_ended_is_made_anew(self):
        session = self.start(*SHELL.split(), faults="new_terminal")
        session.terminal.expect("ready> ")
        self.set(session, 1)
        self.ask(session.terminal, f"script -q -c '{SHELL}' typescript", "ready> ")
        self.set(session, 2)
        first = session.snapshot()
        self.ask(session.terminal, "exit", "exit\\s+ready> ")
        outcome = session.run("rewind", first)
        self.assertEqual(outcome.status, 0, outcome.message)
        self.assertIn("built anew", outcome.output + outcome.message)
        self.check(session, 2)
        session.rewind(first)
        self.check(session, 2)
        self.ask(session.terminal, "exit", "exit\\s+ready> ")
        self.check(session, 1)
        self.finish(session)

    def test_capture_that_fails_leaves_the_terminal_as_it_is(self):
        session = self.begin(faults="capture_terminal")
        self.set(session, 5)
        outcome = session.run("snapshot")
        self.assertEqual(outcome.status, 2)
        self.assertRegex(outcome.message, r"\Asnapback: cannot read the pseudo-terminal of descriptor \d+ of process \d+")
        self.check(session, 5)
        session.snapshot()
        self.finish(session)


class Tmux(Terminals):
    def test_tmux(self):
        socket = self.path("tmp", "tmux")
        self.addCleanup(lambda: os.path.exists(socket) and os.unlink(socket))
        session = self.start("tmux", "-S", socket, "-f", "/dev/null", "new-session", SHELL)
        session.terminal.expect("ready> ")
        self.skip_without_sockets(session)
        self.rewind_at_random(session)
        self.check_jobs(session)
        session = self.restart_twice(session, 77)
        session.terminal.send("exit\n")
        session.wait()


class Screen(Terminals):
    def test_screen(self):
        if not shutil.which("screen"):
            self.skipTest("screen is not installed")
        session = self.start("screen", "-c", "/dev/null", *SHELL.split(),
                             SCREENDIR=self.folder_of_sockets())
        session.terminal.expect("ready> ")
        self.skip_without_sockets(session)
        self.rewind_at_random(session)
        session = self.restart_twice(session, 77)
        session.terminal.send("exit\n")
        session.wait()

    def folder_of_sockets(self):
        folder = self.path("tmp", "screen")
        os.mkdir(folder, 0o700)
        self.addCleanup(shutil.rmtree, folder)
        return folder


CHOICE = random.Random(int(os.environ.get("SNAPBACK_STRESS_SEED", random.SystemRandom().randrange(10 ** 9))))

if __name__ == "__main__":
    support.main()
