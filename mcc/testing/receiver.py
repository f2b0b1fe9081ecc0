"""The receiving half of an endpoint: reassembly, window, SACK. Positions as in seqnum.py.

First copy wins: a byte that is there is never replaced, and a different second copy is remembered in `conflicts`.
"""

from __future__ import annotations

from mcc.testing.plans import Host


class Receiver:
    """`next` is RCV.NXT; `later` holds bytes behind a hole; `edge` is the right window edge, which never moves left."""

    def __init__(self, plan: Host) -> None:
        self.plan = plan
        self.isn: int | None = None
        self.next = 0
        self.stream = bytearray()
        self.later: dict[int, int] = {}
        self.fin_at: int | None = None
        self.finished = False
        self.read = 0
        self.edge = 0
        self.recent: list[int] = []
        self.duplicate: tuple[int, int] | None = None
        self.conflicts: list[str] = []

    def begin(self, isn: int) -> None:
        """A SYN came."""
        self.isn, self.next = isn, 1
        self.edge = 1 + self.plan.buffer

    def window(self) -> int:
        """Bytes offered. The edge follows what the application has read (RFC 9293, 3.8.6)."""
        self.edge = max(self.edge, 1 + self.read + self.plan.buffer)
        return self.edge - self.next if self.edge > self.next else 0

    def consume(self) -> None:
        """The application reads all there is."""
        self.read = len(self.stream)

    def acceptable(self, at: int, length: int) -> bool:
        """RFC 9293, 3.10.7.4, the table of four cases."""
        window = self.window()
        first = self.next <= at < self.next + window
        if not length:
            return first or (window == 0 and at == self.next)
        return window > 0 and (first or self.next <= at + length - 1 < self.next + window)

    def take(self, at: int, payload: bytes, fin: bool) -> bool:
        """Text of an acceptable segment goes in, as far as it lies in the window. Whether RCV.NXT moved."""
        old = self.next
        end = at + len(payload)
        self._seen_before(at, end)
        for i, byte in enumerate(payload):
            self._put(at + i, byte)
        if fin and self.fin_at is None and end <= self.edge:
            self.fin_at = end
        while self.next in self.later:
            self.stream.append(self.later.pop(self.next))
            self.next += 1
        if self.fin_at == self.next and not self.finished:
            self.finished = True
            self.next += 1
        if at > old and payload and self.next <= at:
            self.recent = [at] + [r for r in self.recent if r != at]
        return self.next != old

    def _put(self, at: int, byte: int) -> None:
        if at >= self.edge or at < 1 or (self.fin_at is not None and at >= self.fin_at):
            return
        was = self.stream[at - 1] if at - 1 < len(self.stream) else self.later.get(at)
        if was is None:
            self.later[at] = byte
        elif was != byte:
            self.conflicts.append(f"byte {at - 1} was {was:#04x}, came again as {byte:#04x}")

    def _seen_before(self, at: int, end: int) -> None:
        """D-SACK (RFC 2883, 4): the first contiguous part of the segment that was here already."""
        here = [p for p in range(at, end) if p < self.next or p in self.later]
        if here:
            right = here[0]
            while right in set(here):
                right += 1
            self.duplicate = (here[0], right)

    def blocks(self) -> list[tuple[int, int]]:
        """SACK blocks, most recent first (RFC 2018, 4), a D-SACK block before them, once. At most three."""
        runs: list[list[int]] = []
        for p in sorted(self.later):
            if runs and runs[-1][1] == p:
                runs[-1][1] = p + 1
            else:
                runs.append([p, p + 1])

        def age(run: list[int]) -> int:
            return next((i for i, r in enumerate(self.recent) if run[0] <= r < run[1]), len(self.recent))

        out = [(a, b) for a, b in sorted(runs, key=age)]
        if self.duplicate is not None:
            out.insert(0, self.duplicate)
            self.duplicate = None
        return out[:3]
