"""What users give to elements of the library, where Python would answer in its own words: refused with the place."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeVar

from mcc import CompileError
from mcc.diag import Diagnostic, Span
from mcc.lang.where import caller_span

F = TypeVar("F", bound=Callable[..., Any])

U32_MAX = (1 << 32) - 1


def refuse(span: Span, message: str, hint: str = "") -> NoReturn:
    raise CompileError((Diagnostic("error", span, message, hint),))


def user_span() -> Span:
    """The call in the innermost frame outside mcc."""
    return caller_span(2, "mcc.")


def is_whole(value: Any, low: int, high: int) -> bool:
    """An int (no bool) from low to high."""
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def is_list(value: Any, of: type | tuple[type, ...]) -> bool:
    """A sequence of such values, and no bytes or str, which are sequences of something else."""
    return isinstance(value, Sequence) and not isinstance(value, (bytes, str, bytearray)) and all(
        isinstance(v, of) for v in value)


def called_right(f: F) -> F:
    """Calls of f (a function, or the __init__ of a class) with arguments that it does not have, or without those that
    it needs, raise CompileError with the user's place."""
    names = [p for p in inspect.signature(f).parameters.values() if p.name != "self"]
    self_too = len(inspect.signature(f).parameters) - len(names)

    @functools.wraps(f)
    def checked(*args: Any, **given: Any) -> Any:
        name = type(args[0]).__name__ if self_too else f.__name__
        form = f"{name}({', '.join(p.name for p in names)})"
        if len(args) - self_too > len(names):
            refuse(user_span(), f"{name} takes {len(names)} arguments, {len(args) - self_too} given", form)
        there = {p.name for p in names[:len(args) - self_too]}
        for k in given:
            if k in there or all(k != p.name for p in names):
                refuse(user_span(), f"{k!r} is given twice" if k in there else f"{name} has no parameter {k!r}", form)
        for p in names:
            if p.default is p.empty and p.name not in there and p.name not in given:
                refuse(user_span(), f"{name} needs a value for {p.name!r}", form)
        return f(*args, **given)
    return checked  # type: ignore[return-value]
