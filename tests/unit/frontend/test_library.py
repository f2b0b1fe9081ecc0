"""A mistake in the arguments of an element of a library."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from mcc import CompileError, Port, chain, duplex, tcp
from mcc.driver import compile_chain
from mcc.std import WordMatcher


def test_the_place_where_it_was_made_is_shown() -> None:
    def make() -> Iterator[Any]:
        yield duplex(Port("lan"), tcp(WordMatcher([])), Port("wan"))

    with pytest.raises(CompileError) as e:
        compile_chain(chain(make))
    shown = e.value.diagnostics[0].render()
    assert "self.words is empty: there is nothing to look for" in shown
    assert "test_library.py:17:" in shown and "note: WordMatcher is made here" in shown
