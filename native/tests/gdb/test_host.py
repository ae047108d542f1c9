# SPDX-License-Identifier: EPL-2.0
"""gdb beside the host's processes (--host-pids): it attaches to a program that runs already, and lets it go again."""
import os
import signal

import debugging
import snapback_support as support

HOST = ["--host-pids"]


class Host(debugging.TestCase):
    def attached(self, **more):
        """`busy`, and gdb attached to it at its prompt."""
        program = self.run_beside([debugging.PROGRAMS["busy"]])
        gdb = debugging.CommandLine(self.debug([*debugging.QUIET, "-p", str(program.pid)], options=HOST, **more))
        return program, gdb

    def goes_on(self, program):
        """It still works: its counter, which it keeps in memory alone, is seen from outside by its processor time."""
        def ticks():
            with open(f"/proc/{program.pid}/stat", "rb") as file:
                return sum(map(int, file.read().rpartition(b") ")[2].split()[11:13]))
        before = ticks()
        support.wait_for(lambda: ticks() > before, "the program's next tick of processor time")
        assert support.state_of(program.pid) in "RS", support.describe(program.pid)

    def nothing_is_left(self, program):
        support.wait_for(lambda: not support.descendants(program.pid), "the end of all templates")
        with open(f"/proc/{program.pid}/status") as file:
            assert "TracerPid:\t0" in file.read()

    def end(self, program):
        program.kill()
        program.wait()

    def test_rewinds_a_program_that_it_has_attached_to(self):
        program, gdb = self.attached()
        taken = gdb.value("counter")
        assert "taken" in gdb.do("snapshot here"), gdb.terminal.transcript
        gdb.do("continue&")
        self.goes_on(program)
        gdb.do("interrupt")
        gdb.terminal.expect("stopped|SIGINT|received")
        assert gdb.session.status()["program_host_pid"] == program.pid
        assert int(gdb.value("counter")) > int(taken)
        shown = gdb.do("rewind here")
        assert "Rewound to snapshot 1" in shown, shown
        assert gdb.value("counter") == taken
        gdb.do("detach")
        self.goes_on(program)
        assert gdb.quit() == 0
        self.goes_on(program)
        self.nothing_is_left(program)
        self.end(program)

    def test_attaches_and_detaches_again_and_again(self):
        program, gdb = self.attached()
        for _ in range(4):
            gdb.do("snapshot")
            gdb.do("stepi")
            assert "Rewound" in gdb.do("rewind")
            gdb.do("detach")
            self.goes_on(program)
            gdb.do(f"attach {program.pid}")
        gdb.do("detach")
        assert gdb.quit() == 0
        self.nothing_is_left(program)
        self.end(program)

    def test_does_not_end_one_program_for_the_snapshot_of_another(self):
        program, gdb = self.attached()
        other = self.run_beside([debugging.PROGRAMS["busy"]])
        gdb.do("snapshot")
        gdb.do("detach")
        gdb.do(f"attach {other.pid}")
        shown = gdb.do("rewind 1")
        assert f"the snapshot is of process {program.pid}, which gdb does not debug any more" in shown.lower(), shown
        gdb.do("detach")
        self.goes_on(other)
        self.goes_on(program)
        assert gdb.quit() == 0
        self.end(program)
        self.end(other)

    def test_refuses_what_has_ended_by_name(self):
        gdb = self.command_line(debugging.PROGRAMS["steps"], options=HOST)
        gdb.do("break note")
        gdb.do("run")
        gdb.do("snapshot")
        gdb.do("delete breakpoints")
        assert "exited with code 07" in gdb.do("continue")
        shown = gdb.do("rewind 1")
        assert "one that has ended cannot be brought back" in shown, shown
        assert gdb.quit() == 0

    def test_rewinds_a_program_that_it_runs_itself(self):
        gdb = self.command_line(debugging.PROGRAMS["steps"], "4", options=HOST)
        gdb.do("break note if counter == 2")
        gdb.do("run")
        gdb.do("snapshot")
        gdb.do("tbreak note if counter == 7")
        gdb.do("continue")
        assert gdb.value("counter") == "7"
        assert "Rewound" in gdb.do("rewind 1")
        assert gdb.value("counter") == "2"
        gdb.do("delete breakpoints")
        assert "exited with code 07" in gdb.do("continue")
        assert gdb.quit() == 0

    def test_takes_gdb_back_too(self):
        program, gdb = self.attached()
        gdb.do("set $mine = 1")
        gdb.do("snapshot")
        gdb.do("set $mine = 2")
        gdb.do("stepi")
        gdb.do("rewind --with-debugger")
        assert gdb.value("$mine") == "1"
        gdb.do("detach")
        self.goes_on(program)
        assert gdb.quit() == 0
        self.nothing_is_left(program)
        self.end(program)

    def test_is_asked_from_outside(self):
        program, gdb = self.attached()
        first = gdb.session.snapshot("outside")
        taken = gdb.value("counter")
        gdb.do("stepi 2000")
        gdb.session.rewind(first)
        gdb.terminal.expect("Rewound")
        gdb.terminal.expect(r"\(gdb\) ")
        assert gdb.value("counter") == taken
        gdb.do("detach")
        assert gdb.quit() == 0
        self.nothing_is_left(program)
        self.end(program)

    def test_ends_with_its_supervisor(self):
        program, gdb = self.attached()
        gdb.do("snapshot")
        debugger = gdb.session.status()["debugger_pid"]
        os.kill(gdb.session.status()["supervisor_pid"], signal.SIGKILL)
        gdb.session.wait()
        support.wait_for(lambda: support.state_of(debugger) in (None, "Z"), "the end of gdb")
        self.goes_on(program)
        self.end(program)


if __name__ == "__main__":
    support.main()
