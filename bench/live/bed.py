"""The test bed: namespaces, cables, addresses, and the processes in them.

    client c0 ====== d0 box d1 ====== s0 server        client c0 ====== s0 server   (`wire`: no box)

    198.18.1.2       .1.1    .2.1     198.18.2.11 .. .14      (RFC 2544: addresses for benchmarks, routed nowhere)

Neighbours are written down, nobody asks for them. A box that passes frames as they are (`frames`) is not in the ends'
tables: each end sends to the other one's MAC address.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
CLONE_NEWNET = 0x40000000
CLIENT, BOX_CLIENT, BOX_SERVER = "198.18.1.2", "198.18.1.1", "198.18.2.1"
SERVERS = [f"198.18.2.{i}" for i in range(11, 15)]
MACS = {"c0": "02:00:00:00:01:02", "d0": "02:00:00:00:01:01", "d1": "02:00:00:00:02:01", "s0": "02:00:00:00:02:02"}
END = """net.ipv4.ip_local_port_range=1024 65535
net.ipv4.tcp_tw_reuse=1
net.ipv4.tcp_fin_timeout=5
net.ipv4.tcp_max_syn_backlog=8192
net.ipv4.tcp_syncookies=0
net.ipv4.tcp_no_metrics_save=1
net.core.somaxconn=8192""".splitlines()
"""Ends that make thousands of connections a second to one address."""


class BedError(Exception):
    """What was asked for cannot be done here; the text says why and what to do."""


def run(*command: str) -> str:
    """Standard output of a command that must succeed within 30 s. Raises BedError."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    if done.returncode:
        raise BedError(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def within(namespace: str, do: Callable[[], T]) -> T:
    """What `do` gives in a thread that is in the namespace. Raises what it raises."""
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
    """A program in a namespace, in a session of its own; what it says is in a file."""

    def __init__(self, command: list[str], log: Path) -> None:
        self.command, self.log = command, log
        with log.open("wb") as out:  # its input never ends: testpmd would
            self.child = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.PIPE,
                                          start_new_session=True)

    def text(self) -> str:
        return self.log.read_text(errors="replace")

    def wait(self, ready: str, seconds: float) -> None:
        """Until `ready` is in what it says. Raises BedError."""
        until = time.monotonic() + seconds
        while ready not in self.text():
            if self.child.poll() is not None or time.monotonic() > until:
                raise BedError(f"{Path(self.command[0]).name} did not come up: {self.text().strip()[-600:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Ends it, and its children with it."""
        for how in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.child.pid, how)
            except ProcessLookupError:
                pass
            try:
                self.child.wait(5)
                break
            except subprocess.TimeoutExpired:
                continue
        if self.child.stdin is not None:
            self.child.stdin.close()


class Bed:
    """One test bed, a context manager: everything is gone behind it.

    wiring: `wire`, `routed` (the box has addresses and is the ends' next hop) or `frames`. offloads: checksums, TSO,
    GSO and GRO stay on at all four ends, as kernels have them; else frames are what a wire would carry. cpus: the
    processors of the ends, and of the box; None: all may use all.
    """

    def __init__(self, folder: Path, wiring: str, offloads: bool, *, cpus: tuple[list[int], list[int]] | None) -> None:
        self.folder, self.wiring, self.offloads, self.cpus = folder, wiring, offloads, cpus
        self.prefix = f"mccbench-{os.getpid()}-{secrets.token_hex(2)}"
        self.client, self.box, self.server = (f"{self.prefix}-{x}" for x in ("client", "box", "server"))
        self.stack = ExitStack()
        self.count = 0

    def __enter__(self) -> Bed:
        try:
            self._build()
        except BaseException:
            self.stack.close()
            raise
        return self

    def __exit__(self, *what: object) -> None:
        self.stack.close()

    def _build(self) -> None:
        for name in (self.client, self.server) if self.wiring == "wire" else (self.client, self.box, self.server):
            self._namespace(name, END if name != self.box else [f"net.ipv4.ip_forward={int(self.wiring == 'routed')}"])
        cables = [(self.client, "c0", self.server, "s0")] if self.wiring == "wire" else [
            (self.client, "c0", self.box, "d0"), (self.box, "d1", self.server, "s0")]
        for cable in cables:
            self._cable(*cable)
        self._end(self.client, "c0", [CLIENT], BOX_CLIENT, "198.18.2.0/24", "d0" if self.wiring == "routed" else "s0")
        self._end(self.server, "s0", SERVERS, BOX_SERVER, "198.18.1.0/24", "d1" if self.wiring == "routed" else "c0")
        if self.wiring == "routed":
            for device, address, ends, other in (("d0", BOX_CLIENT, [CLIENT], "c0"), ("d1", BOX_SERVER, SERVERS, "s0")):
                run("ip", "-n", self.box, "addr", "add", f"{address}/24", "dev", device)
                for end in ends:
                    self._neighbour(self.box, device, end, other)

    def _namespace(self, name: str, settings: list[str]) -> None:
        run("ip", "netns", "add", name)
        self.stack.callback(subprocess.run, ["ip", "netns", "del", name], capture_output=True, check=False)
        run("ip", "-n", name, "link", "set", "lo", "up")
        run("ip", "netns", "exec", name, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1",
            "net.ipv6.conf.default.disable_ipv6=1", "net.ipv4.conf.all.send_redirects=0", *settings)

    def _cable(self, a: str, device_a: str, b: str, device_b: str) -> None:
        run("ip", "link", "add", device_a, "netns", a, "address", MACS[device_a], "type", "veth",
            "peer", "name", device_b, "netns", b, "address", MACS[device_b])
        for ns, device in ((a, device_a), (b, device_b)):
            run("ip", "-n", ns, "link", "set", device, "up")
            if not self.offloads:
                run("ip", "netns", "exec", ns, "ethtool", "-K", device, "rx", "off", "tx", "off", "tso", "off",
                    "gso", "off", "gro", "off")

    def _end(self, ns: str, device: str, addresses: list[str], hop: str, net: str, hop_device: str) -> None:
        for address in addresses:
            run("ip", "-n", ns, "addr", "add", f"{address}/24", "dev", device)
        self._neighbour(ns, device, hop, hop_device)
        run("ip", "-n", ns, "route", "add", net, "via", hop)

    def _neighbour(self, ns: str, device: str, address: str, owner: str) -> None:
        run("ip", "-n", ns, "neigh", "add", address, "lladdr", MACS[owner], "dev", device, "nud", "permanent")

    def command(self, namespace: str, *command: str, pinned: bool = True) -> list[str]:
        """How a program is run in a namespace, on the processors of the box or of the ends."""
        pin = []
        if pinned and self.cpus is not None:
            pin = ["taskset", "-c", ",".join(map(str, self.cpus[namespace == self.box]))]
        return ["ip", "netns", "exec", namespace, *pin, *command]

    def start(self, namespace: str, *command: str, pinned: bool = True) -> Process:
        """Runs a program there until the bed is taken down."""
        self.count += 1
        name = Path(command[0]).name
        log = self.folder / f"{self.prefix}-{self.count}-{name}.log"
        process = Process(self.command(namespace, *command, pinned=pinned), log)
        self.stack.callback(process.stop)
        return process
