"""A live run in this thread, with ports that are bound to nothing; what a test does to it is done in another one."""

from __future__ import annotations

import signal
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import mcc
from mcc import DROP, PASS, TCP4, UDP4, Action, Counter, Element, Live, Packet, Port, chain, duplex, element, u16
from mcc.run.errands import Ended, Errands
from mcc.run.live import Say, run_live
from mcc.run.module import RunnableModule
from mcc.run.ports import Binding, Bindings
from mcc.run.runner import RunOptions, RunResult


@mcc.struct
class Seen:
    packets: mcc.u64 = 0


@element(session=TCP4 | UDP4, scratch=Seen)
class Short(Element):
    longest: Live[u16]

    def setup(self) -> None:
        self.passed = Counter()

    def process_packet(self, s: Seen, pkt: Packet) -> Action:
        s.packets += 1
        if pkt.length > self.longest.value:
            return DROP
        self.passed += 1
        return PASS


@chain
def short() -> Iterator[Any]:
    limits = Short(Live(1000))
    yield duplex(Port("lan"), limits, Port("wan"))


def datagram(source: int = 1, length: int = 100) -> bytes:
    """An Ethernet frame with UDP from port `source`; a checksum of 0 is none."""
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, length - 14, 0, 0, 64, 17, 0, b"\x0a\0\0\x01", b"\x0a\0\0\x02")
    total = sum(struct.unpack(">10H", ip))
    total = (total & 0xFFFF) + (total >> 16)
    ip = ip[:10] + struct.pack(">H", ~(total + (total >> 16)) & 0xFFFF) + ip[12:]
    return bytes(12) + b"\x08\0" + ip + struct.pack(">HHHH", source, 53, length - 34, 0) + bytes(length - 42)


def send(errands: Errands, *frames: bytes) -> int:
    """Frames arrive at `lan`; how many left."""
    return errands.ask(lambda r: len(r.box.send_burst([("lan", f) for f in frames], time.time())))


_module: list[RunnableModule] = []


def run(do: Callable[[Errands], None], *, seconds: float = 0, say: Say | None = None, **more: Any) -> RunResult:
    """Run `short` until `do` is done, or for some seconds; what `do` raises is raised."""
    if not _module:
        module = mcc.build(short)
        assert module.built and module.counting  # the C compiler has had its time
        _module.append(RunnableModule(module))
    errands = Errands()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            do(errands)
        except BaseException as e:
            failures.append(e)
        while not seconds and not errands.closed:
            with suppress(Ended):
                errands.ask(lambda r: signal.raise_signal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    bindings = Bindings((Binding("lan"), Binding("wan")))
    result = run_live(_module[0], bindings, RunOptions(duration=seconds, **more), say=say, errands=errands)
    thread.join(10)
    assert not thread.is_alive()
    if failures:
        raise failures[0]
    return result
