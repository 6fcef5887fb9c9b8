"""A function as the frontend traces it: along the way that one run takes."""

from __future__ import annotations

import copy
import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from dialectad.frontend import pytrees, tracing
from dialectad.frontend.complexes import flatten_whole
from dialectad.frontend.program import check_variables, variables_of
from dialectad.frontend.tracers import Tracer
from dialectad.tape.errors import error


class _Guards(threading.local):
    """The guards of the run that this thread is recording."""

    def __init__(self) -> None:
        self.found: list[Any] | None = None


_GUARDS = _Guards()


def guard(condition: Any) -> None:
    """Note that other runs take this way only if the traced `condition` holds."""
    if _GUARDS.found is None:
        raise error("a value is used here that belongs to a run that has been recorded already")
    if isinstance(condition, Tracer):
        _GUARDS.found.append(condition)


@contextmanager
def outside() -> Iterator[None]:
    """Run on the values of this run, with nothing being traced, meanwhile."""
    before, _GUARDS.found = _GUARDS.found, None
    try:
        with tracing.tracing(None):
            yield
    finally:
        _GUARDS.found = before


def recorded(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Callable[..., Any]:
    """A function of traced arguments that takes the way that `function` takes for `args`.

    It gives `(result, holds)`, where `holds` is 1.0 if all guards hold and 0.0 otherwise.
    """
    values = pytrees.flatten([list(args), kwargs])[0]

    def run(*given: Any, **named: Any) -> Any:
        from dialectad.tape.guarded import operators
        from dialectad.tape.guarded.pairs import Pair, traced

        leaves, structure = flatten_whole([list(given), named])
        own = {id(x): copy.deepcopy(x) for x in values}
        pairs = [
            Pair(own[id(x)], leaf) if isinstance(leaf, Tracer) else leaf
            for leaf, x in zip(leaves, values, strict=True)
        ]
        made, keywords = structure.unflatten(iter(pairs))
        before, _GUARDS.found = _GUARDS.found, []
        variables = variables_of(function)
        try:
            result = operators.call(function)(*made, **keywords)
            check_variables(variables)
            return _without_pairs(result, traced), _all(_GUARDS.found)
        finally:
            _GUARDS.found = before

    functools.update_wrapper(run, function, assigned=("__name__", "__qualname__", "__doc__"), updated=())
    del run.__wrapped__  # pyright: ignore[reportFunctionMemberAccess]  (it isn't what is called)
    return run


def _without_pairs(result: Any, traced: Callable[[Any], Any]) -> Any:
    leaves, structure = pytrees.flatten(result)
    return structure.unflatten(iter([traced(leaf) for leaf in leaves]))


def _all(guards: list[Any]) -> Any:
    """1.0 if all conditions hold."""
    if not guards:
        return 1.0
    return np.where(functools.reduce(np.logical_and, guards), 1.0, 0.0)
