"""Where the extents of a tensor or memref come from.

Arguments of a function whose extents have names say which are equal:

    func.func @f(%x: tensor<?x?xf64> {dialectad.extents = ["n", "m"]},
                 %y: tensor<?xf64> {dialectad.extents = ["m"]})

The callers see to that. An empty name says nothing.
"""

from __future__ import annotations

from xdsl.dialects import arith, func, memref, scf, tensor
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    ArrayAttr,
    MemRefType,
    StringAttr,
    TensorType,
    UnrealizedConversionCastOp,
)
from xdsl.dialects.linalg import ops as linalg
from xdsl.dialects.linalg.abstract_ops import LinalgStructuredOperation
from xdsl.ir import BlockArgument, Operation, OpResult, SSAValue

from dialectad.dialects import ad
from dialectad.dialects.destination import DestinationOp

NAMES = "dialectad.extents"
"""The attribute of an argument that names its extents."""

Source = int | SSAValue | tuple[SSAValue, int]
"""An extent: a number, an index value, or a dimension of a tensor that no op tells more about."""


def source(value: SSAValue, dim: int) -> Source:
    """What the extent of `value` along `dim` is, as far as the ops that define it tell."""
    while True:
        shape = shape_of(value)
        if shape[dim] != DYNAMIC_INDEX:
            return shape[dim]
        if (same := _across_region(value, dim)) is not None:
            value, dim = same
            continue
        op = value.owner
        if not isinstance(op, Operation):
            return value, dim
        if (sizes := _sizes(op)) is not None:
            # Dropped dimensions of a slice have the static size 1: dynamic ones keep their order.
            return sizes[shape[:dim].count(DYNAMIC_INDEX)]
        if (same := _same_shape(op, value)) is None:
            return value, dim
        value = same


def _across_region(value: SSAValue, dim: int) -> tuple[SSAValue, int] | None:
    """A tensor around the function body or loop that has the same extent, and along which dimension."""
    if isinstance(value, BlockArgument):
        match value.block.parent_op():
            case func.FuncOp() as function:
                return _same_name(function, value, dim)
            case scf.ForOp() as loop if value.index > 0:
                return _before_loop(loop, value.index - 1, dim)
            case _:
                return None
    if isinstance(value, OpResult) and isinstance(value.op, scf.ForOp):
        return _before_loop(value.op, value.index, dim)
    return None


def _same_name(function: func.FuncOp, value: BlockArgument, dim: int) -> tuple[SSAValue, int] | None:
    """The first argument that has an extent of the same name."""
    names = _names(function, value.index)
    if not names or not names[dim]:
        return None
    for index in range(value.index + 1):
        for position, name in enumerate(_names(function, index)):
            if (index, position) == (value.index, dim):
                return None
            if name == names[dim]:
                return value.block.args[index], position
    return None


def _names(function: func.FuncOp, index: int) -> list[str]:
    attributes = function.arg_attrs.data[index].data if function.arg_attrs is not None else {}
    names = attributes.get(NAMES)
    if not isinstance(names, ArrayAttr):
        return []
    return [name.data if isinstance(name, StringAttr) else "" for name in names]


def _before_loop(loop: scf.ForOp, position: int, dim: int) -> tuple[SSAValue, int] | None:
    """What the loop starts from, if each iteration leaves the extent as it was."""
    end = loop.body.block.last_op
    assert end is not None
    carried, value = loop.body.block.args[position + 1], end.operands[position]
    while value is not carried:
        if shape_of(value)[dim] != DYNAMIC_INDEX or not isinstance(value, OpResult):
            return None
        if isinstance(value.op, scf.ForOp):
            inner = _before_loop(value.op, value.index, dim)
            if inner is None:
                return None
            value = inner[0]
        elif _sizes(value.op) is not None or (value := _same_shape(value.op, value)) is None:
            return None
    return loop.iter_args[position], dim


def extent_of(memory: SSAValue, dim: int) -> SSAValue | None:
    """The operand that says what the dynamic extent of a memref along `dim` is, if one does."""
    assert isinstance(memory.type, MemRefType)
    position = memory.type.get_shape()[:dim].count(DYNAMIC_INDEX)
    match memory.owner:
        case memref.AllocOp() | memref.AllocaOp() as op:
            return op.dynamic_sizes[position]
        case UnrealizedConversionCastOp() as op if len(op.inputs) > 1 + position:
            return op.inputs[1 + position]
        case memref.ViewOp() | ad.PopOp() | ad.ReserveOp() as op:
            return op.sizes[position]
        case memref.SubviewOp() as op if op.static_sizes.get_values().count(DYNAMIC_INDEX) == len(op.sizes):
            return op.sizes[position]
        case _:
            return None


def shape_of(value: SSAValue) -> tuple[int, ...]:
    assert isinstance(value.type, TensorType)
    return value.type.get_shape()


def dynamic_dims(value: SSAValue) -> list[int]:
    """The dimensions that the type of a tensor leaves open; none for what is no tensor."""
    if not isinstance(value.type, TensorType):
        return []
    return [dim for dim, n in enumerate(shape_of(value)) if n == DYNAMIC_INDEX]


def _sizes(op: Operation) -> list[SSAValue] | None:
    """The dynamic extents of the result, where the op takes them as operands."""
    match op:
        case tensor.EmptyOp():
            return list(op.dynamic_sizes)
        case tensor.SplatOp():
            return list(op.dynamicSizes)
        case tensor.ExtractSliceOp() | ad.PopOp():
            return list(op.sizes)
        case tensor.ExpandShapeOp():
            return list(op.dynamic_output_shape)
        case _:
            return None


def primal_of(gradient: SSAValue) -> SSAValue | None:
    """The argument whose cotangent a request gives as this result."""
    op = gradient.owner
    if not isinstance(gradient, OpResult) or not isinstance(op, ad.VJPOp | ad.PullbackOp):
        return None
    active = ad.positions(op.active)
    index = gradient.index - (len(op.results) - len(active))
    given = op.operands if isinstance(op, ad.VJPOp) else op.arguments
    return given[active[index]] if index >= 0 else None


def _same_shape(op: Operation, result: SSAValue) -> SSAValue | None:
    """An operand that has the shape of the result."""
    match op:
        case ad.VJPOp() | ad.PullbackOp():
            return primal_of(result)
        case tensor.InsertSliceOp() | tensor.InsertOp():
            return op.dest
        case tensor.CastOp():
            return op.source
        case LinalgStructuredOperation():
            return op.outputs[0]
        case linalg.ReduceOp() | linalg.BroadcastOp():
            return op.init
        case DestinationOp():
            return op.destination
        case arith.SelectOp():
            return op.lhs
        case _ if op.name.startswith(("arith.", "math.", "ad.stop")) and op.operands:
            return op.operands[0]
        case _:
            return None
