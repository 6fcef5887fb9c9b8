"""`eigh`, `svd` and `qr` of `numpy.linalg`: NumPy's values, signs included, and derivatives in both modes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dialectad as da

Arrays = Any
RANDOM = np.random.default_rng(1)
WRONG: Any = "x"

SYMMETRIC: dict[str, Callable[[Arrays], Any]] = {
    "eigh": lambda a: np.linalg.eigh(a),
    "eigh upper": lambda a: np.linalg.eigh(a, "U"),
    "eigvalsh": lambda a: np.linalg.eigvalsh(a),
}
GENERAL: dict[str, Callable[[Arrays], Any]] = {
    "svd": lambda a: np.linalg.svd(a, full_matrices=False),
    "svdvals": lambda a: np.linalg.svdvals(a),
    "qr": lambda a: np.linalg.qr(a),
}
WITHOUT_DERIVATIVES: dict[str, Callable[[Arrays], Any]] = {
    "all singular vectors": lambda a: np.linalg.svd(a),
    "complete": lambda a: np.linalg.qr(a, mode="complete"),
}
DIFFERENTIABLE = SYMMETRIC | GENERAL
CASES = DIFFERENTIABLE | WITHOUT_DERIVATIVES


def matrices(*shape: int, dtype: Any = np.float64) -> Arrays:
    return RANDOM.normal(size=shape).astype(dtype)


def same(actual: Any, expected: Any, tolerance: float = 1e-9) -> None:
    if isinstance(expected, tuple):
        assert len(actual) == len(expected)
        for a, e in zip(actual, expected, strict=True):
            same(a, e, tolerance)
        return
    assert actual.dtype == expected.dtype
    assert actual.shape == expected.shape
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("case", CASES)
def test_values(case: str) -> None:
    """All shapes, stacks, layouts, and the dtypes that aren't float64, in which NumPy computes them all."""
    function = CASES[case]
    compiled = da.jit(function)
    shapes = [(3, 3), (0, 0), (2, 3, 3)]
    if case not in SYMMETRIC:
        shapes += [(4, 2), (2, 4), (3, 0), (0, 3), (2, 0, 5, 3)]
    for shape in shapes:
        a = matrices(*shape)
        same(compiled(a), function(a))
    for a in (matrices(4, 4, dtype=np.float32), np.asfortranarray(matrices(3, 3)), matrices(6, 6)[::-2, ::2]):
        same(compiled(a), function(a), 1e-5 if a.dtype == np.float32 else 1e-9)
    same(compiled(np.diag([2, 7])), function(np.diag([2, 7])))


def _number(case: str) -> Callable[[Arrays], Any]:
    """Each element counts, and in another way."""

    def function(a: Arrays) -> Any:
        found = CASES[case](a)
        parts = found if isinstance(found, tuple) else (found,)
        return sum(np.sum(np.sin(part * 1.3 + np.arange(part.shape[-1]))) for part in parts)

    return function


def _difference(f: Callable[[Arrays], Any], a: Arrays, along: Arrays, step: float = 1e-6) -> Any:
    return (f(a + step * along) - f(a - step * along)) / (2 * step)


@pytest.mark.parametrize(
    ("case", "level", "shape"),
    [
        *((case, level, (3, 3)) for case in DIFFERENTIABLE for level in ("linalg", "loop")),
        *((case, "tape", (2, 3, 3)) for case in ("eigh", "svd", "qr")),
        *(
            (case, level, s)
            for case in ("svd", "qr")
            for level, s in (("linalg", (4, 2)), ("loop", (2, 2, 4)))
        ),
        *((case, "graph", (2, 4)) for case in ("svd", "qr")),
    ],
    ids=str,
)
def test_gradients(case: str, level: str, shape: tuple[int, ...]) -> None:
    function, a, t = _number(case), matrices(*shape), matrices(*shape)
    expected = pytest.approx(_difference(function, a, t), rel=1e-5, abs=1e-6)
    assert np.sum(da.grad(function, level=level)(a) * t) == expected
    assert da.jvp(function, (a,), (t,), level=level)[1] == expected


@pytest.mark.parametrize(("case", "shape"), [("eigh", (3, 3)), ("svd", (3, 2)), ("qr", (3, 2))], ids=str)
def test_second_derivatives(case: str, shape: tuple[int, ...]) -> None:
    function = _number(case)
    a, t, u = matrices(*shape), matrices(*shape), matrices(*shape)
    gradient = da.grad(function, level="linalg")
    expected = pytest.approx(_difference(lambda x: np.sum(gradient(x) * u), a, t), rel=1e-4, abs=1e-5)
    product = da.hvp(function, (a,), (t,), level="linalg")
    assert np.sum((product[0] if isinstance(product, tuple) else product) * u) == expected
    twice = da.grad(lambda x: np.sum(da.grad(function, level="linalg")(x) * u), level="linalg")
    assert np.sum(twice(a) * t) == expected


@pytest.mark.parametrize("level", ["linalg", "loop"])
def test_repeated_values(level: str) -> None:
    """Functions of the values alone have derivatives there; functions of the vectors haven't."""
    eye = np.eye(3)
    same(da.grad(lambda a: np.sum(np.linalg.eigvalsh(a)), level=level)(2 * eye), eye)
    same(da.grad(lambda a: np.sum(np.linalg.svdvals(a) ** 2), level=level)(2 * eye), 4 * eye)
    same(da.jvp(lambda a: np.sum(np.linalg.eigvalsh(a)), (eye,), (eye,), level=level)[1], np.float64(3.0))
    vectors = da.grad(lambda a: np.sum(np.linalg.eigh(a)[1] * np.arange(9.0).reshape(3, 3)), level=level)(eye)
    assert not np.all(np.abs(vectors) < 1e100)

    def square(a: Arrays) -> Any:
        w, v = np.linalg.eigh(a)
        return np.sum((v * w**2) @ v.T)

    # The vectors' part is 0 divided by 0, which has a limit other than 0.
    assert not np.all(np.isfinite(da.grad(square, level=level)(eye)))


def test_a_matrix_of_lower_rank() -> None:
    """Singular values have a gradient where they aren't zero; no vector is divided by the one that is."""
    a = np.outer([1.0, 2.0, 2.0], [3.0, 4.0])
    gradient = da.grad(lambda a: np.linalg.svdvals(a)[0])(a)
    np.testing.assert_allclose(gradient, a / 15, atol=1e-12)
    assert not np.all(np.isfinite(da.grad(lambda a: np.sum(np.linalg.qr(a)[0]))(a)))


@pytest.mark.parametrize("case", WITHOUT_DERIVATIVES)
def test_what_is_not_determined_has_no_derivative(case: str) -> None:
    hint = "full_matrices=False" if case == "all singular vectors" else "mode='reduced'"
    with pytest.raises(da.CompileError, match=hint) as found:
        da.grad(_number(case))(matrices(3, 2))
    assert found.value.location is not None
    assert da.grad(_number(case))(matrices(2, 2)).shape == (2, 2)


def test_in_a_loop_on_growing_blocks() -> None:
    """Extents that are known only at run time."""

    def function(a: Arrays) -> Any:
        total = 0.0
        for i in range(1, a.shape[0] + 1):
            q, r = np.linalg.qr(a[:, :i])
            u, s, v = np.linalg.svd(a[:i], full_matrices=False)
            w = np.linalg.eigvalsh(a[:i, :i])
            total += (
                np.sum(np.sin(q)) + np.sum(np.cos(r)) + np.sum(np.sin(u) @ np.cos(v)) + np.sum(w * w) + s[0]
            )
        return total

    a, t = matrices(3, 3), matrices(3, 3)
    same(da.jit(function)(a), function(a))
    expected = pytest.approx(_difference(function, a, t), rel=1e-5)
    assert np.sum(da.grad(function)(a) * t) == expected
    assert da.jvp(function, (a,), (t,))[1] == expected


# --- errors ------------------------------------------------------------------------------------


def test_what_does_not_converge() -> None:
    a = np.full((2, 2), np.nan)
    for function in (
        np.linalg.svd,
        da.jit(lambda a: np.linalg.svd(a)),
        da.jit(lambda a: np.linalg.svdvals(a)),
    ):
        with pytest.raises(np.linalg.LinAlgError, match=r"^SVD did not converge"):
            function(a)
    same(da.jit(lambda a: np.linalg.eigvalsh(a))(a), np.linalg.eigvalsh(a))


def test_wrong_arguments() -> None:
    cases: list[tuple[Any, Arrays]] = [
        (lambda a: np.linalg.eigh(a, WRONG), np.eye(2)),
        (lambda a: np.linalg.qr(a, mode=WRONG), np.eye(2)),
        (lambda a: np.linalg.eigh(a), np.ones((2, 3))),
        (lambda a: np.linalg.svd(a), np.ones(3)),
        (lambda a: np.linalg.qr(a), np.ones(3)),
    ]
    for function, a in cases:
        with pytest.raises((ValueError, np.linalg.LinAlgError)) as expected:
            function(a)
        with pytest.raises(type(expected.value)) as found:
            da.jit(function)(a)
        assert str(found.value).startswith(str(expected.value))
    for refused in (
        lambda a: np.linalg.svd(a, hermitian=True),
        lambda a: np.linalg.qr(a, mode="raw"),
    ):
        with pytest.raises(da.CompileError, match="not supported"):
            da.jit(refused)(np.eye(2))
