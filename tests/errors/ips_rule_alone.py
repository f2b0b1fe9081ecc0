"""A rule is not a list of rules."""

from mcc.std import IPS, Content, Rule

instance = IPS(rules=Rule([Content(b"ATTACK")]))
