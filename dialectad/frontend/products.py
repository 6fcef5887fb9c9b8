"""`vjp` and `jvp`: the products of a Jacobian with a cotangent and with a tangent."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from xdsl.dialects.builtin import TensorType
from xdsl.ir import SSAValue

from dialectad.dialects import ad
from dialectad.errors import ShapeError
from dialectad.frontend import complexes, dtypes, eager, emit, pytrees, staging
from dialectad.frontend.complexes import Complex
from dialectad.frontend.function import Function
from dialectad.frontend.recorded import Recorded
from dialectad.frontend.request import (
    Call,
    LevelLike,
    argument_leaves,
    conform,
    conjugated,
    is_weak,
    named,
    pull_back,
    trace_call,
)
from dialectad.frontend.tracers import Array, Tracer, extents, wrap
from dialectad.frontend.tracing import active, current, error
from dialectad.levels import Level
from dialectad.levels import of as level_of


def _cotangents(call: Call, cotangent: Any, *, by_parts: bool) -> dict[int, SSAValue]:
    """The seeds by result position, from a pytree like the function's result."""
    structure = call.body.structure
    found = _leaves_like(cotangent, structure)
    if found is None:
        raise error("the cotangent doesn't have the structure of the function's result", kind=ShapeError)
    seeds = {}
    for i, given in enumerate(found if by_parts else conjugated(found, structure)):
        if i not in call.positions:
            continue
        value = call.results[call.positions[i]]
        if not dtypes.is_float(emit.element(value)):
            continue
        what = f"the cotangent of result {i}"
        seeds[call.positions[i]] = conform(given, value, call.extents(i), what)
    return seeds


def _leaves_like(tree: Any, structure: pytrees.TreeDef) -> list[Any] | None:
    """The leaves of a tangent or cotangent for what has this structure: real numbers are complex ones too."""
    marks = pytrees.unflatten(structure, range(structure.count))
    wanted, whole = complexes.flatten_whole(marks)
    leaves, own = complexes.flatten(tree)
    found, given = complexes.flatten_whole(pytrees.unflatten(own, leaves))
    if given != whole:
        return None
    leaves = []
    for x, mark in zip(found, wanted, strict=True):
        if isinstance(mark, Complex):
            leaves += complexes.parts_like(x)
        elif isinstance(x, Complex):
            return None
        else:
            leaves.append(x)
    return leaves


def vjp_of(
    function: Callable[..., Any],
    primals: Sequence[Any],
    cotangent: Any,
    level: Level,
    *,
    by_parts: bool = False,
) -> tuple[Any, Any]:
    """While tracing: what `function` gives, and a tuple of the cotangents of the primals.

    `by_parts`: of complex numbers they are the derivatives by the parts, see Note [Cotangents of complex
    numbers].
    """
    call = trace_call(function, primals, {}, level)
    wanted = argument_leaves(call, primals, range(len(primals)))
    seeds = _cotangents(call, cotangent, by_parts=by_parts)
    gradients, values = pull_back(call, [leaf for leaves in wanted for leaf in leaves], seeds, level)
    structure = complexes.flatten(tuple(primals))[1]
    pulled = pytrees.unflatten(structure, gradients if by_parts else conjugated(gradients, structure))
    return call.rebuild(values), pulled


_REMEMBERED = 256
"""How many functions `vjp` and `jvp`, which take a function and its arguments at once, keep compiled."""


@functools.lru_cache(maxsize=_REMEMBERED)
def _forward(function: Callable[..., Any], level: Level) -> Function:
    return Function(function, level)


@functools.lru_cache(maxsize=_REMEMBERED)
def _pullback(function: Callable[..., Any], level: Level) -> Function:
    def pull(primals: Any, cotangent: Any) -> Any:
        with current().silenced():  # it runs the function again
            return vjp_of(function, primals, cotangent, level)[1]

    return Function(named(function, "vjp", pull), level)


def vjp(
    function: Callable[..., Any], *primals: Any, level: LevelLike = "auto"
) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """The value of `function` at `primals`, and the function that pulls a cotangent back.

    Parameters
    ----------
    function : callable
        Any function of pytrees of floats and float arrays.
    *primals
        Where to differentiate.
    level : str or Level
        The level at which to differentiate.

    Returns
    -------
    out : pytree
        `function(*primals)`.
    pullback : callable
        `pullback(cotangent)`, for a cotangent like `out`, gives a tuple with one cotangent for each of
        `primals`. It runs the function again, on the primals as they were.

    Examples
    --------
    >>> import numpy as np
    >>> import dialectad as da
    >>> out, pullback = da.vjp(lambda x: x * x, np.array([1.0, 2.0]))
    >>> out, pullback(np.array([1.0, 10.0]))
    (array([1., 4.]), (array([ 2., 40.]),))
    """
    chosen = level_of(level)
    if (engine := eager.engine(chosen)) is not None:
        return engine.vjp(function, primals, chosen)
    pull = _pullback(function, chosen)
    if active() and any(isinstance(x, Tracer) for x in pytrees.flatten(primals)[0]):
        kept = pytrees.unflatten(
            (found := pytrees.flatten(primals))[1],
            [x.copy() if isinstance(x, Array) else x for x in found[0]],
        )
        return staging.call(function)(*primals), lambda cotangent: pull(kept, cotangent)
    leaves, structure = pytrees.flatten(primals)
    kept = pytrees.unflatten(
        structure, [x.copy() if isinstance(x, np.ndarray | Recorded) else x for x in leaves]
    )
    return _forward(function, chosen)(*primals), lambda cotangent: pull(kept, cotangent)


def jvp_of(
    function: Callable[..., Any],
    primals: Sequence[Any],
    tangents: Sequence[Any],
    level: Level,
) -> tuple[Any, Any]:
    """While tracing: what `function` gives, and the tangents of that."""
    call = trace_call(function, primals, {}, level)
    wanted = argument_leaves(call, primals, range(len(primals)))
    leaves = [leaf for group in wanted for leaf in group]
    given = _leaves_like(tuple(tangents), complexes.flatten(tuple(primals))[1])
    if given is None:
        raise error("the tangents don't have the structure of the primals", kind=ShapeError)
    values = [
        conform(
            given[leaf],
            call.operands[call.parameters[leaf]],
            extents(call.arguments[leaf]),
            f"tangent {leaf}",
        )
        for leaf in leaves
    ]
    result_types = call.result_types
    floats = [t for t in result_types if dtypes.is_float(t.element_type if isinstance(t, TensorType) else t)]
    op = current().insert(
        ad.JVPOp(
            call.name,
            [*call.operands, *values],
            [call.parameters[leaf] for leaf in leaves],
            [*result_types, *floats],
            level.point,
        )
    )
    results = list(op.results)
    out = call.rebuild(results[: len(result_types)])
    rest = iter(results[len(result_types) :])
    parts: list[Any] = []
    for i, leaf in enumerate(call.body.leaves):
        value = call.results[call.positions[i]] if i in call.positions else None
        if value is None:
            parts.append(leaf)
            continue
        of = results[call.positions[i]]
        tangent = next(rest) if dtypes.is_float(emit.element(value)) else emit.like(of, 0)
        constant = isinstance(leaf, bool | int | float) and not isinstance(leaf, np.generic)
        parts.append(type(leaf)(0) if constant else wrap(tangent, weak=is_weak(leaf)))
    return out, pytrees.unflatten(call.body.structure, parts)


def jvp(
    function: Callable[..., Any],
    primals: Sequence[Any],
    tangents: Sequence[Any],
    *,
    level: LevelLike = "auto",
) -> tuple[Any, Any]:
    """The value of `function` at `primals`, and its derivative in the direction of `tangents`.

    Parameters
    ----------
    function : callable
        Any function of pytrees of floats and float arrays.
    primals, tangents : sequence
        The arguments, and a tangent for each, of the same structure, shapes and dtypes.
    level : str or Level
        The level at which to differentiate.

    Returns
    -------
    out, tangent : pytree
        `function(*primals)`, and the tangent of that (zero where the result is no float).

    Examples
    --------
    >>> import numpy as np
    >>> import dialectad as da
    >>> da.jvp(lambda x: x * x, (3.0,), (1.0,))
    (9.0, 6.0)
    """
    chosen = level_of(level)
    if len(primals) != len(tangents):
        raise error(
            "jvp takes as many tangents as primals",
            hint="give one for each primal: zeros where it doesn't move",
        )
    if (engine := eager.engine(chosen)) is not None:
        return engine.jvp(function, primals, tangents, chosen)
    push = _push(function, chosen)
    return push(tuple(primals), tuple(tangents))


@functools.lru_cache(maxsize=_REMEMBERED)
def _push(function: Callable[..., Any], level: Level) -> Function:
    return Function(named(function, "jvp", lambda ps, ts: jvp_of(function, ps, ts, level)), level)
