"""Network namespaces, cables between them, and what runs in them.

    client c0 ====== d0 box d1 ====== (i0 impair i1) ====== s0 server
"""

from __future__ import annotations

import ctypes
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CLONE_NEWNET = 0x40000000
COMMAND = "from mcc.cli import main; main()"
LIMIT = 20.0
"""Seconds after which whatever a test waits for has failed."""

CLIENT4, SERVER4, CLIENT6, SERVER6 = "198.18.7.1", "198.18.7.2", "fd00:7::1", "fd00:7::2"


def missing() -> str:
    """Why these tests cannot run here; "" : they can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    for tool, package in (("ip", "iproute2"), ("ethtool", "ethtool")):
        if shutil.which(tool) is None:
            return f"{tool} is not there: apt install {package}"
    name = f"mcc-{secrets.token_hex(3)}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if made.returncode:
        return f"no network namespace can be made: {made.stderr.strip()}"
    try:
        veth = subprocess.run(["ip", "-n", name, "link", "add", "a0", "type", "veth", "peer", "name", "a1"],
                              capture_output=True, text=True, check=False)
        return f"no veth pair can be made: {veth.stderr.strip()}" if veth.returncode else ""
    finally:
        subprocess.run(["ip", "netns", "del", name], check=False)


def run(*command: str) -> str:
    """Standard output of a command that must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LIMIT)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr or done.stdout}"
    return done.stdout


def within(namespace: str, do: Callable[[], T]) -> T:
    """What `do` gives when it runs in a thread that is in the namespace: sockets made there stay there."""
    result: list[T] = []
    failure: list[BaseException] = []

    def work() -> None:
        fd = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
        try:
            if ctypes.CDLL(None, use_errno=True).setns(fd, CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
            result.append(do())
        except BaseException as e:
            failure.append(e)
        finally:
            os.close(fd)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return result[0]


class Process:
    """A program that a test started and ends."""

    def __init__(self, command: list[str], log: Path, ready: str) -> None:
        self.log = log
        with log.open("wb") as f:
            self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=f, stderr=subprocess.STDOUT, cwd=ROOT)
        deadline = time.monotonic() + 60  # a C compiler may run first
        while ready not in self.text():
            if self.child.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise AssertionError(f"{' '.join(command)} did not come up:\n{self.text()}")
            time.sleep(0.02)

    def text(self) -> str:
        return self.log.read_text(errors="replace")

    def stop(self, how: int = signal.SIGINT) -> int:
        """Ends it; its exit code."""
        if self.child.poll() is None:
            self.child.send_signal(how)
        try:
            return self.child.wait(5)
        except subprocess.TimeoutExpired:
            self.child.kill()
            return self.child.wait()


class Net:
    """Three namespaces, four where something is in the wire; everything is gone after close()."""

    def __init__(self, folder: Path, *, offloads: bool = False, mtu: int = 1500, impaired: bool = False) -> None:
        self.folder, self.offloads, self.mtu = folder, offloads, mtu
        token = secrets.token_hex(3)
        self.client, self.box, self.server, self.wire = (f"mcc-{token}-{x}" for x in ("client", "box", "server", "wire"))
        self.made: list[str] = []
        self.processes: list[Process] = []
        self.sockets: list[socket.socket] = []
        self.count = 0
        try:
            for name in (self.client, self.box, self.server, *([self.wire] if impaired else [])):
                self._namespace(name)
            self._cable(self.client, "c0", self.box, "d0")
            if impaired:
                self._cable(self.box, "d1", self.wire, "i0")
                self._cable(self.wire, "i1", self.server, "s0")
            else:
                self._cable(self.box, "d1", self.server, "s0")
            for ns, device, four, six in ((self.client, "c0", CLIENT4, CLIENT6), (self.server, "s0", SERVER4, SERVER6)):
                run("ip", "-n", ns, "addr", "add", f"{four}/24", "dev", device)
                if mtu >= 1280:  # what IPv6 demands
                    run("ip", "-n", ns, "addr", "add", f"{six}/64", "dev", device, "nodad")
        except BaseException:
            self.close()
            raise

    def _namespace(self, name: str) -> None:
        run("ip", "netns", "add", name)
        self.made.append(name)
        run("ip", "-n", name, "link", "set", "lo", "up")
        mute = "0" if name in (self.client, self.server) else "1"  # between the ends no kernel speaks
        for where in ("all", "default"):
            run("ip", "netns", "exec", name, "sysctl", "-qw", f"net.ipv6.conf.{where}.disable_ipv6={mute}")
        within(name, lambda: Path("/proc/sys/net/ipv4/tcp_no_metrics_save").write_text("1"))

    def _cable(self, a: str, device_a: str, b: str, device_b: str) -> None:
        run("ip", "link", "add", device_a, "netns", a, "mtu", str(self.mtu), "type", "veth",
            "peer", "name", device_b, "netns", b, "mtu", str(self.mtu))
        for ns, device in ((a, device_a), (b, device_b)):
            run("ip", "-n", ns, "link", "set", device, "up")
            if not self.offloads:
                run("ip", "netns", "exec", ns, "ethtool", "-K", device, "rx", "off", "tx", "off", "tso", "off", "gso", "off",
                    "gro", "off")

    def start(self, namespace: str, *command: str, ready: str) -> Process:
        """Runs a program in a namespace until `ready` is in what it says."""
        self.count += 1
        log = self.folder / f"{self.count}-{Path(command[0]).name}.log"
        process = Process(["ip", "netns", "exec", namespace, *command], log, ready)
        self.processes.append(process)
        return process

    def mcc(self, chain: str, *options: str, lan: str = "afpacket:d0", wan: str = "afpacket:d1") -> Process:
        """`mcc run` of a chain of tests/live/chains between the cables."""
        return self.start(self.box, sys.executable, "-c", COMMAND, "run", str(HERE / "chains" / chain), "--port", f"lan={lan}",
                          "--port", f"wan={wan}", "--stats", str(self.folder / "stats.json"), "--sessions",
                          str(self.folder / "sessions.json"), *options, ready="mcc: running")

    def bridge(self) -> None:
        """The kernel of the box's namespace passes everything: what it is without us."""
        run("ip", "-n", self.box, "link", "add", "br0", "type", "bridge")
        for device in ("d0", "d1"):
            run("ip", "-n", self.box, "link", "set", device, "master", "br0")
        run("ip", "-n", self.box, "link", "set", "br0", "up")

    def impair(self, loss: float, duplicate: float, reorder: float, seed: int) -> Process:
        """What goes over the cable to the server is lost, doubled or late with these probabilities."""
        return self.start(self.wire, sys.executable, str(HERE / "impair.py"), "i0", "i1", str(loss), str(duplicate), str(reorder),
                          str(seed), ready="ready")

    def listen(self, port: int, *, six: bool = False, options: tuple[tuple[int, int, int], ...] = ()) -> socket.socket:
        """A listening socket of the server."""
        def make() -> socket.socket:
            s = socket.socket(socket.AF_INET6 if six else socket.AF_INET)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            for option in options:
                s.setsockopt(*option)
            s.bind((SERVER6 if six else SERVER4, port))
            s.listen(8)
            s.settimeout(LIMIT)
            return s
        return within(self.server, make)

    def connect(self, port: int, *, six: bool = False, options: tuple[tuple[int, int, int], ...] = ()) -> socket.socket:
        """A socket of the client that is connected to the server."""
        def make() -> socket.socket:
            s = socket.socket(socket.AF_INET6 if six else socket.AF_INET)
            self.sockets.append(s)
            for option in options:
                s.setsockopt(*option)
            s.settimeout(LIMIT)
            s.connect((SERVER6 if six else SERVER4, port))
            return s
        return within(self.client, make)

    def pair(self, port: int = 5001, *, six: bool = False,
             options: tuple[tuple[int, int, int], ...] = ()) -> tuple[socket.socket, socket.socket]:
        """A connection: the client's socket and the server's."""
        with self.listen(port, six=six, options=options) as listening:
            mine = self.connect(port, six=six, options=options)
            theirs, _ = listening.accept()
        self.sockets.append(theirs)
        theirs.settimeout(LIMIT)
        return mine, theirs

    def close(self) -> None:
        for s in self.sockets:
            s.close()
        for process in reversed(self.processes):
            process.stop()
        for name in reversed(self.made):
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
        self.processes, self.made = [], []
