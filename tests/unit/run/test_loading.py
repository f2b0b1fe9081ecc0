"""Chains from files: which one is meant, and how the user's mistakes come back."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mcc.diag import CompileError
from mcc.run.loading import load_chain, split_spec
from mcc.run.usage import UsageError

HEAD = "from mcc import Port, chain\n"
ONE = '@chain\ndef {0}():\n    yield Port("lan") >> Port("wan")\n'


def write(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


def diagnostic(spec: str) -> str:
    with pytest.raises(CompileError) as e:
        load_chain(spec)
    return str(e.value)


def test_the_only_chain_is_meant(tmp_path: Path) -> None:
    spec = write(tmp_path, "box.py", HEAD + ONE.format("nat"))
    assert load_chain(spec).graph().ports == ("lan", "wan")
    assert load_chain(spec + ":nat").name == "nat"


def test_names() -> None:
    assert split_spec("a/b.py:nat") == (Path("a/b.py"), "nat")
    assert split_spec("a/b.py") == (Path("a/b.py"), "")
    assert split_spec("c:/b.py") == (Path("c:/b.py"), "")


def test_several_chains_need_a_name(tmp_path: Path) -> None:
    spec = write(tmp_path, "box.py", HEAD + ONE.format("nat") + ONE.format("fig3"))
    with pytest.raises(UsageError, match=r"has several chains: nat, fig3\n.*say which: .*box.py:nat"):
        load_chain(spec)
    assert load_chain(spec + ":fig3").name == "fig3"
    with pytest.raises(UsageError, match=r"has no chain 'nta'\n.*did you mean .*box.py:nat\?"):
        load_chain(spec + ":nta")
    with pytest.raises(UsageError, match=r"chain in .*box.py is not a chain|chain .* is not a chain"):
        load_chain(spec + ":chain")


def test_no_chain_and_no_file(tmp_path: Path) -> None:
    assert "there is no chain in this file" in diagnostic(write(tmp_path, "empty.py", "x = 1\n"))
    with pytest.raises(UsageError, match=r"there is no file .*emptyy.py\n.*did you mean .*empty.py\?"):
        load_chain(str(tmp_path / "emptyy.py"))
    with pytest.raises(UsageError, match="is a folder"):
        load_chain(str(tmp_path))


def test_imported_chains_do_not_count(tmp_path: Path) -> None:
    write(tmp_path, "parts.py", HEAD + ONE.format("other"))
    spec = write(tmp_path, "whole.py", HEAD + "from parts import other\n" + ONE.format("mine"))
    assert load_chain(spec).name == "mine"
    assert load_chain(spec + ":other").name == "other"


def test_modules_of_one_folder_do_not_reach_another(tmp_path: Path) -> None:
    for n in ("a", "b"):
        folder = tmp_path / n
        folder.mkdir()
        write(folder, "parts.py", f"NAME = 'port_{n}'\n")
        spec = write(folder, "whole.py", HEAD + "from parts import NAME\n@chain\ndef c():\n    yield Port(NAME) >> Port('x')\n")
        assert load_chain(spec).graph().ports[0] == f"port_{n}"
    assert not list(tmp_path.rglob("__pycache__"))
    assert str(tmp_path) not in " ".join(sys.path)


def test_an_edited_file_is_read_again(tmp_path: Path) -> None:
    spec = write(tmp_path, "box.py", HEAD + ONE.format("nat"))
    load_chain(spec)
    write(tmp_path, "box.py", HEAD + ONE.format("nat").replace("wan", "dmz"))
    assert load_chain(spec).graph().ports == ("lan", "dmz")


def test_an_error_shows_the_line_as_it_is_now(tmp_path: Path) -> None:
    spec = write(tmp_path, "box.py", "x = first_name\n")
    assert "1 | x = first_name" in diagnostic(spec)
    write(tmp_path, "box.py", "xyz = 1 + second_name\n")
    assert "1 | xyz = 1 + second_name" in diagnostic(spec)


def test_a_wrong_declaration_is_found_where_it_is_now(tmp_path: Path) -> None:
    """mcc.lang looks the class up in the lines of the file, which may have been read before."""
    head = "from mcc import Element, Packet, PASS, element\n"
    declared = "@element(every={0})\nclass Here(Element):\n    def {1}(self):\n        return PASS\n"
    spec = write(tmp_path, "box.py", head + declared.format(0, "nothing"))
    assert f"{spec}:3:7: error: Here has no handler" in diagnostic(spec)
    write(tmp_path, "box.py", "# moved\n\n\n" + head + declared.format(0, "on_timer"))
    assert f"{spec}:6:7: error: Here has on_timer, but no every=" in diagnostic(spec)


def test_files_named_like_a_library_module_work(tmp_path: Path) -> None:
    assert load_chain(write(tmp_path, "json.py", HEAD + ONE.format("nat"))).name == "nat"
    import json

    assert json.dumps({}) == "{}"


def test_syntax_error(tmp_path: Path) -> None:
    spec = write(tmp_path, "box.py", "x = 1\ny = (2 +\n")
    assert diagnostic(spec) == (f"{spec}:2:5: error: this is not Python: '(' was never closed\n"
                                "    2 | y = (2 +\n      |     ^")


def test_exception_at_import(tmp_path: Path) -> None:
    spec = write(tmp_path, "box.py", "def f(x):\n    return 'ä' + str(1 // x)\n\nf(0)\n")
    assert diagnostic(spec) == (
        f"{spec}:2:22: error: ZeroDivisionError: integer division or modulo by zero\n"
        "    2 |     return 'ä' + str(1 // x)\n"
        "      |                      ^^^^^^\n"
        f"{spec}:4:1: note: called from here\n    4 | f(0)\n      | ^^^^")


def test_exception_in_an_imported_module(tmp_path: Path) -> None:
    write(tmp_path, "parts.py", "import nowhere_to_be_found\n")
    text = diagnostic(write(tmp_path, "box.py", "import parts\n"))
    assert "parts.py:1:1: error: ModuleNotFoundError: No module named 'nowhere_to_be_found'" in text
    assert "box.py:1:1: note: called from here" in text


def test_syntax_error_in_an_imported_module(tmp_path: Path) -> None:
    write(tmp_path, "parts.py", "x = = 1\n")
    assert "parts.py:1:5: error: this is not Python: invalid syntax" in diagnostic(write(tmp_path, "box.py", "import parts\n"))


def test_exception_in_the_generator(tmp_path: Path) -> None:
    spec = write(tmp_path, "box.py", HEAD + "@chain\ndef c():\n    yield Port('a') >> [][0]\n")
    assert f"{spec}:4:24: error: IndexError: list index out of range" in diagnostic(spec)


def test_exit_is_an_error(tmp_path: Path) -> None:
    assert 'if __name__ == "__main__"' in diagnostic(write(tmp_path, "box.py", "raise SystemExit(0)\n"))


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "box.py"
    path.write_bytes(b"x = '\xff\xfe'\n")
    assert "this is not Python" in diagnostic(str(path))
