"""The sending half of an endpoint: what to send, and when again (RFC 5681, 6298, 6675 in their simplest form).

No congestion window: the peer's window alone limits, or one segment at a time (`stop_and_wait`).
"""

from __future__ import annotations

from mcc.testing.plans import Host

PATIENT, SLOW = 14, 16.0
"""After so many timeouts in a row the back-off may grow to this, as a dead connection's does."""

Piece = tuple[int, int]
"""[first, behind): positions, the SYN 0, the FIN behind the data."""


class Sender:
    """`una`, `nxt`, `edge` are SND.UNA, SND.NXT, SND.UNA + SND.WND; `deadline` is the retransmission timer's."""

    def __init__(self, plan: Host) -> None:
        self.plan = plan
        self.data = bytearray()
        self.una = self.nxt = 0
        self.edge = 1
        self.closing = False
        self.peer_mss = 536
        self.room = 0
        """Bytes of options that every segment carries."""
        self.sacked: set[int] = set()
        self.duplicates = 0
        self.recover = 0
        self.rto = plan.rto
        self.deadline: float | None = None
        self.timeouts = self.fast = self.streak = 0
        self._cuts, self._recuts = list(plan.cuts), list(plan.recuts)

    @property
    def end(self) -> int:
        """Behind everything written so far, the FIN with it."""
        return 1 + len(self.data) + self.closing

    @property
    def fin_acked(self) -> bool:
        return self.closing and self.una == self.end

    def limit(self) -> int:
        """Largest payload: the peer's MSS without the options (RFC 6691)."""
        return max(1, min(self.peer_mss, self.plan.mss) - self.room)

    def _size(self, planned: list[int]) -> int:
        return max(1, min(planned.pop(0) if planned else self.limit(), self.limit()))

    def fresh(self, now: float) -> list[Piece]:
        """New pieces that the window lets go; SND.NXT moves."""
        out: list[Piece] = []
        while self.nxt < self.end and not (self.plan.stop_and_wait and (out or self.una < self.nxt)):
            right = min(self.nxt + self._size(self._cuts), self.end, self.edge)
            if right == self.end - 1 and self.closing and right < self.edge:
                right = self.end
            if right <= self.nxt:
                if self.una < self.nxt or out:
                    break
                self._arm(now)
                break
            out.append((self.nxt, right))
            self.nxt = right
        if out and self.deadline is None:
            self._arm(now)
        return out

    def _arm(self, now: float) -> None:
        if self.deadline is None:
            self.deadline = now + self.rto

    def again(self) -> Piece | None:
        """The first hole, cut at another place than before."""
        left = self.una
        while left < self.nxt and left in self.sacked:
            left += 1
        if left >= self.nxt:
            return None
        right, last = left, min(self.nxt, left + self._size(self._recuts))
        while right < last and right not in self.sacked:
            right += 1
        return left, right

    def acknowledged(self, ack: int, now: float) -> Piece | None:
        """SND.UNA moves to `ack`, new data was acknowledged. The next hole, where a loss is being repaired."""
        self.una, self.duplicates, self.rto, self.streak = ack, 0, self.plan.rto, 0
        self.sacked = {p for p in self.sacked if p >= ack}
        self.deadline = now + self.rto if ack < self.nxt else None
        return self.again() if ack < self.recover else None

    def duplicate(self) -> Piece | None:
        """One more duplicate ACK: at the third the first hole goes again (RFC 5681, 3.2)."""
        self.duplicates += 1
        if self.duplicates != 3 or self.una < self.recover:
            return None
        self.recover = self.nxt
        self.fast += 1
        return self.again()

    def timeout(self, now: float) -> Piece | None:
        """The timer ran out: back off and send the first hole again (RFC 6298, 5.4 to 5.6), or probe a shut window."""
        self.streak += 1
        self.rto = min(self.rto * 2, self.plan.rto_cap if self.streak <= PATIENT else SLOW)
        self.deadline = None
        if self.una >= self.nxt and self.nxt >= self.end:
            return None
        self._arm(now)
        if self.una < self.nxt:
            self.timeouts += 1
            self.recover, self.duplicates = self.nxt, 0
            if not self.plan.trusts_sack:
                self.sacked.clear()
            return self.again()
        self.nxt += 1
        return self.una, self.nxt
