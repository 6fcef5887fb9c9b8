"""The numerical checker: derivatives against finite differences, over pytrees."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from dialectad.frontend import pytrees


def fresh(args: Any) -> Any:
    """A deep copy, so that no call sees what another one wrote."""
    return copy.deepcopy(args)


def directional_difference(
    function: Callable[..., Any], args: tuple[Any, ...], direction: Any, step: float
) -> float:
    """The central difference of a scalar function along a direction of its first argument."""
    leaves, structure = pytrees.flatten(args[0])
    along, _ = pytrees.flatten(direction)
    values = []
    for sign in (1, -1):
        moved = [
            _moved(x, sign * step * np.asarray(d, np.float64)) for x, d in zip(leaves, along, strict=True)
        ]
        values.append(float(function(pytrees.unflatten(structure, moved), *fresh(args[1:]))))
    return (values[0] - values[1]) / (2 * step)


def _moved(x: Any, by: Any) -> Any:
    return x + by if isinstance(x, np.ndarray) else x + float(by)


def random_direction(like: Any, seed: int = 0) -> Any:
    """A pytree of normal random numbers of the same structure, shapes and dtypes."""
    rng = np.random.default_rng(seed)
    leaves, structure = pytrees.flatten(like)
    made = []
    for x in leaves:
        value = rng.standard_normal(np.shape(x))
        made.append(value.astype(x.dtype) if isinstance(x, np.ndarray | np.generic) else float(value))
    return pytrees.unflatten(structure, made)


def inner(a: Any, b: Any) -> float:
    """The inner product of two pytrees."""
    pairs = zip(pytrees.flatten(a)[0], pytrees.flatten(b)[0], strict=True)
    return float(sum(np.sum(np.asarray(x, np.float64) * np.asarray(y, np.float64)) for x, y in pairs))


def double(args: Any) -> Any:
    """The arguments with single-precision numbers in double precision, for finite differences."""
    leaves, structure = pytrees.flatten(args)
    return pytrees.unflatten(
        structure, [x.astype(np.float64) if getattr(x, "dtype", None) == np.float32 else x for x in leaves]
    )
