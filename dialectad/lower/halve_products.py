"""`halve-products`: of the product of a matrix and its transpose one half is computed, and copied.

    blas.gemm(%a, %a, %c) {alpha = 2, beta = 0, trans_b}    =>    blas.syrk(%a, %c) {alpha = 2}

NumPy does that too. It works where nothing is left to be differentiated, so that the derivatives of products
are products; a module in which something is differentiated at level `llvm` stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import DYNAMIC_INDEX, MemRefType, ModuleOp
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter

from dialectad.dialects import ad, blas
from dialectad.dialects.destination import element, has_routines, shape
from dialectad.lower.blas_calls import matrix
from dialectad.remarks import remark
from dialectad.walk import walk

SMALLEST, SHORTEST = 96, 32
"""The order of the result, and terms of its sums, from which on it pays: measured on one core of a Zen 4."""


def _is_half(op: blas.GemmOp) -> bool:
    """Whether the product is symmetric, and large, and BLAS can take the matrices."""
    return (
        op.lhs is op.rhs
        and (op.trans_a is None) != (op.trans_b is None)
        and not op.reads_destination()
        and has_routines(element(op.dest))
        and DYNAMIC_INDEX not in (*shape(op.lhs), *shape(op.dest))
        and shape(op.dest)[0] >= SMALLEST
        and min(shape(op.lhs)) >= SHORTEST
        and matrix(op.lhs) is not None
        and matrix(op.dest) is not None
    )


@dataclass(frozen=True)
class HalveProductsPass(ModulePass):
    """Compute one half of symmetric products."""

    name = "halve-products"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if any(isinstance(o, ad.REQUESTS) for o in walk(op)):
            return
        for product in [o for o in walk(op) if isinstance(o, blas.GemmOp)]:
            if isinstance(product.dest.type, MemRefType) and _is_half(product):
                alpha, trans = product.alpha.value.data, product.trans_a is not None
                half = blas.SyrkOp(product.lhs, product.dest, alpha=alpha, trans=trans)
                half.location = product.location
                remark("halve-products", product, "one half of a symmetric product is computed, and copied")
                Rewriter.replace_op(product, half)
