"""Arrays of indices, and arithmetic on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dialectad.errors import ShapeError, UnsupportedTypeError
from dialectad.frontend import calls, dtypes, emit
from dialectad.frontend.dtypes import BOOL, INT64
from dialectad.frontend.numpy.creation import asarray, indices
from dialectad.frontend.numpy.searching import flatnonzero
from dialectad.frontend.numpy.support import (
    array,
    concrete_int,
    implements,
    intercepts,
    operand,
)
from dialectad.frontend.tracing import error


def _known_shape(arr: Any) -> tuple[int, ...]:
    source = array(arr)
    return tuple(concrete_int(n, "an extent of which all indices are asked for") for n in source.shape)


def _matrix_shape(arr: Any) -> tuple[int, ...]:
    shape = _known_shape(arr)
    if len(shape) != 2:
        raise error("input array must be 2-d", kind=ShapeError)
    return shape


@implements(np.tril_indices_from)
def tril_indices_from(arr: Any, k: Any = 0) -> tuple[Any, ...]:
    """numpy.tril_indices_from"""
    rows, columns = _matrix_shape(arr)
    return np.tril_indices(rows, concrete_int(k, "the diagonal"), columns)


@implements(np.triu_indices_from)
def triu_indices_from(arr: Any, k: Any = 0) -> tuple[Any, ...]:
    """numpy.triu_indices_from"""
    rows, columns = _matrix_shape(arr)
    return np.triu_indices(rows, concrete_int(k, "the diagonal"), columns)


@implements(np.diag_indices_from)
def diag_indices_from(arr: Any) -> tuple[Any, ...]:
    """numpy.diag_indices_from"""
    shape = _known_shape(arr)
    if len(shape) < 2:
        raise error("input array must be at least 2-d", kind=ShapeError)
    if len(set(shape)) != 1:
        raise error("All dimensions of input must be of equal length", kind=ShapeError)
    return np.diag_indices(shape[0], len(shape))


@implements(np.ix_)
def ix_(*args: Any) -> tuple[Any, ...]:
    """numpy.ix_"""
    found: list[Any] = []
    for axis, given in enumerate(args):
        one = asarray(given)
        if one.ndim != 1:
            raise error("Cross index must be 1 dimensional", kind=ShapeError)
        one = flatnonzero(one) if one.dtype == BOOL else one.astype(INT64) if one.extents == (0,) else one
        found.append(one[(None,) * axis + (slice(None),) + (None,) * (len(args) - axis - 1)])
    return tuple(found)


@intercepts(np.fromfunction)
def fromfunction(function: Callable[..., Any], shape: Any, *, dtype: Any = float, **kwargs: Any) -> Any:
    """numpy.fromfunction"""
    return calls.call(function)(*indices(shape, dtype), **kwargs)


# --- flat and by axis --------------------------------------------------------------------------


def _integers(x: Any, what: str) -> Any:
    number = array(x)
    if not dtypes.is_integral(number.dtype):
        raise error(f"only int indices permitted{what}", kind=UnsupportedTypeError)
    return number.astype(INT64)


def _axes(order: str, count: int) -> Sequence[int]:
    """The axes of which the index changes fastest first."""
    if order not in ("C", "F"):
        raise error("only 'C' or 'F' order is permitted", kind=ShapeError)
    return range(count) if order == "F" else range(count - 1, -1, -1)


@implements(np.unravel_index)
def unravel_index(indices: Any, shape: Any, order: str = "C") -> tuple[Any, ...]:
    """numpy.unravel_index"""
    rest = _integers(indices, "")
    sizes = list(shape) if isinstance(shape, tuple | list) else [shape]
    total: Any = 1
    for n in sizes:
        total = total * n
    inside = np.all((rest >= 0) & (rest < total))
    emit.check(operand(inside).ssa(), "ValueError: index is out of bounds for array of this size")  # pyright: ignore
    found: dict[int, Any] = {}
    for axis in _axes(order, len(sizes)):
        found[axis] = operand(rest % sizes[axis])
        rest = rest // sizes[axis]
    return tuple(found[axis] for axis in range(len(sizes)))


@implements(np.ravel_multi_index)
def ravel_multi_index(multi_index: Any, dims: Any, mode: Any = "raise", order: str = "C") -> Any:
    """numpy.ravel_multi_index"""
    sizes = list(dims) if isinstance(dims, tuple | list) else [dims]
    parts = [_integers(x, "") for x in multi_index]
    modes = list(mode) if isinstance(mode, tuple) else [mode] * len(sizes)
    if len(parts) != len(sizes):
        raise error(f"parameter multi_index must be a sequence of length {len(sizes)}", kind=ShapeError)
    result: Any = 0
    for axis in reversed(_axes(order, len(sizes))):
        result = result * sizes[axis] + _placed(parts[axis], sizes[axis], modes[axis])
    return operand(result)


def _placed(index: Any, size: Any, mode: str) -> Any:
    """An index made one of the axis."""
    match mode:
        case "wrap":
            return index % size
        case "clip":
            return np.clip(index, 0, size - 1)
        case "raise":
            inside = operand(np.all((index >= 0) & (index < size)))
            emit.check(inside.ssa(), "ValueError: invalid entry in coordinates array")  # pyright: ignore
            return index
        case _:
            raise error(f"clipmode must be one of 'clip', 'raise', or 'wrap' (got {mode!r})", kind=ShapeError)


# --- bits --------------------------------------------------------------------------------------

_BYTE = 8
_UINT8 = np.dtype(np.uint8)


def _weights(bitorder: str) -> Any:
    if bitorder not in ("big", "little"):
        raise error("'order' must be either 'little' or 'big'", kind=ShapeError)
    places = np.arange(_BYTE)
    return (7 - places if bitorder == "big" else places).astype(_UINT8)


@implements(np.packbits)
def packbits(a: Any, /, axis: Any = None, bitorder: str = "big") -> Any:
    """numpy.packbits"""
    source, places = array(a), _weights(bitorder)
    if source.dtype.kind not in "biu":
        raise error("Expected an input array of integer or boolean data type", kind=UnsupportedTypeError)
    if axis is None:
        source, axis = np.ravel(source), 0
    rows: Any = np.moveaxis(source != 0, axis, -1)
    missing = -concrete_int(rows.shape[-1], "the number of bits") % _BYTE
    rows = np.pad(rows.astype(_UINT8), [(0, 0)] * (rows.ndim - 1) + [(0, missing)])
    rows = np.reshape(rows, (*rows.shape[:-1], rows.shape[-1] // _BYTE, _BYTE))
    return np.moveaxis(np.sum(rows << places, axis=-1, dtype=_UINT8), -1, axis)


@implements(np.unpackbits)
def unpackbits(a: Any, /, axis: Any = None, count: Any = None, bitorder: str = "big") -> Any:
    """numpy.unpackbits"""
    source, places = array(a), _weights(bitorder)
    if source.dtype != _UINT8:
        raise error("Expected an input array of unsigned byte data type", kind=UnsupportedTypeError)
    if axis is None:
        source, axis = np.ravel(source), 0
    rows: Any = np.moveaxis(source, axis, -1)
    bits: Any = (rows[..., None] >> places) & _UINT8.type(1)
    bits = np.reshape(bits, (*rows.shape[:-1], rows.shape[-1] * _BYTE))
    if count is not None:
        n, there = (
            concrete_int(count, "the number of bits"),
            concrete_int(bits.shape[-1], "the number of bits"),
        )
        kept = n if n >= 0 else max(there + n, 0)
        if n < -there:
            raise error(f"-ve count passed to unpackbits is larger than the axis: {n}", kind=ShapeError)
        bits = bits[..., :kept]
        bits = np.pad(bits, [(0, 0)] * (bits.ndim - 1) + [(0, max(kept - there, 0))])
    return np.moveaxis(bits, -1, axis)
