"""`mcc run CHAIN OPTION...` on ports that are bound to nothing, without root: as a process of its own for tests.

Three datagrams of two sessions have come in before the first look; one of them is longer than 1000 bytes.
"""

from __future__ import annotations

import sys
from typing import Any

from mcc.cli import main, running
from mcc.run.ports import Binding, Bindings
from tests.unit.run.running import datagram


class Nowhere(Bindings):
    """Bindings that count as devices."""

    @property
    def live(self) -> bool:
        return True


class Fed(running.RunnableModule):
    """A module whose boxes have had packets."""

    def open_live(self, *, start: int, **more: Any) -> Any:  # type: ignore[override]
        box = self.open_box(start=start, **more)
        for frame in (datagram(1), datagram(2), datagram(2, 1200)):
            box.receive("lan", frame, start)
        box.lib.mcc_box_flush(box.box)
        return box


if __name__ == "__main__":
    running.bind = lambda names, *more: Nowhere(tuple(Binding(n) for n in names))
    running.RunnableModule = Fed  # type: ignore[misc]
    main(["run", *sys.argv[1:]])
