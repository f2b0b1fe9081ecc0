"""Each property sees the middlebox that is wrong in its way, and lets the right one pass."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

from mcc.testing import Subject, check_property, identity, properties
from mcc.testing.checking import FAILED, NOT_APPLICABLE, choose

HERE = Path(__file__).parent


def _load(name: str) -> Any:
    """A module beside this file; tests are no package."""
    spec = importlib.util.spec_from_file_location(f"testing_{name}", HERE / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


boxes = _load("boxes")


@pytest.mark.parametrize(("number", "box", "transform"), boxes.WRONG,
                         ids=lambda x: x.__name__ if isinstance(x, type) else str(x) if isinstance(x, int) else "")
def test_sees_the_wrong_box(number: int, box: Any, transform: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mcc.testing.checking.SHRINKING", 0.3)
    tokens = (b"ATTACK",) if transform is identity else (b"bc",)
    result = check_property(Subject(box, transform, tokens=tokens), choose([number])[0], examples=150)
    assert result.outcome == FAILED, result
    assert f"property {number} " in str(result)


def test_each_property_has_a_wrong_box() -> None:
    assert {number for number, _, _ in boxes.WRONG} == {p.number for p in properties} == set(range(1, 29))


@pytest.mark.parametrize("prop", properties, ids=lambda p: str(p.number))
def test_right_box_passes(prop: Any) -> None:
    result = check_property(Subject(boxes.Plain, identity, tokens=(b"ATTACK",)), prop, examples=15)
    assert result.outcome == (NOT_APPLICABLE if prop.number in (19, 23) else "passed"), result


@pytest.mark.parametrize("prop", properties, ids=lambda p: str(p.number))
def test_right_box_that_changes_bytes_passes(prop: Any) -> None:
    subject = Subject(boxes.Upper, bytes.upper, edits=lambda data: [], tokens=(b"attack",))
    result = check_property(subject, prop, examples=15)
    assert result.outcome == (NOT_APPLICABLE if prop.number in (19, 20, 23) else "passed"), result
