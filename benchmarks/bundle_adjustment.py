"""Bundle adjustment: how far points are from where cameras see them, and the blocks of the sparse Jacobian
of that, 2 by 15 for each observation.

A camera is a rotation (axis times angle), a centre, a focal length, a principal point, and two numbers of
radial distortion.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from benchmarks import peers
from benchmarks.c import build
from benchmarks.case import Call, Case, Setup
from benchmarks.gradients import by_level

SIZE = (20, 1000, 5000)
"""Cameras, points, observations."""


def arguments(size: tuple[int, int, int] = SIZE) -> tuple[np.ndarray, ...]:
    """Cameras; points; of each observation, its weight, its place in the image, and who sees what."""
    cameras, points, seen = size
    rng = np.random.default_rng(0)
    made = rng.standard_normal((cameras, 11)) * ([0.3] * 6 + [1.0] + [0.1] * 4)
    made[0, :3] = 0.0
    at = rng.standard_normal((points, 3))
    at[:, 2] += 8.0
    views = np.stack([rng.integers(0, cameras, seen), rng.integers(0, points, seen)], axis=1)
    return made, at, rng.uniform(0.5, 1.5, seen), rng.standard_normal((seen, 2)), views


def rotated(r, x):
    square = np.sum(r * r)
    if square == 0:
        return x + np.cross(r, x)
    angle = np.sqrt(square)
    axis = r / angle
    s, c = np.sin(angle), np.cos(angle)
    return c * x + s * np.cross(axis, x) + (1 - c) * np.sum(axis * x) * axis


def residual(camera, point, weight, place):
    p = rotated(camera[:3], point - camera[3:6])
    flat = p[:2] / p[2]
    square = np.sum(flat * flat)
    distortion = 1 + camera[9] * square + camera[10] * square * square
    return weight * (camera[6] * distortion * flat + camera[7:9] - place)


def residuals(cameras, points, weights, places, views):
    out = np.empty(places.shape)
    for i in range(len(views)):
        out[i] = residual(cameras[views[i, 0]], points[views[i, 1]], weights[i], places[i])
    return out


def _dialectad(level: Any) -> Call:
    da = peers.dialectad()

    def jacobian(cameras, points, weights, places, views):
        def block(weight, place, view):
            args = cameras[view[0]], points[view[1]], weight, place
            return residual(*args), da.jacrev(residual, (0, 1, 2), level=level)(*args)

        return da.vmap(block)(weights, places, views)

    compiled = da.jit(jacobian)
    args = arguments(SIZE)
    return lambda: compiled(*args)


def _dialectad_primal() -> Call:
    compiled = peers.dialectad().jit(residuals)
    args = arguments(SIZE)
    return lambda: compiled(*args)


def _array_residual(xp: Any, cross: Any) -> Any:
    """The residual in the words of `jax.numpy` or `torch`; both sides of the branch are computed."""

    def rotated(r, x):
        square = (r * r).sum()
        angle = xp.sqrt(xp.where(square == 0, 1.0, square))
        axis = r / angle
        s, c = xp.sin(angle), xp.cos(angle)
        turned = c * x + s * cross(axis, x) + (1 - c) * (axis * x).sum() * axis
        return xp.where(square == 0, x + cross(r, x), turned)

    def residual(camera, point, weight, place):
        p = rotated(camera[:3], point - camera[3:6])
        flat = p[:2] / p[2]
        square = (flat * flat).sum()
        distortion = 1 + camera[9] * square + camera[10] * square * square
        return weight * (camera[6] * distortion * flat + camera[7:9] - place)

    return residual


def _with_jacobian(residual: Any, jacrev: Any) -> Any:
    def both(*args: Any) -> Any:
        value = residual(*args)
        return value, value

    jacobian = jacrev(both, (0, 1, 2), has_aux=True)
    return lambda *args: jacobian(*args)[::-1]


def _jax(*, primal: bool = False) -> Call:
    jax = peers.jax()
    residual = _array_residual(jax.numpy, jax.numpy.cross)
    each = jax.vmap(residual if primal else _with_jacobian(residual, jax.jacrev))

    @jax.jit
    def compiled(cameras, points, weights, places, views):
        return each(cameras[views[:, 0]], points[views[:, 1]], weights, places)

    args = [jax.numpy.asarray(a) for a in arguments(SIZE)]
    return lambda: jax.block_until_ready(compiled(*args))


def _torch(*, primal: bool = False) -> Call:
    torch = peers.torch()
    residual = _array_residual(torch, torch.linalg.cross)
    each = torch.func.vmap(residual if primal else _with_jacobian(residual, torch.func.jacrev))
    cameras, points, weights, places, views = (torch.from_numpy(a) for a in arguments(SIZE))
    return lambda: each(cameras[views[:, 0]], points[views[:, 1]], weights, places)


def _c(*, primal: bool = False) -> Call:
    library = build.library("bundle_adjustment")
    args, n = arguments(SIZE), SIZE[2]
    out = np.empty((n, 2))
    if primal:
        call = library.bind("bundle_adjustment_primal", *args, n, out)
        return lambda: (call(), out)[1]
    blocks = [np.empty((n, 2, 11)), np.empty((n, 2, 3)), np.empty((n, 2))]
    call = library.bind("bundle_adjustment_jacobian", *args, n, out, *blocks)
    return lambda: (call(), (out, blocks))[1]


def cases() -> Iterator[Case]:
    cameras, points, seen = SIZE
    contenders = {**by_level(_dialectad), "jax": _jax, "torch": _torch, "c": _c}
    with_primals = {"jax": _jax, "torch": _torch, "c": _c}
    primals: dict[str, Setup] = {"dialectad": _dialectad_primal}
    primals |= {name: partial(setup, primal=True) for name, setup in with_primals.items()}
    name = f"Jacobian, {cameras} cameras, {points} points, {seen} observations"
    yield Case("bundle_adjustment", name, contenders, primals=primals)
