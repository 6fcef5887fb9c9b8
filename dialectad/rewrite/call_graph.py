"""Which functions of a module stay functions: those that call themselves, and those that say so.

func.func private @f(...) attributes {no_inline}       // stays
func.func private @g(...) { ... func.call @g ... }     // stays: its body has no end if it is inlined
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from xdsl.dialects import func

from dialectad.walk import walk

NO_INLINE = "no_inline"
"""The unit attribute of a function that is called wherever it was called."""


def staying(functions: Mapping[str, func.FuncOp]) -> set[str]:
    """The names of the functions whose calls aren't inlined."""
    marked = {name for name, function in functions.items() if NO_INLINE in function.attributes}
    return marked | recursive(functions)


def recursive(functions: Mapping[str, func.FuncOp]) -> set[str]:
    """The functions that call themselves, be it through others: those on a cycle of the call graph."""
    return on_cycles(_callees_by_name(functions))


def on_cycles(callees: Mapping[str, Iterable[str]]) -> set[str]:
    """The functions that call themselves, by what each calls."""
    return {name for name, called in callees.items() if name in _reached(called, callees)}


def reached(names: Iterable[str], functions: Mapping[str, func.FuncOp]) -> set[str]:
    """These functions, and all that they call, be it through others."""
    return _reached(names, _callees_by_name(functions))


def _callees_by_name(functions: Mapping[str, func.FuncOp]) -> dict[str, set[str]]:
    return {name: _callees(function) for name, function in functions.items()}


def _callees(function: func.FuncOp) -> set[str]:
    return {op.callee.root_reference.data for op in walk(function) if type(op) is func.CallOp}


def _reached(names: Iterable[str], callees: Mapping[str, Iterable[str]]) -> set[str]:
    found: set[str] = set()
    pending = list(names)
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            pending += callees.get(name, ())
    return found
