"""How a compiled kernel is called from Python: what each argument must be, and what the results become.

Arguments and results are trees of exact `tuple`, `list` and `dict`, with a leaf type at each leaf:

    f({"w": w, "b": b}, 2.0) -> (y, b)

    args = (Tree.dict({"w": leaf(ArrayArg(f64, (8, 8))), "b": leaf(ArrayArg(f64, (8,), writable=True))}),
            leaf(ScalarArg(f64, weak=True)))
    results = Tree.tuple(leaf(ArrayResult(f64, (8,))), leaf(ArgumentResult(1)))

The kernel is `i64 kernel(leaves..., captured..., outs...)`: an array is a pointer to its data, a scalar is
passed by value (a bool as a zero-extended byte; a complex number as a pointer to its two parts), a static
leaf is not passed; an out is a pointer, to the data of a fresh array or to a scalar.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

DTYPES: tuple[np.dtype, ...] = tuple(
    np.dtype(name)
    for name in (
        *("float64", "float32", "int64", "int32", "int16", "int8"),
        *("uint64", "uint32", "uint16", "uint8", "bool", "complex128", "complex64"),
    )
)
"""The element types of kernels."""


def _check_dtype(dtype: np.dtype) -> None:
    if dtype not in DTYPES or not dtype.isnative:
        raise TypeError(f"a kernel can't take or give elements of type {dtype}")


def _check_weak(dtype: np.dtype, weak: bool) -> None:
    if weak and dtype.kind in "iu" and dtype != np.int64:
        raise TypeError(f"a Python int is passed as int64, not as {dtype}")


@dataclass(frozen=True)
class ArrayArg:
    """An exact `numpy.ndarray` of this type and shape, C-contiguous and aligned."""

    dtype: np.dtype
    shape: tuple[int, ...]
    writable: bool = False
    """The kernel writes into it: it has to be writable, and apart from every other array."""

    def __post_init__(self) -> None:
        _check_dtype(self.dtype)


@dataclass(frozen=True)
class ScalarArg:
    """A scalar: exactly the NumPy scalar type, or, when `weak`, exactly Python's float, int, bool
    or complex."""

    dtype: np.dtype
    weak: bool = False

    def __post_init__(self) -> None:
        _check_dtype(self.dtype)
        _check_weak(self.dtype, self.weak)


@dataclass(frozen=True, eq=False)
class StaticArg:
    """This very object; the kernel doesn't get it."""

    value: Any


@dataclass(frozen=True)
class ArrayResult:
    """A fresh C-contiguous array that the kernel fills."""

    dtype: np.dtype
    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        _check_dtype(self.dtype)


@dataclass(frozen=True)
class ScalarResult:
    """A NumPy scalar, or, when `weak`, a Python float, int, bool or complex."""

    dtype: np.dtype
    weak: bool = False

    def __post_init__(self) -> None:
        _check_dtype(self.dtype)
        _check_weak(self.dtype, self.weak)


@dataclass(frozen=True)
class ArgumentResult:
    """The object that came in as this leaf, counting the leaves of all arguments in order."""

    leaf: int


@dataclass(frozen=True, eq=False)
class ConstantResult:
    """This very object."""

    value: Any


Arg = ArrayArg | ScalarArg | StaticArg
Result = ArrayResult | ScalarResult | ArgumentResult | ConstantResult


@dataclass(frozen=True)
class Tree:
    """A leaf, or a tuple, list or dict of trees. The order of a dict's keys in a call doesn't matter."""

    kind: Literal["leaf", "tuple", "list", "dict"]
    value: Arg | Result | None = None
    children: tuple[Tree, ...] = ()
    keys: tuple[Any, ...] = ()
    """The keys of a dict, one for each child."""

    @staticmethod
    def leaf(value: Arg | Result) -> Tree:
        return Tree("leaf", value)

    @staticmethod
    def tuple(*children: Tree) -> Tree:
        return Tree("tuple", children=children)

    @staticmethod
    def list(*children: Tree) -> Tree:
        return Tree("list", children=children)

    @staticmethod
    def dict(items: Mapping[Any, Tree]) -> Tree:
        return Tree("dict", children=(*items.values(),), keys=(*items,))

    def leaves(self) -> Iterator[Arg | Result]:
        """The leaves, from left to right."""
        if self.kind == "leaf":
            assert self.value is not None
            yield self.value
        for child in self.children:
            yield from child.leaves()
