# SPDX-License-Identifier: EPL-2.0
"""The control protocol by hand, byte for byte, so that tests can also speak it wrongly."""
import socket
import struct


def varint(number):
    out = b""
    while number >= 0x80:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def field(number, value):
    """A field of a message: an int, or bytes or text with their length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def frame(message):
    return struct.pack(">I", len(message)) + message


def fields(message):
    """{number: [values]} of a message; nested messages stay bytes."""
    found, at = {}, 0

    def number():
        nonlocal at
        value, shift = 0, 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return value
    while at < len(message):
        key = number()
        if key & 7 == 0:
            value = number()
        else:
            size = number()
            value = message[at:at + size]
            at += size
        found.setdefault(key >> 3, []).append(value)
    return found


# Field numbers of control.proto.
HELLO, STATUS, LIST, TAKE, REWIND, DELETE, RENAME, SUBSCRIBE, CANCEL, AUTO, KILL, SAVE = range(2, 14)
REPLY, EVENT = 1, 2
EVENTS = ["", "taken", "renamed", "deleted", "rewound", "state", "auto", "ended", "updated", "progress"]
BAD_REQUEST, NO_SUCH_SNAPSHOT, PROTOCOL_VERSION = 1, 2, 9


class Client:
    """One connection."""

    def __init__(self, path, hello=True, seconds=20):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.socket.settimeout(seconds)
        self.last_id = 0
        self.events = []
        if hello:
            self.call(HELLO, field(1, 1) + field(2, "test"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, verb, body=b""):
        self.last_id += 1
        self.socket.sendall(frame(field(1, self.last_id) + field(verb, body)))
        return self.last_id

    def read(self, size):
        data = b""
        while len(data) < size:
            more = self.socket.recv(size - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def receive(self):
        """The next ServerMessage: ("reply", fields) or ("event", (name, fields))."""
        size, = struct.unpack(">I", self.read(4))
        message = fields(self.read(size))
        if REPLY in message:
            return "reply", fields(message[REPLY][0])
        (number, (body,)), = fields(message[EVENT][0]).items()
        return "event", (EVENTS[number], fields(body))

    def reply(self):
        """The next reply; events before it are kept."""
        while True:
            kind, what = self.receive()
            if kind == "reply":
                return what
            self.events.append(what)

    def call(self, verb, body=b""):
        wanted = self.send(verb, body)
        reply = self.reply()
        assert reply[1] == [wanted], reply
        return reply

    def event(self):
        """The next event: (name, fields)."""
        if self.events:
            return self.events.pop(0)
        kind, what = self.receive()
        assert kind == "event", what
        return what

    def at_end(self):
        """Waits until the other side hangs up."""
        try:
            while self.socket.recv(65536):
                pass
        except ConnectionResetError:
            pass


def error_of(reply):
    """(code, text) of a reply's error, or None."""
    if 2 not in reply:
        return None
    error = fields(reply[2][0])
    return error[1][0], error[2][0].decode()
