"""The documentation: every chain in it compiles, its tables are the compiler's own, its commands exist, links lead on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mcc import build
from mcc.cli.app import app
from mcc.diag import CompileError
from mcc.frontend.parse import NO_OPERATOR, REFUSED
from mcc.lang.classes import Cls
from mcc.protocols.headers import FIELDS, HeaderField, int_width
from tests.unit.cli.conftest import Mcc

ROOT = Path(__file__).resolve().parents[3]
PAGES = sorted([*(ROOT / "docs").glob("*.md"), ROOT / "README.md", ROOT / "examples" / "README.md"])


def blocks(language: str) -> list[tuple[str, str]]:
    """(page:line, text) of each fenced block."""
    out = []
    for page in PAGES:
        text = page.read_text()
        for found in re.finditer(rf"^```{language}\n(.*?)^```$", text, re.S | re.M):
            out.append((f"{page.name}:{text[:found.start()].count(chr(10)) + 1}", found.group(1)))
    return out


CHAINS = [b for b in blocks("python") if re.search(r"^@chain|= chain\(", b[1], re.M)]


@pytest.mark.parametrize("block", CHAINS, ids=[place for place, _ in CHAINS])
def test_every_chain_compiles(block: tuple[str, str], tmp_path: Path) -> None:
    """A block without imports is an excerpt: it gets all of mcc."""
    place, text = block
    if "import" not in text:
        text = "from collections.abc import Iterator\nfrom typing import Any\nfrom mcc import *\n" + text
    path = tmp_path / "documented.py"
    path.write_text(text)
    assert build(path).compiled.plans.leaves, place


def _type(f: HeaderField) -> str:
    if f.width == 1:
        return "bool"
    return {"arp.spa": "Addr4", "arp.tpa": "Addr4", "ip.src": "Addr4", "ip.dst": "Addr4", "ip6.src": "Addr6",
            "ip6.dst": "Addr6"}.get(f.key, "Mac" if f.width == 48 else f"u{int_width(f)}")


def fields_table() -> str:
    """One line a layer, from the header table."""
    lines = ["| layer | fields |", "| --- | --- |"]
    for layer in dict.fromkeys(f.layer for f in FIELDS):
        shown = [f"`{f.name}` {_type(f)}" + ("" if f.writable else " read") for f in FIELDS if f.layer == layer]
        lines.append(f"| `{layer}` | {', '.join(shown)} |")
    return "\n".join(lines) + "\n"


def refused_table() -> str:
    """One line a message, from the table of the subset check."""
    rows = dict.fromkeys((*REFUSED.values(), *NO_OPERATOR.values()))
    return "\n".join(["| refused | hint |", "| --- | --- |", *(f"| {what} | {hint} |" for what, hint in rows)]) + "\n"


def test_tables_are_the_compilers_own() -> None:
    page = (ROOT / "docs" / "language.md").read_text()
    assert fields_table() in page and refused_table() in page


def test_every_command_and_option_is_documented(mcc: Mcc) -> None:
    page = (ROOT / "docs" / "cli.md").read_text()
    for command in app.registered_commands:
        name = command.name or (command.callback.__name__ if command.callback else "")
        assert f"## mcc {name}" in page, name
        section = page.partition(f"## mcc {name}")[2].partition("\n## ")[0]
        for option in set(re.findall(r"--[a-z][a-z-]+", mcc(name, "--help").out)) - {"--help"}:
            assert option in section or option.startswith("--no-"), (name, option)


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        prose = re.sub(r"^```.*?^```$|`[^`\n]*`", "", page.read_text(), flags=re.S | re.M)
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", prose):
            if "://" not in target:
                assert (page.parent / target).exists(), (page.name, target)


def _classes_of(page: str) -> list[str]:
    """First column of the tables of spellings."""
    text = (ROOT / "docs" / page).read_text()
    return [m.replace("\\|", "|") for m in re.findall(r"^\| `([^`]+)` \|", text, re.M)]


def test_every_class_in_the_page_is_one() -> None:
    import mcc

    seen = 0
    for text in _classes_of("classes.md"):
        made = eval(text, vars(mcc).copy())
        assert isinstance(made, Cls), text
        seen += 1
    assert seen >= 20


def test_what_is_refused_in_the_page_is() -> None:
    import mcc

    text = (ROOT / "docs" / "classes.md").read_text().partition("## Not supported")[2]
    found = re.findall(r"^\* `([^`]+)`", text, re.M)
    assert len(found) >= 5
    for expression in found:
        with pytest.raises(CompileError):
            mcc.cls(expression)
