"""Graphviz text to a file: as it is, or drawn by `dot`."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from mcc.diag import PortError
from mcc.run.outputs import cannot_write
from mcc.run.usage import UsageError

FORMATS = {".svg": "svg", ".png": "png"}


def draw(text: str, output: Path) -> None:
    """Write `output`, .dot, .svg or .png. Raises UsageError, PortError."""
    if output.suffix == ".dot":
        data = text.encode()
    elif output.suffix in FORMATS:
        data = _rendered(text, FORMATS[output.suffix])
    else:
        raise UsageError(f"{output} ends in {output.suffix or 'nothing'}", "name it .svg, .png or .dot")
    try:
        output.write_bytes(data)
    except OSError as e:
        raise PortError(cannot_write(str(output), e.errno or 0)) from None


def _rendered(text: str, form: str) -> bytes:
    program = shutil.which("dot")
    if program is None:
        raise PortError("drawing needs Graphviz: apt install graphviz, or name the output .dot")
    done = subprocess.run([program, f"-T{form}"], input=text.encode(), capture_output=True, check=False)
    if done.returncode:
        raise PortError(f"Graphviz failed: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout
