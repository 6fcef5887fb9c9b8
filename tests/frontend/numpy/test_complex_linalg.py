"""`numpy.linalg` of complex matrices, and eigenvalues: NumPy's values, and derivatives in both modes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dialectad as da

Arrays = Any
RANDOM = np.random.default_rng(11)


def numbers(*shape: int, dtype: Any = np.complex128) -> Arrays:
    return (RANDOM.normal(size=shape) + 1j * RANDOM.normal(size=shape)).astype(dtype)


def adjoint(a: Arrays) -> Arrays:
    return np.swapaxes(np.conj(a), -1, -2)


def hermitian(a: Arrays) -> Arrays:
    return a + adjoint(a)


def positive(a: Arrays) -> Arrays:
    return a @ adjoint(a) + np.eye(a.shape[-1], dtype=a.real.dtype)


VALUES: dict[str, tuple[str, Callable[..., Any]]] = {
    "solve": ("square", lambda a: np.linalg.solve(a, a[..., :2])),
    "vector": ("square", lambda a: np.linalg.solve(a, np.ones(a.shape[-1]))),
    "inv": ("square", lambda a: np.linalg.inv(a)),
    "det": ("square", lambda a: np.linalg.det(a)),
    "slogdet": ("square", lambda a: np.linalg.slogdet(a)),
    "power": ("square", lambda a: np.linalg.matrix_power(a, -3)),
    "cond": ("square", lambda a: (np.linalg.cond(a), np.linalg.cond(a, 1))),
    "cholesky": ("positive", lambda a: (np.linalg.cholesky(a), np.linalg.cholesky(a, upper=True))),
    "eigh": ("square", lambda a: (*np.linalg.eigh(a), *np.linalg.eigh(a, "U"))),
    "eigvalsh": ("square", lambda a: np.linalg.eigvalsh(a)),
    "svd": ("any", lambda a: np.linalg.svd(a, full_matrices=False)),
    "full": ("any", lambda a: (*np.linalg.svd(a), np.linalg.svdvals(a))),
    "qr": ("any", lambda a: (*np.linalg.qr(a), *np.linalg.qr(a, "complete"), np.linalg.qr(a, "r"))),
    "pinv": ("any", lambda a: (np.linalg.pinv(a), np.linalg.matrix_rank(a))),
    "norms": ("any", lambda a: tuple(np.linalg.norm(a, p, axis=(-2, -1)) for p in (None, 2, "nuc", 1, -2))),
    "eig": ("square", lambda a: (*np.linalg.eig(a), np.linalg.eigvals(a))),
}


def same(actual: Any, expected: Any) -> None:
    if isinstance(expected, tuple):
        assert type(actual) is type(expected)
        for a, e in zip(actual, expected, strict=True):
            same(a, e)
        return
    assert (type(actual), actual.dtype, actual.shape) == (type(expected), expected.dtype, expected.shape)
    tolerance = 2e-3 if expected.dtype in (np.float32, np.complex64) else 1e-9
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("case", VALUES)
def test_values(case: str) -> None:
    """Sizes, stacks, layouts and both precisions."""
    kind, function = VALUES[case]
    compiled = da.jit(function)
    shapes = [(2, 3, 3), (0, 0)] if kind != "any" else [(4, 2), (2, 2, 3), (0, 2)]
    for shape in shapes:
        if 0 not in shape or case not in ("cond", "norms"):
            a = numbers(*shape)
            a = positive(a) if kind == "positive" else a
            same(compiled(a), function(a))
    single = positive(numbers(4, 4, dtype=np.complex64)) * 4
    for a in (np.asfortranarray(single), positive(numbers(2, 2))[::-1, ::-1]):
        same(compiled(a), function(a))


def test_what_real_and_complex_operands_give() -> None:
    solve, a, b = da.jit(lambda a, b: np.linalg.solve(a, b)), numbers(3, 3), numbers(2, 3, 1)
    for left, right in ((a.real, b), (a, b.real), (a.real.astype(np.float32), b.astype(np.complex64))):
        same(solve(left, right), np.linalg.solve(left, right))
    function = lambda a, b: np.linalg.lstsq(a, b, rcond=None)[:3]  # noqa: E731
    for a in (numbers(4, 2), numbers(2, 4)):
        b = numbers(a.shape[0], 2)
        found = da.jit(lambda a, b: function(a, b))(a, b)
        same(tuple(found[:2]), function(a, b)[:2])
        assert found[2] == function(a, b)[2]


# --- errors ------------------------------------------------------------------------------------


def test_errors() -> None:
    singular, eye = np.ones((3, 3)) * (1 + 1j), np.eye(3) * 1j
    for function in (lambda a: np.linalg.solve(a, eye), lambda a: np.linalg.inv(a)):
        for call in (function, da.jit(function)):
            with pytest.raises(np.linalg.LinAlgError, match=r"^Singular matrix"):
                call(singular)
    same(da.jit(lambda a: np.linalg.slogdet(a))(singular * 0), np.linalg.slogdet(singular * 0))
    same(da.jit(lambda a: np.linalg.det(a))(-eye), np.linalg.det(-eye))
    for call in (np.linalg.cholesky, da.jit(lambda a: np.linalg.cholesky(a))):
        with pytest.raises(np.linalg.LinAlgError, match=r"^Matrix is not positive definite"):
            call(-positive(singular))
    for name in ("eig", "eigvals"):
        for a in (np.diag([1.0, np.nan]), np.diag([1.0, np.inf * 1j])):
            for call in (getattr(np.linalg, name), da.jit(lambda a, name=name: getattr(np.linalg, name)(a))):
                with pytest.raises(np.linalg.LinAlgError, match=r"^Array must not contain infs or NaNs"):
                    call(a)
    with pytest.raises(np.linalg.LinAlgError, match="must be square"):
        da.jit(lambda a: np.linalg.inv(a))(numbers(2, 3))


# --- derivatives -------------------------------------------------------------------------------


def _counted(*parts: Arrays) -> Any:
    """A number to which each element contributes in another way."""
    total = 0.0
    for i, x in enumerate(parts):
        weights = np.cos(1.3 * np.arange(x.size) + i).reshape(x.shape)
        total = total + np.sum(np.sin(1.3 * np.real(x)) * weights)
        total = total + np.sum(np.cos(0.7 * np.imag(x) + weights))
    return total


def _eigh(a: Arrays) -> Any:
    """Phases of vectors don't count."""
    w, v = np.linalg.eigh(a)
    order = np.arange(1.0, w.shape[-1] + 1)
    return _counted(w, (v * np.exp(w)[..., None, :] * order) @ adjoint(v), np.conj(v) * v)


def _svd(a: Arrays) -> Any:
    u, s, v = np.linalg.svd(a, full_matrices=False)
    order = np.arange(1.0, s.shape[-1] + 1)
    return _counted(s, (u * order * np.sin(s)[..., None, :]) @ v, u * np.conj(u), np.conj(v) * v)


FUNCTIONS: dict[str, Callable[[Arrays], Any]] = {
    "solve": lambda a: _counted(np.linalg.solve(a, np.conj(a[..., :2]))),
    "inv": lambda a: _counted(np.linalg.inv(a)),
    "det": lambda a: _counted(np.reshape(np.linalg.det(a), -1)),
    "slogdet": lambda a: _counted(*(np.reshape(x, -1) for x in np.linalg.slogdet(a))),
    "cholesky": lambda a: _counted(np.linalg.cholesky(positive(a))),
    "triangle": lambda a: _counted(np.linalg.cholesky(a + 9 * np.eye(a.shape[-1]), upper=True)),
    "eigvalsh": lambda a: _counted(np.linalg.eigvalsh(a)),
    "eigh": _eigh,
    "svd": _svd,
    "tall svd": lambda a: _svd(a[..., :2]),
    "wide svd": lambda a: _svd(a[..., :2, :]),
    "tall qr": lambda a: _counted(*np.linalg.qr(a[..., :2])),
    "wide qr": lambda a: _counted(*np.linalg.qr(a[..., :2, :])),
    "pinv": lambda a: _counted(np.linalg.pinv(a[..., :2])),
    "nuc": lambda a: _counted(np.reshape(np.linalg.norm(a, "nuc", axis=(-2, -1)), -1)),
    "eig": lambda a: _counted(*np.linalg.eig(a)),
    "eig of a real matrix": lambda a: _counted(*np.linalg.eig(np.real(a))),
    "eigvals": lambda a: _counted(np.linalg.eigvals(a)),
}


def _difference(f: Callable[[Arrays], Any], a: Arrays, along: Arrays, step: float = 1e-6) -> float:
    return float(f(a + step * along) - f(a - step * along)) / (2 * step)


def _check(function: Callable[[Arrays], Any], shape: tuple[int, ...], reverse: str, forward: str) -> None:
    a, t = numbers(*shape) + 2 * np.eye(shape[-1]), numbers(*shape)
    expected = pytest.approx(_difference(function, a, t), rel=1e-5, abs=1e-5)
    assert np.sum((da.grad(function, level=reverse)(a) * t).real) == expected
    assert da.jvp(function, (a,), (t,), level=forward)[1] == expected


@pytest.mark.parametrize("case", FUNCTIONS)
def test_gradients(case: str) -> None:
    """Each mode on tensors or in memory, in turns."""
    levels = ("linalg", "loop") if list(FUNCTIONS).index(case) % 2 else ("loop", "linalg")
    _check(FUNCTIONS[case], (3, 3), *levels)


@pytest.mark.parametrize(
    ("case", "level"), [("solve", "llvm"), ("eigh", "graph"), ("eig", "tape"), ("tall qr", "tape")]
)
def test_at_other_levels(case: str, level: str) -> None:
    _check(FUNCTIONS[case], (2, 2, 2), level, level)


@pytest.mark.parametrize("case", ["slogdet", "eigh", "svd", "eig"])
def test_second_derivatives(case: str) -> None:
    function, level = FUNCTIONS[case], "linalg"
    a, t, u = numbers(2, 2) + 2 * np.eye(2), numbers(2, 2), numbers(2, 2)
    gradient = da.grad(function, level=level)
    expected = pytest.approx(_difference(lambda x: np.sum((gradient(x) * u).real), a, t), rel=1e-4, abs=1e-4)
    assert np.sum((da.hvp(function, (a,), (t,), level=level) * u).real) == expected


def test_on_growing_blocks() -> None:
    """Extents that are known only at run time."""

    def function(a: Arrays) -> Any:
        total = 0.0
        for i in range(a.shape[0] + 1):
            block = a[:i, :i]
            total += np.abs(np.linalg.det(block)) + np.sum(np.abs(np.linalg.solve(block, a[:i, 0])))
        return total

    a, t = numbers(3, 3) + 4 * np.eye(3), numbers(3, 3)
    assert da.jit(function)(a) == pytest.approx(function(a))
    expected = pytest.approx(_difference(function, a, t), rel=1e-5)
    assert np.sum((da.grad(function, level="linalg")(a) * t).real) == expected
    assert da.jvp(function, (a,), (t,), level="loop")[1] == expected


@pytest.mark.parametrize("level", ["linalg", "loop"])
def test_repeated_values(level: str) -> None:
    """Functions of the values alone have derivatives there."""
    eye = np.eye(2) + 0j
    for function, slope in (
        (lambda a: np.sum(np.linalg.eigvalsh(a)), eye),
        (lambda a: np.sum(np.linalg.svdvals(a) ** 2), 4 * eye),
        (lambda a: np.sum(np.real(np.linalg.eigvals(a))), eye),
    ):
        same(da.grad(function, level=level)(2 * eye), slope)


def test_eigenvalues_of_real_matrices() -> None:
    """Results are complex, and conjugate pairs are; real ones have no imaginary part."""
    turn, plain = np.array([[0.0, -1.0], [1.0, 0.0]]), np.array([[2.0, 1.0], [0.5, 3.0]])
    eig = da.jit(lambda a: np.linalg.eig(a))
    for a in (turn, plain, np.stack([turn, plain]), np.eye(2, dtype=np.float32), np.diag([1, -2])):
        values, vectors = eig(a)
        expected = np.linalg.eig(a)
        single = a.dtype == np.float32
        assert values.dtype == vectors.dtype == (np.complex64 if single else np.complex128)
        np.testing.assert_allclose(values, expected.eigenvalues, atol=1e-14)
        np.testing.assert_allclose(vectors, expected.eigenvectors, atol=1e-14)


def test_a_contour_integral() -> None:
    """Counts the eigenvalues in a circle, and has a derivative of 0; their sum has one."""
    angles = 2 * np.pi * np.arange(24) / 24

    def total(a: Arrays) -> Any:
        found = 0.0
        for angle in angles:
            z = 1.5 * np.exp(1j * angle)
            found = found + np.real(z * z * np.trace(np.linalg.inv(z * np.eye(2) - a))) / 24
        return found

    a = np.array([[0.5, 0.2], [0.1, -0.3]])
    assert total(a) == pytest.approx(np.trace(a), abs=1e-6)
    np.testing.assert_allclose(da.grad(total)(a), np.eye(2), atol=1e-6)
