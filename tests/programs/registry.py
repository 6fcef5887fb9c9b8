"""Where the programs of this package are registered, each with small arguments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Program:
    function: Callable[..., Any]
    args: tuple[Any, ...]
    by: int | None
    """Which argument to differentiate by: None where all results are integers, or constant in pieces."""

    @property
    def name(self) -> str:
        return self.function.__name__


PROGRAMS: list[Program] = []


def program(*args: Any, by: int | None = 0) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        PROGRAMS.append(Program(function, args, by))
        return function

    return register


def normal(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


def uniform(*shape: int, low: float = 0.0, high: float = 1.0, seed: int = 0) -> Any:
    return np.random.default_rng([seed, *shape]).uniform(low, high, shape)


def positive_definite(n: int) -> Any:
    a = normal(n, n)
    return a @ a.T / n + np.eye(n)
