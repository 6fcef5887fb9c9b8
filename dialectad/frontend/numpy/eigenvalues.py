"""`numpy.linalg`: eigenvalues of matrices that needn't be symmetric. They are complex, whatever they are.

The op that finds eigenvectors has a derivative that leaves their lengths and phases alone. LAPACK gives each
the length 1, and makes its largest component real; that is done here again, for the derivative.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.linalg import _linalg

from dialectad.dialects import lapack
from dialectad.frontend import emit
from dialectad.frontend.complexes import Complex, parts_like
from dialectad.frontend.emit import Extent
from dialectad.frontend.numpy.decompositions import decomposed
from dialectad.frontend.numpy.stacks import (
    Numbers,
    implements,
    operands,
    part,
    require,
    square,
    squared_sizes,
)

EigResult: Any = _linalg.EigResult  # pyright: ignore[reportAttributeAccessIssue]


def _eigen(a: Any, *, values: bool = False) -> tuple[Complex, Extent]:
    (matrix,) = operands(a)
    matrix = square(matrix)
    require(np.all(np.isfinite(matrix)), "Array must not contain infs or NaNs")
    n = matrix.extents[-1]
    is_real = not isinstance(matrix, Complex)
    found = decomposed(
        Complex(*parts_like(matrix)),
        emit.add_index(n, 1),
        n,
        lapack.GeevOp,
        lambda parts: ~np.any(part(parts, (n, 0), (1, n)) == np.inf),
        "Eigenvalues did not converge",
        real=is_real,
        values=values,
    )
    return found, n


def _values(found: Complex, n: Extent) -> Any:
    return part(found, (n, 0), (1, n))[..., 0, :]


def _normalized(vectors: Numbers) -> Numbers:
    """Columns of length 1 with a real component that was real before: the largest one of these."""
    if vectors.shape[-1] == 0:
        return vectors
    size = np.where(vectors.im == 0, np.abs(vectors.re), -1.0)
    largest = np.expand_dims(np.argmax(size, axis=-2), -2)
    chosen: Any = np.take_along_axis(vectors, largest, axis=-2)
    phase = np.sign(chosen.re) * np.conjugate(chosen) / np.sqrt(squared_sizes(chosen))
    return vectors * phase / np.sqrt(np.sum(squared_sizes(vectors), axis=-2, keepdims=True))


@implements(np.linalg.eig)
def eig(a: Any) -> Any:
    """numpy.linalg.eig, with results that are complex even if all eigenvalues are real"""
    found, n = _eigen(a)
    return EigResult(_values(found, n), _normalized(part(found, (0, 0), (n, n))))


@implements(np.linalg.eigvals)
def eigvals(a: Any) -> Any:
    """numpy.linalg.eigvals, complex even if all are real"""
    found, n = _eigen(a, values=True)
    return _values(found, n)
