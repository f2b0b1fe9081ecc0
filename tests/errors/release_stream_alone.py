"""release_stream ends a stream."""

from mcc.lang.element import Element, element
from mcc.lang.session import TCP4


@element(session=TCP4)
class Box(Element):
    def release_stream(self) -> None:
        return


instance = Box()
