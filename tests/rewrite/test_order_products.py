"""Chains of products in the cheapest order: compared with the best of all orders, and with NumPy."""

from __future__ import annotations

import functools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import dialectad as da
from dialectad.dialects import blas


def cheapest(extents: tuple[int, ...]) -> int:
    """The fewest multiplications for matrices of these extents, by trying all orders."""

    @functools.cache
    def best(start: int, end: int) -> int:
        if end - start == 1:
            return 0
        return min(
            best(start, split) + best(split, end) + extents[start] * extents[split] * extents[end]
            for split in range(start + 1, end)
        )

    return best(0, len(extents) - 1)


def multiplications(module) -> int:
    total = 0
    for op in module.walk():
        if isinstance(op, blas.GemmOp | blas.GemvOp):
            rows, columns = op.lhs.type.get_shape()
            transposed = (op.trans_a if isinstance(op, blas.GemmOp) else op.trans) is not None
            total += int(np.prod(op.dest.type.get_shape())) * (rows if transposed else columns)
    return total


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=4, max_size=6), st.data())
def test_random_chains(extents, data):
    count = len(extents) - 1
    flags = data.draw(st.lists(st.booleans(), min_size=count, max_size=count))
    with_vector = data.draw(st.booleans())
    rng = np.random.default_rng(sum(extents))
    matrices = [
        rng.standard_normal((n, m) if flag else (m, n))
        for m, n, flag in zip(extents, extents[1:], flags, strict=False)
    ]
    vector = rng.standard_normal(extents[-1])

    def from_the_left(*matrices):
        factors = [m.T if flag else m for m, flag in zip(matrices, flags, strict=True)]
        total = factors[0]
        for factor in factors[1:]:
            total = total @ factor
        return total @ vector if with_vector else total

    compiled = da.jit(from_the_left)
    np.testing.assert_allclose(compiled(*matrices), from_the_left(*matrices), rtol=1e-9, atol=1e-12)
    expected = cheapest((*extents, 1) if with_vector else tuple(extents))
    assert multiplications(compiled.lower(*matrices).module()) <= expected


def test_long_chains_are_ordered_in_parts():
    rng = np.random.default_rng(0)
    matrices = [rng.standard_normal((3, 3)) / 2 for _ in range(40)]
    vector = rng.standard_normal(3)

    def from_the_left(matrices):
        total = matrices[0]
        for matrix in matrices[1:]:
            total = total @ matrix
        return total @ vector

    compiled = da.jit(from_the_left)
    np.testing.assert_allclose(compiled(matrices), from_the_left(matrices), rtol=1e-10)
    assert multiplications(compiled.lower(matrices).module()) < 40 * 27 - 13 * 18

    def power(a, x):
        for _ in da.unroll(range(1500)):  # so deep that Python's stack wouldn't do
            x = a @ x
        return x

    lowered = da.jit(power).lower(matrices[0], vector)
    assert multiplications(lowered.module()) == 1500 * 9


def test_what_is_not_a_number_stays_so():
    a, b, x = np.ones((3, 4)), np.ones((4, 5)), np.ones(5)
    a[0], b[1, 2], x[2], a[2, 1] = 0.0, np.inf, 0.0, 2.0

    def chain(a, b, x):
        return (a @ b) @ x

    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(da.jit(chain)(a, b, x), chain(a, b, x))


def test_gradients():
    rng = np.random.default_rng(0)
    a, b, x = rng.standard_normal((7, 6)), rng.standard_normal((6, 5)), rng.standard_normal(5)

    def loss(a, b, x):
        return np.sum(np.sin(a @ b @ x))

    found = da.grad(loss, argnums=(0, 1, 2), level="linalg")(a, b, x)
    cosine = np.cos(a @ b @ x)
    np.testing.assert_allclose(found[0], np.outer(cosine, b @ x), rtol=1e-12)
    np.testing.assert_allclose(found[1], np.outer(a.T @ cosine, x), rtol=1e-12)
    np.testing.assert_allclose(found[2], b.T @ (a.T @ cosine), rtol=1e-12)
