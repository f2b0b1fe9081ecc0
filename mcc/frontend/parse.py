"""The subset check: every node of Python's syntax is accepted or refused with a hint; what is not listed is refused.

`ACCEPTED` and `REFUSED` are the reference of the language: the checker (infer.py) gives types to the first, and
nothing else reaches it.
"""

from __future__ import annotations

import ast

from mcc.diag import Report
from mcc.frontend.source import Source

ACCEPTED: dict[type[ast.AST], str] = {
    ast.FunctionDef: "the handler itself", ast.arguments: "", ast.arg: "annotated", ast.Return: "return PASS",
    ast.Assign: "one target", ast.AnnAssign: "x: u32 = 0", ast.AugAssign: "s.hits += 1", ast.If: "if / elif / else",
    ast.For: "over range(n), a batch, a stream",
    ast.Break: "", ast.Continue: "", ast.Pass: "", ast.Assert: "test builds only",
    ast.Match: "on integers and enums", ast.match_case: "", ast.MatchValue: "", ast.MatchOr: "", ast.MatchAs: "_ only",
    ast.Expr: "a call for its effect", ast.BoolOp: "and, or on bools", ast.BinOp: "", ast.UnaryOp: "",
    ast.Compare: "chained too", ast.IfExp: "a if c else b", ast.Call: "known functions and methods",
    ast.Attribute: "", ast.Subscript: "tables, arrays", ast.Name: "", ast.Constant: "", ast.Tuple: "self.t[i, j]",
    ast.keyword: "",
}

REFUSED: dict[type[ast.AST], tuple[str, str]] = {
    ast.While: ("`while` has no bound", "use `for i in range(n)`: a handler must end"),
    ast.Try: ("`try` is not for handlers", "nothing raises here: a failed check takes the element's fault path"),
    ast.TryStar: ("`try` is not for handlers", "nothing raises here: a failed check takes the element's fault path"),
    ast.Raise: ("`raise` is not for handlers", "return DROP, CLOSE or RESET"),
    ast.With: ("`with` is not for handlers", "handlers hold no resources"),
    ast.AsyncWith: ("`async with` is not for handlers", "handlers run to their end"),
    ast.AsyncFor: ("`async for` is not for handlers", "handlers run to their end"),
    ast.AsyncFunctionDef: ("a nested function is not for handlers", "write an @inline helper beside the class"),
    ast.Await: ("`await` is not for handlers", "handlers run to their end"),
    ast.Yield: ("`yield` is not for handlers", "return one verdict; emit() sends further packets"),
    ast.YieldFrom: ("`yield` is not for handlers", "return one verdict; emit() sends further packets"),
    ast.Lambda: ("`lambda` is not for handlers", "write an @inline helper beside the class"),
    ast.ListComp: ("a comprehension is not for handlers", "build a Table in setup, or use a for loop"),
    ast.SetComp: ("a comprehension is not for handlers", "build a Table in setup, or use a for loop"),
    ast.DictComp: ("a comprehension is not for handlers", "build a HashMap in setup"),
    ast.GeneratorExp: ("a comprehension is not for handlers", "build a Table in setup, or use a for loop"),
    ast.List: ("a list is not for handlers", "build a Table in setup, or use an Array field of the struct"),
    ast.Set: ("a set is not for handlers", "build a HashMap or a Table in setup"),
    ast.Dict: ("a dict is not for handlers", "build a HashMap in setup"),
    ast.JoinedStr: ("an f-string is not for handlers", "alert() takes constant text; keep numbers in counters"),
    ast.Starred: ("`*` arguments are not for handlers", "write the arguments one by one"),
    ast.NamedExpr: ("`:=` is not for handlers", "assign in a statement of its own"),
    ast.Slice: ("a slice is not for handlers", "loop over range(n) and index"),
    ast.ClassDef: ("a class is not for handlers", "declare it at the top of the file"),
    ast.Delete: ("`del` is not for handlers", "HashMap entries go with self.m.delete(key)"),
    ast.Global: ("`global` is not for handlers", "state lives in a @struct, or in PerCore, HashMap, Counter of setup"),
    ast.Nonlocal: ("`nonlocal` is not for handlers",
                   "state lives in a @struct, or in PerCore, HashMap, Counter of setup"),
    ast.Import: ("`import` is not for handlers", "import at the top of the file"),
    ast.ImportFrom: ("`import` is not for handlers", "import at the top of the file"),
    ast.MatchAs: ("a pattern that binds a name is not for handlers", "match integers and enums, and `_`"),
    ast.MatchSingleton: ("`match` is on integers and enums", "use if / else for bools and None"),
    ast.MatchSequence: ("a sequence pattern is not for handlers", "match integers and enums, and `_`"),
    ast.MatchMapping: ("a mapping pattern is not for handlers", "match integers and enums, and `_`"),
    ast.MatchClass: ("a class pattern is not for handlers", "match integers and enums, and `_`"),
    ast.MatchStar: ("a sequence pattern is not for handlers", "match integers and enums, and `_`"),
}

OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^",
    ast.LShift: "<<", ast.RShift: ">>", ast.FloorDiv: "//", ast.Mod: "%",
}
COMPARISONS: dict[type[ast.AST], str] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Is: "is",
    ast.IsNot: "is not",
}
NO_OPERATOR: dict[type[ast.AST], tuple[str, str]] = {
    ast.Div: ("`/` makes a float", "use // for integers"),
    ast.Pow: ("`**` is not for handlers", "use << for powers of two, or a Table"),
    ast.MatMult: ("`@` is not for handlers", ""),
    ast.In: ("`in` is not for handlers", "write x == a or x == b, or look it up in a Table or HashMap"),
    ast.NotIn: ("`not in` is not for handlers", "write x != a and x != b, or look it up in a Table or HashMap"),
}
_PARTS = (ast.operator, ast.cmpop, ast.boolop, ast.unaryop, ast.expr_context)


def check_subset(source: Source, report: Report) -> set[ast.AST]:
    """Report every refused construct of a function, outermost only. Returns the refused nodes."""
    bad: set[ast.AST] = set()
    _signature(source, report)
    for stmt in source.tree.body:
        _visit(stmt, source, report, bad)
    return bad


def _signature(source: Source, report: Report) -> None:
    a = source.tree.args
    for arg, what in ((a.vararg, "*"), (a.kwarg, "**")):
        if arg is not None:
            report.error(source.span(arg), f"`{what}{arg.arg}` is not for handlers",
                         "handlers name what they want, by annotation")
    for default in [*a.defaults, *[d for d in a.kw_defaults if d is not None]]:
        report.error(source.span(default), "a default value is not for handlers", "arguments are bound by annotation")


def _visit(node: ast.AST, source: Source, report: Report, bad: set[ast.AST]) -> None:
    refusal = _refusal(node)
    if refusal is not None:
        bad.add(node)
        at = node.guard if isinstance(node, ast.match_case) and node.guard else node
        report.error(source.span(at), *refusal)
        return
    words = node.args if isinstance(node, ast.Call) and _is_matches(node) else []
    annotation = node.annotation if isinstance(node, ast.AnnAssign) else None
    for child in ast.iter_child_nodes(node):
        if any(child is w for w in words) and isinstance(child, ast.List):
            for item in child.elts:
                _visit(item, source, report, bad)
        elif child is not annotation and not isinstance(child, _PARTS):
            _visit(child, source, report, bad)


def _is_matches(node: ast.Call) -> bool:
    """`stream.matches([b"one", b"two"])`: the one place of a list."""
    return isinstance(node.func, ast.Attribute) and node.func.attr == "matches"


def _refusal(node: ast.AST) -> tuple[str, str] | None:
    match node:
        case ast.FunctionDef():
            return "a nested function is not for handlers", "write an @inline helper beside the class"
        case ast.MatchAs(pattern=None, name=None):
            return None
        case ast.match_case(guard=ast.expr()):
            return "a guard (`case .. if ..`) is not for handlers", "put an `if` inside the case"
        case ast.For(orelse=[_, *_]):
            return "`for .. else` is not for handlers", "use a bool local"
        case ast.Assign(targets=[_, _, *_]):
            return "an assignment has one target", "write one assignment a line"
        case ast.Assign(targets=[ast.Tuple() | ast.List()]):
            return "an assignment has one target", "write one assignment a line"
        case ast.BinOp(op=op) | ast.AugAssign(op=op) if type(op) in NO_OPERATOR:
            return NO_OPERATOR[type(op)]
        case ast.Compare(ops=ops) if any(type(o) in NO_OPERATOR for o in ops):
            return next(NO_OPERATOR[type(o)] for o in ops if type(o) in NO_OPERATOR)
        case ast.Constant(value=float() | complex()):
            return "a float is not for handlers", "count in smaller units: milliseconds, parts per thousand"
        case ast.Constant(value=v) if v is Ellipsis:
            return "`...` is not for handlers", "write what is to be done"
        case ast.match_case():
            return None
    kind = type(node)
    if kind in REFUSED:
        return REFUSED[kind]
    return None if kind in ACCEPTED else (f"{kind.__name__} is not for handlers", "write it with what handlers may say")


def own_names(tree: ast.AST) -> set[str]:
    """Every name that a piece of code assigns, loop variables included."""
    return {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
