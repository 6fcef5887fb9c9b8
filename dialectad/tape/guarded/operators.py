"""The operators that rewritten code calls while a run is recorded and traced.

Control flow is Python's own, on the values of this run; calls, subscripts and changes of Python's objects are
those of a trace, done in both.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from dialectad.frontend import staging
from dialectad.frontend.calls import stand_in
from dialectad.frontend.rewriting import rewrite
from dialectad.frontend.tracers import CALLS, lift
from dialectad.frontend.tracing import current, foreign_write
from dialectad.tape.creators import CREATORS
from dialectad.tape.guarded.pairs import Pair, both, concrete, holds_pair, paired, traced
from dialectad.tape.operators import (
    Undefined,
    and_,
    assert_,
    cond,
    for_,
    if_,
    kept,
    load,
    not_,
    or_,
    steps,
    text,
    undecorated,
    ways,
    while_,
)

_ITERATION = frozenset((range, enumerate, zip, reversed))
"""Python's own, on the values of this run."""

_CHANGES = frozenset((setattr, delattr))
"""What changes Python's objects, and so is refused where that would happen only once."""


def call(function: Any) -> Any:
    """What to call instead of `function`."""
    try:
        replacement = CALLS.get(function)
    except TypeError:  # not hashable
        replacement = None
    if replacement is None:
        return _other(function)
    if function in _ITERATION:
        return function
    if function in _CHANGES:
        return replacement

    def run(*args: Any, **kwargs: Any) -> Any:
        args = tuple([list(a) if hasattr(a, "__next__") else a for a in args])
        if function in CREATORS or holds_pair(args) or holds_pair(kwargs):
            return both(function, args, kwargs)
        return replacement(*args, **kwargs)

    return run


def _other(function: Any) -> Any:
    """What is neither NumPy's nor Python's: the user's functions are rewritten."""
    if isinstance(function, types.FunctionType):
        return _converted(function)
    if isinstance(function, types.MethodType) and isinstance(function.__func__, types.FunctionType):
        if isinstance(function.__self__, Pair):
            return function
        return types.MethodType(_converted(function.__func__), function.__self__)
    if isinstance(function, functools.partial):
        return functools.partial(call(function.func), *function.args, **function.keywords)
    return function if isinstance(function, type) else staging.call(function)


def _converted(function: types.FunctionType) -> Any:
    if not staging.is_users(function.__code__):
        inner = undecorated(function)
        return function if inner is function else call(inner)
    from dialectad.tape.guarded import operators

    return rewrite(function, operators)


def outer(value: Any) -> Any:
    """A read of what isn't a variable of the function: an array of floats is data, not a constant."""
    if type(value) is np.ndarray and value.dtype.kind == "f":
        return Pair(value, lift(value))
    return value


def load_item(container: Any, key: Any) -> Any:
    """`container[key]`"""
    if isinstance(container, np.ndarray) and holds_pair(key):
        return paired(container[concrete(key)], lift(container)[traced(key)])  # pyright: ignore
    return outer(container[key])


def store_item(container: Any, key: Any, value: Any) -> None:
    """`container[key] = value`"""
    if isinstance(container, np.ndarray):
        raise foreign_write(current().location())
    if isinstance(container, Pair):
        container[key] = value
    else:
        staging.store_item(container, key, value)


def aug_item(container: Any, key: Any, operator: Callable[[Any, Any], Any], value: Any) -> None:
    """`container[key] op= value`"""
    store_item(container, key, operator(load_item(container, key), value))


def _is_instance(instance: Any, cls: type) -> bool:
    return isinstance(concrete(instance), cls)


def pattern_class(cls: type) -> type:
    """What stands for a class in a `case`: values are instances of what they are in this run."""
    return stand_in(cls, _is_instance)


changes = staging.changes
removes = staging.removes

__all__ = [
    "Undefined",
    "and_",
    "assert_",
    "aug_item",
    "call",
    "changes",
    "cond",
    "for_",
    "if_",
    "kept",
    "load",
    "load_item",
    "not_",
    "or_",
    "outer",
    "pattern_class",
    "removes",
    "steps",
    "store_item",
    "text",
    "ways",
    "while_",
]
