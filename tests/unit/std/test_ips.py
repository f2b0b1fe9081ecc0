"""IPS against an evaluator that knows the whole stream and tries everything."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from random import Random

import pytest

from mcc import CompileError
from mcc.std import IPS, Content, Rule
from tests.unit.std.carried import CONTEXTS, Streams, carry, counters, cut, ones


def places(data: bytes, c: Content) -> list[int]:
    """Where a content begins, overlapping occurrences too."""
    word, text = (c.data.lower(), data.lower()) if c.nocase else (c.data, data)
    return [i for i in range(len(text)) if text.startswith(word, i)]


def holds(data: bytes, contents: Sequence[Content], before: int | None = None) -> bool:
    """The definition: some occurrence of the first content at which the rest holds as well."""
    if not contents:
        return True
    c, rest = contents[0], contents[1:]
    for at in places(data, c):
        end = at + len(c.data)
        if c.distance is None and c.within is None:
            fits = at >= c.offset and (c.depth is None or end <= c.offset + c.depth)
        else:
            behind = (before or 0) + (c.distance or 0)
            fits = at >= behind and (c.within is None or end <= behind + c.within)
        if fits and holds(data, rest, end):
            return True
    return False


def fires_at(data: bytes, rule: Rule) -> int | None:
    """The shortest beginning of the stream that fulfils the rule."""
    if not holds(data, rule.content):
        return None
    low, high = 0, len(data)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(data[:middle], rule.content) else (middle + 1, high)
    return low


def random_rules(rnd: Random, count: int) -> list[Rule]:
    rules = []
    for i in range(count):
        contents: list[Content] = []
        for k in range(rnd.randint(1, 4)):
            data = bytes(rnd.choice(b"abAB") for _ in range(rnd.choice([1, 2, 2, 3, 4])))
            size, nocase = len(data), rnd.random() < 0.3
            if k > 0 and rnd.random() < 0.75:
                distance = rnd.choice([None, 0, 1, 3, 1 - size, rnd.randint(0, 90)])
                within = rnd.choice([None, size, size + 1, size + rnd.randint(0, 150)])
                if distance is None and within is None:
                    distance = 0
                contents.append(Content(data, nocase, distance=distance, within=within))
            else:
                offset = rnd.choice([0, 0, 3, rnd.randint(0, 60)])
                depth = rnd.choice([None, None, size, size + rnd.randint(0, 40)])
                contents.append(Content(data, nocase, offset=offset, depth=depth))
        rules.append(Rule(contents, id=100 + i, text=b"rule %d" % i))
    return rules


@cache
def random_streams(seed: int, context: str) -> tuple[list[Rule], Streams]:
    rules = random_rules(Random(seed), 40)
    return rules, Streams(lambda: IPS(rules=rules), context)


@pytest.mark.parametrize(("seed", "context"), [(1, "udp"), (2, "udp"), (3, "tcp")])
def test_random_rules(seed: int, context: str) -> None:
    rules, streams = random_streams(seed, context)
    rnd = Random(seed)
    fired = 0
    with streams.open() as box:
        for i in range(60 if context == "udp" else 15):
            letters = rnd.choice([b"abAB", b"abAB.", b"abAB........"])
            data = bytes(rnd.choice(letters) for _ in range(rnd.randint(1, 300)))
            box.alerts()
            got = carry(streams, box, up=cut(data, i), down=cut(data[::-1], i + 1), port=4000 + 2 * i)
            assert (got.server_got, got.client_got) == (data, data[::-1])
            alerts = box.alerts()
            for direction, text in (("to_server", data), ("to_client", data[::-1])):
                wanted = {(r.id, f"rule {r.id - 100}", at) for r in rules if (at := fires_at(text, r)) is not None}
                mine = [(a["id"], a["text"], a["offset"]) for a in alerts if a["direction"] == direction]
                assert len(mine) == len(wanted) and set(mine) == wanted, (i, text)
                fired += len(mine)
        assert counters(box, "IPS") == {"found": fired}
    assert fired > 200


@pytest.mark.parametrize("context", CONTEXTS)
def test_of_a_dropping_rule_no_last_content_passes_whole(context: str) -> None:
    rules = [Rule([Content(b"USER"), Content(b"root", nocase=True, distance=1, within=10)], "drop", 7, b"root logs in")]
    streams = Streams(lambda: IPS(words=[b"evil"], rules=rules, action="alert"), context)
    with streams.open() as box:
        got = carry(streams, box, up=ones(b"USER evil ROot, USER root"), down=[b"USER x", b"USER root!", b"."])
        assert got.server_got == b"USER evil ROo, USER root", "the byte that completed it is taken out; a rule fires once"
        assert got.client_got == b"USER x.", "with its packet"
        assert sorted((a["id"], a["text"], a["direction"], a["offset"]) for a in box.alerts()) == [
            (1, "evil", "to_server", 9), (7, "root logs in", "to_client", 15), (7, "root logs in", "to_server", 14)]


@pytest.mark.parametrize("rules", [(), (Rule([Content(b"x" * 30)]),)])
def test_words_close_before_they_are_whole(rules: tuple[Rule, ...]) -> None:
    streams = Streams(lambda: IPS([b"ATTACK", b"/etc/passwd"], rules), "udp")
    with streams.open() as box:
        got = carry(streams, box, up=ones(b"GET /etc/ATT/etc/passwd"))
        assert got.server_got == b"GET /etc/ATT"
        assert [(a["id"], a["text"], a["offset"]) for a in box.alerts()] == [(2, "/etc/passwd", 23)]
        assert counters(box, "IPS") == {"found": 1}


def test_what_is_held_is_bounded() -> None:
    streams = Streams(lambda: IPS(rules=[Rule([Content(b"aaaab")], "close")]), "udp")
    with streams.open() as box:
        got = carry(streams, box, up=ones(b"a" * 200))
        assert len(got.server_got) >= 200 - 10


@pytest.mark.parametrize(("rule", "message"), [
    (Rule([]), "has no content"), (Rule([Content(b"")]), "has 0 bytes"),
    (Rule([Content(b"abc", depth=2)]), "never is where"), (Rule([Content(b"abc", within=2)]), "does not fit"),
    (Rule([Content(b"abc", distance=-3)]), "may end before"), (Rule([Content(b"a", offset=1, within=2)]), "both"),
    (Rule([Content(b"a"), Content(b"b", distance=9999, within=9999)]), "too far"),
])
def test_refused(rule: Rule, message: str) -> None:
    with pytest.raises(CompileError, match=message):
        IPS(rules=[rule])
