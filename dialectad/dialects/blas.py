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
    %s = "blas.dot"(%x, %y) : (tensor<?xf64>, tensor<?xf64>) -> f64
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    AnyFloat,
    AnyFloatConstr,
    Float64Type,
    FloatAttr,
    MemRefType,
    TensorType,
    UnitAttr,
    f64,
)
from xdsl.ir import Attribute, Dialect, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    base,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    opt_result_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import EffectInstance, MemoryEffect, MemoryEffectKind
from xdsl.utils.exceptions import VerifyException


class WritesMemref(MemoryEffect):
    """Pure on tensors, reads and writes memory on memrefs."""

    @classmethod
    def get_effects(cls, op):
        if any(isinstance(operand.type, MemRefType) for operand in op.operands):
            return {
                EffectInstance(MemoryEffectKind.READ),
                EffectInstance(MemoryEffectKind.WRITE),
            }
        return set()


_Shaped = base(TensorType) | base(MemRefType)


class WritesLast(IRDLOperation):
    """What has its destination as the last operand: on tensors it gives the new value, on memrefs nothing."""

    traits = traits_def(WritesMemref())

    def verify_destination(self) -> None:
        dest = self.operands[-1]
        if isinstance(dest.type, TensorType) != bool(self.results):
            raise VerifyException(f"{self.name}: a result on tensors, and none on memrefs, expected")
        if self.results and self.results[0].type != dest.type:
            raise VerifyException(f"{self.name}: the result's type is not the destination's")


def results_of(dest: SSAValue) -> list[list[Attribute]]:
    """The result types of what writes into `dest`."""
    return [[dest.type] if isinstance(dest.type, TensorType) else []]


class _Product(WritesLast):
    """What gemm, gemv and ger share: two factors, a destination, and scaling by alpha and beta."""

    lhs = operand_def(_Shaped)
    rhs = operand_def(_Shaped)
    dest = operand_def(_Shaped)
    alpha = prop_def(FloatAttr[Float64Type])
    beta = prop_def(FloatAttr[Float64Type])
    result = opt_result_def(base(TensorType))

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
        properties: dict[str, Attribute] = {
            "alpha": FloatAttr(alpha, f64),
            "beta": FloatAttr(beta, f64),
        }
        properties |= {name: UnitAttr() for name, on in (flags or {}).items() if on}
        super().__init__(
            operands=[lhs, rhs, dest],
            result_types=results_of(dest),
            properties=properties,
        )

    def _expected(self) -> tuple[int, ...]:
        raise NotImplementedError

    def verify_(self) -> None:
        operands = (self.lhs, self.rhs, self.dest)
        for operand, rank in zip(operands, self.RANKS, strict=True):
            if len(shape(operand)) != rank:
                raise VerifyException(f"{self.name}: operand of rank {rank} expected, got {operand.type}")
        if len({element(operand) for operand in operands}) != 1:
            raise VerifyException(f"{self.name}: operands differ in element type")
        same_shape(self.name, shape(self.dest), self._expected())
        self.verify_destination()


def shape(value: SSAValue) -> tuple[int, ...]:
    assert isinstance(value.type, TensorType | MemRefType)
    return value.type.get_shape()


def element(value: SSAValue) -> Attribute:
    assert isinstance(value.type, TensorType | MemRefType)
    return value.type.element_type


def same_shape(name: str, got: tuple[int, ...], expected: tuple[int, ...]) -> None:
    if len(got) != len(expected) or any(
        g != e and DYNAMIC_INDEX not in (g, e) for g, e in zip(got, expected, strict=True)
    ):
        raise VerifyException(f"{name}: shape {expected} expected, got {got}")


def _contract(name: str, a: int, b: int) -> None:
    same_shape(name, (a,), (b,))


@irdl_op_definition
class GemmOp(_Product):
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
class GemvOp(_Product):
    """alpha op(lhs) rhs + beta dest, where `trans` transposes lhs."""

    name = "blas.gemv"
    trans = opt_prop_def(UnitAttr)
    RANKS: ClassVar[tuple[int, int, int]] = (2, 1, 1)

    def _expected(self) -> tuple[int, ...]:
        a = shape(self.lhs)[:: -1 if self.trans is not None else 1]
        _contract(self.name, a[1], shape(self.rhs)[0])
        return (a[0],)


@irdl_op_definition
class GerOp(_Product):
    """alpha lhs rhs^T + beta dest."""

    name = "blas.ger"
    RANKS: ClassVar[tuple[int, int, int]] = (1, 1, 2)

    def _expected(self) -> tuple[int, ...]:
        return shape(self.lhs)[0], shape(self.rhs)[0]


class ReadsMemref(MemoryEffect):
    @classmethod
    def get_effects(cls, op):
        if any(isinstance(operand.type, MemRefType) for operand in op.operands):
            return {EffectInstance(MemoryEffectKind.READ)}
        return set()


@irdl_op_definition
class DotOp(IRDLOperation):
    """The inner product of two vectors, a scalar."""

    name = "blas.dot"
    lhs = operand_def(_Shaped)
    rhs = operand_def(_Shaped)
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


def is_blas_type(element_type: Attribute) -> bool:
    """Whether BLAS has routines for this element type."""
    return isinstance(element_type, AnyFloat) and element_type.bitwidth in (32, 64)


BLAS = Dialect("blas", [GemmOp, GemvOp, GerOp, DotOp])
