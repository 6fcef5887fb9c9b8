"""`order-products`: a chain of matrix products is computed in the order that takes the fewest operations.

    %m = blas.gemm(%a, %b, %e);  %y = blas.gemv(%m, %x, %f)          a, b: 100 x 100, x: 100
    ~>
    %t = blas.gemv(%b, %x, %e'); %y = blas.gemv(%a, %t, %f)          1,010,000 multiplications -> 20,000

A chain is a product whose factors are products that nobody else reads, in the same block: what a loop doesn't
change has left it before. The order is found by dynamic programming over where to split it (Godbole, On
efficient computation of matrix chain products, 1973). A product of three factors may round, or overflow, in
another place then, as a sum in another order does; what is not a number stays so. All extents are known here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod

from xdsl.context import Context
from xdsl.dialects import tensor
from xdsl.dialects.builtin import DYNAMIC_INDEX, ModuleOp, TensorType
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass

from dialectad.dialects import blas
from dialectad.remarks import remark
from dialectad.rewrite import constants, structure
from dialectad.walk import walk

LONGEST = 16
"""Factors that are looked at together: the time for that grows with their number to the third."""

_Product = blas.GemmOp | blas.GemvOp


@dataclass(frozen=True)
class _Factor:
    """A factor of a chain; the last may be a vector, which is a matrix with one column."""

    value: SSAValue
    is_transposed: bool

    @property
    def shape(self) -> tuple[int, int]:
        assert isinstance(self.value.type, TensorType)
        rows, columns = (*self.value.type.get_shape(), 1)[:2]
        return (columns, rows) if self.is_transposed else (rows, columns)

    @property
    def is_vector(self) -> bool:
        assert isinstance(self.value.type, TensorType)
        return self.value.type.get_num_dims() == 1


@dataclass
class _Chain:
    """The factors of a product, from left to right, and the products that it was made of."""

    op: _Product
    factors: list[_Factor] = field(default_factory=list)
    inner: list[_Product] = field(default_factory=list)
    alpha: float = 1.0

    def take(self, op: _Product, is_transposed: bool) -> None:
        """Append the factors of `op`, or of its transpose: (A B)' = B' A'; beyond `LONGEST` each is whole."""
        self.alpha *= op.alpha.value.data
        if isinstance(op, blas.GemmOp):
            pair = [(op.lhs, op.trans_a is not None), (op.rhs, op.trans_b is not None)]
        else:
            pair = [(op.lhs, op.trans is not None), (op.rhs, False)]
        for value, flag in reversed(pair) if is_transposed else pair:
            inner = value.owner
            if isinstance(inner, _Product) and _is_factor(inner) and len(self.inner) < LONGEST - 2:
                self.inner.append(inner)
                self.take(inner, flag != is_transposed)
            else:
                self.factors.append(_Factor(value, flag != is_transposed))

    def is_static(self) -> bool:
        return not any(DYNAMIC_INDEX in factor.shape for factor in self.factors)

    def cost_as_written(self) -> int:
        return sum(_multiplications(op) for op in (self.op, *self.inner))

    def splits(self) -> tuple[int, dict[tuple[int, int], int]]:
        """The fewest multiplications, and where to split each part of the chain for that."""
        extents = [self.factors[0].shape[0], *(factor.shape[1] for factor in self.factors)]
        count = len(self.factors)
        cost: dict[tuple[int, int], int] = {(i, i + 1): 0 for i in range(count)}
        where: dict[tuple[int, int], int] = {}
        for length in range(2, count + 1):
            for start in range(count - length + 1):
                end = start + length
                cost[start, end], where[start, end] = min(
                    (
                        cost[start, split]
                        + cost[split, end]
                        + extents[start] * extents[split] * extents[end],
                        split,
                    )
                    for split in range(start + 1, end)
                )
        return cost[0, count], where


def _multiplications(op: _Product) -> int:
    left = _Factor(op.lhs, bool(op.trans_a if isinstance(op, blas.GemmOp) else op.trans))
    assert isinstance(op.results[0].type, TensorType)
    return prod(op.results[0].type.get_shape()) * left.shape[1]


def _build(chain: _Chain, where: dict[tuple[int, int], int], start: int, end: int) -> _Factor:
    """The product of a part of the chain, which isn't all of it."""
    if end - start == 1:
        return chain.factors[start]
    split = where[start, end]
    left, right = _build(chain, where, start, split), _build(chain, where, split, end)
    element = constants.element_type(chain.op.dest.type)
    shape = [left.shape[0]] if right.is_vector else [left.shape[0], right.shape[1]]
    empty = tensor.EmptyOp([], TensorType(element, shape))
    structure.insert_before(chain.op, empty)
    product = _product(left, right, empty.tensor, 1.0, 0.0)
    structure.insert_before(chain.op, product)
    return _Factor(product.results[0], False)


def _product(left: _Factor, right: _Factor, dest: SSAValue, alpha: float, beta: float) -> Operation:
    if right.is_vector:
        flags = {"trans": left.is_transposed}
        return blas.GemvOp(left.value, right.value, dest, alpha=alpha, beta=beta, flags=flags)
    flags = {"trans_a": left.is_transposed, "trans_b": right.is_transposed}
    return blas.GemmOp(left.value, right.value, dest, alpha=alpha, beta=beta, flags=flags)


def _reorder(chain: _Chain) -> None:
    op = chain.op
    if not chain.inner or not chain.is_static():
        return
    cost, where = chain.splits()
    before = chain.cost_as_written()
    if cost >= before:
        return
    factors = len(chain.factors)
    remark("order-products", op, f"{cost:,} multiplications for {factors} factors instead of {before:,}")
    count = len(chain.factors)
    split = where[0, count]
    left, right = _build(chain, where, 0, split), _build(chain, where, split, count)
    new = _product(left, right, op.dest, chain.alpha, op.beta.value.data)
    structure.insert_before(op, new)
    structure.replace(op, new.results)
    for inner in chain.inner:
        structure.erase(inner)


def _is_factor(op: _Product) -> bool:
    """Whether `op` is computed for one other product of the block."""
    user = op.results[0].get_user_of_unique_use()
    return (
        isinstance(user, _Product)
        and user.parent is op.parent
        and op.results[0] is not user.dest
        and not op.reads_destination()
    )


@dataclass(frozen=True)
class OrderProductsPass(ModulePass):
    """Compute chains of matrix products in the cheapest order."""

    name = "order-products"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        taken: set[Operation] = set()
        for product in reversed([o for o in walk(op) if isinstance(o, _Product)]):
            if product not in taken:
                chain = _Chain(product)
                chain.take(product, False)
                taken.update(chain.inner)
                _reorder(chain)
