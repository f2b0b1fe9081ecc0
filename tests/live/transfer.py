"""Bytes through a connection, in both directions at once, and how they arrive."""

from __future__ import annotations

import hashlib
import random
import socket
import threading
import time
from dataclasses import dataclass

WORD = b"ATTACK"
EVERY = 10_000
"""Bytes of the stream for one word."""


def text(n: int, seed: int) -> bytes:
    """`n` bytes with a word each EVERY bytes, and with beginnings of words."""
    rng = random.Random(seed)
    out = bytearray(rng.randbytes(n))
    for at in range(rng.randrange(EVERY), n - len(WORD), EVERY):
        out[at:at + len(WORD)] = WORD
        torn = at + EVERY // 2
        if torn + 3 < n:
            out[torn:torn + 3] = WORD[:3]
    return bytes(out)


@dataclass
class Arrived:
    """What one end got: its SHA-256 and number of bytes, the longest time without any (seconds), and what failed."""

    digest: str = ""
    bytes: int = 0
    gap: float = 0
    failure: str = ""


def _send(s: socket.socket, data: bytes, arrived: Arrived) -> None:
    try:
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
    except OSError as e:
        arrived.failure = f"sending: {e}"


def _receive(s: socket.socket, arrived: Arrived) -> None:
    digest, last = hashlib.sha256(), time.monotonic()
    try:
        while data := s.recv(1 << 18):
            now = time.monotonic()
            arrived.gap = max(arrived.gap, now - last)
            arrived.bytes += len(data)
            digest.update(data)
            last = now
    except OSError as e:
        arrived.failure = f"receiving: {e}"
    arrived.digest = digest.hexdigest()


def exchange(a: socket.socket, b: socket.socket, from_a: bytes, from_b: bytes) -> tuple[Arrived, Arrived]:
    """Both ends send everything at once and read to the end; what a got, what b got."""
    at_a, at_b = Arrived(), Arrived()
    threads = [threading.Thread(target=f, args=args) for f, args in (
        (_send, (a, from_a, at_b)), (_send, (b, from_b, at_a)), (_receive, (a, at_a)), (_receive, (b, at_b)))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    a.close()
    b.close()
    return at_a, at_b


def check(got: Arrived, sent: bytes) -> None:
    """What arrived is what was meant to."""
    assert (got.failure, got.bytes) == ("", len(sent))
    assert got.digest == hashlib.sha256(sent).hexdigest()
