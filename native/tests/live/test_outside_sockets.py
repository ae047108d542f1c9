# SPDX-License-Identifier: EPL-2.0
"""Connections of a session with programs outside of it, and ports that others have taken."""
import os
import socket

import snapback_support as support

# Sends its ticks to a server outside and hears them again; says how a connection ends. With "close" it gives its socket away.
CLIENT = '''
import os, socket, sys, time
folder, port = sys.argv[1], int(sys.argv[2])
def say(text):
    with open(folder + "/said", "a") as file: file.write(text + "\\n")
peer = socket.create_connection(("127.0.0.1", port))
n = 0
while True:
    n += 1
    try:
        peer.sendall(b"%d\\n" % n)
        if not peer.recv(100): raise EOFError
    except (OSError, EOFError) as e:
        say(type(e).__name__)
        sys.exit(3)
    say("tick %d" % n)
    while os.path.exists(folder + "/pause"): time.sleep(0.01)
    if os.path.exists(folder + "/close"):
        peer.close()
        say("closed")
        while True: time.sleep(1)
    time.sleep(0.002)
'''

# Listens on a port that it is given, and serves one line to whoever comes.
SERVER = '''
import socket, sys
listening = socket.socket(socket.AF_INET if "." in sys.argv[2] else socket.AF_INET6)
listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listening.bind((sys.argv[2], 0))
listening.listen(5)
with open(sys.argv[1] + "/said", "a") as file: file.write("port %d\\n" % listening.getsockname()[1])
n = 0
while True:
    peer, _ = listening.accept()
    n += 1
    peer.sendall(b"%d\\n" % n)
    peer.close()
'''


# A connection with itself, whose ends both wait in TIME_WAIT once it is told "close": each end has sent its last byte and
# its end before it takes what the other one has sent. Its accepted end does not share its port.
CROSSED = '''
import os, socket, sys, time
folder = sys.argv[1]
def say(text):
    with open(folder + "/said", "a") as file: file.write(text + "\\n")
def small(s):
    for name in (socket.SO_RCVBUF, socket.SO_SNDBUF): s.setsockopt(socket.SOL_SOCKET, name, 4096)
listening = socket.socket()
small(listening)
listening.bind(("127.0.0.1", 0))
listening.listen(5)
client = socket.socket()
small(client)
client.connect(listening.getsockname())
server, _ = listening.accept()
ends = client, server
names = client.getsockname(), server.getsockname()
say("ready")
def fill(s):
    s.setblocking(False)
    sent = 0
    while True:
        try: sent += s.send(bytes(1000))
        except BlockingIOError: return sent
def take(s):
    s.setblocking(True)
    while s.recv(100000): pass
n = 0
while True:
    n += 1
    client.sendall(b"%d\\n" % n)
    assert server.recv(100) == b"%d\\n" % n, "a byte is missing"
    assert (client.getsockname(), client.getpeername()) == names == (server.getpeername(), server.getsockname())
    say("tick %d" % n)
    if os.path.exists(folder + "/close"):
        for s in ends: fill(s)
        for s in ends: s.shutdown(socket.SHUT_WR)
        for s in ends: take(s)
        for s in ends: s.close()
        say("closed")
        while True: time.sleep(1)
    time.sleep(0.002)
'''


class Outside(support.TestCase):
    def said(self):
        try:
            with open(self.path("work", "said"), encoding="utf-8") as file:
                return file.read().split("\n")[:-1]
        except FileNotFoundError:
            return []

    def wait_until_said(self, text, since=0):
        support.wait_for(lambda: any(line.startswith(text) for line in self.said()[since:]), f"the word {text}")

    def touch(self, name):
        with open(self.path("work", name), "w", encoding="utf-8"):
            pass

    def run_script(self, script, *arguments):
        path = self.path("script.py")
        with open(path, "w", encoding="utf-8") as file:
            file.write(script)
        return self.launch(["/usr/bin/python3", path, self.path("work"), *map(str, arguments)])


class Peers(Outside):
    """The other end is this test."""

    def setUp(self):
        super().setUp()
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.listening.close)
        self.listening.settimeout(support.PATIENCE)
        self.port = self.listening.getsockname()[1]
        self.session = self.run_script(CLIENT, self.port)
        self.peer, _ = self.listening.accept()
        self.addCleanup(self.peer.close)
        self.peer.settimeout(support.PATIENCE)
        self.heard = []

    def hear(self):
        line = self.peer.recv(100)
        self.assertTrue(line)
        self.heard += [int(number) for number in line.split()]
        return line

    def answer(self, count):
        """Lets the program go on for that many ticks."""
        for _ in range(count):
            self.peer.sendall(self.hear())

    def answer_once_with(self, name):
        """One tick; the program finds that file at its end, for it waits for the answer while the file is made."""
        line = self.hear()
        self.touch(name)
        self.peer.sendall(line)

    def test_that_are_still_there_are_kept_and_told_of(self):
        # Between two ticks: one that goes back to waiting for an answer to what was answered would wait for ever.
        self.answer(4)
        self.answer_once_with("pause")
        self.wait_until_said(f"tick {self.heard[-1]}")
        first = self.session.snapshot()
        os.unlink(self.path("work", "pause"))
        self.answer(10)
        outcome = self.session.run("rewind", first)
        self.assertEqual(outcome.status, 0, outcome.message)
        self.assertIn(f"the connection to 127.0.0.1:{self.port} goes on as it is", outcome.output + outcome.message)
        self.answer(10)
        self.assertIn(-1, [1 if b > a else -1 for a, b in zip(self.heard, self.heard[1:])], self.heard)
        self.assertNotIn("EOFError", self.said())

    def test_that_were_closed_since_are_seen_as_reset(self):
        self.answer(5)
        first = self.session.snapshot()
        self.answer_once_with("close")
        self.wait_until_said("closed")
        os.unlink(self.path("work", "close"))
        outcome = self.session.run("rewind", first)
        self.assertEqual(outcome.status, 0, outcome.message)
        self.assertIn(f"the connection to 127.0.0.1:{self.port} cannot be put back: the program sees it as reset",
                      outcome.output + outcome.message)
        self.assertEqual(self.session.wait(), 3)
        self.assertIn(self.said()[-1], ("ConnectionResetError", "BrokenPipeError"))

    def test_are_seen_as_reset_after_a_restart(self):
        self.answer(5)
        image = self.path("saved.sbi")
        self.session.call("snapshot", "--save", "-o", image)
        self.session.end()
        session = self.restart(image, ["--force"], ready=False)
        self.assertEqual(session.wait(), 3, session.shown())
        self.assertIn(self.said()[-1], ("ConnectionResetError", "BrokenPipeError"))
        self.assertIn(f"the connection to 127.0.0.1:{self.port} cannot be put back: the program sees it as reset",
                      session.shown())


class Crossed(Outside):
    def waits(self):
        """The ports at which ended connections wait."""
        with open("/proc/net/tcp", encoding="ascii") as file:
            rows = [line.split() for line in file.readlines()[1:]]
        return {(row[1], row[2]) for row in rows if row[3] == "06"}

    def test_comes_back_where_something_waits_at_both_its_ends(self):
        session = self.launch(["/usr/bin/python3", "-c", CROSSED, self.path("work")])
        self.wait_until_said("tick 3")
        first = session.snapshot()
        before = self.waits()
        self.touch("close")
        self.wait_until_said("closed")
        new = self.waits() - before
        assert any((b, a) in new for a, b in new), f"nothing waits at both ends: {new}"
        os.unlink(self.path("work", "close"))
        since = len(self.said())
        outcome = session.run("rewind", first)
        self.assertEqual(outcome.status, 0, outcome.message)
        self.assertNotIn("sockets", outcome.output)
        self.wait_until_said("tick 9", since)


class Ports(Outside):
    def served(self, host, port):
        with socket.create_connection((host, port), timeout=support.PATIENCE) as peer:
            return peer.recv(100)

    def check(self, host, shown):
        session = self.run_script(SERVER, host)
        self.wait_until_said("port ")
        port = int(self.said()[0].split()[1])
        self.assertEqual(self.served(host, port), b"1\n")
        image = self.path("saved.sbi")
        session.call("snapshot", "--save", "-o", image)
        session.end()
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as taken:
            support.wait_for(lambda: self.takes(taken, host, port), "the port")
            refused = self.restart(image, ready=False)
            self.assertNotEqual(refused.wait(), 0)
            self.assertIn(f"the port {port}, on which the program listened, is in use by another program", refused.shown())
        session = self.restart(image)
        self.assertEqual(self.served(host, port), b"2\n", shown)
        first = session.snapshot()
        self.assertEqual(self.served(host, port), b"3\n")
        session.rewind(first)
        self.assertEqual(self.served(host, port), b"3\n")

    def takes(self, taken, host, port):
        try:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind((host, port))
            taken.listen()
            return True
        except OSError:
            return False

    def test_of_others_are_refused_by_name(self):
        self.check("127.0.0.1", "IPv4")

    def test_of_others_are_refused_by_name_also_of_ipv6(self):
        self.check("::1", "IPv6")


# Two connections to itself; one holds more than its window lets through. On a word it closes both, or reads to the end.
SELF = '''
import os, socket, sys, time
folder = sys.argv[1]
def say(text):
    with open(folder + "/said", "a") as file: file.write(text + "\\n")
def pair(size):
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
        listening.bind(("127.0.0.1", 0)); listening.listen()
        a = socket.create_connection(listening.getsockname())
        return a, listening.accept()[0]
a, b = pair(4096)
a.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 30000)
a.setblocking(False)
sent = b""
try:
    while True:
        piece = os.urandom(1000)
        sent += piece[:a.send(piece)]
except BlockingIOError:
    pass
if "ended" in sys.argv: a.shutdown(socket.SHUT_WR)
say("ready")
while not os.path.exists(folder + "/read") and not os.path.exists(folder + "/close"): time.sleep(0.01)
if os.path.exists(folder + "/close"):
    a.close(); b.close()
    say("closed")
    while True: time.sleep(1)
try: a.shutdown(socket.SHUT_WR)
except OSError: pass
heard = b""
try:
    while True:
        piece = b.recv(100000)
        if not piece: break
        heard += piece
    say("right" if heard == sent else "wrong: %d of %d" % (len(heard), len(sent)))
except OSError as e:
    say(type(e).__name__)
'''


class Faults(Outside):
    """What cannot be done in the usual way is done in another, or told of."""

    def begin(self, point, *words):
        path = self.path("script.py")
        with open(path, "w", encoding="utf-8") as file:
            file.write(SELF)
        self.session = self.launch(["/usr/bin/python3", path, self.path("work"), *words], faults=point)
        self.wait_until_said("ready")
        return self.session.snapshot()

    def close_and_rewind(self, first):
        self.touch("close")
        self.wait_until_said("closed")
        os.unlink(self.path("work", "close"))
        outcome = self.session.run("rewind", first)
        self.assertEqual(outcome.status, 0, outcome.message)
        self.touch("read")
        return outcome.output + outcome.message

    def test_without_one_all_comes_back(self):
        told = self.close_and_rewind(self.begin("restart_bridge"))
        self.assertNotIn("sockets", told)
        self.assertEqual(self.session.wait(), 0)
        self.assertEqual(self.said()[-1], "right")

    def test_bytes_that_do_not_come_through_are_taken_out_and_sent_again(self):
        first = self.begin("tcp_window")
        self.assertEqual(self.close_and_rewind(first).count("lost"), 0)
        self.assertEqual(self.session.wait(), 0)
        self.assertEqual(self.said()[-1], "right")

    def test_capture_that_takes_bytes_out_does_no_harm(self):
        self.begin("tcp_window")
        self.touch("read")
        self.assertEqual(self.session.wait(), 0)
        self.assertEqual(self.said()[-1], "right")

    def test_bytes_that_could_not_be_sent_again_are_left_where_they_are(self):
        """Their sender has sent its end behind them."""
        for connection in (1, 2):
            with self.subTest(connection):
                self.begin(f"tcp_window:{connection}", "ended")
                self.touch("read")
                self.assertEqual(self.session.wait(), 0)
                self.assertEqual(self.said()[-1], "right")
                os.unlink(self.path("work", "read"))
                os.unlink(self.path("work", "said"))

    def test_ends_that_cannot_be_connected_are_like_after_a_reset(self):
        told = self.close_and_rewind(self.begin("tcp_join"))
        self.assertIn("cannot be put back", told)
        self.assertEqual(self.session.wait(), 0)
        self.assertIn(self.said()[-1], ("ConnectionResetError", "BrokenPipeError"))


if __name__ == "__main__":
    support.main()
