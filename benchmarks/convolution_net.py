"""A small convolution net: two convolutions with pooling, a dense layer, cross-entropy."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from benchmarks.case import Call, Case
from benchmarks.gradients import Problem
from benchmarks.memory import MemoryCase

SIZE = (32, 28, 5, 8, 16, 10)
"""Images, their height and width, that of the kernels, channels of both convolutions, classes."""


def arguments(size: tuple[int, ...] = SIZE, dtype: str = "float32") -> tuple[Any, ...]:
    """Weights (height, width, channels in, channels out), images with channels last, and their classes."""
    n, side, k, first, second, classes = size
    rng = np.random.default_rng(0)
    left = ((side - k + 1) // 2 - k + 1) // 2
    shapes = [(k, k, 1, first), (first,), (k, k, first, second), (second,)]
    shapes += [(left * left * second, classes), (classes,)]
    params = [(rng.standard_normal(s) / np.prod(s[:-1]) ** 0.5).astype(dtype) for s in shapes]
    labels = np.eye(classes, dtype=dtype)[rng.integers(0, classes, n)]
    return params, rng.standard_normal((n, side, side, 1)).astype(dtype), labels


def convolve(x, w):
    n, height, width, _ = x.shape
    k = w.shape[0]
    rows, columns = height - k + 1, width - k + 1
    out = np.zeros((n, rows, columns, w.shape[3]), x.dtype)
    for i in range(k):
        for j in range(k):
            out += x[:, i : i + rows, j : j + columns] @ w[i, j]
    return out


def pool(x):
    n, height, width, channels = x.shape
    return np.max(x.reshape(n, height // 2, 2, width // 2, 2, channels), axis=(2, 4))


def loss(params, images, labels):
    w1, b1, w2, b2, w3, b3 = params
    x = np.maximum(pool(convolve(images, w1)) + b1, 0)
    x = np.maximum(pool(convolve(x, w2)) + b2, 0)
    z = x.reshape(len(x), -1) @ w3 + b3
    z = z - np.max(z, axis=1, keepdims=True)
    return -np.mean(np.sum(labels * (z - np.log(np.sum(np.exp(z), axis=1, keepdims=True))), axis=1))


def _jax(jax):
    jnp, lax = jax.numpy, jax.lax

    def layer(x, w, b):
        x = lax.conv_general_dilated(x, w, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))
        x = lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
        return jax.nn.relu(x + b)

    def loss(params, images, labels):
        w1, b1, w2, b2, w3, b3 = params
        x = layer(layer(images, w1, b1), w2, b2)
        logits = x.reshape(len(x), -1) @ w3 + b3
        return -jnp.mean(jnp.sum(labels * jax.nn.log_softmax(logits), axis=1))

    return loss


def _torch(torch):
    functional = torch.nn.functional

    def layer(x, w, b):
        x = functional.max_pool2d(functional.conv2d(x, w.permute(3, 2, 0, 1)), 2)
        return torch.relu(x + b[:, None, None])

    def loss(params, images, labels):
        w1, b1, w2, b2, w3, b3 = params
        x = layer(layer(images.permute(0, 3, 1, 2), w1, b1), w2, b2)
        logits = x.permute(0, 2, 3, 1).flatten(1) @ w3 + b3
        return -(labels * torch.log_softmax(logits, 1)).sum(1).mean()

    return loss


PROBLEM = Problem("convolution_net", loss, (0,), None, _jax, _torch)


def cases() -> Iterator[Case]:
    for dtype, rtol in (("float32", 2e-4), ("float64", 1e-9)):
        name = f"{SIZE[0]} images, {SIZE[1]} by {SIZE[1]}, {dtype}"
        yield PROBLEM.case(name, partial(arguments, SIZE, dtype), rtol=rtol)


SMALL = (2, 14, 3, 2, 2, 3)
"""What warms a library up."""


def ahead(contender: str, *size: int) -> Call:
    return PROBLEM.ahead(contender, partial(arguments, size))


def memory_cases() -> Iterator[MemoryCase]:
    yield PROBLEM.memory_case(f"{SIZE[0]} images, {SIZE[1]} by {SIZE[1]}", *SIZE)
