# SPDX-License-Identifier: EPL-2.0
"""Programs that we did not write, under gdb: they stop by themselves, go back, and come to the right result."""
import os

from debugging import TestCase, main

STEPS = 12
# Each step ends in a signal, at which gdb stops; the result tells whether every step counted once.
SCRIPTS = {
    "python3": ("/usr/bin/python3", """
import os, signal, threading
table, lock, done = {}, threading.Lock(), []
def work(k):
    with lock:
        table[k] = [k] * 500
    done.append(k)
for step in range(%d):
    thread = threading.Thread(target=work, args=(step,))
    thread.start(); thread.join()
    os.kill(os.getpid(), signal.SIGUSR1)
print("result", sum(sum(v) for v in table.values()), done == list(range(%d)))
""" % (STEPS, STEPS), "result 33000 True"),
    "bash": ("/bin/bash", """
declare -A table; n=0
for ((step = 0; step < %d; step++)); do table[$step]=$((step * 500)); kill -USR1 $$; done
for k in "${!table[@]}"; do n=$((n + ${table[$k]})); done
echo "result $n ${#table[@]}"
""" % STEPS, "result 33000 12"),
    "perl": ("/usr/bin/perl", """
my (%%table, $n);
for my $step (0 .. %d - 1) { $table{$step} = [($step) x 500]; kill 'USR1', $$; }
for my $list (values %%table) { $n += $_ for @$list; }
print "result $n ", scalar(keys %%table), "\\n";
""" % STEPS, "result 33000 12"),
}
QUERIES = "".join(f"insert into t values({i * 500});\n" for i in range(STEPS))


class ForeignPrograms(TestCase):
    def travel(self, gdb, go_on="continue", stop="SIGUSR1"):
        """Takes two snapshots on the way, and goes back to each, twice."""
        for name in ("first", "second"):
            for _ in range(3):
                self.assertIn(stop, gdb.do(go_on))
            self.assertIn("taken", gdb.do("snapshot " + name))
        for name in ("first", "second", "second", "first"):
            self.assertIn(stop, gdb.do(go_on))
            self.assertIn("Rewound to snapshot", gdb.do("rewind " + name))
            self.assertRegex(gdb.do("bt 1"), r"#0 ")
            self.assertIn(stop, gdb.do(go_on))

    def check(self, name):
        program, script, result = SCRIPTS[name]
        if not os.path.exists(program):
            self.skipTest(f"{program} is not installed")
        path = self.path("work", "script")
        with open(path, "w") as file:
            file.write(script)
        gdb = self.command_line(program, path)
        gdb.do("handle SIGUSR1 stop print nopass")
        self.assertIn("SIGUSR1", gdb.do("run"))
        self.travel(gdb)
        gdb.do("handle SIGUSR1 nostop noprint nopass")
        end = gdb.do("continue")
        self.assertIn(result, end)
        self.assertIn("exited normally", end)
        gdb.quit()

    def test_python3_with_threads(self):
        self.check("python3")

    def test_bash(self):
        self.check("bash")

    def test_perl(self):
        self.check("perl")

    def test_sqlite3_in_a_transaction(self):
        program = "/usr/bin/sqlite3"
        if not os.path.exists(program):
            self.skipTest(f"{program} is not installed")
        path = self.path("work", "queries")
        with open(path, "w") as file:
            file.write(f"create table t(a);\nbegin;\n{QUERIES}commit;\nselect 'result', sum(a), count(*) from t;\n")
        gdb = self.command_line(program, self.path("work", "database"), ".read " + path)
        gdb.do("set breakpoint pending on")
        gdb.do("break sqlite3_step")
        self.assertIn("sqlite3_step", gdb.do("run"))
        self.assertIn("sqlite3_step", gdb.do("continue"))
        self.travel(gdb, stop="sqlite3_step")
        gdb.do("delete")
        self.assertIn("result|33000|12", gdb.do("continue"))
        gdb.quit()


if __name__ == "__main__":
    main()
