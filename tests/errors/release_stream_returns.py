"""release_stream decides nothing."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action
from mcc.lang.session import TCP4


@element(session=TCP4)
class Box(Element):
    def process_data(self) -> Action:
        return PASS

    def release_stream(self) -> None:
        return PASS


instance = Box()
