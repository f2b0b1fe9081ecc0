"""Pictures to files: Graphviz text, SVG, or PNG made of the SVG by a Python package."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

from mcc.diag import PortError
from mcc.run.outputs import cannot_write
from mcc.run.usage import UsageError

FORMATS = (".svg", ".png", ".dot")
PIP = "pip install resvg-py"


def draw(output: Path, dot: Callable[[], str], svg: Callable[[], str]) -> None:
    """Write `output` in the form that its name ends in. Raises UsageError, PortError."""
    if output.suffix not in FORMATS:
        raise UsageError(f"{output} ends in {output.suffix or 'nothing'}", "name it .svg, .png or .dot")
    if output.suffix == ".dot":
        data = dot().encode()
    else:
        data = svg().encode() if output.suffix == ".svg" else png(svg())
    try:
        output.write_bytes(data)
    except OSError as e:
        raise PortError(cannot_write(str(output), e.errno or 0)) from None


def png(svg: str) -> bytes:
    """The picture at twice its size. Raises PortError where no package that can do it is installed."""
    try:
        return bytes(importlib.import_module("resvg_py").svg_to_bytes(svg_string=svg, zoom=2))
    except ImportError:
        pass
    try:
        return bytes(importlib.import_module("cairosvg").svg2png(bytestring=svg.encode(), scale=2))
    except (ImportError, OSError):  # cairosvg without libcairo
        raise PortError(f"PNG needs a Python package: {PIP}; or name the output .svg") from None
