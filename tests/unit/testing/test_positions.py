"""The position map against an output whose bytes remember where they came from."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcc.testing import Edit, PositionMap

LENGTH = 30


@st.composite
def edit_lists(draw: st.DrawFn) -> list[Edit]:
    out: list[Edit] = []
    at = 0
    for _ in range(draw(st.integers(0, 5))):
        at += draw(st.integers(0, 6))
        removed = draw(st.integers(0, 4))
        if at + removed > LENGTH:
            break
        out.append((at, removed, draw(st.integers(0, 4))))
        at += removed
    return out


def applied(edits: list[Edit]) -> list[int | None]:
    """The output of 0, 1, 2 ...; None is a byte that was put in."""
    out: list[int | None] = []
    at = 0
    for x, removed, inserted in edits:
        out += [*range(at, x), *[None] * inserted]
        at = x + removed
    return out + list(range(at, LENGTH + 20))


@given(edit_lists())
def test_kept_bytes_are_where_the_map_says(edits: list[Edit]) -> None:
    m, out = PositionMap(edits), applied(edits)
    kept = {x for x in out if x is not None}
    for x in range(LENGTH + 10):
        assert m.is_kept(x) == (x in kept)
        if x in kept:
            assert out[m.forward(x)] == x
            assert m.back(m.forward(x)) == x


@given(edit_lists())
def test_monotone_with_slope_one_between_edits(edits: list[Edit]) -> None:
    m = PositionMap(edits)
    inside = {x + i for x, removed, _ in edits for i in range(removed + 1)}
    for x in range(LENGTH + 9):
        assert m.forward(x) <= m.forward(x + 1)
        assert m.forward_low(x) <= m.forward(x)
        if x not in inside and x + 1 not in inside:
            assert m.forward(x + 1) == m.forward(x) + 1


@given(edit_lists(), st.integers(0, 50))
def test_back_is_the_last_position_that_maps_at_or_below(edits: list[Edit], y: int) -> None:
    m = PositionMap(edits)
    assert m.back(y) == max((x for x in range(120) if m.forward(x) <= y), default=0)
    assert m.back_high(y) == max(x for x in range(120) if m.forward_low(x) <= y)


@given(edit_lists(), st.integers(0, 40))
def test_bytes_behind_a_half_acknowledged_insertion_are_not_acknowledged(edits: list[Edit], y: int) -> None:
    """An acknowledgement back_high(y) covers bytes before it; all of those that were kept are before y in the output."""
    m, out = PositionMap(edits), applied(edits)
    for g in (m.back(y), m.back_high(y)):
        assert all(out.index(x) < y for x in range(g) if m.is_kept(x))


def test_what_the_documentation_shows() -> None:
    m = PositionMap([(3, 3, 2)])
    assert [m.forward(x) for x in range(8)] == [0, 1, 2, 3, 3, 3, 5, 6]
    assert m.apply(b"012345678", [b"ab"]) == b"012ab678"


def test_removed_bytes_are_acknowledged() -> None:
    assert PositionMap([(3, 4, 0)]).back(3) == 7


@pytest.mark.parametrize("edits", [[(5, 2, 0), (6, 1, 1)], [(3, -1, 0)]])
def test_overlapping_edits_are_refused(edits: list[Edit]) -> None:
    with pytest.raises(ValueError, match="begins before"):
        PositionMap(edits)
