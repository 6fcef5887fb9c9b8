"""The `lapack` dialect: factorizations and solves in destination-passing form.

An op that gives an array takes its destination last and writes over it (`destination.py`). LAPACK stores
matrices by columns and we by rows, so right-hand sides are rows here, and what is factored is the transpose
of what memory holds: LAPACK needs no copies.

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
    // The destination holds the factors L and U of a square %a = L U, which has no row exchanges
    %f = "lapack.lu"(%a, %f) : (tensor<3x3xf64>, tensor<3x3xf64>) -> tensor<3x3xf64>
    // The destination holds the pseudoinverse of %a, however it was computed
    %p = "lapack.pinv"(%a, %p) : (tensor<4x3xf64>, tensor<3x4xf64>) -> tensor<3x4xf64>

    // Decompositions write their parts one below the other, and don't read the destination.
    // A symmetric matrix: n rows that are its eigenvectors, and a row of eigenvalues, ascending. With 2 for
    // the first element of all they weren't found. LAPACK gets the lower triangle, or with `upper` that one
    %e = "lapack.syevd"(%a, %e) <{upper}> : (tensor<3x3xf64>, tensor<4x3xf64>) -> tensor<4x3xf64>
    // U diag(s) V^T: m rows of U, n rows of V and the row s; s[0] = -1 if they weren't found. With `full`
    // there are all m and n columns of U and V, and the rest of the rows is 0
    %s = "lapack.gesdd"(%a, %s) <{full}> : (tensor<4x3xf64>, tensor<8x3xf64>) -> tensor<8x3xf64>
    // Q R for m >= n: m rows of Q and n rows of R^T. `complete` says that the last columns of %a are zeros,
    // put there to have Q square, and nothing that could be differentiated
    %q = "lapack.geqrf"(%a, %q) <{complete}> : (tensor<4x3xf64>, tensor<7x3xf64>) -> tensor<7x3xf64>

    // V diag(w) V^-1 of any square matrix: the rows of V, whose columns are eigenvectors, and the row w. They
    // are complex, and weren't found if w[0] is infinite. `real` says that the matrix has no imaginary part
    %e = "lapack.geev"(%a, %e) <{complex, real}> : (tensor<6x3xf64>, tensor<8x3xf64>) -> tensor<8x3xf64>

With `complex` each operand holds two matrices of its shape, the real parts above the imaginary ones. Then a
row stands for the conjugate of a column, ^T for the conjugate transpose, and L has a real diagonal; all else
stays what it is. What is real by nature (s, w of `syevd`, row exchanges) has zeros below. `logdet` with
`imaginary` gives the imaginary part of log det A, which is an angle. With `values` only the row of values is
computed, and the rest of the destination is anything: what differentiates the op takes that away.

`getrs` and `logdet` don't look at the elements of %a. They have it as an operand because that is what they
are functions of: the factors are a by-product, through which no derivative flows. Nor does any flow
through how a pseudoinverse was computed.
"""

from __future__ import annotations

from xdsl.dialects.builtin import DYNAMIC_INDEX, AnyFloatConstr, UnitAttr
from xdsl.ir import Dialect, SSAValue
from xdsl.irdl import IRDLOperation, irdl_op_definition, operand_def, opt_prop_def, result_def, traits_def
from xdsl.utils.exceptions import VerifyException

from dialectad.dialects.destination import (
    SHAPED,
    DestinationOp,
    ReadsMemref,
    element,
    flags,
    has_routines,
    same_shape,
    shape,
)


class MatrixOp(DestinationOp):
    """What writes over a matrix."""

    complex = opt_prop_def(UnitAttr)

    def verify_(self) -> None:
        _check_matrices(self)
        super().verify_()


def _check_matrices(op: IRDLOperation) -> None:
    for operand in op.operands:
        if len(shape(operand)) != 2:
            raise VerifyException(f"{op.name}: a matrix expected, got {operand.type}")
    if len({element(operand) for operand in op.operands}) != 1 or not has_routines(element(op.operands[0])):
        raise VerifyException(f"{op.name}: matrices of f32 or of f64 expected")


def _size(op: IRDLOperation, value: SSAValue) -> tuple[int, int]:
    """The shape of a matrix, of which a complex one takes twice the rows."""
    rows, columns = shape(value)
    if "complex" in op.properties and rows != DYNAMIC_INDEX:
        if rows % 2:
            raise VerifyException(f"{op.name}: real and imaginary parts expected, got {value.type}")
        rows //= 2
    return rows, columns


def _square(op: IRDLOperation, value: SSAValue) -> int:
    """The order of a square matrix."""
    n, m = _size(op, value)
    if n != m:
        raise VerifyException(f"{op.name}: a square matrix expected, got {value.type}")
    return n


def _factors(op: IRDLOperation, value: SSAValue, n: int) -> None:
    same_shape(op.name, _size(op, value), (n if n < 0 else n + 1, n))


@irdl_op_definition
class GetrfOp(MatrixOp):
    """LU factors with row exchanges, in place."""

    name = "lapack.getrf"
    dest = operand_def(SHAPED)

    def __init__(self, dest: SSAValue, *, complex: bool = False):
        super().__init__([dest], flags(complex=complex))

    def verify_(self) -> None:
        super().verify_()
        _factors(self, self.dest, shape(self.dest)[1])


@irdl_op_definition
class GetrsOp(MatrixOp):
    """Solve with the LU factors of `matrix`, a right-hand side a row."""

    name = "lapack.getrs"
    matrix = operand_def(SHAPED)
    factors = operand_def(SHAPED)
    dest = operand_def(SHAPED)
    trans = opt_prop_def(UnitAttr)

    def __init__(
        self,
        matrix: SSAValue,
        factors: SSAValue,
        dest: SSAValue,
        *,
        trans: bool = False,
        complex: bool = False,
    ):
        super().__init__([matrix, factors, dest], flags(trans=trans, complex=complex))

    def verify_(self) -> None:
        super().verify_()
        n = _square(self, self.matrix)
        _factors(self, self.factors, n)
        same_shape(self.name, shape(self.dest)[1:], (n,))


@irdl_op_definition
class PotrfOp(MatrixOp):
    """The Cholesky factor of a symmetric matrix, in place."""

    name = "lapack.potrf"
    dest = operand_def(SHAPED)

    def __init__(self, dest: SSAValue, *, complex: bool = False):
        super().__init__([dest], flags(complex=complex))

    def verify_(self) -> None:
        super().verify_()
        _square(self, self.dest)


@irdl_op_definition
class TrtrsOp(MatrixOp):
    """Solve with a lower triangular matrix, a right-hand side a row."""

    name = "lapack.trtrs"
    matrix = operand_def(SHAPED)
    dest = operand_def(SHAPED)
    trans = opt_prop_def(UnitAttr)

    def __init__(self, matrix: SSAValue, dest: SSAValue, *, trans: bool = False, complex: bool = False):
        super().__init__([matrix, dest], flags(trans=trans, complex=complex))

    def verify_(self) -> None:
        super().verify_()
        same_shape(self.name, shape(self.dest)[1:], (_square(self, self.matrix),))


@irdl_op_definition
class LogdetOp(IRDLOperation):
    """The logarithm of the absolute value of a determinant, or its angle, from the LU factors."""

    name = "lapack.logdet"
    matrix = operand_def(SHAPED)
    factors = operand_def(SHAPED)
    complex = opt_prop_def(UnitAttr)
    imaginary = opt_prop_def(UnitAttr)
    result = result_def(AnyFloatConstr)
    traits = traits_def(ReadsMemref())

    def __init__(
        self, matrix: SSAValue, factors: SSAValue, *, complex: bool = False, imaginary: bool = False
    ):
        super().__init__(
            operands=[matrix, factors],
            result_types=[element(matrix)],
            properties=flags(complex=complex, imaginary=imaginary),
        )

    def verify_(self) -> None:
        _check_matrices(self)
        if self.imaginary is not None and self.complex is None:
            raise VerifyException(f"{self.name}: an imaginary part is that of complex matrices")
        _factors(self, self.factors, _square(self, self.matrix))
        if self.result.type != element(self.matrix):
            raise VerifyException(f"{self.name}: the result is not of the matrix's element type")


class DecompositionOp(MatrixOp):
    """What writes the parts of a decomposition of `matrix`, one below the other, over a destination."""

    matrix = operand_def(SHAPED)
    dest = operand_def(SHAPED)

    def __init__(self, matrix: SSAValue, dest: SSAValue, **on: bool):
        super().__init__([matrix, dest], flags(**on))

    def reads_destination(self) -> bool:
        return False

    def parts(self, m: int, n: int) -> tuple[int, int]:
        """The shape of the destination for a matrix of m rows and n columns."""
        raise NotImplementedError

    def verify_(self) -> None:
        super().verify_()
        m, n = _size(self, self.matrix)
        if DYNAMIC_INDEX not in (m, n):
            same_shape(self.name, _size(self, self.dest), self.parts(m, n))


@irdl_op_definition
class SyevdOp(DecompositionOp):
    """Eigenvectors and eigenvalues of a symmetric matrix."""

    name = "lapack.syevd"
    upper = opt_prop_def(UnitAttr)
    values = opt_prop_def(UnitAttr)

    def parts(self, m: int, n: int) -> tuple[int, int]:
        same_shape(self.name, (m,), (n,))
        return n + 1, n


@irdl_op_definition
class GeevOp(DecompositionOp):
    """Eigenvectors and eigenvalues of any square matrix, which are complex."""

    name = "lapack.geev"
    real = opt_prop_def(UnitAttr)
    values = opt_prop_def(UnitAttr)

    def parts(self, m: int, n: int) -> tuple[int, int]:
        same_shape(self.name, (m,), (n,))
        return n + 1, n

    def verify_(self) -> None:
        if self.complex is None:
            raise VerifyException(f"{self.name}: complex matrices expected")
        super().verify_()


@irdl_op_definition
class GesddOp(DecompositionOp):
    """Singular vectors and values."""

    name = "lapack.gesdd"
    full = opt_prop_def(UnitAttr)
    values = opt_prop_def(UnitAttr)

    def parts(self, m: int, n: int) -> tuple[int, int]:
        return m + n + 1, min(m, n) if self.full is None else max(m, n)


@irdl_op_definition
class GeqrfOp(DecompositionOp):
    """Orthonormal columns and a triangle, of a matrix with no more columns than rows."""

    name = "lapack.geqrf"
    complete = opt_prop_def(UnitAttr)

    def parts(self, m: int, n: int) -> tuple[int, int]:
        return m + n, n


class HeldOp(MatrixOp):
    """A result of `matrix` that the destination holds already."""

    matrix = operand_def(SHAPED)
    dest = operand_def(SHAPED)

    def __init__(self, matrix: SSAValue, dest: SSAValue, *, complex: bool = False):
        super().__init__([matrix, dest], flags(complex=complex))


@irdl_op_definition
class PinvOp(HeldOp):
    """The pseudoinverse."""

    name = "lapack.pinv"

    def verify_(self) -> None:
        super().verify_()
        same_shape(self.name, _size(self, self.dest), _size(self, self.matrix)[::-1])


@irdl_op_definition
class LuOp(HeldOp):
    """The LU factors."""

    name = "lapack.lu"

    def verify_(self) -> None:
        super().verify_()
        n = _square(self, self.matrix)
        same_shape(self.name, _size(self, self.dest), (n, n))


LAPACK = Dialect(
    "lapack",
    [GetrfOp, GetrsOp, PotrfOp, TrtrsOp, SyevdOp, GeevOp, GesddOp, GeqrfOp, PinvOp, LuOp, LogdetOp],
)
