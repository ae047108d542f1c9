# SPDX-License-Identifier: EPL-2.0
"""A small client of the control protocol: as much of native/proto/control.proto as the benchmarks need."""
import socket
import struct

HELLO, LIST, TAKE, REWIND, DELETE = 2, 4, 5, 6, 7  # fields of Request
ERROR, SNAPSHOT, REWOUND = 2, 6, 7  # fields of Reply


class Refused(Exception):
    """The supervisor's answer was an error."""


def varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number, value):
    """Encodes one field: a number, or bytes (a text, a message)."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def read_varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        shift += 7
        if byte < 0x80:
            return value, at


def fields(data):
    """Decodes a message into {field: last value}; the schema has numbers and length-prefixed values only."""
    found, at = {}, 0
    while at < len(data):
        key, at = read_varint(data, at)
        value, at = read_varint(data, at)
        if key & 7 == 2:
            value, at = data[at : at + value], at + value
        found[key >> 3] = value
    return found


class Control:
    """A connection to the supervisor of one session."""

    def __init__(self, path, timeout=60):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        self.socket.connect(str(path))
        self.last_id = 0
        self.ask(HELLO, field(1, 1) + field(2, b"benchmark"))

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.socket.close()

    def receive(self, size):
        data = b""
        while len(data) < size:
            more = self.socket.recv(size - len(data))
            if not more:
                raise ConnectionError("the session has ended")
            data += more
        return data

    def ask(self, verb, message=b""):
        """Sends a request and returns the fields of its reply."""
        self.last_id += 1
        request = field(1, self.last_id) + field(verb, message)
        self.socket.sendall(struct.pack(">I", len(request)) + request)
        while True:
            (size,) = struct.unpack(">I", self.receive(4))
            reply = fields(self.receive(size)).get(1)
            if reply is None:
                continue
            answer = fields(reply)
            if answer.get(1) == self.last_id:
                break
        if ERROR in answer:
            raise Refused(fields(answer[ERROR]).get(2, b"").decode())
        return answer

    def take(self):
        """Takes a snapshot; returns its id and how long the program stood still, in milliseconds."""
        snapshot = fields(self.ask(TAKE)[SNAPSHOT])
        return snapshot[1], snapshot.get(11, 0) / 1000

    def rewind(self, snapshot):
        """Rewinds; returns the milliseconds that it took and the number of pages that were put back."""
        report = fields(self.ask(REWIND, field(1, snapshot))[REWOUND])
        return report.get(2, 0) / 1000, report.get(3, 0) + report.get(4, 0)

    def delete(self, snapshot):
        self.ask(DELETE, field(1, varint(snapshot)))
