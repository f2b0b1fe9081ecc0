"""From snapshots of a box to what happens a second, and how that is written."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from mcc.run.errands import Snapshot

LENGTH = 60
"""Seconds that are remembered."""

_BARS = "▁▂▃▄▅▆▇█"


class Rates:
    """The snapshots of the last minute, one a second."""

    def __init__(self) -> None:
        self._kept: deque[Snapshot] = deque(maxlen=LENGTH + 1)

    def add(self, s: Snapshot) -> None:
        """The next one."""
        self._kept.append(s)

    @property
    def now(self) -> Snapshot:
        """The latest; there must be one."""
        return self._kept[-1]

    def of(self, *path: str) -> float:
        """By how much a number of the statistics grew, a second; 0 before there are two snapshots. A path to several
        numbers means their sum: of("drops")."""
        return self.history(*path)[-1] if len(self._kept) > 1 else 0.0

    def history(self, *path: str) -> list[float]:
        """The same for each second that is remembered, oldest first."""
        kept = list(self._kept)
        return [max(0.0, number(b, path) - number(a, path)) / max(b.seconds - a.seconds, 1e-3)
                for a, b in zip(kept, kept[1:], strict=False)]


def number(s: Snapshot, path: Sequence[str]) -> float:
    """What stands at a path of the statistics, 0 where there is nothing."""
    value: Any = s.stats
    for key in path:
        value = value[int(key)] if isinstance(value, list) else value.get(key, 0)
    return float(sum(value.values()) if isinstance(value, Mapping) else value)


def short(n: float, unit: str = "") -> str:
    """A number in three digits, and its unit: 7, 0.2 p/s, 999 p/s, 1.23 kp/s, 45.6 M."""
    if n < 10:
        return f"{n:.1f}".removesuffix(".0") + (f" {unit}" if unit else "")
    for prefix in ("", "k", "M", "G", "T"):
        if n < 999.5:
            digits = 0 if not prefix or n >= 99.95 else 1 if n >= 9.995 else 2
            return f"{n:.{digits}f} {prefix}{unit}".rstrip()
        n /= 1000
    return f"{n:.0f} P{unit}"


def bars(values: Sequence[float], width: int) -> str:
    """The last `width` values as bars, the highest one full; blanks where there are none yet."""
    shown = values[-width:]
    top = max(shown, default=0.0)
    text = "".join(_BARS[min(7, int(v / top * 7.999))] if top > 0 else _BARS[0] for v in shown)
    return text.rjust(width)


def chart(values: Sequence[float], width: int, height: int) -> list[str]:
    """The last minute as columns, in `height` lines from the top; each value as wide as there is room."""
    each = max(1, width // LENGTH)
    shown = values[-(width // each):]
    top = max(shown, default=0.0) or 1.0
    eighths = [round(v / top * height * 8) for v in shown]
    lines = []
    for row in range(height - 1, -1, -1):
        cells = [_BARS[min(8, n - 8 * row) - 1] if n > 8 * row else " " for n in eighths]
        lines.append("".join(c * each for c in cells).rjust(width))
    return lines


def clock(seconds: float) -> str:
    """0:07, 12:34, 1:02:03."""
    minutes, s = divmod(int(seconds), 60)
    hours, m = divmod(minutes, 60)
    return f"{hours}:{m:02d}:{s:02d}" if hours else f"{m}:{s:02d}"
