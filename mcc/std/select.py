"""Elements whose class is a parameter: `Filter(cls)`, and what the other elements of the library build theirs with."""

from dataclasses import replace

from mcc import PASS, Action, Cls, Element, Packet, element


def set_class(elem: Element, cls: Cls, name: str = "", others: str = "") -> None:
    """Give one instance its own class (and name, and fate of packets outside it). For setup()."""
    declared = elem.__mcc_elem__
    elem.__mcc_elem__ = replace(declared, cls=cls, name=name or declared.name, others=others or declared.others)


@element(others="drop")
class Filter(Element):
    """Lets packets of `only` pass; all others are dropped, counted as `others:NAME`.

    Class: `only`. It becomes part of the chain's one classifier and costs nothing more. Output 0: packets in the class.
    """

    only: Cls

    def setup(self) -> None:
        set_class(self, self.only)

    def process_packet(self, pkt: Packet) -> Action:
        return PASS
