"""The functions behind `order`, as machine code, against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dialectad.lower.order_library import definition, routine
from tests.lower.machine import TO_LLVM, TO_LOOPS, Compiled

TYPES: dict[str, Any] = {
    "i1": np.bool_,
    "i8": np.int8,
    "i16": np.int16,
    "i32": np.int32,
    "i64": np.int64,
    "f32": np.float32,
    "f64": np.float64,
}
LENGTHS = (0, 1, 2, 48, 49, 300)
"""Rows of up to 48 elements are sorted by insertion."""


def _values(shape: tuple[int, ...], dtype: Any) -> np.ndarray[Any, Any]:
    rng = np.random.default_rng(3)
    if np.dtype(dtype).kind == "f":
        found = (rng.normal(size=shape) * 10.0 ** rng.integers(-3, 4, shape)).astype(dtype)
        special = np.array([np.nan, -np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0], dtype)
        chosen = special[rng.integers(0, len(special), shape)]
        return np.where(rng.random(shape) < 0.3, chosen, found)
    if dtype is np.bool_:
        return rng.random(shape) < 0.5
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max, shape, dtype, endpoint=True)


@pytest.mark.parametrize("element", TYPES)
def test_argsort(element: str) -> None:
    """Of rows, and of columns where they are."""
    text = []
    for n in LENGTHS:
        x, o = f"memref<2x{n}x{element}>", f"memref<2x{n}xi64>"
        across, along = f"memref<{n}x2x{element}>", f"memref<{n}x2xi64>"
        columns = [f"memref<2x{n}x{t}, strided<[1, 2]>>" for t in (element, "i64")]
        casts = [
            f'"memref.reinterpret_cast"({v}) <{{operandSegmentSizes = array<i32: 1, 0, 0, 0>,'
            f" static_offsets = array<i64: 0>, static_sizes = array<i64: 2, {n}>,"
            f" static_strides = array<i64: 1, 2>}}> : ({a}) -> {b}"
            for v, a, b in (("%y", across, columns[0]), ("%p", along, columns[1]))
        ]
        text.append(
            f"func.func @f{n}(%x: {x}, %y: {across}, %o: {o}, %p: {along})"
            " attributes {dialectad.outs = 2 : i64} {"
            f'"order.argsort"(%x, %o) : ({x}, {o}) -> ()\n'
            f"%u = {casts[0]}\n%v = {casts[1]}\n"
            f'"order.argsort"(%u, %v) : ({columns[0]}, {columns[1]}) -> ()\nreturn\n}}'
        )
    compiled = Compiled("\n".join(text), f"{TO_LOOPS},{TO_LLVM}")
    for n in LENGTHS:
        x, o, p = _values((2, n), TYPES[element]), np.zeros((2, n), np.int64), np.zeros((n, 2), np.int64)
        compiled(f"f{n}", x, np.ascontiguousarray(x.T), o, p)
        expected = np.argsort(x, axis=1, kind="stable")
        np.testing.assert_array_equal(o, expected)
        np.testing.assert_array_equal(p, expected.T)


@pytest.mark.parametrize("element", TYPES)
def test_search(element: str) -> None:
    s, v, o = f"memref<60x{element}>", f"memref<9x{element}>", "memref<9xi64>"
    text = [
        f"func.func @{side}(%s: {s}, %v: {v}, %o: {o}) attributes {{dialectad.outs = 1 : i64}} {{\n"
        f'"order.search"(%s, %v, %o) {flags} : ({s}, {v}, {o}) -> ()\nreturn\n}}'
        for side, flags in (("left", ""), ("right", "<{right}>"))
    ]
    compiled = Compiled("\n".join(text), f"{TO_LOOPS},{TO_LLVM}")
    ascending = np.sort(_values((60,), TYPES[element]))
    wanted = np.concatenate([ascending[[0, 7, 31, 59]], _values((5,), TYPES[element])])
    for side in ("left", "right"):
        found = np.zeros(9, np.int64)
        compiled(side, ascending, wanted, found)
        np.testing.assert_array_equal(found, np.searchsorted(ascending, wanted, side))  # pyright: ignore


def test_names() -> None:
    assert routine("dialectad.search_right.f32") == "dialectad.search_right"
    assert routine("dialectad.argsort.f16") is None
    assert definition("cblas_dgemm") is None
