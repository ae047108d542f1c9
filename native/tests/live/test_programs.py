# SPDX-License-Identifier: EPL-2.0
"""Whole programs as people use them, rewound, saved and restarted: editors, pagers, shells, runtimes.

    test_programs.py FOLDER       where the programs of this test that have to be compiled lie
"""
import contextlib
import os
import random
import shutil
import subprocess
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
        # It compiles its own library beside, in files that it leaves where it is killed meanwhile.
        session = self.start("emacs", "-nw", "-Q", path, TMPDIR=self.path("work"))
        session.terminal.expect("two")
        self.edit(session, ("first words ", "first words"), [("\x0bkilled", "killed"), ("\x0e\x0e last", "last")],
                  "\x18\x13\x18\x03", path, "first words one\ntwo\n")

    def quit_less(self, terminal):
        """less drops a key that it reads when it has just been told of another size: it is typed again."""
        for _ in range(20):
            terminal.send("q")
            with contextlib.suppress(support.Late):
                return terminal.wait(1)
        return terminal.wait(1)

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
        self.assertEqual(self.quit_less(terminal), 0)


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


class Multiplexers(Programs):
    """A server, its client, who hands its terminal over through a unix socket, and a shell between them."""

    def ask(self, terminal, question, answer):
        terminal.skip()
        terminal.send(question + "\n")
        terminal.expect(answer)

    def test_tmux(self):
        session = self.start("tmux", "-S", self.path("work", "sock"), "-f", "/dev/null", "new-session",
                             "PS1='ready> ' sh")
        session.terminal.expect("ready> ")
        self.ask(session.terminal, "x=5; echo is$x", "is5")
        first = session.snapshot()
        for _ in range(3):
            self.ask(session.terminal, "x=6; echo is$x", "is6")
            session.rewind(first)
            self.ask(session.terminal, "echo was$x", "was5")
            session.rewind(first)
        session = self.go_on_elsewhere(session)
        self.ask(session.terminal, "echo and$x", "and5")
        session.terminal.send("exit\n")
        self.assertEqual(session.wait(), 0, session.terminal.transcript[-2000:])


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

    def test_java(self):
        if not shutil.which("javac"):
            self.skipTest("no Java compiler is installed")
        self.file_with("Busy.java", JAVA)
        subprocess.run(["javac", "-d", self.path("work"), self.path("work", "Busy.java")], check=True, timeout=120)
        self.check("java", "-Xmx64m", "-cp", self.path("work"), "Busy")

    def test_python_multiprocessing(self):
        self.check("python3", self.file_with("busy.py", MULTIPROCESSING))

    def test_node(self):
        self.check("node", self.file_with("busy.js", NODE))

    def test_go(self):
        self.check("busy_go")

    def test_openmp(self):
        self.check("busy_openmp")

    def test_python_asyncio(self):
        self.check("python3", self.file_with("busy.py", ASYNCIO))


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

JAVA = '''
import java.nio.file.*;
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.*;

public class Busy {
  static long left, right;
  static volatile boolean done;

  static synchronized void count() {
    if (left != right) throw new IllegalStateException("torn");
    left++;
    right++;
  }

  public static void main(String[] words) throws Exception {
    ExecutorService pool = Executors.newFixedThreadPool(4);
    AtomicLong counts = new AtomicLong();
    List<Future<Long>> results = new ArrayList<>();
    for (int k = 0; k < 4; k++)
      results.add(pool.submit(() -> {
        Map<Integer, String> table = new HashMap<>();
        long n = 0;
        while (!done) {
          count();
          n++;
          table.put((int) (n % 1000), "value " + n);          // garbage for the collector
          if (!table.get((int) (n % 1000)).endsWith(" " + n)) throw new IllegalStateException("table");
          if (n % 64 == 0) Thread.sleep(1);
        }
        return n;
      }));
    Path stop = Path.of(System.getenv("LIVE_STOP")), journal = Path.of(System.getenv("LIVE_JOURNAL"));
    for (long step = 1; step <= 20 || !Files.exists(stop); step++) {
      long sum = 0;
      for (int i = 0; i < 100000; i++) sum += i ^ step;        // for the compiler
      if (sum == 0) System.out.println("never");
      Files.writeString(journal, "tick " + step + "\\\\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
      Thread.sleep(2);
    }
    done = true;
    long sum = 0;
    for (Future<Long> r : results) sum += r.get();
    pool.shutdown();
    if (sum != left) throw new IllegalStateException("lost");
    System.out.println("PASS");
  }
}
'''.replace("\\\\n", "\\n")

ASYNCIO = '''
import asyncio, os
journal = os.open(os.environ["LIVE_JOURNAL"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
queue, got, done = asyncio.Queue(3), [], asyncio.Event()

async def produce():
    n = 0
    while not done.is_set():
        n += 1
        await queue.put(n)
        await asyncio.sleep(0.001)
    await queue.put(None)
    return n

async def consume():
    last = 0
    while (n := await queue.get()) is not None:
        assert n == last + 1, (n, last)
        last = n
    return last

async def tick():
    step = 0
    while step < 20 or not os.path.exists(os.environ["LIVE_STOP"]):
        step += 1
        os.write(journal, f"tick {step}\\n".encode())
        await asyncio.sleep(0.002)
    done.set()

async def main():
    made, eaten, _ = await asyncio.gather(produce(), consume(), tick())
    assert made == eaten, (made, eaten)

asyncio.run(main())
print("PASS")
'''

MULTIPROCESSING = '''
import multiprocessing as mp, os, socket

def square(n):
    return n * n

def echo(pipe, end):
    with end:
        while (word := pipe.recv()) is not None:
            end.sendall(word.to_bytes(8, "little"))

def main():
    journal = os.open(os.environ["LIVE_JOURNAL"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    ours, theirs = mp.Pipe()
    near, far = socket.socketpair()
    echoing = mp.Process(target=echo, args=(theirs, far))
    echoing.start()
    theirs.close(), far.close()
    queue, step, total = mp.Queue(), 0, mp.Value("q", 0)
    with mp.Manager() as manager, mp.Pool(2) as pool:
        table = manager.dict()
        while step < 20 or not os.path.exists(os.environ["LIVE_STOP"]):
            step += 1
            table[step % 10] = step
            result = pool.map(square, range(step, step + 20))
            assert result == [n * n for n in range(step, step + 20)], result
            ours.send(step)
            assert int.from_bytes(near.recv(8, socket.MSG_WAITALL), "little") == step
            queue.put(step)
            assert queue.get() == step and table[step % 10] == step
            with total.get_lock():
                total.value += step
            assert total.value == step * (step + 1) // 2
            os.write(journal, f"tick {step}\\n".encode())
    ours.send(None)
    assert near.recv(1) == b""
    echoing.join()
    assert echoing.exitcode == 0
    print("PASS")

if __name__ == "__main__":
    main()
'''

NODE = '''
const child = require("child_process"), fs = require("fs");
if (process.argv[2] == "child") {
  process.on("message", (n) => process.send(n + 1));
} else {
  const cat = child.spawn("cat", [], {stdio: ["pipe", "pipe", "inherit"]});
  const forked = child.fork(__filename, ["child"]);
  const journal = fs.openSync(process.env.LIVE_JOURNAL, "a");
  const check = (right, what) => {
    if (right) return;
    fs.writeSync(journal, `FAIL ${what}\\n`);
    process.exit(1);
  };
  let step = 0;
  const next = () => {
    if (step > 20 && fs.existsSync(process.env.LIVE_STOP)) {
      forked.disconnect();
      cat.stdin.end();
      console.log("PASS");
      return;
    }
    cat.stdin.write(`word${++step}\\n`);
  };
  cat.stdout.on("data", (data) => {
    check(String(data) == `word${step}\\n`, data);
    forked.send(step);
  });
  forked.on("message", (n) => {
    check(n == step + 1, n);
    fs.writeSync(journal, `tick ${step}\\n`);
    setTimeout(next, 2);
  });
  next();
}
'''

FOLDER = sys.argv[1] if len(sys.argv) > 1 and os.path.isdir(sys.argv[1]) else "/nowhere"
CHOICE = random.Random(int(os.environ.get("SNAPBACK_STRESS_SEED", random.SystemRandom().randrange(10 ** 9))))

if __name__ == "__main__":
    if FOLDER in sys.argv[1:2]:
        FOLDER = support.folder_within_reach(FOLDER)
        del sys.argv[1]
    support.main()
