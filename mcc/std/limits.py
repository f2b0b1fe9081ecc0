"""Less of what comes: a rate (`RateLimiter`), one in n (`Sampler`)."""

from mcc import DROP, PASS, Action, CompileError, Counter, Element, Packet, PerCore, element, u64
from mcc.diag import Diagnostic


@element(cores=1)
class RateLimiter(Element):
    """At most `rate` bytes a second (of frames), `burst` bytes at once; what is more is dropped.

    Class: all packets; put a link before it: `{UDP: RateLimiter(125_000), ANY: ..}`. One bucket, on one core.
    The generic cell rate algorithm (ITU-T I.371): `due` is the time, in ns, at which all that passed is paid for.
    Output 0: packets within the rate. Counters `passed`, `dropped`.
    """

    rate: u64
    burst: u64 = 65536

    def setup(self) -> None:
        if not 1 <= self.rate <= 10**12 or not 1 <= self.burst <= 10**9:
            raise CompileError((Diagnostic("error", self.span, f"rate={self.rate}, burst={self.burst} cannot be kept",
                                           "rate: 1 to 10^12 bytes/s; burst: 1 to 10^9 bytes"),))
        self.credit = self.burst * 10**9 // self.rate
        self.due: PerCore[u64] = PerCore(u64, 0)
        self.passed = Counter()
        self.dropped = Counter()

    def process_packet(self, pkt: Packet) -> Action:
        now = pkt.at
        cost = u64(pkt.length) * 1_000_000_000 // self.rate
        paid = max(self.due.value, now) + cost
        if paid - now > self.credit:
            self.dropped += 1
            return DROP
        self.due.value = paid
        self.passed += 1
        return PASS


@element(cores=1)
class Sampler(Element):
    """Lets the first of every `every` packets pass and drops the rest; behind `Mirror` it makes a sampled copy.

    Class: all packets. Output 0: the sample.
    """

    every: u64

    def setup(self) -> None:
        if self.every < 1:
            raise CompileError((Diagnostic("error", self.span, "one in 0 packets is no sample", "Sampler(100)"),))
        self.seen: PerCore[u64] = PerCore(u64, 0)

    def process_packet(self, pkt: Packet) -> Action:
        first = self.seen.value == 0
        self.seen.value += 1
        if self.seen.value >= self.every:
            self.seen.value = 0
        return PASS if first else DROP
