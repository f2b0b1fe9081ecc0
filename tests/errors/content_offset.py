"""Places are numbers."""

from mcc.std import IPS, Content, Rule

instance = IPS(rules=[Rule([Content(b"GET ", offset="0")])])
