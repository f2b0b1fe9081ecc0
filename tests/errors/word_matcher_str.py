"""Streams are of bytes."""

from mcc.std import WordMatcher

instance = WordMatcher("ATTACK")
