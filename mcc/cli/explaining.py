"""The facts of `mcc explain` as text: each part under its name, lists of records as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text


def explained(facts: Mapping[str, Any]) -> Group:
    """All parts, in order."""
    parts: list[RenderableType] = []
    for name, value in facts.items():
        if value in ([], {}, "", None):
            continue
        if parts:
            parts.append("")
        parts += _part(name.replace("_", " "), value)
    return Group(*parts)


def _part(name: str, value: Any) -> list[RenderableType]:
    if isinstance(value, Mapping):
        value = [{"": k, **v} if isinstance(v, Mapping) else {"": k, " ": v} for k, v in value.items()]
    if isinstance(value, Sequence) and not isinstance(value, str):
        if all(isinstance(v, Mapping) for v in value):
            return [Text(name, style="bold"), _table(value)]
        return [Text(name, style="bold"), *(Text(f"  {_cell(v)}") for v in value)]
    return [Text.assemble((f"{name}: ", "bold"), _cell(value))]


def _table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Columns are the keys, in the order in which they are first met."""
    columns = list(dict.fromkeys(k for row in rows for k in row))
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    for name in columns:
        numbers = all(isinstance(r[name], int) for r in rows if name in r)
        table.add_column(name.replace("_", " "), justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(row.get(c, ""))) for c in columns))
    return table


def _cell(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {_cell(v)}" for k, v in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(_cell(v) for v in value)
    return "" if value is None else str(value)
