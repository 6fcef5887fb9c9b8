"""The functions of `scipy.special` and of `math`: values, and derivatives at every level."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import special

import dialectad as da
from dialectad.frontend.special import ELEMENTWISE

LEVELS = ("tape", "graph", "linalg", "loop", "llvm")
WITHIN, POSITIVE = [-0.95, -0.5, 0.0, 0.3, 0.79, 0.9], [0.1, 0.5, 1.4, 3.3, 7.9, 8.1, 20.0]
PAIRS = [[0.5, 2.0, 7.0], [1.5, 0.8, 9.0]]
ANY = [-9.0, -3.3, -0.7, 0.0, 0.4, 2.0, 7.99, 8.01, 20.0]

POINTS: dict[str, list[list[float]]] = {
    "erf": [[*ANY]],
    "erfc": [[*ANY, 0.49]],
    "erfinv": [WITHIN],
    "erfcinv": [[0.01, 0.19, 0.3, 1.0, 1.7, 1.9]],
    "ndtr": [ANY],
    "log_ndtr": [[*ANY, -1.01]],
    "ndtri": [[0.01, 0.09, 0.2, 0.5, 0.7, 0.95]],
    "gamma": [[*POSITIVE, -0.5, -3.3]],
    "gammaln": [[*POSITIVE, -0.5, -3.3]],
    "loggamma": [POSITIVE],
    "psi": [[*POSITIVE, -0.5, -3.3]],
    "beta": PAIRS,
    "betaln": PAIRS,
    "expit": [ANY],
    "log_expit": [ANY],
    "logit": [[0.01, 0.2, 0.5, 0.95]],
    "xlogy": PAIRS,
    "xlog1py": PAIRS,
    "exprel": [[*ANY, 0.005]],
    "entr": [POSITIVE],
    "rel_entr": PAIRS,
    "kl_div": PAIRS,
    "j0": [ANY],
    "j1": [ANY],
    "y0": [POSITIVE],
    "i0": [ANY],
    "i0e": [[-9.0, -0.7, 0.4, 8.1]],
    "i1": [ANY],
    "i1e": [[-9.0, -0.7, 0.4, 8.1]],
    "log1p": [POSITIVE],
    "expm1": [ANY],
    "exp2": [ANY],
    "cbrt": [[-2.0, 0.5, 3.0]],
}
"""Where each is differentiated, on both sides of where formulas meet."""

BIG = [-np.inf, np.inf, np.nan, 1e-20, 27.0, -800.0]
WAVES = [1e3, -50.0, 0.0, np.nan]
EXTREMES: dict[str, list[list[float]]] = {
    **{name: [BIG] for name in ("erf", "erfc", "ndtr", "expit", "log_expit")},
    **{name: [WAVES] for name in ("j0", "j1", "i0", "i1", "i0e")},
    **{name: [[0.0, 0.0, np.nan, 0.0, 1.0], [0.0, 2.0, 1.0, np.nan, 0.0]] for name in ("xlogy", "rel_entr")},
    "erfinv": [[-1.0, 1.0, 1.1, np.nan, 1e-20, 1 - 1e-14]],
    "ndtri": [[0.0, 1.0, -0.1, 1e-300]],
    "logit": [[0.0, 1.0, -0.1, 1e-300]],
    "log_ndtr": [[-1e3, -1.0, -np.inf, np.inf, np.nan]],
    "gamma": [[0.0, -1.0, -2.5, 171.0, 1e3, np.inf, np.nan]],
    "gammaln": [[0.0, -1.0, 1e-300, 1e300, np.inf, np.nan]],
    "entr": [[0.0, -1.0, np.nan]],
    "exprel": [[0.0, 1e-9, -40.0]],
}
"""Where only the value is looked at."""


def test_every_function_is_tested() -> None:
    assert POINTS.keys() == ELEMENTWISE.keys()


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_values_and_derivatives(name: str) -> None:
    function, number = getattr(special, name), list(ELEMENTWISE).index(name)
    args, more = [np.array(p) for p in POINTS[name]], EXTREMES.get(name, [[]] * len(POINTS[name]))
    whole = [np.array([*a, *e]) for a, e in zip(args, more, strict=True)]
    with np.errstate(all="ignore"):
        expected = function(*whole)
    count = args[0].size
    slopes = [_slope(function, args, n) for n in range(len(args))]
    level, other = LEVELS[number % 5], LEVELS[(number + 2) % 5]
    with np.errstate(all="ignore"):
        found, tangents = da.jvp(function, whole, [np.ones_like(w) for w in whole], level=level)
    np.testing.assert_allclose(found, expected, rtol=2e-13, atol=1e-14)
    np.testing.assert_allclose(tangents[:count], sum(slopes), rtol=1e-6, atol=1e-7)
    gradients = da.grad(lambda *a: np.sum(function(*a)), argnums=tuple(range(len(args))), level=other)(*args)
    for gradient, slope in zip(gradients, slopes, strict=True):
        np.testing.assert_allclose(gradient, slope, rtol=1e-6, atol=1e-7)


def _slope(function: Any, args: list[Any], n: int) -> Any:
    """Central differences of fourth order."""

    def at(step: float) -> Any:
        return function(*[a + step * h if i == n else a for i, a in enumerate(args)])

    h = 1e-4 * np.maximum(np.minimum(np.abs(args[n]), 1.0), 0.1)
    return (8 * (at(1.0) - at(-1.0)) - (at(2.0) - at(-2.0))) / (12 * h)


@pytest.mark.parametrize("level", ["tape", "linalg", "loop"])
def test_second_derivatives_where_formulas_meet(level: str) -> None:
    def value(x):
        return special.gammaln(x) + special.expit(x) + special.erfc(x) + special.ndtri(x / 10)

    def slope(x):
        return special.psi(x) + special.expit(x) * special.expit(-x) - 2 / np.sqrt(np.pi) * np.exp(-x * x)

    def rest(x):
        return np.sqrt(2 * np.pi) * np.exp(special.ndtri(x / 10) ** 2 / 2) / 10

    x = 0.5
    first = da.grad(value, level=level)
    assert first(x) == pytest.approx(slope(x) + rest(x), rel=1e-11)
    curvature = (first(x + 1e-5) - first(x - 1e-5)) / 2e-5
    assert da.grad(da.grad(value, level=level), level=level)(x) == pytest.approx(curvature, rel=1e-5)


WHOLE = {
    "logsumexp": lambda x: special.logsumexp(x),
    "logsumexp axis": lambda x: special.logsumexp(x, axis=1, b=np.array([1.0, 2.0, 0.0]), keepdims=True),
    "softmax": lambda x: special.softmax(x, axis=0) * x,
    "log_softmax": lambda x: special.log_softmax(x, axis=-1),
    "polygamma": lambda x: special.polygamma(1, x) + special.polygamma(2, 1.0 + x * x),
}


@pytest.mark.parametrize("name", WHOLE)
def test_functions_of_arrays(name: str) -> None:
    function, level = WHOLE[name], LEVELS[list(WHOLE).index(name)]
    x = np.array([[0.3, -1.2, 2.5], [800.5, 3.25, 0.7]])
    x = np.abs(np.minimum(x, 9.0)) if name == "polygamma" else x
    expected = function(x)
    found = da.jit(function)(x)
    assert np.shape(found) == np.shape(expected)
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-14)
    weights = np.cos(np.arange(np.size(expected))).reshape(np.shape(expected))

    def loss(x):
        return np.sum(weights * function(x))

    gradient = da.grad(loss, level=level)(x)
    for place in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[place] = 1e-5
        assert gradient[place] == pytest.approx((loss(x + step) - loss(x - step)) / 2e-5, rel=1e-6, abs=1e-6)


def test_dtypes_are_those_of_scipy() -> None:
    for x in (np.float32(0.5), np.arange(3, dtype=np.int32), np.int8(1), np.ones(2, np.float32), 0.25, 2):
        for function in (special.erf, special.gammaln, special.expit):
            expected, found = function(x), da.jit(lambda v, f=function: f(v))(x)
            assert (type(found), found.dtype) == (type(expected), expected.dtype)
            np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-14)


# --- math --------------------------------------------------------------------------------------

FLOATS = [0.0, -0.0, 1.0, 3.7, -7.25, 8.0, 1e308, 5e-324, 1e-310, math.inf, -math.inf, math.nan, 1 - 2**-53]


def test_binary_form_of_floats() -> None:
    frexp, ulp = da.jit(lambda x: math.frexp(x)), da.jit(lambda x: math.ulp(x))
    after, left = da.jit(lambda x, y: math.nextafter(x, y)), da.jit(lambda x, y: math.remainder(x, y))
    for x in FLOATS:
        _identical(frexp(x)[0], math.frexp(x)[0])
        assert frexp(x)[1] == math.frexp(x)[1]
        _identical(ulp(x), math.ulp(x))
        for y in FLOATS:
            _identical(after(x, y), math.nextafter(x, y))
            if y and not math.isinf(x):
                _identical(left(x, y), math.remainder(x, y))


def _identical(found: float, expected: float) -> None:
    assert type(found) is float
    assert found == expected or (math.isnan(found) and math.isnan(expected))
    assert math.isnan(found) or math.copysign(1, found) == math.copysign(1, expected)


def test_integers() -> None:
    gcd, lcm = da.jit(lambda a, b: math.gcd(a, b, 6)), da.jit(lambda a, b: math.lcm(a, b))
    comb, perm = da.jit(lambda a, b: math.comb(a, b)), da.jit(lambda a, b: math.perm(a, b))
    for a, b in [
        (12, 18),
        (0, 0),
        (0, 5),
        (-12, 18),
        (2**62, 2**61),
        (4660046610375530309, 7540113804746346429),
    ]:
        assert gcd(a, b) == math.gcd(a, b, 6)
        assert lcm(a, b) == (math.lcm(a, b) + 2**63) % 2**64 - 2**63
    for n, k in [(6, 3), (30, 15), (5, 9), (60, 30), (5, 0), (0, 0)]:
        assert comb(n, k) == math.comb(n, k)
        assert perm(n, min(k, 9)) == math.perm(n, min(k, 9))
    isqrt, factorial = da.jit(lambda n: math.isqrt(n)), da.jit(lambda n: math.factorial(n))
    for n in [0, 1, 3, 4, 15, 2**63 - 1, 3037000499**2, 3037000499**2 - 1]:
        assert isqrt(n) == math.isqrt(n)
        assert factorial(n % 21) == math.factorial(n % 21)
    for function in (isqrt, factorial):
        with pytest.raises(ValueError, match="neg"):
            function(-1)


@pytest.mark.parametrize("level", LEVELS)
def test_derivatives_of_math(level: str) -> None:
    def function(x):
        value = math.gamma(x) + math.lgamma(x) * math.erfc(x) + math.remainder(x, 0.7) ** 2
        return value + math.frexp(x)[0] + math.nextafter(x, 9.0) + math.ulp(x) + math.hypot(x, 2.0, x)

    slope = (function(1.3 + 1e-5) - function(1.3 - 1e-5)) / 2e-5
    assert da.grad(function, level=level)(1.3) == pytest.approx(slope, rel=1e-8)
    assert da.jvp(function, (1.3,), (1.0,), level=level)[1] == pytest.approx(slope, rel=1e-8)
