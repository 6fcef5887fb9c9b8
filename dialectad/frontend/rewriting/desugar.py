"""Says in simpler statements what needn't be a statement of its own, before anything else looks at it.

    x: T = v                ->  x = v
    match v: case 1: ...    ->  __da_match_1 = v; if __da_match_1 == 1: ...
    while (y := f()) > 0:   ->  while True: if not (y := f()) > 0: break; ...
    except E as e: ...      ->  except E as __da_error_1: e = __da_error_1; try: ...; finally: e = None; del e
    with a as x, b as y: ...  ->  with a as x: with b as y: ...
    del x, y[0]             ->  del x; del y[0]

`global` and `nonlocal` statements are taken out: the scope analysis has seen them, and they are put back
in every function that needs them. A `try` whose handlers could hide a failure to stage is refused.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from dialectad.frontend.rewriting.nodes import Refuser, assign, at, constant, load

PYTHON_PREDICATES = frozenset("isinstance issubclass hasattr callable".split())
"""Builtins whose answer is always Python's own `bool`."""

PYTHON_ITERATIONS = frozenset("enumerate zip reversed sorted".split())
"""Builtins that iterate over what their arguments iterate over."""


class Desugaring:
    """Of one function; functions nested in it have their own."""

    def __init__(self, refuser: Refuser):
        self.refuser = refuser
        self.names: set[str] = set()
        """Added locals that control flow has to know; other added names never cross it."""
        self.count = 0

    def fresh(self, name: str) -> str:
        self.count += 1
        return f"__da_{name}_{self.count}"

    def block(self, statements: list[ast.stmt]) -> list[ast.stmt]:
        out: list[ast.stmt] = []
        for s in statements:
            rule = _RULES.get(type(s))
            out += [s] if rule is None else rule(self, s)
        return out or [at(ast.Pass(), statements[0])] if statements else []

    def if_(self, s: ast.If) -> list[ast.stmt]:
        s.body, s.orelse = self.block(s.body), self.block(s.orelse)
        return [s]

    def for_(self, s: ast.For) -> list[ast.stmt]:
        s.body, s.orelse = self.block(s.body), self.block(s.orelse)
        return [s]

    def while_(self, s: ast.While) -> list[ast.stmt]:
        s.body, s.orelse = self.block(s.body), self.block(s.orelse)
        if not any(isinstance(n, ast.NamedExpr) for n in ast.walk(s.test)):
            return [s]
        if s.orelse:
            self.refuser.refuse(s, "`:=` in the test of a `while` with an `else` can't be compiled")
        leave = at(ast.If(at(ast.UnaryOp(ast.Not(), s.test), s.test), [at(ast.Break(), s.test)], []), s.test)
        s.body = [leave, *s.body]
        s.test = constant(True, s.test)
        return [s]

    def with_(self, s: ast.With) -> list[ast.stmt]:
        s.body = self.block(s.body)
        for item in reversed(s.items[1:]):
            s.body = [at(ast.With([item], s.body), item.context_expr)]
        del s.items[1:]
        return [s]

    def try_(self, s: ast.Try | ast.TryStar) -> list[ast.stmt]:
        if s.handlers:
            for inside in s.body:
                self.check_unstaged(inside)
        s.body, s.orelse, s.finalbody = self.block(s.body), self.block(s.orelse), self.block(s.finalbody)
        for handler in s.handlers:
            handler.body = self.block(handler.body)
            if handler.name is not None:
                # The name's end, on whatever way, is said as a `del`: all analyses understand that.
                hidden, shown = self.fresh("error"), handler.name
                first = assign(shown, load(hidden, handler), handler)
                last = at(ast.Delete([at(ast.Name(shown, ast.Del()), handler)]), handler)
                end = [assign(shown, constant(None, handler), handler), last]
                handler.body = [first, at(ast.Try(handler.body, [], [], end), handler)]
                handler.name = hidden
        return [s]

    def check_unstaged(self, node: ast.AST) -> None:
        """Refuse control flow in a `try` body, unless it is surely decided by Python values."""
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            return
        surely = True
        match node:
            case ast.If() | ast.While() | ast.IfExp() | ast.Assert():
                surely = is_python_test(node.test)
            case ast.For():
                surely = is_python_iteration(node.iter)
            case ast.BoolOp():
                surely = is_python_test(node)
            case ast.Compare():
                surely = len(node.ops) == 1
            case _:
                pass
        if not surely:
            self.refuser.refuse(
                node,
                "control flow in a `try` with `except` can't be compiled",
                "move it into a function of its own, or out of the `try`",
            )
        for child in ast.iter_child_nodes(node):
            self.check_unstaged(child)

    def annotated(self, s: ast.AnnAssign) -> list[ast.stmt]:
        if s.value is None:
            return [] if isinstance(s.target, ast.Name) else [at(ast.Expr(_as_load(s.target)), s)]
        return [at(ast.Assign([s.target], s.value), s)]

    def delete(self, s: ast.Delete) -> list[ast.stmt]:
        return [at(ast.Delete([t]), s) for target in s.targets for t in _flat(target)]

    def declaration(self, _s: ast.stmt) -> list[ast.stmt]:
        return []

    def match(self, s: ast.Match) -> list[ast.stmt]:
        name = self.fresh("match")
        chain: list[ast.stmt] = []
        bind: list[ast.stmt]
        for case in reversed(s.cases):
            body = self.block(case.body)
            test, capture = self.pattern(case.pattern, name)
            if case.guard is not None:
                body = [at(ast.If(case.guard, body, chain), case.guard)]
                if test is not None:
                    self.refuser.refuse(case.guard, "a guard on a pattern that may fail can't be compiled")
            bind = [] if capture is None else [assign(capture, load(name, case.pattern), case.pattern)]
            chain = bind + body if test is None else [at(ast.If(test, bind + body, chain), case.pattern)]
        return [assign(name, s.subject, s), *chain]

    def pattern(self, pattern: ast.pattern, subject: str) -> tuple[ast.expr | None, str | None]:
        """The test of a pattern (`None`: always matches) and the name that it binds."""
        match pattern:
            case ast.MatchAs(pattern=None):
                return None, pattern.name
            case ast.MatchAs() if pattern.pattern is not None:
                test, inner = self.pattern(pattern.pattern, subject)
                if inner is None:
                    return test, pattern.name
            case ast.MatchValue():
                return self.compare(pattern, subject, ast.Eq(), pattern.value), None
            case ast.MatchSingleton():
                return self.compare(pattern, subject, ast.Is(), constant(pattern.value, pattern)), None
            case ast.MatchOr():
                tests = [self.pattern(p, subject) for p in pattern.patterns]
                given = [t for t, capture in tests if t is not None and capture is None]
                if len(given) == len(tests):
                    return at(ast.BoolOp(ast.Or(), list(given)), pattern), None
            case _:
                pass
        self.refuser.refuse(pattern, "this pattern can't be compiled", "match on values, or write `if`s")

    def compare(self, origin: ast.AST, subject: str, op: ast.cmpop, value: ast.expr) -> ast.expr:
        return at(ast.Compare(load(subject, origin), [op], [value]), origin)


_RULES: dict[type[ast.stmt], Callable[[Desugaring, Any], list[ast.stmt]]] = {
    ast.If: Desugaring.if_,
    ast.For: Desugaring.for_,
    ast.While: Desugaring.while_,
    ast.With: Desugaring.with_,
    ast.Try: Desugaring.try_,
    ast.TryStar: Desugaring.try_,
    ast.AnnAssign: Desugaring.annotated,
    ast.Delete: Desugaring.delete,
    ast.Global: Desugaring.declaration,
    ast.Nonlocal: Desugaring.declaration,
    ast.Match: Desugaring.match,
}


def is_python_test(test: ast.expr) -> bool:
    """Whether a test surely yields a value of Python's, never one that is traced."""
    match test:
        case ast.Constant():
            return True
        case ast.Compare():
            return all(isinstance(op, ast.Is | ast.IsNot) for op in test.ops)
        case ast.UnaryOp(op=ast.Not()):
            return is_python_test(test.operand)
        case ast.BoolOp():
            return all(is_python_test(v) for v in test.values)
        case ast.Call(func=ast.Name(id=name)):
            return name in PYTHON_PREDICATES
        case _:
            return False


def is_python_iteration(iterable: ast.expr) -> bool:
    """Whether a loop over this surely runs in Python, never staged."""
    match iterable:
        case ast.Tuple() | ast.List() | ast.Set() | ast.Dict() | ast.Constant():
            return True
        case ast.Call(func=ast.Attribute(attr="items" | "keys" | "values"), args=[]):
            return True
        case ast.Call(func=ast.Name(id=name)) if name in PYTHON_ITERATIONS:
            return all(is_python_iteration(a) for a in iterable.args)
        case _:
            return False


def _flat(target: ast.expr) -> list[ast.expr]:
    if isinstance(target, ast.Tuple | ast.List):
        return [t for element in target.elts for t in _flat(element)]
    return [target]


def _as_load(target: ast.expr) -> ast.expr:
    """The part of an annotated target without a value that Python still evaluates."""
    match target:
        case ast.Attribute():
            return target.value
        case ast.Subscript():
            return at(ast.Tuple([target.value, target.slice], ast.Load()), target)
        case _:
            return target
