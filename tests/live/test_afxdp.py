"""afxdp ports: AF_XDP sockets on both sides of a box between two kernels."""

from __future__ import annotations

import ctypes
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.live.conftest import needs
from tests.live.net import COMMAND, SERVER4, SERVER6, Net, Process, run, within
from tests.live.transfer import WORD, check, exchange, text
from tests.live.web import curl, serve


@pytest.fixture(autouse=True)
def library() -> None:
    """Skips where libxdp or AF_XDP is not there."""
    try:
        ctypes.CDLL("libxdp.so.1")
    except OSError:
        pytest.skip("libxdp is not there: apt install libxdp-dev libbpf-dev")
    try:
        socket.socket(44, socket.SOCK_RAW).close()
    except OSError as e:
        pytest.skip(f"no AF_XDP socket can be made: {e.strerror}")


def box(n: Net, chain: str, *options: str, lan: str = "afxdp:d0", wan: str = "afxdp:d1") -> Process:
    return n.mcc(chain, *options, lan=lan, wan=wan)


def untouched(n: Net) -> bool:
    """No program is attached in the box's namespace, no interface is promiscuous."""
    said = run("ip", "-n", n.box, "-d", "link", "show")
    return "xdp" not in said and set(re.findall(r" promiscuity (\d+)", said)) == {"0"}


def wait(process: Process, words: str) -> None:
    deadline = time.monotonic() + 10
    while words not in process.text():
        assert time.monotonic() < deadline, f"{words!r} is not in:\n{process.text()}"
        time.sleep(0.05)


def ping(n: Net, address: str = SERVER4) -> bool:
    needs("ping", "iputils-ping")
    return " 0% packet loss" in run("ip", "netns", "exec", n.client, "ping", "-c", "5", "-w", "10", "-i", "0.05", "-s", "1000", address)


def stats(n: Net) -> dict[str, dict[str, dict[str, int]]]:
    return json.loads((n.folder / "stats.json").read_text())  # type: ignore[no-any-return]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_ping_and_what_is_left(net: Callable[..., Net], how: signal.Signals) -> None:
    n = net()
    assert untouched(n)
    running = box(n, "through.py")
    for device in ("d0", "d1"):
        said = run("ip", "-n", n.box, "-d", "link", "show", device)
        assert "mtu 1500 xdp " in said and "promiscuity 1 " in said
    for address in (SERVER4, SERVER6):
        assert ping(n, address)
    assert "ethtool" not in running.text(), "nobody's offloads are on"
    running.stop(how)
    assert untouched(n)
    if how != signal.SIGKILL:
        assert stats(n)["ports"]["lan"]["rx_packets"] >= 10 and not stats(n)["drops"]


@pytest.mark.parametrize(("chain", "new"), [("through.py", WORD), ("words.py:equal", b"[----]"), ("nat.py", WORD)])
def test_files(net: Callable[..., Net], chain: str, new: bytes) -> None:
    """By nginx and curl; the NAT translates IPv4 and lets IPv6 by."""
    n = net()
    files = serve(n)
    box(n, chain)
    if chain == "nat.py":
        [mac] = re.findall(r"link/ether (\S+)", run("ip", "-n", n.client, "link", "show", "c0"))
        run("ip", "-n", n.server, "neigh", "add", "198.18.7.50", "lladdr", mac, "dev", "s0")
        assert curl(n, f"http://{SERVER4}:81/") == "198.18.7.50"
    for address in (SERVER4, f"[{SERVER6}]"):
        got = n.folder / "got"
        for name, data in files.items():
            curl(n, "-o", str(got), f"http://{address}/{name}")
            assert (got.read_bytes() if data else b"") == data.replace(WORD, new)


@pytest.mark.parametrize("six", [False, True])
@pytest.mark.parametrize("chain", ["through.py", "words.py:remove"])
def test_bulk(net: Callable[..., Net], chain: str, six: bool) -> None:
    """Both directions at once; packets are conserved."""
    n = net()
    running = box(n, chain)
    data, back = text(16_000_000, 2), text(8_000_000, 3)
    mine, theirs = n.pair(six=six)
    at_client, at_server = exchange(mine, theirs, data, back)
    removed = chain == "words.py:remove"
    check(at_client, back.replace(WORD, b"") if removed else back)
    check(at_server, data.replace(WORD, b"") if removed else data)
    assert running.stop() == 130
    if not removed:
        ports = stats(n)["ports"].values()
        assert sum(p["rx_packets"] for p in ports) == sum(p["tx_packets"] for p in ports) + sum(stats(n)["drops"].values())


@pytest.mark.parametrize("chain", ["through.py", "words.py:lengthen"])
def test_offloads_left_on(net: Callable[..., Net], chain: str) -> None:
    """The line that turns them off is said before anything goes wrong; checksums that are not there are computed."""
    n = net(offloads=True)
    running = box(n, chain)
    for device, other in (("d0", "c0"), ("d1", "s0")):
        assert f"{device} is one end of a veth cable, and {other} in another network namespace sends" in running.text()
        assert f"At both ends: ethtool -K {device} tx off tso off gso off gro off" in running.text()
    data, back = text(3_000_000, 2), text(3_000_000, 3)
    mine, theirs = n.pair()
    at_client, at_server = exchange(mine, theirs, data, back)
    new = b"[taken out by the box]" if chain.startswith("words") else WORD
    check(at_client, back.replace(WORD, new))
    check(at_server, data.replace(WORD, new))
    running.stop()
    assert "frames came without a TCP or UDP checksum" in running.text()
    assert untouched(n)


def test_offloads_of_the_other_end_alone(net: Callable[..., Net]) -> None:
    """It is in another namespace, and is asked there."""
    n = net(offloads=True)
    for device in ("d0", "d1"):
        run("ip", "netns", "exec", n.box, "ethtool", "-K", device, "tx", "off", "tso", "off", "gso", "off", "gro", "off")
    running = box(n, "through.py")
    assert "and c0 in another network namespace sends" in running.text()
    mine, theirs = n.pair()
    at_client, at_server = exchange(mine, theirs, text(100_000, 1), text(100_000, 2))
    check(at_client, text(100_000, 2))
    check(at_server, text(100_000, 1))
    wait(running, "frames came without a TCP or UDP checksum and are completed")


def test_offloads_of_this_end_alone(net: Callable[..., Net]) -> None:
    """What the box's kernel would send does not matter."""
    n = net(offloads=True)
    for ns, device in ((n.client, "c0"), (n.server, "s0")):
        run("ip", "netns", "exec", ns, "ethtool", "-K", device, "tx", "off", "tso", "off", "gso", "off", "gro", "off")
    running = box(n, "through.py")
    assert "ethtool" not in running.text()
    assert untouched(n) is False


def test_an_end_that_cannot_be_asked(net: Callable[..., Net]) -> None:
    """Without the right to enter its namespace: what this end does is what is known of the other one."""
    n = net(offloads=True)
    running = n.start(n.box, "setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin", sys.executable, "-c", COMMAND,
                      "run", "tests/live/chains/through.py", "--port", "lan=afxdp:d0", "--port", "wan=null",
                      ready="mcc: running")
    assert "d0 is one end of a veth cable, and the other end may send super-frames" in running.text()


def test_the_other_end_in_the_same_namespace(net: Callable[..., Net]) -> None:
    n = net()
    run("ip", "-n", n.box, "link", "add", "e0", "type", "veth", "peer", "name", "e1")
    for device in ("e0", "e1"):
        run("ip", "-n", n.box, "link", "set", device, "up")
    assert "e0 is one end of a veth cable, and e1 sends super-frames" in box(n, "through.py", lan="afxdp:e0", wan="null").text()
    run("ip", "netns", "exec", n.box, "ethtool", "-K", "e1", "tx", "off", "tso", "off", "gso", "off")
    n.processes[-1].stop()
    assert "ethtool" not in box(n, "through.py", lan="afxdp:e0", wan="null").text()


def test_super_frames_of_another_type_of_port_are_cut(net: Callable[..., Net]) -> None:
    n = net(offloads=True)
    running = box(n, "through.py", lan="afpacket:d0")
    data = text(3_000_000, 2)
    mine, theirs = n.pair()
    at_client, at_server = exchange(mine, theirs, data, b"x")
    check(at_server, data)
    assert not at_client.failure
    running.stop()
    assert not stats(n)["drops"] and "super-frames (GSO, GRO) were cut into their segments" in running.text()


def test_tags_inside_frames_stay(net: Callable[..., Net]) -> None:
    n = net()
    box(n, "through.py", lan="afxdp:d0,queue=0")
    frame = bytes.fromhex("0200000000020200000000018100200788b5") + bytes(range(60))
    with within(n.server, lambda: _packet_socket("s0")) as there, within(n.client, lambda: _packet_socket("c0")) as here:
        there.setsockopt(263, 8, 1)  # PACKET_AUXDATA
        here.send(frame)
        for _ in range(50):
            data, beside, _, _ = there.recvmsg(2000, 100)
            if data[12:14] == b"\x88\xb5":
                break
    assert data == frame[:12] + frame[16:] and beside[0][2][16:18] == b"\x07\x20"


def _packet_socket(device: str) -> socket.socket:
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    s.bind((device, 3))
    s.settimeout(5)
    return s


def test_loss_is_counted(net: Callable[..., Net]) -> None:
    """More frames than there are chunks, while nobody reads."""
    n = net()
    running = box(n, "through.py")
    [child] = _children(running.child.pid) or [running.child.pid]
    os.kill(child, signal.SIGSTOP)
    with within(n.client, lambda: _packet_socket("c0")) as here:
        for i in range(6000):
            here.send(bytes.fromhex("02000000000202000000000188b5") + i.to_bytes(50, "big"))
    os.kill(child, signal.SIGCONT)
    time.sleep(0.5)
    running.stop()
    lan = stats(n)["ports"]["lan"]
    assert lan["rx_errors"] >= 1000 and 6000 <= lan["rx_packets"] + lan["rx_errors"] < 6100


def _children(pid: int) -> list[int]:
    return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_frames_that_the_device_does_not_take_are_refused(net: Callable[..., Net]) -> None:
    """The other end of the cable is down: the port lives, its frames do not leave."""
    n = net()
    run("ip", "-n", n.server, "link", "set", "s0", "down")  # first: what Linux says of itself is refused as well
    running = box(n, "through.py")
    with within(n.client, lambda: _packet_socket("c0")) as here:
        for _ in range(100):
            here.send(bytes.fromhex("02000000000202000000000188b5") + bytes(50))
    time.sleep(0.3)
    running.stop()
    said = stats(n)
    assert 100 <= said["drops"]["refused"] == said["ports"]["lan"]["rx_packets"]  # type: ignore[comparison-overlap]
    assert said["ports"]["wan"]["tx_packets"] == 0 == said["ports"]["wan"]["tx_bytes"]


def test_an_interface_that_goes_comes_back(net: Callable[..., Net]) -> None:
    """Down, and removed; what is tried each second takes a new one of the name."""
    n = net()
    running = box(n, "through.py")
    run("ip", "-n", n.box, "link", "set", "d1", "down")
    wait(running, "port wan: d1: Network is down; it is tried again each second")
    assert "xdp" not in run("ip", "-n", n.box, "link", "show", "d1")
    run("ip", "-n", n.box, "link", "set", "d1", "up")
    wait(running, "port wan: d1 is back")
    assert ping(n)
    run("ip", "-n", n.box, "link", "del", "d1")
    wait(running, "port wan: d1: No such device; it is tried again each second")
    n._cable(n.box, "d1", n.server, "s0")
    run("ip", "-n", n.server, "addr", "add", f"{SERVER4}/24", "dev", "s0")
    run("ip", "-n", n.client, "neigh", "flush", "dev", "c0")
    deadline = time.monotonic() + 5
    while running.text().count("d1 is back") < 2:
        assert time.monotonic() < deadline, running.text()
        time.sleep(0.05)
    assert ping(n)
    run("ip", "-n", n.box, "link", "del", "d1")
    deadline = time.monotonic() + 5
    while running.text().count("d1: No such device; it is tried again") < 2:
        assert time.monotonic() < deadline, running.text()
        time.sleep(0.05)
    assert running.stop() == 4 and "\nmcc: port wan: d1: No such device\n" in running.text()
    assert untouched(n)


def test_another_interface_of_the_same_name(net: Callable[..., Net]) -> None:
    """It takes the place of the first before anybody has looked."""
    n = net()
    run("ip", "-n", n.box, "link", "add", "e0", "type", "veth", "peer", "name", "e1")
    run("ip", "-n", n.box, "link", "set", "e0", "up")
    running = box(n, "through.py", wan="afxdp:e0")
    batch = n.folder / "batch"
    batch.write_text("link del e0\nlink add e0 type veth peer name e1\nlink set e0 up\n")
    run("ip", "-n", n.box, "-batch", str(batch))
    wait(running, "port wan: e0: No such device; it is tried again each second")
    wait(running, "port wan: e0 is back")
    assert "xdp" in run("ip", "-n", n.box, "link", "show", "e0")


@pytest.mark.parametrize(("spec", "words"), [
    ("afxdp:nope", "there is no interface 'nope'"), ("afxdp:d1", "d1 is down; ip link set d1 up"),
    ("afxdp:d2", "d2 has 2 receive queues, an afxdp port reads one; ethtool -L d2 rx 1"),
    ("afxdp:d2,queue=7", "d2 has 2 receive queues, numbered from 0: there is no queue 7"),
    ("afxdp:d3", "its MTU is too long for AF_XDP, 3822 is the most; ip link set d3 mtu 1500"),
    ("afxdp:d4", "d4 is not an Ethernet interface")])
def test_ports_that_cannot_be_opened(net: Callable[..., Net], spec: str, words: str) -> None:
    n = net()
    run("ip", "-n", n.box, "link", "set", "d1", "down")
    run("ip", "-n", n.box, "link", "add", "d2", "numrxqueues", "2", "type", "veth", "peer", "name", "p2", "numtxqueues", "2")
    run("ip", "netns", "exec", n.box, "ethtool", "-L", "d2", "rx", "2")
    run("ip", "-n", n.box, "link", "add", "d3", "mtu", "9000", "type", "veth", "peer", "name", "p3", "mtu", "9000")
    run("ip", "-n", n.box, "tuntap", "add", "dev", "d4", "mode", "tun")
    for device in ("d2", "d3", "d4"):
        run("ip", "-n", n.box, "link", "set", device, "up")
    with pytest.raises(AssertionError, match=re.escape(words)):
        box(n, "through.py", wan=spec)
    assert _exit_code(n, spec) == 4
    assert untouched(n)


def _exit_code(n: Net, wan: str) -> int:
    return subprocess.run(["ip", "netns", "exec", n.box, sys.executable, "-c", COMMAND, "run", "tests/live/chains/through.py",
                           "--port", "lan=afxdp:d0", "--port", f"wan={wan}"], capture_output=True, check=False).returncode


def test_busy(net: Callable[..., Net]) -> None:
    """The first box goes on; the second leaves nothing."""
    n = net()
    box(n, "through.py")
    run("ip", "-n", n.box, "link", "add", "e0", "type", "veth", "peer", "name", "e1")
    for device in ("e0", "e1"):
        run("ip", "-n", n.box, "link", "set", device, "up")
    with pytest.raises(AssertionError, match="d0 is in use: another XDP program is attached to it"):
        box(n, "through.py", lan="afxdp:e0", wan="afxdp:d0")
    assert "xdp" not in run("ip", "-n", n.box, "link", "show", "e0")
    assert ping(n)


@pytest.mark.parametrize("right", ["net_raw", "net_admin"])
def test_no_right_to(net: Callable[..., Net], right: str) -> None:
    n = net()
    drop = f"-{right},-sys_admin,-bpf,-perfmon" if right == "net_admin" else f"-{right}"
    with pytest.raises(AssertionError, match="d0: no right to open an AF_XDP socket or to attach an XDP program; run as root"):
        n.start(n.box, "setpriv", f"--bounding-set={drop}", f"--inh-caps={drop}", sys.executable, "-c", COMMAND, "run",
                "tests/live/chains/through.py", "--port", "lan=afxdp:d0", "--port", "wan=null", ready="mcc: running")
    assert untouched(n)


def test_no_library(net: Callable[..., Net]) -> None:
    """A module that was compiled here runs where libxdp is not, with other ports."""
    n = net()
    [path] = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines() if "libxdp.so" in line}
    hide = ["unshare", "-m", "sh", "-c", f'mount --bind /dev/null {path} && exec "$@"', "-", sys.executable, "-c", COMMAND, "run",
            "tests/live/chains/through.py", "--port", "wan=null", "--port"]
    with pytest.raises(AssertionError, match="needs libxdp and libbpf.*: apt-get install libxdp-dev libbpf-dev"):
        n.start(n.box, *hide, "lan=afxdp:d0", ready="mcc: running")
    n.start(n.box, *hide, "lan=afpacket:d0", ready="mcc: running")
