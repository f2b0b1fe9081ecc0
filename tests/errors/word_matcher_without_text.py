"""What is to stand there instead?"""

from mcc.std import WordMatcher

instance = WordMatcher(b"ATTACK", mode="replace")
