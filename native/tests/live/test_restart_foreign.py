# SPDX-License-Identifier: EPL-2.0
"""Programs that we did not write, saved and restarted: each comes to the right result, or answers as it did."""
import os

import snapback_support as support
import test_foreign as foreign


DRAWS = """
import select, signal, sys
signal.signal(signal.SIGWINCH, lambda *_: print("drawn", flush=True))
print("drawn", flush=True)
select.select([sys.stdin], [], [])
"""


class Scripts(foreign.Scripts):
    """Killed in the middle and restarted twice, a script computes what it computes undisturbed."""

    # An image holds one process.
    test_pipelines = test_pipelines_of_sh = None

    def save_and_kill(self, session, image):
        session.call("snapshot", "--save", "-o", image)
        session.end()

    def check(self, name):
        command = self.prepare(name)
        expected = self.undisturbed(command)
        journal = support.Journal(self.folder)
        environment = self.environment(**journal.environment())
        first = session = self.launch(command, environment=environment)
        for number in range(2):
            self.pass_steps(session, journal, 100)
            image = self.path(f"{number}.sbi")
            self.save_and_kill(session, image)
            session = self.restart(image, ["--force"], environment=environment)
        journal.ask_to_end()
        self.assertEqual(session.wait(60), 0, session.shown())
        # Its standard output was a file: it is that file still.
        self.assertEqual(first.output_text(), expected)
        os.unlink(self.path("tmp", "never"))


class Interactive(foreign.Interactive):
    """Killed at its prompt and restarted on another terminal."""

    def go_on_elsewhere(self, session):
        image = self.path("saved.sbi")
        session.call("snapshot", "--save", "-o", image)
        session.end()
        again = self.restart(image, ["--force"], terminal=True, environment=session.environment)
        return again, again.terminal

    def test_python_prompt(self):
        session, terminal = self.start("/usr/bin/python3", "-q")
        terminal.expect(">>> ")
        self.ask(terminal, "x = 'o' + 'ld'; g = (n * n for n in range(100)); next(g), next(g)", r"\(0, 1\)\s+>>> ")
        session, terminal = self.go_on_elsewhere(session)
        self.ask(terminal, "print(x, next(g))", r"\nold 4\s+>>> ")
        self.leave(session, terminal, "exit()")

    def test_line_half_typed(self):
        session, terminal = self.start("/bin/bash", "--norc", "--noprofile", PS1="ready> ")
        terminal.expect("ready> ")
        terminal.send("echo one t")
        terminal.expect("echo one t")
        session, terminal = self.go_on_elsewhere(session)
        self.ask(terminal, "wo", r"\none two\s+ready> ")
        self.leave(session, terminal, "exit")

    def test_bash_prompt(self):
        session, terminal = self.start("/bin/bash", "--norc", "--noprofile", PS1="ready> ")
        terminal.expect("ready> ")
        self.ask(terminal, "f() { echo old $((x += 1)); }; x=5; cd /tmp; ls -d /usr; umask 077", r"/usr\s+ready> ")
        session, terminal = self.go_on_elsewhere(session)
        self.ask(terminal, "f; pwd; umask; echo $(echo sub); ls -d /usr", r"\nold 6\s+/tmp\s+0077\s+sub\s+/usr\s+ready> ")
        self.leave(session, terminal, "exit")

    def test_sqlite_transaction(self):
        session, terminal = self.start("/usr/bin/sqlite3", "-batch", self.path("work", "file.db"))
        self.ask(terminal, "CREATE TABLE t(n); INSERT INTO t VALUES(1),(2),(3); SELECT 'ma' || 'de';", "made")
        self.ask(terminal, "BEGIN; INSERT INTO t SELECT n + 10 FROM t; SELECT 'sum ' || sum(n) FROM t;", "sum 42")
        session, terminal = self.go_on_elsewhere(session)
        self.ask(terminal, "SELECT 'still ' || sum(n) FROM t; COMMIT; SELECT 'file ' || sum(n) FROM t;", "still 42\\s+file 42")
        self.leave(session, terminal, ".quit")

    def test_screen_is_drawn_again(self):
        session, terminal = self.start("/usr/bin/python3", "-c", DRAWS)
        terminal.expect("drawn")
        session, terminal = self.go_on_elsewhere(session)
        terminal.expect("drawn")
        self.leave(session, terminal, "")

    def test_bc(self):
        session, terminal = self.start("/usr/bin/bc", "-q")
        self.ask(terminal, "a = 2^64; a", "18446744073709551616")
        session, terminal = self.go_on_elsewhere(session)
        self.ask(terminal, "a + 1", "18446744073709551617")
        self.leave(session, terminal, "quit")


if __name__ == "__main__":
    support.main()
