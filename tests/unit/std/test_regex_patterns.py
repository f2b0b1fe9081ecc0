"""What is no list of patterns."""

from __future__ import annotations

from typing import Any

import pytest

from mcc import CompileError
from mcc.std import RegexMatcher


@pytest.mark.parametrize(("patterns", "text"), [
    ("ab+", r"patterns are a list, 'ab\+' is one of them"), (b"ab", "is one of them"), ([5], "pattern 0, 5, is neither"),
    (5, "patterns are a list of str or bytes, not 5"), ([], "there is no pattern")])
def test_it_is_said(patterns: Any, text: str) -> None:
    with pytest.raises(CompileError, match=text):
        RegexMatcher(patterns)
