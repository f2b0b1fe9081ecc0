"""curl and nginx on both sides of a box."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.live.net import SERVER4, SERVER6, Net
from tests.live.transfer import WORD
from tests.live.web import curl, serve, through_nat


@pytest.mark.parametrize(("chain", "new"), [("through.py", WORD), ("words.py:equal", b"[----]")])
def test_files(net: Callable[..., Net], chain: str, new: bytes) -> None:
    n = net()
    files = serve(n)
    n.mcc(chain)
    for address in (SERVER4, f"[{SERVER6}]"):
        got = n.folder / "got"
        for name, data in files.items():
            curl(n, "-o", str(got), f"http://{address}/{name}")
            assert (got.read_bytes() if data else b"") == data.replace(WORD, new)


def test_one_connection_for_many_files(net: Callable[..., Net]) -> None:
    n = net()
    files = serve(n)
    n.mcc("words.py:equal")
    urls = [f"http://{SERVER4}/{name}" for name in ("small", "page", "small", "large", "empty", "page")]
    outputs = [str(n.folder / f"got{i}") for i in range(len(urls))]
    said = curl(n, "-w", "%{num_connects} ", *(x for url, o in zip(urls, outputs, strict=True) for x in ("-o", o, url)))
    assert said.split() == ["1", "0", "0", "0", "0", "0"]
    assert Path(outputs[3]).read_bytes() == files["large"].replace(WORD, b"[----]")


def test_twenty_at_once(net: Callable[..., Net]) -> None:
    n = net()
    files = serve(n)
    n.mcc("words.py:equal")
    names = [str(n.folder / f"got{i}") for i in range(20)]
    curl(n, "-Z", "--parallel-immediate", "--parallel-max", "20", *(x for o in names for x in ("-o", o, f"http://{SERVER4}/page")))
    assert all(Path(o).read_bytes() == files["page"].replace(WORD, b"[----]") for o in names)


def test_nat(net: Callable[..., Net]) -> None:
    n = net()
    files = serve(n)
    n.mcc("nat.py")
    through_nat(n, files)
    time.sleep(2.3)
    n.processes[-1].stop()
    stats = json.loads((n.folder / "stats.json").read_text())
    assert stats["sessions"]["created"] == 2 == stats["sessions"]["ended"]["fin"]
