"""Says in simpler statements what needn't be a statement of its own, before anything else looks at it.

    x: T = v                ->  x = v
    match v: case 1: ...    ->  __da_match_1 = v; if __da_match_1 == 1: ...
    match v: case (a, b): ... ->  ...; match __da_match_1: case (...): __da_hit_2 = True
    while (y := f()) > 0:   ->  while True: if not (y := f()) > 0: break; ...
    except E as e: ...      ->  except E as __da_error_1: e = __da_error_1; try: ...; finally: e = None; del e
    with a as x, b as y: ...  ->  with a as x: with b as y: ...
    del x, y[0]             ->  del x; del y[0]

`global` and `nonlocal` statements are taken out: the scope analysis has seen them, and they are put back
in every function that needs them. A `try` whose handlers could hide a failure to stage is refused.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable
from typing import Any

from dialectad.frontend.rewriting.nodes import Refuser, assign, at, constant, load, operator

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
            self.refuser.refuse(
                s,
                "`:=` in the test of a `while` with an `else` can't be compiled",
                "assign in the body, and once before",
            )
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
        """Values are compared in `if`s, which may be staged; the structure of other patterns is Python's."""
        name = self.fresh("match")
        chain: list[ast.stmt] = []
        for case in reversed(s.cases):
            chain = self.case(case, self.block(case.body), name, chain)
        return [assign(name, s.subject, s), *chain]

    def case(
        self, case: ast.match_case, body: list[ast.stmt], subject: str, chain: list[ast.stmt]
    ) -> list[ast.stmt]:
        """One case, with those after it."""
        place = case.pattern
        hit = self.fresh("hit")
        if is_of_values(place):
            before: list[ast.stmt] = []
            test, name = value_test(place, subject)
            bind = [assign(name, load(subject, place), place)] if name else []
        else:
            before, bind = self.structure(place, subject, hit)
            test = load(hit, place)
        if test is None and case.guard is None:
            return [*bind, *body]
        if case.guard is None or test is None:
            chosen = test or case.guard
            assert chosen is not None
            first, then = ([], [*bind, *body]) if case.guard is None else (bind, body)
            return [*before, *first, at(ast.If(chosen, then, chain), chosen)]
        self.names.add(hit)
        if not before:
            before = [assign(hit, constant(False, place), place)]
        guarded = [*copy.deepcopy(bind), assign(hit, case.guard, case.guard)]
        return [
            *before,
            at(ast.If(test, guarded, []), place),
            at(ast.If(load(hit, case.guard), [*bind, *body], chain), case.guard),
        ]

    def structure(
        self, pattern: ast.pattern, subject: str, hit: str
    ) -> tuple[list[ast.stmt], list[ast.stmt]]:
        """Statements that say in `hit` whether a pattern fits, and those that then bind its names:

        __da_hit_1 = False                                      a = __da_a_2
        match __da_match_1:                                     b = __da_b_3
            case (__da_a_2, __da_b_3): __da_hit_1 = True
        """
        captures = _Captures(self)
        shape = captures.visit(pattern)
        fits = [assign(hit, constant(True, pattern), pattern)]
        self.names.add(hit)
        find: list[ast.stmt] = [
            assign(hit, constant(False, pattern), pattern),
            *captures.classes,
            at(ast.Match(load(subject, pattern), [ast.match_case(shape, None, list(fits))]), pattern),
        ]
        return find, [assign(name, load(new, pattern), pattern) for name, new in captures.names.items()]


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


def is_of_values(pattern: ast.pattern) -> bool:
    """Whether a pattern is nothing but values, at most with a name for the whole."""
    match pattern:
        case ast.MatchValue() | ast.MatchSingleton() | ast.MatchAs(pattern=None):
            return True
        case ast.MatchAs():
            inner = pattern.pattern
            return inner is not None and not isinstance(inner, ast.MatchAs) and is_of_values(inner)
        case ast.MatchOr():
            return all(is_of_values(p) and not isinstance(p, ast.MatchAs) for p in pattern.patterns)
        case _:
            return False


def value_test(pattern: ast.pattern, subject: str) -> tuple[ast.expr | None, str | None]:
    """The test of a pattern of values (`None`: it always fits), and the name that it binds."""
    match pattern:
        case ast.MatchValue():
            return at(ast.Compare(load(subject, pattern), [ast.Eq()], [pattern.value]), pattern), None
        case ast.MatchSingleton():
            value = constant(pattern.value, pattern)
            return at(ast.Compare(load(subject, pattern), [ast.Is()], [value]), pattern), None
        case ast.MatchOr():
            tests = [value_test(p, subject)[0] for p in pattern.patterns]
            return at(ast.BoolOp(ast.Or(), [t for t in tests if t is not None]), pattern), None
        case ast.MatchAs():
            return value_test(pattern.pattern, subject)[0] if pattern.pattern else None, pattern.name
        case _:
            raise AssertionError(pattern)


class _Captures(ast.NodeTransformer):
    """Gives the names that a pattern binds other names, as they are only bound if all of it fits."""

    def __init__(self, desugaring: Desugaring):
        self.desugaring = desugaring
        self.names: dict[str, str] = {}
        """The name that stands for each."""
        self.classes: list[ast.stmt] = []
        """What makes the classes of patterns ready to meet traced values."""

    def hide(self, name: str | None) -> str | None:
        if name is None:
            return None
        if name not in self.names:
            self.names[name] = self.desugaring.fresh(name)
        return self.names[name]

    def visit_MatchAs(self, node: ast.MatchAs) -> ast.AST:
        node.name = self.hide(node.name)
        return self.generic_visit(node)

    def visit_MatchStar(self, node: ast.MatchStar) -> ast.AST:
        node.name = self.hide(node.name)
        return node

    def visit_MatchMapping(self, node: ast.MatchMapping) -> ast.AST:
        node.rest = self.hide(node.rest)
        return self.generic_visit(node)

    def visit_MatchClass(self, node: ast.MatchClass) -> ast.AST:
        """`float(x)` is `float() as x`: a class that stands for `float` has no such short form."""
        self.generic_visit(node)
        name, cls = self.desugaring.fresh("class"), node.cls
        self.classes.append(assign(name, operator("pattern_class", [cls], cls), cls))
        node.cls = load(name, cls)
        if isinstance(cls, ast.Name) and cls.id in ("bool", "float", "int") and len(node.patterns) == 1:
            (inner,) = node.patterns
            node.patterns = []
            if isinstance(inner, ast.MatchAs) and inner.pattern is None:
                return at(ast.MatchAs(node, inner.name), node) if inner.name else node
            self.desugaring.refuser.refuse(
                inner, "this pattern can't be compiled", "bind a name, and test it"
            )
        return node


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
