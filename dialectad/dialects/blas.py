"""The `blas` dialect: dense products in destination-passing form.

Each op takes its destination last. On tensors it gives the new value; on memrefs it has no result and
writes the destination. `alpha`, `beta` and the transposes are attributes, so that the adjoint of a
product is a product, and a cotangent that is accumulated is `beta = 1`. With `beta = 0` the old content
of the destination isn't read (it may be `tensor.empty`).

    // alpha op(a) op(b) + beta c
    %r = "blas.gemm"(%a, %b, %c) <{alpha = 1.0 : f64, beta = 1.0 : f64, trans_a, trans_b}> : ...
    // alpha op(a) x + beta y
    %r = "blas.gemv"(%a, %x, %y) <{alpha = 1.0 : f64, beta = 0.0 : f64, trans}> : ...
    // alpha x y^T + beta a
    %r = "blas.ger"(%x, %y, %a) <{alpha = 1.0 : f64, beta = 1.0 : f64}> : ...
    // alpha op(a) op(a)^T, all of it; on memrefs only
    "blas.syrk"(%a, %c) <{alpha = 1.0 : f64, trans}> : ...
    %s = "blas.dot"(%x, %y) : (tensor<?xf64>, tensor<?xf64>) -> f64
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from xdsl.dialects.builtin import AnyFloatConstr, Float64Type, FloatAttr, MemRefType, UnitAttr, f64
from xdsl.ir import Dialect, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.utils.exceptions import VerifyException

from dialectad.dialects.destination import (
    SHAPED,
    DestinationOp,
    ReadsMemref,
    element,
    same_shape,
    shape,
)
from dialectad.dialects.destination import flags as flags_of


class ProductOp(DestinationOp):
    """What gemm, gemv and ger share: two factors, a destination, and scaling by alpha and beta."""

    lhs = operand_def(SHAPED)
    rhs = operand_def(SHAPED)
    dest = operand_def(SHAPED)
    alpha = prop_def(FloatAttr[Float64Type])
    beta = prop_def(FloatAttr[Float64Type])

    RANKS: ClassVar[tuple[int, int, int]]

    def __init__(
        self,
        lhs: SSAValue,
        rhs: SSAValue,
        dest: SSAValue,
        *,
        alpha: float = 1.0,
        beta: float = 1.0,
        flags: Mapping[str, bool] | None = None,
    ):
        scalars = {"alpha": FloatAttr(alpha, f64), "beta": FloatAttr(beta, f64)}
        super().__init__([lhs, rhs, dest], scalars | flags_of(**(flags or {})))

    def reads_destination(self) -> bool:
        return self.beta.value.data != 0

    def _expected(self) -> tuple[int, ...]:
        raise NotImplementedError

    def verify_(self) -> None:
        for operand, rank in zip(self.operands, self.RANKS, strict=True):
            if len(shape(operand)) != rank:
                raise VerifyException(f"{self.name}: operand of rank {rank} expected, got {operand.type}")
        super().verify_()
        same_shape(self.name, shape(self.dest), self._expected())


def _contract(name: str, a: int, b: int) -> None:
    same_shape(name, (a,), (b,))


@irdl_op_definition
class GemmOp(ProductOp):
    """alpha op(lhs) op(rhs) + beta dest, where `trans_a`, `trans_b` transpose lhs, rhs."""

    name = "blas.gemm"
    trans_a = opt_prop_def(UnitAttr)
    trans_b = opt_prop_def(UnitAttr)
    RANKS: ClassVar[tuple[int, int, int]] = (2, 2, 2)

    def _expected(self) -> tuple[int, ...]:
        a = shape(self.lhs)[:: -1 if self.trans_a is not None else 1]
        b = shape(self.rhs)[:: -1 if self.trans_b is not None else 1]
        _contract(self.name, a[1], b[0])
        return a[0], b[1]


@irdl_op_definition
class GemvOp(ProductOp):
    """alpha op(lhs) rhs + beta dest, where `trans` transposes lhs."""

    name = "blas.gemv"
    trans = opt_prop_def(UnitAttr)
    RANKS: ClassVar[tuple[int, int, int]] = (2, 1, 1)

    def _expected(self) -> tuple[int, ...]:
        a = shape(self.lhs)[:: -1 if self.trans is not None else 1]
        _contract(self.name, a[1], shape(self.rhs)[0])
        return (a[0],)


@irdl_op_definition
class GerOp(ProductOp):
    """alpha lhs rhs^T + beta dest."""

    name = "blas.ger"
    RANKS: ClassVar[tuple[int, int, int]] = (1, 1, 2)

    def _expected(self) -> tuple[int, ...]:
        return shape(self.lhs)[0], shape(self.rhs)[0]


@irdl_op_definition
class DotOp(IRDLOperation):
    """The inner product of two vectors, a scalar."""

    name = "blas.dot"
    lhs = operand_def(SHAPED)
    rhs = operand_def(SHAPED)
    result = result_def(AnyFloatConstr)
    traits = traits_def(ReadsMemref())

    def __init__(self, lhs: SSAValue, rhs: SSAValue):
        super().__init__(operands=[lhs, rhs], result_types=[element(lhs)])

    def verify_(self) -> None:
        if len(shape(self.lhs)) != 1 or len(shape(self.rhs)) != 1:
            raise VerifyException(f"{self.name}: vectors expected")
        if len({element(self.lhs), element(self.rhs), self.result.type}) != 1:
            raise VerifyException(f"{self.name}: operands differ in element type")
        _contract(self.name, shape(self.lhs)[0], shape(self.rhs)[0])


@irdl_op_definition
class SyrkOp(DestinationOp):
    """alpha op(lhs) op(lhs)^T, where `trans` transposes lhs: one triangle is computed, the other copied."""

    name = "blas.syrk"
    lhs = operand_def(SHAPED)
    dest = operand_def(SHAPED)
    alpha = prop_def(FloatAttr[Float64Type])
    trans = opt_prop_def(UnitAttr)

    def __init__(self, lhs: SSAValue, dest: SSAValue, *, alpha: float = 1.0, trans: bool = False):
        super().__init__([lhs, dest], {"alpha": FloatAttr(alpha, f64), **flags_of(trans=trans)})

    def reads_destination(self) -> bool:
        return False

    def verify_(self) -> None:
        for operand in self.operands:
            if not isinstance(operand.type, MemRefType) or len(shape(operand)) != 2:
                raise VerifyException(f"{self.name}: matrices in memory expected, got {operand.type}")
        super().verify_()
        n = shape(self.lhs)[1 if self.trans is not None else 0]
        same_shape(self.name, shape(self.dest), (n, n))


BLAS = Dialect("blas", [GemmOp, GemvOp, GerOp, DotOp, SyrkOp])
