"""What an IPS does is its action."""

from mcc.std import IPS

instance = IPS([b"ATTACK"], mode="drop")
