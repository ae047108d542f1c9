# SPDX-License-Identifier: EPL-2.0
"""Programs that we did not write, rewound again and again under `snapback launch`: each comes to the right result."""
import os
import random
import subprocess

import scripts
import snapback_support as support

# Each script tells its steps, then waits until it is told to end, so that no rewind comes too late.
STEPS = 900

PYTHON = '''
import hashlib, os, random, threading, time
journal = os.open(os.environ["LIVE_JOURNAL"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
lock, shared, steps = threading.Lock(), {"left": 0, "right": 0}, 900
words = open(__file__)

def squares():
    n = 0
    while True:
        yield n * n
        n += 1

def work(k):
    local = threading.local()
    local.count = 0
    while not done.is_set():
        with lock:
            assert shared["left"] == shared["right"]
            shared["left"] += 1
            local.count += 1
            shared["right"] += 1
        time.sleep(0.0007 * k)
        counts[k] = local.count

done, counts, digest, numbers = threading.Event(), {}, hashlib.sha256(), squares()
threads = [threading.Thread(target=work, args=(k,)) for k in (1, 2, 3)]
for t in threads: t.start()
dice = random.Random(7)
for step in range(1, steps + 1):
    line = words.readline() or (words.seek(0), words.readline())[1]
    digest.update(f"{step} {next(numbers)} {dice.random()} {line}".encode())
    os.write(journal, f"tick {step}\\n".encode())
    time.sleep(0.001)
while not os.path.exists(os.environ["LIVE_STOP"]):
    time.sleep(0.001)
done.set()
for t in threads: t.join()
assert shared["left"] == sum(counts.values())
print(digest.hexdigest())
'''

# What the shell does itself.
SHELL = '''
i=0 sum=1
while [ $i -lt 900 ]; do
  i=$((i + 1))
  sum=$(((sum * 31 + i) % 1000003))
  eval "kept_$((i % 7))=$sum"
  echo "tick $i" >> "$LIVE_JOURNAL"
  k=0; while [ $k -lt 150 ]; do k=$((k + 1)); done
done
while [ ! -e "$LIVE_STOP" ]; do :; done
echo "$sum $kept_0 $kept_1 $kept_2 $kept_3 $kept_4 $kept_5 $kept_6"
'''

BASH = '''
exec 9<>"$TMPDIR/never"
declare -A table; list=()
step() { local -i x=$1; table[key$((x % 50))]=$((x * x)); list+=("$x"); }
for ((i = 1; i <= 900; i++)); do
  step $i
  printf 'tick %d\\n' $i >> "$LIVE_JOURNAL"
  read -t 0.001 -u 9
done
while [ ! -e "$LIVE_STOP" ]; do read -t 0.001 -u 9; done
sum=0; for k in "${!table[@]}"; do ((sum += table[$k])); done
echo "$sum ${#list[@]} ${list[*]: -3}"
'''

# Other programs, in pipelines, in the background, and as here documents.
PIPELINES = '''
sum=1; i=0
while [ $i -lt 900 ]; do
  i=$((i + 1))
  case $((i % 6)) in
  0) word=$(echo "number $i" | sed 's/number/digit/' | tr a-z A-Z) ;;
  2) sleep 0.003 & word=$(expr $i + 1); wait $!; word="$word $?" ;;
  4) word=$(cat <<END
here $i
END
) ;;
  5) (exit $((i % 40))); word="status $?" ;;
  *) word=plain ;;
  esac
  sum=$(((sum * 31 + ${#word} + i) % 1000003))
  echo "tick $i" >> "$LIVE_JOURNAL"
done
while [ ! -e "$LIVE_STOP" ]; do sleep 0.001; done
echo "$sum $word"
'''

PERL = '''
use strict; open(my $journal, ">>", $ENV{LIVE_JOURNAL}) or die; $journal->autoflush(1) if eval { require IO::Handle };
my (%table, @list); my $make = sub { my $n = shift; return sub { return $n++ } }; my $next = $make->(5);
for my $i (1 .. 900) {
  $table{"key" . $next->() % 97} .= chr(65 + $i % 26); push @list, length $table{"key" . $i % 97} // 0;
  print $journal "tick $i\\n"; select(undef, undef, undef, 0.001);
}
select(undef, undef, undef, 0.001) until -e $ENV{LIVE_STOP};
my $sum = 0; $sum = ($sum * 33 + $_) % 1000003 for @list, map { ord } split //, join "", map { $table{$_} } sort keys %table;
print "$sum\\n";
'''

AWK = '''
BEGIN { journal = ENVIRON["LIVE_JOURNAL"]
  for (i = 1; i <= 900; i++) { table[i % 113] = table[i % 113] "x" i; sum = (sum * 17 + length(table[i % 113])) % 1000003
    printf "tick %d\\n", i >> journal; fflush(journal); for (k = 0; k < 3000; k++) waste += k }
  while ((getline line < ENVIRON["LIVE_STOP"]) < 0) for (k = 0; k < 3000; k++) waste2 += k
  print sum, length(table[5]), waste }
'''

TCL = '''
set journal [open $env(LIVE_JOURNAL) a]; fconfigure $journal -buffering line
proc step {i} { global table; dict incr table [expr {$i % 31}] [expr {$i * $i}] }
for {set i 1} {$i <= 900} {incr i} { step $i; puts $journal "tick $i"; after 1 }
while {![file exists $env(LIVE_STOP)]} { after 1 }
puts $table
'''

NODE = '''
const fs = require("fs"), crypto = require("crypto"); let i = 0; const digest = crypto.createHash("sha256"), map = new Map();
function step() {
  if (i < 900) {
    i++; map.set("key" + i % 61, (map.get("key" + i % 61) || 0) + i); digest.update(String(i));
    fs.appendFileSync(process.env.LIVE_JOURNAL, "tick " + i + "\\n");
  } else if (fs.existsSync(process.env.LIVE_STOP)) return console.log(digest.digest("hex"), [...map.values()].join(" "));
  setTimeout(step, 1);
}
step();
'''

# name → (program, arguments before the script, script)
SCRIPTS = {
    "python3": ("/usr/bin/python3", [], PYTHON),
    "bash": ("/bin/bash", ["--norc"], BASH),
    "sh": ("/bin/sh", [], SHELL),
    "pipelines": ("/bin/bash", ["--norc"], PIPELINES),
    "pipelines-sh": ("/bin/sh", [], PIPELINES),
    "perl": ("/usr/bin/perl", [], PERL),
    "awk": ("/usr/bin/awk", ["-f"], AWK),
    "tclsh": ("/usr/bin/tclsh", [], TCL),
    "node": ("/usr/bin/node", [], NODE),
}


class Scripts(scripts.Stepping):
    """A script that computes something; its result is that of an undisturbed run."""

    STEPS = STEPS

    def prepare(self, name):
        program, arguments, script = SCRIPTS[name]
        if not os.path.exists(program):
            self.skipTest(f"{program} is not installed")
        path = self.path("work", "script")
        with open(path, "w") as file:
            file.write(script)
        os.mkfifo(self.path("tmp", "never"))
        return [program, *arguments, path]

    def rewinds(self, session, journal, count):
        """So many rewinds to any of up to four snapshots that are taken on the way."""
        taken = []
        for _ in range(count):
            self.pass_steps(session, journal, 1 + CHOICE.randrange(40))
            if len(taken) < 4:
                taken.append(session.snapshot())
                if journal.last() == STEPS:  # nothing would tell that it has been rewound to
                    session.delete(taken.pop())
                self.pass_steps(session, journal, 1 + CHOICE.randrange(40))
            if not taken:
                continue
            session.rewind(CHOICE.choice(taken))
            if len(taken) > 1 and CHOICE.random() < 0.2:
                session.delete(taken.pop(CHOICE.randrange(len(taken))))

    def check(self, name):
        command = self.prepare(name)
        expected = self.undisturbed(command)
        journal = support.Journal(self.folder)
        session = self.launch(command, environment=self.environment(**journal.environment()))
        self.rewinds(session, journal, 20)
        journal.ask_to_end()
        self.assertEqual(session.wait(60), 0, session.shown())
        self.assertEqual(session.output_text(), expected)
        os.unlink(self.path("tmp", "never"))

    def test_python_with_threads(self):
        self.check("python3")

    def test_bash_script(self):
        self.check("bash")

    def test_shell_script(self):
        self.check("sh")

    def test_pipelines(self):
        self.check("pipelines")

    def test_pipelines_of_sh(self):
        self.check("pipelines-sh")

    def test_perl(self):
        self.check("perl")

    def test_awk(self):
        self.check("awk")

    def test_node(self):
        self.check("node")

    def test_tcl(self):
        self.check("tclsh")


class Interactive(support.TestCase):
    """A program at its prompt, on a terminal: after a rewind it answers as it did."""

    def start(self, program, *arguments, **environment):
        if not os.path.exists(program):
            self.skipTest(f"{program} is not installed")
        session = self.launch([program, *arguments], terminal=True, environment=self.environment(**environment))
        return session, session.terminal

    def ask(self, terminal, question, answer):
        terminal.skip()
        terminal.send(question + "\n")
        terminal.expect(answer)

    def leave(self, session, terminal, words):
        terminal.send(words + "\n")
        self.assertEqual(session.wait(), 0, terminal.transcript)

    def test_python_prompt(self):
        session, terminal = self.start("/usr/bin/python3", "-q")
        terminal.expect(">>> ")
        self.ask(terminal, "x = 'o' + 'ld'; g = (n * n for n in range(100)); next(g), next(g)", r"\(0, 1\)\s+>>> ")
        first = session.snapshot()
        for _ in range(3):
            self.ask(terminal, "x = 'n' + 'ew'; print(x, next(g))", r"\nnew 4\s+>>> ")
            session.rewind(first)
            self.ask(terminal, "print(x, next(g))", r"\nold 4\s+>>> ")
            session.rewind(first)
        self.leave(session, terminal, "exit()")

    def test_line_half_typed(self):
        session, terminal = self.start("/bin/bash", "--norc", "--noprofile", PS1="ready> ")
        terminal.expect("ready> ")
        terminal.send("echo one t")
        terminal.expect("echo one t")
        first = session.snapshot()
        terminal.send("hree\n")
        terminal.expect(r"\none three\s+ready> ")
        session.rewind(first)
        self.ask(terminal, "wo", r"\none two\s+ready> ")
        self.leave(session, terminal, "exit")

    def test_bash_prompt(self):
        session, terminal = self.start("/bin/bash", "--norc", "--noprofile", PS1="ready> ")
        terminal.expect("ready> ")
        self.ask(terminal, "f() { echo old $((x += 1)); }; x=5; cd /tmp; ls -d /usr; umask 077", r"/usr\s+ready> ")
        first = session.snapshot()
        for _ in range(3):
            self.ask(terminal, "f() { echo new; }; cd /; umask 022; f; x=9; ls -d /usr", r"new\s+/usr\s+ready> ")
            session.rewind(first)
            self.ask(terminal, "f; pwd; umask; echo $(echo sub)", r"\nold 6\s+/tmp\s+0077\s+sub\s+ready> ")
            session.rewind(first)
        self.leave(session, terminal, "exit")

    def test_sqlite_transaction(self):
        session, terminal = self.start("/usr/bin/sqlite3", "-batch", self.path("work", "file.db"))
        make = "CREATE TABLE t(n); INSERT INTO t VALUES(1),(2),(3);"
        self.ask(terminal, f"{make} ATTACH ':memory:' AS m; {make.replace('t(n)', 'm.t(n)').replace('INTO t', 'INTO m.t')}"
                 " SELECT 'ma' || 'de';", "made")
        self.ask(terminal, "BEGIN; INSERT INTO m.t SELECT n + 10 FROM m.t; SELECT 'sum ' || sum(n) FROM m.t;", "sum 42")
        first = session.snapshot()
        for _ in range(3):
            self.ask(terminal, "COMMIT; DELETE FROM m.t; SELECT 'left ' || count(*) FROM m.t;", "left 0")
            session.rewind(first)
            self.ask(terminal, "ROLLBACK; SELECT 'sums ' || sum(n) || ' ' || (SELECT sum(n) FROM t) FROM m.t;", "sums 6 6")
            session.rewind(first)
        self.ask(terminal, "ROLLBACK; INSERT INTO t VALUES(4); SELECT 'file ' || sum(n) FROM t;", "file 10")
        self.leave(session, terminal, ".quit")
        done = subprocess.run(["/usr/bin/sqlite3", self.path("work", "file.db"), "PRAGMA integrity_check; SELECT sum(n) FROM t"],
                              capture_output=True, text=True, check=True)
        self.assertEqual(done.stdout, "ok\n10\n")

    def test_bc(self):
        session, terminal = self.start("/usr/bin/bc", "-q")
        self.ask(terminal, "define f(n) { if (n < 2) return (1); return (n * f(n - 1)) }; a = 2^64; a", "18446744073709551616")
        first = session.snapshot()
        self.ask(terminal, "a = 7; f(20)", "2432902008176640000")
        session.rewind(first)
        self.ask(terminal, "a + 1", "18446744073709551617")
        self.leave(session, terminal, "quit")


CHOICE = random.Random(int(os.environ.get("SNAPBACK_STRESS_SEED", random.SystemRandom().randrange(10 ** 9))))

if __name__ == "__main__":
    support.main()
