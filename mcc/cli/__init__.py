"""The command line: `mcc build`, `run`, `check`, and so on. `main` is the script's entry."""

from __future__ import annotations

from mcc.cli.app import main

__all__ = ["main"]
