"""A box through which connections come and go for long is, when they are over, what it was.

`make soak SECONDS=600`; in `make test` for some seconds.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.live.net import SERVER4, Net, Process, run, within

LONG = float(os.environ.get("MCC_SOAK_SECONDS", "600"))
SHORT = 8.0
SILENT = "198.18.7.3"
PUBLIC = "198.18.7.9"
SLACK = 4 << 20
"""Bytes that a process may have more than after the first minute: buffers are taken when a burst first needs them."""


@dataclass(frozen=True)
class State:
    """What a box has now. size: resident bytes; files: open descriptors."""

    sessions: int
    held: int
    buffers: int
    size: int
    files: int


def look(n: Net, box: Process) -> State:
    scraped = within(n.box, lambda: urllib.request.urlopen("http://127.0.0.1:9464/metrics", timeout=10).read().decode())
    value = {name: int(float(number)) for name, number in re.findall(r"^(mcc_\w+) (\S+)$", scraped, re.M)}
    process = Path(f"/proc/{box.child.pid}")
    resident = int((process / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    files = []  # the scrape's own connection closes a moment later
    for _ in range(10):
        files.append(len(list((process / "fd").iterdir())))
        time.sleep(0.02)
    return State(value["mcc_sessions_active"], value["mcc_packets_held"], value["mcc_buffers_used"], resident, min(files))


def neighbours(n: Net) -> None:
    """Addresses that nobody answers for: the NAT's is the client's, the silent one the server's (which does not forward)."""
    for ns, device, address, there, owner in ((n.server, "s0", PUBLIC, n.client, "c0"), (n.client, "c0", SILENT, n.server, "s0")):
        mac = run("ip", "-n", there, "-br", "link", "show", owner).split()[2]
        run("ip", "-n", ns, "neigh", "add", address, "lladdr", mac, "dev", device, "nud", "permanent")
    for ns in (n.client, n.server):
        within(ns, lambda: Path("/proc/sys/net/ipv4/ip_local_port_range").write_text("1024 65535"))
        within(ns, lambda: Path("/proc/sys/net/ipv4/tcp_tw_reuse").write_text("1"))


def soak(n: Net, chain: str, port: str, seconds: float) -> tuple[list[State], dict[str, int], dict[str, object]]:
    """The states of the box at the beginning, early, at the end, and when all timeouts are over; what became of the
    connections; its statistics."""
    neighbours(n)
    box = n.mcc(f"soak.py:{chain}", "--metrics", "127.0.0.1:9464", lan=f"{port}:d0", wan=f"{port}:d1")
    n.start(n.server, sys.executable, str(Path(__file__).parent / "churn.py"), "serve", ready="ready")
    look(n, box)
    states = [look(n, box)]  # the first scrape opened what scrapes need
    visitor = n.start(n.client, sys.executable, str(Path(__file__).parent / "churn.py"), "visit", str(seconds), "1", SERVER4, SILENT,
                      ready="")
    time.sleep(min(60, seconds / 2))
    states.append(look(n, box))
    visitor.child.wait(seconds + 60)
    states.append(look(n, box))
    until = time.monotonic() + 30
    while (now := look(n, box)).sessions and time.monotonic() < until:
        time.sleep(0.5)
    states.append(now)
    assert box.stop() == 130, box.text()
    return states, json.loads(visitor.text().splitlines()[-1]), json.loads((n.folder / "stats.json").read_text())


def check(states: list[State], counts: dict[str, int], stats: dict[str, object], seconds: float) -> None:
    begin, early, _, end = states
    told = f"{states}\n{counts}\n{stats}"
    assert (end.sessions, end.held) == (0, 0), told
    assert end.buffers == begin.buffers, told
    assert end.files == begin.files, told
    assert end.size <= early.size + SLACK, told
    # and it was soaked
    assert early.sessions > 50, told
    assert all(counts.get(kind, 0) > seconds for kind in ("talk", "reset", "half", "refused", "idle")), told
    assert counts.get("wrong", 0) == 0, told
    assert counts["talk"] > 20 * sum(v for k, v in counts.items() if k.startswith("failed")), told
    sessions = stats["sessions"]
    assert isinstance(sessions, dict)
    assert all(sessions["ended"][how] > seconds for how in ("fin", "rst", "timeout")) and not sessions["ended"]["evicted"], told


def needs_afxdp() -> None:
    try:
        ctypes.CDLL("libxdp.so.1")
    except OSError:
        pytest.skip("libxdp is not there: apt install libxdp-dev libbpf-dev")


@pytest.mark.parametrize("seconds", [SHORT, pytest.param(LONG, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("chain", "port"), [("words", "afpacket"), ("stats", "afpacket"), ("words", "afxdp")])
def test_nothing_stays(net: Callable[..., Net], chain: str, port: str, seconds: float, capsys: pytest.CaptureFixture[str]) -> None:
    if port == "afxdp":
        needs_afxdp()
    states, counts, stats = soak(net(), chain, port, seconds)
    with capsys.disabled():
        if seconds == LONG:
            print("", f"soak: {chain} on {port}, {seconds:.0f} s", *states, counts, stats["sessions"], sep="\n  ")
    check(states, counts, stats, seconds)
