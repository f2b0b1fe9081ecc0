"""Two databases over hostile datagrams and segments with the sanitizers, in a process of its own.

    python -m tests.hostile.regex_drive      prints one line of JSON: found, open, refused
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

from mcc import Port, chain, duplex, tcp, udp
from mcc.run.box import LINKS
from mcc.std import RegexMatcher
from tests.hostile.drive import checked, sanitized
from tests.hostile.packets import Frame, nasty

STEP = 500_000
"""ns between two packets."""


def between() -> Iterator[Any]:
    yield duplex(Port("lan"), udp(RegexMatcher(["sec.?ret", "[a-f]{4}$"], "is", streams=20)) >> tcp(
        RegexMatcher([r"\d+x", "secret"], action="reset")), Port("wan"))


def main() -> None:
    """More sessions than there is room for, in no order, cut anywhere; then what is nasty."""
    rnd = random.Random(5)
    module = sanitized(chain(between))
    frames: list[Frame] = [("ethernet", bytes(Ether() / IP(src="10.0.0.1", dst="10.0.0.2") / UDP(
        sport=rnd.randint(1000, 1060), dport=53) / rnd.choice([b"sec", b"ret", b"RET secr", b"abcdef", b"x" * 200])))
        for _ in range(1500)]
    with module.open(start=1.0, seed=1, max_sessions=16) as box:
        for at, (link, frame) in enumerate([*frames, *nasty()]):
            for port in box.ports:
                box.receive(port, frame, 1_000_000_000 + at * STEP, link=LINKS[link])
            if rnd.random() < 0.1:
                box.send_burst([])
        box.finish()
        checked(box)
    with module.open(start=1.0, seed=1, max_sessions=16) as box:
        for at, (_, frame) in enumerate(frames):
            box.send("lan", frame, 1 + at / 1000)
            if at == 700:
                assert box.stats()["elements"]["RegexMatcher"]["counters"]["db.open"] > 0
        box.finish()
        print(json.dumps(box.stats()["elements"]["RegexMatcher"]["counters"]))
    box = module.open(start=1.0, seed=1, max_sessions=16)
    for at, (_, frame) in enumerate(frames[:30]):
        box.send("lan", frame, 1 + at / 1000)
    box.close()


if __name__ == "__main__":
    main()
