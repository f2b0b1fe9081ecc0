"""What a box counts, for Prometheus: names and help in docs/metrics.md, in the order of this file.

    GET --thread of the server--> Counts.collect --errand--> box, between two slices --> Snapshot --> families
"""

from __future__ import annotations

import errno
import os
import socket
import threading
from collections.abc import Iterable, Iterator, Mapping
from http.server import ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any

from prometheus_client import CollectorRegistry, MetricsHandler, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from mcc.diag import PortError
from mcc.run.errands import Ended, Errands, Snapshot, look
from mcc.run.usage import UsageError

_PORT = {"rx_packets": "Packets that came in", "rx_bytes": "Bytes that came in",
         "tx_packets": "Packets that left", "tx_bytes": "Bytes that left",
         "rx_errors": "Frames that were lost before the box could take them, or were refused"}
PEAK = "held_bytes_peak"
"""Of what contexts count the one that is no number of events."""


def families(s: Snapshot, version: str) -> Iterator[Metric]:
    """All metrics of a moment."""
    stats = s.stats
    yield InfoMetricFamily("mcc", "The version of mcc, and the chain", {"version": version, "chain": stats["chain"]})
    yield GaugeMetricFamily("mcc_run_seconds", "Seconds since packets began to flow", s.seconds)
    yield from _ports(s)
    sessions = stats["sessions"]
    yield GaugeMetricFamily("mcc_sessions_active", "Sessions now", sessions["active"])
    yield GaugeMetricFamily("mcc_sessions_peak", "Most sessions at once", sessions["peak"])
    yield GaugeMetricFamily("mcc_sessions_memory_bytes", "Memory of the sessions of now", sessions["memory_bytes"])
    yield CounterMetricFamily("mcc_sessions_created", "Sessions that began", sessions["created"])
    yield _labelled(CounterMetricFamily, "mcc_sessions_ended", "Sessions that ended, by reason", ("reason",),
                    (((reason,), n) for reason, n in sessions["ended"].items()))
    yield _labelled(CounterMetricFamily, "mcc_drops", "Packets that were dropped, by reason", ("reason",),
                    (((reason,), n) for reason, n in stats["drops"].items()))
    yield CounterMetricFamily("mcc_packets_made", "Packets that the box made itself", stats["made"])
    yield CounterMetricFamily("mcc_packets_sent", "Packets that left by any port", stats["sent"])
    yield GaugeMetricFamily("mcc_packets_held", "Packets that wait in the box", stats["held"])
    yield GaugeMetricFamily("mcc_buffers_used", "Packet buffers in use", stats["buffers"])
    yield from _elements(stats["elements"], s)
    yield from _contexts(stats["contexts"])
    yield from _cores(stats)


def _labelled(kind: Any, name: str, help: str, labels: tuple[str, ...],
              values: Iterable[tuple[tuple[str, ...], float]]) -> Metric:
    family: Metric = kind(name, help, labels=labels)
    for at, value in values:
        family.add_metric(at, value)  # type: ignore[attr-defined]
    return family


def _ports(s: Snapshot) -> Iterator[Metric]:
    ports = s.stats["ports"]
    yield _labelled(GaugeMetricFamily, "mcc_port_up", "1; 0 while the device of the port is dead", ("port",),
                    (((name,), name not in s.down) for name in ports))
    for key, help in _PORT.items():
        yield _labelled(CounterMetricFamily, f"mcc_port_{key}", f"{help}, by port", ("port",),
                        (((name,), p[key]) for name, p in ports.items()))


def _elements(elements: Mapping[str, Any], s: Snapshot) -> Iterator[Metric]:
    for key, help in (("packets", "Packets that an element has seen"), ("bytes", "Their bytes"),
                      ("faults", "Packets that were dropped since a handler could not go on")):
        yield _labelled(CounterMetricFamily, f"mcc_element_{key}", help, ("element", "type"),
                        (((name, e["type"]), e[key]) for name, e in elements.items()))
    yield _labelled(CounterMetricFamily, "mcc_counter", "Counter() of an element", ("element", "counter"),
                    (((name, k), n) for name, e in elements.items() for k, n in e["counters"].items()))
    yield _labelled(GaugeMetricFamily, "mcc_live_value", "Live parameter of an element", ("element", "parameter"),
                    (((p.element, p.name), p.value) for p in s.parameters))


_CORE = {"packets": "Packets that a core has handled", "sessions": "Sessions that began on a core",
         "handed_out": "Packets that a core received and another one handled",
         "handed_in": "Packets that a core handled and another one had received",
         "sent_out": "Packets that left by a device of core 0",
         "sent_in": "Packets of other cores that left by a device of this one",
         "core_full": "Packets that were lost because the ring to another core was full"}


def _cores(stats: Mapping[str, Any]) -> Iterator[Metric]:
    """Of runs on several cores."""
    cores = stats.get("cores", {"each": (), "skew": 1.0})
    for key, help in _CORE.items():
        yield _labelled(CounterMetricFamily, f"mcc_core_{key}", help, ("core",),
                        (((str(c["core"]),), c[key]) for c in cores["each"]))
    for key, name, help in (("active", "sessions_active", "Sessions of a core now"),
                            ("busy", "busy_ratio", "Share of its time in which a core was not waiting"),
                            ("biggest_flow", "biggest_flow_ratio", "Share of a core's packets in its biggest flow")):
        yield _labelled(GaugeMetricFamily, f"mcc_core_{name}", help, ("core",),
                        (((str(c["core"]),), c[key]) for c in cores["each"] if key in c))
    yield GaugeMetricFamily("mcc_core_skew_ratio", "Packets of the busiest core to the mean", cores["skew"])


def _contexts(contexts: Mapping[str, Mapping[str, int]]) -> Iterator[Metric]:
    counted = [(c, k, n) for c, counts in contexts.items() for k, n in counts.items()]
    yield _labelled(CounterMetricFamily, "mcc_context", "What contexts counted: docs/contexts.md",
                    ("context", "counter"), (((c, k), n) for c, k, n in counted if k != PEAK))
    yield _labelled(GaugeMetricFamily, f"mcc_context_{PEAK}", "Most bytes that streams held at once", ("context",),
                    (((c,), n) for c, k, n in counted if k == PEAK))


class Counts(Collector):
    """Asks the run for a snapshot at each scrape; before the first slice and after the last one there is none."""

    def __init__(self, errands: Errands, version: str) -> None:
        self.errands, self.version = errands, version

    def collect(self) -> Iterator[Metric]:
        try:
            snapshot = self.errands.ask(look)
        except Ended:
            return
        yield from families(snapshot, self.version)


# ---------------------------------------------------------------- the server


def parse_address(text: str) -> tuple[str, int]:
    """`:9464`, `HOST:PORT` or `[IPv6]:PORT` to host ("" : every address of this machine) and port, 0: any free one.

    Raises UsageError.
    """
    host, colon, port = text.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    wrong = not colon or not (port.isascii() and port.isdigit()) or int(port) > 65535
    if wrong or any(c.isspace() or c in "[]/" for c in bare) or (":" in bare) != (bare != host):
        raise UsageError(f"--metrics {text!r} is no address", "such as --metrics :9464, localhost:9464 or [::1]:9464")
    return bare, int(port)


class Metrics:
    """An HTTP server until close(). Raises PortError where it cannot listen; then nothing is left of it."""

    def __init__(self, address: tuple[str, int], errands: Errands, version: str) -> None:
        registry = CollectorRegistry()
        registry.register(Counts(errands, version))
        ProcessCollector(registry=registry)
        handler = type("Handler", (MetricsHandler,), {"registry": registry, "timeout": 10})
        self.server = _listening(address, handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.1,), name="mcc-metrics", daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        host, port = self.server.server_address[:2]
        name = str(host) if isinstance(host, str) else ""
        name = "localhost" if name in ("::", "0.0.0.0") else f"[{name}]" if ":" in name else name
        return f"http://{name}:{port}/metrics"

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def _listening(address: tuple[str, int], handler: Any) -> _Server:
    host, port = address
    shown = f"--metrics {f'[{host}]' if ':' in host else host}:{port}"
    families = [(socket.AF_INET6, "::"), (socket.AF_INET, "0.0.0.0")] if not host else []
    try:
        if host:
            families = [(f, str(a[0])) for f, _, _, _, a in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
        for i, (family, where) in enumerate(families):
            try:
                return _Server(family, (where, port), handler)
            except OSError as e:
                if i + 1 == len(families) or e.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
                    raise
        raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
    except socket.gaierror as e:
        raise PortError(f"{shown}: there is no host {host!r}: {e.strerror}") from None
    except OSError as e:
        raise PortError(f"{shown}: {_words(e.errno or 0)}") from None


def _words(error: int) -> str:
    if error == errno.EADDRINUSE:
        return "another program listens there; name another port, or 0 for any free one"
    if error == errno.EADDRNOTAVAIL:
        return "this machine has no such address; `ip address` lists them"
    if error == errno.EACCES:
        return "no right to listen there; ports below 1024 are root's"
    return os.strerror(error)


class _Server(ThreadingHTTPServer):
    """One family, or both where the address is `::`; no look-up of our own name, which may take seconds."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, family: int, address: tuple[str, int], handler: Any) -> None:
        self.address_family = socket.AddressFamily(family)
        super().__init__(address, handler)

    def server_bind(self) -> None:
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, self.server_address[0] != "::")
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "", self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is its own affair."""
