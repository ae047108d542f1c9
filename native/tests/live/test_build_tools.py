# SPDX-License-Identifier: EPL-2.0
"""Programs that start other programs: make -j, gcc, strace, shells with pipelines and jobs. Each is rewound at random,
saved, killed, restarted, and has made the right thing in the end.

    test_build_tools.py
"""
import os
import random
import re
import shutil
import sys

import snapback_support as support

ROUNDS = 5


class Tools(support.TestCase):
    def start(self, program, *arguments, terminal=False, **environment):
        path = self.find(program)
        return self.launch([path, *arguments], terminal=terminal,
                           environment=self.environment(HOME=self.path("work"), **environment))

    def find(self, program):
        path = shutil.which(program, path="/usr/bin:/bin")
        if not path:
            self.skipTest(f"{program} is not installed")
        return path

    def file_with(self, name, text):
        path = self.path("work", name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def content(self, name):
        path = self.path("work", name)
        if not os.path.exists(path):
            return ""
        with open(path, encoding="utf-8") as file:
            return file.read()

    def runs(self, session):
        return session.process.poll() is None

    def moment(self, session):
        """A while that the program goes on; whether it still runs then."""
        try:
            session.wait(CHOICE.random() * 0.15)
        except support.Late:
            return True
        return False

    def disturb(self, session):
        """Snapshots and rewinds at moments that nobody has chosen."""
        taken = []
        while len(taken) < ROUNDS:
            assert self.moment(session), f"the program ended with {session.process.returncode}: {session.shown()}"
            taken.append(session.snapshot())
            assert self.moment(session), f"the program ended with {session.process.returncode}: {session.shown()}"
            session.rewind(CHOICE.choice(taken))

    def go_on_elsewhere(self, session, terminal=False):
        image = self.path("saved.sbi")
        session.call("snapshot", "--save", "--files", "-o", image)
        session.end()
        return self.restart(image, ["--force", "--files"], terminal=terminal, environment=session.environment)

    def check(self, session, seconds=60):
        """Disturbed, saved and restarted; ends well."""
        self.disturb(session)
        session = self.go_on_elsewhere(session)
        session.rewind(session.snapshot())
        self.assertEqual(session.wait(seconds), 0, session.shown())


class Builds(Tools):
    # Files are not rewound here. One that a past which was taken back has begun is no reason not to make it (-B), and none
    # is emptied that another past has finished (1<>).
    MAKEFILE = """
all: $(patsubst %,out%,$(shell seq 60))
\tcat $^ > result
out%:
\t@sleep 0.2; seq 1000 | sed s/^/$*-/ | sort -r | sort -n | head -n $* 1<> $@
"""

    def test_make(self):
        self.find("make")
        self.file_with("Makefile", self.MAKEFILE)
        session = self.start("make", "-B", "-j", "4", "-s")
        self.check(session)
        lines = self.content("result").splitlines()
        self.assertEqual(len(lines), sum(range(1, 61)))
        for n in range(1, 61):
            self.assertEqual(sum(line.startswith(f"{n}-") for line in lines), n)

    def test_gcc(self):
        functions = "".join(f"int f{n}(int x) {{ int a[{n % 50 + 1}] = {{0}}; for (int i = 0; i < x; i++) a[i % {n % 50 + 1}] += i * {n}; "
                            f"return a[0] + {n}; }}\n" for n in range(800))
        self.file_with("large.c", functions + "int main(void) { return f7(0) == 7 && f799(1) == 799 ? 42 : 1; }\n")
        session = self.start("gcc", "-O2", "-pipe", "-o", "large", "large.c")
        self.check(session, 120)
        self.assertEqual(support.subprocess.run([self.path("work", "large")]).returncode, 42)



class Shells(Tools):
    PIPELINE = """
n=0
while [ $n -lt 60 ]; do
  n=$((n + 1))
  (echo "$n"; sleep 0.02; seq 100) | (read first; sleep 0.01; echo "$first $(cat | wc -l)") | cat >> result
  sh -c "exit $((n % 256))"; [ $? -eq $((n % 256)) ] || exit 3
done
"""

    def pipelines(self, shell):
        self.check(self.start(shell, "-c", self.PIPELINE))
        lines = self.content("result").splitlines()
        self.assertEqual(lines[-1], "60 100")
        # A log that is appended to keeps what a rewind has taken back: but in order, and nothing torn.
        numbers = [int(line.split()[0]) for line in lines]
        self.assertEqual({line.split()[1] for line in lines}, {"100"})
        self.assertEqual(sorted(set(numbers)), list(range(1, 61)))

    def test_pipelines_of_sh(self):
        self.pipelines("sh")

    def test_pipelines_of_bash(self):
        self.pipelines("bash")

    # `wait` could tell of the stop of %2, so it goes on first.
    JOBS = """
set -m
log=$PWD/result
for n in 1 2 3; do (while :; do sleep 0.01; done; exit $n) & eval "p$n=$!"; done
kill -STOP %2
while [ "$(jobs -ps | wc -l)" -lt 1 ]; do sleep 0.01; done
for n in $(seq 60); do
  sleep 0.02
  [ "$(jobs -pr | wc -l)" -eq 2 ] || { jobs > jobs.wrong; exit 4; }
  [ "$(jobs -ps | wc -l)" -eq 1 ] || { jobs > jobs.wrong; exit 5; }
done
kill -CONT %2
while [ "$(jobs -ps | wc -l)" -gt 0 ]; do sleep 0.01; done
kill %1 %3 %2
wait $p1; [ $? -eq 143 ] || exit 6
wait $p2; [ $? -eq 143 ] || exit 7
wait $p3; [ $? -eq 143 ] || exit 8
echo right > result
"""

    def test_jobs_of_bash(self):
        self.check(self.start("bash", "-c", self.JOBS))
        self.assertEqual(self.content("result"), "right\n", self.content("jobs.wrong"))

    def test_interactive_bash_with_jobs(self):
        session = self.start("bash", "--norc", "--noprofile", "-i", terminal=True, PS1="ready> ", TERM="xterm")
        terminal = session.terminal
        terminal.expect("ready> ")
        terminal.send("sleep 1000 &\n")
        terminal.expect(r"\[1\] \d+\s+.*ready> ")
        terminal.send("sleep 2000\n")
        support.wait_for(lambda: any("sleep 2000" in support.describe(p) for p in session.processes()), "the second job")
        terminal.send("\x1a")
        terminal.expect(r"\[2\]\+\s+Stopped\s+sleep 2000\s+.*ready> ")
        first = session.snapshot()
        for _ in range(2):
            terminal.send("kill %1; wait %1; kill -9 %2; wait %2; echo g''one\n")
            terminal.expect(r"gone\b(?s:.*)ready> ")
            session.rewind(first)
            self.check_jobs(terminal)
        session = self.go_on_elsewhere(session, terminal=True)
        self.check_jobs(session.terminal)
        session.terminal.send("fg %2\n")
        session.terminal.expect("sleep 2000")
        support.wait_for(lambda: [support.state_of(p) for p in session.processes() if "sleep 2000" in support.describe(p)] == ["S"],
                         "the job to go on, which it does in the foreground")
        session.terminal.send("\x03")
        session.terminal.expect("ready> ")
        session.terminal.send("kill %1; wait; exit 3\n")
        self.assertEqual(session.wait(), 3, session.terminal.transcript)

    def check_jobs(self, terminal):
        terminal.skip()
        terminal.send("jobs\n")
        terminal.expect(r"\[1\]-\s+Running\s+sleep 1000 &\s+\[2\]\+\s+Stopped\s+sleep 2000\s+.*ready> ")


CHOICE = random.Random(int(os.environ.get("SNAPBACK_STRESS_SEED", random.SystemRandom().randrange(10 ** 9))))

if __name__ == "__main__":
    support.main()
