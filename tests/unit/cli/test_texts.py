"""What is printed for people: summaries, explanations, messages."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console, Group

import mcc
from mcc.cli.explaining import explained
from mcc.cli.matching import _ranges
from mcc.cli.summary import count, size, summary
from mcc.run.explain import explain

STATS = {
    "chain": "nat", "seconds": 0.5, "packets_per_second": 2_500_000,
    "ports": {"lan": {"rx_packets": 10, "rx_bytes": 1500, "tx_packets": 4, "tx_bytes": 999},
              "wan": {"rx_packets": 4, "rx_bytes": 2_400_000, "tx_packets": 9, "tx_bytes": 0}},
    "elements": {"nat": {"type": "NAT", "packets": 14, "bytes": 3, "counters": {"hits": 12, "misses": 1000}, "faults": 2}},
    "sessions": {"created": 3, "peak": 2, "ended": {"fin": 2, "rst": 0, "end": 1}},
    "drops": {"drop:nat": 1, "unmatched": 5, "none": 0},
}


def text(shown: Group) -> str:
    out = StringIO()
    Console(file=out, width=100, highlight=False).print(shown)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def test_summary() -> None:
    assert text(summary(STATS)) == """\
nat: 14 packets in 0.500 s (2.50 million a second)
port   in            out
lan    10   1.5 kB     4   999 B
wan     4   2.4 MB     9     0 B

element     packets   bytes   counters
nat (NAT)        14     3 B   hits 12, misses 1,000, faults 2

3 sessions, at most 2 at once; ended: 2 fin, 1 end

dropped     packets
unmatched         5
drop:nat          1"""


def test_summary_of_nothing() -> None:
    assert text(summary({"chain": "c", "ports": {}})) == "c: 0 packets in 0.000 s\nport   in      out"


@pytest.mark.parametrize(("n", "shown"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (1_400_000, "1.4 MB"),
                                          (2_000_000_000, "2.0 GB"), (5 * 10**13, "50.0 TB")])
def test_sizes(n: int, shown: str) -> None:
    assert size(n) == shown


def test_counts() -> None:
    assert [count(1, "packet"), count(0, "packet"), count(2000, "packet")] == ["1 packet", "0 packets", "2,000 packets"]


def test_ranges() -> None:
    assert _ranges([1, 2, 3, 6, 8, 9]) == "1-3 6 8-9"
    assert _ranges(list(range(1, 80, 2))).endswith(" 31 ...")


def test_explanation_has_the_tables_of_the_paper() -> None:
    """Figure 3: the unified table has its next hops and PFP columns, the FCB the load balancer's place."""
    shown = explained(explain(mcc.build("examples/fig3.py").compiled), 100).plain
    assert "Unified flow table" in shown and "Flow control blocks" in shown and "Session keys" in shown
    assert any("PFP" in line and "lb 8" in line for line in shown.splitlines())
    assert "hash first" in shown and all(len(line) <= 100 for line in shown.splitlines())
