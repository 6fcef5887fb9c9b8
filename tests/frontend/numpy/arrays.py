"""Arrays that tests take their arguments from, by the first letter of their parameter."""

from __future__ import annotations

from typing import Any

import numpy as np

_random = np.random.default_rng(7)


def floats(*shape: int, dtype: Any = np.float64) -> np.ndarray[Any, Any]:
    return np.asarray(_random.standard_normal(shape), dtype)


def integers(*shape: int, dtype: Any = np.int64) -> np.ndarray[Any, Any]:
    return np.asarray(_random.integers(-5, 6, shape), dtype)


def bools(*shape: int) -> np.ndarray[Any, Any]:
    return np.asarray(_random.integers(0, 2, shape), bool)


def arrays_of_each_dtype(*shape: int) -> list[np.ndarray[Any, Any]]:
    """One array of every dtype that is supported."""
    found = [floats(*shape, dtype=t) for t in (np.float64, np.float32)]
    found += [integers(*shape, dtype=t) for t in (np.int64, np.int32, np.int16, np.int8)]
    found += [integers(*shape).astype(t) for t in (np.uint64, np.uint32, np.uint16, np.uint8)]
    return [*found, bools(*shape)]


SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 3.0, 7.25, -7.5, np.inf, -np.inf, np.nan, 1e300, 1e-310])
"""Floats at which functions tend to go wrong."""
