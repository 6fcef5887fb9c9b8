"""Complex numbers, traced and interpreted, compared with NumPy: values, dtypes, shapes, kinds."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import dialectad as da
from dialectad.errors import CompileError
from tests.frontend.numpy.harness import check

_RNG = np.random.default_rng(5)


def numbers(*shape):
    return _RNG.standard_normal(shape) + 1j * _RNG.standard_normal(shape)


Z, W, X = numbers(3), numbers(3), _RNG.standard_normal(3)
M, N = numbers(3, 3), numbers(3, 2)
Z64 = Z.astype(np.complex64)
I32 = np.arange(1, 4, dtype=np.int32)
NONE, ONE = numbers(0), numbers(1)

UFUNCS = (
    "exp log sqrt sin cos tan sinh cosh tanh square reciprocal exp2 log2 log10 expm1 log1p sign absolute"
    " conjugate negative positive isfinite isnan isinf logical_not"
).split()


@pytest.mark.parametrize("name", UFUNCS)
def test_ufuncs(name):
    ufunc = getattr(np, name)
    for z in (Z, Z64, np.asfortranarray(M), NONE, ONE[0], np.complex64(1 - 2j), np.array(2 + 1j)):
        check(lambda a: ufunc(a), z)


OPERATORS = [
    lambda z, w, x, n: (z + w, z - w, z * w, z / w, z**w, z + x, x - z, z * x, x * z, z / x, x / z, z**x),
    lambda z, w, x, n: (z * n, z + n, n - z, z / n, x * 1j, n * 1j, x + 2.0, 1j - x, x**1j, abs(x) ** z),
    lambda z, w, x, n: (
        z * 2,
        2 / z,
        z + True,
        z - 1j,
        (1 + 2j) / z,
        z / (1 + 2j),
        z**2,
        z**-2,
        z**0,
        z**0.5,
    ),
    lambda z, w, x, n: (-z, +z, abs(z), z == w, z != z, z == 1, z == x, z**3, z**2.5, z ** (1 - 1j), 2j**z),
    lambda z, w, x, n: (np.logical_and(z, x), np.logical_or(z, 0), np.add(z, x, dtype=complex)),
]


@pytest.mark.parametrize("function", OPERATORS)
def test_operators_and_promotion(function):
    check(function, Z, W, X, I32)
    check(function, Z64, W.astype(np.complex64), X.astype(np.float32), np.int8(2))
    check(function, 1 + 2j, 0.5 - 1j, 1.5, 3)
    check(function, np.complex128(1 + 2j), np.complex64(0.5 - 1j), np.float32(1.5), 3)
    check(function, Z[:, None], Z64, X[:1], np.int16(2))


FUNCTIONS = [
    lambda z, m, x: (
        z.sum(),
        np.sum(m, axis=0, keepdims=True),
        np.prod(m),
        np.prod(m, axis=1, keepdims=True),
    ),
    lambda z, m, x: (m.mean(0), np.cumsum(m), np.cumprod(m, axis=1), m.var(0), np.std(z), np.var(m, ddof=1)),
    lambda z, m, x: (np.sum(x, dtype=complex), np.sum(z, where=x > 0, initial=1j), sum(z), sum([z[0], 1j])),
    lambda z, m, x: (np.dot(z, z), m @ z, m @ m, m @ x, x @ m, np.vdot(z, x), np.inner(m, z), np.outer(z, x)),
    lambda z, m, x: (np.tensordot(m, m, axes=([0], [1])), np.einsum("ij,jk,i->k", m, m, x), np.kron(m, z)),
    lambda z, m, x: (m.conj().T @ m, np.trace(m), np.linalg.norm(z), x.dot(z), np.cross(z, x)),
    lambda z, m, x: (np.convolve(z, x), np.correlate(z, z, "full"), np.linalg.matrix_power(m, 3)),
    lambda z, m, x: (np.zeros(3, complex) + x, np.zeros((2, 3), np.complex64) + z, np.ones(3, complex) * x),
    lambda z, m, x: (np.full(3, 2j) * x, np.full(3, z[0]), np.eye(3, dtype=complex) * x, np.full_like(z, 2)),
    lambda z, m, x: (np.arange(3, dtype=complex) * x, np.linspace(0, 1 + 1j, 5) * x[0], np.array([x[0], 1j])),
    lambda z, m, x: (np.zeros_like(z), np.ones_like(z), np.zeros_like(x, dtype=complex), np.array([1, z[0]])),
    lambda z, m, x: (m.reshape(1, -1)[0], m.T[0], np.ravel(m.T), z[::-1][1:], z[[0, 2, 2]], z[1], z[-1:]),
    lambda z, m, x: (np.concatenate([z, x]), np.stack([z, x], axis=1), np.where(x > 0, z, x), np.tril(m)),
    lambda z, m, x: (np.diag(z), np.roll(z, 1), np.tile(z, 2), np.take(m, [1, 0], axis=1), np.split(z, 3)),
    lambda z, m, x: (np.pad(z, 1), np.flip(m), np.broadcast_to(z, (2, 3)), np.meshgrid(z, x), np.diff(z)),
    lambda z, m, x: (np.insert(z, 1, 1j), np.append(x, 1j), np.select([x > 0], [z], 1j), np.round(z, 1)),
    lambda z, m, x: (
        np.interp(x, np.arange(3.0), z),
        np.trapezoid(z),
        np.gradient(z),
        np.average(z, weights=x),
    ),
    lambda z, m, x: (z.real, z.imag, np.real(z), np.imag(x), np.angle(z), np.angle(x), np.iscomplexobj(z)),
    lambda z, m, x: (
        z.astype(np.complex64),
        x.astype(complex),
        z.astype(bool),
        np.complex64(x[0]),
        np.ndim(z),
    ),
    lambda z, m, x: (
        complex(x[0]),
        complex(x[0], x[1]),
        np.complex128(x[1]),
        z.tolist(),
        z[0].item(),
        len(z),
    ),
    lambda z, m, x: (np.any(z), z.all(), np.count_nonzero(z), np.isclose(z, z + 1e-12), np.allclose(z, x)),
    lambda z, m, x: (np.add.reduce(m), np.multiply.reduce(z), np.add.outer(z, x), np.multiply.accumulate(z)),
    lambda z, m, x: (isinstance(z[0], np.complexfloating), np.iscomplex(z), np.isreal(x), np.isrealobj(z)),
]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_functions(function):
    check(function, Z, M, np.abs(X))
    check(function, Z64, M.astype(np.complex64), np.abs(X).astype(np.float32), tolerance=1e-5)


@pytest.mark.parametrize("z", [NONE, ONE])
def test_few_elements(z):
    check(lambda a: (a.sum(), a.prod(), a * 2j, np.cumprod(a), a.conj(), np.concatenate([a, a]), a @ a), z)


def test_infinite_and_signed_parts():
    parts = [0.0, -0.0, 1.0, -3.0, np.inf, -np.inf, 800.0]
    z = np.array([complex(a, b) for a in parts for b in parts])
    finite = z[np.isfinite(z)]
    check(lambda a: (np.square(a), np.isinf(a), np.isnan(a), np.angle(a), np.log(a), abs(a)), z)
    check(lambda a: (np.sqrt(a), np.exp(a), np.sinh(a), np.cosh(a), np.tanh(a), np.sin(a), 0j**a), finite)
    check(lambda a: (a[:, None] * a, a[:, None] / a), finite)
    jitted = da.jit(lambda a: np.sqrt(a))(finite)
    np.testing.assert_array_equal(np.signbit(jitted.imag), np.signbit(np.sqrt(finite).imag))  # the cut's side


def test_dropping_the_imaginary_part_warns():
    def drop(z):
        return z.astype(float)

    def store(x, z):
        x[0] = z[0]

    for function, args in ((drop, (Z,)), (store, (X.copy(), Z))):
        with pytest.warns(np.exceptions.ComplexWarning):
            da.jit(function)(*args)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(drop, Z)
        check(store, X, Z)


@pytest.mark.parametrize(
    "function",
    [
        lambda z: z < z,
        lambda z: z[0] >= 1,
        lambda z: np.maximum(z, 1),
        lambda z: np.max(z),
        lambda z: z.argmin(),
        lambda z: max(z[0], z[1]),
        lambda z: np.clip(z, 0, 1),
        lambda z: z // 2,
        lambda z: z % 2,
        lambda z: np.floor(z),
        lambda z: np.arctan2(z, z),
        lambda z: float(z[0]),
        lambda z: int(z[0]),
        lambda z: np.float64(z[0]),
        lambda z: np.zeros(3).__iadd__(z),
        lambda z: np.sort(z),
        lambda z: np.zeros(3, np.clongdouble) + z,
        lambda z: np.take(z, z),
    ],
)
def test_what_complex_numbers_cannot_do_is_refused(function):
    with pytest.raises(CompileError):
        da.jit(function)(Z)


N = np.array([0.3 + 0.4j, np.nan, -1.2 + 0.1j, complex(0.5, np.nan)])
V, W = np.array([0.3 + 0.4j, -1.2 + 0.1j, 0.5 - 2.0j, 1.5j]), np.array([1.1 - 0.3j, 0.2 + 0.9j, -0.4 + 0.0j])
GENERAL = (
    lambda v, w: (np.polyval(v, w), np.polyval(v, 1.5), np.polyval(v.real, w), np.polyval(v, w.real)),
    lambda v, w: (np.polyadd(v, w), np.polysub(w.real, v), np.polymul(v, w), np.polyder(v, 2)),
    lambda v, w: (np.polyint(v, 2, [1.0, 2j]), np.vander(w), np.vander(w, 2, increasing=True)),
    lambda v, w: (np.cov(v), np.cov(v.real, v, bias=True), np.cov(np.outer(w, v), fweights=[1, 2, 1, 3])),
    lambda v, w: (np.corrcoef(np.stack([v, v * v]), rowvar=True), np.sinc(v), np.sinc(w[0])),
    lambda v, w: (np.correlate(v, w), np.correlate(v, w, "full"), np.correlate(w, v, "same")),
    lambda v, w: (np.nan_to_num(w * np.nan), np.apply_over_axes(np.sum, np.outer(v, w), [0])),
)


@pytest.mark.parametrize("function", GENERAL)
def test_functions_in_terms_of_others(function):
    check(function, V, W)


def test_what_is_picked():
    def picked(v, w):
        u = v * [0, 1, 1, 0]
        found = np.compress([1, 0, 1], w), np.extract(v.real > 0, v), np.trim_zeros(u), np.delete(v, 1)
        found += np.resize(w, (2, 2)), np.resize(v, 3)
        return *found, *np.nonzero(u), np.argwhere(v), np.flatnonzero(u)

    for x, y in zip(da.jit(picked)(V, W), picked(V, W), strict=True):
        np.testing.assert_array_equal(x, y, strict=True)


def test_sums_without_nan():
    def sums(n):
        m = np.reshape(n, (2, 2))
        found = np.nansum(n), np.nanprod(m, 1), np.nancumsum(n), np.nancumprod(m, 0), np.nanmean(m, 0)
        return *found, np.nansum(m, axis=1, keepdims=True), np.nanvar(n, ddof=1), np.nanstd(m, 1)

    check(sums, N)


@pytest.mark.parametrize("level", ["linalg", "llvm"])
def test_derivatives_of_functions_in_terms_of_others(level):
    def loss(v, w):
        found = np.polyval(v, w), np.polymul(v, w), np.polyint(v), np.cov(np.outer(w, v)), np.correlate(v, w)
        more = np.corrcoef(np.stack([v, v * v])), np.sinc(v), np.vander(w), np.nanprod(np.append(v, np.nan))
        return sum(np.sum(np.abs(x - 0.1j) ** 2) for x in (*found, *more))

    gradients = da.grad(loss, (0, 1), level=level)(V, W)
    for n, x in enumerate((V, W)):
        for k in range(len(x)):
            for direction in (1.0, 1j):
                e = 1e-6 * direction * (np.arange(len(x)) == k)
                args = [[y + s * e if y is x else y for y in (V, W)] for s in (1, -1)]
                expected = (loss(*args[0]) - loss(*args[1])) / 2e-6
                assert (gradients[n][k] * direction).real == pytest.approx(expected, rel=1e-6, abs=1e-6)
    tangents = [np.full(len(x), 0.3 - 0.2j) for x in (V, W)]
    pushed = da.jvp(loss, (V, W), tangents, level=level)[1]
    assert pushed == pytest.approx(sum(np.sum(g * t) for g, t in zip(gradients, tangents, strict=True)).real)
