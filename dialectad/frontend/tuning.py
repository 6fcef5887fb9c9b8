"""Which of several functions is the fastest: the measurement behind `da.Level("auto", tune=True)`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

import numpy as np

_SECONDS = 0.05
"""How long each function is run, at least once and at most `_MOST` times."""

_MOST = 50


def best_times(functions: Sequence[Callable[[list[Any]], Any]], leaves: Sequence[Any]) -> list[float]:
    """The shortest time that each function took, in seconds; they take turns.

    Each run gets copies of the arrays, which it may write into. What a function raises is not caught: they
    all do the same.
    """
    best = [float("inf")] * len(functions)
    spent = 0.0
    for _ in range(_MOST):
        for k, function in enumerate(functions):
            arguments = [leaf.copy() if isinstance(leaf, np.ndarray) else leaf for leaf in leaves]
            start = perf_counter()
            function(arguments)
            elapsed = perf_counter() - start
            spent += elapsed
            best[k] = min(best[k], elapsed)
        if spent > _SECONDS * len(functions):
            break
    return best
