# SPDX-License-Identifier: EPL-2.0
"""Whoever is killed, at whatever moment of a snapshot or a rewind: no process and no socket is left."""
import os
import random
import signal
import sys
import threading

import snapback_support as support

ROUNDS = 6  # of each victim


class Kills(support.TestCase):
    def start(self, number):
        journal = support.Journal(self.folder, f"journal{number}")
        session = self.launch([PROGRAM], name=f"k{number}", environment=self.environment(**journal.environment()))
        journal.wait_for_ticks(3)
        return session

    def victim_pid(self, session, victim):
        status = session.status()
        return {"outer": session.process.pid, "supervisor": status["supervisor_pid"],
                "program": session.host_pid(status["program_pid"])}[victim]

    def traffic(self, session, done):
        """Snapshots and rewinds one after the other until the session has gone."""
        while not done.is_set():
            if session.run("snapshot").status or session.run("rewind").status or session.run("delete", "--all").status:
                return

    def kill_one(self, number, victim):
        session = self.start(number)
        pid = self.victim_pid(session, victim)
        done = threading.Event()
        worker = threading.Thread(target=self.traffic, args=(session, done))
        worker.start()
        done.wait(CHOICE.random() * 0.15)
        os.kill(pid, signal.SIGKILL)
        try:
            status = self.wait_for_end(session, victim)
        except support.Late:
            self.fail(f"the session outlives its {victim}")
        finally:
            done.set()
            worker.join()
        self.assertNotEqual(status, 0)
        support.wait_for(lambda: self.nothing_left(), lambda: f"after the {victim} was killed there is left: "
                         + "; ".join(map(support.describe, support.descendants(os.getpid()))), 5)
        support.wait_for(lambda: not os.path.exists(session.socket), f"the end of the socket (the {victim} was killed)", 5)

    def wait_for_end(self, session, victim):
        """A program that is killed in the middle of a rewind is built anew, as it was before: it is killed again."""
        while victim == "program":
            try:
                return session.wait(1)
            except support.Late:
                session.run("kill")
        return session.wait()

    def nothing_left(self):
        support.reap_orphans([s.process.pid for s in self.sessions])
        return not support.descendants(os.getpid())

    def kill_often(self, victim):
        for number in range(ROUNDS):
            self.kill_one(number, victim)

    def test_killed_program(self):
        self.kill_often("program")

    def test_killed_supervisor(self):
        self.kill_often("supervisor")

    def test_killed_outer_process(self):
        self.kill_often("outer")


SEED = int(os.environ.get("SNAPBACK_STRESS_SEED", random.SystemRandom().randrange(10 ** 9)))
CHOICE = random.Random(SEED)
PROGRAM = sys.argv.pop(1) if len(sys.argv) > 1 else ""

if __name__ == "__main__":
    print(f"SNAPBACK_STRESS_SEED={SEED}", flush=True)
    PROGRAM = support.within_reach(os.path.abspath(PROGRAM))
    support.main()
