"""What `--live` shows of several cores."""

from __future__ import annotations

from rich.console import Console

import mcc
from mcc.cli.cores import cores_line
from mcc.cli.panels import line, picture
from mcc.cli.rates import Rates
from mcc.run.errands import Running, look
from tests.unit.run.running import datagram, short


def test_a_row_a_core() -> None:
    rates = Rates()
    with mcc.build(short).open(cores=2) as crew:
        for second in (1, 2):
            for i in range(40):
                crew.send("lan", datagram(1000 + i), float(second))
            rates.add(look(Running(crew, float(second))))
    handled = [c["packets"] for c in rates.now.stats["cores"]["each"]]
    assert sum(handled) == 80 and all(handled)
    console = Console(width=120, height=40, record=True)
    console.print(picture(rates, (120, 40), {}, ()))
    shown = console.export_text()
    assert "cores, skew 1." in shown and "biggest flow" in shown
    for n in handled:
        assert f" {n} " in shown and f" {n // 2} " in shown, "in all, and in the last second"
    assert cores_line(rates.now.stats) in line(rates) and "%" in cores_line(rates.now.stats)
