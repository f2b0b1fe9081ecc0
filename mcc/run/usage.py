"""Wrong usage: what the command line or an API call asks for cannot be meant."""

from __future__ import annotations

from mcc.diag import MccError


class UsageError(MccError):
    """A request that makes no sense as it stands (exit code 2). `hint` says what would."""

    def __init__(self, message: str, hint: str = "") -> None:
        self.message, self.hint = message, hint
        super().__init__(f"{message}\n  = hint: {hint}" if hint else message)
