"""NumPy's ufuncs: per ufunc, what its loops over floats, integers and bools compute."""

from __future__ import annotations

from dialectad.frontend.numpy.ufuncs import (
    arithmetic,
    bitwise,
    comparisons,
    division,
    divisors,
    elementary,
    float_bits,
    powers,
    refused,
)

__all__ = [
    "arithmetic",
    "bitwise",
    "comparisons",
    "division",
    "divisors",
    "elementary",
    "float_bits",
    "powers",
    "refused",
]
