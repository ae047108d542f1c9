# SPDX-License-Identifier: EPL-2.0
"""The commands that ask a session: what they print, how a session is found, and each bad input with its sentence."""
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile

import snapback_support as support


class Commands(support.TestCase):
    def refused(self, *arguments, says, status=2):
        outcome = self.snapback(*arguments)
        self.assertEqual((outcome.status, outcome.output), (status, ""), outcome.message)
        self.assertRegex(outcome.message, r"\Asnapback: [^\n]+\Z")
        self.assertIn(says, outcome.message)


class Snapshots(Commands):
    def test_are_numbered_named_listed_renamed_and_deleted(self):
        session = self.launch(["sleep", "60"])
        self.assertEqual(session.list(), [])
        self.assertEqual([session.snapshot("one"), session.snapshot(), session.snapshot("one")], [1, 2, 3])
        self.assertEqual([(s["id"], s["name"], s["parent"]) for s in session.list()], [(1, "one", 0), (2, "", 1), (3, "one", 2)])
        session.rewind(1)
        self.assertEqual(session.snapshot(), 4)
        self.assertEqual(session.list()[-1]["parent"], 1)
        session.call("rename", 2, "zwei “x” \\ \"y\"")
        self.assertEqual(session.list()[1]["name"], "zwei “x” \\ \"y\"")
        session.delete(2, "one")  # the newest of that name
        self.assertEqual([s["id"] for s in session.list()], [1, 4])
        session.delete()
        self.assertEqual(session.list(), [])
        self.assertEqual(session.snapshot(), 5)  # numbers are never used twice

    def test_list_is_a_table_that_marks_the_current_one(self):
        session = self.launch(["sleep", "60"])
        session.snapshot("first")
        session.snapshot("ä second one")
        session.rewind("first")
        lines = session.call("list").splitlines()
        self.assertEqual(lines[0].split(), ["ID", "NAME", "TAKEN", "THREADS", "MEMORY", "SAVED", "PLACE"])
        self.assertTrue(lines[1].startswith("*"))
        self.assertFalse(lines[2].startswith("*"))
        self.assertEqual(lines[1].index("running"), lines[2].index("running"))

    def test_rewind_without_a_number_takes_the_last(self):
        session = self.launch(["sleep", "60"])
        session.snapshot()
        session.snapshot()
        self.assertIn("snapshot 2", session.call("rewind"))
        self.assertEqual(session.status()["current_snapshot"], 2)

    def test_deleting_one_hands_its_children_to_its_parent(self):
        session = self.launch(["sleep", "60"])
        for _ in range(3):
            session.snapshot()
        session.delete(2)
        self.assertEqual([(s["id"], s["parent"]) for s in session.list()], [(1, 0), (3, 1)])
        session.delete(3)
        self.assertEqual(session.status()["current_snapshot"], 1)

    def test_status_tells_what_is_so(self):
        session = self.launch(["sh", "-c", "exec sleep 60", "it's", "\udcff\n"])
        session.snapshot()
        status = session.status()
        self.assertEqual((status["name"], status["kind"], status["state"], status["snapshots"]), ("t0", "program", "running", 1))
        self.assertEqual(status["command"], ["sh", "-c", "exec sleep 60", "it's", "?\n"])
        self.assertEqual(status["working_directory"], self.path("work"))
        self.assertEqual(status["program_host_pid"], session.host_pid())
        self.assertIn(status["supervisor_pid"], support.descendants(session.process.pid))
        self.assertIn("state       running", session.call("status"))


class Finding(Commands):
    def test_without_a_session(self):
        for verb in ("list", "status", "snapshot", "kill", "rewind"):
            self.refused(verb, says="there is no session")
        self.assertEqual(self.snapback("sessions").output, "")
        self.assertEqual(json.loads(self.snapback("sessions", "--json").output), {"sessions": []})

    def test_the_only_session_needs_no_name(self):
        self.launch(["sleep", "60"])
        self.assertEqual(self.snapback("snapshot").output, "1\n")

    def test_several_sessions_need_one(self):
        for name in ("b", "a", "c"):
            self.launch(["sleep", "60"], name=name)
        self.refused("list", says="3 sessions (a, b, c)")
        self.assertEqual(self.snapback("snapshot", "-s", "b").output, "1\n")
        found = json.loads(self.snapback("sessions", "--json").output)["sessions"]
        self.assertEqual([(s["name"], s["snapshots"]) for s in found], [("a", 0), ("b", 1), ("c", 0)])
        self.assertEqual(self.snapback("list", "-s", found[1]["socket"]).status, 0)
        self.assertEqual(len(self.snapback("sessions").output.splitlines()), 4)

    def test_names_are_made_from_the_program(self):
        running = [subprocess.Popen([support.program("snapback"), "launch", "sleep", "60"], env=self.environment())
                   for _ in range(3)]
        found = support.wait_for(lambda: [s for s in json.loads(self.snapback("sessions", "--json").output)["sessions"]
                                          if s["state"] == "running"][2:] and True, "three sessions")
        self.assertTrue(found)
        names = [s["name"] for s in json.loads(self.snapback("sessions", "--json").output)["sessions"]]
        self.assertEqual(names, ["sleep-1", "sleep-2", "sleep-3"])
        for name, process in zip(names, running):
            self.assertEqual(self.snapback("kill", "-s", name).status, 0)
        for process in running:
            self.assertEqual(process.wait(20), -9)

    def test_a_name_that_is_taken(self):
        self.launch(["sleep", "60"], name="twin")
        self.refused("launch", "--name", "twin", "--", "true", says="there is a session named twin already")

    def test_a_control_socket_of_choice(self):
        path = self.path("work", "x" * 120 + ".control")  # longer than an address holds
        process = subprocess.Popen([support.program("snapback"), "launch", "--control", path, "--", "sleep", "60"],
                                   env=self.environment(), cwd=self.path("work"))
        support.wait_for(lambda: self.snapback("status", "-s", path).status == 0, "the session")
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        self.assertEqual(self.snapback("kill", "-s", path).status, 0)
        process.wait(20)
        self.assertFalse(os.path.exists(path))
        self.assertEqual(os.listdir(self.path("work")), [])

    def test_sockets_are_private(self):
        session = self.launch(["sleep", "60"])
        self.assertEqual(os.stat(session.socket).st_mode & 0o777, 0o600)
        self.assertEqual(os.stat(os.path.dirname(session.socket)).st_mode & 0o777, 0o700)

    def test_without_a_runtime_folder_sockets_are_in_tmp(self):
        for directory in ("", "relative", "/nowhere", "/"):
            environment = self.environment(XDG_RUNTIME_DIR=directory)
            process = subprocess.Popen([support.program("snapback"), "launch", "--name", "in-tmp", "--", "sleep", "60"],
                                       env=environment)
            support.wait_for(lambda: self.snapback("status", "-s", "in-tmp", environment=environment).status == 0, "the session")
            self.assertIn("in-tmp.sock", os.listdir(f"/tmp/snapback-{os.getuid()}"))
            self.assertEqual(self.snapback("kill", "-s", "in-tmp", environment=environment).status, 0)
            process.wait(20)
            self.assertNotIn("in-tmp.sock", os.listdir(f"/tmp/snapback-{os.getuid()}"))

    def test_a_folder_open_to_others_is_refused(self):
        os.mkdir(self.path("run", "snapback"))
        os.chmod(self.path("run", "snapback"), 0o755)
        self.refused("launch", "--", "true", says="is open to other users; run chmod 700")
        self.refused("sessions", says="is open to other users")


class BadInput(Commands):

    def test_refuses_a_file_in_place_of_the_sockets_folder(self):
        folder = self.path("run", "snapback")
        if os.path.isdir(folder):
            os.rmdir(folder)
        with open(folder, "w", encoding="ascii"):
            pass
        self.refused("launch", "--", "true", says="is no folder, so no control socket can be kept there")
        os.unlink(folder)

    def setUp(self):
        super().setUp()
        os.mkdir(self.path("run", "snapback"), 0o700)

    def stale(self, path):
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(path)
            s.listen()

    def test_unknown_session(self):
        self.refused("list", "-s", "nobody", says="there is no session nobody")
        self.refused("list", "-s", "/nowhere/x.sock", says="there is no session /nowhere/x.sock")
        self.refused("list", "-s", "a b", says="neither the name of a session nor the path")

    def test_unknown_snapshot(self):
        session = self.launch(["sleep", "60"])
        session.snapshot("one")
        for verb in (["rewind", "7"], ["rewind", "two"], ["delete", "7"], ["delete", "1", "7"], ["rename", "7", "x"]):
            self.refused(*verb, says="there is no snapshot")
        self.assertEqual(len(session.list()), 1)

    def test_rewind_before_any_snapshot(self):
        self.launch(["sleep", "60"])
        self.refused("rewind", says="has no snapshot yet")

    def test_what_only_a_debugger_can_do(self):
        session = self.launch(["sleep", "60"])
        session.snapshot()
        self.refused("auto", "on", says="no debugger")
        self.refused("rewind", "--with-debugger", says="no debugger")

    def test_a_bad_name(self):
        session = self.launch(["sleep", "60"])
        self.refused("snapshot", "--name", "a\tb", says="cannot be a snapshot's name")
        self.refused("snapshot", "--name", "x" * 201, says="cannot be a snapshot's name")
        self.refused("snapshot", "--name", b"\xff\xfe".decode(errors="surrogateescape"), says="cannot be a snapshot's name")
        self.assertEqual(session.list(), [])

    def test_stale_socket_by_name_is_removed_and_named(self):
        path = self.path("run", "snapback", "old.sock")
        self.stale(path)
        self.refused("list", "-s", "old", says="session old has ended")
        self.assertFalse(os.path.exists(path))

    def test_stale_sockets_are_no_sessions(self):
        self.stale(self.path("run", "snapback", "old.sock"))
        self.refused("list", says="there is no session")
        self.assertEqual(os.listdir(self.path("run", "snapback")), [])

    def test_stale_socket_gives_way_to_a_new_session(self):
        self.stale(self.path("run", "snapback", "t0.sock"))
        self.launch(["sleep", "60"])

    def test_a_path_that_is_no_socket(self):
        for path in (self.folder, __file__, "/etc/passwd"):
            self.refused("snapshot", "-s", path, says=f"{path} is not a session's socket")
        for path in ("/nowhere/x.sock", "/etc/passwd/x.sock", "/x.sock"):
            self.refused("launch", "--control", path, "--", "true", says="choose another path")

    def test_a_file_that_is_no_socket(self):
        path = self.path("work", "file")
        with open(path, "w"):
            pass
        self.refused("list", "-s", path, says="is not a session's socket")
        self.refused("launch", "--control", path, "--", "true", says="exists and is not a socket")

    def test_a_socket_that_speaks_something_else(self):
        path = self.path("work", "other.sock")
        talker = subprocess.Popen([sys.executable, "-c", f"""
import socket
with socket.socket(socket.AF_UNIX) as s:
    s.bind({path!r}); s.listen()
    for answer in (b'HTTP/1.1 400', b'\\0\\0\\0\\x02\\xff\\xff', b''):
        c, _ = s.accept(); c.recv(100); c.sendall(answer); c.close()
"""])
        support.wait_for(lambda: os.path.exists(path), "the other socket")
        for says in ("does not speak the control protocol", "does not speak the control protocol", "has ended before"):
            self.refused("list", "-s", path, says=says)
        talker.wait(20)

    def test_wrong_usage(self):
        for arguments in (["nonsense"], ["launch"], ["launch", "--bad"], ["list", "--bad"], ["list", "x"], ["delete"],
                          ["delete", "--all", "1"], ["rename", "1"], ["auto"], ["auto", "maybe"], ["auto", "on", "--cap", "x"],
                          ["snapshot", "--name"], ["rewind", "1", "2"], ["help", "nonsense"], ["sessions", "x"]):
            self.refused(*arguments, says="; see 'snapback help", status=1)

    def test_help(self):
        everything = self.snapback("help").output
        for command in ("launch", "snapshot", "list", "rewind", "delete", "rename", "auto", "status", "kill", "sessions",
                        "check", "help"):
            self.assertIn(f"\n  {command} ", everything)
            told = self.snapback("help", command)
            self.assertTrue(told.output.startswith(f"usage: snapback {command} "), told.output)
            self.assertEqual(self.snapback(command, "--help").output, told.output)
        self.assertRegex(self.snapback("--version").output, r"^snapback \d+\.\d+\.\d+\n$")


class AnotherUser(Commands):
    """Sockets on which root listens, in a folder of ours: only when root starts these tests."""

    folder_of_roots = None
    listening = []

    @classmethod
    def prepare(cls):
        if os.getuid() != 0:
            return
        cls.folder_of_roots = tempfile.mkdtemp(prefix="sb-root-", dir="/tmp")
        os.chown(cls.folder_of_roots, support.UNPRIVILEGED_ID, support.UNPRIVILEGED_ID)
        for name, mode in (("open", 0o777), ("private", 0o600)):
            s = socket.socket(socket.AF_UNIX)
            s.bind(os.path.join(cls.folder_of_roots, name))
            os.chmod(os.path.join(cls.folder_of_roots, name), mode)
            s.listen()
            cls.listening.append(s)

    @classmethod
    def tidy(cls):
        for s in cls.listening:
            s.close()
        if cls.folder_of_roots:
            shutil.rmtree(cls.folder_of_roots, ignore_errors=True)

    def test_cannot_be_asked(self):
        if not self.folder_of_roots:
            self.skipTest("a socket of another user is needed: only root can make one")
        for name in ("open", "private"):
            self.refused("list", "-s", os.path.join(self.folder_of_roots, name), says="belongs to another user (0)")


class Check(Commands):
    def test_tells_each_feature(self):
        outcome = self.snapback("check", "--json")
        self.assertEqual(outcome.status, 0, outcome.message)
        features = json.loads(outcome.output)["features"]
        for feature in features:
            self.assertEqual(sorted(feature), ["available", "detail", "instead", "name", "needed", "purpose"])
            self.assertTrue(feature["purpose"] and feature["instead"])
        self.assertEqual(len(self.snapback("check").output.splitlines()), len(features))


if __name__ == "__main__":
    AnotherUser.prepare()
    try:
        support.main()
    finally:
        AnotherUser.tidy()
