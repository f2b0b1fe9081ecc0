"""What the ports of a chain are bound to: `--port NAME=SPEC`, and the one capture of a one- or two-port chain."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mcc.run.usage import UsageError

LIVE = {"afpacket": "IF", "afxdp": "IF[,queue=N]", "tap": "NAME", "dpdk": "DEVARGS"}
"""Kinds of SPEC that are devices of this machine, and what follows the colon."""

SPECS = "pcap:IN[,OUT], afpacket:IF, afxdp:IF, dpdk:DEVARGS, tap:NAME or null"


@dataclass(frozen=True)
class Binding:
    """One port: packets come from capture `source` (None: none), what leaves goes to `sink` (None: counted); or both
    are `device`, of a live kind."""

    port: str
    source: str | None = None
    sink: str | None = None
    device: str = ""
    kind: str = "null"
    """The device's: a key of LIVE."""
    queue: int | None = None
    """Of an afxdp device: the receive queue that is read; None: it has only one."""

    @property
    def opened(self) -> str:
        """The device as its type in C reads it."""
        return f"{self.device},queue={self.queue}" if self.queue is not None else self.device

    @property
    def name(self) -> str:
        """The device without its arguments."""
        return self.device.partition(",")[0] if self.kind == "dpdk" else self.device

    @property
    def pci(self) -> bool:
        """Whether it is a network card of DPDK's: it has a PCI address for a name."""
        return self.kind == "dpdk" and ":" in self.name

    @property
    def interface(self) -> str:
        """The network interface behind the device; "": there is none, or the kernel does not know it."""
        if self.kind != "dpdk":
            return self.device
        return next((a[6:] for a in self.device.split(",")[1:] if a.startswith("iface=")), "")


@dataclass(frozen=True)
class Bindings:
    """All ports, in the chain's order.

    shared: one capture for all of a one- or two-port chain: `source` is divided between the ports by who began each
    session, and `sink` takes what leaves by any port. Else each port has its own files.
    """

    ports: tuple[Binding, ...]
    shared: bool = False
    source: str | None = None
    sink: str | None = None

    @property
    def sources(self) -> tuple[str, ...]:
        """Captures that are read, each once, in port order."""
        found = [self.source, *(p.source for p in self.ports)]
        return tuple(s for s in found if s)

    @property
    def sinks(self) -> tuple[str, ...]:
        found = [self.sink, *(p.sink for p in self.ports)]
        return tuple(s for s in found if s)

    @property
    def live(self) -> bool:
        """Whether the ports are devices."""
        return any(p.device for p in self.ports)


def parse_spec(port: str, spec: str) -> Binding:
    """`pcap:IN[,OUT]`, `afpacket:IF`, `afxdp:IF[,queue=N]`, `dpdk:DEVARGS`, `tap:NAME` or `null`. IN may be empty: a
    port that only sends.

    Raises UsageError for a spec that cannot be read.
    """
    kind, colon, rest = spec.partition(":")
    if kind == "null" and not colon:
        return Binding(port)
    if kind == "dpdk" and colon:
        return Binding(port, device=_devargs(port, rest), kind=kind)
    queue = None
    if kind == "afxdp" and "," in rest:
        rest, _, option = rest.partition(",")
        queue = _queue(port, option)
    if kind in LIVE and colon:
        pattern = kind == "tap" and "%" in rest  # Linux would choose a name, on each core another one
        if not rest or pattern or "/" in rest or len(rest.encode()) > 15 or any(c.isspace() for c in rest):
            raise UsageError(f"port {port}: {rest!r} is no name of an interface", f"{kind}:{LIVE[kind]}")
        return Binding(port, device=rest, kind=kind, queue=queue)
    if kind != "pcap" or not colon:
        near = difflib.get_close_matches(kind, ["pcap", "null", *LIVE], 1) if colon else []
        raise UsageError(f"port {port}: {spec!r} is not a port specification",
                         f"did you mean {near[0]}?" if near and near[0] != kind else SPECS)
    source, comma, sink = rest.partition(",")
    if not source and not sink:
        raise UsageError(f"port {port}: pcap: needs a file", "pcap:IN, pcap:IN,OUT or pcap:,OUT")
    return Binding(port, source or None, sink or None)


def _devargs(port: str, text: str) -> str:
    """What DPDK calls a device: `NAME[,KEY=VALUE]...`. Raises UsageError."""
    name = text.partition(",")[0]
    if not re.fullmatch(r"[\w.:-]{1,57}", name) or len(text.encode()) > 1023 or any(c.isspace() for c in text):
        raise UsageError(f"port {port}: {text!r} is no device of DPDK",
                         "dpdk:net_af_packet0,iface=IF, dpdk:net_pcap0,rx_pcap=IN,tx_pcap=OUT or dpdk:0000:01:00.0")
    return text


def _queue(port: str, option: str) -> int:
    """N of `queue=N`."""
    name, _, number = option.partition("=")
    if name != "queue" or not number.isdecimal() or len(number) > 4:
        raise UsageError(f"port {port}: {option!r} is no option of an afxdp port", "afxdp:IF,queue=N")
    return int(number)


def parse_port_options(options: Sequence[str]) -> dict[str, str]:
    """`NAME=SPEC` strings to a dict. Raises UsageError."""
    found: dict[str, str] = {}
    for option in options:
        name, equals, spec = option.partition("=")
        if not equals or not name or not spec:
            raise UsageError(f"--port {option!r} is not NAME=SPEC", "such as --port lan=pcap:in.pcap,out.pcap")
        if name in found:
            raise UsageError(f"--port {name} is given twice")
        found[name] = spec
    return found


def bind(names: Sequence[str], capture: str | None, out: str | None, specs: Mapping[str, str],
         chain: str = "the chain") -> Bindings:
    """The bindings of the ports `names` of a chain: of one capture, or of `--port` options.

    Raises UsageError where they do not fit the chain.
    """
    if capture is not None and specs:
        raise UsageError("a capture and --port are two ways to say the same", "leave one of them out")
    if not specs:
        return _shared(names, capture, out, chain)
    if out is not None:
        raise UsageError("with --port each port has its own output, -o is for one capture",
                         f"--port {names[0]}=pcap:IN,OUT")
    for name in specs:
        if name not in names:
            raise UsageError(f"{chain} has no port {name!r}", f"its ports: {', '.join(names)}")
    missing = [n for n in names if n not in specs]
    if missing:
        raise UsageError(f"nothing is said about port {', '.join(missing)}", f"--port {missing[0]}=null leaves it open")
    made = Bindings(tuple(parse_spec(n, specs[n]) for n in names))
    if made.live:
        _all_live(made)
        return made
    if not made.sources:
        raise UsageError("no port has a capture to read", f"--port {names[0]}=pcap:IN,OUT")
    _no_clash(made)
    return made


def _all_live(bindings: Bindings) -> None:
    """Devices and captures have different clocks; a device is one port's."""
    seen: set[str] = set()
    for p in bindings.ports:
        if p.source or p.sink:
            raise UsageError(f"port {p.port} is a capture, another one is a device", "captures and devices do not mix")
        names = {p.name, p.interface} - {""}
        if p.device and names & seen:
            raise UsageError(f"two ports are {min(names & seen)}", "give each its own interface")
        seen |= names


def _shared(names: Sequence[str], capture: str | None, out: str | None, chain: str) -> Bindings:
    if capture is None:
        raise UsageError("there is nothing to read",
                         "mcc run CHAIN CAPTURE -o OUT, or " + " ".join(f"--port {n}=pcap:IN,OUT" for n in names))
    if len(names) > 2:
        raise UsageError(f"{chain} has {len(names)} ports: {', '.join(names)}; one capture can feed two",
                         " ".join(f"--port {n}=pcap:IN,OUT" for n in names))
    made = Bindings(tuple(Binding(n) for n in names), True, capture, out)
    _no_clash(made)
    return made


def _no_clash(bindings: Bindings) -> None:
    """One file is written once, and never while it is read."""
    sinks = bindings.sinks
    for i, sink in enumerate(sinks):
        if sink in sinks[:i]:
            raise UsageError(f"two ports write to {sink}", "give each its own file")
        if sink != "-" and any(_same_file(sink, s) for s in bindings.sources):
            raise UsageError(f"{sink} is read and written", "write to another file")
    if bindings.sources.count("-") > 1:
        raise UsageError("two ports read standard input")


def _same_file(a: str, b: str) -> bool:
    from os.path import exists, samefile

    return a == b or (exists(a) and exists(b) and samefile(a, b))
