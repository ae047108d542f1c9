# SPDX-License-Identifier: EPL-2.0
"""The control socket: the protocol's rules, its events, and clients that mean ill."""
import os
import random
import signal
import socket
import struct

import control
import snapback_support as support
from control import Client, error_of, field, fields, frame


class Protocol(support.TestCase):
    def setUp(self):
        super().setUp()
        self.session = self.launch(["sleep", "60"])

    def test_hello_first(self):
        with Client(self.session.socket, hello=False) as client:
            self.assertEqual(error_of(client.call(control.STATUS))[0], control.BAD_REQUEST)
            client.at_end()

    def test_hello_is_welcomed_by_name(self):
        with Client(self.session.socket, hello=False) as client:
            welcome = fields(client.call(control.HELLO, field(1, 1))[3][0])
            self.assertEqual((welcome[1], welcome[3]), ([1], [b"t0"]))

    def test_another_version_is_refused(self):
        with Client(self.session.socket, hello=False) as client:
            self.assertEqual(error_of(client.call(control.HELLO, field(1, 2)))[0], control.PROTOCOL_VERSION)
            client.at_end()

    def test_id_0_is_refused(self):
        with Client(self.session.socket) as client:
            client.socket.sendall(frame(field(control.STATUS, b"")))
            self.assertEqual(error_of(client.reply())[0], control.BAD_REQUEST)

    def test_an_unknown_verb_is_refused_and_the_connection_goes_on(self):
        with Client(self.session.socket) as client:
            self.assertEqual(error_of(client.call(99))[0], control.BAD_REQUEST)
            self.assertIsNone(error_of(client.call(control.STATUS)))

    def test_unknown_snapshots_are_refused(self):
        with Client(self.session.socket) as client:
            for verb, body in ((control.REWIND, field(1, 9)), (control.DELETE, field(1, 9)), (control.RENAME, field(1, 9))):
                self.assertEqual(error_of(client.call(verb, body))[0], control.NO_SUCH_SNAPSHOT)

    def test_requests_may_be_sent_at_once_and_in_pieces(self):
        with Client(self.session.socket) as client:
            stream = b"".join(frame(field(1, i) + field(control.STATUS, b"")) for i in range(1, 51))
            for at in range(0, len(stream), 7):
                client.socket.sendall(stream[at:at + 7])
            self.assertEqual([client.reply()[1][0] for _ in range(50)], list(range(1, 51)))

    def test_cancel_of_nothing_is_done(self):
        with Client(self.session.socket) as client:
            self.assertIsNone(error_of(client.call(control.CANCEL, field(1, 77))))


    def test_saves_of_nothing_and_to_nowhere_are_refused(self):
        with Client(self.session.socket) as client:
            self.assertEqual(error_of(client.call(control.SAVE))[0], control.NO_SUCH_SNAPSHOT)
            client.call(control.TAKE)
            self.assertEqual(error_of(client.call(control.SAVE, field(1, 7)))[0], control.NO_SUCH_SNAPSHOT)
            for path in ("relative", "./x", "/" + 5000 * "x"):
                self.assertEqual(error_of(client.call(control.SAVE, field(2, path)))[0], control.BAD_REQUEST)
                self.assertEqual(error_of(client.call(control.TAKE, field(4, field(2, path))))[0], control.BAD_REQUEST)
            self.assertEqual(len(self.session.list()), 1)

    def test_a_take_that_saves_is_answered_when_it_is_taken(self):
        with Client(self.session.socket) as client:
            client.call(control.SUBSCRIBE)
            taken = client.call(control.TAKE, field(4, field(2, self.path("a.snapback"))))
            self.assertIsNone(error_of(taken))
            while True:
                name, event = client.event()
                if name == "progress" and 6 in event:
                    break
            self.assertEqual(fields(event[6][0])[2], [self.path("a.snapback").encode()])
            self.assertEqual(self.session.list()[0]["image"], self.path("a.snapback"))

    def test_only_who_asked_can_cancel_a_save(self):
        with Client(self.session.socket) as client, Client(self.session.socket) as other:
            client.call(control.TAKE)
            number = client.send(control.SAVE, field(2, self.path("a.snapback")))
            self.assertIsNone(error_of(other.call(control.CANCEL, field(1, number))))
            self.assertIsNone(error_of(client.reply()))
            self.assertEqual(self.snapback("verify", self.path("a.snapback")).status, 0)


class Events(support.TestCase):
    def test_tell_everything_that_changes(self):
        session = self.launch(["sleep", "60"])
        with Client(session.socket) as watcher:
            watcher.call(control.SUBSCRIBE)

            def change():
                """The next event, but for one that tells how much memory a snapshot has."""
                event = watcher.event()
                return change() if event[0] == "updated" else event
            session.snapshot("one")
            name, taken = change()
            self.assertEqual((name, taken[1], taken[2]), ("taken", [1], [b"one"]))
            session.snapshot()
            self.assertEqual(change()[0], "taken")
            session.call("rename", 2, "two")
            name, renamed = change()
            self.assertEqual((name, renamed[2]), ("renamed", [b"two"]))
            session.rewind(1)
            name, rewound = change()
            self.assertEqual((name, rewound[1]), ("rewound", [1]))
            session.delete(2)
            name, deleted = change()
            self.assertEqual((name, deleted[1]), ("deleted", [b"\x02"]))
            session.end()
            name, ended = change()
            self.assertEqual((name, ended[2]), ("ended", [9]))
            watcher.at_end()

    def test_tell_how_much_memory_a_snapshot_has(self):
        session = self.launch(["sleep", "60"])
        with Client(session.socket) as watcher:
            watcher.call(control.SUBSCRIBE)
            session.snapshot()
            self.assertEqual(watcher.event()[0], "taken")
            name, updated = watcher.event()
            self.assertEqual((name, updated[1]), ("updated", [1]))
            self.assertGreater(updated[7][0], 0)

    def test_tell_of_a_save_from_its_beginning_to_its_end(self):
        session = self.launch(["sleep", "60"])
        with Client(session.socket) as client:
            client.call(control.TAKE)
            client.call(control.SUBSCRIBE)
            self.assertIsNone(error_of(client.call(control.SAVE, field(2, self.path("a.snapback")))))
            told = client.events
            self.assertEqual([name for name, _ in told if name != "progress"], ["updated", "updated"])
            self.assertEqual((told[0][0], told[0][1][15]), ("updated", [1]))
            self.assertEqual((told[1][0], told[1][1][4]), ("progress", [self.path("a.snapback").encode()]))
            (name, updated), (last, progress) = told[-2:]
            self.assertEqual((name, updated[12]), ("updated", [self.path("a.snapback").encode()]))
            self.assertNotIn(15, updated)
            self.assertEqual((last, progress[2]), ("progress", progress[3]))
            self.assertIn(6, progress)

    def test_tell_when_the_program_stops_and_goes_on(self):
        session = self.launch(["sleep", "60"])
        program = session.host_pid()
        with Client(session.socket) as watcher:
            watcher.call(control.SUBSCRIBE)
            os.kill(program, support.signal.SIGSTOP)
            name, state = watcher.event()
            self.assertEqual((name, state[1]), ("state", [3]))
            support.wait_for(lambda: support._stat(session.process.pid)[1] == "T", "the outer process to stop too")
            os.kill(session.process.pid, support.signal.SIGCONT)
            name, state = watcher.event()
            self.assertEqual((name, state[1]), ("state", [2]))

    def test_tell_the_exit_status(self):
        session = self.launch(["sh", "-c", "read line; exit 3"], stdin=support.subprocess.PIPE)
        with Client(session.socket) as watcher:
            watcher.call(control.SUBSCRIBE)
            session.process.stdin.close()
            name, ended = watcher.event()
            self.assertEqual((name, ended[1]), ("ended", [3]))
        self.assertEqual(session.wait(), 3)

    def test_come_only_to_those_who_subscribe(self):
        session = self.launch(["sleep", "60"])
        with Client(session.socket) as client:
            session.snapshot()
            client.call(control.STATUS)
            self.assertEqual(client.events, [])


class Hostile(support.TestCase):
    """Whatever a client does, the session goes on and serves others."""

    def setUp(self):
        super().setUp()
        self.session = self.launch(["sleep", "60"])

    def tearDown(self):
        self.assertEqual(self.session.status()["state"], "running")
        super().tearDown()

    def connect(self):
        client = socket.socket(socket.AF_UNIX)
        client.connect(self.session.socket)
        client.settimeout(20)
        return client

    def test_garbage(self):
        chance = random.Random(7)
        for _ in range(200):
            with self.connect() as client:
                data = bytes(chance.randrange(256) for _ in range(chance.randrange(1, 200)))
                try:
                    client.sendall(chance.choice([data, frame(data), struct.pack(">I", 50) + data]))
                except (BrokenPipeError, ConnectionResetError):
                    pass

    def test_garbage_after_hello(self):
        chance = random.Random(8)
        for _ in range(200):
            with Client(self.session.socket) as client:
                verb = chance.choice([2, 3, 4, 6, 7, 8, 10, 11])  # nothing that would really take or kill
                body = bytes(chance.randrange(256) for _ in range(chance.randrange(40)))
                client.socket.sendall(frame(field(1, 5) + field(verb, body)))
                client.reply()

    def test_a_huge_length(self):
        for size in (0xFFFFFFFF, 0x80000000, 1024 * 1024 + 1):
            with Client(self.session.socket) as client:
                client.socket.sendall(struct.pack(">I", size) + b"x" * 1000)
                self.assertEqual(error_of(client.reply())[0], control.BAD_REQUEST)
                client.at_end()

    def test_a_message_of_the_greatest_length(self):
        with Client(self.session.socket) as client:
            head = field(1, 3) + field(control.RENAME, field(1, 1) + field(2, "x" * 1000000))
            client.socket.sendall(frame(head))
            self.assertEqual(error_of(client.reply())[0], control.NO_SUCH_SNAPSHOT)

    def test_half_messages(self):
        held = [self.connect() for _ in range(10)]
        for client in held:
            client.sendall(frame(field(1, 1) + field(control.HELLO, field(1, 1)))[:5])
        self.assertEqual(self.session.status()["state"], "running")
        for client in held:
            client.close()

    def test_silent_connections_are_let_go(self):
        with self.connect() as client:
            self.assertEqual(client.recv(1), b"")

    def test_a_connection_that_was_suspended_with_the_session_is_not_silent(self):
        with Client(self.session.socket, hello=False, seconds=5.2) as client:
            self.assertEqual(self.session.status()["state"], "running")
            supervisor = self.session.status()["supervisor_pid"]
            os.kill(supervisor, signal.SIGSTOP)
            try:
                with self.assertRaises(TimeoutError):
                    client.socket.recv(1)
            finally:
                os.kill(supervisor, signal.SIGCONT)
            self.assertEqual(self.session.status()["state"], "running")
            self.assertIsNone(error_of(client.call(control.HELLO, field(1, 1))))

    def test_more_connections_than_are_served(self):
        held = [self.connect() for _ in range(80)]
        # Those who say nothing are let go after a while, so that others get their turn.
        self.assertEqual(self.session.status()["state"], "running")
        for client in held:
            client.close()

    def test_a_client_that_never_reads(self):
        with Client(self.session.socket) as deaf:
            deaf.socket.settimeout(0.2)
            request = frame(field(1, 1) + field(control.STATUS, b"")) * 1000
            try:
                while True:
                    deaf.socket.sendall(request)
            except (TimeoutError, BrokenPipeError, ConnectionResetError):
                pass

    def test_clients_that_leave_before_their_answer(self):
        for _ in range(20):
            with Client(self.session.socket) as client:
                client.send(control.TAKE, field(1, "gone"))
        support.wait_for(lambda: len(self.session.list()) <= 20, "all takes")


if __name__ == "__main__":
    support.main()
