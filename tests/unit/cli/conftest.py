"""The command line, called in this process or as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mcc.cli.app import app

COUNTER = '''
from mcc import PASS, TCP4, UDP4, Action, Counter, Element, Packet, Port, alert, chain, duplex, element, struct, u64

@struct
class Count:
    packets: u64 = 0

@element(session=TCP4 | UDP4, scratch=Count)
class Counting(Element):
    def setup(self) -> None:
        self.all = Counter()

    def process_packet(self, s: Count, pkt: Packet) -> Action:
        s.packets += 1
        self.all += 1
        if pkt.length == 66:
            alert(7, "sixty-six")
        return PASS

@chain
def counter():
    yield duplex(Port("lan"), Counting(), Port("wan"))
'''


@dataclass(frozen=True)
class Done:
    """What a command did."""

    code: int
    out: str
    err: str


Mcc = Callable[..., Done]


@pytest.fixture
def mcc(monkeypatch: pytest.MonkeyPatch) -> Mcc:
    """`mcc ARGUMENT...` in this process."""
    monkeypatch.setenv("COLUMNS", "120")

    def call(*arguments: object) -> Done:
        result = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)
        return Done(result.exit_code, result.stdout, result.stderr)

    return call


@pytest.fixture
def process(root: Path) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """`mcc ARGUMENT...` as a process."""

    def call(*arguments: object, **more: object) -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-c", "from mcc.cli import main; main()", *map(str, arguments)]
        environment = {**os.environ, "PYTHONPATH": str(root), "COLUMNS": "120"}
        return subprocess.run(command, capture_output=True, check=False, env=environment, **more)  # type: ignore[call-overload, no-any-return]

    return call


@pytest.fixture
def counter(tmp_path: Path) -> Path:
    """A chain that counts and alerts."""
    path = tmp_path / "counter.py"
    path.write_text(COUNTER)
    return path
