"""Every stage's text of two examples, as files to be read and reviewed.

    MCC_UPDATE_GOLDEN=1 pytest tests/golden        rewrites them; the diff is the review
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import mcc

HERE = Path(__file__).parent
EXAMPLES = HERE.parent.parent / "examples"
SUFFIX = {"graph": "graph.txt", "typed": "typed.txt", "lowered": "lowered.txt", "c": "gen.c"}


@pytest.mark.parametrize("stage", SUFFIX)
@pytest.mark.parametrize("example", ["packet_counter", "port_stats"])
def test_the_text_of_a_stage_is_the_reviewed_one(example: str, stage: str) -> None:
    file = HERE / example / f"{example}.{SUFFIX[stage]}"
    text = mcc.build(EXAMPLES / f"{example}.py").compiled.text(stage)
    if os.environ.get("MCC_UPDATE_GOLDEN"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    assert text == file.read_text(), f"MCC_UPDATE_GOLDEN=1 pytest {Path(__file__).name} rewrites {file.name}"


def test_printing_is_deterministic() -> None:
    """Two compilations in one process give the same C, to the letter."""
    path = EXAMPLES / "firewall.py"
    assert mcc.build(path).c_source == mcc.build(path).c_source


@pytest.mark.parametrize("example", sorted(p.stem for p in EXAMPLES.glob("*.py")))
def test_every_stage_of_every_example_has_a_text(example: str) -> None:
    compiled = mcc.build(EXAMPLES / f"{example}.py").compiled
    assert all(compiled.text(stage) for stage in ("parsed", *SUFFIX))
