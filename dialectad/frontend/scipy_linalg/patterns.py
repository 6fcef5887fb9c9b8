"""`scipy.linalg`: matrices that repeat their arguments' elements in a pattern."""

from __future__ import annotations

from typing import Any

import numpy as np

from dialectad.errors import ShapeError
from dialectad.frontend.numpy.stacks import Numbers, numbers
from dialectad.frontend.tracing import error


def _vector(name: str, x: Any) -> Numbers:
    found = numbers(x)
    if found.ndim > 1:
        raise error(
            f"scipy.linalg.{name} of an array of {found.ndim} dimensions is not supported",
            hint="call it for each row",
            kind=ShapeError,
        )
    return np.ravel(found)


def _places(rows: int, columns: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    return np.arange(rows)[:, None], np.arange(columns)[None, :]


def toeplitz(c: Any, r: Any = None) -> Any:
    """scipy.linalg.toeplitz"""
    column = _vector("toeplitz", c)
    row = np.conjugate(column) if r is None else _vector("toeplitz", r)
    m, n = column.shape[0], row.shape[0]
    i, j = _places(m, n)
    both = np.concatenate([np.flip(column), row[1:]])  # element (i, j) is at m - 1 + j - i
    return np.take(both, m - 1 + j - i, axis=0)


def hankel(c: Any, r: Any = None) -> Any:
    """scipy.linalg.hankel"""
    column = _vector("hankel", c)
    row = column * 0 if r is None else _vector("hankel", r)
    i, j = _places(column.shape[0], row.shape[0])
    return np.take(np.concatenate([column, row[1:]]), i + j, axis=0)


def circulant(c: Any) -> Any:
    """scipy.linalg.circulant"""
    column = _vector("circulant", c)
    i, j = _places(column.shape[0], column.shape[0])
    return np.take(column, (i - j) % max(column.shape[0], 1), axis=0)


def block_diag(*arrs: Any) -> Any:
    """scipy.linalg.block_diag"""
    blocks = [np.atleast_2d(numbers(x)) for x in arrs] or [np.zeros((1, 0))]
    if any(x.ndim > 2 for x in blocks):
        raise error(
            "scipy.linalg.block_diag of arrays of more than 2 dimensions is not supported",
            hint="make one matrix of blocks for each of the stack",
        )
    dtype = np.result_type(*(x.dtype for x in blocks))
    widths = [x.shape[1] for x in blocks]
    rows, before = [], 0
    for x in blocks:
        after = sum(widths) - before - x.shape[1]
        sides = [np.zeros((x.shape[0], width), dtype) for width in (before, after)]
        rows.append(np.concatenate([sides[0], x.astype(dtype), sides[1]], axis=1))
        before += x.shape[1]
    return np.concatenate(rows, axis=0)
