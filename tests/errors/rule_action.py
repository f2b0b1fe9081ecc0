"""No such action."""

from mcc.std import IPS, Content, Rule

instance = IPS(rules=[Rule([Content(b"GET ")], action="block")])
