"""`mcc match`: which packets of a capture an expression selects."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mcc.cli.console import DAMAGED, DONE, say
from mcc.cli.summary import count as counted
from mcc.diag import CaptureError
from mcc.run import matcher
from mcc.run.capture import Capture, open_capture, records
from mcc.run.capture_file import write_capture
from mcc.run.matcher import Expression
from mcc.run.usage import UsageError


def match(arguments: Sequence[str], count: bool, as_json: bool, output: str | None, source: Path | None) -> int:
    """Print what is selected; the exit code. Raises UsageError, CompileError, CaptureError, PortError."""
    expressions, path = _arguments(arguments, source)
    if count and as_json:
        raise UsageError("--count and --json are two forms of the answer", "leave one of them out")
    with open_capture(path) as capture:
        found = matcher.run(matcher.build(expressions, matcher.link_types(capture)), capture)
        for expression, numbers in zip(expressions, found.numbers, strict=True):
            _print(expression.text, numbers, found.packets, count, as_json, source is not None)
        if output:
            _write(output, capture, frozenset().union(*found.numbers))
    if found.damage:
        say(f"mcc: {found.damage}")
    return DAMAGED if found.damage else DONE


def _write(output: str, capture: Capture, wanted: frozenset[int]) -> None:
    """The selected packets as a capture."""
    chosen = []
    try:
        for number, record in enumerate(records(capture.memory), 1):
            if number in wanted:
                chosen.append(record)
    except CaptureError:
        pass  # already known from the answers
    write_capture(output, chosen)


def _arguments(arguments: Sequence[str], source: Path | None) -> tuple[list[Expression], str]:
    if source is None:
        if len(arguments) != 2:
            raise UsageError("mcc match wants an expression and a capture", "mcc match 'tcp port 80' in.pcap")
        return [Expression(arguments[0])], arguments[1]
    if len(arguments) != 1:
        raise UsageError("with --from the expressions are in the file", "mcc match --from FILE CAPTURE")
    try:
        lines = source.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as e:
        raise UsageError(f"cannot read {source}: {getattr(e, 'strerror', None) or 'not text'}") from None
    expressions = [Expression(line.rstrip(), str(source), n) for n, line in enumerate(lines, 1) if line.strip()]
    if not expressions:
        raise UsageError(f"there is no expression in {source}", "one a line")
    return expressions, arguments[0]


def _print(expression: str, numbers: Sequence[int], total: int, count: bool, as_json: bool, many: bool) -> None:
    """Packets count from 1, as in tshark and Wireshark."""
    if count:
        print(f"{len(numbers)}\t{expression}" if many else len(numbers))
    elif as_json:
        answer: dict[str, Any] = {"expr": expression, "count": len(numbers), "total": total,
                                  "packets": list(numbers)}
        print(json.dumps(answer, separators=(",", ":")))
    else:
        which = f": {_ranges(numbers)}" if numbers else ""
        print(f"{expression}: {len(numbers):,} of {counted(total, 'packet')}{which}")


def _ranges(numbers: Sequence[int]) -> str:
    """`1-4 7 9-12`, at most a line of it."""
    runs: list[list[int]] = []
    for n in numbers:
        if runs and n == runs[-1][1] + 1:
            runs[-1][1] = n
        else:
            runs.append([n, n])
    words = [f"{a}" if a == b else f"{a}-{b}" for a, b in runs]
    return " ".join(words[:16]) + (" ..." if len(words) > 16 else "")
