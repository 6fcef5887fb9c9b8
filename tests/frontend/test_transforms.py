"""Transformations on functions of awkward results and arguments."""

from __future__ import annotations

import numpy as np
import pytest

import dialectad as da

X = np.array([0.5, 1.2, -0.7, 2.0])


def test_constants_among_results_stay_what_they_are():
    def f(x):
        return np.sum(x * x), {"n": 3, "s": "text", "none": None, "f": np.sin, "l": [1.5, True], "v": x}

    gradient, aux = da.grad(f, has_aux=True)(X)
    assert {k: aux[k] for k in "ns"} == {"n": 3, "s": "text"}
    assert [type(v) for v in (aux["n"], *aux["l"])] == [int, float, bool]
    assert aux["none"] is None
    assert aux["f"] is np.sin
    np.testing.assert_allclose(gradient, 2 * X)
    np.testing.assert_allclose(aux["v"], X)


def test_tangents_of_constants():
    out, tangent = da.jvp(lambda x: (x, 3, 2.5, True, x > 0, "text", None), (X,), (X,))
    assert [type(v) for v in tangent[1:4]] == [int, float, bool]
    assert tangent[1:4] == (0, 0.0, False)
    assert out[5] == tangent[5] == "text"
    assert not tangent[4].any()


def stopped_part(x):
    return np.sum(x * da.stop_gradient(x))


def stopped_tree(x):
    tree = da.stop_gradient({"a": [x, 2, None], "s": "text", "i": np.argmax(x)})
    assert tree["s"] == "text"
    assert tree["a"][2] is None
    return np.sum(x * tree["a"][0]) * tree["a"][1] / 2.0 * (tree["i"] - 2)


def stopped_in_a_loop(x):
    total = 0.0
    for i in range(4):
        if x[i] > 0:
            total += x[i] * da.stop_gradient(x[i])
        else:
            total += da.stop_gradient(x)[i] * x[i]
    return total


def stopped_slice(x):
    total = 0.0
    for i in range(1, 5):
        total += np.sum(x[:i] * da.stop_gradient(x[:i])) * (i == 4)
    return total


def copied(x):
    y = da.stop_gradient(x)
    y[0] = 5.0
    return np.sum(x * da.stop_gradient(x)) + 0.0 * y[0]


@pytest.mark.parametrize(
    "f", [stopped_part, stopped_tree, stopped_in_a_loop, stopped_slice, copied], ids=lambda f: f.__name__
)
def test_stop_gradient(f):
    value, gradient = da.value_and_grad(f)(X)
    np.testing.assert_allclose(value, f(X.copy()))
    np.testing.assert_allclose(gradient, X)
    np.testing.assert_allclose(da.jvp(f, (X,), (X,)), (X @ X, X @ X))
    np.testing.assert_allclose(da.hessian(f)(X), 0.0 * np.eye(4), atol=1e-12)
    assert "ad.stop" not in da.jit(f).lower(X).text("linalg")


def test_stop_gradient_of_numbers():
    assert type(da.jit(da.stop_gradient)(3.0)) is float
    assert type(da.jit(da.stop_gradient)(3)) is int
    assert da.grad(lambda x: x * da.stop_gradient(x))(3.0) == 3.0
    assert da.stop_gradient((2.0, "a")) == (2.0, "a")
