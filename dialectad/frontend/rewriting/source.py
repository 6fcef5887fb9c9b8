"""Finds the syntax tree of a running function, with the exact positions of the file.

The text on disk may not be what is running (edited since, or instrumented by an import hook), and
several lambdas may stand in one line. Both are settled by compiling what was found and comparing it with
the running code.
"""

from __future__ import annotations

import ast
import dis
import linecache
from dataclasses import dataclass
from itertools import pairwise
from types import CodeType, FunctionType
from typing import Any

from dialectad.errors import CompileError, Location
from dialectad.frontend.rewriting.rebuild import compile_function


@dataclass
class Source:
    """A function's tree: its own, to be changed at will."""

    node: ast.FunctionDef | ast.Lambda
    lines: list[str]
    """The lines of the whole file."""


def find(fn: FunctionType) -> Source:
    """The tree of `fn`, without decorators, defaults and annotations: those stay with `fn`."""
    code = fn.__code__
    linecache.checkcache(code.co_filename)
    lines = linecache.getlines(code.co_filename, fn.__globals__)
    if not lines:
        raise _error(code, f"the source of {code.co_name!r} can't be found", "write the function to a file")
    found = _lambda(code, lines) if code.co_name == "<lambda>" else _definition(code, lines)
    return Source(found, lines)


def _error(code: CodeType, message: str, hint: str | None = None) -> CompileError:
    place = Location(code.co_filename, code.co_firstlineno)
    return CompileError(message, place, hint=hint, pass_name="rewriting")


def _changed(code: CodeType) -> CompileError:
    return _error(
        code,
        f"the source file of {code.co_name!r} doesn't hold the code that is running",
        "it was edited since it was imported: restart, or reload the module",
    )


def _definition(code: CodeType, lines: list[str]) -> ast.FunctionDef:
    start = code.co_firstlineno - 1
    if start >= len(lines):
        raise _changed(code)
    first = lines[start]
    margin = first[: len(first) - len(first.lstrip())]
    # Below empty lines and `if 1:`, an indented block parses as it stands: positions and strings are kept.
    prefix = "\n" * (start - 1) + "if 1:\n" if margin else "\n" * start
    inner = (margin + " ", margin + "\t")
    begun = False
    for end in range(start, len(lines) + 1):
        line = lines[end] if end < len(lines) else ""
        last = end == len(lines)
        if not last and (not begun or line.startswith(inner) or not line.strip() or line.lstrip()[0] == "#"):
            begun = begun or line.lstrip().startswith(("def ", "async "))
            continue
        # A dedented line ends the block, unless it is part of a string or bracket: then this won't parse.
        try:
            tree = ast.parse(prefix + "".join(lines[start:end]), code.co_filename)
        except SyntaxError:
            continue
        node: Any = tree.body[0]
        node = node.body[0] if margin else node
        if not isinstance(node, ast.FunctionDef) or node.name != code.co_name:
            raise _changed(code)
        _bare(node)
        _mangle(node, code)
        if not _same(compile_function(node, code), code):
            raise _changed(code)
        return node
    raise _changed(code)


_lambdas: dict[str, tuple[list[str], dict[int, list[ast.Lambda]]]] = {}


def _lambda(code: CodeType, lines: list[str]) -> ast.Lambda:
    known = _lambdas.get(code.co_filename)
    if known is None or known[0] is not lines:
        try:
            tree = ast.parse("".join(lines), code.co_filename)
        except SyntaxError:
            raise _changed(code) from None
        index: dict[int, list[ast.Lambda]] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Lambda):
                index.setdefault(node.lineno, []).append(node)
        known = _lambdas[code.co_filename] = (lines, index)
    arguments = list(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
    matches: dict[str, ast.Lambda] = {}
    for indexed in known[1].get(code.co_firstlineno, []):
        plain = [a.arg for a in (*indexed.args.posonlyargs, *indexed.args.args, *indexed.args.kwonlyargs)]
        if plain != arguments:
            continue
        node = _copy(indexed)
        _bare(node)
        _mangle(node, code)
        try:
            compiled = compile_function(node, code)
        except SyntaxError:  # a walrus or `yield` that isn't allowed there: not this one
            continue
        if _same(compiled, code) and _span(compiled) == _span(code):
            matches[ast.dump(node)] = node
    if len(matches) == 1:
        return next(iter(matches.values()))
    if not matches:
        raise _changed(code)
    raise _error(code, "several lambdas in this line can't be told apart", "write them in lines of their own")


def _span(code: CodeType) -> tuple[Any, Any]:
    """Where the source of a code object begins and ends."""
    known = [p for p in code.co_positions() if None not in p]
    return min((p[0], p[2]) for p in known), max((p[1], p[3]) for p in known)


def _copy(node: Any) -> Any:
    """A deep copy of a tree, with positions (much faster than `copy.deepcopy`)."""
    if isinstance(node, list):
        return [_copy(n) for n in node]
    if not isinstance(node, ast.AST):
        return node
    new = type(node)(**{name: _copy(value) for name, value in ast.iter_fields(node)})
    return ast.copy_location(new, node) if hasattr(node, "lineno") else new


def _bare(node: ast.FunctionDef | ast.Lambda) -> None:
    """Drop what was evaluated when the function was made."""
    args = node.args
    args.defaults = []
    args.kw_defaults = [None] * len(args.kwonlyargs)
    for arg in (*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg):
        if arg is not None:
            arg.annotation = None
    if isinstance(node, ast.FunctionDef):
        node.decorator_list = []
        node.returns = None
        if hasattr(node, "type_params"):  # since Python 3.12
            node.type_params = []  # pyright: ignore[reportAttributeAccessIssue]


def _mangle(node: ast.AST, code: CodeType) -> None:
    """Give private names (`__x` in a class) the form that the compiler would, had it seen the class."""
    path = code.co_qualname.split(".")
    classes = [a for a, b in pairwise(path) if a != "<locals>" and b != "<locals>"]
    owner = classes[-1].lstrip("_") if classes else ""
    if not owner:
        return

    def mangled(name: str) -> str:
        private = name.startswith("__") and not name.endswith("__") and "." not in name
        return f"_{owner}{name}" if private else name

    def walk(at: ast.AST) -> None:
        if isinstance(at, ast.ClassDef):  # has names of its own, which the compiler sees to
            for outside in (*at.decorator_list, *at.bases, *at.keywords):
                walk(outside)
            at.name = mangled(at.name)
            return
        for name in ("id", "attr", "arg", "name", "asname", "rest"):
            value = getattr(at, name, None)
            if isinstance(value, str) and not (at is node and name == "name"):
                setattr(at, name, mangled(value))
        if isinstance(at, ast.Global | ast.Nonlocal):
            at.names = [mangled(n) for n in at.names]
        for child in ast.iter_child_nodes(at):
            walk(child)

    walk(node)


def _same(found: CodeType, running: CodeType) -> bool:
    """Whether two code objects do the same, names and constants included."""
    if any(name.startswith("@py") for name in (*running.co_varnames, *running.co_names)):
        # pytest expanded the `assert`s of its test modules; everything else must still be there.
        mentioned = {*found.co_names, *found.co_varnames, *found.co_freevars, *found.co_cellvars}
        return mentioned <= {
            *running.co_names,
            *running.co_varnames,
            *running.co_freevars,
            *running.co_cellvars,
            "AssertionError",
        }
    return (
        (found.co_code == running.co_code or _instructions(found) == _instructions(running))
        and found.co_names == running.co_names
        and found.co_varnames == running.co_varnames
        and found.co_freevars == running.co_freevars
        and found.co_cellvars == running.co_cellvars
        and len(found.co_consts) == len(running.co_consts)
        and all(_same_constant(a, b) for a, b in zip(found.co_consts, running.co_consts, strict=True))
    )


_CALLING = frozenset({"PUSH_NULL", "PRECALL", "CACHE", "RESUME", "EXTENDED_ARG"})


def _instructions(code: CodeType) -> list[tuple[str, Any]]:
    """The instructions, but for how a method is called: that depends on the imports of the module."""
    return [
        (
            i.opname.replace("LOAD_METHOD", "LOAD_ATTR"),
            None if i.opcode in dis.hasjrel or isinstance(i.argval, CodeType) else i.argval,
        )
        for i in dis.get_instructions(code)
        if i.opname not in _CALLING
    ]


def _same_constant(a: object, b: object) -> bool:
    if isinstance(a, CodeType) and isinstance(b, CodeType):
        return _same(a, b)
    if type(a) is not type(b):
        return False
    if isinstance(a, float | complex):
        return repr(a) == repr(b)
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(_same_constant(x, y) for x, y in zip(a, b, strict=True))
    return a == b
