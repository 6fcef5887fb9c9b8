"""`batch-products`: a product in each iteration of a loop becomes one product before the loop, or after it.

Before it go products by what the loop doesn't change, of slices of what it doesn't change either:

    scf.for %t = 0 to 100 { %x = extract_slice %xs[%t, 0] [1, 8] [1, 1]; %y = blas.gemv(%w, %x, %e); use %y }
    =>
    %ys = blas.gemm(%xs, %w, %e') {trans_b}
    scf.for %t = 0 to 100 { %y = extract_slice %ys[%t, 0] [1, 64] [1, 1]; use %y }

After it go products that a sum is made of; the factors of all iterations are kept until then:

    %w' = scf.for %t = 0 to 100 iter_args(%a = %w) { %b = blas.ger(%d, %x, %a) {beta = 1}; yield %b }
    =>
    %ds = scf.for %t = 0 to 100 iter_args(%s = %e) { yield insert_slice %d into %s[%t, 0] [1, 8] [1, 1] }
    %w' = blas.gemm(%ds, %xs, %w) {trans_a, beta = 1}

A product of a matrix and a vector reads the whole matrix for two operations an element, one of matrices
reads it from the cache; so the gradient by the weights of a recurrent network is one product. The order of
the sum changes, as it does in any product.

Loops have constant bounds here, and all shapes are known: nothing is read that the program doesn't read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

from xdsl.context import Context
from xdsl.dialects import arith, scf, tensor
from xdsl.dialects.builtin import (
    ArrayAttr,
    IndexType,
    IntegerAttr,
    IntegerType,
    ModuleOp,
    TensorType,
    i64,
)
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.passes import ModulePass

from dialectad.dialects import blas
from dialectad.remarks import remark
from dialectad.rewrite import constants, structure
from dialectad.rewrite.iterated_slices import IteratedSlices, Trips
from dialectad.rewrite.product_costs import bytes_of, gains, is_static, shape_of
from dialectad.walk import walk

FEWEST = 4
"""Iterations from which on it pays."""
MOST_BYTES = 256 << 20
"""What is kept for all iterations takes no more memory than this."""

_INDEX = IndexType()


@dataclass
class _Batch:
    """What is computed for all iterations of one loop at once."""

    trips: Trips
    at: Operation
    "Before what ops are inserted."

    def insert(self, op: Operation, of: Operation) -> SSAValue:
        structure.insert_before(self.at, op)
        op.location = of.location
        return op.results[0]

    def empty(self, shape: Sequence[int], element: Attribute, of: Operation) -> SSAValue:
        return self.insert(tensor.EmptyOp([], TensorType(element, shape)), of)

    def rows(self, slices: IteratedSlices, of: Operation) -> SSAValue:
        """The slices of all iterations as one matrix, the rows of one after those of another."""
        shape = list(shape_of(slices.source))
        if shape[slices.dim] != self.trips.count:
            offsets = [0] * len(shape)
            offsets[slices.dim] = slices.first
            shape[slices.dim] = self.trips.count
            part = TensorType(constants.element_type(slices.source.type), shape)
            found = self.insert(
                tensor.ExtractSliceOp(slices.source, offsets, shape, [1] * len(shape), part), of
            )
        else:
            found = slices.source
        return self.flat(found, of)

    def flat(self, value: SSAValue, of: Operation) -> SSAValue:
        """A tensor of rank 3 as a matrix that has its first two dimensions as one."""
        shape = shape_of(value)
        if len(shape) < 3:
            return value
        type_ = TensorType(constants.element_type(value.type), [shape[0] * shape[1], *shape[2:]])
        flat = tensor.CollapseShapeOp.create(
            operands=[value], result_types=[type_], properties={"reassociation": _first_two(len(shape))}
        )
        return self.insert(flat, of)

    def divided(self, value: SSAValue, shape: Sequence[int], of: Operation) -> SSAValue:
        """The first dimension as two again."""
        type_ = TensorType(constants.element_type(value.type), shape)
        return self.insert(tensor.ExpandShapeOp(value, [], _first_two(len(shape)), list(shape), type_), of)


def _first_two(rank: int) -> ArrayAttr[ArrayAttr[IntegerAttr[IntegerType]]]:
    groups = [[0, 1], *([dim] for dim in range(2, rank))]
    return ArrayAttr([ArrayAttr([IntegerAttr(dim, i64) for dim in group]) for group in groups])


def _slices(op: blas.ProductOp, trips: Trips) -> list[IteratedSlices | None]:
    return [IteratedSlices.of(factor, trips) for factor in (op.lhs, op.rhs)]


def _position(trips: Trips, is_reversed: bool, before: Operation) -> SSAValue:
    """Which of the rows of all iterations is this one's."""
    position = trips.loop.body.block.args[0]
    offset = trips.first + trips.count - 1 if is_reversed else trips.first
    if offset == 0 and not is_reversed:
        return position
    constant = arith.ConstantOp(IntegerAttr(offset, _INDEX))
    operands = (constant.result, position) if is_reversed else (position, constant.result)
    difference = arith.SubiOp(*operands)
    structure.insert_before(before, constant, difference)
    return difference.result


# --- before the loop ---


def _move_ahead(op: blas.GemmOp | blas.GemvOp, trips: Trips) -> None:
    """The products of all iterations by one matrix or vector."""
    if op.reads_destination() or trips.count * bytes_of(op.results[0]) > MOST_BYTES:
        return
    fixed = [trips.is_outside(factor) for factor in (op.lhs, op.rhs)]
    slices = _slices(op, trips)
    if isinstance(op, blas.GemvOp) and fixed[0] and slices[1] is not None:
        turn, right, flags = slices[1], op.lhs, {"trans_a": slices[1].dim == 1, "trans_b": op.trans is None}
    elif fixed[1] and slices[0] is not None and slices[0].dim == 0:
        turn, right, flags = slices[0], op.rhs, {}
        if isinstance(op, blas.GemvOp) and op.trans is not None:
            return
        if isinstance(op, blas.GemmOp):
            if op.trans_a is not None:
                return
            flags = {"trans_b": op.trans_b is not None}
    else:
        return
    if not gains(right, prod(shape_of(op.results[0])[:-1])):
        return
    remark("batch-products", op, f"{trips.count} products in a loop are one before it")
    batch = _Batch(trips, trips.loop)
    rows = batch.rows(turn, op)
    shape, element = shape_of(op.results[0]), constants.element_type(op.results[0].type)
    alpha = op.alpha.value.data
    total = [prod([trips.count, *shape[:-1]]), shape[-1]]
    product: Operation
    if len(shape_of(right)) == 1:
        total = [prod([trips.count, *shape])]
        product = blas.GemvOp(rows, right, batch.empty(total, element, op), alpha=alpha, beta=0.0)
    else:
        product = blas.GemmOp(
            rows, right, batch.empty(total, element, op), alpha=alpha, beta=0.0, flags=flags
        )
    found = batch.insert(product, op)
    if len(total) < 1 + len(shape):
        found = batch.divided(found, [trips.count, *shape], op)
    offsets = [_position(trips, turn.is_reversed, op), *[0] * len(shape)]
    own = tensor.ExtractSliceOp(found, offsets, [1, *shape], [1] * len(offsets), op.results[0].type)
    structure.insert_before(op, own)
    structure.replace(op, own.results)


# --- after the loop ---


@dataclass
class _Sum:
    """A product that is a summand of a loop-carried sum."""

    index: int
    product: blas.GemmOp | blas.GerOp
    rows: list[IteratedSlices | None]
    "For each factor, what it is a slice of; the others are to be kept."
    is_reversed: bool | None
    "Whether the rows of the last iteration are the first; None where that is free."

    @staticmethod
    def of(op: blas.GemmOp | blas.GerOp, index: int, trips: Trips) -> _Sum | None:
        if (
            op.parent is not trips.loop.body.block
            or not is_static(op)
            or (isinstance(op, blas.GemmOp) and (op.trans_a is None or op.trans_b is not None))
            or not gains(op.dest, prod(shape_of(op.lhs)[:-1]))
            or any(trips.is_outside(factor) for factor in (op.lhs, op.rhs))
        ):
            return None
        rows = [s if s is not None and s.dim == 0 else None for s in _slices(op, trips)]
        is_reversed = next((s.is_reversed for s in rows if s is not None), None)
        rows = [s if s is not None and s.is_reversed == is_reversed else None for s in rows]
        return _Sum(index, op, rows, is_reversed)

    def missing(self) -> list[SSAValue]:
        """The factors that are to be kept."""
        factors = (self.product.lhs, self.product.rhs)
        return [factor for factor, s in zip(factors, self.rows, strict=True) if s is None]


def _move_behind(trips: Trips) -> None:
    """Sums of products that the loop carries."""
    block = trips.loop.body.block
    end = block.last_op
    assert end is not None
    pairs = zip(block.args[1:], end.operands, strict=True)
    found = [_Sum.of(op, index, trips) for index, pair in enumerate(pairs) for op in _summands(*pair)]
    sums, kept = _choose([sum_ for sum_ in found if sum_ is not None], trips.count)
    if not sums:
        return
    loop, stacks = _with_stacks(trips, sums, kept)
    assert loop.next_op is not None
    batch = _Batch(Trips(loop, trips.first, trips.count), loop.next_op)
    totals = list[SSAValue](loop.results)
    for sum_ in sums:
        op, total = sum_.product, totals[sum_.index]
        remark("batch-products", op, f"the sum of {trips.count} products in a loop is one product after it")
        factors = [
            batch.rows(s, op) if s is not None else batch.flat(stacks[factor], op)
            for factor, s in zip((op.lhs, op.rhs), sum_.rows, strict=True)
        ]
        alpha = op.alpha.value.data
        product = blas.GemmOp(factors[0], factors[1], total, alpha=alpha, flags={"trans_a": True})
        totals[sum_.index] = result = batch.insert(product, op)
        total.replace_uses_with_if(result, lambda use, product=product: use.operation is not product)
        structure.replace(op, [op.dest])
    end = loop.body.block.last_op
    assert end is not None
    keep = [arg is not value for arg, value in zip(loop.body.block.args[1:], end.operands, strict=True)]
    structure.shrink_for(loop, keep, loop.iter_args)


def _summands(carried: SSAValue, value: SSAValue) -> list[blas.GemmOp | blas.GerOp]:
    """The products whose sum with what is carried `value` is; none if another op reads a part of it."""
    found: list[blas.GemmOp | blas.GerOp] = []
    while value is not carried:
        op = value.owner
        if not isinstance(op, blas.GemmOp | blas.GerOp) or op.beta.value.data != 1.0:
            return []
        if not value.has_one_use():
            return []
        found.append(op)
        value = op.dest
    return found if carried.has_one_use() else []


def _choose(sums: Sequence[_Sum], count: int) -> tuple[list[_Sum], dict[SSAValue, bool]]:
    """The sums that there is room for, and whether each factor that they need is kept in reverse."""
    room, chosen, kept = MOST_BYTES, list[_Sum](), dict[SSAValue, bool]()
    for sum_ in sorted(sums, key=lambda s: s.is_reversed is None):
        missing = sum_.missing()
        directions = {kept[factor] for factor in missing if factor in kept}
        if sum_.is_reversed is not None:
            directions.add(sum_.is_reversed)
        if len(directions) > 1:
            continue  # another sum has a factor of this one the other way round
        new = [factor for factor in dict.fromkeys(missing) if factor not in kept]
        size = count * sum(map(bytes_of, new))
        if size <= room:
            room -= size
            kept |= dict.fromkeys(new, True in directions)
            chosen.append(sum_)
    return chosen, kept


def _with_stacks(
    trips: Trips, sums: Sequence[_Sum], wanted: Mapping[SSAValue, bool]
) -> tuple[scf.ForOp, dict[SSAValue, SSAValue]]:
    """The loop with another carried tensor for each value that is wanted of all iterations."""
    loop = trips.loop
    block, end = loop.body.block, loop.body.block.last_op
    assert end is not None
    starts: list[SSAValue] = []
    ends: list[SSAValue] = []
    for value, is_reversed in wanted.items():
        of = next(s.product for s in sums if value in (s.product.lhs, s.product.rhs))
        shape = shape_of(value)
        type_ = TensorType(constants.element_type(value.type), [trips.count, *shape])
        empty = tensor.EmptyOp([], type_)
        structure.insert_before(loop, empty)
        empty.location = of.location
        carried = block.insert_arg(type_, len(block.args))
        offsets = [_position(trips, is_reversed, of)]
        kept = tensor.InsertSliceOp.get(value, carried, [1, *shape], offsets=offsets)
        structure.insert_before(of, kept)
        starts.append(empty.tensor)
        ends.append(kept.result)
    end.operands = [*end.operands, *ends]
    new = scf.ForOp.create(
        operands=[*loop.operands, *starts],
        result_types=[*loop.result_types, *(s.type for s in starts)],
        regions=[loop.detach_region(0)],
        attributes=loop.attributes,
        location=loop.location,
    )
    structure.insert_before(loop, new)
    structure.replace(loop, new.results[: len(loop.results)])
    return new, dict(zip(wanted, new.results[len(new.results) - len(starts) :], strict=True))


def batch_products(loop: scf.ForOp) -> None:
    """Move what can be moved out of one loop."""
    trips = Trips.of(loop)
    if trips is None or trips.count < FEWEST:
        return
    for op in list(loop.body.block.ops):
        if isinstance(op, blas.GemmOp | blas.GemvOp) and is_static(op):
            _move_ahead(op, trips)
    _move_behind(trips)


@dataclass(frozen=True)
class BatchProductsPass(ModulePass):
    """Make one product of those that the iterations of a loop do."""

    name = "batch-products"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for loop in reversed([o for o in walk(op) if isinstance(o, scf.ForOp)]):  # inner ones first
            batch_products(loop)
