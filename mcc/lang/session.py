"""Sessions: how packets group. A listed field is populate-from-packet (paper II-B), a class restricts the session."""

from __future__ import annotations

from mcc.lang.classes import Cls, Field

# completed below by the owner of chains


class Session:
    """`Session(Ip.src, Ip.dst, where=TCP)`: one session per value of the listed fields, among packets of `where`.

    bidirectional: a packet and its answer (src and dst fields exchanged) are one connection with two directions.
    timeout: seconds without a packet after which the session ends (0: never by time).
    """

    def __init__(self, *fields: Field, where: Cls | None = None, bidirectional: bool = False,
                 timeout: float = 300, name: str = "") -> None:
        self.fields, self.where, self.bidirectional = fields, where, bidirectional
        self.timeout, self.name = timeout, name
