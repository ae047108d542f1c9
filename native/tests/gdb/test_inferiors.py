# SPDX-License-Identifier: EPL-2.0
"""Several processes that gdb debugs at once: all are held and rewound, and gdb has a stop of its own in each."""
import os
import random
import re
import signal

import snapback_support as support
from debugging import PROGRAMS, QUIET, CommandLine, TestCase, main


class Kin(TestCase):
    def started(self, *commands, program="kin", **more):
        gdb = self.command_line(PROGRAMS[program], **more)
        for command in ("set detach-on-fork off", *commands, "break take_step"):
            gdb.do(command)
        gdb.do("run")
        return gdb

    def both_at_work(self, **more):
        """The parent and its child stand in their first steps, and run on together."""
        gdb = self.started(**more)
        gdb.do("inferior 2")
        gdb.do("continue")
        gdb.do("set schedule-multiple on")
        self.assertEqual(self.places(gdb), {0: 1, 1: 1})
        return gdb

    def places(self, gdb):
        """In which step each process is."""
        shown = gdb.do("thread apply all -q -s frame")
        return {int(who): int(at) for who, at in re.findall(r"take_step \(process=(\d), at=(\d)\)", shown)}

    def numbers(self, gdb):
        """The processes that gdb debugs, by their inferiors."""
        return dict(re.findall(r"^[* ]+(\d+) +process (\d+)", gdb.do("info inferiors"), re.M))

    def threads(self, gdb):
        return sorted(re.findall(r"LWP \d+", gdb.do("info threads")))

    def functions(self, gdb):
        """Where all threads are, from the innermost frame out."""
        return re.findall(r"^#\d+ +(?:0x\w+ in )?(\w+)", gdb.do("thread apply all bt"), re.M)

    def finish(self, gdb, shows="all right"):
        """All processes run to their ends; the program has looked at itself."""
        gdb.do("delete")
        shown = ""
        while self.numbers(gdb):
            gdb.do(f"inferior {max(self.numbers(gdb))}")
            shown += gdb.do("continue")
        self.assertIn(shows, shown)
        self.assertIn("exited normally", shown)


class Inferiors(Kin):
    def test_both_are_rewound(self):
        gdb = self.both_at_work()
        places, numbers, threads = self.places(gdb), self.numbers(gdb), self.threads(gdb)
        self.assertEqual((len(numbers), len(threads)), (2, 4))
        functions = self.functions(gdb)
        self.assertEqual(gdb.do("snapshot"), "Snapshot 1 taken.")
        for goal in (1, 2, 5, 7):
            for _ in range(goal):
                gdb.do("continue")
            shown = gdb.do("rewind")
            self.assertRegex(shown, r"^Rewound to snapshot 1\.\n(\[New .*\n)*take_step \(process=\d, at=1\) at .*\n\d+\t")
            self.assertEqual((self.places(gdb), self.numbers(gdb), self.threads(gdb)), (places, numbers, threads))
            self.assertEqual(self.functions(gdb), functions)
        self.finish(gdb)

    def test_any_order(self):
        gdb = self.both_at_work()
        taken = {}
        for number in range(1, 6):
            self.assertEqual(gdb.do("snapshot"), f"Snapshot {number} taken.")
            taken[number] = self.places(gdb), self.numbers(gdb), self.threads(gdb), gdb.value("$_inferior")
            gdb.do("continue")
        for _ in range(8):
            number = CHOICE.choice(list(taken))
            self.assertIn(f"Rewound to snapshot {number}", gdb.do(f"rewind {number}"))
            self.assertEqual((self.places(gdb), self.numbers(gdb), self.threads(gdb), gdb.value("$_inferior")),
                             taken[number])
            for _ in range(CHOICE.randrange(3)):
                gdb.do("continue")
        gdb.do("rewind 1")
        self.finish(gdb)

    def test_one_at_a_time(self):
        gdb = self.started()
        self.assertEqual(self.places(gdb), {0: 1})
        self.assertEqual(gdb.do("snapshot"), "Snapshot 1 taken.")
        gdb.do("continue")
        gdb.do("inferior 2")
        gdb.do("continue")
        gdb.do("continue")
        self.assertEqual(self.places(gdb), {0: 2, 1: 2})
        self.assertEqual(gdb.do("snapshot"), "Snapshot 2 taken.")
        gdb.do("continue")
        self.assertIn("take_step (process=0, at=1)", gdb.do("rewind 1"))
        self.assertEqual((self.places(gdb), gdb.value("$_inferior")), ({0: 1}, "1"))
        self.assertIn("take_step (process=1, at=2)", gdb.do("rewind 2"))
        self.assertEqual((self.places(gdb), gdb.value("$_inferior")), ({0: 2, 1: 2}, "2"))
        self.assertIn("take_step (process=1, at=3)", gdb.do("continue"))
        self.finish(gdb)

    def test_child_that_is_followed_and_its_parent(self):
        gdb = self.started("set follow-fork-mode child")
        self.assertEqual(self.places(gdb), {1: 1})
        gdb.do("snapshot")
        gdb.do("continue")
        gdb.do("inferior 1")
        gdb.do("continue")
        self.assertIn("take_step (process=1, at=1)", gdb.do("rewind"))
        self.assertEqual((self.places(gdb), gdb.value("$_inferior")), ({1: 1}, "2"))
        self.finish(gdb)

    def test_breakpoints_stay_as_they_are_now(self):
        gdb = self.both_at_work()
        gdb.do("snapshot")
        gdb.do("continue")
        gdb.do("break end_worker")
        before = gdb.do("info breakpoints")
        gdb.do("rewind")
        self.assertEqual(gdb.do("info breakpoints"), before)
        gdb.do("disable 1")
        shown = gdb.do("continue") + gdb.do("continue")
        self.assertEqual(shown.count("end_worker ()"), 2, shown)
        self.finish(gdb)

    def test_two_programs(self):
        gdb = self.started(program="steps")
        gdb.do("delete")
        gdb.do("break note")
        gdb.do("run")
        gdb.do(f"add-inferior -exec {PROGRAMS['steps']}")
        gdb.do("inferior 2")
        gdb.do("set args 2")
        gdb.do("run")
        gdb.do("continue")
        numbers, threads = self.numbers(gdb), self.threads(gdb)
        self.assertEqual((len(numbers), len(threads)), (2, 4))
        self.assertEqual(gdb.value("counter"), "1")
        gdb.do("snapshot")
        gdb.do("continue")
        gdb.do("inferior 1")
        gdb.do("continue")
        gdb.do("rewind")
        self.assertEqual((self.numbers(gdb), self.threads(gdb)), (numbers, threads))
        self.assertEqual((gdb.value("counter"), gdb.value("$_inferior")), ("1", "2"))
        gdb.do("inferior 1")
        self.assertEqual(gdb.value("counter"), "0")
        gdb.do("delete")
        self.assertRegex(gdb.do("continue"), r"(?s)counter 12 sum 66 .*\n\[Inferior 1 .* code 07\]")
        gdb.do("inferior 2")
        self.assertRegex(gdb.do("continue"), r"(?s)counter 12 sum 66 .*\n\[Inferior 2 .* code 07\]")
        self.assertEqual(gdb.quit(), 0)


    def test_children_that_gdb_does_not_trace(self):
        gdb = self.command_line(PROGRAMS["family"])
        gdb.do("break step_done")
        gdb.do("run")
        gdb.do(f"add-inferior -exec {PROGRAMS['family']}")
        gdb.do("inferior 2")
        gdb.do("run")
        numbers, children = self.numbers(gdb), (gdb.value("child"), gdb.value("shell"))
        self.assertEqual(gdb.do("snapshot"), "Snapshot 1 taken.")
        for _ in range(2):
            gdb.do("continue")
            gdb.do("continue")
            gdb.do("inferior 1")
            gdb.do("continue")
            self.assertIn("step_done (at=1)", gdb.do("rewind"))
            self.assertEqual((self.numbers(gdb), gdb.value("$_inferior")), (numbers, "2"))
            self.assertEqual((gdb.value("child"), gdb.value("shell")), children)
        self.finish(gdb)

    def test_snapshot_while_they_run(self):
        gdb = self.both_at_work()
        gdb.do("delete")
        gdb.do("set var shared->waits = 1")
        gdb.do("continue &")
        numbers = [gdb.session.snapshot() for _ in range(3)]
        self.assertEqual(gdb.session.status()["state"], "running")
        for number in CHOICE.sample(numbers, 3):
            gdb.session.rewind(number)
            support.wait_for(lambda: gdb.session.status()["state"] == "stopped", "the stop")
            self.assertEqual(len(self.threads(gdb)), len(set(self.threads(gdb))))
            gdb.do("continue &")
        gdb.session.rewind(numbers[0])
        gdb.do("set var shared->waits = 0")
        self.finish(gdb)

    def test_saved_and_restarted(self):
        gdb = self.both_at_work()
        image = self.path("both.sbi")
        gdb.session.call("snapshot", "--save", "-o", image)
        gdb.do("kill inferiors 1 2")
        gdb.quit()
        session = self.restart(image, ["--force"], ready=False)
        self.assertEqual(session.wait(), 0, session.shown())


class Gone(Kin):
    """Processes that have ended since the snapshot, or were not there."""

    def rewound(self, gdb, numbers, threads):
        """All processes are there again, under their old numbers, and gdb debugs them."""
        self.assertIn("Rewound to snapshot 1", gdb.do("rewind 1"))
        self.assertEqual((sorted(self.numbers(gdb).values()), self.threads(gdb)), (sorted(numbers.values()), threads))
        self.assertEqual(self.places(gdb), {0: 1, 1: 1})

    def taken(self):
        gdb = self.both_at_work()
        self.assertEqual(gdb.do("snapshot"), "Snapshot 1 taken.")
        return gdb, self.numbers(gdb), self.threads(gdb)

    def test_child_that_has_ended(self):
        gdb, *then = self.taken()
        gdb.do("delete")
        gdb.do("break puts")  # gdb may tell of this first, and have the end of the child to tell then
        gdb.do("continue")
        gdb.do("delete")
        self.rewound(gdb, *then)
        self.finish(gdb)

    def test_child_that_was_killed(self):
        gdb, *then = self.taken()
        gdb.do("kill inferiors 2")
        self.rewound(gdb, *then)
        self.rewound(gdb, *then)
        self.finish(gdb)

    def test_parent_that_was_killed(self):
        gdb, *then = self.taken()
        gdb.do("kill inferiors 1")
        self.rewound(gdb, *then)
        self.finish(gdb)

    def test_one_that_is_killed_from_outside(self):
        for which in "1", "2":
            gdb, *then = self.taken()
            os.kill(gdb.session.host_pid(int(then[0][which])), signal.SIGKILL)
            self.rewound(gdb, *then)
            self.finish(gdb)

    def test_both_have_ended(self):
        gdb, *then = self.taken()
        self.finish(gdb)
        self.rewound(gdb, *then)
        self.finish(gdb)

    def test_child_that_is_detached(self):
        gdb, *then = self.taken()
        gdb.do("detach inferiors 2")
        self.rewound(gdb, *then)
        self.finish(gdb)

    def test_parent_that_is_detached(self):
        gdb, *then = self.taken()
        gdb.do("detach inferiors 1")
        self.rewound(gdb, *then)
        self.finish(gdb)

    def test_child_that_was_not_there(self):
        gdb = self.started("tbreak main")
        self.assertEqual(gdb.do("snapshot"), "Snapshot 1 taken.")
        numbers = self.numbers(gdb)
        for _ in range(2):
            gdb.do("continue")
            self.assertEqual(len(self.numbers(gdb)), 2)
            self.assertIn("main () at", gdb.do("rewind"))
            self.assertEqual(self.numbers(gdb), numbers)
        gdb.do("set schedule-multiple on")
        self.finish(gdb)


class Images(Kin):
    """Sessions that begin with several processes of an image."""

    def saved(self, gdb, *options):
        gdb.do("snapshot")
        image = self.path("work", f"{len(self.sessions)}.snapback")
        gdb.session.call("save", "-o", image, *options)
        gdb.do("set confirm off")
        gdb.quit()
        gdb.session.end()
        return image

    def from_image(self, image):
        return CommandLine(self.debug(QUIET, options=["--image", image, "--force"], terminal=True))

    def test_stand_at_their_old_places(self):
        gdb = self.both_at_work()
        gdb.do("continue")
        places, numbers, threads = self.places(gdb), self.numbers(gdb), self.threads(gdb)
        image = self.saved(gdb)
        for _ in range(2):
            gdb = self.from_image(image)
            self.assertEqual((self.places(gdb), self.numbers(gdb), self.threads(gdb)), (places, numbers, threads))
            gdb.do("set schedule-multiple on")
            gdb.do("break take_step")
            gdb.do("continue")
            gdb.do("rewind")
            self.assertEqual((self.places(gdb), self.threads(gdb)), (places, threads))
            image = self.saved(gdb)
        gdb = self.from_image(image)
        gdb.do("set schedule-multiple on")
        self.finish(gdb)

    def test_come_back_with_gdb(self):
        gdb = self.both_at_work()
        gdb.do("set $mine = 5")
        gdb.do("continue")
        seen = self.places(gdb), self.numbers(gdb), self.threads(gdb), gdb.value("$_thread"), gdb.do("info breakpoints")
        for _ in range(2):
            gdb = CommandLine(self.restart(self.saved(gdb, "--with-debugger"), ["--force"], terminal=True))
            self.assertEqual((self.places(gdb), self.numbers(gdb), self.threads(gdb), gdb.value("$_thread"),
                              gdb.do("info breakpoints")), seen)
            self.assertEqual(gdb.value("$mine"), "5")
        gdb.do("continue")
        gdb.do("rewind")
        self.assertEqual(self.places(gdb), seen[0])
        self.finish(gdb)

    def stops_on_their_way(self, gdb):
        """Threads for which a SIGSTOP waits; the debugger has sent it, and has met another stop first."""
        found = set()
        for pid in gdb.session.processes():
            for thread in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{thread}/status", encoding="utf-8") as file:
                    status = dict(line.split(":", 1) for line in file)
                if int(status["SigPnd"], 16) >> (signal.SIGSTOP - 1) & 1:
                    found.add(status["NSpid"].split()[-1])
        return found

    def with_a_stop_on_its_way(self):
        """gdb stops all threads when one has hit a breakpoint: now and then the parent has hit it, too."""
        for _ in range(60):
            gdb = self.both_at_work()
            for _ in range(2):
                if self.numbers(gdb)["1"] in self.stops_on_their_way(gdb):
                    return gdb
                gdb.do("continue")
            gdb.session.end()
        self.skipTest("gdb has met each stop that it had asked for")

    def test_come_back_with_gdb_that_has_yet_to_meet_a_stop(self):
        gdb = self.with_a_stop_on_its_way()
        gdb = CommandLine(self.restart(self.saved(gdb, "--with-debugger"), ["--force"], terminal=True))
        gdb.do("inferior 2")
        gdb.do("disable 1.1")
        gdb.do("print shared->waits = 1")  # the parent has no stop of its own from here on
        self.assertIn("take_step (process=1", gdb.do("continue"))
        gdb.do("print shared->waits = 0")
        self.finish(gdb)

    def test_go_on_without_gdb_and_without_the_stop_that_it_had_yet_to_meet(self):
        gdb = self.with_a_stop_on_its_way()
        session = self.restart(self.saved(gdb), ["--force"], terminal=True, ready=False)
        self.assertEqual(session.wait(), 0, session.shown())
        self.assertIn("all right", session.shown())

    def test_of_two_programs(self):
        gdb = self.started(program="steps")
        gdb.do("delete")
        gdb.do("break note")
        gdb.do("run")
        gdb.do(f"add-inferior -exec {PROGRAMS['steps']}")
        gdb.do("inferior 2")
        gdb.do("run")
        gdb.do("continue")
        gdb = self.from_image(self.saved(gdb))
        counters = []
        for number in "1", "2":
            gdb.do(f"inferior {number}")
            counters.append(gdb.value("counter"))
            self.assertRegex(gdb.do("continue"), r"counter 12 sum 66 .*\n\[Inferior \d .* code 07\]")
        self.assertEqual(counters, ["0", "1"])

    def test_with_children_that_gdb_did_not_trace(self):
        gdb = self.command_line(PROGRAMS["family"])
        gdb.do("break step_done")
        gdb.do("run")
        child = gdb.value("child")
        gdb = self.from_image(self.saved(gdb))
        self.assertEqual((gdb.value("child"), len(self.numbers(gdb))), (child, 1))
        gdb.do("break step_done")
        self.assertIn("step_done (at=2)", gdb.do("continue"))
        self.assertIn("step_done (at=1)", gdb.do("rewind"))
        self.finish(gdb)

    def test_of_a_program_that_nobody_debugged(self):
        session = self.launch(["/bin/sh", "-c", f"{PROGRAMS['busy']} & wait"])
        support.wait_for(lambda: "busy" in "".join(map(support.describe, session.processes())), "the program's child")
        session.snapshot()
        image = self.path("work", "busy.snapback")
        session.call("save", "-o", image)
        session.call("kill")
        session.end()
        gdb = self.from_image(image)
        self.assertEqual(len(self.numbers(gdb)), 1)
        self.assertIn("busy", "".join(map(support.describe, gdb.session.processes())))
        self.assertIn("Rewound", gdb.do("rewind"))
        gdb.do("kill")


class WithTheDebugger(Kin):
    """gdb goes back as well."""

    def test_and_all_that_it_debugs(self):
        gdb = self.both_at_work()
        gdb.do("set $mine = 5")
        breakpoints, functions = gdb.do("info breakpoints"), self.functions(gdb)
        gdb.do("snapshot")
        for goal in (1, 2, 5, 7):
            gdb.do("set $mine = 6")
            gdb.do("break end_worker")
            for _ in range(goal):
                gdb.do("continue")
            self.assertIn("Rewound to snapshot 1", gdb.do("rewind --with-debugger"))
            self.assertEqual((gdb.value("$mine"), gdb.do("info breakpoints"), self.places(gdb)),
                             ("5", breakpoints, {0: 1, 1: 1}))
            self.assertEqual(self.functions(gdb), functions)
        self.finish(gdb)

    def test_not_with_children_that_it_does_not_trace(self):
        gdb = self.command_line(PROGRAMS["family"])
        gdb.do("break step_done")
        gdb.do("run")
        gdb.do("snapshot")
        gdb.do("continue")
        self.assertIn("holds the program alone, not gdb", gdb.do("rewind --with-debugger"))
        self.assertIn("step_done (at=1)", gdb.do("rewind"))

    def test_not_when_a_process_has_ended(self):
        gdb = self.both_at_work()
        gdb.do("snapshot")
        gdb.do("set $mine = 6")
        gdb.do("kill inferiors 2")
        self.assertIn("The program has ended or been started anew since", gdb.do("rewind --with-debugger"))
        self.assertEqual((gdb.value("$mine"), self.places(gdb)), ("6", {0: 1}))
        self.assertIn("Rewound", gdb.do("rewind"))
        self.finish(gdb)


class Machines(Kin):
    """A front-end that speaks MI."""

    asynchronous = False

    def at_work(self):
        mi, session = self.machine(PROGRAMS["kin"], asynchronous=self.asynchronous)
        mi.send("-gdb-set detach-on-fork off")
        mi.send("-break-insert take_step")
        mi.until_stopped("-exec-run")
        mi.send('-interpreter-exec console "inferior 2"')
        mi.until_stopped("-exec-continue")
        mi.send("-gdb-set schedule-multiple on")
        return mi, session

    def places(self, mi):
        return sorted(re.findall(r'func="take_step",args=\[\{name="process",value="(\d)"\},\{name="at",value="(\d)"\}',
                                 mi.send("-thread-info")))

    def rewind(self, mi, session):
        """Returns the threads that gdb told to have stopped."""
        start = len(mi.records)
        session.rewind(1)
        support.wait_for(lambda: session.status()["state"] == "stopped", "the last stop")
        mi.send("-list-features")
        stops = [r for r in mi.records[start:] if r.startswith("*stopped")]
        return [re.search(r'thread-id="(\d+)"', stop).group(1) for stop in stops]

    def test_is_told_of_a_stop_in_each_process(self):
        mi, session = self.at_work()
        places = self.places(mi)
        self.assertEqual(places, [("0", "1"), ("1", "1")])
        session.snapshot()
        selected = re.search(r'current-thread-id="(\d+)"', mi.send("-thread-info")).group(1)
        for _ in range(3):
            mi.until_stopped("-exec-continue")
            stopped = self.rewind(mi, session)
            self.assertEqual((len(set(stopped)), stopped[-1]), (2, selected))
            self.assertEqual(self.places(mi), places)

    def test_hears_of_a_process_that_is_there_again(self):
        mi, session = self.at_work()
        session.snapshot()
        places = self.places(mi)
        mi.send('-interpreter-exec console "kill inferiors 2"')
        start = len(mi.records)
        self.rewind(mi, session)
        self.assertEqual(self.places(mi), places)
        self.assertTrue([r for r in mi.records[start:] if r.startswith("=thread-group-started")])


class AsynchronousMachines(Machines):
    asynchronous = True


class Stepping(Kin):
    """Whatever the debugger does between."""

    def test_watchpoints(self):
        gdb = self.both_at_work()
        gdb.do("snapshot")
        gdb.do("delete")
        gdb.do("inferior 1")
        gdb.do("watch last")
        gdb.do("continue")
        gdb.do("continue")
        gdb.do("rewind")
        self.assertEqual((self.places(gdb), gdb.value("$_inferior")), ({0: 1, 1: 1}, "2"))
        self.assertIn("Old value = 0\nNew value = 1", gdb.do("continue"))
        self.finish(gdb)

    def test_processes_that_come_and_go_all_the_time(self):
        gdb = self.command_line(PROGRAMS["family"])
        for command in ("set detach-on-fork off", "set schedule-multiple on", "break step_done"):
            gdb.do(command)
        self.assertIn("step_done (at=1)", gdb.do("run"))
        taken = [("1", self.numbers(gdb))]
        gdb.do("snapshot")
        for _ in range(6):
            gdb.do("continue")
            self.assertIn("step_done (at=1)", gdb.do("rewind"))
            self.assertEqual(sorted(self.numbers(gdb).values()), sorted(taken[0][1].values()))


class Failures(Kin):
    def test_snapshot_that_fails_leaves_all_as_they_are(self):
        for fault in ("capture_threads:2", "capture_clone:2", "capture_descriptors:2", "capture_template:2"):
            with self.subTest(fault=fault):
                gdb = self.both_at_work(faults=fault)
                self.assertNotIn("taken", gdb.do("snapshot"))
                self.assertIn("Snapshot 1 taken", gdb.do("snapshot"))
                self.finish(gdb)

    def test_rewind_that_fails_leaves_all_as_they_are(self):
        for fault in ("rewind_freeze", "rewind_plan:2", "rewind_area:2", "rewind_open"):
            with self.subTest(fault=fault):
                gdb = self.both_at_work(faults=fault)
                gdb.do("snapshot")
                gdb.do("continue")
                places = self.places(gdb)
                if "Rewound" not in gdb.do("rewind"):
                    self.assertEqual(self.places(gdb), places)
                self.finish(gdb)

    def test_rewind_that_fails_under_way_builds_all_anew(self):
        for fault in ("rewind_mappings:2", "rewind_pages", "rewind_pages:2", "rewind_descriptors:2", "rewind_signals:2",
                      "rewind_threads:2", "rewind_threads:4"):
            with self.subTest(fault=fault):
                gdb = self.both_at_work(faults=fault)
                numbers = self.numbers(gdb)
                gdb.do("snapshot")
                gdb.do("continue")
                self.assertIn("The process was built anew from its template", gdb.do("rewind"))
                self.assertEqual(self.places(gdb), {0: 1, 1: 1})
                self.assertEqual(sorted(self.numbers(gdb).values()), sorted(numbers.values()))
                self.finish(gdb)

    def test_beside_the_host_nothing_is_made_anew(self):
        gdb = self.both_at_work(options=["--host-pids"])
        self.assertIn("taken", gdb.do("snapshot"))
        gdb.do("continue")  # no thread has ended yet
        self.assertIn("Rewound", gdb.do("rewind"))
        self.assertEqual(self.places(gdb), {0: 1, 1: 1})
        gdb.do("kill inferiors 2")
        self.assertIn("which gdb does not debug any more", gdb.do("rewind"))
        self.assertEqual(self.places(gdb), {0: 1})
        gdb.do("kill")

    def test_fork_that_gdb_has_yet_to_follow(self):
        gdb = self.command_line(PROGRAMS["kin"])
        gdb.do("catch fork")
        gdb.do("run")
        self.assertIn("Gdb has yet to follow the program's new process", gdb.do("snapshot"))
        gdb.do("delete")
        gdb.do("break take_step")
        gdb.do("continue")
        self.assertIn("taken", gdb.do("snapshot"))

    def test_process_that_gdb_did_not_trace_then(self):
        gdb = self.command_line(PROGRAMS["family"])
        gdb.do("break step_done")
        gdb.do("run")
        child = gdb.value("child")
        gdb.do("snapshot")
        gdb.do("add-inferior")
        gdb.do("inferior 2")
        gdb.do(f"attach {child}")
        self.assertIn("and did not when the snapshot was taken: detach it first", gdb.do("rewind"))
        gdb.do("detach")
        gdb.do("inferior 1")
        self.assertIn("step_done (at=1)", gdb.do("rewind"))
        self.finish(gdb)


CHOICE = random.Random(random.SystemRandom().randrange(10 ** 9))

if __name__ == "__main__":
    main()
