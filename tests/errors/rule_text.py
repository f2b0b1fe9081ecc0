"""Texts of alerts are bytes."""

from mcc.std import IPS, Content, Rule

instance = IPS(rules=[Rule([Content(b"GET ")], text="a request")])
