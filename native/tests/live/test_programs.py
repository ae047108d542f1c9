# SPDX-License-Identifier: EPL-2.0
"""Whole programs as people use them, rewound, saved and restarted: editors, pagers, shells, runtimes.

    test_programs.py FOLDER       where the programs of this test that have to be compiled lie
"""
import os
import random
import shutil
import sys

import snapback_support as support

CONTROL_L = "\x0c"
ESCAPE = "\x1b"


class Programs(support.TestCase):
    def start(self, program, *arguments, terminal=True, **environment):
        path = shutil.which(program, path="/usr/bin:/bin:/usr/sbin:/sbin:" + FOLDER)
        if not path:
            self.skipTest(f"{program} is not installed")
        more = {"TERM": "xterm", "HOME": self.path("work"), **environment}
        return self.launch([path, *arguments], terminal=terminal, environment=self.environment(**more))

    def go_on_elsewhere(self, session):
        """Saved, killed, and restarted on another terminal."""
        image = self.path(f"{random.randrange(10 ** 9)}.sbi")
        session.call("snapshot", "--save", "-o", image)
        session.end()
        return self.restart(image, ["--force"], terminal=True, environment=session.environment)

    def file_with(self, name, text):
        path = self.path("work", name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def content(self, path):
        with open(path, encoding="utf-8") as file:
            return file.read()


class Editors(Programs):
    """What was typed since is gone after a rewind; the screen is drawn again by itself; what is written in the end is right."""

    def edit(self, session, begin, kinds, end, path, expected):
        """`begin` is typed first and shows its pattern; then each of `kinds` (typed, shown) is typed and rewound."""
        terminal = session.terminal
        typed, shown = begin
        terminal.send(typed)
        terminal.expect(shown)
        first = session.snapshot()
        for typed, pattern in kinds:
            terminal.send(typed)
            terminal.expect(pattern)
            terminal.skip()
            session.rewind(first)
            terminal.expect(shown)
        session = self.go_on_elsewhere(session)
        session.terminal.expect(shown)
        session.terminal.send(end)
        self.assertEqual(session.wait(), 0, session.terminal.transcript[-2000:])
        self.assertEqual(self.content(path), expected)

    def test_vim(self):
        path = self.file_with("text", "one\ntwo\n")
        session = self.start("vim", "-u", "NONE", "-n", path)
        session.terminal.expect("two")
        self.edit(session, ("ofirst words" + ESCAPE, "first words"),
                  [("dd:s/one/uno/\n", "uno"), ("osecond line" + ESCAPE, "second line")], ":wq\n", path,
                  "one\nfirst words\ntwo\n")

    def test_emacs(self):
        path = self.file_with("text", "one\ntwo\n")
        session = self.start("emacs", "-nw", "-Q", path)
        session.terminal.expect("two")
        self.edit(session, ("first words ", "first words"), [("\x0bkilled", "killed"), ("\x0e\x0e last", "last")],
                  "\x18\x13\x18\x03", path, "first words one\ntwo\n")

    def test_less(self):
        path = self.file_with("text", "".join(f"line number {n}\n" for n in range(1000)))
        session = self.start("less", path)
        terminal = session.terminal
        terminal.expect("number 10")
        terminal.send("500g")
        terminal.expect("number 499")
        first = session.snapshot()
        for typed, shown in (("g", "number 0"), ("/number 777\n", "number 777"), ("G", "number 999")):
            terminal.send(typed)
            terminal.expect(shown)
            terminal.skip()
            session.rewind(first)
            terminal.expect("number 499")
        terminal = self.go_on_elsewhere(session).terminal
        terminal.expect("number 499")
        terminal.send("q")
        self.assertEqual(terminal.wait(), 0)


class Shells(Programs):
    """What was defined since is gone."""

    def ask(self, terminal, question, answer):
        terminal.skip()
        terminal.send(question + "\n")
        terminal.expect(answer)

    def define_and_rewind(self, session):
        terminal = session.terminal
        terminal.expect("ready> ")
        self.ask(terminal, "f() { echo o''ld $x; }; x=5; cd /usr; f", r"old 5\s+.*ready> ")
        first = session.snapshot()
        for _ in range(5):
            self.ask(terminal, "f() { echo n''ew; }; x=6; cd /; f", r"new\s+.*ready> ")
            session.rewind(first)
            self.ask(terminal, "f; pwd; echo $(echo su''b)", r"old 5\s+/usr\s+sub\s")
            session.rewind(first)
        session = self.go_on_elsewhere(session)
        self.ask(session.terminal, "f; pwd", r"old 5\s+/usr\s")
        session.terminal.send("exit 3\n")
        self.assertEqual(session.wait(), 3, session.terminal.transcript)

    def test_bash(self):
        self.define_and_rewind(self.start("bash", "--norc", "--noprofile", PS1="ready> "))

    def test_dash(self):
        self.define_and_rewind(self.start("dash", PS1="ready> "))

    def test_zsh(self):
        self.define_and_rewind(self.start("zsh", "-f", PS1="ready> "))


class Runtimes(Programs):
    """Busy programs that print the right result in the end, whatever was done to them on the way."""

    def disturb(self, session, journal, count=5):
        taken = []
        for _ in range(count):
            journal.wait_for_ticks(CHOICE.randrange(1, 20), alive=lambda: session.process.poll() is None)
            taken.append(session.snapshot())
            journal.wait_for_ticks(CHOICE.randrange(1, 20), alive=lambda: session.process.poll() is None)
            session.rewind(CHOICE.choice(taken))

    def check(self, program, *arguments, **environment):
        journal = support.Journal(self.folder)
        first = session = self.start(program, *arguments, terminal=False, **journal.environment(), **environment)
        self.disturb(session, journal)
        image = self.path("saved.sbi")
        session.call("snapshot", "--save", "-o", image)
        session.end()
        session = self.restart(image, ["--force"], environment=session.environment)
        journal.wait_for_ticks(5, alive=lambda: session.process.poll() is None)
        journal.ask_to_end()
        self.assertEqual(session.wait(60), 0, session.shown())
        self.assertTrue(first.output_text().endswith("PASS\n"), first.output_text())

    def test_ruby(self):
        self.check("ruby", self.file_with("busy.rb", RUBY))

    def test_go(self):
        self.check("busy_go")

    def test_openmp(self):
        self.check("busy_openmp")


RUBY = '''
require "digest"
threads, counts, left, right, lock, done = [], Hash.new(0), 0, 0, Mutex.new, false
journal = File.open(ENV["LIVE_JOURNAL"], "a"); journal.sync = true
3.times { |k| threads << Thread.new { until done; lock.synchronize { raise "torn" if left != right; left += 1; counts[k] += 1; right += 1 }; sleep 0.001 * k; end } }
fiber = Fiber.new { n = 0; loop { Fiber.yield n += 1 } }
step = 0
until step > 20 && File.exist?(ENV["LIVE_STOP"])
  step += 1
  raise "fiber" unless fiber.resume == step
  junk = (1..500).map { |i| "x" * (i % 50) }
  journal.write("tick #{step}\\n"); sleep 0.002
end
done = true; threads.each(&:join)
raise "lost" unless counts.values.sum == left
puts "PASS"
'''

FOLDER = sys.argv[1] if len(sys.argv) > 1 and os.path.isdir(sys.argv[1]) else "/nowhere"
CHOICE = random.Random(int(os.environ.get("SNAPBACK_STRESS_SEED", random.SystemRandom().randrange(10 ** 9))))

if __name__ == "__main__":
    if FOLDER in sys.argv[1:2]:
        FOLDER = support.folder_within_reach(FOLDER)
        del sys.argv[1]
    support.main()
