"""Attention: products of slices where they stand, in the program and in its gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from xdsl.dialects import linalg

import dialectad as da
from dialectad.dialects import blas
from tests.gradients import directional_difference, random_direction

BATCH, QUERIES, KEYS, HEADS, SIZE = 2, 3, 4, 2, 5


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).standard_normal(shape) / 2


def by_einsum(q, k, v):
    scores = np.tanh(np.einsum("bihd,bjhd->bhij", q, k))
    return np.sum(np.sin(np.einsum("bhij,bjhd->bihd", scores, v)))


def by_transposes(q, k, v):
    q, k, v = (np.transpose(x, (0, 2, 1, 3)) for x in (q, k, v))
    scores = np.tanh(q @ np.swapaxes(k, -1, -2))
    return np.sum(np.sin(scores @ v))


def by_broadcasting(q, k, v):
    """One set of keys and values serves all of a batch."""
    q, k, v = np.transpose(q, (0, 2, 1, 3)), np.transpose(k[0], (1, 2, 0)), np.transpose(v[:1], (0, 2, 1, 3))
    return np.sum(np.sin(np.tanh(q @ k) @ v))


ARGUMENTS = tuple(normal(BATCH, n, HEADS, SIZE) for n in (QUERIES, KEYS, KEYS))


@pytest.mark.parametrize("function", [by_einsum, by_transposes, by_broadcasting])
def test_attention_copies_nothing(function: Any) -> None:
    assert da.jit(function)(*ARGUMENTS) == pytest.approx(function(*ARGUMENTS), rel=1e-13)
    lowered = da.jit(function).lower(*ARGUMENTS).module("linalg")
    assert sum(isinstance(op, blas.GemmOp) for op in lowered.walk()) == 2
    copies = [
        op
        for op in lowered.walk()
        if isinstance(op, linalg.ops.GenericOp) and len(list(op.body.block.ops)) == 1
    ]
    assert not copies


@pytest.mark.parametrize(
    ("function", "level"),
    [
        (by_einsum, "tape"),
        (by_einsum, "llvm"),
        (by_transposes, "graph"),
        *((function, "linalg") for function in (by_einsum, by_transposes, by_broadcasting)),
        *((function, "loop") for function in (by_einsum, by_transposes, by_broadcasting)),
    ],
)
def test_gradients_of_attention(function: Any, level: str) -> None:
    found = da.grad(function, argnums=(0, 1, 2), level=level)(*ARGUMENTS)
    direction = random_direction(ARGUMENTS)
    rate = sum(np.sum(d * g) for d, g in zip(direction, found, strict=True))
    difference = directional_difference(lambda all_: function(*all_), (ARGUMENTS,), direction, 1e-6)
    assert rate == pytest.approx(difference, rel=1e-6)
    _, tangent = da.jvp(function, ARGUMENTS, tuple(direction), level=level)
    assert tangent == pytest.approx(rate, rel=1e-11)
