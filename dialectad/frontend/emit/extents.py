"""The types and extents of tensors, and arithmetic on extents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xdsl.dialects import arith, scf, tensor
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    TensorType,
)
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Attribute, Operation, OpResult, SSAValue

from dialectad.dialects import ad
from dialectad.frontend.dtypes import INDEX
from dialectad.frontend.emit.scalars import Extent, constant, index, op
from dialectad.frontend.tracing import current


def tensor_type(shape: Sequence[Extent], element: Attribute) -> TensorType[Any]:
    return TensorType(element, [s if isinstance(s, int) else DYNAMIC_INDEX for s in shape])


def element_type(type_: Attribute) -> Attribute:
    """The type of an element, or of a scalar."""
    return type_.element_type if isinstance(type_, TensorType) else type_


def element(value: SSAValue) -> Attribute:
    """The element type of a tensor, or the type of a scalar."""
    return value.type.element_type if isinstance(value.type, TensorType) else value.type


def rank(value: SSAValue) -> int:
    return len(value.type.get_shape()) if isinstance(value.type, TensorType) else 0


def shape(value: SSAValue) -> tuple[Extent, ...]:
    """The extents of a tensor; dynamic ones are found at the op that decides them."""
    if not isinstance(value.type, TensorType):
        return ()
    return tuple(
        n if n != DYNAMIC_INDEX else _dynamic_extent(value, axis)
        for axis, n in enumerate(value.type.get_shape())
    )


def _dynamic_extent(value: SSAValue, axis: int) -> SSAValue:
    if (known := current().extents.get(value)) is not None:
        return current().resolve(index(known[axis]))
    owner = value.owner
    match owner:
        case tensor.EmptyOp() | tensor.SplatOp():
            sizes = owner.operands[1:] if isinstance(owner, tensor.SplatOp) else owner.operands
            dynamic = [a for a, n in enumerate(value.type.get_shape()) if n == DYNAMIC_INDEX]  # pyright: ignore
            return current().resolve(sizes[dynamic.index(axis)])
        case tensor.ExtractSliceOp() if (
            len(owner.sizes) == 1
            and list(
                value.type.get_shape()  # pyright: ignore[reportAttributeAccessIssue]
            ).count(DYNAMIC_INDEX)
            == 1
        ):
            return current().resolve(owner.sizes[0])
        case linalg.GenericOp() | linalg.FillOp() | linalg.BroadcastOp() | linalg.TransposeOp():
            return _dynamic_extent(owner.operands[-1], axis)
        case tensor.InsertSliceOp() | tensor.InsertOp():
            return _dynamic_extent(owner.operands[1], axis)
        case scf.ForOp() if isinstance(value, OpResult) and _is_updated(owner, value.index):
            return _dynamic_extent(owner.iter_args[value.index], axis)
        case Operation() if (
            owner.name.startswith(("arith.", "math.", "ad.stop")) and owner.name != "arith.constant"
        ):
            return _dynamic_extent(owner.operands[-1], axis)
        case tensor.CastOp():
            return index(shape(owner.source)[axis])
        case ad.PopOp():
            sizes = [a for a, n in enumerate(value.type.get_shape()) if n == DYNAMIC_INDEX]  # pyright: ignore
            return current().resolve(owner.sizes[sizes.index(axis)])
        case _:
            return op(tensor.DimOp(value, constant(axis, INDEX)))


def _is_updated(loop: scf.ForOp, index: int) -> bool:
    """Whether what a loop carries is one tensor, of which elements or slices are replaced."""
    block = loop.body.block
    assert block.last_op is not None
    value = block.last_op.operands[index]
    while isinstance(value, OpResult):
        match value.op:
            case tensor.InsertOp() | tensor.InsertSliceOp():
                value = value.op.dest
            case scf.ForOp() if _is_updated(value.op, value.index):
                value = value.op.iter_args[value.index]
            case _:
                return False
    return value is block.args[index + 1]


def same_extent(a: Extent, b: Extent) -> bool:
    """Whether two extents are known to be equal."""
    return a == b if isinstance(a, int) and isinstance(b, int) else a is b


def mul_index(a: Extent, b: Extent) -> Extent:
    if isinstance(a, int) and isinstance(b, int):
        return a * b
    if a == 1 or b == 1:
        return b if a == 1 else a
    return op(arith.MuliOp(index(a), index(b)))


def add_index(a: Extent, b: Extent) -> Extent:
    if isinstance(a, int) and isinstance(b, int):
        return a + b
    if (isinstance(a, int) and a == 0) or (isinstance(b, int) and b == 0):
        return b if isinstance(a, int) else a
    return op(arith.AddiOp(index(a), index(b)))


def sub_index(a: Extent, b: Extent) -> Extent:
    if isinstance(a, int) and isinstance(b, int):
        return a - b
    if isinstance(b, int) and b == 0:
        return a
    if a is b:
        return 0
    return op(arith.SubiOp(index(a), index(b)))
