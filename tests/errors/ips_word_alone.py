"""A word is not a list of words."""

from mcc.std import IPS

instance = IPS(b"ATTACK")
