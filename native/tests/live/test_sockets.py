# SPDX-License-Identifier: EPL-2.0
"""Unix sockets whose other end is not of the session, and names that another program has by now."""
import os
import re
import socket

import snapback_support as support

PYTHON = "/usr/bin/python3"

# Does what the file "order" says, once for each new line, and says in "said" what came of it.
PROGRAM = '''
import os, socket, time
def connect(name, kind=socket.SOCK_STREAM):
    s = socket.socket(socket.AF_UNIX, kind)
    s.connect(name)
    return s
def listen(name):
    s = socket.socket(socket.AF_UNIX)
    s.bind(name), s.listen(5)
    return s
said = os.open("said", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
done, things = 0, {}
os.write(said, b"ready\\n")
while True:
    # Looked for in the file, not in the memory: what was ordered once is not done again after a rewind.
    orders = open("order").read().splitlines() if os.path.exists("order") else []
    answers = open("said").read().count("\\n") - 1
    if len(orders) > answers:
        try:
            answer = repr(eval(orders[answers]))
        except Exception as error:
            answer = type(error).__name__
        os.write(said, answer.encode() + b"\\n")
    time.sleep(0.002)
'''


class Sockets(support.TestCase):
    def setUp(self):
        super().setUp()
        self.orders = 0

    def begin(self, **options):
        session = self.launch([PYTHON, "-c", PROGRAM], **options)
        support.wait_for(lambda: self.said(), "the program's first word")
        return session

    def said(self):
        try:
            with open(self.path("work", "said"), encoding="utf-8") as file:
                return file.read().splitlines()[1 if self.orders else 0:]
        except FileNotFoundError:
            return []

    def ask(self, order):
        """Lets the program do something; what it says."""
        self.orders += 1
        with open(self.path("work", "order"), "a", encoding="utf-8") as file:
            file.write(order + "\n")
        support.wait_for(lambda: len(self.said()) >= self.orders, f"the answer to {order}")
        return self.said()[self.orders - 1]

    def server(self, name, kind=socket.SOCK_STREAM):
        s = socket.socket(socket.AF_UNIX, kind)
        self.addCleanup(s.close)
        s.bind(self.path("work", name))
        if kind != socket.SOCK_DGRAM:
            s.listen(5)
        s.settimeout(20)
        return s

    def connected(self, name="outside"):
        """A session whose program is connected with us, and our end."""
        server = self.server(name)
        session = self.begin()
        self.ask(f"things.update(s=connect({name!r}))")
        end, _ = server.accept()
        self.addCleanup(end.close)
        end.settimeout(20)
        return session, end

    def rewind(self, session, snapshot):
        outcome = session.run("rewind", snapshot)
        self.assertEqual(outcome.status, 0, outcome.message)
        return outcome.output

    def save_and_end(self, session):
        session.call("snapshot", "--save", "-o", self.path("saved.sbi"))
        session.end()


class Outside(Sockets):
    def test_connection_that_is_still_there_is_kept_with_its_bytes(self):
        session, end = self.connected()
        end.sendall(b"first ")
        taken = session.snapshot()
        self.assertEqual(self.ask("things['s'].recv(6)"), "b'first '")
        end.sendall(b"second")
        self.assertNotIn("sockets", self.rewind(session, taken))
        self.assertEqual(self.ask("things['s'].recv(6)"), "b'second'")
        self.assertEqual(self.ask("things['s'].send(b'back')"), "4")
        self.assertEqual(end.recv(10), b"back")

    def test_connection_that_was_closed_since_is_closed_and_told(self):
        session, end = self.connected()
        taken = session.snapshot()
        self.ask("things.pop('s').close()")
        self.assertEqual(end.recv(10), b"")
        self.assertRegex(self.rewind(session, taken), r"connection of process \d+ to a program outside of the session")
        self.assertEqual(self.ask("things['s'].recv(6)"), "b''")
        self.assertEqual(self.ask("things['s'].send(b'x')"), "BrokenPipeError")

    def test_connection_is_closed_after_a_restart_and_told(self):
        session, end = self.connected()
        self.save_and_end(session)
        self.assertEqual(end.recv(10), b"")
        session = self.restart(self.path("saved.sbi"), ["--force"])
        self.assertEqual(self.ask("things['s'].recv(6)"), "b''")
        self.assertRegex(session.error_text(), r"\Asnapback: a connection of process \d+ to a program outside of the "
                                               r"session could not be put back: it is closed\n\Z")

    def test_datagrams_to_a_name_go_on_after_a_restart(self):
        log = self.server("log", socket.SOCK_DGRAM)
        session = self.begin()
        self.ask(f"things.update(s=connect({self.path('work', 'log')!r}, socket.SOCK_DGRAM))")
        self.ask("things['s'].send(b'before')")
        self.save_and_end(session)
        session = self.restart(self.path("saved.sbi"), ["--force"])
        self.ask("things['s'].send(b'after')")
        self.assertEqual([log.recv(20), log.recv(20)], [b"before", b"after"])
        self.assertEqual(session.error_text(), "")

    def test_client_from_outside_that_has_come_since_is_still_served(self):
        session = self.begin()
        self.ask("things.update(l=listen('served'))")
        taken = session.snapshot()
        client = socket.socket(socket.AF_UNIX)
        self.addCleanup(client.close)
        client.connect(self.path("work", "served"))
        client.sendall(b"hello")
        self.rewind(session, taken)
        self.assertEqual(self.ask("things['l'].accept()[0].recv(5)"), "b'hello'")


class Backlogs(Sockets):
    """Connections made again through a socket that listens still, and whom else that one has to do with by now."""

    def connected_inside(self):
        """A session with both ends of a connection to the abstract name of its own, on its way in which are bytes."""
        name = f"\0{os.path.basename(self.folder)}"
        session = self.begin()
        self.ask(f"things.update(l=listen({name!r}))")
        self.ask(f"things.update(s=connect({name!r}))")
        self.ask("things.update(a=things['l'].accept()[0])")
        self.ask("(things['s'].send(b'there'), things['a'].send(b'back'))")
        return session, name

    def check_connection(self):
        self.assertEqual(self.ask("(things['a'].recv(9), things['s'].recv(9))"), "(b'there', b'back')")
        self.assertEqual(self.ask("(things['a'].send(b'and'), things['s'].recv(9))"), "(3, b'and')")
        self.assertEqual(self.ask("(things['s'].send(b'on'), things['a'].recv(9))"), "(2, b'on')")

    def close_both(self):
        self.ask("(things.pop('s').close(), things.pop('a').close())")

    def test_client_that_waits_by_now_is_not_taken_for_the_one_that_was_accepted(self):
        session, name = self.connected_inside()
        taken = session.snapshot()
        self.close_both()
        self.ask(f"things.update(c=connect({name!r}))")
        self.rewind(session, taken)
        self.check_connection()
        self.assertEqual(self.ask("(things['l'].setblocking(0), things['l'].accept())"), "BlockingIOError")

    def test_client_from_outside_that_waits_by_now_is_still_served(self):
        session, name = self.connected_inside()
        taken = session.snapshot()
        self.close_both()
        client = socket.socket(socket.AF_UNIX)
        self.addCleanup(client.close)
        client.connect(name)
        client.sendall(b"hello")
        self.rewind(session, taken)
        self.check_connection()
        self.assertEqual(self.ask("things['l'].accept()[0].recv(5)"), "b'hello'")


class HalfClosed(Sockets):
    """What was in a queue can be sent again by nobody who has shut down, to nobody who has."""

    def check_comes_back(self, *orders):
        session = self.begin()
        for order in orders:
            self.ask(order)
        taken = session.snapshot()
        for _ in range(2):
            self.assertEqual(self.ask("(things['b'].recv(9), things['b'].recv(9))"), "(b'one', b'two')")
            self.rewind(session, taken)
        self.assertEqual(self.ask("(things['b'].recvfrom(9), things['b'].recvfrom(9))"),
                         f"((b'one', {self.sender}), (b'two', {self.sender}))")
        return session

    def pair(self, kind, *orders):
        self.sender = "None"
        return self.check_comes_back(
            f"things.update(zip('ab', socket.socketpair(socket.AF_UNIX, socket.{kind})))",
            "(things['a'].send(b'one'), things['a'].send(b'two'))", *orders)

    def named(self, *orders):
        self.sender = "'from'"
        return self.check_comes_back(
            "things.update(a=socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM), "
            "b=socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))",
            "(things['a'].bind('from'), things['b'].bind('to'))",
            "(things['a'].sendto(b'one', 'to'), things['a'].sendto(b'two', 'to'))", *orders)

    def test_datagrams_of_one_that_receives_no_more(self):
        self.pair("SOCK_DGRAM", "things['b'].shutdown(socket.SHUT_RD)")
        self.assertEqual(self.ask("things['a'].send(b'x')"), "BrokenPipeError")

    def test_datagrams_of_one_that_sends_no_more(self):
        self.pair("SOCK_DGRAM", "things['a'].shutdown(socket.SHUT_WR)")
        self.assertEqual(self.ask("things['a'].send(b'x')"), "BrokenPipeError")
        self.assertEqual(self.ask("(things['b'].send(b'x'), things['a'].recv(9))"), "(1, b'x')")

    def test_datagrams_with_names_of_one_that_receives_no_more(self):
        self.named("things['b'].shutdown(socket.SHUT_RD)")
        self.assertEqual(self.ask("things['a'].sendto(b'x', 'to')"), "BrokenPipeError")

    def test_datagrams_with_names_of_one_that_sends_no_more(self):
        self.named("things['a'].shutdown(socket.SHUT_WR)")
        self.assertEqual(self.ask("things['a'].sendto(b'x', 'to')"), "BrokenPipeError")

    def test_packets_of_an_end_that_sends_no_more(self):
        self.pair("SOCK_SEQPACKET", "things['a'].shutdown(socket.SHUT_WR)")
        self.assertEqual(self.ask("things['b'].recv(9)"), "b''")


class Names(Sockets):
    def listening(self, name="name"):
        session = self.begin()
        self.ask(f"things.update(l=listen({name!r}))")
        self.ask("os.chmod('name', 0o640)")
        return session

    def reaches(self):
        client = socket.socket(socket.AF_UNIX)
        self.addCleanup(client.close)
        client.connect(self.path("work", "name"))
        client.sendall(b"knock")
        return self.ask("things['l'].accept()[0].recv(5)")

    def test_name_that_was_removed_since_is_there_again(self):
        session = self.listening()
        taken = session.snapshot()
        self.ask("os.unlink('name')")
        self.rewind(session, taken)
        self.assertEqual(os.stat(self.path("work", "name")).st_mode & 0o777, 0o640)
        self.assertEqual(self.reaches(), "b'knock'")

    def test_name_that_was_given_since_is_gone(self):
        session = self.begin()
        taken = session.snapshot()
        self.ask("things.update(l=listen('name'))")
        self.rewind(session, taken)
        self.assertFalse(os.path.exists(self.path("work", "name")))

    def test_name_is_its_own_of_one_that_has_begun_to_listen_since(self):
        session = self.begin()
        self.ask("things.update(l=socket.socket(socket.AF_UNIX))")
        self.ask("things['l'].bind('name')")
        taken = session.snapshot()
        self.ask("things['l'].listen(5)")
        self.rewind(session, taken)
        self.assertEqual(self.ask("connect('name')"), "ConnectionRefusedError")
        self.ask("things['l'].listen(5)")
        self.assertEqual(self.reaches(), "b'knock'")

    def test_name_that_another_program_has_by_now_is_not_taken_from_it(self):
        session = self.listening()
        taken = session.snapshot()
        self.ask("things.pop('l').close()")
        self.ask("os.unlink('name')")
        other = self.server("name")
        outcome = session.run("rewind", taken)
        self.assertEqual(outcome.status, 2)
        self.assertRegex(outcome.message, r"\Asnapback: the program had a socket with the name name, which is in use by "
                                          r"another program: end that\Z")
        self.assertEqual(self.ask("sorted(things)"), "[]")
        client = socket.socket(socket.AF_UNIX)
        self.addCleanup(client.close)
        client.connect(self.path("work", "name"))
        other.accept()[0].close()

    def refused(self, words):
        outcome = self.snapback("restart", "--force", self.path("saved.sbi"))
        self.assertEqual(outcome.status, 2, outcome.message)
        self.assertRegex(outcome.message, words)

    def test_restart_is_refused_where_the_name_cannot_be_had(self):
        self.save_and_end(self.listening())
        os.unlink(self.path("work", "name"))
        with open(self.path("work", "name"), "w", encoding="utf-8") as file:
            file.write("precious")
        self.refused("belongs to a file now: move that away")
        os.unlink(self.path("work", "name"))
        other = self.server("name")
        self.refused("name name, which is in use by another program: end that")
        other.close()
        session = self.restart(self.path("saved.sbi"), ["--force"])
        self.assertEqual(self.reaches(), "b'knock'")
        self.assertEqual(session.error_text(), "")

    def test_image_tells_of_its_sockets(self):
        self.save_and_end(self.listening())
        told = self.snapback("inspect", self.path("saved.sbi")).output
        self.assertTrue(re.search(r"socket +socket 1: unix stream, name, listens, 0 wait\b", told), told)


if __name__ == "__main__":
    support.main()
