"""`scipy.linalg.expm`: a Padé approximant of exp(A / 2^s), squared s times.

The degree is 13, and s the least number for which that is exact to double precision: see N. Higham, The
scaling and squaring method for the matrix exponential revisited, SIAM J. Matrix Anal. Appl. 26 (2005). The
derivative is that of these products, with s as it is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from xdsl.ir import SSAValue

from dialectad.frontend import dtypes, emit
from dialectad.frontend.complexes import Complex
from dialectad.frontend.dtypes import FLOAT64, INDEX, INT64
from dialectad.frontend.loops import counted_loop
from dialectad.frontend.numpy import linear
from dialectad.frontend.numpy.stacks import (
    Numbers,
    adjoint,
    cast,
    each_matrix,
    operands,
    packed,
    real_dtype,
    square,
    unpacked,
)

_COEFFICIENTS = (
    64764752532480000.0, 32382376266240000.0, 7771770303897600.0, 1187353796428800.0, 129060195264000.0,
    10559470521600.0, 670442572800.0, 33522128640.0, 1323241920.0, 40840800.0, 960960.0, 16380.0, 182.0, 1.0,
)  # fmt: skip
_LARGEST_NORM = 5.371920351148152
_MOST_SQUARINGS = 1100
"""More than any finite matrix takes."""


def expm(A: Any) -> Any:
    """scipy.linalg.expm"""
    (matrix,) = operands(A)
    matrix = square(matrix)
    *stack, n, _ = matrix.extents
    found = each_matrix(stack, [cast(matrix, FLOAT64)], (n, n), _exponential)
    return cast(found, real_dtype(matrix))


def _exponential(a: Numbers) -> Numbers:
    n = a.extents[0]
    if isinstance(n, int) and n == 0:
        return a
    size: Any = np.max(np.sum(np.abs(a), axis=0))
    doublings = np.ceil(np.log2(np.where(size > _LARGEST_NORM, size, _LARGEST_NORM) / _LARGEST_NORM))
    count: Any = np.minimum(doublings, float(_MOST_SQUARINGS))
    small = _approximant(a * np.exp2(-count))
    is_complex = isinstance(a, Complex)

    def square_(_: SSAValue, value: SSAValue) -> SSAValue:
        x = unpacked(value, n, n, is_complex=is_complex)
        return packed(np.matmul(x, x))

    times = emit.cast(emit.cast(count.ssa(), dtypes.to_ir(INT64)), INDEX)
    return unpacked(counted_loop(times, packed(small), square_), n, n, is_complex=is_complex)


def _approximant(a: Numbers) -> Numbers:
    """V - U and V + U, where U and V are the odd and the even terms: the one's inverse times the other."""
    b, one = _COEFFICIENTS, linear.identity_like(a)
    a2 = a @ a
    a4 = a2 @ a2
    a6 = a4 @ a2
    odd = a6 @ (b[13] * a6 + b[11] * a4 + b[9] * a2) + b[7] * a6 + b[5] * a4 + b[3] * a2 + b[1] * one
    even = a6 @ (b[12] * a6 + b[10] * a4 + b[8] * a2) + b[6] * a6 + b[4] * a4 + b[2] * a2 + b[0] * one
    odd = a @ odd
    return adjoint(linear.solved(even - odd, adjoint(even + odd), "Singular matrix"))
