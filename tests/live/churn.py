"""Connections that come and go, made as fast as one process can, each to one of many ends:

    talk     text one way, the same text (without what the box takes out) back, both sides close
    reset    text, then RST in the middle of the answer
    half     a SYN to an address that does not answer, given up
    refused  a SYN to a port where nobody listens
    idle     opened, and silent for longer than the box waits; then closed

    churn.py serve                            echoes at every port of PORTS, until it is killed
    churn.py visit SECONDS SEED SERVER SILENT what became of the connections is its last line, as JSON
"""

from __future__ import annotations

import errno
import json
import random
import selectors
import socket
import struct
import sys
import time
from collections import Counter
from dataclasses import dataclass

PORTS = range(7000, 7008)
CLOSED = 7999
AT_ONCE, IDLE_AT_ONCE = 200, 100
IDLE, GIVEN_UP, TOO_LONG = 5.0, 0.2, 15.0
"""Seconds: how long idle ones are open, half-open ones, and how long others may take."""
KINDS = random.Random(0).sample(["talk"] * 60 + ["reset"] * 15 + ["half"] * 10 + ["refused"] * 5 + ["idle"] * 10, 100)
WORD = b"ATTACK"


def serve() -> None:
    """Echoes until the other side has closed."""
    selector = selectors.DefaultSelector()
    for port in PORTS:
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("", port))
        s.listen(1024)
        s.setblocking(False)
        selector.register(s, selectors.EVENT_READ, None)
    print("ready", flush=True)
    while True:
        for key, _ in selector.select():
            s = key.fileobj
            assert isinstance(s, socket.socket)
            if key.data is None:
                try:
                    new, _ = s.accept()
                except OSError:
                    continue
                new.setblocking(False)
                selector.register(new, selectors.EVENT_READ, "echo")
            elif not _echo(s):
                selector.unregister(s)
                s.close()


def _echo(s: socket.socket) -> bool:
    """What has come goes back; False: it is over. An answer never waits for room: it is shorter than a socket's buffer."""
    try:
        data = s.recv(65536)
        if data:
            s.sendall(data)
        return bool(data)
    except OSError:
        return False


@dataclass
class Visit:
    """One connection."""

    kind: str
    end: float
    text: bytes = b""
    sent: int = 0
    got: bytes = b""
    open: bool = False


class Visitor:
    """Keeps AT_ONCE connections going."""

    def __init__(self, seed: int, server: str, silent: str) -> None:
        self.random, self.server, self.silent = random.Random(seed), server, silent
        self.selector = selectors.DefaultSelector()
        self.idle = 0
        self.counts: Counter[str] = Counter()

    def run(self, seconds: float) -> dict[str, int]:
        until = time.monotonic() + seconds
        looked = 0.0
        while (now := time.monotonic()) < until or self.selector.get_map():
            while now < until and len(self.selector.get_map()) - self.idle < AT_ONCE:
                self.begin(now)
            for key, events in self.selector.select(0.02):
                assert isinstance(key.fileobj, socket.socket)
                self.turn(key.fileobj, key.data, events)
            if now - looked > 0.05:
                self.late(looked := now)
        return dict(self.counts)

    def begin(self, now: float) -> None:
        kind = self.random.choice(KINDS)
        if kind == "idle" and self.idle >= IDLE_AT_ONCE:
            kind = "talk"
        v = Visit(kind, now + {"idle": IDLE, "half": GIVEN_UP}.get(kind, TOO_LONG))
        if kind in ("talk", "reset"):
            n = self.random.choice([1, 100, 1460, 5000, 20_000])
            v.text = (bytes(self.random.choices(b"abcdefgh \n", k=50)) + WORD * self.random.randrange(2)) * (n // 50 + 1)
        s = socket.socket()
        s.setblocking(False)
        port = CLOSED if kind == "refused" else self.random.choice(PORTS)
        rc = s.connect_ex((self.silent if kind == "half" else self.server, port))
        if rc not in (0, errno.EINPROGRESS):
            self.counts[f"failed {errno.errorcode[rc]}"] += 1
            s.close()
            return
        self.idle += kind == "idle"
        self.selector.register(s, selectors.EVENT_WRITE, v)

    def turn(self, s: socket.socket, v: Visit, events: int) -> None:
        """Something happened to it."""
        if not v.open:
            error = s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error:
                self.over(s, v, v.kind if v.kind == "refused" and error == errno.ECONNREFUSED else f"failed {errno.errorcode[error]}")
                return
            v.open = True
            if v.kind == "idle":
                self.selector.modify(s, selectors.EVENT_READ, v)
        try:
            if events & selectors.EVENT_WRITE and v.text:
                v.sent += s.send(v.text[v.sent:])
                if v.sent == len(v.text):
                    self.selector.modify(s, selectors.EVENT_READ, v)
                    if v.kind == "talk":
                        s.shutdown(socket.SHUT_WR)
            elif events & selectors.EVENT_READ:
                self.read(s, v)
        except OSError as e:
            self.over(s, v, f"failed {errno.errorcode.get(e.errno or 0, '?')}")

    def read(self, s: socket.socket, v: Visit) -> None:
        data = s.recv(65536)
        v.got += data
        if v.kind == "reset":
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.over(s, v, "reset")
        elif not data:
            right = v.got.replace(WORD, b"") == v.text.replace(WORD, b"")
            self.over(s, v, v.kind if right else "wrong")

    def late(self, now: float) -> None:
        """Those whose time is over."""
        for key in list(self.selector.get_map().values()):
            if now >= key.data.end:
                assert isinstance(key.fileobj, socket.socket)
                self.over(key.fileobj, key.data, key.data.kind if key.data.kind in ("idle", "half") else "failed late")

    def over(self, s: socket.socket, v: Visit, how: str) -> None:
        self.selector.unregister(s)
        s.close()
        self.idle -= v.kind == "idle"
        self.counts[how] += 1


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve()
    print(json.dumps(Visitor(int(sys.argv[3]), *sys.argv[4:6]).run(float(sys.argv[2]))), flush=True)
