"""What a rule looks for is a Content."""

from mcc.std import IPS, Rule

instance = IPS(rules=[Rule([b"GET "])])
