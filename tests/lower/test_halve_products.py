"""Products of a matrix and its transpose: the same numbers, and gradients, from one half."""

from __future__ import annotations

import numpy as np
import pytest

import dialectad as da
from dialectad.dialects import blas
from tests.gradients import directional_difference, random_direction

A, W = (np.random.default_rng(n).standard_normal((n, 40)) / 4 for n in (96, 20))


def outer_gram(a):
    return a @ a.T


def inner_gram(a):
    a = np.tanh(a.T)
    return 3.0 * (a.T @ a)


def syrks(lowered):
    return lowered.text("llvm").count("call @cblas_dsyrk")


@pytest.mark.parametrize("function", [outer_gram, inner_gram])
def test_results_are_symmetric_and_those_of_numpy(function):
    a = A.copy()
    a[3, 1], a[5, 7], a[6] = np.inf, np.nan, 0.0
    with np.errstate(invalid="ignore"):
        expected = function(a)
    compiled = da.jit(function)
    found = compiled(a)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(found, found.T)
    assert syrks(compiled.lower(a)) == 1
    assert [remark.pass_name for remark in compiled.lower(a).remarks()] == ["halve-products"]


@pytest.mark.parametrize("level", ["tape", "graph", "linalg", "loop", "llvm"])
@pytest.mark.parametrize("function", [outer_gram, inner_gram])
def test_gradients(function, level):
    def loss(a, w):
        gram = function(a)
        return np.sum(np.sin(w @ gram[:40])[:, :40] * w)

    args = (A, W)
    found = da.grad(loss, argnums=(0, 1), level=level)(*args)
    direction = random_direction(args)
    rate = sum(np.sum(d * g) for d, g in zip(direction, found, strict=True))
    difference = directional_difference(lambda all_: loss(*all_), (args,), direction, 1e-6)
    assert rate == pytest.approx(difference, rel=1e-6)
    _, tangent = da.jvp(loss, args, tuple(direction), level=level)
    assert tangent == pytest.approx(rate, rel=1e-10)
    if level != "tape":
        lowered = da.jit(da.grad(loss, argnums=(0, 1), level=level)).lower(*args)
        assert syrks(lowered) == (level != "llvm")
        if level in ("graph", "linalg"):
            products = sum(isinstance(op, blas.GemmOp) for op in lowered.module().walk())
            assert products == 5  # the product, w by it, the cotangents of both, and one for a
