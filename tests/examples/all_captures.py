"""Every capture through one example, in a process of its own so that the sanitizers' library can be loaded first.

    python -m tests.examples.all_captures EXAMPLE CAPTURE..    prints one line of JSON: captures, packets, made, held, lost
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import mcc
from mcc.diag import CaptureError
from mcc.run.box import LINKS as KINDS
from mcc.run.capture import open_capture
from tests.examples.kit import EXAMPLES

LINKS = {1: "ethernet", 101: "raw", 12: "raw", 14: "raw", 228: "raw", 229: "raw", 0: "null", 108: "null", 113: "sll",
         276: "sll2"}
"""LINKTYPE_ number to the name in mcc.run.box.LINKS; all others are opaque."""
BURST = 32


def through(module: Any, path: Path) -> dict[str, int]:
    """One capture, its packets at the chain's ports in turn by direction of address, and all timers to their end."""
    with open_capture(str(path)) as capture:
        box = None
        try:
            for i, r in enumerate(capture.records()):
                if box is None:
                    box = module.open(start=r.at / 1e9, max_sessions=1024)
                port = box.ports[(r.data[12:34] > r.data[16:38]) % len(box.ports)]
                link = KINDS[LINKS.get(r.linktype, "opaque")]
                box.receive(port, r.data, r.at, r.length, link)
                if i % BURST == BURST - 1:
                    box.send_burst([])
        except CaptureError:
            pass  # a damaged capture: what came before counts
        if box is None:
            return {"packets": 0, "made": 0, "held": 0, "lost": 0}
        with box:
            box.send_burst([])
            box.finish()
            s = box.stats()
    received, sent = (sum(p[k] for p in s["ports"].values()) for k in ("rx_packets", "tx_packets"))
    lost = received + s["made"] - sent - sum(s["drops"].values()) - s["held"]
    return {"packets": received, "made": s["made"], "held": s["held"], "lost": abs(lost)}


def main(example: str, captures: list[str]) -> None:
    module = mcc.build(EXAMPLES / f"{example}.py", sanitize=True, target="generic")
    total = {"captures": len(captures), "packets": 0, "made": 0, "held": 0, "lost": 0}
    for path in captures:
        for k, v in through(module, Path(path)).items():
            total[k] += v
    print(json.dumps(total))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
