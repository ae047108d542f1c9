# SPDX-License-Identifier: EPL-2.0
"""What `snapback launch` passes through: exit status, signals, descriptors, environment, rights; and what it refuses."""
import os
import resource
import signal
import subprocess

import snapback_support as support


class ExitStatus(support.TestCase):
    def test_is_the_programs(self):
        for status in (0, 1, 7, 255):
            self.assertEqual(self.snapback("launch", "--", "sh", "-c", f"exit {status}").status, status)

    def test_of_a_signal_is_the_same_signal(self):
        for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV, signal.SIGINT, signal.SIGUSR1):
            outcome = self.snapback("launch", "--", "sh", "-c", f"kill -{int(number)} $$")
            self.assertEqual((outcome.status, outcome.message), (-number, ""))

    def test_of_a_crash_leaves_no_core_file_of_ours(self):
        self.snapback("launch", "--", "sh", "-c", "ulimit -c unlimited; kill -SEGV $$")
        self.assertLessEqual(len(os.listdir(self.path("work"))), 1)  # the program's own, where the system writes one

    def test_is_127_for_a_program_that_is_not_there(self):
        for program in ("no-such-program", "./no-such-program", "/nowhere/program"):
            outcome = self.snapback("launch", "--", program)
            self.assertEqual(outcome.status, 127)
            self.assertRegex(outcome.message, r"^snapback: cannot run \S+: .*(PATH|no such file)$")

    def test_is_126_for_a_file_that_is_not_executable(self):
        with open(self.path("work", "text"), "w") as file:
            file.write("hello\n")
        for program in ("./text", self.folder):
            outcome = self.snapback("launch", "--", program)
            self.assertEqual(outcome.status, 126)
            self.assertIn("not executable", outcome.message)

    def test_is_127_when_the_interpreter_is_missing(self):
        with open(self.path("work", "script"), "w") as file:
            file.write("#!/nowhere/interpreter\n")
        os.chmod(self.path("work", "script"), 0o755)
        outcome = self.snapback("launch", "--", "./script")
        self.assertEqual(outcome.status, 127)
        self.assertIn("interpreter", outcome.message)

    def test_is_2_when_no_session_can_be_made(self):
        outcome = self.snapback("launch", "--name", "a/b", "--", "true")
        self.assertEqual(outcome.status, 2)
        self.assertIn("cannot be the name of a session", outcome.message)


class Program(support.TestCase):
    def say(self, script, **more):
        done = subprocess.run([support.program("snapback"), "launch", "--", "sh", "-c", script], capture_output=True,
                              text=True, env=self.environment(), cwd=self.path("work"), timeout=60, **more)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def directly(self, script, **more):
        return subprocess.run(["sh", "-c", script], capture_output=True, text=True, env=self.environment(),
                              cwd=self.path("work"), timeout=60, **more).stdout

    def test_sees_the_environment_of_the_caller(self):
        for script in ("env | grep -v ^_=", "pwd", "umask", "ulimit -a", "id -u; id -g", "nice"):
            self.assertEqual(self.say(script), self.directly(script), script)

    def test_has_no_rights_that_the_caller_does_not_have(self):
        script = "grep -E '^(Cap|Sig(Blk|Ign|Cgt)|NoNewPrivs|Seccomp:)' /proc/self/status"
        self.assertEqual(self.say(script), self.directly(script))

    def test_keeps_the_signals_that_the_caller_ignores_and_blocks(self):
        def prepare():
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            signal.signal(signal.SIGUSR2, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_SETMASK, [signal.SIGUSR1, signal.SIGRTMIN])
        script = "grep -E '^Sig(Blk|Ign)' /proc/self/status"
        self.assertEqual(self.say(script, preexec_fn=prepare), self.directly(script, preexec_fn=prepare))

    def test_inherits_the_callers_descriptors_and_none_of_ours(self):
        reading, writing = os.pipe()
        script = "for f in /proc/$$/fd/*; do echo ${f##*/}; done"
        try:
            self.assertEqual(self.say(script, pass_fds=(writing,)), self.directly(script, pass_fds=(writing,)))
        finally:
            os.close(reading)
            os.close(writing)

    def test_with_closed_standard_descriptors_sees_them_closed(self):
        with open(self.path("seen"), "w+") as seen:
            script = f"[ -e /proc/$$/fd/1 ] && word=open || word=closed; echo $word >&{seen.fileno()}"
            subprocess.run([support.program("snapback"), "launch", "--", "sh", "-c", script], env=self.environment(),
                           pass_fds=(seen.fileno(),), timeout=60,
                           preexec_fn=lambda: [os.close(fd) for fd in (0, 1, 2)])
            seen.seek(0)
            self.assertEqual(seen.read(), "closed\n")

    def test_ends_a_pipe_by_closing_it(self):
        session = subprocess.Popen([support.program("snapback"), "launch", "--name", "p", "--", "sh", "-c",
                                    "echo word; exec >&-; sleep 60"], stdout=subprocess.PIPE, env=self.environment())
        with session:
            self.assertEqual(session.stdout.read(), b"word\n")
            self.assertEqual(self.snapback("kill", "-s", "p").status, 0)

    def test_keeps_the_callers_limit_of_open_files_which_does_not_limit_the_snapshots(self):
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (60, limits[1]))
        try:
            session = self.launch(["sh", "-c", "ulimit -Sn > limit; ulimit -Hn >> limit; "
                                   "exec sleep 60 3<limit 4<limit 5<limit 6<limit 7<limit 8<limit 9<limit"])
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        for _ in range(12):
            session.snapshot()
        with open(self.path("work", "limit")) as file:
            self.assertEqual([int(line) for line in file], [60, limits[1]])
        session.rewind(1)

    def test_has_a_proc_with_its_own_numbers(self):
        own, first = self.say("echo $$; readlink /proc/self/../1/exe >/dev/null; cat /proc/1/comm").split("\n")[:2]
        self.assertGreater(int(own), 1000)
        self.assertTrue(first)

    def test_has_numbers_that_no_process_of_the_host_has(self):
        session = self.launch(["sleep", "60"])
        number = session.status()["program_pid"]
        with self.assertRaises(ProcessLookupError):
            os.kill(number, 0)

    def test_leaves_nothing_running_when_it_ends(self):
        outcome = self.snapback("launch", "--", "sh", "-c", "sleep 60 & setsid sleep 60 & exit 3")
        self.assertEqual(outcome.status, 3)

    def test_orphans_are_reaped(self):
        session = self.launch(["sh", "-c", "sh -c 'sleep 0.01 & exec true'; sleep 0.3; echo done; sleep 60"])
        support.wait_for(lambda: "done" in session.output_text(), "the end of the orphan")
        states = [support._stat(pid) for pid in support.descendants(session.process.pid)]
        self.assertNotIn("Z", [facts[1] for facts in states if facts])


class Signals(support.TestCase):
    def trap(self, name):
        session = self.launch(["sh", "-c", f"trap 'echo got {name}; exit 5' {name}; echo ready; while :; do sleep 0.05; done"])
        support.wait_for(lambda: "ready" in session.output_text(), "the program's trap")
        return session

    def test_reach_the_program(self):
        for name in ("TERM", "HUP", "INT", "QUIT", "USR1", "USR2", "WINCH", "ALRM"):
            with self.subTest(name):
                session = self.trap(name)
                os.kill(session.process.pid, getattr(signal, "SIG" + name))
                self.assertEqual(session.wait(), 5)
                self.assertIn("got " + name, session.output_text())

    def test_that_end_the_program_end_the_session_by_themselves(self):
        session = self.launch(["sleep", "60"])
        os.kill(session.process.pid, signal.SIGTERM)
        self.assertEqual(session.wait(), -signal.SIGTERM)

    def test_stop_of_a_job_that_nobody_could_continue_is_undone(self):
        # Without a shell above, the kernel does not stop the outer process: the program goes on at once.
        session = self.launch(["sh", "-c", "trap 'echo continued' CONT; echo ready; while :; do sleep 0.05; done"])
        support.wait_for(lambda: "ready" in session.output_text(), "the program's trap")
        os.kill(session.process.pid, signal.SIGTSTP)
        support.wait_for(lambda: "continued" in session.output_text(), "the program to go on")

    def test_stop_and_continue_the_job(self):
        session = self.launch(["sleep", "60"])
        program = session.host_pid()
        os.kill(program, signal.SIGSTOP)
        support.wait_for(lambda: support._stat(session.process.pid)[1] == "T", "the outer process to stop too")
        self.assertEqual(session.status()["state"], "stopped")
        os.kill(session.process.pid, signal.SIGCONT)
        support.wait_for(lambda: support._stat(program)[1] == "S", "the program to go on")
        support.wait_for(lambda: session.status()["state"] == "running", "the session's state to follow")

    def test_a_program_continued_by_others_takes_the_job_along(self):
        session = self.launch(["sleep", "60"])
        program = session.host_pid()
        os.kill(program, signal.SIGSTOP)
        support.wait_for(lambda: support._stat(session.process.pid)[1] == "T", "the outer process to stop too")
        os.kill(program, signal.SIGCONT)
        support.wait_for(lambda: support._stat(session.process.pid)[1] == "S", "the outer process to go on")

    def test_a_program_killed_while_stopped_ends_the_session(self):
        session = self.launch(["sleep", "60"])
        program = session.host_pid()
        os.kill(program, signal.SIGSTOP)
        support.wait_for(lambda: support._stat(session.process.pid)[1] == "T", "the outer process to stop too")
        os.kill(program, signal.SIGKILL)
        self.assertEqual(session.wait(), -signal.SIGKILL)


class Refusals(support.TestCase):
    def test_user_namespaces_forbidden_by_a_limit(self):
        # A user namespace of its own in which no further one may be made.
        script = "echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --inh-caps=-all --bounding-set=-all \"$@\""
        for arguments in (["launch", "--", "true"], ["check"]):
            done = subprocess.run(["unshare", "--user", "--map-current-user", "--keep-caps", "sh", "-c", script, "sh",
                                   support.program("snapback"), *arguments], capture_output=True, text=True,
                                  env=self.environment(), timeout=60)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertEqual(len(done.stderr.splitlines()), 1)
            self.assertIn("user.max_user_namespaces is 0", done.stderr)
            self.assertIn("sudo sysctl user.max_user_namespaces=", done.stderr)

    def test_a_masked_proc(self):
        script = "mount -t tmpfs none /proc/sys && exec setpriv --inh-caps=-all --bounding-set=-all \"$@\""
        done = subprocess.run(["unshare", "--user", "--map-current-user", "--keep-caps", "--mount", "sh", "-c", script,
                               "sh", support.program("snapback"), "launch", "--", "true"], capture_output=True,
                              text=True, env=self.environment(), timeout=60)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertRegex(done.stderr, r"^snapback: .*(/proc|namespaces).*\n$")


if __name__ == "__main__":
    support.main()
