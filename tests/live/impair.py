"""A bad cable: frames between two interfaces are lost, doubled, or overtaken by the next ones.

    python impair.py IF IF LOSS DUPLICATE REORDER SEED     probabilities; ends with SIGINT
"""

from __future__ import annotations

import random
import select
import socket
import sys
import time

ETH_P_ALL, SOL_PACKET, PACKET_IGNORE_OUTGOING = 3, 263, 23
LATE = 0.003
"""Seconds that a late frame waits, if not five others come before."""


def port(name: str) -> socket.socket:
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    s.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    s.setsockopt(socket.SOL_SOCKET, 33, 16 << 20)  # SO_RCVBUFFORCE
    s.setsockopt(socket.SOL_SOCKET, 32, 16 << 20)  # SO_SNDBUFFORCE
    s.bind((name, ETH_P_ALL))
    return s


def main(first: str, second: str, loss: float, duplicate: float, reorder: float, seed: int) -> None:
    rng = random.Random(seed)
    a, b = port(first), port(second)
    late: list[tuple[float, int, socket.socket, bytes]] = []  # when, after how many others, where to, frame
    seen = 0
    print("ready", flush=True)
    while True:
        ready, _, _ = select.select([a, b], [], [], LATE if late else None)
        for source in ready:
            frame = source.recv(65536)
            to = b if source is a else a
            seen += 1
            if rng.random() < loss:
                continue
            if rng.random() < reorder:
                late.append((time.monotonic() + LATE, seen + 5, to, frame))
                continue
            to.send(frame)
            if rng.random() < duplicate:
                to.send(frame)
        while late and (late[0][0] <= time.monotonic() or late[0][1] <= seen):
            _, _, to, frame = late.pop(0)
            to.send(frame)


if __name__ == "__main__":
    try:
        main(sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4]), float(sys.argv[5]), int(sys.argv[6]))
    except KeyboardInterrupt:
        pass
