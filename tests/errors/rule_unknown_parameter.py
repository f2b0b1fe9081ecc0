"""Rules have contents, and content= is its name."""

from mcc.std import IPS, Content, Rule

instance = IPS(rules=[Rule(contents=[Content(b"GET ")])])
