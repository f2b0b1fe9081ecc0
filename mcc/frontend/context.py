"""What the checker of one function knows, and its ways to say that something is wrong.

`Unit` is one element instance: declarations, and what its handlers were seen to use. `Context` is one function on top
of it; the mixins `convert`, `places`, `calls`, `expressions` and `infer` each add one idea.
"""

from __future__ import annotations

import ast
import difflib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NoReturn

from mcc.diag import Report, Span
from mcc.frontend.declare import Declared
from mcc.frontend.flow import Env
from mcc.frontend.intervals import Interval, join
from mcc.frontend.source import Source
from mcc.ir.element import LiveDecl, StateDecl
from mcc.ir.func import (
    ActionType,
    Arg,
    ArrayType,
    Base,
    BoolType,
    Const,
    Expr,
    Func,
    HandleType,
    IntType,
    MarkType,
    OptType,
    RefType,
    StructType,
    Type,
)
from mcc.lang.element import Element, ElemType

LITERAL = IntType(0)
"""The type of an integer that is known and has no width yet; never left in finished HIR."""
OBJECT = RefType("object")


class Mistake(Exception):
    """The user's mistake was reported (or follows from one that was): the statement is given up."""


@dataclass(frozen=True)
class Known(Expr):
    """A value of build time that is no integer: bytes, str, an enum member, a class, a function."""

    value: Any


@dataclass(frozen=True)
class Inline:
    """A compiled @inline helper: `interval` of what it returns, `arguments` with their invariants."""

    func: Func
    result: Declared
    interval: Interval
    arguments: dict[str, Declared]


@dataclass
class Unit:
    """One instance. `broken`: attributes whose declaration has an error; `assumed`: values that each HashMap may
    hold; `puts`: those that were seen to be put; `handles`: the database of each HsStream field (of conn?, name)."""

    inst: Element
    report: Report
    strict: bool
    scratch: StructType | None
    conn: StructType | None
    state: dict[str, StateDecl]
    broken: frozenset[str] = frozenset()
    assumed: dict[str, Interval] = field(default_factory=dict)
    puts: dict[str, Interval] = field(default_factory=dict)
    needs: dict[int, set[str]] = field(default_factory=dict)
    writes: set[str] = field(default_factory=set)
    read_fields: set[tuple[Base, str]] = field(default_factory=set)
    written_fields: set[tuple[Base, str]] = field(default_factory=set)
    handles: dict[tuple[bool, str], str] = field(default_factory=dict)
    inlines: dict[Callable[..., Any], Inline] = field(default_factory=dict)
    calling: list[Callable[..., Any]] = field(default_factory=list)

    @property
    def elem(self) -> ElemType:
        return self.inst.__mcc_elem__

    @property
    def live(self) -> frozenset[str]:
        return frozenset(n for n, d in self.state.items() if isinstance(d, LiveDecl))

    def put(self, name: str, r: Interval) -> None:
        self.puts[name] = join(self.puts[name], r) if name in self.puts else r


@dataclass
class Loop:
    """Where `break` and `continue` of the innermost loop were met."""

    breaks: list[Env] = field(default_factory=list)
    continues: list[Env] = field(default_factory=list)


def int_range(t: Type) -> Interval:
    if isinstance(t, (MarkType, HandleType)):
        return 0, (1 << 64) - 1
    return (t.min, t.max) if isinstance(t, IntType) else (0, 1) if isinstance(t, BoolType) else (0, 0)


def type_words(t: Type) -> str:
    """A type as it is named in messages."""
    match t:
        case IntType(bits=0):
            return "a literal"
        case BoolType():
            return "a bool"
        case ActionType():
            return "an action"
        case MarkType():
            return "a mark"
        case HandleType():
            return "an HsStream"
        case OptType(inner=inner):
            return f"a look-up result ({inner.name} or None)"
        case ArrayType(elem=elem, length=length):
            return f"an array of {length} {elem.name}"
        case RefType(name="object"):
            return "a build-time value"
        case RefType(name=name):
            return f"the {name}"
    return t.name


class Context(ABC):
    """One function being checked. `role`: of the handler, or "inline".

    `typed`: types of locals without annotation that an earlier, silent pass has found (`probing`); in such a pass a
    local that has been given only a literal so far stands for that literal (`literals`). `things`: loop variables that
    are no values, by what they are: "packet", "chunk", "match"; `words`: how many words a match is one of; `slots`: the
    number of each loop over matches; `searches`: where these were met.
    """

    def __init__(self, unit: Unit, source: Source, role: str, port: int) -> None:
        self.unit, self.source, self.role, self.port = unit, source, role, port
        self.report = unit.report
        self.env = Env()
        self.args: dict[str, Arg] = {}
        self.arg_types: dict[str, Declared] = {}
        self.types: dict[str, Declared] = {}
        self.first: dict[str, Span] = {}
        self.order: list[str] = []
        self.names: set[str] = set()
        self.annotated: set[str] = set()
        self.typed: dict[str, Declared] = {}
        self.probing = False
        self.literals: dict[str, Expr] = {}
        self.loop_types: dict[str, IntType] = {}
        self.finished: set[str] = set()
        self.things: dict[str, str] = {}
        self.slots: dict[ast.For, int] = {}
        self.searches: list[Span] = []
        self.words: dict[str, int] = {}
        self.poison: set[str] = set()
        self.refused: set[ast.AST] = set()
        self.loops: list[Loop] = []
        self.thresholds: list[int] = []
        self.failed = False
        self.folded = False
        self.returns: list[Expr] = []
        self.result: Declared | None = None

    # ---------------------------------------------------------- given by the mixins

    @abstractmethod
    def expr(self, node: ast.expr) -> Expr:
        """The typed form of an expression that has a value."""

    @abstractmethod
    def inline_call(self, node: ast.Call, f: Callable[..., Any]) -> Expr:
        """A call of an @inline helper."""

    @abstractmethod
    def byte_of(self, node: ast.Subscript, name: str) -> Expr:
        """chunk[i], or stream[i], which is refused."""

    @abstractmethod
    def length_of(self, node: ast.Call, name: str) -> Expr:
        """len(chunk), or len(stream), which is refused."""

    # ---------------------------------------------------------- saying that something is wrong

    def span(self, node: ast.AST) -> Span:
        return self.source.span(node)

    def mistake(self, node: ast.AST, message: str, hint: str = "",
                also: tuple[tuple[Span, str], ...] = ()) -> NoReturn:
        """Report an error at a node, and give up its statement. What holds a refused construct has its error."""
        self.failed = True
        if self.refused and any(n in self.refused for n in ast.walk(node)):
            raise Mistake
        span, made = self.span(node), self.unit.inst.span
        if made.file != span.file:  # an element of a library: the mistake is where it was made
            also = (*also, (made, f"{type(self.unit.inst).__name__} is made here"))
        self.report.error(span, message, hint, also=also)
        raise Mistake

    def unproven(self, node: ast.AST, message: str, hint: str, *, loud: bool = False) -> None:
        """A check is left to run time: a note (loud: a warning), or an error where that was asked for."""
        if self.unit.strict:
            self.failed = True
            self.report.error(self.span(node), message, hint)
        else:
            say = self.report.warning if loud else self.report.note
            say(self.span(node), f"{message}: checked at run time", hint)

    # ---------------------------------------------------------- small makers

    def const(self, value: int, t: Type, node: ast.AST) -> Const:
        return Const(t, value, value, self.span(node), value)

    def literal(self, e: Expr) -> int | None:
        """The value of an integer literal (folded), else None."""
        return e.value if isinstance(e, Const) and e.type == LITERAL else None


def suggest(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """A hint with the name that was probably meant."""
    close = difflib.get_close_matches(name, list(known), 1, 0.6)
    return f"did you mean {close[0]!r}?" if close else otherwise


@lru_cache(maxsize=4096)
def shown(node: ast.AST) -> str:
    """The user's expression, short enough for a hint."""
    text = ast.unparse(node)
    return text if len(text) <= 40 else "..."


def operand(node: ast.AST) -> str:
    """The user's expression as an operand: in parentheses where it has operators of its own."""
    text = shown(node)
    return f"({text})" if isinstance(node, (ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp)) else text
