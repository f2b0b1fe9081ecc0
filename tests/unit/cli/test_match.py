"""`mcc match` against libpcap's answers in the vectors, and its outputs."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from mcc.diag import CompileError
from mcc.run import matcher
from mcc.run.capture import Record, open_capture
from mcc.run.capture_file import pcap_bytes
from mcc.run.matcher import Expression
from tests.unit.cli.conftest import Mcc

Vector = dict[str, Any]


def vectors(root: Path) -> dict[str, list[Vector]]:
    """By capture, in order."""
    path = root.parent / "shared" / "vectors" / "vectors_open_random.jsonl"
    if not path.is_file():
        pytest.skip("needs ../shared/vectors and ../shared/captures")
    out = defaultdict(list)
    for line in path.read_text().splitlines():
        v = json.loads(line)
        out[v["pcap"]].append(v)
    return dict(out)


def numbers(idx: list[Any]) -> list[int]:
    out: list[int] = []
    for i in idx:
        a, _, b = str(i).partition("-")
        out += range(int(a), int(b or a) + 1)
    return out


def wrong_answers(root: Path, name: str, those: list[Vector]) -> tuple[int, list[str]]:
    """How many expressions are accepted, and those whose answer is not libpcap's."""
    with open_capture(str(root.parent / "shared" / "captures" / name)) as capture:
        links = matcher.link_types(capture)
        good = []
        for v in those:
            try:
                matcher.compile_expressions([Expression(v["expr"])], links)
                good.append(v)
            except CompileError:
                pass
        found = matcher.run(matcher.build([Expression(v["expr"]) for v in good], links, "-O0"), capture)
    bad = []
    for v, got in zip(good, found.numbers, strict=True):
        rejected = v.get("reject", "")
        right = not got if "rejects all" in rejected else not rejected and list(got) == numbers(v["idx"])
        bad += [] if right else [f"{name}: {v['expr']}"]
    return len(good), bad


def test_vectors_through_the_command(mcc: Mcc, root: Path, tmp_path: Path) -> None:
    """One capture, its expressions from a file."""
    name, those = next(iter(vectors(root).items()))
    plain = [v for v in those if "idx" in v and "tcp[" not in v["expr"] and "ip[" not in v["expr"]][:12]
    source = tmp_path / "expressions"
    source.write_text("".join(f"{v['expr']}\n" for v in plain))
    done = mcc("match", "--from", source, root.parent / "shared" / "captures" / name, "--json")
    assert done.code == 0, done
    answers = [json.loads(line) for line in done.out.splitlines()]
    assert [(a["expr"], a["packets"]) for a in answers] == [(v["expr"], numbers(v["idx"])) for v in plain]
    assert all(a["count"] == len(a["packets"]) and list(a)[:2] == ["expr", "count"] for a in answers)


def test_a_sample_of_the_vectors(root: Path) -> None:
    accepted = asked = 0
    for name, those in list(vectors(root).items())[::15]:
        n, bad = wrong_answers(root, name, those)
        accepted, asked = accepted + n, asked + len(those)
        assert not bad
    assert accepted >= 0.85 * asked


@pytest.mark.slow
def test_all_vectors(root: Path) -> None:
    accepted, wrong = 0, []
    for name, those in vectors(root).items():
        n, bad = wrong_answers(root, name, those)
        accepted += n
        wrong += bad
    assert not wrong
    assert accepted >= 2400


def test_link_types_that_mix(mcc: Mcc, tmp_path: Path) -> None:
    """Each packet is read as its own link says."""
    ip = bytes.fromhex("450000140000000040060000" + "0a000001" + "0a000002")
    ether = bytes(12) + b"\x08\x00" + ip
    path = tmp_path / "mixed.pcapng"
    path.write_bytes(pcap_bytes([Record(ether, 34, 1000, 1), Record(ip, 20, 2000, 101), Record(ether, 34, 3000, 1)]))
    assert json.loads(mcc("match", "src host 10.0.0.1", path, "--json").out)["packets"] == [1, 2, 3]
    out = tmp_path / "out.pcap"
    assert mcc("match", "less 20", path, "-o", out).code == 0
    with open_capture(str(out)) as c:
        assert [(r.data, r.linktype, r.at) for r in c.records()] == [(ip, 101, 2000)]
    refused = mcc("match", "ether multicast", path)
    assert refused.code == 1 and "^" in refused.err


def test_an_empty_capture(mcc: Mcc, tmp_path: Path) -> None:
    path = tmp_path / "empty.pcap"
    path.write_bytes(pcap_bytes([]))
    assert mcc("match", "tcp", path).out == "tcp: 0 of 0 packets\n"


def test_errors_name_the_line(mcc: Mcc, examples: Path, tmp_path: Path) -> None:
    source = tmp_path / "expressions"
    source.write_text("tcp\n\nvlan 5000\nudp port 99999\n")
    done = mcc("match", "--from", source, examples / "captures" / "http.pcap")
    assert (done.code, done.out) == (1, "")
    assert f"{source}:3:6: error: " in done.err and f"{source}:4:10: error: " in done.err and "2 errors" in done.err


def test_comments_cannot_be_closed() -> None:
    """An expression's text stands in a comment of the C."""
    text = matcher.module_text([[]], [1], [])
    assert "class0" not in text
    assert matcher._comment('a */ b /* "\n') == 'a * / b / * \\"\\n'
