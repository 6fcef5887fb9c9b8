"""The real programs of `tests/programs`, at sizes that people run: the function itself, without a derivative.

Some have one size and are short: a tree of seven nodes, Newton's iteration for a number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from benchmarks import peers
from benchmarks.case import Call, Case
from tests.programs import (
    data,
    events,
    flow,
    integers,
    learning,
    polybench_linear_algebra,
    polybench_solvers,
    polybench_stencils,
    probability,
    recursion,
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
    (data.k_means, lambda: (normal(5000, 2), normal(8, 2))),
    (data.weighted_histogram, lambda: (uniform(10_000), uniform(10_000, seed=1))),
    (data.azimuthal_integration, lambda: (uniform(100_000, low=0.5, high=3.0), uniform(100_000, seed=1))),
    (data.crc_16, lambda: (_symbols(2000, 256),)),
    (data.csr_matvec, lambda: _csr(5000, 5000, 20)),
    (data.levenshtein, lambda: (_symbols(200, 4), _symbols(220, 4, 1))),
    (events.pendulum_with_events, lambda: (np.array([1.0, 0.0]), 0.1, 0.9)),
    (events.bouncing_ball, lambda: (3.0, 0.9998)),
    (flow.cavity_flow, lambda: (*uniform(3, 101, 101), 0.001, 0.02, 0.02)),
    (flow.channel_flow, lambda: (*uniform(2, 101, 101), 0.001, 0.02, 0.02, 1.0)),
    (integers.crc32, lambda: (_symbols(20_000, 256).astype(np.uint8),)),
    (integers.equalised, lambda: (normal(3), integers.image(120, 160, 3))),
    (
        learning.mlp,
        lambda: (normal(64, 784), normal(784, 256) / 28, normal(256), normal(256, 10) / 16, normal(10)),
    ),
    (
        learning.lenet,
        lambda: (
            normal(8, 28, 28, 1),
            {
                "conv1": normal(5, 5, 1, 6) / 5,
                "bias1": normal(6),
                "conv2": normal(5, 5, 6, 16) / 12,
                "bias2": normal(16),
            },
            {"dense": normal(256, 10) / 16, "bias": normal(10)},
        ),
    ),
    (
        learning.resnet_block,
        lambda: (normal(2, 14, 14, 32), normal(1, 1, 32, 8), normal(3, 3, 8, 8), normal(1, 1, 8, 32)),
    ),
    (
        learning.lstm,
        lambda: (normal(50, 16, 32), normal(32, 256) / 6, normal(64, 256) / 8, normal(256)),
    ),
    (
        polybench_linear_algebra.two_mm,
        lambda: (1.5, 1.2, normal(180, 210), normal(210, 190), normal(190, 220), normal(180, 220)),
    ),
    (
        polybench_linear_algebra.three_mm,
        lambda: (normal(180, 200), normal(200, 190), normal(190, 220), normal(220, 210)),
    ),
    (polybench_linear_algebra.atax, lambda: (normal(1000, 1200), normal(1200))),
    (polybench_linear_algebra.bicg, lambda: (normal(1000, 1200), normal(1200), normal(1000))),
    (polybench_linear_algebra.doitgen, lambda: (normal(40, 50, 60), normal(60, 60))),
    (polybench_linear_algebra.gemm, lambda: (1.5, 1.2, normal(100, 120), normal(100, 80), normal(80, 120))),
    (
        polybench_linear_algebra.gemver,
        lambda: (1.5, 1.2, normal(800, 800), *(normal(800, seed=s) for s in range(6))),
    ),
    (
        polybench_linear_algebra.gesummv,
        lambda: (1.5, 1.2, normal(1000, 1000), normal(1000, 1000, seed=1), normal(1000)),
    ),
    (
        polybench_linear_algebra.mvt,
        lambda: (*(normal(1000, seed=s) for s in range(4)), normal(1000, 1000)),
    ),
    (
        polybench_linear_algebra.symm,
        lambda: (1.5, 1.2, normal(60, 80), normal(60, 60), normal(60, 80, seed=1)),
    ),
    (
        polybench_linear_algebra.syr2k,
        lambda: (1.5, 1.2, normal(100, 100), normal(100, 80), normal(100, 80, seed=1)),
    ),
    (polybench_linear_algebra.syrk, lambda: (1.5, 1.2, normal(100, 100), normal(100, 80))),
    (polybench_linear_algebra.trmm, lambda: (1.5, normal(80, 80), normal(80, 100))),
    (polybench_linear_algebra.covariance, lambda: (normal(400, 250),)),
    (polybench_linear_algebra.correlation, lambda: (normal(400, 250),)),
    (polybench_solvers.cholesky, lambda: (positive_definite(150),)),
    (polybench_solvers.durbin, lambda: (0.2 * normal(1000) / np.arange(1, 1001),)),
    (polybench_solvers.gramschmidt, lambda: (normal(120, 100),)),
    (polybench_solvers.lu, lambda: (positive_definite(100),)),
    (polybench_solvers.ludcmp, lambda: (positive_definite(100), normal(100))),
    (polybench_solvers.trisolv, lambda: (positive_definite(1000), normal(1000))),
    (polybench_solvers.floyd_warshall, lambda: (uniform(200, 200),)),
    (polybench_solvers.nussinov, lambda: (_symbols(60, 4),)),
    (polybench_stencils.jacobi_1d, lambda: (200, normal(2000), normal(2000, seed=1))),
    (polybench_stencils.jacobi_2d, lambda: (50, normal(250, 250), normal(250, 250, seed=1))),
    (polybench_stencils.heat_3d, lambda: (10, normal(50, 50, 50), normal(50, 50, 50, seed=1))),
    (polybench_stencils.seidel_2d, lambda: (10, normal(100, 100))),
    (polybench_stencils.fdtd_2d, lambda: (*normal(3, 200, 240), normal(50))),
    (polybench_stencils.adi, lambda: (10, normal(100, 100))),
    (polybench_stencils.deriche, lambda: (0.25, normal(400, 300))),
    (probability.gaussian_mixture, lambda: (normal(5), normal(5, 3), normal(5, 6), normal(100, 3))),
    (
        probability.hmm_forward,
        lambda: (uniform(16), uniform(16, 16, low=0.1), uniform(16, 8, low=0.1), _symbols(1000, 8)),
    ),
    (
        probability.kalman_filter,
        lambda: (
            np.eye(4) + 0.1 * normal(4, 4),
            np.eye(4)[:2],
            0.1 * np.eye(4),
            positive_definite(2),
            normal(500, 2),
        ),
    ),
    (recursion.quadrature, lambda: (-3.0,)),
    (recursion.binary_tree, lambda: (normal(7),)),
    (recursion.determinant_by_minors, lambda: (normal(7, 7),)),
    (recursion.mutual, lambda: (0.3, 500)),
    (recursion.sorted_in_place, lambda: (normal(2000),)),
    (recursion.ackermann, lambda: (2, 100)),
    (recursion.fibonacci, lambda: (20,)),
    (roots.newton, lambda: (2.0, 40.0)),
    (roots.bisection, lambda: (0.0, 1e5, np.append(-1.0, uniform(30)))),
    (roots.gauss_legendre, lambda: (0.5, 2.0)),
    (roots.conjugate_gradients, lambda: (positive_definite(300), normal(300))),
    (roots.power_iteration, lambda: (positive_definite(300),)),
    (simulation.n_body, lambda: (normal(80, 3), normal(80, 3, seed=1), uniform(80, low=0.5))),
    (simulation.mandelbrot, lambda: (-2.0, 0.6, -1.2, 1.2, 1000)),
    (simulation.runge_kutta_45, lambda: (np.array([2.0, 0.3]), 100.0)),
    (simulation.black_scholes, lambda: (100.0, 105.0, uniform(100_000, low=0.1, high=0.5), 0.02, 1.5)),
    (transforms.stockham_fft, lambda: (normal(4096), normal(4096, seed=1))),
    (transforms.discrete_fourier_transform, lambda: (normal(300),)),
    (weather.horizontal_diffusion, lambda: (normal(132, 132, 32), uniform(128, 128, 32))),
    (weather.vertical_advection, lambda: (normal(64, 64, 64), normal(64, 64, 64, seed=1), 0.3)),
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
