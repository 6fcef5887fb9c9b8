"""Small constructors of AST nodes. Every node built here stands where some user's node stands.

Names that the rewriting adds start with `__da_`; the two free variables end with two underscores as
well, so that they aren't mangled inside classes.
"""

from __future__ import annotations

import ast
from typing import Any, NoReturn, TypeVar

from dialectad.errors import CompileError, Location

OPERATORS = "__da__"
"""The free variable that holds the staging operators."""

PYTHON = "__da_py__"
"""The free variable that holds what generated code needs of Python itself (`slice`, `iadd`, ...)."""

PREFIX = "__da_"

Node = TypeVar("Node", bound=ast.AST)


def at(node: Node, origin: ast.AST) -> Node:
    """`node`, standing where `origin` stands in the user's source."""
    place: Any = origin
    new: Any = node
    new.lineno = place.lineno
    new.col_offset = place.col_offset
    new.end_lineno = place.end_lineno
    new.end_col_offset = place.end_col_offset
    return node


def header(statement: ast.If | ast.While | ast.For, end: ast.AST) -> ast.expr:
    """A place from the start of `statement` to the end of `end`, the last part of its header."""
    place: Any = at(ast.Pass(), statement)
    if (last := getattr(end, "end_lineno", None)) is not None:
        place.end_lineno, place.end_col_offset = last, end.end_col_offset  # type: ignore[attr-defined]
    if (place.end_lineno, place.end_col_offset) < (place.lineno, place.col_offset):
        place.end_lineno, place.end_col_offset = place.lineno, place.col_offset
    return place


def load(name: str, origin: ast.AST) -> ast.Name:
    return at(ast.Name(name, ast.Load()), origin)


def store(name: str, origin: ast.AST) -> ast.Name:
    return at(ast.Name(name, ast.Store()), origin)


def constant(value: object, origin: ast.AST) -> ast.Constant:
    return at(ast.Constant(value), origin)  # pyright: ignore[reportArgumentType]


def assign(name: str, value: ast.expr, origin: ast.AST) -> ast.Assign:
    return at(ast.Assign([store(name, origin)], value), origin)


def tuple_of(elements: list[ast.expr], origin: ast.AST) -> ast.Tuple:
    return at(ast.Tuple(elements, ast.Load()), origin)


def operator(name: str, arguments: list[ast.expr], origin: ast.AST) -> ast.Call:
    """`__da__.name(*arguments)`."""
    function = at(ast.Attribute(load(OPERATORS, origin), name, ast.Load()), origin)
    return at(ast.Call(function, arguments, []), origin)


def python(name: str, origin: ast.AST) -> ast.expr:
    """`__da_py__.name`: a thing of Python's that the user can't have shadowed."""
    return at(ast.Attribute(load(PYTHON, origin), name, ast.Load()), origin)


def parameters(*names: str, origin: ast.AST | None = None) -> ast.arguments:
    place = origin if origin is not None else _NOWHERE
    return ast.arguments([], [at(ast.arg(n), place) for n in names], None, [], [], None, [])


def thunk(body: ast.expr) -> ast.Lambda:
    """`lambda: body`."""
    return at(ast.Lambda(parameters(), body), body)


def function(name: str, args: ast.arguments, body: list[ast.stmt], origin: ast.AST) -> ast.FunctionDef:
    node = ast.FunctionDef(name, args, body, [])
    # A field since Python 3.12, where compile insists on it.
    node.type_params = []  # pyright: ignore[reportAttributeAccessIssue]
    return at(node, origin)


def expression(value: ast.expr, origin: ast.AST) -> ast.Expr:
    return at(ast.Expr(value), origin)


class _Nowhere(ast.AST):
    lineno = 1
    col_offset = 0
    end_lineno = 1
    end_col_offset = 0


_NOWHERE = _Nowhere()


class Refuser:
    """Raises the errors of one source file."""

    def __init__(self, file: str, lines: list[str]):
        self.file = file
        self.lines = lines

    def location(self, node: ast.AST) -> Location:
        line: int = getattr(node, "lineno", 0)
        column: int = getattr(node, "col_offset", 0)
        text = self.lines[line - 1] if 0 < line <= len(self.lines) else ""
        # AST columns count UTF-8 bytes from 0; a Location counts characters from 1.
        return Location(self.file, line, len(text.encode()[:column].decode(errors="replace")) + 1)

    def refuse(self, node: ast.AST, message: str, hint: str | None = None) -> NoReturn:
        raise CompileError(message, self.location(node), hint=hint, pass_name="rewriting")


_LETTING_THROUGH = frozenset(("at_level", "catch_warnings", "errstate", "nullcontext"))
"""Names of context managers that let every exception through."""


def lets_through(s: ast.With) -> bool:
    """Whether what follows a `with` is only reached by the end of its block, not by an exception, too."""

    def name(context: ast.expr) -> str:
        match context:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
                return name
            case _:
                return ""

    return all(name(item.context_expr) in _LETTING_THROUGH for item in s.items)
