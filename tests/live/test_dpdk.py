"""`dpdk:` ports: DPDK's drivers on interfaces between kernels, and those that need none."""

from __future__ import annotations

import json
import re
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mcc.diag import PortError
from mcc.run.capture import open_capture
from mcc.toolchain.dpdk import find_dpdk
from tests.live.conftest import needs
from tests.live.net import COMMAND, HERE, LIMIT, SERVER4, SERVER6, Net, run, within
from tests.live.transfer import WORD, check, exchange, text
from tests.live.web import curl, serve, through_nat

DRIVERS = ("net_af_packet", "net_af_xdp")
MEGABYTE = 1_000_000
HTTP = Path(__file__).resolve().parents[2] / "examples" / "captures" / "http.pcap"


@pytest.fixture(scope="module", autouse=True)
def dpdk() -> None:
    try:
        find_dpdk()
    except PortError as e:
        pytest.skip(str(e))


def between(driver: str) -> dict[str, str]:
    """Ports on the cables."""
    return {"lan": f"dpdk:{driver}0,iface=d0", "wan": f"dpdk:{driver}1,iface=d1"}


@pytest.mark.parametrize("driver", DRIVERS)
def test_ping(net: Callable[..., Net], driver: str) -> None:
    needs("ping", "iputils-ping")
    n = net()
    box = n.mcc("through.py", **between(driver))
    for address in (SERVER4, SERVER6):
        said = run("ip", "netns", "exec", n.client, "ping", "-c", "20", "-w", "10", "-i", "0.01", "-s", "1000", address)
        [shortest] = re.findall(r"min/avg/max/mdev = ([\d.]+)/", said)
        assert " 0% packet loss" in said and float(shortest) < 0.5, "ms: a device without a descriptor was slept upon"
    assert box.stop() == 130
    stats = json.loads((n.folder / "stats.json").read_text())
    received, sent = (sum(p[k] for p in stats["ports"].values()) for k in ("rx_packets", "tx_packets"))
    assert received == sent >= 20 and not stats["drops"]


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize(("chain", "new"), [("through.py", WORD), ("words.py:remove", b""), ("words.py:lengthen", b"[taken out by the box]")])
def test_ten_megabytes(net: Callable[..., Net], driver: str, chain: str, new: bytes) -> None:
    """Both directions at once."""
    n = net()
    n.mcc(chain, **between(driver))
    data, back = text(10 * MEGABYTE, 1), text(10 * MEGABYTE, 2)
    at_client, at_server = exchange(*n.pair(), data, back)
    check(at_server, data.replace(WORD, new))
    check(at_client, back.replace(WORD, new))


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize(("chain", "new"), [("through.py", WORD), ("words.py:equal", b"[----]")])
def test_files(net: Callable[..., Net], driver: str, chain: str, new: bytes) -> None:
    n = net()
    files = serve(n)
    n.mcc(chain, **between(driver))
    got = n.folder / "got"
    for address in (SERVER4, f"[{SERVER6}]"):
        for name in ("small", "large"):
            curl(n, "-o", str(got), f"http://{address}/{name}")
            assert got.read_bytes() == files[name].replace(WORD, new)


@pytest.mark.parametrize("driver", DRIVERS)
def test_nat(net: Callable[..., Net], driver: str) -> None:
    n = net()
    files = serve(n)
    n.mcc("nat.py", **between(driver))
    through_nat(n, files)


def test_beside_another_type_of_port(net: Callable[..., Net]) -> None:
    """Packets go from the box's buffers into mbufs and back; super-frames of the packet socket are cut for DPDK."""
    n = net()
    for ns, device in ((n.client, "c0"), (n.box, "d0")):
        run("ip", "netns", "exec", ns, "ethtool", "-K", device, "tx", "on", "tso", "on", "gso", "on", "gro", "on")
    n.mcc("through.py", lan="afpacket:d0", wan="dpdk:net_af_packet0,iface=d1")
    data, back = text(3 * MEGABYTE, 3), text(3 * MEGABYTE, 4)
    at_client, at_server = exchange(*n.pair(), data, back)
    check(at_server, data)
    check(at_client, back)


@pytest.mark.parametrize("driver", DRIVERS)
def test_an_interface_that_goes_down_comes_back(net: Callable[..., Net], driver: str) -> None:
    """DPDK's drivers say nothing of it. What would leave there is refused."""
    needs("ping", "iputils-ping")
    n = net()
    box = n.mcc("through.py", **between(driver))
    for times in (1, 2):
        for state, words in (("down", f"{driver}1,iface=d1: Network is down"), ("up", f"{driver}1,iface=d1 is back")):
            run("ip", "-n", n.box, "link", "set", "d1", state)
            deadline = time.monotonic() + LIMIT
            while box.text().count(words) < times:
                assert time.monotonic() < deadline, box.text()
                time.sleep(0.05)
    assert " 0% packet loss" in run("ip", "netns", "exec", n.client, "ping", "-c", "5", "-w", "10", "-i", "0.1", SERVER4)
    run("ip", "-n", n.box, "link", "del", "d1")
    run("sleep", "0.5")
    assert box.stop() == 4 and "iface=d1: No such device" in box.text()


def test_an_interface_that_the_driver_makes(net: Callable[..., Net]) -> None:
    """net_tap's iface= is not there before."""
    needs("ping", "iputils-ping")
    n = net()
    box = n.mcc("through.py", lan="dpdk:net_tap0,iface=made", wan="afpacket:d1")
    run("ip", "-n", n.box, "addr", "add", "198.18.7.9/24", "dev", "made")
    assert " 0% packet loss" in run("ip", "netns", "exec", n.box, "ping", "-c", "3", "-w", "10", "-i", "0.1", SERVER4)
    assert box.stop() == 130 and "made" not in run("ip", "-n", n.box, "link")


def test_a_veth_with_offloads(net: Callable[..., Net]) -> None:
    """It is said what TCP needs; checksums that the client left to its interface are found wrong, and that is said too."""
    n = net(offloads=True)
    box = n.mcc("through.py", **between("net_af_packet"))
    need = "port lan: d0 is a veth: TCP needs, once and at both ends, ethtool -K d0 tx off tso off gso off gro off"
    assert f"mcc: {need}\n" in box.text()
    with within(n.client, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as s:
        run("ip", "-n", n.client, "neigh", "add", SERVER4, "lladdr", "02:00:00:00:00:01", "dev", "c0")
        s.sendto(b"datagram", (SERVER4, 5005))
        run("sleep", "0.2")
    box.stop()
    assert f"{need} (1 packets had wrong checksums)" in box.text()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("driver", DRIVERS)
def test_nothing_is_left(net: Callable[..., Net], driver: str, how: signal.Signals) -> None:
    n = net()
    box = n.mcc("through.py", **between(driver))
    program = "prog/xdp" in run("ip", "-n", n.box, "-d", "link", "show", "d0")
    assert program == (driver == "net_af_xdp")
    assert box.stop(how) == 130
    for device in ("d0", "d1"):
        said = run("ip", "-n", n.box, "-d", "link", "show", device)
        assert "promiscuity 0" in said and "xdp" not in said
    assert not list(Path("/var/run/dpdk").glob(f"mcc-{box.child.pid}*"))
    assert not list(Path("/dev/hugepages").glob(f"*mcc-{box.child.pid}*"))


def packets(path: Path) -> list[bytes]:
    """Frames of a capture."""
    with open_capture(str(path)) as capture:
        return [r.data for r in capture.records()]


def test_buffers_come_back(net: Callable[..., Net]) -> None:
    """Many times more packets than the pool has; received = sent + dropped."""
    n = net()
    box = n.mcc("through.py", "--duration", "0.5", lan="dpdk:net_null0", wan="dpdk:net_null1,no-rx=1")
    assert box.child.wait(10) == 0
    stats = json.loads((n.folder / "stats.json").read_text())
    assert stats["ports"]["lan"]["rx_packets"] == stats["ports"]["wan"]["tx_packets"] > 200_000 and not stats["drops"]


def test_captures(net: Callable[..., Net]) -> None:
    """What net_pcap reads at one port is what it writes at the other one."""
    n = net()
    ports = [f"{port}=dpdk:net_pcap{i},rx_pcap={HTTP},tx_pcap={n.folder}/{port}.pcap" for i, port in enumerate(("lan", "wan"))]
    box = n.mcc("through.py", "--duration", "1", lan=ports[0][4:], wan=ports[1][4:])
    assert box.child.wait(10) == 0
    sent = packets(HTTP)
    assert len(sent) > 200
    for port in ("lan", "wan"):
        assert packets(n.folder / f"{port}.pcap") == sent


def test_long_frames_of_captures(net: Callable[..., Net]) -> None:
    """Frames in several mbufs, in both directions; net_pcap would cut what is longer than its 16,128 bytes."""
    n = net()
    head = bytes.fromhex("0200000000020200000000019000")
    frames = [head + bytes(i % 251 for i in range(size)) for size in (50, 2162, 2163, 9000, 16_114, 16_115, 60_000)]
    write(n.folder / "long.pcap", frames)
    box = n.mcc("through.py", "--duration", "0.5", lan=f"dpdk:net_pcap0,rx_pcap={n.folder}/long.pcap,tx_pcap=/dev/null",
                wan=f"dpdk:net_pcap1,tx_pcap={n.folder}/out.pcap,rx_pcap={n.folder}/long.pcap")
    assert box.child.wait(10) == 0
    assert packets(n.folder / "out.pcap") == frames[:5]
    assert json.loads((n.folder / "stats.json").read_text())["drops"] == {"refused": 4}


def write(path: Path, frames: list[bytes]) -> None:
    with path.open("wb") as f:
        f.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
        for i, frame in enumerate(frames):
            f.write(struct.pack("<IIII", i, 0, len(frame), len(frame)) + frame)


def test_a_ring(net: Callable[..., Net]) -> None:
    """net_ring gives back what it is given: through the chain, into the ring, and back through the chain."""
    n = net()
    box = n.mcc("through.py", "--duration", "1", wan="dpdk:net_ring0", lan=f"dpdk:net_pcap0,rx_pcap={HTTP},tx_pcap={n.folder}/out.pcap")
    assert box.child.wait(10) == 0
    assert packets(n.folder / "out.pcap") == packets(HTTP)


TWICE = """
import json, sys
import mcc
from mcc.api import Module
from mcc.run.live import run_live
from mcc.run.module import RunnableModule
from mcc.run.ports import bind
from mcc.run.runner import RunOptions
for name in sys.argv[2:]:
    compiled = mcc.build(name).compiled
    for _ in range(2):
        bindings = bind(compiled.graph.ports, None, None, json.loads(sys.argv[1]))
        result = run_live(RunnableModule(Module(compiled, io=["dpdk"])), bindings, RunOptions(duration=0.5))
        print("packets", sum(p["rx_packets"] for p in result.stats["ports"].values()), flush=True)
"""


@pytest.mark.parametrize("driver", ["net_pcap", "net_ring", "net_af_packet", "net_af_xdp"])
def test_again_in_one_process(net: Callable[..., Net], driver: str) -> None:
    """DPDK starts once a process: for the second run, and for the second module."""
    n = net()
    devargs = {"net_pcap": f"rx_pcap={HTTP},tx_pcap=/dev/null", "net_ring": ""}.get(driver, "iface=d0")
    specs = {"lan": f"dpdk:{driver}0" + (f",{devargs}" if devargs else ""), "wan": "null"}
    chains = [str(HERE / "chains" / c) for c in ("through.py", "reading.py")]
    child = n.start(n.box, sys.executable, "-c", TWICE, json.dumps(specs), *chains, ready="packets")
    assert child.child.wait(60) == 0, child.text()
    counts = [int(line.split()[1]) for line in child.text().splitlines() if line.startswith("packets")]
    assert len(counts) == 4 and len(set(counts)) == 1 or driver.startswith("net_af")
    assert counts[0] == 222 or driver != "net_pcap"


@pytest.mark.parametrize(("spec", "words"), [
    ("net_af_packet0,iface=nope", "there is no interface 'nope'"), ("net_af_xdp0,iface=d1", "d1 is down; ip link set d1 up"),
    ("net_af_packet0", "wants an interface"), ("net_null0,nonsense=1", "its driver refuses the arguments 'nonsense=1'"),
    ("net_pcap0,rx_pcap=/nowhere.pcap", "/nowhere.pcap: No such file or directory"), ("net_nothing0", "no driver of that name"),
    ("0000:ff:1f.7", "dpdk-devbind.py --status"), ("net_af_packet0,iface=d0,framesz=7", "invalid AF_PACKET MMAP parameters")])
def test_ports_that_cannot_be_opened(net: Callable[..., Net], spec: str, words: str) -> None:
    n = net()
    run("ip", "-n", n.box, "link", "set", "d1", "down")
    with pytest.raises(AssertionError, match=re.escape(words)) as said:
        n.mcc("through.py", lan=f"dpdk:{spec}", wan="null")
    text = str(said.value).partition("did not come up:\n")[2]
    assert text.startswith("mcc: port lan: ") and text.count("\n") == 1, "DPDK's own log is on the screen"
    assert "promiscuity 0" in run("ip", "-n", n.box, "-d", "link", "show", "d0")


@pytest.mark.parametrize("driver", DRIVERS)
def test_mtus(net: Callable[..., Net], driver: str) -> None:
    """Frames of the longest MTU pass whole; beyond it the port is refused, for drivers would cut them."""
    n = net(mtu=1890)
    n.mcc("through.py", **between(driver)).text()
    said = run("ip", "netns", "exec", n.client, "ping", "-c", "3", "-i", "0.05", "-M", "do", "-s", "1862", SERVER4)
    assert " 0% packet loss" in said
    n.processes.pop().stop()
    run("ip", "-n", n.box, "link", "set", "d0", "mtu", "1891")
    with pytest.raises(AssertionError, match="ip link set d0 mtu 1500, or use afpacket:d0"):
        n.mcc("through.py", **between(driver))


def test_frames_that_the_driver_has_cut(net: Callable[..., Net]) -> None:
    """A super-frame is longer than net_af_packet's ring has room for: it is counted, and does not go on."""
    n = net(offloads=True)
    box = n.mcc("through.py", "--checksums", "keep", **between("net_af_packet"))
    with within(n.client, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as s:
        run("ip", "-n", n.client, "neigh", "add", SERVER4, "lladdr", "02:00:00:00:00:01", "dev", "c0")
        s.setsockopt(socket.IPPROTO_UDP, 103, 1000)  # UDP_SEGMENT
        s.sendto(bytes(9500), (SERVER4, 5005))
        run("sleep", "0.2")
    box.stop()
    stats = json.loads((n.folder / "stats.json").read_text())
    assert stats["ports"]["lan"]["rx_errors"] == 1 and stats["ports"]["wan"]["tx_bytes"] < 1000, "kernels say little"
    assert "1 frames were longer than net_af_packet0 takes" in box.text() and "ethtool -K d0 " in box.text()


def test_a_device_of_another_program(net: Callable[..., Net]) -> None:
    """It is refused, and the other one goes on; what one that was killed has left is no hindrance."""
    needs("ping", "iputils-ping")
    n = net()
    box = n.mcc("through.py", **between("net_af_xdp"))
    for _ in range(2):
        with pytest.raises(AssertionError, match="net_af_xdp0: d0 is in use: another program has .* its queue 0"):
            n.mcc("through.py", lan="dpdk:net_af_xdp0,iface=d0", wan="null")
    ping = ("ip", "netns", "exec", n.client, "ping", "-c", "3", "-i", "0.1", SERVER4)
    assert " 0% packet loss" in run(*ping)
    box.stop(signal.SIGKILL)
    assert "prog/xdp" in run("ip", "-n", n.box, "-d", "link", "show", "d0")
    n.mcc("through.py", **between("net_af_xdp"))
    assert " 0% packet loss" in run(*ping)


def test_without_memory(net: Callable[..., Net]) -> None:
    """Whatever else takes, there is an amount that is enough for all but DPDK. Whoever has too little says so in one line."""
    n = net()
    said = []
    for kilobytes in range(600_000, 350_000, -25_000):
        try:
            n.start(n.box, "sh", "-c", f"ulimit -v {kilobytes}; exec {sys.executable} -c '{COMMAND}' run "
                    "tests/live/chains/through.py --max-sessions 1024 --port lan=dpdk:net_null0 --port wan=null",
                    ready="mcc: running")
            n.processes[-1].stop()
        except AssertionError as e:
            said.append(str(e).partition("did not come up:\n")[2])
            if said[-1].startswith("mcc: port lan: net_null0: there is not enough memory for DPDK ("):
                break
    assert said and said[-1].startswith("mcc: port lan: net_null0: there is not enough memory for DPDK ("), said
    assert said[-1].count("\n") == 1


def without(capability: str) -> list[str]:
    return ["setpriv", f"--bounding-set=-{capability}", f"--inh-caps=-{capability}", sys.executable, "-c", COMMAND, "run",
            "tests/live/chains/through.py", "--port", "wan=null", "--duration", "0.2"]


@pytest.mark.parametrize("driver", DRIVERS)
def test_no_right_to(net: Callable[..., Net], driver: str) -> None:
    n = net()
    for capability in ("net_raw", *(["net_admin"] if driver == "net_af_xdp" else [])):
        with pytest.raises(AssertionError, match="no right to open d0; run as root, or give Python the cap"):
            n.start(n.box, *without(capability), "--port", f"lan=dpdk:{driver}0,iface=d0", ready="mcc: running")


def test_without_rights(net: Callable[..., Net]) -> None:
    """Devices that are no interfaces need none."""
    n = net()
    n.start(n.box, *without("all"), "--port", "lan=dpdk:net_ring0", ready="mcc: running")
