"""What a call costs: three arrays of four elements, hardly any work."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks import peers
from benchmarks.case import Call, Case


def f(a, b, c):
    return a + b * c


def _arguments() -> list[np.ndarray]:
    return list(np.random.default_rng(0).standard_normal((3, 4)))


def _dialectad() -> Call:
    compiled = peers.dialectad().jit(f)
    a, b, c = _arguments()
    return lambda: compiled(a, b, c)


def _jax() -> Call:
    jax = peers.jax()
    compiled = jax.jit(f)
    a, b, c = map(jax.numpy.asarray, _arguments())
    return lambda: compiled(a, b, c).block_until_ready()


def _torch() -> Call:
    torch = peers.torch()
    a, b, c = map(torch.from_numpy, _arguments())
    return lambda: f(a, b, c)


def _numpy() -> Call:
    a, b, c = _arguments()
    return lambda: f(a, b, c)


def cases() -> Iterator[Case]:
    contenders = {"dialectad": _dialectad, "jax": _jax, "torch": _torch, "numpy": _numpy}
    yield Case("empty_call", "3 arrays of 4 f64", contenders)
