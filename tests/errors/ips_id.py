"""The number of an alert."""

from mcc.std import IPS

instance = IPS([b"ATTACK"], id=-1)
