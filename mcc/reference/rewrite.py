"""A handler's own AST with only the declared coercions put in, compiled for CPython.

    x: T = e, x = e   =>  x = __coerce__(T, e)        T: declared, or of x's typed assignments
    x += e            =>  x = __coerce__(T, x + e)
    return e          =>  return __coerce__(R, e)     in an @inline helper that declares `-> R`
    def f(a: T)       =>  a = __coerce__(T, a)        at the start of an @inline helper
    assert e          =>  nothing (asserts exist in test builds of the compiled code only)
    for m in stream.matches(w)  =>  for m in stream.matches(w, slot=N)    N: of the loop, see slot_of
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from typing import Any, cast

from mcc.lang.element import Element
from mcc.lang.types import split_annotation
from mcc.reference.kinds import Kinds
from mcc.reference.values import coerce


def source_tree(func: Callable[..., Any]) -> ast.FunctionDef:
    """The function's definition, at its own line numbers, without decorators. Raises OSError without a source."""
    lines, first = inspect.getsourcelines(func)
    tree = ast.parse(textwrap.dedent("".join(lines)))
    ast.increment_lineno(tree, first - 1)
    node = tree.body[0]
    assert isinstance(node, ast.FunctionDef)
    node.decorator_list = []
    return node


def slot_of(call: ast.expr) -> int:
    """The number of a loop over matches, by its place in the source: the key of its hidden state."""
    return call.lineno << 16 | call.col_offset


class Coerce(ast.NodeTransformer):
    """Puts the declared coercions into one function. `result`: what an @inline helper returns, else None.
    `constants` collects the declarations that the new code names."""

    def __init__(self, kinds: Kinds, result: Any) -> None:
        self.kinds, self.result = kinds, result
        self.constants: dict[str, Any] = {"__coerce__": coerce}

    def into(self, hint: Any, value: ast.expr) -> ast.expr:
        """__coerce__(hint, value); the value itself where nothing is declared."""
        if hint is None:
            return value
        name = next((k for k, v in self.constants.items() if v is hint), f"__type{len(self.constants)}__")
        self.constants[name] = hint
        call = ast.Call(ast.Name("__coerce__", ast.Load()), [ast.Name(name, ast.Load()), value], [])
        return cast(ast.expr, ast.fix_missing_locations(ast.copy_location(call, value)))

    def stored(self, name: str, value: ast.expr, at: ast.AST) -> ast.stmt:
        value = self.into(self.kinds.declared.get(name), value)
        return ast.copy_location(ast.Assign([ast.Name(name, ast.Store())], value), at)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        self.generic_visit(node)
        if node.value is None:
            return ast.copy_location(ast.Pass(), node)
        if isinstance(node.target, ast.Name):
            return self.stored(node.target.id, node.value, node)
        return ast.copy_location(ast.Assign([node.target], node.value), node)

    def visit_Assign(self, node: ast.Assign) -> Any:
        self.generic_visit(node)
        target = node.targets[0]
        if len(node.targets) == 1 and isinstance(target, ast.Name):
            return self.stored(target.id, node.value, node)
        return node

    def visit_AugAssign(self, node: ast.AugAssign) -> Any:
        self.generic_visit(node)
        if isinstance(node.target, ast.Name):
            old = ast.copy_location(ast.Name(node.target.id, ast.Load()), node)
            return self.stored(node.target.id, ast.copy_location(ast.BinOp(old, node.op, node.value), node), node)
        return node

    def visit_Return(self, node: ast.Return) -> Any:
        self.generic_visit(node)
        if node.value is not None:
            node.value = self.into(self.result, node.value)
        return node

    def visit_For(self, node: ast.For) -> Any:
        call = node.iter
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "matches":
            number = ast.copy_location(ast.Constant(slot_of(call)), call)
            call.keywords.append(ast.copy_location(ast.keyword("slot", number), call))
        self.generic_visit(node)
        return node

    def visit_Assert(self, node: ast.Assert) -> Any:
        return ast.copy_location(ast.Pass(), node)


def compiled(func: Callable[..., Any], inst: Element, names: dict[str, Any], structs: dict[str, type],
             values: dict[str, Any], result: Any = None) -> Callable[..., Any]:
    """The function over `names` (its globals and closure, with what the reference replaces). `structs`, `values`:
    its arguments as mcc.reference.kinds wants them; `result`: the declared type of what an @inline helper returns."""
    tree = source_tree(func)
    kinds = Kinds(tree, inst, names, structs, values)
    rewriter = Coerce(kinds, result)
    out = cast(ast.FunctionDef, rewriter.visit(tree))
    head: list[ast.stmt] = [rewriter.stored(n, ast.copy_location(ast.Name(n, ast.Load()), tree), tree) for n in values]
    out.body[:0] = head
    out.returns = None
    for a in out.args.args:
        a.annotation = None
    code = compile(ast.Module([ast.fix_missing_locations(out)], []), func.__code__.co_filename, "exec")
    space = {**names, **rewriter.constants}
    exec(code, space)
    return cast(Callable[..., Any], space[out.name])


def hints_of(func: Callable[..., Any], names: dict[str, Any]) -> dict[str, Any]:
    """The function's annotations as objects; quoted ones are evaluated over `names`."""
    out = {}
    for name, hint in func.__annotations__.items():
        out[name] = eval(hint, dict(names)) if isinstance(hint, str) else hint
    return out


def plain(hint: Any) -> Any:
    """The annotation without Annotated."""
    return split_annotation(hint)[0]
