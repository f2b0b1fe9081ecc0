"""Nodes and paths: what `>>`, `~` and `[..]` build."""

from __future__ import annotations

from mcc.diag import Span

# completed by the owner of chains


class Node:
    """Something that can be linked: an element, a port, a drop."""

    def __init__(self, span: Span) -> None:
        self.span = span
