"""Rewrites the calls of a function, and nothing else: for levels where control flow is Python's own.

    f(x, *y)        ->  __da__(f)(x, *y)
    x               ->  __da__.outer(x)      where x isn't a variable of the function, and isn't called
    match x:            match (class_0 := __da__.pattern_class(float), x)[-1]:
        case float():       case class_0():

Functions within it are rewritten along with it. What can't be rewritten, because its source isn't to be had,
stays as it is.
"""

from __future__ import annotations

import ast
import weakref
from collections.abc import Callable
from types import CodeType, FunctionType
from typing import Any

from dialectad.errors import CompileError
from dialectad.frontend.rewriting.names import scope_of
from dialectad.frontend.rewriting.nodes import OPERATORS, at, constant, load, store
from dialectad.frontend.rewriting.rebuild import code_objects, compile_function, rebuild
from dialectad.frontend.rewriting.source import find

_AS_THEY_ARE = frozenset("super globals locals vars dir eval exec".split())
"""Builtins that look at the calling frame."""

_REWRITTEN: weakref.WeakKeyDictionary[CodeType, dict[str, CodeType | None]] = weakref.WeakKeyDictionary()
"""By code object and file, as code objects that differ only in their file are equal; None: it can't be."""

_ORIGINALS: dict[CodeType, CodeType] = {}
"""From the code objects made here to those of the user."""


def rewrite_calls(fn: FunctionType, call: Callable[[Any], Any]) -> FunctionType:
    """`fn` with calls `f(...)` replaced by `call(f)(...)`; `call.outer` sees what is read from outside,
    and `call.pattern_class` the classes of patterns."""
    code = fn.__code__
    if code in _ORIGINALS:
        return fn
    by_file = _REWRITTEN.setdefault(code, {})
    if code.co_filename not in by_file:
        by_file[code.co_filename] = _rewrite_code(fn)
    new = by_file[code.co_filename]
    return fn if new is None else rebuild(fn, new, call)


def original(fn: FunctionType) -> FunctionType:
    """The user's function, of which `fn` may be the rewritten form."""
    code = _ORIGINALS.get(fn.__code__)
    if code is None:
        return fn
    cells = dict(zip(fn.__code__.co_freevars, fn.__closure__ or (), strict=True))
    closure = tuple(cells[name] for name in code.co_freevars)
    new = FunctionType(code, fn.__globals__, fn.__name__, fn.__defaults__, closure)
    new.__kwdefaults__ = fn.__kwdefaults__
    new.__qualname__, new.__module__ = fn.__qualname__, fn.__module__
    new.__dict__.update(fn.__dict__)
    return new


def _rewrite_code(fn: FunctionType) -> CodeType | None:
    try:
        node = find(fn).node
    except CompileError:
        return None
    _Calls().visit(node)
    new = compile_function(node, fn.__code__)
    before, after = code_objects(fn.__code__), code_objects(new)
    if len(before) == len(after):
        _ORIGINALS.update(zip(after, before, strict=True))
    return new


class _Calls(ast.NodeTransformer):
    """Rewrites calls, and reads of names of the surroundings."""

    def __init__(self) -> None:
        self.locals: list[frozenset[str]] = []

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.decorator_list = [self.visit(d) for d in node.decorator_list]
        self._defaults(node.args)
        self._scoped(node)
        return node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        return node  # its body is a scope of other rules

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        self._defaults(node.args)
        self._scoped(node)
        return node

    def visit_Match(self, node: ast.Match) -> ast.AST:
        """What stands for the classes of patterns is made before the subject, in one expression with it."""
        made: list[ast.expr] = []
        for pattern in (inner for case in node.cases for inner in ast.walk(case.pattern)):
            if isinstance(pattern, ast.MatchClass):
                cls, name = pattern.cls, f"{OPERATORS}class_{len(made)}"
                stand_in = at(ast.Attribute(load(OPERATORS, cls), "pattern_class", ast.Load()), cls)
                value = at(ast.Call(stand_in, [cls], []), cls)
                made.append(at(ast.NamedExpr(store(name, cls), value), cls))
                pattern.cls = load(name, cls)
        self.generic_visit(node)
        if made:
            subject = node.subject
            both = at(ast.Tuple([*made, subject], ast.Load()), subject)
            node.subject = at(ast.Subscript(both, constant(-1, subject), ast.Load()), subject)
        return node

    def visit_match_case(self, node: ast.match_case) -> ast.AST:
        node.guard = self.visit(node.guard) if node.guard is not None else None
        node.body = [self.visit(s) for s in node.body]
        return node

    def _scoped(self, node: Any) -> None:
        info = scope_of(node)
        self.locals.append(frozenset(info.locals | info.nonlocals | set(info.parameters)))
        if isinstance(node, ast.Lambda):
            node.body = self.visit(node.body)
        else:
            node.body = [self.visit(s) for s in node.body]
        self.locals.pop()

    def _defaults(self, args: ast.arguments) -> None:
        args.defaults = [self.visit(d) for d in args.defaults]
        args.kw_defaults = [None if d is None else self.visit(d) for d in args.kw_defaults]

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if node.value is not None:
            node.value = self.visit(node.value)
        node.target = self.visit(node.target)
        return node

    def _comprehension(self, node: Any) -> ast.AST:
        bound = {n.id for g in node.generators for n in ast.walk(g.target) if isinstance(n, ast.Name)}
        self.locals.append(frozenset(bound))
        self.generic_visit(node)
        self.locals.pop()
        return node

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension

    def visit_Call(self, node: ast.Call) -> ast.AST:
        name = node.func.id if isinstance(node.func, ast.Name) else None
        node.args = [self.visit(a) for a in node.args]
        node.keywords = [self.visit(k) for k in node.keywords]
        if name in _AS_THEY_ARE and not self._is_local(name):
            return node
        if isinstance(node.func, ast.Attribute):
            node.func.value = self._holder(node.func.value)
        elif name is None:
            node.func = self.visit(node.func)
        node.func = at(ast.Call(load(OPERATORS, node.func), [node.func], []), node.func)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        node.value = self._holder(node.value)
        return node

    def _holder(self, node: ast.expr) -> ast.expr:
        """What an attribute is taken of; where that is a name, it is a module mostly."""
        return node if isinstance(node, ast.Name) else self.visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if not isinstance(node.ctx, ast.Load) or self._is_local(node.id):
            return node
        outer = at(ast.Attribute(load(OPERATORS, node), "outer", ast.Load()), node)
        return at(ast.Call(outer, [node], []), node)

    def _is_local(self, name: str) -> bool:
        """Whether `name` is a variable of this function, or of the rewritten ones around it."""
        return any(name in names for names in self.locals)
