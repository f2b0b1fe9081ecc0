"""The text would go nowhere."""

from mcc.std import WordMatcher

instance = WordMatcher(b"ATTACK", text=b"[cut]")
