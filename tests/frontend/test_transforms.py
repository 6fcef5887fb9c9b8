"""Transformations on functions of awkward results and arguments."""

from __future__ import annotations

import numpy as np

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
