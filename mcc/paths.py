"""Where the files that are not Python live: C runtime and templates, in a checkout or in a wheel."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def _data(name: str) -> Path:
    """`name` beside the package (checkout, editable install), else inside it (wheel)."""
    beside = _PACKAGE.parent / name
    return beside if beside.is_dir() and (_PACKAGE.parent / "pyproject.toml").is_file() else _PACKAGE / "_data" / name


RUNTIME_C = _data("runtime_c")
TEMPLATES = _data("templates")
EXAMPLES = _data("examples")
