"""Which names a piece of code reads, binds, captures in closures and assigns through them.

All answers respect Python's scoping: names bound by comprehensions, lambdas and nested functions
belong to those. Where that can't be told exactly, the answers err towards more reads.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda

EAGER = frozenset("sum any all min max list tuple set frozenset dict sorted len".split())
"""Builtins that have finished with a generator or lambda argument when they return."""


@dataclass
class Effects:
    """What a piece of code does to the names of the scope it stands in."""

    reads: set[str] = field(default_factory=set)
    stores: set[str] = field(default_factory=set)
    """Bound here: by assignment, `for`, `with`, `import`, `def`, `class`, walrus, `except ... as`."""
    maybe: set[str] = field(default_factory=set)
    """The `stores` that may not happen although the code runs: a walrus in a comprehension."""
    deletes: set[str] = field(default_factory=set)
    """Unbound here, by `del` or at the end of `except ... as`."""
    captures: set[str] = field(default_factory=set)
    """Read by closures made here, so perhaps at any later time."""
    indirect: set[str] = field(default_factory=set)
    """Assigned by closures made here, through their `nonlocal`."""
    nonlocals: set[str] = field(default_factory=set)
    globals: set[str] = field(default_factory=set)
    calls: bool = False
    """May run code from elsewhere."""
    suspends: bool = False
    """Contains `yield` or `await`."""


@dataclass
class ScopeInfo:
    """The names of one function, lambda or comprehension-free scope."""

    parameters: list[str]
    locals: set[str]
    nonlocals: set[str]
    globals: set[str]
    global_stores: set[str]
    free: set[str]
    indirect: set[str]
    """Locals that nested functions assign."""
    indirect_free: set[str]
    """Names of outer scopes that this function, or one nested in it, assigns."""
    deletes: set[str]
    suspends: bool


def effects(*nodes: ast.AST) -> Effects:
    """The effects of expressions and statements, compound ones with all that they contain."""
    out = Effects()
    for node in nodes:
        _walk(node, out)
    return out


def effects_of(nodes: Iterable[ast.AST]) -> Effects:
    return effects(*nodes)


def parameter_names(args: ast.arguments) -> list[str]:
    """Positional parameters first, in their order."""
    names = [a.arg for a in (*args.posonlyargs, *args.args)]
    names += [args.vararg.arg] if args.vararg else []
    names += [a.arg for a in args.kwonlyargs]
    return names + ([args.kwarg.arg] if args.kwarg else [])


def scope_of(node: FunctionNode) -> ScopeInfo:
    """The names of a function; computed once, from the code as the user wrote it."""
    known: ScopeInfo | None = getattr(node, "_da_scope", None)
    if known is None:
        known = node._da_scope = _scope_of(node)  # type: ignore[union-attr]
    return known


def _scope_of(node: FunctionNode) -> ScopeInfo:
    body = [node.body] if isinstance(node, ast.Lambda) else node.body
    inside = effects_of(body)
    names = parameter_names(node.args)
    local = (inside.stores | set(names)) - inside.nonlocals - inside.globals
    mentioned = inside.reads | inside.captures | inside.nonlocals
    return ScopeInfo(
        parameters=names,
        locals=local,
        nonlocals=inside.nonlocals,
        globals=inside.globals,
        global_stores=inside.stores & inside.globals,
        free=mentioned - local - inside.globals,
        indirect=inside.indirect & local,
        indirect_free=(inside.indirect - local) | (inside.stores & inside.nonlocals),
        deletes=inside.deletes,
        suspends=inside.suspends or isinstance(node, ast.AsyncFunctionDef),
    )


def _walk(node: ast.AST, out: Effects) -> None:
    special = _SPECIAL.get(type(node))
    if special is not None:
        special(node, out)
    else:
        _children(node, out)


def _children(node: ast.AST, out: Effects) -> None:
    for name in node._fields:
        value = getattr(node, name, None)
        if isinstance(value, ast.AST):
            _walk(value, out)
        elif isinstance(value, list):
            for item in value:
                if isinstance(item, ast.AST):
                    _walk(item, out)


def _leaf(_node: ast.AST, _out: Effects) -> None:
    pass


def _name(node: ast.Name, out: Effects) -> None:
    if type(node.ctx) is ast.Load:
        out.reads.add(node.id)
        return
    out.stores.add(node.id)
    if type(node.ctx) is ast.Del:
        out.reads.add(node.id)
        out.deletes.add(node.id)


def _function(node: Any, out: Effects) -> None:
    for outside in (*getattr(node, "decorator_list", ()), *node.args.defaults, *node.args.kw_defaults):
        if outside is not None:
            _walk(outside, out)
    if not isinstance(node, ast.Lambda):
        out.stores.add(node.name)
        annotated = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        annotated += [a for a in (node.args.vararg, node.args.kwarg) if a is not None]
        for annotation in (node.returns, *(a.annotation for a in annotated)):
            if annotation is not None:
                _walk(annotation, out)
    scope = scope_of(node)
    out.captures |= scope.free
    out.indirect |= scope.indirect_free


def _class(node: ast.ClassDef, out: Effects) -> None:
    out.stores.add(node.name)
    for outside in (*node.decorator_list, *node.bases, *(k.value for k in node.keywords)):
        _walk(outside, out)
    inside = effects_of(node.body)
    out.reads |= inside.reads
    out.captures |= inside.captures
    out.indirect |= inside.indirect | (inside.stores & inside.nonlocals)
    out.calls = True


def _comprehension(node: Any, out: Effects) -> None:
    _walk(node.generators[0].iter, out)
    inside, bound = Effects(), Effects()
    for i, generator in enumerate(node.generators):
        _walk(generator.target, bound)
        for part in (*generator.ifs, *([generator.iter] if i else [])):
            _walk(part, inside)
        inside.suspends |= bool(generator.is_async)
    for part in (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,):
        _walk(part, inside)
    out.stores |= inside.stores  # a walrus binds outside of the comprehension
    out.maybe |= inside.stores
    out.calls = True
    out.suspends |= inside.suspends
    reads = (inside.reads | bound.reads) - bound.stores
    out.reads |= reads
    out.captures |= inside.captures - bound.stores
    out.indirect |= inside.indirect
    if isinstance(node, ast.GeneratorExp) and not getattr(node, "_da_eager", False):
        out.captures |= reads


def _call(node: ast.Call, out: Effects) -> None:
    out.calls = True
    if isinstance(node.func, ast.Name) and node.func.id in EAGER:
        for argument in node.args:
            if isinstance(argument, ast.GeneratorExp):
                argument._da_eager = True  # type: ignore[attr-defined]
    _children(node, out)


def _import(node: ast.Import | ast.ImportFrom, out: Effects) -> None:
    for alias in node.names:
        out.stores.add(alias.asname or alias.name.partition(".")[0])


def _handler(node: ast.ExceptHandler, out: Effects) -> None:
    if node.name:
        out.stores.add(node.name)
        out.deletes.add(node.name)
    _children(node, out)


def _capture_pattern(node: Any, out: Effects) -> None:
    name = node.rest if isinstance(node, ast.MatchMapping) else node.name
    if name:
        out.stores.add(name)
    _children(node, out)


def _nonlocal(node: ast.Nonlocal, out: Effects) -> None:
    out.nonlocals.update(node.names)


def _global(node: ast.Global, out: Effects) -> None:
    out.globals.update(node.names)


def _suspend(node: ast.AST, out: Effects) -> None:
    out.suspends = True
    _children(node, out)


def _running(node: ast.AST, out: Effects) -> None:
    out.calls = True
    _children(node, out)


def _annotated(node: ast.AnnAssign, out: Effects) -> None:
    _walk(node.target, out)  # the annotation of a local isn't evaluated
    if node.value is not None:
        _walk(node.value, out)


def _augmented(node: ast.AugAssign, out: Effects) -> None:
    if isinstance(node.target, ast.Name):
        out.reads.add(node.target.id)
    _children(node, out)


_SPECIAL: dict[type, Any] = {
    ast.Name: _name,
    ast.Constant: _leaf,
    ast.FunctionDef: _function,
    ast.AsyncFunctionDef: _function,
    ast.Lambda: _function,
    ast.ClassDef: _class,
    ast.ListComp: _comprehension,
    ast.SetComp: _comprehension,
    ast.DictComp: _comprehension,
    ast.GeneratorExp: _comprehension,
    ast.Call: _call,
    ast.Import: _import,
    ast.ImportFrom: _import,
    ast.ExceptHandler: _handler,
    ast.MatchAs: _capture_pattern,
    ast.MatchStar: _capture_pattern,
    ast.MatchMapping: _capture_pattern,
    ast.Nonlocal: _nonlocal,
    ast.Global: _global,
    ast.Yield: _suspend,
    ast.YieldFrom: _suspend,
    ast.Await: _suspend,
    ast.AsyncFor: _suspend,
    ast.AsyncWith: _suspend,
    ast.For: _running,
    ast.With: _running,
    ast.AnnAssign: _annotated,
    ast.AugAssign: _augmented,
}
