"""What a dialogue is made of: two hosts, four links, and nothing random. All times are seconds of virtual time.

Everything is a frozen value, so that a failing dialogue can be shrunk, printed and run again.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mcc.testing.options import Options


@dataclass(frozen=True)
class Host:
    """How one end behaves. `cuts` and `recuts` are sizes of segments sent first and again, in turn; then the MSS."""

    isn: int = 1000
    mss: int = 1460
    scale: int | None = 2
    sack: bool = True
    timestamps: bool = True
    clock: int = 5000
    """TSval at time 0; it counts milliseconds."""
    buffer: int = 65535
    delayed_ack: bool = False
    cuts: tuple[int, ...] = ()
    recuts: tuple[int, ...] = ()
    writes: tuple[tuple[float, bytes], ...] = ()
    close_at: float | None = 0.0
    """FIN behind the last write, at this time at the earliest; None: never."""
    abort_at: float | None = None
    """RST at this time."""
    pauses: tuple[tuple[float, float], ...] = ()
    """(from, to): the application does not read, so the window fills."""
    keepalives: tuple[tuple[float, int], ...] = ()
    """(at, garbage bytes: 0 or 1), RFC 1122 4.2.3.6, sent where the host is idle."""
    syn_data: int = 0
    """Bytes of the first write on the SYN (RFC 7413)."""
    takes_syn_data: bool = True
    urgent: tuple[int, ...] = ()
    """Counts of bytes: urgent data ends there."""
    stop_and_wait: bool = False
    trusts_sack: bool = False
    """Never sends again what SACK claimed: legal as long as no receiver reneges, deadly when a box lies."""
    mute_at: float | None = None
    """From here on it hears but sends nothing (it lost power)."""
    syn_options: Options = ()
    rto: float = 0.01
    rto_cap: float = 0.04

    @property
    def data(self) -> bytes:
        """All that it writes."""
        return b"".join(d for _, d in self.writes)


@dataclass(frozen=True)
class Fate:
    """What becomes of one frame on a link. kind: pass, lose, twice, bend (a byte, the checksum stays), cut (in two)."""

    kind: str = "pass"
    delay: float = 0.0
    where: int = 1
    """Index of the byte that is bent, or size of the first piece."""


LATENCY = 0.0005
"""Of every link, seconds; `Fate.delay` comes on top."""

LINKS = ("client>box", "box>server", "server>box", "box>client")


@dataclass(frozen=True)
class Dialogue:
    """Two hosts and the fates of the first frames on each link (in LINKS' order); later ones pass."""

    client: Host = field(default_factory=Host)
    server: Host = field(default_factory=lambda: Host(isn=900_000))
    links: tuple[tuple[Fate, ...], ...] = ((), (), (), ())
    ip6: bool = False
    simultaneous: bool = False
    client_at: tuple[str, int] = ("10.0.0.2", 4000)
    server_at: tuple[str, int] = ("10.0.1.1", 80)
    patience: float = 130.0
    """Virtual seconds after which a dialogue that is not over has failed."""

    @property
    def addresses(self) -> tuple[tuple[str, int], tuple[str, int]]:
        """Client's and server's; the default addresses become IPv6 where `ip6` is set."""
        if not self.ip6 or ":" in self.client_at[0]:
            return self.client_at, self.server_at
        return ("2001:db8::2", self.client_at[1]), ("2001:db8:1::1", self.server_at[1])


def address(text: str) -> tuple[str, int]:
    """"address:port", "[address]:port" in two. Raises ValueError."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise ValueError(f"{text!r} is not address:port")
    return host.strip("[]"), int(port)
