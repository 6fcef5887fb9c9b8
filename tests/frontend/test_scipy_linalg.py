"""The functions of `scipy.linalg`: SciPy's values and errors, and derivatives at every level."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import linalg

import dialectad as da
from dialectad.frontend.scipy_linalg import LINALG

Arrays = Any
RANDOM = np.random.default_rng(5)
LEVELS = ("tape", "linalg", "loop", "llvm")


def spread(n: int = 3, *, is_complex: bool = False) -> Arrays:
    a = RANDOM.normal(size=(n, n)) + 3 * np.eye(n)
    return a + 1j * RANDOM.normal(size=(n, n)) if is_complex else a


def definite(a: Arrays) -> Arrays:
    return a @ np.conj(a.T) + np.eye(len(a), dtype=np.real(a).dtype)


def _solves(a: Arrays, b: Arrays) -> Any:
    kinds = ("general", "sym", "her", "lower triangular")
    found = [linalg.solve(a, b, assume_a=kind, lower=i % 2 == 0) for i, kind in enumerate(kinds)]
    return (
        *found,
        linalg.solve(definite(a), b, assume_a="pos"),
        linalg.solve(a.real, b[:, 0].real, transposed=True),
    )


def _triangles(a: Arrays, b: Arrays) -> Any:
    options = [(0, True, False), (1, False, True), (2, True, False), ("N", False, False), ("T", True, True)]
    return tuple(
        linalg.solve_triangular(a, b[:, :k], trans=t, lower=lower, unit_diagonal=unit)
        for k, (t, lower, unit) in enumerate(options)
    )


def _cholesky(a: Arrays, b: Arrays) -> Any:
    a = definite(a)
    solved = (linalg.cho_solve(linalg.cho_factor(a, lower), b) for lower in (False, True))
    return (linalg.cholesky(a), linalg.cholesky(a, lower=True), *solved)


def _lu(a: Arrays, b: Arrays) -> Any:
    factors = linalg.lu_factor(a)
    solved = (linalg.lu_solve(factors, b if t else b[:, 0], trans=t) for t in (0, 1, 2))
    moved, indices = linalg.lu(a, permute_l=True), linalg.lu(a, p_indices=True)
    return (*factors, *linalg.lu(a), *moved, *indices, *solved)


CASES: dict[str, Callable[[Arrays, Arrays], Any]] = {
    "solve": _solves,
    "solve_triangular": _triangles,
    "cholesky cho_factor cho_solve": _cholesky,
    "lu lu_factor lu_solve": _lu,
    "inv det norm pinv": lambda a, b: (
        *(
            linalg.inv(a),
            linalg.det(a),
            linalg.norm(b) * np.float64(1),
            linalg.norm(a, 1) * np.float64(1),
            linalg.pinv(b),
        ),
    ),
    "qr": lambda a, b: (*linalg.qr(a), *linalg.qr(b, mode="economic"), *linalg.qr(b, mode="r")),
    "svd svdvals": lambda a, b: (
        linalg.svdvals(a),
        linalg.svd(a, compute_uv=False),
        linalg.svd(b, full_matrices=False)[1],
    ),
    "eigh eigvalsh": lambda a, b: (
        *(linalg.eigvalsh(a), linalg.eigh(a, lower=False, eigvals_only=True), abs(linalg.eigh(a)[1])),
    ),
    "eig eigvals": lambda a, b: (*linalg.eig(a), linalg.eigvals(a)),
    "expm": lambda a, b: (linalg.expm(a), linalg.expm(0.01 * a), linalg.expm(-3 * a)),
    "block_diag toeplitz hankel circulant": lambda a, b: (
        linalg.block_diag(a, b, b[:, 0], 2.0),
        linalg.toeplitz(a[0]),
        linalg.toeplitz(a[0], b[0]),
        linalg.hankel(a[0]),
        linalg.hankel(a[0], b[1]),
        linalg.circulant(a[1]),
    ),
}


def test_every_function_is_tested() -> None:
    assert sorted(name for case in CASES for name in case.split()) == sorted(LINALG)


def same(found: Any, expected: Any, tolerance: float = 1e-10) -> None:
    for x, y in zip(found, expected, strict=True):
        assert np.shape(x) == np.shape(y)
        assert np.asarray(x).dtype == np.asarray(y).dtype
        np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("case", CASES)
def test_values(case: str) -> None:
    function = CASES[case]
    compiled = da.jit(lambda a, b: function(a, b))
    for is_complex in (False, True):
        a = spread(is_complex=is_complex)
        b = np.asfortranarray(spread(is_complex=is_complex)[:, :2])
        if case == "eig eigvals" and not is_complex:
            a = np.array([[0.5, -2.0, 0.0], [1.0, 0.3, 0.2], [0.0, 0.4, 1.0]])  # has complex ones
        same(compiled(a, b), function(a, b))
    if case not in ("eig eigvals", "lu lu_factor lu_solve"):
        single = spread().astype(np.float32)
        same(compiled(single, single[:, :2]), function(single, single[:, :2]), 1e-3)


def _number(case: str) -> Callable[[Arrays, Arrays], Any]:
    def function(a: Arrays, b: Arrays) -> Any:
        total = 0.0
        for i, part in enumerate(CASES[case](a, b)):
            weights = np.cos(np.arange(np.size(part)) + i).reshape(np.shape(part))
            total = total + np.sum(np.sin(np.real(part)) * weights) + np.sum(np.cos(np.imag(part) + weights))
        return total

    return function


def _economic(a: Arrays, b: Arrays) -> Any:
    found: Any = linalg.qr(b, mode="economic")
    return np.sum(np.sin(np.real(found[1]))) + 0.0 * np.sum(np.real(a))


@pytest.mark.parametrize("case", CASES)
def test_derivatives(case: str) -> None:
    number = list(CASES).index(case)
    function = _economic if case == "qr" else _number(case)
    real_level = "llvm" if case == "eig eigvals" else LEVELS[number % 4]
    for is_complex, level in ((False, real_level), (True, ("linalg", "loop")[number % 2])):
        a, b = spread(is_complex=is_complex), spread(is_complex=is_complex)[:, :2]
        t, u = spread(is_complex=is_complex), spread(is_complex=is_complex)[:, :2]
        step = 1e-6
        ends = (float(function(a + h * t, b + h * u)) for h in (step, -step))
        expected = pytest.approx((next(ends) - next(ends)) / (2 * step), rel=1e-5, abs=1e-5)
        if is_complex == (number % 2 == 0):
            gradients = da.grad(function, argnums=(0, 1), level=level)(a, b)
            assert sum(np.sum((g * x).real) for g, x in zip(gradients, (t, u), strict=True)) == expected
        else:
            assert da.jvp(function, (a, b), (t, u), level=level)[1] == expected


@pytest.mark.parametrize(
    ("name", "args", "message"),
    [
        ("inv", (np.ones((2, 2)),), "A singular matrix detected"),
        ("solve", (np.ones((2, 2)), np.ones(2)), "A singular matrix detected"),
        ("solve_triangular", (np.zeros((2, 2)), np.ones(2)), "singular matrix: resolution failed"),
        ("cholesky", (-np.eye(2),), "not positive definite"),
        ("inv", (np.ones((2, 3)),), "Expected square matrix"),
        ("solve", (np.eye(2), np.ones(3)), "incompatible shapes"),
        ("det", (np.diag([1.0, np.nan]),), "array must not contain infs or NaNs"),
        ("expm", (np.ones((2, 3)),), "must be square"),
    ],
)
def test_errors(name: str, args: tuple[Arrays, ...], message: str) -> None:
    function = getattr(linalg, name)
    for call in (function, da.jit(lambda *a: function(*a))):
        with pytest.raises(ValueError, match=message):  # of which a LinAlgError is one
            call(*args)


def test_what_is_refused() -> None:
    a = spread()
    for call in (
        lambda a: linalg.qr(a, pivoting=True),
        lambda a: linalg.eigh(a, np.eye(3)),
        lambda a: linalg.lu(a[:, :2]),
        lambda a: linalg.solve(a, a, assume_a="banded"),
    ):
        with pytest.raises(da.CompileError):
            da.jit(call)(a)


def test_a_scattering_matrix() -> None:
    """The self-energy of a lead, by complex inverses in a loop, in a transmission at an energy."""

    def transmission(energy: float, hopping: float) -> Any:
        h = linalg.toeplitz(np.array([0.0, -1.0, 0.0])) * hopping
        surface = np.zeros((3, 3), complex)
        for _ in range(4):
            surface = linalg.inv((energy + 0.1j) * np.eye(3) - h - hopping**2 * surface)
        broadening = 1j * (surface - np.conj(surface.T))
        inner = np.linalg.solve(energy * np.eye(3) - h - surface, broadening)
        return np.real(np.trace(inner @ np.conj(inner.T)))

    assert da.jit(transmission)(0.3, 0.9) == pytest.approx(transmission(0.3, 0.9))
    slope = (transmission(0.3 + 1e-6, 0.9) - transmission(0.3 - 1e-6, 0.9)) / 2e-6
    assert da.grad(transmission)(0.3, 0.9) == pytest.approx(slope, rel=1e-6)
