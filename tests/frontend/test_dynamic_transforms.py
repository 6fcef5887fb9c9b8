"""Transformations of functions that are compiled once for all extents."""

from __future__ import annotations

import numpy as np
import pytest

import dialectad as da
from dialectad.errors import CompileError, ShapeError
from tests.gradients import directional_difference, inner, random_direction

RNG = np.random.default_rng(3)
LEVELS = ["linalg", "loop", "llvm"]


@da.custom_vjp
def scaled(x, k):
    return np.sin(x[1:]) * k * x[:-1]


def _scaled_fwd(x, k):
    return scaled(x, k), (np.cos(x[1:]), x, len(x), k)


def _scaled_bwd(kept, d):
    cosine, x, n, k = kept
    dx = np.zeros(n)
    dx[1:] += d * k * cosine * x[:-1]
    dx[:-1] += d * k * np.sin(x[1:])
    return dx, None


scaled.defvjp(_scaled_fwd, _scaled_bwd)


@da.custom_jvp
def squared(x):
    return x * x * (1.0 + 0.0 * len(x))


@squared.defjvp
def _squared_jvp(primals, tangents):
    return squared(primals[0]), 2.0 * primals[0] * tangents[0]


def with_vjp(x, a):
    return np.sum(scaled(x, 2.0) ** 2) + np.sum(scaled(a[:, 0], 0.5)) * x[0]


def slices_in_loops(x, a):
    """The extents of what a function keeps change from iteration to iteration."""
    total = 0.0
    for i in range(len(x)):
        total += np.sum(squared(squared(x[i:]))) + np.sum(scaled(x[: i + 1], 1.0))
        total += da.checkpoint(lambda row: np.sum(np.sin(row) * row))(a[i % len(a), : i + 1])
    return total


def mapped(x, a):
    rows = da.vmap(lambda row, x: np.cumsum(row * x)[1:], in_axes=(0, None))(a, x)
    gradients = da.vmap(da.grad(lambda row: np.sum(row**3) + row[0] * row[-1]))(a)
    return np.sum(rows**2) + np.sum(gradients * x)


def jacobians(x, a):
    def f(x, y):
        return np.cumsum(x * y)[1:], np.sin(x) @ y

    (columns, _), (rows, row) = da.jacfwd(f)(x, a[0]), da.jacrev(f, argnums=1)(x, x)
    return (np.sum(columns**2) + np.sum(rows * row)) * x[-1]


SHAPES = ["n", "m, n"]
CASES = [
    *((function, level) for function in (with_vjp, slices_in_loops, mapped) for level in LEVELS),
    *((slices_in_loops, level) for level in ("mixed", "auto")),
    (jacobians, "loop"),
]


def arguments(n, m):
    x, a = RNG.normal(size=n), RNG.normal(size=(m, n))
    return (x, a) if n != 4 else (np.repeat(x, 2)[::2], np.asfortranarray(a))


@pytest.mark.parametrize(("function", "level"), CASES)
def test_gradients(function, level):
    gradient = da.jit(da.grad(function, argnums=(0, 1), level=level), dynamic_shapes=SHAPES)
    for n, m in ((4, 5), (1, 1), (2, 3)):
        args = arguments(n, m)
        direction = random_direction(args)
        slope = directional_difference(lambda p: function(*p), (args,), direction, 1e-6)
        np.testing.assert_allclose(inner(gradient(*args), direction), slope, rtol=2e-6, atol=1e-6)
    assert len(gradient._compiled) == 1


@pytest.mark.parametrize("level", LEVELS)
def test_forward_mode_and_second_derivatives(level):
    def loss(x):
        return np.sum(squared(x) * x) + np.sum(da.checkpoint(np.sin)(x[1:]))

    hessian = da.jit(da.hessian(loss, level=level), dynamic_shapes="n")
    tangent = da.jit(lambda x, t: da.jvp(loss, (x,), (t,), level=level), dynamic_shapes=["n", "n"])
    for n in (3, 1):
        x, t = RNG.normal(size=n), RNG.normal(size=n)
        bend = np.where(np.arange(n) > 0, -np.sin(x), 0.0)
        np.testing.assert_allclose(hessian(x), np.diag(6.0 * x + bend), rtol=1e-12)
        slope = 3.0 * x * x + np.where(np.arange(n) > 0, np.cos(x), 0.0)
        np.testing.assert_allclose(tangent(x, t)[1], slope @ t, rtol=1e-12)


@pytest.mark.parametrize("level", LEVELS)
def test_no_elements(level):
    def loss(x):
        return np.sum(squared(x)) + np.sum(da.checkpoint(np.sin)(x)) + np.sum(da.vmap(np.cos)(x))

    gradient = da.jit(da.grad(loss, level=level), dynamic_shapes="n")
    jacobian = da.jit(da.jacrev(lambda x: squared(x), level=level), dynamic_shapes="n")
    for n in (0, 2, 0):
        x = np.linspace(0.1, 1.0, n)
        np.testing.assert_allclose(gradient(x), 2.0 * x + np.cos(x) - np.sin(x), rtol=1e-12)
        np.testing.assert_allclose(jacobian(x), np.diag(2.0 * x).reshape(n, n), rtol=1e-12)


def test_vmap():
    """Every axis, lengths that have to agree, and what is the same for all slices."""

    def f(row, k, w):
        return np.cumsum(row)[k:] * w, row[0] * 2.0, row.shape[0]

    ours = da.vmap(f, in_axes=(1, None, 0), out_axes=(1, 0, 0))
    compiled = da.jit(ours, dynamic_shapes=["n, m", None, "k"])
    for n, m in ((3, 4), (1, 2), (2, 0)):
        a, w = RNG.normal(size=(m, n)).T, RNG.normal(size=m)
        for found, expected in zip(compiled(a, 1, w), ours(a, 1, w), strict=True):
            assert found.dtype == expected.dtype
            np.testing.assert_array_equal(found, expected)
    with pytest.raises(ValueError, match="differ in length"):
        compiled(np.ones((3, 4)), 1, np.ones(3))
    with pytest.raises(ShapeError, match="depends on the elements"):
        da.jit(da.vmap(lambda row: row[row > 0]), dynamic_shapes="n, m")(np.ones((2, 3)))


def test_a_jacobian_of_a_result_whose_shape_depends_on_data():
    def f(x):
        return x[x > 0] ** 2

    x = np.array([1.0, -2.0, 3.0])
    for jacobian in (da.jacfwd, da.jacrev):
        expected = [[2.0, 0.0, 0.0], [0.0, 0.0, 6.0]]
        np.testing.assert_array_equal(da.jit(jacobian(f), dynamic_shapes="n")(x), expected)
        with pytest.raises(CompileError, match="depends on data") as caught:
            jacobian(f, level="loop")(x)
        assert "linalg" in str(caught.value)


def test_a_rule_that_keeps_what_depends_on_data():
    @da.custom_vjp
    def positive(x):
        return np.sum(x[x > 0] ** 2)

    def backward(kept, d):
        x, part = kept
        return (np.where(x > 0, 2.0 * x, 0.0) * d + 0.0 * np.sum(part),)

    positive.defvjp(lambda x: (positive(x), (x, x[x > 0])), backward)
    x = np.array([1.0, -2.0, 3.0])
    gradient = da.jit(da.grad(lambda x: positive(x), level="linalg"), dynamic_shapes="n")
    np.testing.assert_array_equal(gradient(x), [2.0, 0.0, 6.0])
    with pytest.raises(CompileError, match="depends on data") as caught:
        da.grad(lambda x: positive(x), level="loop")(x)
    assert "linalg" in str(caught.value)


def test_a_rule_that_gives_another_shape():
    @da.custom_vjp
    def wrong(x):
        return np.sum(x)

    wrong.defvjp(lambda x: (np.sum(x), None), lambda _, d: (np.ones(3) * d,))
    gradient = da.jit(da.grad(lambda x: wrong(x)), dynamic_shapes="n")
    np.testing.assert_array_equal(gradient(np.zeros(3)), np.ones(3))
    with pytest.raises(ValueError, match="another shape"):
        gradient(np.zeros(2))


def test_views_of_the_function_around():
    def f(x):
        part, turned = x[1:], x[::-1][1:].reshape(-1, 1)
        return da.grad(lambda s: np.sum(da.checkpoint(lambda s: np.sin(part * s))(s)) + np.sum(turned * s))(
            x[0]
        )

    for n in (1, 4):
        x = RNG.normal(size=n)
        expected = np.cos(x[1:] * x[0]) @ x[1:] + np.sum(x[:-1])
        np.testing.assert_allclose(da.jit(f, dynamic_shapes="n")(x), expected)
