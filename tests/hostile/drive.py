"""Hostile traffic through one chain, in a process of its own so that the sanitizers' library can be loaded first.

    python -m tests.hostile.drive CHAIN nasty                         the list of packets.py at every port
    python -m tests.hostile.drive CHAIN mutants SEED N CAPTURE..      frames of captures, changed
    python -m tests.hostile.drive CHAIN noise SEED N                  random frames
    python -m tests.hostile.drive CHAIN tunnels SEED N                tunnels in tunnels, changed

Prints one line of JSON: packets, made, held, lost (packets that the counters cannot account for), leaked (buffers that
nobody holds), drops.
"""

from __future__ import annotations

import json
import os
import random
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from mcc.api import Module
from mcc.diag import CaptureError
from mcc.driver import compile_any
from mcc.run.box import LINKS
from mcc.run.capture import open_capture
from tests.hostile.chains import CHAINS
from tests.hostile.packets import Frame, mutated, nasty, noise
from tests.unit.protocols import encapsulations

OF_LINKTYPE = {0: "null", 1: "ethernet", 12: "raw", 101: "raw", 108: "null", 9: "ppp", 50: "ppp", 105: "802.11", 127: "radiotap", 113: "sll", 228: "raw", 229: "raw",
               276: "sll2"}
STEP = 500_000
"""ns between two packets."""


def sanitized(what: Any) -> Module:
    """A chain compiled with the sanitizers; optimized only where there is time, which takes five times as long."""
    return Module(compile_any(what), target="generic", sanitize=True, level=os.environ.get("MCC_LEVEL", "-O0"))


def account(box: Any) -> dict[str, Any]:
    """What the box says about all packets so far; lost and leaked must be 0."""
    s = box.stats()
    received, sent = (sum(p[k] for p in s["ports"].values()) for k in ("rx_packets", "tx_packets"))
    lost = received + s["made"] - sent - sum(s["drops"].values()) - s["held"]
    return {"packets": received, "sent": sent, "made": s["made"], "held": s["held"], "lost": lost,
            "leaked": box.lib.mcc_box_buffers(box.box) - s["held"] - box.core.kept, "drops": s["drops"]}


def checked(box: Any) -> dict[str, Any]:
    """The same, now where all has left; AssertionError where packets are missing."""
    box.send_burst([])
    a = account(box)
    assert a["lost"] == 0 and a["leaked"] == 0, a
    return a


def through(module: Any, frames: Iterable[Frame], **options: Any) -> dict[str, Any]:
    """Every frame at every port, bursts of all sizes; then the end of the run."""
    rng = random.Random(3)
    with module.open(start=1.0, seed=1, **options) as box:
        at = 1_000_000_000
        for i, (link, frame) in enumerate(frames):
            for port in box.ports:
                box.receive(port, frame, at, link=LINKS[link])
            at += STEP
            if rng.random() < 0.1:
                box.drain()
                box.send_burst([])
            if i % 1000 == 0:
                checked(box)
        checked(box)
        box.finish()
        last = checked(box)
        assert last["held"] == 0, last
        return last


def of_captures(paths: list[str], seed: int, n: int) -> Iterator[Frame]:
    """`n` changed frames, out of all captures alike."""
    frames: list[Frame] = []
    for path in paths:
        try:
            with open_capture(path) as capture:
                for i, r in enumerate(capture.records()):
                    frames.append((OF_LINKTYPE.get(r.linktype, "opaque"), bytes(r.data[:4096])))
                    if i == 200:
                        break
        except CaptureError:
            pass  # a damaged capture: what came before counts
    rng = random.Random(seed)
    for _ in range(n):
        link, frame = rng.choice(frames)
        yield link, mutated(rng, frame) if rng.random() < 0.9 else frame


def tunnels(seed: int, n: int) -> Iterator[Frame]:
    """`n` changed frames with tunnels, a third of them as they were."""
    rng = random.Random(seed)
    for _ in range(n):
        data = rng.choice([encapsulations.frame, encapsulations.frame, encapsulations.compressed])(rng)[0]
        yield "ethernet", data if rng.random() < 0.3 else mutated(rng, data)


def main(name: str, what: str, *rest: str) -> None:
    module = sanitized(CHAINS[name])
    if what == "nasty":
        frames: Iterable[Frame] = nasty()
    elif what == "noise":
        frames = noise(int(rest[0]), int(rest[1]))
    elif what == "tunnels":
        frames = tunnels(int(rest[0]), int(rest[1]))
    else:
        frames = of_captures(list(rest[2:]), int(rest[0]), int(rest[1]))
    print(json.dumps(through(module, frames, max_sessions=500)))


if __name__ == "__main__":
    main(*sys.argv[1:])
