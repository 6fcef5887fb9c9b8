"""Whether a compiled function does what plain Python and NumPy do: results, dtypes, effects, exceptions."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

import dialectad as da
from dialectad.frontend import pytrees
from tests.gradients import directional_difference, fresh, inner, random_direction


def same(found: Any, expected: Any, where: str = "result") -> None:
    """Both have the same types, dtypes, shapes and (up to rounding) values."""
    assert type(found) is type(expected), f"{where}: {found!r} is not of the type of {expected!r}"
    if isinstance(expected, list | tuple):
        assert len(found) == len(expected), where
        for i, (f, e) in enumerate(zip(found, expected, strict=True)):
            same(f, e, f"{where}[{i}]")
    elif isinstance(expected, dict):
        assert list(found) == list(expected), where
        for key in expected:
            same(found[key], expected[key], f"{where}[{key!r}]")
    elif dataclasses.is_dataclass(expected):
        same(vars(found), vars(expected), where)
    elif isinstance(expected, np.ndarray | np.generic | float):
        assert np.asarray(found).dtype == np.asarray(expected).dtype, where
        assert np.shape(found) == np.shape(expected), where
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-12, err_msg=where)
    else:
        assert found == expected, f"{where}: {found!r} != {expected!r}"


def agrees(function: Callable[..., Any], *args: Any, twice: bool = True) -> None:
    """Compiled and plain, `function` gives, raises and writes the same; called twice when `twice`."""
    compiled = da.jit(function)
    for _ in range(1 + twice):
        for_numpy, for_us = copy.deepcopy(args), copy.deepcopy(args)
        try:
            expected = function(*for_numpy)
        except Exception as problem:
            _raises(compiled, for_us, problem)
        else:
            found = compiled(*for_us)
            same(found, expected)
            assert _origins(found, for_us) == _origins(expected, for_numpy), "other arguments are returned"
        same(for_us, for_numpy, "arguments")


def _raises(compiled: Callable[..., Any], args: Any, expected: Exception) -> None:
    try:
        compiled(*args)
    except type(expected):
        return
    raise AssertionError(f"{expected!r} is expected")


def _origins(result: Any, args: Any) -> list[int | None]:
    """Which leaf of the arguments each array of the result is."""
    known = {id(leaf): i for i, leaf in enumerate(pytrees.flatten(args)[0]) if isinstance(leaf, np.ndarray)}
    return [known.get(id(leaf)) for leaf in pytrees.flatten(result)[0]]


def derivatives_agree(
    function: Callable[..., Any], *args: Any, levels: tuple[str, ...] = ("linalg", "loop", "llvm")
) -> None:
    """The derivatives of a scalar function by its first argument, in both modes, are finite differences."""
    direction = random_direction(args[0])
    expected = directional_difference(function, args, direction, 1e-6)

    def close(found: Any, mode: str) -> None:
        np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-7, err_msg=mode)

    for level in levels:
        reverse = da.grad(function, level=level)(*fresh(args))
        close(inner(reverse, direction), f"{level}, reverse")
        rest = fresh(args[1:])
        _, forward = da.jvp(lambda x, rest=rest: function(x, *rest), (args[0],), (direction,), level=level)
        close(forward, f"{level}, forward")
