"""Which functions of a module stay functions: those that call themselves, and those that say so.

    func.func private @f(...) attributes {no_inline}       // stays
    func.func private @g(...) { ... func.call @g ... }     // stays: its body has no end if it is inlined
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from xdsl.dialects import func

NO_INLINE = "no_inline"
"""The unit attribute of a function that is called wherever it was called."""


def staying(functions: Mapping[str, func.FuncOp]) -> set[str]:
    """The names of the functions whose calls aren't inlined."""
    callees = {name: callees_of(function) for name, function in functions.items()}
    marked = {name for name, function in functions.items() if NO_INLINE in function.attributes}
    return marked | recursive(callees)


def callees_of(function: func.FuncOp) -> list[str]:
    """The functions that the body of a function calls, in order."""
    found = (op.callee.root_reference.data for op in function.walk() if isinstance(op, func.CallOp))
    return list(dict.fromkeys(found))


def recursive(callees: Mapping[str, Sequence[str]]) -> set[str]:
    """The functions that call themselves, be it through others: those on a cycle of the call graph."""
    return {name for name, called in callees.items() if name in _reached(called, callees)}


def _reached(names: Iterable[str], callees: Mapping[str, Sequence[str]]) -> set[str]:
    found: set[str] = set()
    pending = list(names)
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            pending += callees.get(name, ())
    return found
