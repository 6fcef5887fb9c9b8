"""`raise-loops`: loops over the elements of a product of matrices and vectors become that product.

    scf.for %i = 0 to 30 iter_args(%c = %zeros) { scf.for %j ... { scf.for %k ... iter_args(%t) {
      %a = tensor.extract %x[%i, %k];  %b = tensor.extract %y[%k, %j];  %p = arith.mulf %a, %b
      %s = tensor.extract %t[%i, %j];  %n = arith.addf %s, %p;  tensor.insert %n into %t[%i, %j]
    } } }
    =>
    linalg.generic ins(%x, %y) outs(%zeros) { out + a * b }

The loops may stand in any order, run over a part of the tensors, subtract, scale, and sum up in a scalar that
is stored afterwards. They have constant bounds and do nothing else, the factors are no part of the result,
and `raise-to-blas` has a routine for it; so but for the order of the sum nothing changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from math import isfinite, prod

from xdsl.context import Context
from xdsl.dialects import arith, scf, tensor
from xdsl.dialects.builtin import DYNAMIC_INDEX, AffineMapAttr, ArrayAttr, FloatAttr, ModuleOp, TensorType
from xdsl.dialects.linalg import ops as linalg
from xdsl.dialects.linalg.attrs import IteratorTypeAttr
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineMap
from xdsl.passes import ModulePass

from dialectad.dialects.destination import has_routines
from dialectad.remarks import remark
from dialectad.rewrite import constants, contractions, structure
from dialectad.rewrite.iterated_slices import Trips, affine
from dialectad.walk import walk

SMALLEST = 64
"""Multiplications from which on it pays."""
LARGEST = 100
"""So many ops do more than that."""

_PURE = (
    *(scf.ForOp, scf.YieldOp, tensor.ExtractOp, tensor.InsertOp, arith.ConstantOp),
    *(arith.MulfOp, arith.AddfOp, arith.SubfOp, arith.NegfOp, arith.AddiOp, arith.SubiOp),
)


class NoProductError(Exception):
    """The loops do something else."""


def _require(condition: object) -> None:
    if not condition:
        raise NoProductError


@dataclass
class _Box:
    """A tensor, and the part of it that the loops run over."""

    tensor: SSAValue
    dims: list[int] = field(default_factory=list)
    "The loop that each dimension of the part belongs to."
    offsets: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)

    def is_whole(self) -> bool:
        return self.part_type() == self.tensor.type

    def part_type(self) -> TensorType:
        kept = [size for size, dim in zip(self.sizes, self.dims, strict=True) if dim >= 0]
        return TensorType(constants.element_type(self.tensor.type), kept)

    def kept_dims(self) -> list[int]:
        return [dim for dim in self.dims if dim >= 0]


@dataclass
class _Nest:
    """Loops around one statement `t[..] = t[..] + factor a[..] b[..]`."""

    loops: list[Trips] = field(default_factory=list)
    scalar_loops: int = 0
    "How many of them sum up in a scalar."
    factors: list[tensor.ExtractOp] = field(default_factory=list)
    alpha: float = 1.0
    scales: list[SSAValue] = field(default_factory=list)
    "Scalars from before the loops, by which it is multiplied too."
    adds: bool = False
    "Whether what was there before is a summand."

    def match(self, outer: scf.ForOp) -> tensor.InsertOp:
        """Fill this in from the loops; gives what stores an element."""
        body = list(islice(walk(outer), LARGEST))
        _require(len(body) < LARGEST and all(isinstance(op, _PURE) for op in body))
        loop = outer
        while True:
            carried, value = self._enter(loop)
            if isinstance(store := value.owner, tensor.InsertOp):
                _require(store.parent is loop.body.block and store.dest is carried)
                self._sum(store.scalar, store, None, 1.0)
                return store
            _require(isinstance(inner := value.owner, scf.ForOp) and inner.iter_args[0] is carried)
            assert isinstance(inner, scf.ForOp)
            loop = inner

    def _enter(self, loop: scf.ForOp) -> tuple[SSAValue, SSAValue]:
        """What one more loop carries into and out of an iteration."""
        trips = Trips.of(loop)
        _require(trips is not None and trips.count > 0 and len(loop.iter_args) == 1)
        assert trips is not None
        self.loops.append(trips)
        end = loop.body.block.last_op
        assert end is not None
        return loop.body.block.args[1], end.operands[0]

    def _sum(self, value: SSAValue, store: tensor.InsertOp, carried: SSAValue | None, sign: float) -> None:
        """Take `value` apart: `carried`, or the element that is stored to, and one product."""
        terms = list(_terms(value, sign))
        if carried is not None:
            _require((1.0, carried) in terms)
            terms.remove((1.0, carried))
        elif len(terms) == 2:
            (old,) = [term for term in terms if _is_old(term[1], store)][:1] or [None]
            _require(old is not None and old[0] == 1.0 and not self.adds)
            assert old is not None
            self.adds = True
            terms.remove(old)
        _require(len(terms) == 1)
        ((sign, term),) = terms
        if isinstance(inner := term.owner, scf.ForOp):
            start = inner.iter_args[0]
            if carried is not None:
                _require(start is carried)
            elif _is_old(start, store):
                _require(not self.adds and sign == 1.0)
                self.adds = True
            else:
                _require(constants.is_positive_zero(start))
            self.scalar_loops += 1
            own, last = self._enter(inner)
            self._sum(last, store, own, 1.0)
            self.alpha *= sign
        else:
            self.alpha *= sign
            self._product(term)

    def _product(self, value: SSAValue) -> None:
        op = value.owner
        if isinstance(op, arith.MulfOp) and not self.loops[0].is_outside(value):
            self._product(op.lhs)
            self._product(op.rhs)
        elif isinstance(op, arith.NegfOp) and not self.loops[0].is_outside(value):
            self.alpha = -self.alpha
            self._product(op.operand)
        elif (number := constants.uniform_float(value)) is not None:
            _require(number != 0.0 and isfinite(number))
            self.alpha *= number
        elif self.loops[0].is_outside(value):
            self.scales.append(value)
        else:
            _require(isinstance(op, tensor.ExtractOp) and self.loops[0].is_outside(op.tensor))
            assert isinstance(op, tensor.ExtractOp)
            self.factors.append(op)

    def box(self, whole: SSAValue, indices: Sequence[SSAValue]) -> _Box:
        """The part of a tensor that these indices run over."""
        assert isinstance(whole.type, TensorType)
        shape = whole.type.get_shape()
        _require(DYNAMIC_INDEX not in shape and has_routines(whole.type.element_type))
        found = _Box(whole)
        for index, extent in zip(indices, shape, strict=True):
            dim, offset, size = self._walk(index)
            _require(offset >= 0 and offset + size <= extent and (dim < 0 or dim not in found.dims))
            found.dims.append(dim)
            found.offsets.append(offset)
            found.sizes.append(size)
        return found

    def _walk(self, index: SSAValue) -> tuple[int, int, int]:
        """Which loop an index follows (-1: none), from where, how far."""
        if (number := constants.integer(index)) is not None:
            return -1, number, 1
        for dim, trips in enumerate(self.loops):
            place = affine(index, trips.loop.body.block.args[0])
            if place is not None and place[0] == 1:
                return dim, trips.first + place[1], trips.count
        raise NoProductError


def _terms(value: SSAValue, sign: float) -> Iterator[tuple[float, SSAValue]]:
    """The two summands of a sum or difference; else the one that `value` is."""
    op = value.owner
    if isinstance(op, arith.AddfOp | arith.SubfOp):
        yield sign, op.lhs
        yield (-sign if isinstance(op, arith.SubfOp) else sign), op.rhs
    else:
        yield sign, value


def _is_old(value: SSAValue, store: tensor.InsertOp) -> bool:
    """Whether `value` is the element that is written over."""
    op = value.owner
    return isinstance(op, tensor.ExtractOp) and op.tensor is store.dest and op.indices == store.indices


def _raise(outer: scf.ForOp) -> None:
    nest = _Nest()
    store = nest.match(outer)
    _require(len(nest.factors) == 2 and prod(trips.count for trips in nest.loops) >= SMALLEST)
    out = nest.box(outer.iter_args[0], store.indices)
    boxes = [nest.box(op.tensor, op.indices) for op in nest.factors]
    used = {dim for box in (out, *boxes) for dim in box.dims}
    _require(used - {-1} == set(range(len(nest.loops))))
    if not nest.adds:  # the last iteration would win
        stored = len(nest.loops) - nest.scalar_loops
        _require(set(out.kept_dims()) == set(range(stored)))
    maps = [tuple(box.kept_dims()) for box in (*boxes, out)]
    found = contractions.classify(boxes[0].tensor, boxes[1].tensor, out.tensor, maps)
    _require(found is not None)
    assert found is not None
    work = prod(trips.count for trips in nest.loops)
    remark("raise-loops", store, f"{len(nest.loops)} loops are a {found.kind} now ({work:,} multiplications)")
    _emit(outer, nest, boxes, out)


def _emit(outer: scf.ForOp, nest: _Nest, boxes: Sequence[_Box], out: _Box) -> None:
    lhs, rhs = (_part(box, outer) for box in boxes)
    for scale in nest.scales:
        lhs = _scaled(lhs, scale, outer)
    if nest.alpha != 1.0:
        alpha = _insert(outer, arith.ConstantOp(FloatAttr(nest.alpha, constants.element_type(lhs.type))))  # pyright: ignore
        lhs = _scaled(lhs, alpha, outer)
    if nest.adds:
        start = _part(out, outer)
    else:
        zero = arith.ConstantOp(FloatAttr(0.0, constants.element_type(lhs.type)))  # pyright: ignore
        start = _insert(outer, tensor.SplatOp(_insert(outer, zero), [], out.part_type()))
    operands = ((lhs, boxes[0]), (rhs, boxes[1]), (start, out))
    block = Block(arg_types=[constants.element_type(v.type) for v, _ in operands])
    product = arith.MulfOp(block.args[0], block.args[1])
    total = arith.AddfOp(block.args[2], product.result)
    block.add_ops([product, total, linalg.YieldOp(total.result)])
    count = len(nest.loops)
    maps = [
        AffineMapAttr(AffineMap(count, 0, tuple(AffineDimExpr(dim) for dim in box.kept_dims())))
        for _, box in operands
    ]
    parallel, reduction = IteratorTypeAttr.parallel(), IteratorTypeAttr.reduction()
    iterators = [parallel if dim in out.dims else reduction for dim in range(count)]
    result = _insert(
        outer,
        linalg.GenericOp(
            [lhs, rhs], [start], Region(block), ArrayAttr(maps), ArrayAttr(iterators), [start.type]
        ),
    )
    if not out.is_whole():
        ones = [1] * len(out.sizes)
        result = _insert(
            outer, tensor.InsertSliceOp.get(result, out.tensor, out.sizes, out.offsets or None, ones)
        )
    structure.replace(outer, [result])


def _part(box: _Box, before: Operation) -> SSAValue:
    if box.is_whole():
        return box.tensor
    ones = [1] * len(box.sizes)
    return _insert(before, tensor.ExtractSliceOp(box.tensor, box.offsets, box.sizes, ones, box.part_type()))


def _scaled(value: SSAValue, factor: SSAValue, before: Operation) -> SSAValue:
    assert isinstance(value.type, TensorType)
    return _insert(before, arith.MulfOp(_insert(before, tensor.SplatOp(factor, [], value.type)), value))


def _insert(before: Operation, op: Operation) -> SSAValue:
    structure.insert_before(before, op)
    return op.results[0]


def _visit(block: Block) -> None:
    op = block.first_op
    while op is not None:
        following = op.next_op
        if not isinstance(op, scf.ForOp) or not _is_raised(op):
            for region in op.regions:
                for inner in region.blocks:
                    _visit(inner)
        op = following


def _is_raised(loop: scf.ForOp) -> bool:
    try:
        _raise(loop)
    except NoProductError:
        return False
    return True


@dataclass(frozen=True)
class RaiseLoopsPass(ModulePass):
    """Turn loops over the elements of a product into the product."""

    name = "raise-loops"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for region in op.regions:
            for block in region.blocks:
                _visit(block)
