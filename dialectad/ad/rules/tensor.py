"""Derivatives of `tensor`: all of them linear.

Note [Slices]
~~~~~~~~~~~~~
The adjoint of reading a slice adds to that slice of the cotangent and touches nothing else:

    %s = extract_slice %A[i]      =>   %dA' = insert_slice (extract_slice(%dA[i]) + %ds) into %dA[i]

and the adjoint of overwriting a slice takes that slice of the cotangent away and leaves zeros there:

    %B = insert_slice %s into %A[i]   =>   %ds += extract_slice %dB[i];  %dA = insert_slice 0 into %dB[i]

Both are in-place updates after bufferization, so a loop over slices costs as much as its primal. A read
whose tensor has no cotangent yet is put off until there is one (`Reverse.contribute`), since the op that
gives it, the write that came before, may still follow.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects import tensor
from xdsl.dialects.builtin import DYNAMIC_INDEX, DenseArrayBase, TensorType
from xdsl.ir import SSAValue

from dialectad.ad.build import full_sum
from dialectad.ad.reverse import Reverse
from dialectad.ad.rule import inactive, linear

Slice = tensor.ExtractSliceOp | tensor.InsertSliceOp


def _slice(sweep: Reverse, op: Slice) -> list[list[SSAValue | int]]:
    """Offsets, sizes and strides of a slice, in the reverse sweep."""
    parts: list[list[SSAValue | int]] = []
    for static, dynamic in (
        (op.static_offsets, op.offsets),
        (op.static_sizes, op.sizes),
        (op.static_strides, op.strides),
    ):
        values = iter(dynamic)
        parts.append([sweep.primal(next(values)) if n == DYNAMIC_INDEX else n for n in static.get_values()])
    return parts


def insert_slice_op(
    source: SSAValue, dest: SSAValue, parts: Sequence[Sequence[SSAValue | int]]
) -> tensor.InsertSliceOp:
    like = tensor.ExtractSliceOp(dest, *parts, result_type=source.type)
    op = tensor.InsertSliceOp.create(
        operands=[source, *like.operands],
        result_types=[dest.type],
        properties={
            **like.properties,
            "operandSegmentSizes": DenseArrayBase.from_list(
                like.properties["operandSegmentSizes"].elt_type,  # pyright: ignore[reportAttributeAccessIssue]
                [1, *like.properties["operandSegmentSizes"].get_values()],  # pyright: ignore[reportAttributeAccessIssue]
            ),
        },
    )
    like.drop_all_references()
    return op


# See Note [Slices]


@linear(tensor.ExtractSliceOp, reads=lambda op: (op.source,))
def extract_slice(sweep: Reverse, op: tensor.ExtractSliceOp, d: SSAValue) -> None:
    """%dA' = insert_slice (extract_slice(%dA[i]) + %d) into %dA[i]"""
    parts = _slice(sweep, op)

    def into(cotangent: SSAValue, is_zero: bool) -> SSAValue:
        updated = d
        if not is_zero:
            old = tensor.ExtractSliceOp(cotangent, *parts, result_type=d.type)
            updated = sweep.emitter.add(sweep.emitter.emit(old), d)
        return sweep.emitter.emit(insert_slice_op(updated, cotangent, parts))

    sweep.contribute(op.source, op, into)


@linear(tensor.InsertSliceOp, reads=lambda op: (op.source, op.dest))
def insert_slice(sweep: Reverse, op: tensor.InsertSliceOp, d: SSAValue) -> None:
    """%dsource += extract_slice %d[i];  %ddest += insert_slice 0 into %d[i]"""
    parts = _slice(sweep, op)
    if sweep.active(op.source):
        part = tensor.ExtractSliceOp(d, *parts, result_type=op.source.type)
        sweep.accumulate(op.source, sweep.emitter.emit(part))
    if sweep.active(op.dest):
        zero = sweep.zero_of(op.source)
        sweep.accumulate(op.dest, sweep.emitter.emit(insert_slice_op(zero, d, parts)))


@linear(tensor.ExtractOp, reads=lambda op: (op.tensor,))
def extract(sweep: Reverse, op: tensor.ExtractOp, d: SSAValue) -> None:
    """%dA' = insert (extract(%dA[i]) + %d) into %dA[i]"""
    if not op.indices:
        assert isinstance(op.tensor.type, TensorType)
        sweep.accumulate(op.tensor, sweep.emitter.emit(tensor.SplatOp(d, [], op.tensor.type)))
        return
    indices = [sweep.primal(index) for index in op.indices]

    def into(cotangent: SSAValue, is_zero: bool) -> SSAValue:
        updated = d
        if not is_zero:
            old = sweep.emitter.emit(tensor.ExtractOp(cotangent, indices, d.type))
            updated = sweep.emitter.add(old, d)
        return sweep.emitter.emit(tensor.InsertOp(updated, cotangent, indices))

    sweep.contribute(op.tensor, op, into)


@linear(tensor.InsertOp, reads=lambda op: (op.scalar, op.dest))
def insert(sweep: Reverse, op: tensor.InsertOp, d: SSAValue) -> None:
    """%dscalar += extract %d[i];  %ddest += insert 0 into %d[i]"""
    indices = [sweep.primal(index) for index in op.indices]
    if sweep.active(op.scalar):
        sweep.accumulate(op.scalar, sweep.emitter.emit(tensor.ExtractOp(d, indices, op.scalar.type)))
    if sweep.active(op.dest):
        zero = sweep.zero_of(op.scalar)
        sweep.accumulate(op.dest, sweep.emitter.emit(tensor.InsertOp(zero, d, indices)))


@linear(tensor.SplatOp, reads=lambda op: (op.input,))
def splat(sweep: Reverse, op: tensor.SplatOp, d: SSAValue) -> None:
    """The sum over all elements."""
    sweep.accumulate(op.input, full_sum(sweep.emitter, d))


@linear(tensor.CollapseShapeOp)
def collapse_shape(sweep: Reverse, op: tensor.CollapseShapeOp, d: SSAValue) -> None:
    """expand_shape"""
    assert isinstance(op.src.type, TensorType)
    sizes = sweep.primals.sizes(op.src)
    back = tensor.ExpandShapeOp(d, sizes, op.reassociation, list(op.src.type.get_shape()), op.src.type)
    sweep.accumulate(op.src, sweep.emitter.emit(back))


@linear(tensor.ExpandShapeOp, reads=lambda op: (op.src,))
def expand_shape(sweep: Reverse, op: tensor.ExpandShapeOp, d: SSAValue) -> None:
    """collapse_shape"""
    back = tensor.CollapseShapeOp.create(
        operands=[d], result_types=[op.src.type], properties={"reassociation": op.reassociation}
    )
    sweep.accumulate(op.src, sweep.emitter.emit(back))


@linear(tensor.CastOp)
def cast(sweep: Reverse, op: tensor.CastOp, d: SSAValue) -> None:
    """cast back"""
    assert isinstance(op.source.type, TensorType)
    sweep.accumulate(op.source, sweep.emitter.emit(tensor.CastOp(d, op.source.type)))


inactive(tensor.EmptyOp, tensor.DimOp)
