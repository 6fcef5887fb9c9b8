"""Rewrites the control flow of plain Python functions into calls of staging operators.

`rewrite(fn, operators)` gives a function that does what `fn` does, but asks `operators` (`if_`, `while_`,
`for_`, `and_`, `call`, `load_item`, ...; see `control_flow.py`, `expressions.py` and `assignments.py`)
whenever Python would take a decision, call a function or touch an item. It is general: nothing here knows
about arrays or tracing. Every node keeps its line and column, so frames and tracebacks show the user's
source.

    source.py       finds the tree of a running function
    desugar.py      says rare statements with common ones
    jumps.py        turns break, continue and early return into flags
    names.py        which names code reads, binds and captures
    liveness.py     which names each `if` and loop hands on
    control_flow.py, assignments.py, expressions.py   the rewriting itself
    scope.py        which of them are surely bound, while rewriting
    rebuild.py      compiles it, and puts the user's closure around it
    calls_only.py   rewrites calls, and leaves control flow to Python
"""

from __future__ import annotations

import inspect
import weakref
from types import CellType, CodeType, FunctionType

from dialectad.errors import CompileError, Location
from dialectad.frontend.rewriting.calls_only import original, rewrite_calls
from dialectad.frontend.rewriting.control_flow import rewrite_function
from dialectad.frontend.rewriting.nodes import OPERATORS, Refuser
from dialectad.frontend.rewriting.rebuild import code_objects, compile_function, rebuild
from dialectad.frontend.rewriting.source import find

_rewritten: weakref.WeakKeyDictionary[CodeType, dict[str, CodeType]] = weakref.WeakKeyDictionary()
"""By code object and file: code objects that differ only in their file are equal."""

_ours: weakref.WeakSet[CodeType] = weakref.WeakSet()
"""All code objects that rewriting made, nested ones included."""


def rewrite(fn: FunctionType, operators: object) -> FunctionType:
    """`fn` with its control flow, calls and subscripts going through `operators`.

    Name, defaults, annotations, globals and closure cells are those of `fn`. What can't be rewritten
    raises a `CompileError` that says where.
    """
    assert isinstance(fn, FunctionType)
    fn = original(fn)
    code = fn.__code__
    if code in _ours:
        return _rebound(fn, operators)
    by_file = _rewritten.setdefault(code, {})
    new = by_file.get(code.co_filename)
    if new is None:
        new = by_file[code.co_filename] = _rewrite_code(fn)
        _ours.update(code_objects(new))
    return rebuild(fn, new, operators)


def is_rewritten(fn: FunctionType) -> bool:
    """Whether `fn` is a result of `rewrite`, or was made by one."""
    return fn.__code__ in _ours


def _rewrite_code(fn: FunctionType) -> CodeType:
    code = fn.__code__
    place = Location(code.co_filename, code.co_firstlineno)
    if code.co_flags & (inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR):
        message = f"{code.co_name!r} is a coroutine, which can't be compiled"
        raise CompileError(message, place, hint="use a function", pass_name="rewriting")
    source = find(fn)
    try:
        rewrite_function(source.node, None, Refuser(code.co_filename, source.lines))
        return compile_function(source.node, code)
    except RecursionError:
        message = f"{code.co_name!r} is nested too deeply to be compiled"
        hint = "make functions of its parts"
        raise CompileError(message, place, hint=hint, pass_name="rewriting") from None


def _rebound(fn: FunctionType, operators: object) -> FunctionType:
    """A rewritten function with other operators."""
    cells = dict(zip(fn.__code__.co_freevars, fn.__closure__ or (), strict=True))
    cell: CellType | None = cells.get(OPERATORS)
    if cell is None or cell.cell_contents is operators:
        return fn
    return rebuild(fn, fn.__code__, operators)


__all__ = ["is_rewritten", "original", "rewrite", "rewrite_calls"]
