"""`checkpoint`: parts of a program of which nothing but the arguments is kept for the reverse sweep.

A checkpoint is a call with a rule whose pullback is a request: it runs the function again, and back.

    %y = func.call @f_checkpoint(%x) {dialectad.rule}
    func.func private @f_fwd(%x) { %y = call @f(%x); return %y, %x }
    func.func private @f_bwd(%x, %dy) { %y, %dx = "ad.vjp"(%x, %dy) <{callee = @f, ...}>; return %dx }
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

from xdsl.dialects import func
from xdsl.ir import SSAValue

from dialectad.dialects import ad
from dialectad.dialects.call_rule import RULE, CallRule
from dialectad.frontend import dtypes, emit, pytrees, staging
from dialectad.frontend.call_rules import Built, Values, sizes_of
from dialectad.frontend.function import Function
from dialectad.frontend.recorded import Recorded
from dialectad.frontend.request import Call, begin_call
from dialectad.frontend.tracing import active, current
from dialectad.levels import Level
from dialectad.levels import of as level_of

F = TypeVar("F", bound=Callable[..., Any])


def checkpoint(function: F) -> F:
    """A function of which the reverse sweep keeps the arguments only, and runs it again for the rest.

    Where memory is short: of a loop around a checkpoint the reverse sweep needs its arguments, once an
    iteration. It doesn't change what is computed, and forward mode takes no notice of it.

    Parameters
    ----------
    function : callable
        Any function that can be differentiated. It may read variables of the functions around it, also those
        that are differentiated.

    Returns
    -------
    callable
        Gives what `function` gives.

    Examples
    --------
    >>> import numpy as np
    >>> import dialectad as da
    >>> @da.checkpoint
    ... def layer(W, h):
    ...     return np.tanh(W @ h)
    >>> def loss(W, h):
    ...     for _ in range(3):
    ...         h = layer(W, h)
    ...     return np.sum(h)
    >>> da.grad(loss, argnums=1)(np.eye(2), np.zeros(2))
    array([1., 1.])
    """

    def call(*args: Any, **kwargs: Any) -> Any:
        if not active() or not current().levels:
            return staging.call(function)(*args, **kwargs)
        return _emit(function, args, kwargs)

    @functools.wraps(function)
    def checkpointed(*args: Any, **kwargs: Any) -> Any:
        if any(isinstance(leaf, Recorded) for leaf in pytrees.flatten([args, kwargs])[0]):
            return compiled(*args, **kwargs)  # one operation of the record
        return call(*args, **kwargs)

    compiled = Function(functools.wraps(function)(call))
    return cast(F, checkpointed)


def differentiated_at(level: str, function: Callable[..., Any], *args: Any) -> Any:
    """Call `function` in what is differentiated at another level; it is a checkpoint, of that level."""
    return _emit(function, args, {}, level_of(level))


def _emit(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], level: Level | None = None
) -> Any:
    trace = current()
    before = trace.prints
    call = again = begin_call(function, args, kwargs, level)
    call.finish()
    if trace.prints != before:  # once is enough
        with trace.silenced():
            again = begin_call(function, args, kwargs, level)
            again.finish()
    primal, parts = _parts(call, again, trace.levels[-1] if level is None else level.point)
    for part in (primal, *parts.values()):
        part.finish(())
    op = trace.insert(func.CallOp(primal.name, call.operands, call.result_types))
    residuals = tuple(value.type for value in call.operands)
    names = {key: part.name for key, part in parts.items()}
    op.attributes[RULE] = (
        CallRule("checkpoint", residuals=residuals, sizes=(*sizes_of(call.operands),), recomputes=True)
        .with_parts(names)
        .attribute()
    )
    return call.rebuild(list(op.results))


def _parts(call: Call, again: Call, level: str) -> tuple[Built, dict[str, Built]]:
    """The function to call instead, and its rule; `again` is the function as the reverse sweep runs it.

    What is differentiated is never called itself, but inlined into functions that are.
    """
    types, results = [value.type for value in call.operands], call.result_types
    by = [i for i, value in enumerate(call.operands) if _is_float(value)]
    seeds = [i for i, type_ in enumerate(results) if dtypes.is_float(emit.element_type(type_))]
    moving, moved = [types[i] for i in by], [results[i] for i in seeds]

    def run(given: Values, _: Values) -> Values:
        return list(current().insert(func.CallOp(call.name, given, results)).results)

    def keep(given: Values, _: Values) -> Values:
        return [*run(given, _), *given]

    def pull(given: Values, _: Values) -> Values:
        op = ad.VJPOp(again.name, given, by, seeds, [*results, *moving], level)
        return list(current().insert(op).results[len(results) :])

    def push(given: Values, _: Values) -> Values:
        return list(current().insert(ad.JVPOp(call.name, given, by, [*results, *moved], level)).results)

    def built(suffix: str, parameters: list[Any], make: Callable[[Values, Values], Values]) -> Built:
        return Built(current().symbol(f"{call.name}_{suffix}"), parameters, make)

    return built("checkpoint", types, run), {
        "augmented": built("fwd", types, keep),
        "pullback": built("bwd", [*types, *moved], pull),
        "jvp": built("jvp", [*types, *moving], push),
    }


def _is_float(value: SSAValue) -> bool:
    return dtypes.is_float(emit.element(value))
