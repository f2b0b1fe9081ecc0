"""Every type of port carries every kind of chain, on one core and on two: ping, curl, and a download of 64 MB."""

from __future__ import annotations

import ctypes
import hashlib
import json
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mcc.diag import PortError
from mcc.run.capture import open_capture
from mcc.toolchain.dpdk import find_dpdk
from tests.live.conftest import needs
from tests.live.net import CLIENT4, CLIENT6, COMMAND, ROOT, SERVER4, SERVER6, Net, run, within
from tests.live.transfer import WORD, Arrived, check, exchange, text
from tests.live.web import PUBLIC, VIP, curl, neighbours, serve

PORTS = {"afpacket": ("afpacket:d0", "afpacket:d1"), "afxdp": ("afxdp:d0", "afxdp:d1"), "tap": ("tap:t0", "tap:t1"),
         "net_af_packet": ("dpdk:net_af_packet0,iface=d0", "dpdk:net_af_packet1,iface=d1"),
         "net_af_xdp": ("dpdk:net_af_xdp0,iface=d0", "dpdk:net_af_xdp1,iface=d1")}
CHAINS = {"through.py": SERVER4, "nat.py": SERVER4, "proxy.py": VIP, "words.py:remove": SERVER4}
"""And the address that a client of each speaks to."""
HUGE = 64 << 20
PARALLEL = 20
HTTP = Path(__file__).resolve().parents[2] / "examples" / "captures" / "http.pcap"


@pytest.fixture(scope="module")
def huge() -> bytes:
    return text(HUGE, 64)


def available(kind: str) -> None:
    """Skips where a type of port needs what is not here."""
    if kind == "afxdp" or kind.endswith("xdp"):
        try:
            ctypes.CDLL("libxdp.so.1")
            socket.socket(44, socket.SOCK_RAW).close()
        except OSError as e:
            pytest.skip(f"no AF_XDP here: {e}")
    if kind.startswith("net_"):
        try:
            find_dpdk()
        except PortError as e:
            pytest.skip(str(e))


def started(n: Net, kind: str, chain: str, cores: int) -> None:
    """The box between client and server. TAP devices take the place of the cables' ends, with their addresses."""
    lan, wan = PORTS[kind]
    n.mcc(chain, "--cores", str(cores), lan=lan, wan=wan)
    if kind != "tap":
        neighbours(n)
        return
    for tap, ns, old, four, six in (("t0", n.client, "c0", CLIENT4, CLIENT6), ("t1", n.server, "s0", SERVER4, SERVER6)):
        run("ip", "-n", n.box, "link", "set", tap, "netns", ns)
        run("ip", "-n", ns, "addr", "flush", "dev", old)
        run("ip", "-n", ns, "link", "set", tap, "up")
        run("ip", "-n", ns, "addr", "add", f"{four}/24", "dev", tap)
        run("ip", "-n", ns, "addr", "add", f"{six}/64", "dev", tap, "nodad")
    neighbours(n, "t0", "t1")


def ended(n: Net, cores: int) -> dict[str, Any]:
    """The statistics, which add up."""
    box = next(p for p in n.processes if "mcc: running" in p.text())
    assert box.stop() == 130, box.text()
    stats: dict[str, Any] = json.loads((n.folder / "stats.json").read_text())
    received, sent = (sum(p[k] for p in stats["ports"].values()) for k in ("rx_packets", "tx_packets"))
    assert received + stats["made"] == sent + sum(stats["drops"].values()) + stats["held"]
    if cores > 1:
        each = stats["cores"]["each"]
        assert len(each) == cores and all(c["packets"] > 0 for c in each)
        handed_out, handed_in = (sum(c[k] for c in each) for k in ("handed_out", "handed_in"))
        assert handed_out == handed_in and sum(c["sent_out"] for c in each) == sum(c["sent_in"] for c in each)
        assert sum(c["sessions"] for c in each) == stats["sessions"]["created"]
    return stats


def fetch(n: Net, url: str, name: str = "got") -> Path:
    """A body whose length the box may have changed: it ends with its connection."""
    got = n.folder / name
    curl(n, "--ignore-content-length", "-H", "Connection: close", "-o", str(got), url)
    return got


@pytest.mark.parametrize("cores", [1, 2])
@pytest.mark.parametrize("chain", CHAINS)
@pytest.mark.parametrize("kind", PORTS)
def test_traffic(net: Callable[..., Net], huge: bytes, kind: str, chain: str, cores: int) -> None:
    needs("ping", "iputils-ping")
    available(kind)
    n = net()
    files = serve(n, huge=huge) if kind != "tap" else {}
    started(n, kind, chain, cores)
    if kind == "tap":
        files = serve(n, huge=huge)
    for address in (SERVER4, SERVER6):  # with a deadline, ping waits for a last answer that a busy machine makes late
        said = run("ip", "netns", "exec", n.client, "ping", "-c", "4", "-w", "10", "-i", "0.1", "-s", "1000", address)
        assert " 0% packet loss" in said
    new = b"" if chain.startswith("words") else WORD
    host = CHAINS[chain]
    for where in (host, f"[{SERVER6}]"):
        assert fetch(n, f"http://{where}/page").read_bytes() == files["page"].replace(WORD, new)
    if chain == "nat.py":
        assert curl(n, f"http://{SERVER4}:81/") == PUBLIC
    names = [str(n.folder / f"got{i}") for i in range(PARALLEL)]
    curl(n, "-Z", "--parallel-immediate", "--parallel-max", str(PARALLEL), "--ignore-content-length", "-H", "Connection: close",
         *(x for o in names for x in ("-o", o, f"http://{host}/small")))
    assert all(Path(o).read_bytes() == files["small"].replace(WORD, new) for o in names)
    with fetch(n, f"http://{host}/huge").open("rb") as f:
        assert hashlib.file_digest(f, "sha256").digest() == hashlib.sha256(huge.replace(WORD, new)).digest()
    ended(n, cores)


@pytest.mark.parametrize("cores", [1, 2])
def test_captures_and_a_ring_of_dpdk(net: Callable[..., Net], cores: int) -> None:
    """What net_pcap reads passes the chain into net_ring, which gives it back, and through the chain again."""
    available("net_")
    n = net()
    box = n.mcc("through.py", "--cores", str(cores), "--duration", "1.5", wan="dpdk:net_ring0",
                lan=f"dpdk:net_pcap0,rx_pcap={HTTP},tx_pcap={n.folder}/out.pcap")
    assert box.child.wait(10) == 0
    got, sent = frames(n.folder / "out.pcap"), frames(HTTP)
    assert sorted(got) == sorted(sent) and len(sent) > 200
    if cores == 1:
        return
    ends = {key: [f for f in got if conversation(f) == key] for key in map(conversation, sent)}
    assert ends == {key: [f for f in sent if conversation(f) == key] for key in ends}, "each conversation in its order"
    each = json.loads((n.folder / "stats.json").read_text())["cores"]["each"]
    assert each[1]["packets"] > 0 and each[0]["handed_out"] == each[1]["packets"], "core 0 has the devices"


def frames(path: Path) -> list[bytes]:
    with open_capture(str(path)) as capture:
        return [r.data for r in capture.records()]


def conversation(frame: bytes) -> tuple[bytes, ...]:
    """Of TCP and UDP over IPv4 without options: both ends, in either order."""
    return tuple(sorted((frame[26:30] + frame[34:36], frame[30:34] + frame[36:38])))


def test_under_load(net: Callable[..., Net]) -> None:
    """Forty connections at once, both ways, by two cores: nothing is lost between them, and everything is counted once."""
    n = net()
    box = n.mcc("reading.py", "--cores", "2")
    data, back = text(400_000, 1), text(300_000, 2)
    results: list[tuple[Arrived, Arrived]] = []

    def converse(port: int) -> None:
        results.append(exchange(*n.pair(port), data, back))

    threads = [threading.Thread(target=converse, args=(5100 + i,)) for i in range(40)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(results) == 40
    for at_client, at_server in results:
        check(at_client, back)
        check(at_server, data)
    stats = ended(n, 2)
    assert stats["elements"]["Reader"]["counters"]["all"] == 40 * (len(data) + len(back))
    assert stats["sessions"]["created"] == 40 and all(c["sessions"] > 0 for c in stats["cores"]["each"])
    lines = [json.loads(line) for line in (n.folder / "sessions.json").read_text().splitlines()]
    assert sorted(s["to_server"]["scratch"]["Reader"]["bytes"] for s in lines) == [len(data)] * 40
    assert sorted(s["to_client"]["scratch"]["Reader"]["bytes"] for s in lines) == [len(back)] * 40
    assert "skew" in box.text() and "biggest flow" in box.text()


def test_a_parameter_is_set_on_all_cores(net: Callable[..., Net], tmp_path: Path) -> None:
    """`mcc set` reaches every core; --metrics says what each does."""
    n = net()
    box = n.mcc("../../../examples/limiter.py", "--cores", "2", "--metrics", "localhost:0")
    [url] = re.findall(r"metrics: (http\S+)", box.text())
    said = subprocess.run([sys.executable, "-c", COMMAND, "set", str(box.child.pid), "Limiter.limit=1"], capture_output=True,
                          text=True, check=False, cwd=ROOT)
    assert said.returncode == 0, said.stderr
    with within(n.client, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as s:
        run("ip", "-n", n.client, "neigh", "add", SERVER4, "lladdr", "02:00:00:00:00:01", "dev", "c0")
        for port in range(7000, 7040):
            for _ in range(3):
                s.sendto(b"datagram", (SERVER4, port))
        time.sleep(0.5)
    page = run("ip", "netns", "exec", n.box, "curl", "-sS", url)
    handled = [float(x) for x in re.findall(r'^mcc_core_packets_total\{core="\d"\} (\S+)', page, re.M)]
    assert len(handled) == 2 and all(handled)
    stats = ended(n, 2)
    counters = stats["elements"]["Limiter"]["counters"]
    assert counters["passed"] + counters["dropped"] == 120 and counters["dropped"] >= 40, counters
