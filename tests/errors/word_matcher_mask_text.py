"""A mask is one byte."""

from mcc.std import WordMatcher

instance = WordMatcher(b"ATTACK", mode="mask", text=b"*")
