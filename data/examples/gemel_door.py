#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The Gemel authors
"""Client of Gemel's data door, with the standard library alone (bytes: daemon/sync/DOOR.md).

    door = Door(fd)                     # fd: from OpenStream() on the bus
    door.put("pump/1", b"running")      # state and config doors
    answer = door.wait(door.send())     # one batch, one answer
    door.subscribe()                    # state doors
    for change in door.changes():       # (key, value or None), first all that is there
        ...

One thread. Sending waits while the credit is used up; what comes meanwhile is kept.
"""
import collections
import select
import socket
import struct

HEADER = struct.Struct("<IHH")
BATCH_HEAD = struct.Struct("<QBBHIQ")
ANSWER_HEAD = struct.Struct("<QBBHIQQ")
OP_HEAD = struct.Struct("<HBBI")
ITEM_HEAD = struct.Struct("<HHIQQ")
POINT_HEAD = struct.Struct("<BBHIq")
HELLO, ANSWER, DELTA, FULL_BEGIN, ITEMS, FULL_END, ERROR = range(1, 8)
BATCH, SUBSCRIBE = 16, 17
LOCAL, PAIR = 0, 1
FRAME_BYTES_MAX = 1024 * 1024

Answer = collections.namedtuple("Answer", "id ok reached place error message")


class DoorError(Exception):
    """The door is over: it was closed, or somebody broke the protocol."""


class Refused(Exception):
    """The node refused a batch; name is the D-Bus error name."""

    def __init__(self, name, message):
        super().__init__(f"{name}: {message}")
        self.name = name


def _texts(body):
    (size,) = struct.unpack_from("<H", body)
    name = body[2:2 + size].decode()
    (length,) = struct.unpack_from("<H", body, 2 + size)
    return name, body[4 + size:4 + size + length].decode(errors="replace")


class Door:
    """A client of one door. Owns the file descriptor."""

    def __init__(self, fd):
        self.socket = socket.socket(fileno=fd)
        self.socket.setblocking(False)
        self.unread = bytearray()
        self.frames = collections.deque()
        self.ops = []
        self.next_id = 0
        self.unanswered = 0
        kind, body = self._frame()
        if kind != HELLO:
            raise DoorError("the first frame is no greeting")
        (version, self.kind, _, self.credit, self.body_max, self.items_max,
         size) = struct.unpack_from("<HBBIIIH", body)
        if version != 1:
            raise DoorError(f"the daemon speaks version {version}, this client 1")
        self.provider = body[18:18 + size].decode()

    def close(self):
        """Close the door; what is unanswered may or may not have happened."""
        self.socket.close()

    def _fill(self):
        """Read what is there, at least one byte, and cut it into frames."""
        select.select([self.socket], [], [])
        data = self.socket.recv(65536)
        if not data:
            raise DoorError("the daemon closed the door")
        self.unread += data
        while len(self.unread) >= HEADER.size:
            size, kind, _ = HEADER.unpack_from(self.unread)
            if size > FRAME_BYTES_MAX:
                raise DoorError("a frame is larger than allowed")
            if len(self.unread) < HEADER.size + size:
                break
            body = bytes(self.unread[HEADER.size:HEADER.size + size])
            del self.unread[:HEADER.size + size]
            if kind == ANSWER:
                self.unanswered -= ANSWER_HEAD.unpack_from(body)[4]
            self.frames.append((kind, body))

    def _frame(self):
        while not self.frames:
            self._fill()
        kind, body = self.frames.popleft()
        if kind == ERROR:
            raise DoorError(": ".join(_texts(body)))
        return kind, body

    def _write(self, data):
        view = memoryview(data)
        while view:
            readable, writable, _ = select.select([self.socket], [self.socket], [])
            if readable:
                self._fill()
            if writable:
                try:
                    view = view[self.socket.send(view):]
                except BrokenPipeError as error:
                    raise DoorError("the daemon closed the door") from error

    def put(self, key, value):
        """Add one operation to the next batch; value None deletes the key."""
        name = key.encode()
        head = OP_HEAD.pack(len(name), value is not None, 0, len(value or b""))
        self.ops.append(head + name + (value or b""))

    def send(self, durability=PAIR, term=0):
        """Send what was put as one batch; returns its id."""
        payload = b"".join(self.ops)
        count = len(self.ops)
        self.ops = []
        return self._send(payload, count, durability, term)

    def send_points(self, points):
        """Send history points (tag, µs UTC, value, status); returns the id of the batch."""
        payload = [struct.pack("<I", len(points))]
        for tag, unix_us, value, status in points:
            payload.append(_point(tag.encode(), unix_us, value, status))
        return self._send(b"".join(payload), 0, LOCAL, 0)

    def _send(self, payload, count, durability, term):
        size = BATCH_HEAD.size + len(payload)
        if size > self.body_max:
            raise ValueError(f"batch of {size} bytes is larger than {self.body_max}, split it")
        while self.unanswered and self.unanswered + size > self.credit:
            self._fill()
        self.next_id += 1
        self.unanswered += size
        head = BATCH_HEAD.pack(self.next_id, durability, 0, 0, count, term)
        self._write(HEADER.pack(size, BATCH, 0) + head + payload)
        return self.next_id

    def wait(self, batch):
        """Wait for the answer to a batch; raises Refused. Other frames stay for later."""
        kept = collections.deque()
        while True:
            kind, body = self._frame()
            if kind == ANSWER and ANSWER_HEAD.unpack_from(body)[0] == batch:
                self.frames.extendleft(reversed(kept))
                return self._answer(body)
            kept.append((kind, body))

    @staticmethod
    def _answer(body):
        number, ok, reached, _, _, place_a, place_b = ANSWER_HEAD.unpack_from(body)
        if not ok:
            raise Refused(*_texts(body[ANSWER_HEAD.size:]))
        return Answer(number, True, "pair" if reached else "local", (place_a, place_b), None, None)

    def subscribe(self):
        """Ask for the full state and every change after it."""
        self._write(HEADER.pack(0, SUBSCRIBE, 0))

    def changes(self):
        """Give (key, value or None) for ever; (None, None) where a full state begins."""
        while True:
            kind, body = self._frame()
            if kind == FULL_BEGIN:
                yield None, None
            elif kind == DELTA:
                yield from _ops(body, 24)
            elif kind == ITEMS:
                (size,) = struct.unpack_from("<H", body)
                yield from _items(body, 8 + size)


def _ops(body, at):
    while at < len(body):
        key_bytes, is_set, _, value_bytes = OP_HEAD.unpack_from(body, at)
        at += OP_HEAD.size
        key = body[at:at + key_bytes].decode()
        at += key_bytes
        yield key, body[at:at + value_bytes] if is_set else None
        at += value_bytes


def _items(body, at):
    while at < len(body):
        key_bytes, _, value_bytes, _, _ = ITEM_HEAD.unpack_from(body, at)
        at += ITEM_HEAD.size
        yield body[at:at + key_bytes].decode(), body[at + key_bytes:at + key_bytes + value_bytes]
        at += key_bytes + value_bytes


def _point(tag, unix_us, value, status):
    if isinstance(value, bool):
        kind, data = 3, struct.pack("<q", value)
    elif isinstance(value, int):
        kind, data = 2, struct.pack("<q", value)
    elif isinstance(value, float):
        kind, data = 1, struct.pack("<d", value)
    else:
        text = str(value).encode()
        kind, data = 4, struct.pack("<I", len(text)) + text
    return POINT_HEAD.pack(kind, 0, len(tag), status, unix_us) + tag + data
