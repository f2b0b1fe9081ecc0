"""Hypothesis, or one message that says how to get it."""

from __future__ import annotations

from mcc.diag import MccError


class MissingHypothesis(MccError, ImportError):
    """Hypothesis is not installed."""


try:
    import hypothesis
    from hypothesis import strategies as st
except ImportError:
    raise MissingHypothesis("property tests need Hypothesis: pip install 'mcc[test]'") from None

__all__ = ["MissingHypothesis", "hypothesis", "st"]
