"""Chains from files: `load_chain("nat.py")`, `load_chain("boxes.py:nat")`.

The user's file is run as a module of its own with its folder on sys.path, the chain's generator too. What goes wrong
in there is the user's: it comes back as a CompileError at the line of the user's file.
"""

from __future__ import annotations

import difflib
import linecache
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from mcc.diag import CompileError, Diagnostic, MccError, Span
from mcc.lang.chain import UNNAMED, Chain
from mcc.run.usage import UsageError

_ours: dict[str, Path] = {}
"""Names in sys.modules that an earlier load put there, with the folder they came from."""


def load_chain(spec: str) -> Chain:
    """The chain that `file.py` or `file.py:name` means, its graph made.

    Raises UsageError where there is no such file or chain, or where several could be meant; CompileError for an
    error in the file.
    """
    path, name = split_spec(spec)
    if not path.exists():
        raise UsageError(f"there is no file {path}", _similar_file(path))
    if path.is_dir():
        raise UsageError(f"{path} is a folder", "a chain is named by its file: file.py or file.py:name")
    with _folder(path.resolve().parent):
        module = _run(path)
        chain = _choose(module, path, name)
        with _users_mistakes(path):
            chain.graph()
    return chain


def split_spec(spec: str) -> tuple[Path, str]:
    """`file.py:name` to file and name; the name is "" where none is given."""
    file, colon, name = spec.rpartition(":")
    if colon and name.isidentifier() and not Path(spec).exists():
        return Path(file), name
    return Path(spec), ""


def chain_file(spec: str) -> str:
    """The file that a spec names, as a whole path."""
    return str(split_spec(spec)[0].resolve())


def _similar_file(path: Path) -> str:
    folder = path.parent
    there = [p.name for p in folder.glob("*.py")] if folder.is_dir() else []
    near = difflib.get_close_matches(path.name, there, 1)
    return f"did you mean {folder / near[0]}?" if near else ""


# ---------------------------------------------------------------- running the file


@contextmanager
def _folder(folder: Path) -> Iterator[None]:
    """`folder` first on sys.path, without leaving .pyc files or stale modules of another folder."""
    for name in [n for n, where in _ours.items() if sys.modules.get(n) is not None]:
        del sys.modules[name]
    _ours.clear()
    before = set(sys.modules)
    bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        sys.dont_write_bytecode = bytecode
        for name in set(sys.modules) - before:
            file = getattr(sys.modules[name], "__file__", None)
            if file and Path(file).resolve().is_relative_to(folder) and not name.startswith("mcc."):
                _ours[name] = folder


def _run(path: Path) -> ModuleType:
    """The file as a module, registered in sys.modules (inspect looks there), under its own name where it is free."""
    name = path.stem if path.stem.isidentifier() else "chain"
    if name in sys.modules or name in sys.stdlib_module_names:
        name += "_chain"
    linecache.checkcache(str(path))
    module = ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module
    with _users_mistakes(path):
        code = compile(_source(path), str(path), "exec", dont_inherit=True)
        exec(code, module.__dict__)
    return module


def _source(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as e:
        raise UsageError(f"cannot read {path}: {e.strerror}") from None


@contextmanager
def _users_mistakes(path: Path) -> Iterator[None]:
    """Exceptions of the user's code become CompileError at the user's line."""
    try:
        yield
    except MccError:
        raise
    except SyntaxError as e:
        raise CompileError((_syntax(e, path),)) from None
    except (Exception, SystemExit) as e:
        raise CompileError((_exception(e, path),)) from e


def _syntax(e: SyntaxError, path: Path) -> Diagnostic:
    line, col = e.lineno or 1, max(0, (e.offset or 1) - 1)
    end = max(col + 1, (e.end_offset or 0) - 1) if e.end_lineno == line else col + 1
    file = e.filename or str(path)
    text = e.text.rstrip("\n") if e.text and not linecache.getline(file, line) else None
    return Diagnostic("error", Span(file, line, col, line, end), f"this is not Python: {e.msg}", "", text)


def _exception(e: BaseException, path: Path) -> Diagnostic:
    """At the innermost frame in the user's folder; the frames above it that are the user's follow as notes."""
    folder = path.resolve().parent
    package = Path(__file__).resolve().parent.parent
    mine = []
    for frame in traceback.extract_tb(e.__traceback__):
        file = Path(frame.filename).resolve()
        if file.is_relative_to(folder) and not file.is_relative_to(package) and "site-packages" not in file.parts:
            mine.append(_span(frame))
    what = f"{type(e).__name__}: {e}" if str(e) else type(e).__name__
    where = mine[-1] if mine else Span(str(path), 1)
    notes = tuple((s, "called from here") for s in mine[-2::-1])
    return Diagnostic("error", where, what, _hint(e), also=notes)


def _span(frame: traceback.FrameSummary) -> Span:
    """traceback counts UTF-8 bytes, spans count characters."""
    line = frame.lineno or 1
    text = linecache.getline(frame.filename, line).encode()

    def chars(n: int | None) -> int:
        return len(text[:n or 0].decode(errors="ignore"))

    end_line = getattr(frame, "end_lineno", None) or line
    return Span(frame.filename, line, chars(frame.colno), end_line, chars(frame.end_colno) if end_line == line else 0)


def _hint(e: BaseException) -> str:
    if isinstance(e, ModuleNotFoundError):
        return "modules are looked for beside the file and among the installed packages"
    if isinstance(e, SystemExit):
        return 'put what the file does as a script under if __name__ == "__main__":'
    return ""


# ---------------------------------------------------------------- which chain


def _choose(module: ModuleType, path: Path, name: str) -> Chain:
    chains = {k: v for k, v in vars(module).items() if isinstance(v, Chain)}
    for k, v in chains.items():
        if v.name == UNNAMED:
            v.name = k
    if name:
        if name in chains:
            return chains[name]
        if hasattr(module, name):
            raise UsageError(f"{name} in {path} is not a chain", _known(chains, path))
        near = difflib.get_close_matches(name, chains, 1)
        raise UsageError(f"{path} has no chain {name!r}",
                         f"did you mean {path}:{near[0]}?" if near else _known(chains, path))
    own = {k: v for k, v in chains.items() if v.span.file == str(path)} or chains
    if len({id(v) for v in own.values()}) > 1:
        raise UsageError(f"{path} has several chains: {', '.join(own)}", f"say which: {path}:{next(iter(own))}")
    if not own:
        raise CompileError((Diagnostic(
            "error", Span(str(path), 1), "there is no chain in this file",
            'write one: @chain, then a function that does yield Port("lan") >> element >> Port("wan")', text=""),))
    return next(iter(own.values()))


def _known(chains: dict[str, Chain], path: Path) -> str:
    return f"chains in {path}: {', '.join(chains)}" if chains else f"there is no chain in {path}"
