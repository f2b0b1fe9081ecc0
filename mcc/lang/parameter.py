"""Live parameters as seen from outside: which there are, what they may be, and what is said of any other value."""

from __future__ import annotations

import difflib
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from mcc.diag import MccError


class ParameterError(MccError, ValueError):
    """There is no such Live parameter, or it cannot have this value. `hint` says what would do."""

    def __init__(self, message: str, hint: str = "") -> None:
        self.message, self.hint = message, hint
        super().__init__(f"{message}\n  = hint: {hint}" if hint else message)


@dataclass(frozen=True)
class Parameter:
    """One Live parameter of a box. `type`: u8 .. i64; `least` to `most` is what it may be; `value`: what it is."""

    element: str
    name: str
    type: str
    least: int
    most: int
    value: int

    def __str__(self) -> str:
        return f"{self.element}.{self.name}"

    @property
    def range(self) -> str:
        """`u16, 0 to 65535`."""
        return f"{self.type}, {self.least} to {self.most}"

    def check(self, value: object) -> int:
        """The value, if the parameter may have it. Raises ParameterError."""
        if isinstance(value, bool) or not isinstance(value, int):
            raise ParameterError(f"{self} cannot be {value!r}, which is no integer: it is {self.range}")
        if not self.least <= value <= self.most:
            raise ParameterError(f"{self} cannot be {int(value)}: it is {self.range}")
        return int(value)

    def parse(self, text: str) -> int:
        """The value that is written: 10, 0x10, 1_000; where 32 bits hold it also 10.0.0.1. Raises ParameterError."""
        try:
            value = int(ipaddress.IPv4Address(text)) if text.count(".") == 3 and self.type == "u32" else int(text, 0)
        except ValueError:
            raise ParameterError(f"{self} cannot be {text!r}, which is no integer: it is {self.range}") from None
        return self.check(value)


def find(parameters: Sequence[Parameter], element: str, name: str) -> Parameter:
    """The parameter ELEMENT.NAME. Raises ParameterError, with the ones that are meant perhaps."""
    wanted = f"{element}.{name}"
    known = [str(p) for p in parameters]
    if wanted in known:
        return parameters[known.index(wanted)]
    if not known:
        raise ParameterError(f"there is no Live parameter {wanted}: this chain has none")
    near = difflib.get_close_matches(wanted, known, 1, 0.5) or [k for k in known if k.endswith(f".{name}")][:1]
    raise ParameterError(f"there is no Live parameter {wanted}",
                         f"did you mean {near[0]}?" if near else f"there are: {', '.join(known)}")
