"""Random NumPy programs: the source of small functions with nested control flow, views and writes in place.

`program(seed)` gives the same program each time; with a `size`, one of about so many statements. What it
gives runs under NumPy, and there its result is a number that central differences can differentiate along
`DIRECTIONS` random directions: an attempt that NumPy refuses, or that stands at a kink, is thrown away and
the next one taken. So every check of a program has something to compare with, and none needs to be skipped.
"""

from __future__ import annotations

import copy
import importlib.util
import math
import random
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tests.program_writer.writer import Writer

DIRECTIONS = 2
"""How many directions a program can be differentiated along by differences."""

SIZES = (2, 3, 5)
"""About how many statements the programs have that are checked by default, in turn."""

_STEPS = (1e-4, 1e-5, 1e-6)
_ATTEMPTS = 200


@dataclass(eq=False)
class Program:
    """A function with arguments for it; by the floats among them it is differentiated."""

    source: str
    args: tuple[Any, ...]
    seed: int | str = ""
    function: Callable[..., Any] = field(init=False, repr=False)

    def __post_init__(self):
        self.function = _load(self.source)

    @property
    def active(self) -> tuple[int, ...]:
        """The positions of the arguments to differentiate by."""
        return tuple(i for i, a in enumerate(self.args) if np.asarray(a).dtype.kind == "f")

    @property
    def single(self) -> bool:
        """Whether it computes in single precision."""
        return any(isinstance(a, np.ndarray) and a.dtype == np.float32 for a in self.args)

    def fresh(self) -> tuple[Any, ...]:
        """The arguments, to be written into."""
        return copy.deepcopy(self.args)

    def direction(self, seed: int) -> tuple[Any, ...]:
        """A random direction: a value for each active argument."""
        rng = np.random.default_rng(seed)
        made = []
        for i in self.active:
            d = rng.standard_normal(np.shape(self.args[i]))
            made.append(d.astype(self.args[i].dtype) if isinstance(self.args[i], np.ndarray) else float(d))
        return tuple(made)

    def moved(self, direction: tuple[Any, ...], by: float) -> tuple[Any, ...]:
        """The arguments, in double precision, moved along a direction."""
        args = [a.astype(np.float64) if _is_single(a) else a for a in self.fresh()]
        for i, d in zip(self.active, direction, strict=True):
            args[i] = args[i] + by * np.asarray(d, np.float64) if np.ndim(d) else args[i] + by * float(d)
        return tuple(args)

    def run(self, args: tuple[Any, ...]) -> Any:
        """What NumPy gives."""
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return self.function(*args)

    def difference(self, direction: tuple[Any, ...]) -> float:
        """The derivative along a direction, by differences of what NumPy gives."""
        return difference(lambda by: float(self.run(self.moved(direction, by))))


def _is_single(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype == np.float32


class NotSmooth(Exception):
    """Differences don't converge, or differ from side to side: there is no derivative to compare with."""


def difference(function: Callable[[float], float]) -> float:
    """The derivative at 0, by central differences with Richardson extrapolation.

    Raises
    ------
    NotSmooth
        If at no step do both sides agree.
    """
    middle = function(0.0)
    for step in _STEPS:
        up, half_up, half_down, down = (function(by * step) for by in (1.0, 0.5, -0.5, -1.0))
        whole, half = (up - down) / (2 * step), (half_up - half_down) / step
        scale = max(1.0, abs(half))
        one_sided = abs(half_up - 2 * middle + half_down) / step
        if abs(whole - half) < 1e-5 * scale and one_sided < 50 * step * scale + 1e-8 / step * 1e-6:
            return (4 * half - whole) / 3
    raise NotSmooth


_directory: tempfile.TemporaryDirectory[str] | None = None
_count = 0


def _load(source: str) -> Callable[..., Any]:
    """The function `program` of a source, from a real file: compilers read the source."""
    global _directory, _count
    if _directory is None:
        _directory = tempfile.TemporaryDirectory(prefix="random_programs")
    _count += 1
    path = Path(_directory.name) / f"program_{_count}.py"
    path.write_text(source)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spec.loader.exec_module(module)
    return module.program


def program(seed: int, size: int | None = None) -> Program:
    """The program of a seed; of about `size` statements, those in blocks counted."""
    for attempt in range(_ATTEMPTS):
        rng = random.Random(f"{seed}/{attempt}")
        made = Program(*Writer(rng, size).write(), seed=seed)
        if meaningful(made):
            return made
    raise AssertionError(f"no program for seed {seed}")


def meaningful(made: Program) -> bool:
    """Whether NumPy runs the program, and differences give its derivatives."""
    try:
        value = made.run(made.fresh())
        exact = made.run(made.moved(made.direction(0), 0.0))
        slopes = [made.difference(made.direction(i)) for i in range(DIRECTIONS)]
    except (ArithmeticError, IndexError, NameError, ValueError, TypeError, NotSmooth):
        return False
    if not isinstance(value, float | np.floating):
        return False
    close = abs(value - exact) < (1e-4 if made.single else 1e-12) * max(1.0, abs(exact))
    return close and all(math.isfinite(s) and abs(s) < 1e3 for s in slopes) and any(slopes)
