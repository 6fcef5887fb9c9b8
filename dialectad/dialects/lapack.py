"""The `lapack` dialect: factorizations and solves in destination-passing form.

Each op that gives an array takes its destination last, reads it and writes over it. On tensors it gives the
new value; on memrefs it has no result. LAPACK stores matrices by columns and we by rows, so right-hand sides
are rows here, and what is factored is the transpose of what memory holds: LAPACK needs no copies.

    // The first n of the n + 1 rows hold A^T: P A = L U, in their place; the last row then says with which
    // row each row was exchanged, counted from 0, as floats. A zero on the diagonal: A is singular.
    %f = "lapack.getrf"(%m) : (tensor<4x3xf64>) -> tensor<4x3xf64>
    // Each row of the destination, as a column b: A^-1 b, or A^-T b with `trans`; %f are the factors of %a
    %x = "lapack.getrs"(%a, %f, %b) <{trans}> : (tensor<3x3xf64>, tensor<4x3xf64>, tensor<2x3xf64>) -> ...
    // A symmetric matrix's Cholesky factor L, zero above the diagonal; with L[0, 0] = -1 there is none
    %l = "lapack.potrf"(%m) : (tensor<3x3xf64>) -> tensor<3x3xf64>
    // Each row of the destination, as a column b: L^-1 b, or L^-T b with `trans`, for a lower triangular L
    %x = "lapack.trtrs"(%l, %b) : (tensor<3x3xf64>, tensor<2x3xf64>) -> tensor<2x3xf64>
    // log |det A|; %f are the factors of %a
    %s = "lapack.logdet"(%a, %f) : (tensor<3x3xf64>, tensor<4x3xf64>) -> f64

`getrs` and `logdet` don't look at the elements of %a. They have it as an operand because that is what they
are functions of: the factors are a by-product, through which no derivative flows.
"""

from __future__ import annotations

from xdsl.dialects.builtin import AnyFloatConstr, MemRefType, TensorType, UnitAttr
from xdsl.ir import Dialect, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    base,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    opt_result_def,
    result_def,
    traits_def,
)
from xdsl.utils.exceptions import VerifyException

from dialectad.dialects.blas import (
    ReadsMemref,
    WritesLast,
    element,
    is_blas_type,
    results_of,
    same_shape,
    shape,
)

_Shaped = base(TensorType) | base(MemRefType)


class InPlace(WritesLast):
    """What reads its last operand and writes over it."""

    def verify_(self) -> None:
        _check_matrices(self)
        self.verify_destination()


def _check_matrices(op: IRDLOperation) -> None:
    for operand in op.operands:
        if len(shape(operand)) != 2:
            raise VerifyException(f"{op.name}: a matrix expected, got {operand.type}")
    if len({element(operand) for operand in op.operands}) != 1 or not is_blas_type(element(op.operands[0])):
        raise VerifyException(f"{op.name}: matrices of f32 or of f64 expected")


def _square(op: IRDLOperation, value: SSAValue) -> int:
    """The order of a square matrix."""
    n, m = shape(value)
    if n != m:
        raise VerifyException(f"{op.name}: a square matrix expected, got {value.type}")
    return n


def _factors(op: IRDLOperation, value: SSAValue, n: int) -> None:
    same_shape(op.name, shape(value), (n if n < 0 else n + 1, n))


@irdl_op_definition
class GetrfOp(InPlace):
    """LU factors with row exchanges, in place."""

    name = "lapack.getrf"
    dest = operand_def(_Shaped)
    result = opt_result_def(base(TensorType))

    def __init__(self, dest: SSAValue):
        super().__init__(operands=[dest], result_types=results_of(dest))

    def verify_(self) -> None:
        super().verify_()
        _factors(self, self.dest, shape(self.dest)[1])


@irdl_op_definition
class GetrsOp(InPlace):
    """Solve with the LU factors of `matrix`, a right-hand side a row."""

    name = "lapack.getrs"
    matrix = operand_def(_Shaped)
    factors = operand_def(_Shaped)
    dest = operand_def(_Shaped)
    trans = opt_prop_def(UnitAttr)
    result = opt_result_def(base(TensorType))

    def __init__(self, matrix: SSAValue, factors: SSAValue, dest: SSAValue, *, trans: bool = False):
        super().__init__(
            operands=[matrix, factors, dest],
            result_types=results_of(dest),
            properties={"trans": UnitAttr()} if trans else {},
        )

    def verify_(self) -> None:
        super().verify_()
        n = _square(self, self.matrix)
        _factors(self, self.factors, n)
        same_shape(self.name, shape(self.dest)[1:], (n,))


@irdl_op_definition
class PotrfOp(InPlace):
    """The Cholesky factor of a symmetric matrix, in place."""

    name = "lapack.potrf"
    dest = operand_def(_Shaped)
    result = opt_result_def(base(TensorType))

    def __init__(self, dest: SSAValue):
        super().__init__(operands=[dest], result_types=results_of(dest))

    def verify_(self) -> None:
        super().verify_()
        _square(self, self.dest)


@irdl_op_definition
class TrtrsOp(InPlace):
    """Solve with a lower triangular matrix, a right-hand side a row."""

    name = "lapack.trtrs"
    matrix = operand_def(_Shaped)
    dest = operand_def(_Shaped)
    trans = opt_prop_def(UnitAttr)
    result = opt_result_def(base(TensorType))

    def __init__(self, matrix: SSAValue, dest: SSAValue, *, trans: bool = False):
        super().__init__(
            operands=[matrix, dest],
            result_types=results_of(dest),
            properties={"trans": UnitAttr()} if trans else {},
        )

    def verify_(self) -> None:
        super().verify_()
        same_shape(self.name, shape(self.dest)[1:], (_square(self, self.matrix),))


@irdl_op_definition
class LogdetOp(IRDLOperation):
    """The logarithm of the absolute value of a determinant, from the LU factors."""

    name = "lapack.logdet"
    matrix = operand_def(_Shaped)
    factors = operand_def(_Shaped)
    result = result_def(AnyFloatConstr)
    traits = traits_def(ReadsMemref())

    def __init__(self, matrix: SSAValue, factors: SSAValue):
        super().__init__(operands=[matrix, factors], result_types=[element(matrix)])

    def verify_(self) -> None:
        _check_matrices(self)
        _factors(self, self.factors, _square(self, self.matrix))
        if self.result.type != element(self.matrix):
            raise VerifyException(f"{self.name}: the result is not of the matrix's element type")


IN_PLACE: tuple[type[InPlace], ...] = (GetrfOp, GetrsOp, PotrfOp, TrtrsOp)

LAPACK = Dialect("lapack", [*IN_PLACE, LogdetOp])
