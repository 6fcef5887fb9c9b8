"""The arguments of a comparison: copied for each run, and moved along directions."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dialectad.errors import CompileError, Location, ShapeError, UnsupportedTypeError
from dialectad.frontend import pytrees

Direction = dict[int, Any]
"""Leaf -> what is added to it, times the step."""


def place_of(function: Callable[..., Any]) -> Location | None:
    """Where a function is defined; None for one without Python source."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return Location(code.co_filename, code.co_firstlineno) if code is not None else None


@dataclass(frozen=True)
class Arguments:
    """The arguments of one call."""

    leaves: tuple[Any, ...]
    structure: pytrees.TreeDef
    active: tuple[int, ...]
    """The leaves to differentiate by, each once, in the order of the gradient's."""
    argnums: int | tuple[int, ...]
    of_gradient: tuple[int, ...]
    """The leaf that each leaf of the gradient belongs to."""

    @classmethod
    def of(
        cls, args: Sequence[Any], argnums: int | Sequence[int], place: Location | None = None
    ) -> Arguments:
        """Take the arguments apart; the arrays are copied, so that later changes don't matter."""
        numbers = [argnums] if isinstance(argnums, int) else list(argnums)
        active: list[int] = []
        ranges, start = [], 0
        for arg in args:
            count = pytrees.flatten(arg)[1].count
            ranges.append(range(start, start + count))
            start += count
        leaves, structure = pytrees.flatten(tuple(args))
        for n in numbers:
            if not -len(args) <= n < len(args):
                raise ShapeError(
                    f"argnums {n} is out of range for a call with {len(args)} positional arguments", place
                )
            for leaf in ranges[n]:
                dtype = leaves[leaf].dtype if isinstance(leaves[leaf], np.ndarray | np.generic) else None
                if not (type(leaves[leaf]) is float or (dtype is not None and dtype.kind == "f")):
                    raise UnsupportedTypeError(
                        f"argument {n} holds a value of type {dtype or type(leaves[leaf]).__name__},"
                        " by which nothing can be differentiated",
                        place,
                        hint="pass floats, or choose other arguments with argnums",
                    )
                active.append(leaf)
        kept = argnums if isinstance(argnums, int) else tuple(numbers)
        return cls(tuple(_copied(leaves)), structure, tuple(dict.fromkeys(active)), kept, tuple(active))

    def fresh(self) -> tuple[Any, ...]:
        """Arguments for one call, which may write into them."""
        return pytrees.unflatten(self.structure, _copied(self.leaves))

    def changed_in(self, args: Sequence[Any]) -> bool:
        """Whether a call wrote into `args`, which `fresh` had given."""
        after = pytrees.flatten(tuple(args))[0]
        return any(
            isinstance(old, np.ndarray) and not np.array_equal(old, new, equal_nan=old.dtype.kind == "f")
            for old, new in zip(self.leaves, after, strict=True)
        )

    def direction(self, rng: np.random.Generator) -> Direction:
        """A random direction, each array moved in proportion to the size of its entries."""
        return {
            i: rng.standard_normal(np.shape(self.leaves[i])) * _scale(self.leaves[i]) for i in self.active
        }

    def moved(self, direction: Direction, step: float) -> tuple[Any, ...]:
        """The arguments `step` along `direction`, in double precision whatever they were in."""
        leaves = _copied(self.leaves)
        for i, d in direction.items():
            value = np.asarray(leaves[i], np.float64) + step * d
            leaves[i] = value if isinstance(leaves[i], np.ndarray) else _scalar(leaves[i], value)
        return pytrees.unflatten(self.structure, leaves)

    def gradient_leaves(self, gradient: Any) -> list[np.ndarray[Any, Any]]:
        """The leaves of a gradient, in the order of `active`."""
        by_leaf = dict(zip(self.of_gradient, pytrees.flatten(gradient)[0], strict=True))
        return [np.asarray(by_leaf[i]) for i in self.active]

    @property
    def single(self) -> bool:
        """Whether anything that counts is in single precision."""
        return any(np.asarray(self.leaves[i]).dtype == np.float32 for i in self.active)

    def describe(self) -> str:
        """The types of the arguments, in a few words."""
        return ", ".join(_described(arg) for arg in pytrees.unflatten(self.structure, self.leaves))


def check_given(function: Callable[..., Any], args: Sequence[Any]) -> None:
    """Refuse to compare a function of nothing, or what isn't a function."""
    if not callable(function):
        raise UnsupportedTypeError(f"a function is expected, not {type(function).__name__}")
    if not args:
        raise CompileError(
            "compare needs the arguments to call the function with",
            place_of(function),
            hint="da.compare(loss, *args)",
        )


def _copied(leaves: Sequence[Any]) -> list[Any]:
    """Copies of the arrays; what was one array stays one."""
    copies = {id(leaf): leaf.copy(order="K") for leaf in leaves if isinstance(leaf, np.ndarray)}
    return [copies.get(id(leaf), leaf) for leaf in leaves]


def _scale(leaf: Any) -> float:
    """The size of a typical entry, 1 where all are zero."""
    values = np.asarray(leaf, np.float64)
    size = float(np.sqrt(np.mean(values * values))) if values.size else 1.0
    return size if size > 0 and np.isfinite(size) else 1.0


def _scalar(like: Any, value: Any) -> Any:
    return float(value) if type(like) is float else np.float64(value)


def _described(tree: Any) -> str:
    if isinstance(tree, np.ndarray):
        return f"{tree.dtype}[{', '.join(map(str, tree.shape))}]"
    if isinstance(tree, np.generic):
        return str(tree.dtype)
    if isinstance(tree, bool | int | float | str):
        return repr(tree)
    leaves, structure = pytrees.flatten(tree)
    if isinstance(structure, pytrees.Node) and structure.type is not type(None):
        return f"{structure.type.__name__} of {len(leaves)} leaves"
    return type(tree).__name__
