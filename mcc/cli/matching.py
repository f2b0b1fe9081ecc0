"""`mcc match`: which packets of a capture an expression selects."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mcc.cli.console import DAMAGED, DONE, say
from mcc.cli.summary import count as counted
from mcc.diag import CaptureError
from mcc.lang.algebra import Cls
from mcc.lang.classes import cls
from mcc.lang.evaluate import matches
from mcc.protocols.dissect import LINK_OF_DLT, OPAQUE, dissect
from mcc.run.capture import Record, open_capture
from mcc.run.capture_file import write_capture
from mcc.run.usage import UsageError


def match(arguments: Sequence[str], count: bool, as_json: bool, output: str | None, source: Path | None) -> int:
    """Print what is selected; the exit code. Raises UsageError, CompileError, CaptureError, PortError."""
    expressions, path = _arguments(arguments, source)
    if count and as_json:
        raise UsageError("--count and --json are two forms of the answer", "leave one of them out")
    classes = [cls(e) for e in expressions]
    records, damage = _read(path)
    found = [[i for i, r in enumerate(records) if selects(c, r)] for c in classes]
    for expression, numbers in zip(expressions, found, strict=True):
        _print(expression, numbers, len(records), count, as_json, source is not None)
    if output:
        write_capture(output, [records[i] for i in sorted(set().union(*found))])
    if damage:
        say(f"mcc: {damage}")
    return DAMAGED if damage else DONE


def selects(c: Cls, record: Record) -> bool:
    """Whether the packet is in the class."""
    return matches(c, dissect(record.data, LINK_OF_DLT.get(record.linktype, OPAQUE), 0, record.length))


def _arguments(arguments: Sequence[str], source: Path | None) -> tuple[list[str], str]:
    if source is None:
        if len(arguments) != 2:
            raise UsageError("mcc match wants an expression and a capture", "mcc match 'tcp port 80' in.pcap")
        return [arguments[0]], arguments[1]
    if len(arguments) != 1:
        raise UsageError("with --from the expressions are in the file", "mcc match --from FILE CAPTURE")
    try:
        lines = source.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as e:
        raise UsageError(f"cannot read {source}: {getattr(e, 'strerror', None) or 'not text'}") from None
    expressions = [line.strip() for line in lines if line.strip()]
    if not expressions:
        raise UsageError(f"there is no expression in {source}", "one a line")
    return expressions, arguments[0]


def _read(path: str) -> tuple[list[Record], str]:
    """Every record, and what is wrong with the rest ("": nothing)."""
    records: list[Record] = []
    with open_capture(path) as capture:
        try:
            for record in capture.records():
                records.append(record)
        except CaptureError as e:
            return records, str(e)
    return records, ""


def _print(expression: str, numbers: list[int], total: int, count: bool, as_json: bool, many: bool) -> None:
    """Packets count from 1, as in tshark and Wireshark."""
    if count:
        print(f"{len(numbers)}\t{expression}" if many else len(numbers))
    elif as_json:
        answer: dict[str, Any] = {"expr": expression, "count": len(numbers), "total": total,
                                  "packets": [n + 1 for n in numbers]}
        print(json.dumps(answer, separators=(",", ":")))
    else:
        which = f": {_ranges(numbers)}" if numbers else ""
        print(f"{expression}: {len(numbers):,} of {counted(total, 'packet')}{which}")


def _ranges(numbers: list[int]) -> str:
    """`1-4 7 9-12`, at most a line of it."""
    runs: list[list[int]] = []
    for n in numbers:
        if runs and n == runs[-1][1] + 1:
            runs[-1][1] = n
        else:
            runs.append([n, n])
    words = [f"{a + 1}" if a == b else f"{a + 1}-{b + 1}" for a, b in runs]
    return " ".join(words[:16]) + (" ..." if len(words) > 16 else "")
