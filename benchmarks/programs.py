"""Real programs of `tests/programs`, at sizes that people run: the function itself, without a derivative."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from benchmarks import peers
from benchmarks.case import Call, Case
from tests.programs import (
    data,
    flow,
    learning,
    polybench_linear_algebra,
    polybench_solvers,
    polybench_stencils,
    probability,
    roots,
    simulation,
    transforms,
    weather,
)
from tests.programs.registry import normal, positive_definite, uniform

Function = Callable[..., Any]


def _csr(rows: int, columns: int, each: int) -> tuple[Any, ...]:
    """A sparse matrix with so many entries a row, and a vector."""
    places = np.random.default_rng(0).integers(0, columns, rows * each)
    return np.arange(0, rows * each + 1, each), places, normal(rows * each), normal(columns)


def _symbols(n: int, count: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).integers(0, count, n)


PROBLEMS: list[tuple[Function, Callable[[], tuple[Any, ...]]]] = [
    (polybench_linear_algebra.gemm, lambda: (1.5, 1.2, normal(100, 120), normal(100, 80), normal(80, 120))),
    (polybench_linear_algebra.atax, lambda: (normal(1000, 1200), normal(1200))),
    (polybench_linear_algebra.correlation, lambda: (normal(400, 250),)),
    (polybench_solvers.cholesky, lambda: (positive_definite(150),)),
    (polybench_solvers.floyd_warshall, lambda: (uniform(200, 200),)),
    (polybench_solvers.nussinov, lambda: (_symbols(60, 4),)),
    (polybench_stencils.jacobi_2d, lambda: (50, normal(250, 250), normal(250, 250, seed=1))),
    (polybench_stencils.heat_3d, lambda: (10, normal(50, 50, 50), normal(50, 50, 50, seed=1))),
    (polybench_stencils.seidel_2d, lambda: (10, normal(100, 100))),
    (polybench_stencils.adi, lambda: (10, normal(100, 100))),
    (polybench_stencils.deriche, lambda: (0.25, normal(400, 300))),
    (weather.horizontal_diffusion, lambda: (normal(132, 132, 32), uniform(128, 128, 32))),
    (weather.vertical_advection, lambda: (normal(64, 64, 64), normal(64, 64, 64, seed=1), 0.3)),
    (flow.cavity_flow, lambda: (*uniform(3, 101, 101), 0.001, 0.02, 0.02)),
    (simulation.n_body, lambda: (normal(80, 3), normal(80, 3, seed=1), uniform(80, low=0.5))),
    (data.k_means, lambda: (normal(5000, 2), normal(8, 2))),
    (data.csr_matvec, lambda: _csr(5000, 5000, 20)),
    (data.levenshtein, lambda: (_symbols(200, 4), _symbols(220, 4, 1))),
    (transforms.stockham_fft, lambda: (normal(4096), normal(4096, seed=1))),
    (
        learning.mlp,
        lambda: (normal(64, 784), normal(784, 256) / 28, normal(256), normal(256, 10) / 16, normal(10)),
    ),
    (
        learning.resnet_block,
        lambda: (normal(2, 14, 14, 32), normal(1, 1, 32, 8), normal(3, 3, 8, 8), normal(1, 1, 8, 32)),
    ),
    (
        probability.hmm_forward,
        lambda: (uniform(16), uniform(16, 16, low=0.1), uniform(16, 8, low=0.1), _symbols(1000, 8)),
    ),
    (roots.conjugate_gradients, lambda: (positive_definite(300), normal(300))),
]
"""Programs, and how to make their arguments."""


def _written(function: Function, args: tuple[Any, ...]) -> list[int]:
    """Which arguments a function writes into."""
    taken = [x.copy() if isinstance(x, np.ndarray) else x for x in args]
    function(*taken)
    return [n for n, x in enumerate(args) if isinstance(x, np.ndarray) and not np.array_equal(x, taken[n])]


def _call(function: Function, make: Callable[[], tuple[Any, ...]], *, compiled: bool) -> Call:
    """Each call has copies of what it writes into, and gives them as results, too."""
    args = make()
    written = _written(function, args)
    called = peers.dialectad().jit(function) if compiled else function

    def call() -> Any:
        taken = list(args)
        for n in written:
            taken[n] = args[n].copy()
        result = called(*taken)
        return () if result is None else result, [taken[n] for n in written]

    return call


def cases() -> Iterator[Case]:
    for function, make in PROBLEMS:
        setups = {
            "dialectad": partial(_call, function, make, compiled=True),
            "numpy": partial(_call, function, make, compiled=False),
        }
        yield Case("programs", function.__name__, setups)
