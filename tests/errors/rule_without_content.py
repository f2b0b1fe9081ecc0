"""A rule looks for something."""

from mcc.std import IPS, Rule

instance = IPS(rules=[Rule(action="drop")])
