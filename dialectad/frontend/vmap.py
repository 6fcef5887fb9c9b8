"""`vmap`: a function of the slices of arrays, called for each of them in a counted loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from xdsl.dialects import func, scf
from xdsl.ir import Block, Region, SSAValue

from dialectad.errors import ShapeError, UnsupportedTypeError
from dialectad.frontend import dtypes, emit, pytrees
from dialectad.frontend.carry import is_dynamic
from dialectad.frontend.dtypes import INDEX
from dialectad.frontend.emit import Extent
from dialectad.frontend.function import Function
from dialectad.frontend.numpy.support import require_same
from dialectad.frontend.request import Call, begin_call, named
from dialectad.frontend.tracers import Array, Tracer, extents, lift, wrap
from dialectad.frontend.tracing import current, error

Axes = Any
"""An int, None, or a pytree of these, of which an entry stands for all leaves at and below its place."""


def vmap(function: Callable[..., Any], in_axes: Axes = 0, out_axes: Axes = 0) -> Function:
    """A function that maps `function` over an axis of its arguments.

    It is a compiled loop over the slices, so `function` may do whatever compiled code can. It nests with
    every derivative: `vmap(grad(f))` has a gradient for each slice.

    Parameters
    ----------
    function : callable
        Takes slices, and writes into none of them: numbers, of an array of one axis.
    in_axes : int, None, or sequence of these or of pytrees of these
        For each positional argument, which axis of its arrays is mapped over; `None` passes it as it is. One
        entry alone is that of all arguments. What is given by keyword is mapped over its first axis.
    out_axes : int or pytree of ints
        Where the new axis is in the results.

    Returns
    -------
    Function
        Gives what `function` gives for each slice, stacked.

    Raises
    ------
    CompileError
        When called, if the axes differ in length, there is none, or the shape of a result depends on the
        elements of a slice.

    Examples
    --------
    >>> import numpy as np
    >>> import dialectad as da
    >>> da.vmap(lambda x, w: w @ x, in_axes=(1, None))(np.eye(2), np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([[1., 3.],
           [2., 4.]])
    >>> da.vmap(da.grad(lambda x: x**3))(np.array([1.0, 2.0]))
    array([ 3., 12.])
    """

    def implementation(*args: Any, **kwargs: Any) -> Any:
        return _map(function, in_axes, out_axes, args, kwargs)

    return Function(named(function, "vmap", implementation))


def _map(
    function: Callable[..., Any], in_axes: Axes, out_axes: Axes, args: Any, kwargs: dict[str, Any]
) -> Any:
    leaves, structure = pytrees.flatten((args, kwargs))
    leaves = [lift(leaf) if is_dynamic(leaf) else leaf for leaf in leaves]
    per_argument = in_axes if isinstance(in_axes, list | tuple) else (in_axes,) * len(args)
    if len(per_argument) != len(args):
        raise error(f"in_axes has {len(per_argument)} entries for {len(args)} arguments", kind=ShapeError)
    found = spread((tuple(per_argument), dict.fromkeys(kwargs, 0)), structure, "in_axes")
    axes = [_checked(axis, leaf) for axis, leaf in zip(found, leaves, strict=True)]
    count = _length(axes, leaves)
    typical = [_typical(leaf, axis) for leaf, axis in zip(leaves, axes, strict=True)]
    args, kwargs = pytrees.unflatten(structure, typical)
    call = begin_call(function, args, kwargs)
    if call.body.mutated:
        raise error(
            "a function that is mapped writes into its argument", hint="copy the argument in it first"
        )
    call.finish()
    stacked = iter(_stacked(call, leaves, axes, count))
    places = spread(out_axes, call.body.structure, "out_axes")
    made: list[Any] = []
    for i, leaf in enumerate(call.body.leaves):
        made.append(_moved(next(stacked), places[i]) if i in call.positions else leaf)
    return pytrees.unflatten(call.body.structure, made)


def spread(axes: Axes, structure: pytrees.TreeDef, what: str) -> list[Any]:
    """For each leaf of a structure: the entry of a pytree that stands for it."""
    if axes is None or isinstance(axes, int):
        return [axes] * structure.count
    children: Sequence[Any] = ()
    if isinstance(structure, pytrees.Node):
        if isinstance(axes, dict) and set(axes) == set(structure.keys):
            children = [axes[key] for key in structure.keys]
        elif isinstance(axes, list | tuple) and not structure.keys:
            children = axes
    if not isinstance(structure, pytrees.Node) or len(children) != len(structure.children):
        raise error(f"{what} doesn't fit the structure of what it is for", kind=ShapeError)
    parts = zip(children, structure.children, strict=True)
    return [entry for child, inner in parts for entry in spread(child, inner, what)]


def _checked(axis: Any, leaf: Any) -> int | None:
    """The axis of a leaf to map over, counted from the first."""
    if axis is None:
        return None
    if not isinstance(leaf, Array):
        what = leaf.dtype if isinstance(leaf, Tracer) else type(leaf).__name__
        raise error(
            f"a value of type {what} can't be mapped over",
            hint="its entry in in_axes should be None",
            kind=UnsupportedTypeError,
        )
    return _normalised(axis, leaf.ndim, "in_axes")


def _normalised(axis: int, rank: int, what: str) -> int:
    if not -rank <= axis < rank:
        raise error(f"{what}: axis {axis} is out of bounds for an array of {rank} axes", kind=ShapeError)
    return axis % rank


def _length(axes: Sequence[int | None], leaves: Sequence[Any]) -> Extent:
    lengths = [leaf.extents[axis] for leaf, axis in zip(leaves, axes, strict=True) if axis is not None]
    if not lengths:
        raise error("there is nothing to map over", hint="in_axes should name an axis", kind=ShapeError)
    known = sorted({n for n in lengths if isinstance(n, int)})
    said = f"the axes that are mapped over differ in length: {', '.join(map(str, known))}"
    count = known[0] if known else lengths[0]
    for n in lengths:
        require_same(count, n, said if len(known) > 1 else "the axes that are mapped over differ in length")
    return count


def _typical(leaf: Any, axis: int | None) -> Any:
    """Something like what the function gets for a leaf."""
    if axis is None:
        return leaf
    shape = [n for k, n in enumerate(leaf.extents) if k != axis]
    element = dtypes.to_ir(leaf.dtype)
    return wrap(emit.empty(shape, element) if shape else emit.constant(0, element))


def _stacked(call: Call, leaves: Sequence[Any], axes: Sequence[int | None], count: Extent) -> list[SSAValue]:
    """The results for all slices, along a new first axis."""
    values = [
        (leaf.ssa(), extents(leaf), axis)
        for leaf, axis in zip(leaves, axes, strict=True)
        if isinstance(leaf, Tracer)
    ]
    captured = call.operands[len(values) :]
    elements = [_stored(emit.element(result)) for result in call.results]
    slices = [i for i, axis in enumerate(axes) if axis is not None]
    shapes = [_common(call.extents(leaf, slices)) for leaf in call.positions]
    init = [emit.empty((count, *shape), element) for shape, element in zip(shapes, elements, strict=True)]
    block = Block(arg_types=[INDEX, *(value.type for value in init)])
    with current().open(block, "branch"):  # nothing in it touches a storage
        i, *so_far = block.args
        given = [_slice(*value, i) for value in values]
        op = current().insert(func.CallOp(call.name, [*given, *captured], call.result_types))
        rows = zip(op.results, so_far, shapes, strict=True)
        current().insert(scf.YieldOp(*(_with_row(total, i, value, shape) for value, total, shape in rows)))
    first, last, step = map(emit.index, (0, count, 1))
    return list(current().insert(scf.ForOp(first, last, step, init, Region(block))).results)


def _common(shape: Sequence[Extent | None]) -> list[Extent]:
    """The shape of a result, which is to be the same for all slices."""
    known = [n for n in shape if n is not None]
    if len(known) != len(shape):
        raise error(
            "the shape of what a mapped function gives depends on the elements that it is given",
            hint="return an array of one shape for all slices, or write it as a loop over them",
            kind=ShapeError,
        )
    return known


def _stored(element: Any) -> Any:
    return dtypes.to_ir(dtypes.INT64) if element == INDEX else element


def _slice(value: SSAValue, shape: Sequence[Extent], axis: int | None, i: SSAValue) -> SSAValue:
    if axis is None:
        return value
    if len(shape) == 1:
        return emit.extract(value, [i])
    offsets = [i if k == axis else 0 for k in range(len(shape))]
    sizes = [1 if k == axis else n for k, n in enumerate(shape)]
    return emit.extract_slice(value, offsets, sizes, [1] * len(shape), frozenset({axis}))


def _with_row(total: SSAValue, i: SSAValue, value: SSAValue, shape: Sequence[Any]) -> SSAValue:
    value = emit.cast(value, emit.element(total))
    if not shape:
        scalar = emit.extract(value, []) if emit.rank(value) or hasattr(value.type, "get_shape") else value
        return emit.insert(scalar, total, [i])
    value = emit.retyped(value, shape)
    return emit.insert_slice(value, total, [i, *[0] * len(shape)], [1, *shape], [1] * (len(shape) + 1))


def _moved(stacked: SSAValue, axis: Any) -> Any:
    """Results with the axis that they are stacked along at its place."""
    if axis is None:
        raise error("out_axes can't be None for a result that is an array or a number", kind=ShapeError)
    rank = emit.rank(stacked)
    to = _normalised(axis, rank, "out_axes")
    if to:
        stacked = emit.transpose(stacked, [*range(1, to + 1), 0, *range(to + 1, rank)])
    return wrap(stacked)
