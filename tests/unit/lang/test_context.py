"""What may be inside a context."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mcc import PASS, TCP4, Action, CompileError, Element, Stream, element, ip, tcp, udp


@element(session=TCP4)
class Reads(Element):
    def process_data(self, stream: Stream) -> Action:
        return PASS


@pytest.mark.parametrize("context", [tcp, udp, ip])
def test_around_nothing(context: Callable[..., Any]) -> None:
    with pytest.raises(CompileError, match=r"\(\) is around nothing"):
        context([])


@pytest.mark.parametrize(("outer", "inner", "text"), [
    (tcp, tcp, r"tcp\(\) is inside tcp\(\)"), (udp, udp, r"udp\(\) is inside udp\(\)"), (tcp, ip, r"ip\(\) is inside tcp\(\)")])
def test_a_context_inside_its_like(outer: Callable[..., Any], inner: Callable[..., Any], text: str) -> None:
    with pytest.raises(CompileError, match=text):
        outer([Reads(), inner(Reads())])


def test_elements_in_a_row() -> None:
    assert len(tcp([Reads(), Reads()]).linear) == 4
