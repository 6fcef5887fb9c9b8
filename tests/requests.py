"""What a request for a derivative gives, by differences: `tests.evaluate` runs requests with these rules.

Smooth functions only, and without `ad.stop`, through which differences look. In memory form a request
also does the worst that its contract allows: what it writes holds NaN first, and so do the cotangents
that it has used up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from xdsl.dialects import func
from xdsl.dialects.builtin import DYNAMIC_INDEX, IntegerAttr, MemRefType
from xdsl.ir import Operation

from dialectad.dialects import ad

_STEP = 1e-3
_STENCIL = ((1, 8), (-1, -8), (2, -1), (-2, 1))
"""f'(x) = sum of weight * f(x + offset * step) / (12 * step), up to the fifth derivative."""

Values = list[Any]


def vjp(interpreter: Any, op: Operation, operands: Values) -> Sequence[Any]:
    """`ad.vjp` on tensors, or in memory."""
    assert isinstance(op, ad.VJPOp)
    run, arguments, outs, shadows = _split(interpreter, op, operands)
    active, seeds = ad.positions(op.active), ad.positions(op.seeds)
    if outs is None:
        return [*run(arguments), *_gradients(run, arguments, active, seeds, shadows)]
    targets, cotangents = shadows[: len(active)], shadows[len(active) :]
    gradients = _gradients(run, arguments, active, seeds, cotangents)
    _write(outs, run(arguments))
    for target, gradient in zip(targets, gradients, strict=True):
        target[...] += gradient
    for cotangent in cotangents:
        cotangent[...] = np.nan
    return []


def augmented(interpreter: Any, op: Operation, operands: Values) -> Sequence[Any]:
    """`ad.augmented`: the call. The run is a copy of what it was given."""
    assert isinstance(op, ad.AugmentedOp)
    run = _copies(operands)
    return [*interpreter.call(op.callee.root_reference.data, operands), run]


def pullback(interpreter: Any, op: Operation, operands: Values) -> Sequence[Any]:
    """`ad.pullback`, which must be given what the run was given and gave."""
    assert isinstance(op, ad.PullbackOp)
    past, *rest = operands
    run, arguments, outs, shadows = _split(interpreter, op, rest)
    active, seeds = ad.positions(op.active), ad.positions(op.seeds)
    results, shadows = (outs, shadows) if outs is not None else _take(shadows, len(shadows) - len(seeds))
    for given, then in zip(arguments, past, strict=False):
        np.testing.assert_array_equal(given, then, err_msg="the arguments of a run have changed")
    for given, now in zip(results, run(_copies(arguments)), strict=True):
        np.testing.assert_allclose(given, now, rtol=1e-12, err_msg="the results of a run have changed")
    if outs is None:
        return _gradients(run, arguments, active, seeds, shadows)
    targets, cotangents = _take(shadows, len(active))
    for target, gradient in zip(targets, _gradients(run, arguments, active, seeds, cotangents), strict=True):
        target[...] += gradient
    for cotangent in cotangents:
        cotangent[...] = np.nan
    return []


def _take(values: Values, count: int) -> tuple[Values, Values]:
    return values[:count], values[count:]


def jvp(interpreter: Any, op: Operation, operands: Values) -> Sequence[Any]:
    """`ad.jvp` on tensors, or in memory."""
    assert isinstance(op, ad.JVPOp)
    run, arguments, outs, shadows = _split(interpreter, op, operands)
    active = ad.positions(op.active)
    results = run(arguments)
    tangents = _directional(run, arguments, dict(zip(active, shadows[: len(active)], strict=True)))
    floats = [np.asarray(r).dtype.kind == "f" for r in results]
    moving = [t for t, is_float in zip(tangents, floats, strict=True) if is_float]
    if outs is None:
        return [*results, *moving]
    _write(outs, results)
    _write(shadows[len(active) :], moving)
    return []


def _split(
    interpreter: Any, op: ad.VJPOp | ad.JVPOp | ad.PullbackOp, operands: Values
) -> tuple[Callable[[Values], Values], Values, Values | None, Values]:
    """The function, its arguments, what it writes into (None: it gives results), and the shadows."""
    name = op.callee.root_reference.data
    callee = interpreter.symbols[name]
    assert isinstance(callee, func.FuncOp)
    inputs = list(callee.function_type.inputs)
    shadows = operands[len(inputs) :]
    count = callee.attributes.get("dialectad.outs")
    if not isinstance(count, IntegerAttr):
        return lambda args: interpreter.call(name, _copies(args)), operands[: len(inputs)], None, shadows
    first = len(inputs) - count.value.data
    arguments, outs = operands[:first], operands[first : len(inputs)]
    written = [*([] if isinstance(op, ad.PullbackOp) else outs)]
    written += [s for s in shadows if isinstance(s, np.ndarray)]
    tangents = shadows[: len(ad.positions(op.active))] if isinstance(op, ad.JVPOp) else []
    written = [w for w in written if not any(w is t for t in tangents)]
    for k, array in enumerate(written):
        others = [o for o in (*arguments, *tangents, *written[:k]) if isinstance(o, np.ndarray)]
        assert not any(np.shares_memory(array, o) for o in others), f"{op.name} writes what it reads"
    for operand in operands:
        assert not isinstance(operand, np.ndarray) or operand.flags.c_contiguous, f"{op.name} of a view"

    def run(args: Values) -> Values:
        results = [_unwritten(type_, out) for type_, out in zip(inputs[first:], outs, strict=True)]
        interpreter.call(name, [*_copies(args), *results])
        return [r if r.ndim else r[()] for r in results]

    return run, arguments, outs, shadows


def _copies(args: Values) -> Values:
    return [np.array(a) if isinstance(a, np.ndarray) else a for a in args]


def _unwritten(type_: Any, like: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    assert isinstance(type_, MemRefType)
    assert DYNAMIC_INDEX not in type_.get_shape()
    return np.full(like.shape, np.nan if like.dtype.kind == "f" else 77).astype(like.dtype)


def _write(targets: Values, values: Values) -> None:
    for target, value in zip(targets, values, strict=True):
        target[...] = value


def _gradients(
    run: Callable[[Values], Values],
    arguments: Values,
    active: Sequence[int],
    seeds: Sequence[int],
    cotangents: Values,
) -> Values:
    weights = _copies(cotangents)
    gradients: Values = []
    for position in active:
        value = np.asarray(arguments[position])
        gradient = np.zeros_like(value)
        for index in np.ndindex(*value.shape):
            unit = np.zeros_like(value)
            unit[index] = 1
            tangents = _directional(run, arguments, {position: unit})
            gradient[index] = sum(np.sum(w * tangents[s]) for s, w in zip(seeds, weights, strict=True))
        gradients.append(gradient if isinstance(arguments[position], np.ndarray) else gradient[()])
    return gradients


def _directional(run: Callable[[Values], Values], arguments: Values, directions: dict[int, Any]) -> Values:
    """The derivatives of the results along a direction (of an integer: 0)."""
    totals: Values = []
    for offset, weight in _STENCIL:
        moved = [
            (np.asarray(a) + offset * _STEP * np.asarray(directions[i])).astype(np.asarray(a).dtype)
            if i in directions
            else a
            for i, a in enumerate(arguments)
        ]
        moved = [
            m if isinstance(a, np.ndarray) else m[()] if isinstance(m, np.ndarray) else m
            for m, a in zip(moved, arguments, strict=True)
        ]
        terms = [weight * np.asarray(r, float) / (12 * _STEP) for r in run(moved)]
        totals = [t + u for t, u in zip(totals, terms, strict=True)] if totals else terms
    return totals
