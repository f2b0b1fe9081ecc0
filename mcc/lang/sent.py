"""A packet that left a box, as both backends hand it out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sent:
    """By which port, its bytes, when (seconds)."""

    port: str
    frame: bytes
    at: float
