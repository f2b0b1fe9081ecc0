"""Streams are of bytes."""

from mcc.std import IPS, Content, Rule

instance = IPS(rules=[Rule([Content("GET ")])])
