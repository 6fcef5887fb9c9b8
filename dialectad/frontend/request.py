"""Requests for derivatives: what is differentiated is traced into a function of its own in the module."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Container, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
from xdsl.dialects import tensor
from xdsl.dialects.builtin import TensorType
from xdsl.ir import SSAValue

from dialectad.dialects import ad
from dialectad.errors import ShapeError, UnsupportedTypeError
from dialectad.frontend import complexes, emit, program, pytrees
from dialectad.frontend.carry import is_dynamic
from dialectad.frontend.emit import Extent
from dialectad.frontend.numpy.support import require_same
from dialectad.frontend.program import ArrayType, Body, ScalarType, Static
from dialectad.frontend.tracers import Array, Scalar, Tracer, extents, lift, wrap
from dialectad.frontend.tracing import current, error
from dialectad.levels import Level
from dialectad.rewrite.outside_extents import OutsideExtents

Argnums = int | Sequence[int]
LevelLike = str | Level


@dataclass
class Call:
    """A function being differentiated, traced into the module, at one call of it."""

    name: str
    body: Body
    operands: list[SSAValue]
    """Values for the leaves that are no statics, then for what the body captured."""
    results: list[SSAValue]
    """What the traced function returns first: the leaves of its result that depend on something."""
    positions: dict[int, int]
    """Leaf of the result -> position among `results`."""
    arguments: list[Any]
    """The leaves of the arguments."""
    parameters: dict[int, int]
    """Leaf of the arguments -> position among the operands."""
    shapes: list[tuple[Extent, ...]]
    """Per leaf of the result, as it is known within the function."""

    @property
    def result_types(self) -> list[Any]:
        finals = [self.body.scope.values[s] for s in self.body.mutated]
        return [v.type for v in (*self.results, *finals)]

    def extents(self, leaf: int, but_for: Container[int] = ()) -> list[Extent | None]:
        """The shape of a leaf of the result, where the surrounding function can compute it; otherwise None.

        `but_for`: leaves of the arguments whose values it isn't to be computed from.
        """
        scope = self.body.scope
        known: dict[SSAValue, SSAValue] = {parameter: value for value, parameter in scope.captured.items()}
        own = scope.block.args
        known |= {own[k]: self.operands[k] for i, k in self.parameters.items() if i not in but_for}
        outside = OutsideExtents(known, current().insert, current().resolve)
        return [outside.find(n) for n in self.shapes[leaf]]

    def finish(self, captured: Iterable[SSAValue] | None = None) -> None:
        """Make it a function of the module; `captured` is all that it is to take from around."""
        if captured is not None:
            renamed = self.body.scope.take(captured)
            self.results = [renamed.get(value, value) for value in self.results]
        program.finish(self.name, self.body, self.results, "private")
        self.operands += [current().resolve(value) for value in self.body.scope.captured]

    def rebuild(self, values: Sequence[SSAValue]) -> Any:
        """What the function returns, from the request's results; arguments written into are written."""
        own = {a.storage: leaf for leaf, a in enumerate(self.body.arguments) if isinstance(a, Array)}
        for storage, value in zip(self.body.mutated, values[len(self.results) :], strict=False):
            target = self.arguments[own[storage]]
            assert isinstance(target, Array)
            target.write(value)
        leaves = []
        for i, leaf in enumerate(self.body.leaves):
            if i not in self.positions or not isinstance(leaf, Tracer | np.ndarray):
                leaves.append(leaf)  # a constant stays what it is
            elif isinstance(leaf, Array) and leaf.storage in own and not leaf.view:
                leaves.append(self.arguments[own[leaf.storage]])
            else:
                weak = isinstance(leaf, Scalar) and leaf.weak
                leaves.append(wrap(values[self.positions[i]], weak=weak))
        return pytrees.unflatten(self.body.structure, leaves)


def trace_call(
    function: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any], level: Level
) -> Call:
    """Trace `function` for these (traced) arguments into a private function of the module.

    `level` is the one at which it is to be differentiated.
    """
    call = begin_call(function, args, kwargs, level)
    call.finish()
    return call


def begin_call(
    function: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any], level: Level | None = None
) -> Call:
    """The same, but that the function isn't finished yet; without a level, it has the one around it."""
    trace = current()
    leaves: list[Any] = []
    structures = []
    for arg in (*args, *kwargs.values()):
        found, structure = complexes.flatten(arg)
        leaves += found
        structures.append(structure)
    leaves = [lift(leaf) if is_dynamic(leaf) else leaf for leaf in leaves]
    values = [leaf.ssa() for leaf in leaves if isinstance(leaf, Tracer)]
    types = [leaf_type(leaf) for leaf in leaves]
    shapes = [extents(leaf) for leaf in leaves if isinstance(leaf, Tracer)]
    with nullcontext() if level is None else trace.differentiated_at(level):
        body = program.trace_body(function, structures, tuple(kwargs), types, exact_types(leaves), shapes)
    results: list[SSAValue] = []
    positions: dict[int, int] = {}
    with body.reopened():
        for i, leaf in enumerate(body.leaves):
            if is_dynamic(leaf):
                positions[i] = len(results)
                results.append(lift(leaf).ssa())
        shapes = [extents(lift(leaf)) if is_dynamic(leaf) else () for leaf in body.leaves]
    _check_apart(body, leaves)
    name = trace.symbol(getattr(function, "__name__", "f"))
    parameters, position = {}, 0
    for i, leaf in enumerate(leaves):
        if isinstance(leaf, Tracer):
            parameters[i] = position
            position += 1
    return Call(name, body, values, results, positions, leaves, parameters, shapes)


def _check_apart(body: Body, leaves: Sequence[Any]) -> None:
    """What the body writes into must not be anything else that it uses."""
    pairs = zip(body.arguments, leaves, strict=True)
    outer = {a.storage: x.storage for a, x in pairs if isinstance(a, Array) and isinstance(x, Array)}
    for storage in body.mutated:
        others = [s for inner, s in outer.items() if inner is not storage]
        others += [s for s in body.scope.entered if s not in outer]
        if not outer[storage].candidates().isdisjoint(others):
            raise error(
                "a differentiated function writes into an argument that shares memory with another array"
                " that it uses",
                hint="pass a copy",
            )


def exact_types(leaves: Sequence[Any]) -> list[Any]:
    """The IR types of the leaves that are tracers."""
    return [leaf.ssa().type for leaf in leaves if isinstance(leaf, Tracer)]


def leaf_type(leaf: Any) -> program.LeafType:
    if isinstance(leaf, Array):
        return ArrayType(leaf.dtype, tuple(leaf.ssa().type.get_shape()))  # pyright: ignore
    if isinstance(leaf, Scalar):
        return ScalarType(leaf.dtype, leaf.weak)
    return Static(program.hashable(leaf))


def argument_leaves(call: Call, args: Sequence[Any], argnums: Sequence[int]) -> list[list[int]]:
    """Per differentiated argument: the positions of its leaves among all leaves."""
    ranges, start = [], 0
    for arg in args:
        count = complexes.flatten(arg)[1].count
        ranges.append(list(range(start, start + count)))
        start += count
    for n in argnums:
        for leaf in ranges[n]:
            tracer = call.arguments[leaf]
            if not isinstance(tracer, Tracer) or tracer.dtype.kind != "f":
                what = tracer.dtype if isinstance(tracer, Tracer) else type(tracer).__name__
                raise error(
                    f"argument {n} holds a value of type {what}, by which nothing can be differentiated",
                    hint="pass floats, or choose other arguments with argnums",
                    kind=UnsupportedTypeError,
                )
    return [ranges[n] for n in argnums]


def normalised(argnums: Argnums, count: int) -> list[int]:
    numbers = [argnums] if isinstance(argnums, int) else list(argnums)
    for n in numbers:
        if not -count <= n < count:
            raise error(
                f"argnums {n} is out of range for a call with {count} positional arguments", kind=ShapeError
            )
    return [n % count for n in numbers]


def conform(given: Any, like: SSAValue, shape: Sequence[Extent | None], what: str) -> SSAValue:
    """A tangent or cotangent with the type of what it belongs to, which has this shape."""
    tracer = lift(given)
    value = tracer.ssa()
    if emit.rank(value) == 0 and emit.rank(like) == 0:
        if isinstance(value.type, TensorType) and not isinstance(like.type, TensorType):
            value = emit.extract(value, [])
        elif isinstance(like.type, TensorType) and not isinstance(value.type, TensorType):
            value = emit.splat(value, ())
    value = emit.cast(value, emit.element(like))
    if value.type == like.type and all(map(isinstance, shape, itertools.repeat(int))):
        return value
    found = extents(tracer)
    if len(found) != len(shape) or any(
        isinstance(m, int) and isinstance(n, int) and m != n for m, n in zip(found, shape, strict=True)
    ):
        raise error(f"{what} has type {value.type}, but {like.type} is expected", kind=ShapeError)
    for axis, (m, n) in enumerate(zip(found, shape, strict=True)):
        if n is None:
            raise error(
                f"axis {axis} of {what} can't be checked: its extent depends on data",
                hint="differentiate a function that reduces it, or puts it into an array of fixed size",
                kind=ShapeError,
            )
        require_same(m, n, f"{what} has another shape than that")
    assert isinstance(like.type, TensorType)
    return emit.op(tensor.CastOp(value, like.type))


def pull_back(
    call: Call, leaves: Sequence[int], seeds: dict[int, SSAValue], level: Level
) -> tuple[list[Tracer], list[SSAValue]]:
    """The cotangents of argument leaves, for cotangents of results by position; and the primal results."""
    active_positions = [call.parameters[leaf] for leaf in leaves]
    order = sorted(set(active_positions))
    result_types = call.result_types
    op = current().insert(
        ad.VJPOp(
            call.name,
            [*call.operands, *(seeds[p] for p in sorted(seeds))],
            order,
            sorted(seeds),
            [*result_types, *(call.operands[p].type for p in order)],
            level.point,
        )
    )
    values: list[SSAValue] = list(op.results)
    by_position = dict(zip(order, values[len(result_types) :], strict=True))
    gradients = [
        _like(call.arguments[leaf], by_position[p]) for leaf, p in zip(leaves, active_positions, strict=True)
    ]
    return gradients, values[: len(result_types)]


def _like(argument: Tracer, cotangent: SSAValue) -> Tracer:
    """The tracer of a cotangent: it has the shape of the argument."""
    if isinstance(argument, Array):
        return Array.fresh(cotangent, argument.extents)
    return wrap(cotangent, weak=is_weak(argument))


def conjugated(values: Sequence[Any], structure: pytrees.TreeDef) -> list[Any]:
    """Leaves of a structure, with the imaginary parts of complex numbers negated.

    Note [Cotangents of complex numbers]
        The IR differentiates by real and imaginary parts. A user's cotangent of z = x + iy is a complex
        number w such that the differential is the real part of w dz: with `a` and `b` the cotangents of
        x and y, w = a - ib. So cotangents are conjugated on their way in and out.
    """
    flags = complexes.imaginary(structure)
    return [-value if flag else value for value, flag in zip(values, flags, strict=True)]


def is_weak(leaf: Any) -> bool:
    return isinstance(leaf, Scalar) and leaf.weak


def named(
    function: Callable[..., Any], prefix: str, implementation: Callable[..., Any]
) -> Callable[..., Any]:
    """`implementation` with the name and docstring that the derivative of `function` should have."""
    name = getattr(function, "__name__", "f")
    functools.update_wrapper(implementation, function)
    implementation.__name__ = f"{prefix}_{name.strip('<>')}"
    return implementation
