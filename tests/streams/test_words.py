"""`WordMatcher` on real captures, against `tools/oracle.py replace`, and against Python's `re` on the oracle's streams."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mcc import Chain, Port, chain, duplex, tcp
from mcc.api import Module
from mcc.std import WordMatcher
from tests.streams import test_captures as captures

truth, streams = captures.truth, captures.streams  # fixtures
Change = Callable[[bytes], bytes]

WORDS = ((b"HTTP", b"[h]"), (b"HTTP", b"http"), (b"\0\0", b"zero"), (b"e", b""), (b"a", b"A" * 300), (b"ing", b"ING"))
SAMPLE = WORDS if captures.NIGHTLY else WORDS[:2]
BORDERS = 24 if captures.NIGHTLY else 2
"""Captures whose word is taken from the border of two segments."""
TEXTS = (b"1234567", b"a longer text than that", b"")


def matching(words: bytes | list[bytes], **more: Any) -> Module:
    """`before` sees what comes to the client's side edited, `after` what comes to the server's."""
    def make() -> Iterator[Any]:
        before, after = captures.Crc(), captures.Crc()
        yield duplex(Port("lan", inner=True), tcp([before, WordMatcher(words, **more), after], hold_timeout=0),
                     Port("wan", inner=True))
    made: Chain = chain(make)
    return captures.compiled(made)


def replaced(shared: Path, name: str, word: bytes, text: bytes) -> dict[tuple[int, str], tuple[int, str]]:
    """(bytes, sha256) of every direction of a capture after the replacement, by the oracle."""
    tool = shared / "tools" / "oracle.py"
    said = subprocess.run([sys.executable, str(tool), "replace", "--hex", str(shared / "captures" / name), word.hex(),
                           text.hex()], check=True, capture_output=True)
    return {(r["stream"], r["dir"]): (r["bytes"], r["sha256"]) for r in json.loads(said.stdout)}


def differing(module: Module, shared: Path, name: str, rows: list[Any], data: dict[tuple[int, str], bytes],
              folder: Path, change: Change) -> tuple[list[Any], int]:
    """The directions of which something else left the context than `change` makes of them; how many it changes."""
    hosts = captures.conversations(shared, name)
    result, sessions = captures.through(module, shared / "captures" / name, folder)
    got = captures.seen(sessions, "after", "before")
    faults = any(e["faults"] for e in result.stats["elements"].values())
    wrong: list[Any] = [] if captures.conserved(result) and not faults else [(name, "packets", result.stats)]
    changed = 0
    for number, way, _, _ in rows:
        if number in hosts:
            ends = (hosts[number]["client"], hosts[number]["server"])
            want = change(data[number, way])
            changed += want != data[number, way]
            if (len(want), zlib.crc32(want)) not in got[ends if way == "c2s" else ends[::-1]]:
                wrong.append((name, number, way, len(want)))
    return wrong, changed


def missing_on_the_wire(shared: Path, name: str, rows: list[Any], folder: Path, suffix: str,
                        want: dict[tuple[int, str], tuple[int, str]]) -> tuple[list[Any], int]:
    """The directions that tshark does not reassemble from the output as the oracle wants them; how many were looked at."""
    hosts, tool = captures.conversations(shared, name), shared / "tools" / "oracle.py"
    out = folder / f"wire-{name}"
    subprocess.run([sys.executable, str(tool), "streams", str(folder / f"out{suffix}"), str(out)], check=True,
                   capture_output=True)
    sent = {(p.stat().st_size, hashlib.sha256(p.read_bytes()).hexdigest()) for p in out.iterdir()}
    looked = [(number, way) for number, way, _, _ in rows if number in hosts and not hosts[number]["midstream"]]
    return [(name, *key) for key in looked if want[key][0] and want[key] not in sent], len(looked)


@pytest.mark.parametrize(("word", "text"), SAMPLE, ids=str)
def test_replace_is_what_the_oracle_says(shared: Path, truth: dict[str, Any], streams: Any, tmp_path: Path, word: bytes,
                                         text: bytes) -> None:
    """Same length and other: every clean direction behind the element; some captures on the wire too."""
    module = matching(word, mode="replace", text=text)
    wrong: list[Any] = []
    hits = checked = 0
    for i, name in enumerate(captures.some(shared, truth)):
        bad, changed = differing(module, shared, name, truth[name], streams(name), tmp_path,
                                 lambda data: data.replace(word, text))
        wrong, hits = wrong + bad, hits + changed
        if i % (3 if captures.NIGHTLY else 6) == 0:
            want = replaced(shared, name, word, text)
            bad, looked = missing_on_the_wire(shared, name, truth[name], tmp_path, Path(name).suffix, want)
            wrong, checked = wrong + bad, checked + looked
    assert wrong == []
    assert hits > 5 and checked > 1


def border(path: Path, data: dict[tuple[int, str], bytes], hosts: dict[int, Any], rows: list[Any]) -> bytes | None:
    """Seven bytes of a clean direction of which three end a segment and four begin the next; else None."""
    from scapy.layers.inet import IP, TCP
    from scapy.layers.inet6 import IPv6
    from scapy.utils import PcapReader

    ended: dict[tuple[Any, ...], tuple[int, bytes]] = {}
    known = {(hosts[n]["client"], hosts[n]["server"])[::1 if way == "c2s" else -1]: data[n, way]
             for n, way, _, _ in rows if n in hosts and not hosts[n]["midstream"]}
    with PcapReader(str(path)) as packets:
        for p in packets:
            net = p[IP] if IP in p else p[IPv6] if IPv6 in p else None
            if net is None or TCP not in p:
                continue
            t = p[TCP]
            ends = (f"{net.src}:{t.sport}", f"{net.dst}:{t.dport}")
            left = net.len - 4 * net.ihl if IP in p else net.plen
            payload = bytes(t)[4 * t.dataofs:left]
            if not payload or ends not in known:
                continue
            seq, tail = ended.get(ends, (None, b""))
            word = tail + payload[:4]
            if seq == t.seq and len(word) == 7 and known[ends].count(word) == 1:
                return word
            ended[ends] = ((t.seq + len(payload)) % (1 << 32), payload[-3:])
    return None


def test_words_cut_by_the_borders_of_segments(shared: Path, truth: dict[str, Any], streams: Any, tmp_path: Path) -> None:
    """A word that a real sender cut in two: replaced as the oracle says, in the same length and in others."""
    done, wrong = 0, []
    for name in captures.some(shared, truth):
        if done == BORDERS:
            break
        path = shared / "captures" / name
        if len(truth[name]) > 40:
            continue
        word = border(path, streams(name), captures.conversations(shared, name), truth[name])
        if word is None:
            continue
        for text in TEXTS if captures.NIGHTLY else TEXTS[:2]:
            module = matching(word, mode="replace", text=text)
            bad, changed = differing(module, shared, name, truth[name], streams(name), tmp_path,
                                     lambda data, word=word, text=text: data.replace(word, text))  # type: ignore[misc]
            assert changed, (name, word)
            lost, _ = missing_on_the_wire(shared, name, truth[name], tmp_path, path.suffix,
                                          replaced(shared, name, word, text))
            wrong += bad + lost
        done += 1
    assert wrong == []
    assert done >= BORDERS


UNHEARD = "mercury--ip_encapsulation.pcap"
"""Its last segment ends with what may begin a longer word, and then the capture acknowledges these bytes, which are held, and ends: the box
waits for an acknowledgement that no host sends any more, and resets the connection after eight tries."""

LIST = [b"HTTP", b"HTTP/1.1", b"ent", b"Content", b"\0\0", b"\0\0\0\0"]
"""Words of which some begin like others: the longest that begins first counts."""
ANY = re.compile(b"|".join(re.escape(w) for w in sorted(LIST, key=len, reverse=True)))
"""The same in Python: leftmost, and of those that begin there the first of the alternation, the longest."""


@pytest.mark.parametrize(("options", "change"), [
    ({"mode": "remove"}, lambda data: ANY.sub(b"", data)),
    ({"mode": "mask", "byte": 0x23}, lambda data: ANY.sub(lambda m: b"#" * len(m[0]), data)),
], ids=["remove", "mask"])
def test_remove_and_mask(shared: Path, truth: dict[str, Any], streams: Any, tmp_path: Path, options: dict[str, Any],
                         change: Change) -> None:
    module = matching(LIST, **options)
    wrong: list[Any] = []
    hits = 0
    for name in captures.some(shared, truth):
        if name == UNHEARD:
            continue
        bad, changed = differing(module, shared, name, truth[name], streams(name), tmp_path, change)
        wrong, hits = wrong + bad, hits + changed
    assert wrong == []
    assert hits > 5
