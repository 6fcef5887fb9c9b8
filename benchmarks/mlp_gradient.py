"""The gradient of a classifier: 784-512-256-10, batch 128, tanh, softmax cross-entropy."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from benchmarks import peers
from benchmarks.c import build
from benchmarks.case import Call, Case
from benchmarks.gradients import Adjoint, by_level

SIZES = (784, 512, 256, 10)
BATCH = 128


def arguments(dtype: str) -> tuple[list[tuple[np.ndarray, np.ndarray]], np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    params = [
        ((rng.standard_normal((n, m)) / np.sqrt(n)).astype(dtype), np.zeros(m, dtype))
        for n, m in itertools.pairwise(SIZES)
    ]
    x = rng.standard_normal((BATCH, SIZES[0])).astype(dtype)
    labels = np.eye(SIZES[-1], dtype=dtype)[rng.integers(0, SIZES[-1], BATCH)]
    return params, x, labels


def loss(params, x, labels):
    (w1, b1), (w2, b2), (w3, b3) = params
    h = np.tanh(x @ w1 + b1)
    h = np.tanh(h @ w2 + b2)
    z = h @ w3 + b3
    z = z - np.max(z, axis=1, keepdims=True)
    log_p = z - np.log(np.sum(np.exp(z), axis=1, keepdims=True))
    return -np.sum(labels * log_p) / BATCH


def dialectad(dtype: str, level: Any = "auto") -> Call:
    gradient = peers.dialectad().value_and_grad(loss, level=level)
    args = arguments(dtype)
    return lambda: gradient(*args)


def jax(dtype: str) -> Call:
    jax = peers.jax()
    jnp = jax.numpy

    def loss(params, x, labels):
        *hidden, (w, b) = params
        for v, c in hidden:
            x = jnp.tanh(x @ v + c)
        return -jnp.sum(labels * jax.nn.log_softmax(x @ w + b)) / BATCH

    gradient = jax.jit(jax.value_and_grad(loss))
    args = jax.tree.map(jnp.asarray, arguments(dtype))
    return lambda: jax.block_until_ready(gradient(*args))


def torch(dtype: str) -> Call:
    torch = peers.torch()
    params, x, labels = arguments(dtype)
    tensors = [torch.from_numpy(p).requires_grad_() for layer in params for p in layer]
    x, labels = torch.from_numpy(x), torch.from_numpy(labels)

    def call():
        w1, b1, w2, b2, w3, b3 = tensors
        h = torch.tanh(x @ w1 + b1)
        h = torch.tanh(h @ w2 + b2)
        value = -(labels * torch.log_softmax(h @ w3 + b3, 1)).sum() / BATCH
        return value, torch.autograd.grad(value, tensors)

    return call


def numpy(dtype: str) -> Call:
    """Backpropagation by hand."""
    params, x, labels = arguments(dtype)

    def call():
        (w1, b1), (w2, b2), (w3, b3) = params
        h1 = np.tanh(x @ w1 + b1)
        h2 = np.tanh(h1 @ w2 + b2)
        z = h2 @ w3 + b3
        z -= z.max(axis=1, keepdims=True)
        e = np.exp(z)
        s = e.sum(axis=1, keepdims=True)
        value = -np.sum(labels * (z - np.log(s))) / BATCH
        dz = (e / s * labels.sum(axis=1, keepdims=True) - labels) / BATCH
        d2 = (dz @ w3.T) * (1 - h2 * h2)
        d1 = (d2 @ w2.T) * (1 - h1 * h1)
        gradient = [(x.T @ d1, d1.sum(0)), (h1.T @ d2, d2.sum(0)), (h2.T @ dz, dz.sum(0))]
        return value, gradient

    return call


def _adjoint(dtype: str) -> Adjoint:
    library = build.library("mlp_gradient", real={"float32": "float", "float64": "double"}[dtype], blas=True)
    params, x, labels = arguments(dtype)
    flat = [p for layer in params for p in layer]
    size, outputs = np.array(SIZES, dtype=np.int64), [np.empty_like(p) for p in flat]
    work = np.empty(BATCH * 2 * sum(SIZES[1:]), dtype)
    primal = library.bind("mlp_primal", *flat, x, labels, BATCH, size, work)
    return Adjoint(
        primal, library.bind("mlp_gradient", *flat, x, labels, BATCH, size, *outputs, work), outputs
    )


def c(dtype: str) -> Call:
    adjoint = _adjoint(dtype)
    return lambda: (adjoint.gradient(), adjoint.outputs)


def _c_primal(dtype: str) -> Call:
    return _adjoint(dtype).primal


def _dialectad_primal(dtype: str) -> Call:
    compiled = peers.dialectad().jit(loss)
    args = arguments(dtype)
    return lambda: compiled(*args)


CONTENDERS: dict[str, Callable[[str], Call]] = {
    "dialectad": dialectad,
    "jax": jax,
    "torch": torch,
    "numpy": numpy,
    "c": c,
}


def cases() -> Iterator[Case]:
    for dtype, rtol in (("float32", 2e-4), ("float64", 1e-10)):
        contenders = {name: partial(setup, dtype) for name, setup in CONTENDERS.items()}
        contenders |= by_level(partial(dialectad, dtype))
        primals = {"dialectad": partial(_dialectad_primal, dtype), "c": partial(_c_primal, dtype)}
        yield Case("mlp_gradient", dtype, contenders, rtol, primals=primals)
