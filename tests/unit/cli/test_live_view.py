"""`mcc run --live`: the arithmetic, the picture at every size, and the terminal afterwards."""

from __future__ import annotations

import io
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from mcc.cli.panels import LEAST, line, picture
from mcc.cli.rates import Rates, bars, chart, clock, short
from mcc.lang.parameter import Parameter
from mcc.run.errands import Snapshot

LIMIT = Parameter("limits", "longest", "u16", 0, 65535, 1500)


def snapshot(seconds: float, packets: int, *, ports: int = 2, elements: int = 1, **more: Any) -> Snapshot:
    """After so many packets of 100 bytes; one in ten was dropped, and each began a session that ended."""
    port = {"rx_packets": packets, "rx_bytes": 100 * packets, "tx_packets": packets, "tx_bytes": 100 * packets, "rx_errors": 0}
    names = ["limits", *(f"element{i}" for i in range(2, elements + 1))]
    return Snapshot(seconds, {
        "chain": "box", "ports": dict.fromkeys(("lan", "wan", "dmz", *(f"p{i}" for i in range(9)))[:ports], port),
        "elements": {n: {"type": "Limits", "packets": packets, "bytes": 0, "counters": {"passed": packets}, "faults": 0} for n in names},
        "sessions": {"created": packets, "active": 7, "peak": 1234, "memory_bytes": 0,
                     "ended": {"fin": packets, "rst": 0, "timeout": 0, "closed": 0, "evicted": 0, "replaced": 0, "end": 0}},
        "contexts": {"tcp": {"reordered": packets, "overlaps": 0}},
        "drops": {"drop:limits": packets // 10, "refused": 0}, "made": 0, "sent": 0, "held": 0}, (LIMIT,), **more)


def rates(*snapshots: Snapshot) -> Rates:
    made = Rates()
    for s in snapshots:
        made.add(s)
    return made


def shown(r: Rates, size: tuple[int, int], messages: tuple[str, ...] = ()) -> list[str]:
    console = Console(file=io.StringIO(), force_terminal=True, color_system=None, width=size[0], height=size[1], legacy_windows=False)
    console.print(picture(r, size, {"lan": "afpacket:eth0"}, messages), end="")
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().rstrip("\n").split("\n")


def test_rates_are_of_the_time_between_two_looks() -> None:
    r = rates(snapshot(1.0, 100), snapshot(3.0, 500))
    assert r.of("ports", "lan", "rx_packets") == 200 and r.of("ports", "wan", "tx_bytes") == 20_000
    assert r.of("drops") == 20 and r.of("drops", "drop:limits") == 20 and r.of("drops", "refused") == 0
    assert r.of("sessions", "ended") == 200 and r.of("elements", "limits", "counters", "passed") == 200
    assert rates(snapshot(1.0, 100)).of("ports", "lan", "rx_packets") == 0
    r = rates(*(snapshot(float(i), i * i) for i in range(100)))
    assert len(r.history("sessions", "created")) == 60 and r.history("sessions", "created")[-1] == 99**2 - 98**2


@pytest.mark.parametrize(("n", "text"), [
    (0, "0"), (0.25, "0.2"), (3, "3"), (9.99, "10"), (12, "12"), (999, "999"), (999.6, "1.00 k"), (1234, "1.23 k"), (12345, "12.3 k"),
    (999_400, "999 k"), (999_600, "1.00 M"), (45_600_000, "45.6 M"), (9.87e9, "9.87 G"), (1e15, "1 P")])
def test_numbers_have_three_digits(n: float, text: str) -> None:
    assert short(n) == text
    assert short(n, "b/s") == (text + "b/s" if " " in text else text + " b/s")


def test_bars_charts_and_clocks() -> None:
    assert bars([0, 1, 4, 8], 6) == "  ▁▁▄█" and bars([0, 0], 2) == "▁▁" and bars([], 3) == "   "
    assert bars([5, 1, 1], 2) == "██"
    assert chart([0, 1, 2, 4], 6, 2) == ["     █", "   ▄██"]
    assert chart([1, 2], 120, 1)[0].endswith("▄▄██") and len(chart([1], 130, 3)[0]) == 130
    assert [clock(s) for s in (0, 7.9, 754, 3723)] == ["0:00", "0:07", "12:34", "1:02:03"]


@pytest.mark.parametrize("size", [LEAST, (80, 24), (100, 40), (237, 70), (LEAST[0], 60), (300, LEAST[1])])
@pytest.mark.parametrize(("ports", "elements"), [(1, 1), (2, 3), (12, 60)])
def test_the_picture_fits_the_terminal(size: tuple[int, int], ports: int, elements: int) -> None:
    r = rates(snapshot(1.0, 100, ports=ports, elements=elements), snapshot(2.0, 1_000_000, ports=ports, elements=elements))
    for messages in ((), ("limits.longest: 1000 -> 1500", "port lan: eth0: Network is down " + "x" * 300, "c", "d")):
        lines = shown(r, size, messages)
        assert len(lines) <= size[1], "\n".join(lines)
        assert max(map(len, lines)) <= size[0]
        assert all(len(x) == size[0] for x in lines if x.startswith("│")), "a panel is torn"


def test_what_is_in_the_picture() -> None:
    lines = shown(rates(snapshot(60.0, 1000), snapshot(61.0, 2000, down={"wan": "Network is down"})), (120, 40), ("said",))
    text = "\n".join(lines)
    assert re.search(r"^ box +1:01 .*Ctrl-C ends it", lines[0])
    assert re.search(r"lan afpacket:eth0 +1\.00 k +800 k .*█ +1\.00 k +800 k", text) and "wan Network is down" in text
    assert re.search(r"active +7 +peak 1,234", text) and re.search(r"new/s +1\.00 k", text)
    assert re.search(r"fin +1\.00 k +of 2,000", text) and "timeout" not in text
    assert re.search(r"drop:limits +100 +200", text) and "refused" not in text
    assert re.search(r"limits Limits +1\.00 k +2,000 +longest=1500  passed 2,000 \+1\.00 k/s", text)
    assert "tcp(..)" in text and "reordered 2,000 +1.00 k/s" in text and "overlaps" not in text
    assert "at most 1.60 Mb/s" in text and lines[-1].strip() == "said"
    assert "%" not in lines[0] and " 25 %" in shown(rates(snapshot(1.0, 0, done=1, total=4)), (120, 40))[0]


def test_what_has_no_room_is_counted() -> None:
    text = "\n".join(shown(rates(snapshot(1.0, 9, ports=12, elements=60), snapshot(2.0, 99, ports=12, elements=60)), (100, 36)))
    rows = len(re.findall(r"^│ (?:limits|element\d)", text, re.M))
    assert rows >= 2 and f"│ {61 - rows} more " in text
    text = "\n".join(shown(rates(snapshot(1.0, 9, ports=12)), (100, 20)))
    assert re.search(r"─ ports, [2-9] of 12 ─", text)


def test_one_line() -> None:
    r = rates(snapshot(60.0, 1000), snapshot(61.0, 2000, down={"wan": "Network is down"}, done=1, total=2))
    assert line(r) == ("1:01  lan in 1.00 kp/s 800 kb/s out 1.00 kp/s 800 kb/s  wan DOWN (Network is down) in 1.00 kp/s 800 kb/s "
                       "out 1.00 kp/s 800 kb/s  sessions 7 +1.00 k/s  drops 100/s (drop:limits)  50 %")


def on_terminal(root: Path, tmp_path: Path, size: tuple[int, int], until: bytes, *options: str) -> tuple[int, bytes]:
    """A run on a terminal of that size, ended by Ctrl-C when it has shown `until`: exit code, all that it wrote."""
    import fcntl
    import struct
    import termios

    main, other = pty.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
    environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "NO_COLOR")}
    environment |= {"PYTHONPATH": str(root), "TERM": "xterm-256color", "XDG_RUNTIME_DIR": str(tmp_path)}
    child = subprocess.Popen([sys.executable, "-m", "tests.unit.cli.nowhere", "tests/unit/run/running.py", "--live", *options],
                             stdin=other, stdout=other, stderr=other, cwd=root, env=environment, start_new_session=True)
    os.close(other)
    text, deadline, told = b"", time.monotonic() + 60, False
    while time.monotonic() < deadline:
        if select.select([main], [], [], 0.1)[0]:
            try:
                text += os.read(main, 65536)
            except OSError:
                break
        if until in text and not told:
            child.send_signal(signal.SIGINT)
            told = True
    os.close(main)
    child.kill() if child.poll() is None and time.monotonic() > deadline else None
    return child.wait(10), text


SCREEN, BACK, HIDE, SHOW = b"\x1b[?1049h", b"\x1b[?1049l", b"\x1b[?25l", b"\x1b[?25h"


def test_the_terminal_is_as_it_was(root: Path, tmp_path: Path) -> None:
    code, text = on_terminal(root, tmp_path, (100, 30), b"longest=1000")
    assert code == 130 and text.count(SCREEN) == text.count(BACK) == 1 and text.rindex(SHOW) > text.rindex(HIDE)
    before, _, rest = text.partition(SCREEN)
    view, _, after = rest.partition(BACK)
    assert b"mcc: running" in before and "╭─".encode() in view
    assert b"limits (Short)" in after and b"interrupted" in after and b"Traceback" not in text


@pytest.mark.parametrize("options", [("--live",), ()])
def test_a_terminal_that_is_closed(root: Path, tmp_path: Path, options: tuple[str, ...]) -> None:
    main, other = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(root), "TERM": "xterm-256color", "XDG_RUNTIME_DIR": str(tmp_path)}
    child = subprocess.Popen([sys.executable, "-m", "tests.unit.cli.nowhere", "tests/unit/run/running.py", "--stats",
                              str(tmp_path / "stats"), *options], stdin=other, stdout=other, stderr=other, cwd=root,
                             env=environment, start_new_session=True)
    os.close(other)
    text, deadline = b"", time.monotonic() + 60
    while b"mcc: running" not in text and time.monotonic() < deadline:
        text += os.read(main, 65536)
    os.close(main)
    child.send_signal(signal.SIGHUP)
    assert child.wait(10) == 130 and (tmp_path / "stats").exists()


def test_a_small_terminal_gets_lines(root: Path, tmp_path: Path) -> None:
    code, text = on_terminal(root, tmp_path, (LEAST[0] - 1, 30), b"mcc: 0:01  lan in 0 p/s")
    assert code == 130 and SCREEN not in text


def test_lines_of_sessions_are_not_drawn_over(root: Path, tmp_path: Path) -> None:
    code, text = on_terminal(root, tmp_path, (100, 30), b"mcc: 0:01  lan in 0 p/s", "--sessions", "-")
    assert code == 130 and SCREEN not in text and text.count(b'"end":"end"') == 2
