"""A hundred rules, as a packet filter has them: prefixes of both addresses and a port each; no sessions."""

import random
from collections.abc import Iterator

from mcc import ANY, Drop, Ip, Path, Port, Tcp, chain
from mcc.lang.algebra import Cls

COUNT = 100


def rules() -> list[Cls]:
    """Always the same."""
    r = random.Random(1)
    out = []
    for _ in range(COUNT):
        src, dst = f"10.{r.randrange(256)}.0.0/16", f"10.{r.randrange(256)}.{r.randrange(256)}.0/24"
        out.append(Ip.src.within(src) & Ip.dst.within(dst) & (Tcp.dport == r.randrange(1, 1024)))
    return out


@chain
def marking() -> Iterator[Path]:
    lan, wan = Port("lan"), Port("wan")
    yield lan >> {**{c: Drop() if i % 2 else wan for i, c in enumerate(rules())}, ANY: wan}
