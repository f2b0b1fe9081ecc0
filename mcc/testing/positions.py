"""The map between positions of a stream and of what edits made of it, written for clarity: the measure of faster ones.

    stream:   0 1 2 [3 4 5] 6 7        edit (3, 3, 2): three bytes from 3 on became two
    output:   0 1 2 [a b]   5 6        f = 0 1 2 3 3 3 5 6
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

Edit = tuple[int, int, int]
"""(x, removed, inserted): in front of what was byte x, `inserted` bytes replace the `removed` bytes from x on."""


@dataclass(frozen=True)
class Run:
    """Positions [first, behind) of the stream; byte `first` goes to `to`; the others follow it (kept) or fall there."""

    first: int
    behind: float
    to: int
    kept: bool


class PositionMap:
    """f, its variant before insertions, and the inverse g. Edits lie in order and do not overlap (else ValueError)."""

    def __init__(self, edits: Iterable[Edit]) -> None:
        self.edits = list(edits)
        self.runs: list[Run] = []
        at = shift = 0
        for x, removed, inserted in self.edits:
            if x < at or removed < 0 or inserted < 0:
                raise ValueError(f"edit at {x} begins before {at}, the end of the one before it")
            if x > at:
                self.runs.append(Run(at, x, at + shift, True))
            if removed:
                self.runs.append(Run(x, x + removed, x + shift, False))
            at, shift = x + removed, shift + inserted - removed
        self.runs.append(Run(at, float("inf"), at + shift, True))

    def forward(self, x: int) -> int:
        """f: the output position of byte x, behind insertions in front of it; of a removed byte where its replacement
        begins."""
        run = next(r for r in self.runs if r.first <= x < r.behind)
        return run.to + (x - run.first if run.kept else 0)

    def forward_low(self, x: int) -> int:
        """Where the output of the bytes before x ends: f(x) without an insertion directly in front of x."""
        if x == 0:
            return 0
        return self.forward(x - 1) + self._is_kept(x - 1) + self._replaced(x)

    def back(self, y: int) -> int:
        """g: max{x: f(x) <= y}; 0 where y lies in an insertion in front of byte 0."""
        return self._last(self.forward, y)

    def back_high(self, y: int) -> int:
        """max{x: f_low(x) <= y}: as back, but the byte behind an insertion, not the one before, where y lies in it.
        As an acknowledgement both say that the byte behind the insertion has not been received."""
        return self._last(self.forward_low, y)

    def is_kept(self, x: int) -> bool:
        return bool(self._is_kept(x))

    def _is_kept(self, x: int) -> int:
        return int(next(r for r in self.runs if r.first <= x < r.behind).kept)

    def _replaced(self, x: int) -> int:
        """Bytes that were put in the place of removed bytes which end at x."""
        return next((inserted for at, removed, inserted in self.edits if removed and at + removed == x), 0)

    def _last(self, f: Callable[[int], int], y: int) -> int:
        """The last x with f(x) <= y, by bisection: f never falls and in the end follows x."""
        low, high = 0, max(1, y + 1 + sum(removed for _, removed, _ in self.edits))
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if f(middle) <= y else (low, middle - 1)
        return low

    def apply(self, data: bytes, texts: Iterable[bytes]) -> bytes:
        """The output for `data`, given what each edit puts in (of the length that the edit says)."""
        out, at = bytearray(), 0
        for (x, removed, inserted), text in zip(self.edits, texts, strict=True):
            if len(text) != inserted:
                raise ValueError(f"the edit at {x} inserts {inserted} bytes, not {len(text)}")
            out += data[at:x] + text
            at = x + removed
        return bytes(out + data[at:])
