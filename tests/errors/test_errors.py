"""Every mistake of a user, one a file: NAME.py is wrong in one way, NAME.expected is what mcc says about it, verbatim.

A file defines `instance` (and `STRICT = True` for what only strict compilation refuses) or `wrong`, a chain, or fails
while it is imported. `MCC_UPDATE_GOLDEN=1 pytest tests/errors` rewrites the expected texts; review the difference.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from mcc.diag import CompileError, Report
from mcc.driver import compile_any
from mcc.frontend import compile_instance

HERE = Path(__file__).parent
CASES = sorted(p for p in HERE.glob("*.py") if not p.name.startswith("test_"))


def said(path: Path) -> str:
    """Everything reported for a file, in order of place, with the file's base name only."""
    name = f"mcc_error_case_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    report = Report()
    try:
        spec.loader.exec_module(module)
        if hasattr(module, "wrong"):
            compile_any(module.wrong)
        code = compile_instance(module.instance, "case", report, strict=getattr(module, "STRICT", False))
        assert (code is None) == report.failed
        items = sorted(report.items, key=lambda d: d.span)
    except CompileError as e:
        items = list(e.diagnostics)
    finally:
        del sys.modules[name]
    text = "\n".join(d.render() for d in items) + "\n"
    return text.replace(str(path), path.name)


@pytest.mark.parametrize("path", CASES, ids=lambda p: p.stem)
def test_exact_text(path: Path) -> None:
    golden = path.with_suffix(".expected")
    text = said(path)
    if os.environ.get("MCC_UPDATE_GOLDEN"):
        golden.write_text(text)
    assert text == golden.read_text()


def test_enough_cases() -> None:
    assert len(CASES) >= 60


@pytest.mark.parametrize("path", CASES, ids=lambda p: p.stem)
def test_says_something_with_a_place(path: Path) -> None:
    text = path.with_suffix(".expected").read_text()
    assert text.startswith(f"{path.name}:") and "^" in text
    assert "Traceback" not in text
