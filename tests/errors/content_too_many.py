"""Options have names."""

from mcc.std import IPS, Content, Rule

instance = IPS(rules=[Rule([Content(b"GET ", True, 0, 4, None, None, 7)])])
