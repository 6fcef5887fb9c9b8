"""`stack-products`: products by one matrix, and sums of products, become one product in straight-line code.

    %p = blas.gemv(%w, %x, %e) {beta = 0};  use %p;  %q = blas.gemv(%w, %y, %f) {beta = 0};  ...
    =>
    %s = insert_slice %x into %rows[0, 0] [1, 8] [1, 1];  %t = insert_slice %y into %s[1, 0] ...;  ...
    %ps = blas.gemm(%t, %w, %e') {trans_b};  %p = extract_slice %ps[0, 0] [1, 64] [1, 1];  use %p;  ...

    %b = blas.ger(%d, %x, %a) {beta = 1};  %c = blas.ger(%g, %y, %b) {beta = 1};  ...
    =>
    %c = blas.gemm(%rows, %columns, %a) {trans_a, beta = 1}

It does for unrolled loops what `batch-products` does for loops. Only rows are copied, never a matrix: `x @ u`
and `x @ v` stay two products, for BLAS does as many operations a second for each as for one of both. It takes
eight rows: two or three products of a matrix and a vector take less time than a product of matrices. None of
the rows may depend on one of the products. The order of the sums changes, as in any product.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from xdsl.context import Context
from xdsl.dialects import tensor
from xdsl.dialects.builtin import ModuleOp, TensorType
from xdsl.ir import Block, Operation, SSAValue
from xdsl.passes import ModulePass

from dialectad.dialects import blas
from dialectad.remarks import remark
from dialectad.rewrite import constants, structure
from dialectad.rewrite.product_costs import FEW_ROWS, gains, is_static, shape_of
from dialectad.walk import walk

FEWEST_ROWS = FEW_ROWS
"""Rows from which on one product is faster than several: measured on one core of a Zen 4."""


# --- rows ---


def _rows(value: SSAValue) -> int:
    """How many rows a matrix has; a vector is one."""
    return (1, *shape_of(value))[-2]


def _stack(values: Sequence[SSAValue], before: Sequence[Operation]) -> SSAValue:
    """A matrix of the rows of all values, each put into it before one of some ops, which are in order."""
    width = shape_of(values[0])[-1]
    type_ = TensorType(constants.element_type(values[0].type), [sum(map(_rows, values)), width])
    empty = tensor.EmptyOp([], type_)
    structure.insert_before(before[0], empty)
    whole, at = empty.tensor, 0
    for value, op in zip(values, before, strict=True):
        rows = _rows(value)
        put = tensor.InsertSliceOp.get(value, whole, [rows, width], [at, 0], [1, 1])
        structure.insert_before(op, put)
        whole, at = put.result, at + rows
    return whole


# --- sums of products ---

_Summand = blas.GemmOp | blas.GerOp


def _is_summand(op: object) -> bool:
    """A product of two sets of rows, a' b, that more rows would make better."""
    if not isinstance(op, _Summand) or not is_static(op):
        return False
    if isinstance(op, blas.GerOp):
        return gains(op.dest, 1)
    return op.trans_a is not None and op.trans_b is None and gains(op.dest, _rows(op.lhs))


def _sum(last: _Summand) -> list[_Summand]:
    """The products that the result of `last` is the sum of, from the first to the last."""
    found = [last]
    while found[-1].beta.value.data == 1.0 and _is_summand(op := found[-1].dest.owner):
        assert isinstance(op, _Summand)
        if op.alpha != last.alpha or op.parent is not last.parent or not op.results[0].has_one_use():
            break
        found.append(op)
    return found[::-1]


def _stack_sum(products: Sequence[_Summand]) -> None:
    """One product for a sum of products."""
    lhs, rhs = [p.lhs for p in products], [p.rhs for p in products]
    if len(products) == 1 or sum(map(_rows, lhs)) < FEWEST_ROWS:
        return
    first, last = products[0], products[-1]
    remark("stack-products", last, f"the sum of {len(products)} products is one product")
    factors = _stack(lhs, products), _stack(rhs, products)
    alpha, beta = last.alpha.value.data, first.beta.value.data
    product = blas.GemmOp(*factors, first.dest, alpha=alpha, beta=beta, flags={"trans_a": True})
    structure.insert_before(last, product)
    structure.replace(last, product.results)
    for op in reversed(products[:-1]):
        structure.erase(op)


# --- products by one matrix ---

_ByMatrix = blas.GemmOp | blas.GemvOp


def _is_by_matrix(op: Operation) -> bool:
    """A product of rows by a matrix, or by its transpose; y = A x is y' = x' A'."""
    if not isinstance(op, _ByMatrix) or op.reads_destination() or not is_static(op):
        return False
    if isinstance(op, blas.GemmOp) and op.trans_a is not None:
        return False
    return gains(_matrix(op), _rows(_factor(op)))


def _factor(op: _ByMatrix) -> SSAValue:
    return op.rhs if isinstance(op, blas.GemvOp) else op.lhs


def _matrix(op: _ByMatrix) -> SSAValue:
    return op.lhs if isinstance(op, blas.GemvOp) else op.rhs


def _is_transposed(op: _ByMatrix) -> bool:
    return op.trans is None if isinstance(op, blas.GemvOp) else op.trans_b is not None


class _Order:
    """Where the ops of a block stand.

    Note [Groups that depend on others]
        A group becomes one product before the first use of its products, so from there on they can be read,
        and groups are dealt with in the order of their ends: where a row is one of the products of another
        group, or a slice of it, that group has ended.
    """

    def __init__(self, block: Block):
        self.block = block
        self.ops = list(block.ops)
        self.place = {op: place for place, op in enumerate(self.ops)}

    def available(self, value: SSAValue) -> int:
        """After which op it can be read, or a slice can be taken that is taken later."""
        owner = value.owner
        if not isinstance(owner, Operation) or owner not in self.place:
            return -1
        if _is_fixed_slice(owner):
            return self.available(owner.operands[0])
        return self.first_use(value) if _is_by_matrix(owner) else self.place[owner]

    def first_use(self, value: SSAValue) -> int:
        return min((self._place_around(use.operation) for use in value.uses), default=len(self.ops))

    def _place_around(self, op: Operation) -> int:
        outer = self.block.find_ancestor_op_in_block(op)
        assert outer is not None
        return self.place[outer]

    def read(self, value: SSAValue, before: Operation) -> SSAValue:
        """A value that is available; a slice that is taken later is taken again."""
        owner = value.owner
        if not isinstance(owner, tensor.ExtractSliceOp) or self.place.get(owner, -1) < self.place[before]:
            return value
        source = self.read(owner.source, before)
        again = tensor.ExtractSliceOp.create(
            operands=[source], result_types=[value.type], properties=owner.properties
        )
        structure.insert_before(before, again)
        return again.result


def _is_fixed_slice(op: Operation) -> bool:
    """A slice of which everything is known, and so that it is within the tensor."""
    if not isinstance(op, tensor.ExtractSliceOp) or len(op.operands) > 1 or not is_static(op):
        return False
    dims = zip(
        *(v.get_values() for v in (op.static_offsets, op.static_sizes, op.static_strides)),
        shape_of(op.source),
        strict=True,
    )
    return all(offset >= 0 and offset + (size - 1) * stride < extent for offset, size, stride, extent in dims)


@dataclass
class _Group:
    """Products by one matrix, none of which depends on another."""

    products: list[_ByMatrix] = field(default_factory=list)
    end: int = sys.maxsize
    "Where the first of them is used."

    def has_room(self, op: _ByMatrix, order: _Order) -> bool:
        return order.available(_factor(op)) < self.end

    def add(self, op: _ByMatrix, order: _Order) -> None:
        self.products.append(op)
        self.end = min(self.end, order.first_use(op.results[0]))

    def pays(self) -> bool:
        return len(self.products) > 1 and sum(_rows(_factor(op)) for op in self.products) >= FEWEST_ROWS

    def emit(self, order: _Order) -> None:
        """One product for all of them, before the first use."""
        first, last = self.products[0], self.products[-1]
        remark("stack-products", first, f"{len(self.products)} products by one matrix are one")
        end = last if order.place[last] < self.end else order.ops[self.end]
        before = [op if order.place[op] < self.end else end for op in self.products]
        pairs = zip(self.products, before, strict=True)
        rows = _stack([order.read(_factor(op), at) for op, at in pairs], before)
        width = shape_of(first.results[0])[-1]
        type_ = TensorType(constants.element_type(rows.type), [shape_of(rows)[0], width])
        empty = tensor.EmptyOp([], type_)
        alpha, flags = first.alpha.value.data, {"trans_b": _is_transposed(first)}
        product = blas.GemmOp(rows, _matrix(first), empty.tensor, alpha=alpha, beta=0.0, flags=flags)
        structure.insert_before(end, empty, product)
        product.location = first.location
        at = 0
        for op in self.products:
            own, count = op.results[0], _rows(_factor(op))
            part = tensor.ExtractSliceOp(product.results[0], [at, 0], [count, width], [1, 1], own.type)
            structure.insert_before(end, part)
            own.replace_all_uses_with(part.result)
            at += count


def _groups(order: _Order) -> Iterator[_Group]:
    open_: dict[tuple[SSAValue, bool, float], _Group] = {}
    for op in order.ops:
        if isinstance(op, _ByMatrix) and _is_by_matrix(op):
            key = (_matrix(op), _is_transposed(op), op.alpha.value.data)
            group = open_.setdefault(key, _Group())
            if not group.has_room(op, order):
                yield group
                group = open_[key] = _Group()
            group.add(op, order)
    yield from open_.values()


def _visit(block: Block) -> None:
    taken: set[Operation] = set()
    for op in reversed(list(block.ops)):
        if isinstance(op, _Summand) and op not in taken and _is_summand(op):
            products = _sum(op)
            taken.update(products)
            _stack_sum(products)
    order = _Order(block)
    groups = [group for group in _groups(order) if group.pays()]
    for group in sorted(groups, key=lambda group: group.end):
        group.emit(order)
    for group in groups:
        for op in group.products:
            structure.erase(op)


@dataclass(frozen=True)
class StackProductsPass(ModulePass):
    """Make one product of several by the same matrix, and of a sum of several."""

    name = "stack-products"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for block in {o.parent: None for o in walk(op) if isinstance(o, blas.ProductOp)}:
            assert block is not None
            _visit(block)
