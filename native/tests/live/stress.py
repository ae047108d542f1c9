# SPDX-License-Identifier: EPL-2.0
"""Random snapshots, rewinds in any order and deletions of one self-checking program; prints the seed it used.

    stress.py NAME PROGRAM            a row of ROWS, and its program
    stress.py attached-NAME PROGRAM   the same, attached to while it runs, let go and attached to again
    stress.py narrow-NAME PROGRAM     the same, as a 32-bit program
    stress.py strace-NAME PROGRAM     the same, run by strace, which is of the session, too
    stress.py gdb-NAME PROGRAM        the same, run by a gdb that stops it in each tick, and is of the session, too

SNAPBACK_STRESS_SECONDS says how long (2), SNAPBACK_STRESS_SEED which way.
"""
import os
import random
import re
import shutil
import sys

import call_log
import snapback_support as support
import stillness
from rows import ROWS

MOST_SNAPSHOTS = 6


class Taken:
    """A snapshot as this test knows it: the ticks between which it was taken, and the first tick after it if known."""

    def __init__(self, number, before, after):
        self.number, self.before, self.after, self.first = number, before, after, None

    def learn(self, tick):
        if self.first is None:
            assert self.before < tick <= self.after + 1, \
                f"snapshot {self.number}, taken between ticks {self.before} and {self.after}, went on with {tick}"
            self.first = tick
        assert tick == self.first, f"snapshot {self.number} went on with tick {tick}, and before with {self.first}"


class Stress(support.TestCase):
    def setUp(self):
        super().setUp()
        row = ROWS.get(NAME, {})
        self.refusal = row.get("refusal")
        self.refused = self.rewinds = 0
        self.journal = support.Journal(self.folder)
        more = {k: v.format(folder=os.path.basename(self.folder)) for k, v in row.get("environment", {}).items()}
        self.visible = more.get("LIVE_SHM")
        self.addCleanup(self.remove_visible)
        command = [PROGRAM, *row.get("arguments", [])]
        if TRACER:
            command = self.traced(command)
        environment = self.environment(**self.journal.environment(), **more)
        self.taken = []
        self.program = self.run_beside(command, environment) if ATTACHED else None
        if self.program:
            self.refusal = GONE + "|" + self.refusal if self.refusal else GONE
            self.journal.wait_for_ticks(1, alive=lambda: self.program.poll() is None)
        self.session = self.attach(self.program.pid) if self.program else self.launch(command, environment=environment)

    def traced(self, command):
        if TRACER == "strace":
            return [shutil.which("strace"), "-f", "-o", self.path("work", "calls"), *command]
        words = ["set pagination off", "set confirm off", "set debuginfod enabled off", "handle all nostop noprint pass",
                 "handle SIGTRAP stop print nopass", "handle SIGINT nopass stop", "break live_tick",
                 "commands\nsilent\ncontinue\nend", "run", "quit $_exitcode"]
        with open(self.path("work", "commands"), "w") as file:
            file.write("\n".join(words) + "\n")
        return [shutil.which("gdb"), "-nx", "-batch", "-x", self.path("work", "commands"), "--args", *command]

    def remove_visible(self):
        if self.visible and os.path.exists(self.visible):
            os.unlink(self.visible)

    def runs(self):
        return (self.program or self.session.process).poll() is None

    def ticks_pass(self, count):
        self.journal.wait_for_ticks(count, alive=self.runs)

    def may_be_refused(self, failure):
        """Passes over a refusal that this program's row allows; nothing may have changed then."""
        if not self.refusal or not re.search(self.refusal, failure.message):
            self.journal.read()  # the program's own word is the better one
            raise failure
        self.refused += 1

    def snapshot(self):
        before = self.journal.last()
        try:
            number = self.session.snapshot()
        except support.CommandFailed as failure:
            return self.may_be_refused(failure)
        self.taken.append(Taken(number, before, self.journal.last()))
        self.ticks_pass(1)

    def rewind(self):
        if not self.taken:
            return
        target = CHOICE.choice(self.taken)
        start = len(self.journal.ticks()) - 1
        try:
            self.session.rewind(target.number)
        except support.CommandFailed as failure:
            return self.may_be_refused(failure)
        self.rewinds += 1
        if TRACER == "strace":
            self.forget_later_than(target)
        self.ticks_pass(1)
        self.check_jump(target, self.journal.ticks()[start:])

    def check_jump(self, target, ticks):
        """The ticks around a rewind: one after the other, but for one jump to where the snapshot was taken."""
        jumps = [b for a, b in zip(ticks, ticks[1:]) if b != a + 1]
        assert len(jumps) <= 1, f"{len(jumps)} jumps in the ticks {ticks} after one rewind to {target.number}"
        if jumps:
            target.learn(jumps[0])
        else:
            assert target.first in ticks or target.first is None and target.after + 1 >= ticks[0], \
                f"a rewind to {target.number} has not moved the ticks {ticks}"

    def forget_later_than(self, target):
        """What strace has written before them is written over by another past."""
        while self.taken[-1] is not target:
            self.session.delete(self.taken.pop().number)

    def delete(self):
        if self.taken:
            gone = CHOICE.choice(self.taken)
            self.taken.remove(gone)
            self.session.delete(gone.number)

    def pause(self):
        self.ticks_pass(CHOICE.randrange(1, 60))

    def let_go(self):
        """Its snapshots end; the program goes on as if there had never been any."""
        self.session.call("detach")
        assert self.session.wait() == 0, self.session.shown()
        support.wait_for(lambda: not offspring_of_engine(self.program.pid), "the end of the templates")
        self.taken = []
        self.ticks_pass(CHOICE.randrange(1, 30))

    def attach_again(self):
        self.let_go()
        self.session = self.attach(self.program.pid)

    def one_step(self):
        if self.program and CHOICE.random() < 0.04:
            self.attach_again()
        snapshot = self.snapshot if len(self.taken) < MOST_SNAPSHOTS else self.delete
        CHOICE.choices([snapshot, self.rewind, self.delete, self.pause], weights=[6, 9, 1, 4])[0]()

    def check_ticks_between(self):
        """No jump but those of rewinds: their number is the most there can be."""
        ticks = self.journal.ticks()
        jumps = sum(b != a + 1 for a, b in zip(ticks, ticks[1:]))
        assert jumps <= self.rewinds, f"{jumps} jumps after {self.rewinds} rewinds"

    def test_is_the_same_after_every_rewind(self):
        self.ticks_pass(3)
        number = self.session.status()["program_pid"]
        support.repeat_for(SECONDS, self.one_step)
        assert self.session.status()["program_pid"] == number, "the program's number has changed"
        assert sorted(t.number for t in self.taken) == sorted(s["id"] for s in self.session.list())
        self.rewind()
        if self.program and CHOICE.random() < 0.5:
            self.let_go()
        self.journal.ask_to_end()
        status = self.program.wait(support.PATIENCE) if self.program else self.session.wait()
        self.journal.read()
        assert status == 0, f"the program ended with {status}: {self.session.shown()}"
        assert self.journal.passed(), "the program ended without its PASS"
        if TRACER == "strace":
            call_log.check(self.path("work", "calls"), self)
        self.check_ticks_between()
        print(f"{self.rewinds} rewinds, {len(self.journal.ticks())} ticks, {self.refused} refusals; ", end="")

    def compare_once(self):
        stillness.stop(self.session)
        then = stillness.views(self.session, NAME)
        try:
            number = self.session.snapshot()
            stillness.check_same(then, stillness.views(self.session, NAME), "a snapshot has changed")
            stillness.go_on(self.session)
            self.ticks_pass(CHOICE.randrange(5, 80))
            self.session.rewind(number)
            stillness.check_same(then, stillness.views(self.session, NAME), "a rewind has not brought back")
        except support.CommandFailed as failure:
            self.may_be_refused(failure)
        stillness.go_on(self.session)
        self.ticks_pass(3)

    def test_shows_in_proc_what_it_showed(self):
        """A program that is stopped does not move: what /proc tells of it is the same before and after."""
        self.ticks_pass(10)
        for _ in range(3):
            self.compare_once()
        self.journal.ask_to_end()
        assert self.session.wait() == 0 and self.journal.passed(), self.session.shown()


def offspring_of_engine(pid):
    """Traced children and ended ones: templates, or what is left of them."""
    return [child for child in support.descendants(pid) if support.state_of(child) in ("t", "Z")]


NAME, PROGRAM = sys.argv[1:3] if len(sys.argv) > 2 else ("counter", "")
ATTACHED = NAME.startswith("attached-")
TRACER = next((name for name in ("strace", "gdb") if NAME.startswith(name + "-")), "")
NAME = NAME.removeprefix("attached-").removeprefix(TRACER + "-" if TRACER else "").removeprefix("narrow-")
# Root can have the number of a thread again.
GONE = (r"^snapback: (the ended )?process .*" if os.environ.get("SNAPBACK_TEST_AS_ROOT") else "") + \
    "its number cannot be had again"
SECONDS = float(os.environ.get("SNAPBACK_STRESS_SECONDS", "2"))
SEED = int(os.environ.get("SNAPBACK_STRESS_SEED", random.SystemRandom().randrange(10 ** 9)))
CHOICE = random.Random(SEED)

if ATTACHED or TRACER or NAME in stillness.MOVING:
    del Stress.test_shows_in_proc_what_it_showed

if __name__ == "__main__":
    if TRACER and not shutil.which(TRACER):
        print(f"skipped: {TRACER} is not installed")
        raise SystemExit(77)
    print(f"{NAME}: SNAPBACK_STRESS_SEED={SEED} SNAPBACK_STRESS_SECONDS={SECONDS:g}", flush=True)
    PROGRAM = support.within_reach(os.path.abspath(PROGRAM))
    support.main(sys.argv[:1], own_network=ROWS.get(NAME, {}).get("own_network", False))
