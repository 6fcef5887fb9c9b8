"""A transformer's encoder block: one sequence with one head, and several sequences with several heads."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from benchmarks.c import build
from benchmarks.case import Call, Case
from benchmarks.gradients import Adjoint, Problem, joined, split_like
from benchmarks.memory import MemoryCase

SIZE = (256, 64)
"""Length and width of the sequence."""
SIZES = (8, 64, 128)
"""Sequences, their length and width."""
HEADS = 4
EPS = 1e-5


def arguments(shape: tuple[int, ...] = SIZE, dtype: str = "float64") -> tuple[Any, ...]:
    """Weights of query, key, value, result and two dense layers, scales and shifts of two norms; and data."""
    rng = np.random.default_rng(0)
    width = shape[-1]
    products = [(width, width)] * 4 + [(width, 4 * width), (4 * width, width)]
    params = [rng.standard_normal(s) / np.sqrt(s[0]) for s in products]
    params += [at + 0.1 * rng.standard_normal(width) for at in (1.0, 0.0, 1.0, 0.0)]
    x, target = rng.standard_normal((2, *shape))
    return [p.astype(dtype) for p in params], x.astype(dtype), target.astype(dtype)


def softmax(x):
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def norm(x, scale, shift):
    centred = x - np.mean(x, axis=-1, keepdims=True)
    return centred / np.sqrt(np.mean(centred**2, axis=-1, keepdims=True) + EPS) * scale + shift


def loss(params, x, target):
    wq, wk, wv, wo, w1, w2, scale1, shift1, scale2, shift2 = params
    y = norm(x, scale1, shift1)
    scores = (y @ wq) @ (y @ wk).T / x.shape[1] ** 0.5
    x = x + softmax(scores) @ (y @ wv) @ wo
    x = x + np.tanh(norm(x, scale2, shift2) @ w1) @ w2
    return np.mean((x - target) ** 2)


def loss_heads(params, x, target):
    wq, wk, wv, wo, w1, w2, scale1, shift1, scale2, shift2 = params
    batch, length, width = x.shape

    def split(z):
        return z.reshape(batch, length, HEADS, width // HEADS).transpose(0, 2, 1, 3)

    y = norm(x, scale1, shift1)
    q, k, v = split(y @ wq), split(y @ wk), split(y @ wv)
    scores = q @ k.transpose(0, 1, 3, 2) / (width // HEADS) ** 0.5
    x = x + (softmax(scores) @ v).transpose(0, 2, 1, 3).reshape(x.shape) @ wo
    x = x + np.tanh(norm(x, scale2, shift2) @ w1) @ w2
    return np.mean((x - target) ** 2)


def _c(heads: int, params: list[np.ndarray], x: np.ndarray, target: np.ndarray) -> Adjoint:
    real = {"float32": "float", "float64": "double"}[x.dtype.name]
    library = build.library("attention", real=real, blas=True)
    length, width = x.shape[-2:]
    size = np.array([x.size // (length * width), length, width, heads], dtype=np.int64)
    weights, dweights = joined(params), np.empty(sum(p.size for p in params), x.dtype)
    work = np.empty(19 * x.size + (heads * size[0] + 1) * length**2 + 2 * x.size // width, x.dtype)
    primal = library.bind("attention_primal", weights, x, target, size, EPS, work)
    gradient = library.bind("attention_gradient", weights, x, target, size, EPS, dweights, work)
    return Adjoint(primal, gradient, split_like(params, dweights))


def c(params: list[np.ndarray], x: np.ndarray, target: np.ndarray) -> Adjoint:
    return _c(1, params, x, target)


def c_heads(params: list[np.ndarray], x: np.ndarray, target: np.ndarray) -> Adjoint:
    return _c(HEADS, params, x, target)


def _jax(jax):
    """One sequence, with any number of heads."""
    jnp = jax.numpy

    def norm(x, scale, shift):
        centred = x - x.mean(-1, keepdims=True)
        return centred * jax.lax.rsqrt(jnp.square(centred).mean(-1, keepdims=True) + EPS) * scale + shift

    def block(heads, params, x):
        wq, wk, wv, wo, w1, w2, scale1, shift1, scale2, shift2 = params
        y = norm(x, scale1, shift1)
        q, k, v = (jnp.reshape(y @ w, (len(x), heads, -1)) for w in (wq, wk, wv))
        scores = jnp.einsum("ihd,jhd->hij", q, k) / np.sqrt(q.shape[-1])
        x = x + jnp.einsum("hij,jhd->ihd", jax.nn.softmax(scores), v).reshape(x.shape) @ wo
        return x + jnp.tanh(norm(x, scale2, shift2) @ w1) @ w2

    return block


def _jax_one(jax):
    block = _jax(jax)
    return lambda params, x, target: jax.numpy.mean((block(1, params, x) - target) ** 2)


def _jax_heads(jax):
    block = jax.vmap(partial(_jax(jax), HEADS), (None, 0))
    return lambda params, x, target: jax.numpy.mean((block(params, x) - target) ** 2)


def _torch(heads, torch):
    functional = torch.nn.functional

    def loss(params, x, target):
        wq, wk, wv, wo, w1, w2, scale1, shift1, scale2, shift2 = params
        y = functional.layer_norm(x, x.shape[-1:], scale1, shift1, EPS)
        q, k, v = ((y @ w).unflatten(-1, (heads, -1)).transpose(-2, -3) for w in (wq, wk, wv))
        attended = functional.scaled_dot_product_attention(q, k, v)
        x = x + attended.transpose(-2, -3).flatten(-2) @ wo
        x = x + torch.tanh(functional.layer_norm(x, x.shape[-1:], scale2, shift2, EPS) @ w1) @ w2
        return ((x - target) ** 2).mean()

    return loss


PROBLEM = Problem("attention", loss, (0,), c, _jax_one, partial(_torch, 1))
HEADED = Problem("attention", loss_heads, (0,), c_heads, _jax_heads, partial(_torch, HEADS))


def cases() -> Iterator[Case]:
    for dtype, rtol in (("float32", 2e-4), ("float64", 1e-9)):
        name = "one head, length {}, width {}, " + dtype
        yield PROBLEM.case(name.format(*SIZE), partial(arguments, SIZE, dtype), rtol=rtol)
        name = f"{HEADS} heads, batch {{}}, length {{}}, width {{}}, {dtype}"
        yield HEADED.case(name.format(*SIZES), partial(arguments, SIZES, dtype), rtol=rtol)


SMALL = (2, 3, 8)
"""What warms a library up."""


def ahead(contender: str, *size: int) -> Call:
    return HEADED.ahead(contender, partial(arguments, size))


def memory_cases() -> Iterator[MemoryCase]:
    yield HEADED.memory_case("{} sequences of {}, width {}".format(*SIZES), *SIZES)
