"""Newton's step for k-means: the gradient of the cost by the centres, and the diagonal of its Hessian,
which is the Hessian times ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks import peers
from benchmarks.c import build
from benchmarks.case import Call, Case
from benchmarks.gradients import by_level

SIZE = (5000, 16, 8)
"""Points, centres, dimensions."""


def arguments(size: tuple[int, int, int] = SIZE) -> tuple[np.ndarray, np.ndarray]:
    n, k, d = size
    rng = np.random.default_rng(0)
    return rng.standard_normal((k, d)), rng.standard_normal((n, d))


def cost(centres, points):
    squares = np.sum((points[:, np.newaxis, :] - centres) ** 2, axis=2)
    return np.sum(np.min(squares, axis=1))


def _dialectad(level: Any) -> Call:
    da = peers.dialectad()

    def step(centres, points):
        gradient = da.grad(cost, level=level)
        return da.jvp(lambda c: gradient(c, points), (centres,), (np.ones_like(centres),), level=level)

    compiled = da.jit(step)
    args = arguments(SIZE)
    return lambda: compiled(*args)


def _jax() -> Call:
    jax = peers.jax()
    jnp = jax.numpy

    def cost(centres, points):
        squares = jnp.square(points[:, None, :] - centres).sum(axis=2)
        return squares.min(axis=1).sum()

    @jax.jit
    def step(centres, points):
        return jax.jvp(lambda c: jax.grad(cost)(c, points), (centres,), (jnp.ones_like(centres),))

    args = [jnp.asarray(a) for a in arguments(SIZE)]
    return lambda: jax.block_until_ready(step(*args))


def _torch() -> Call:
    torch = peers.torch()

    def cost(centres, points):
        return ((points[:, None, :] - centres) ** 2).sum(2).amin(1).sum()

    centres, points = (torch.from_numpy(a) for a in arguments(SIZE))
    gradient, ones = torch.func.grad(cost), torch.ones_like(centres)
    return lambda: torch.func.jvp(lambda c: gradient(c, points), (centres,), (ones,))


def _numpy() -> Call:
    """By hand: each centre is drawn to the points that are nearest to it."""
    centres, points = arguments(SIZE)

    def call() -> Any:
        squares = np.sum((points[:, np.newaxis, :] - centres) ** 2, axis=2)
        nearest = np.eye(len(centres))[np.argmin(squares, axis=1)]
        diagonal = np.repeat(2 * nearest.sum(axis=0)[:, np.newaxis], centres.shape[1], axis=1)
        return diagonal * centres - 2 * nearest.T @ points, diagonal

    return call


def _c() -> Call:
    library = build.library("k_means")
    (centres, points), (n, k, d) = arguments(SIZE), SIZE
    outputs = [np.empty_like(centres), np.empty_like(centres)]
    call = library.bind("k_means_step", centres, points, n, k, d, *outputs)
    return lambda: (call(), outputs)[1]


def cases() -> Iterator[Case]:
    contenders = {**by_level(_dialectad), "jax": _jax, "torch": _torch, "numpy": _numpy, "c": _c}
    n, k, d = SIZE
    yield Case("k_means", f"{n} points, {k} centres, {d} dimensions", contenders)
