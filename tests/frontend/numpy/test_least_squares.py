"""What `numpy.linalg` makes of decompositions: pseudoinverses, least squares, ranks, norms and the like."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dialectad as da

Arrays = Any
RANDOM = np.random.default_rng(3)
NONE: Any = None  # where the types of NumPy are narrower than NumPy
FIRST: Any = 0
A, B, C = RANDOM.normal(size=(4, 3)), RANDOM.normal(size=(3, 4)), RANDOM.normal(size=(2, 3, 3))
SINGULAR = np.outer([1.0, 2.0, 2.0], [3.0, 4.0, 1.0])
EMPTY = np.zeros((0, 3))

CASES: dict[str, tuple[Callable[..., Any], list[tuple[Arrays, ...]]]] = {
    "pinv": (lambda a: np.linalg.pinv(a), [(A,), (B,), (C,), (SINGULAR,), (EMPTY,), (EMPTY.T,)]),
    "pinv with limits": (
        lambda a: (np.linalg.pinv(a, rtol=NONE), np.linalg.pinv(a, np.array([0.4, 0.0]))),
        [(C,)],
    ),
    "lstsq": (
        lambda a, b: np.linalg.lstsq(a, b),
        [
            *((A, A[:, 0] + 1), (A, A[:, :2] + 1), (B, B[:, :2]), (SINGULAR, C[0]), (C[0], C[1])),
            *((EMPTY, EMPTY[:, 0]), (EMPTY.T, A[:3, 0]), (A.astype(np.float32), A[:, 0].astype(np.float32))),
        ],
    ),
    "lstsq with a limit": (
        lambda a, b: tuple(x for i, x in enumerate(np.linalg.lstsq(a, b, 0.4)) if i != 1),
        [(A, A[:, 0] + 1)],
    ),
    "matrix_rank": (
        lambda a: np.linalg.matrix_rank(a),
        [(A,), (C,), (SINGULAR,), (EMPTY,), (SINGULAR.astype(np.float32),), (A[0],), (A[0] * 0,)],
    ),
    "matrix_rank with limits": (
        lambda a: (np.linalg.matrix_rank(a, 1.0), np.linalg.matrix_rank(a, rtol=np.array([0.4, 0.0]))),
        [(C,)],
    ),
    "cond": (lambda a: np.linalg.cond(a), [(A,), (C,), (SINGULAR * 0,), (C.astype(np.float32),)]),
    "cond by inverses": (
        lambda a: tuple([np.linalg.cond(a, p) for p in (1, -1, "fro", np.inf)]),
        [(C,), (SINGULAR * 0,), (np.stack([np.eye(2), np.array([[1.0, np.nan], [0.0, 1.0]])]),)],
    ),
    "norm of matrices": (
        lambda a: (
            *[np.linalg.norm(a, p, (-2, -1)) for p in (None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)],
            *[np.linalg.matrix_norm(a, ord=p, keepdims=True) for p in ("fro", "nuc", 2, 1)],
            np.linalg.norm(a, 2, (-1, 0), keepdims=True),
        ),
        [(A,), (C,), (np.arange(6).reshape(2, 3),), (C.astype(np.float32),)],
    ),
    "norm of nothing": (
        lambda a: tuple([np.linalg.norm(a, p) for p in ("fro", "nuc", 1, 2, np.inf)]),
        [(EMPTY,), (EMPTY.T,)],
    ),
    "norm of vectors": (
        lambda a: (
            *[np.linalg.norm(a, p, -1) for p in (None, 0, 1, -1, 2, 2.5, 3, np.inf, -np.inf)],
            *[np.linalg.vector_norm(a, ord=p) for p in (2, 1, 3, np.inf)],
            np.linalg.vector_norm(a, axis=(0, 1), ord=1, keepdims=True),
            np.linalg.norm(a),
        ),
        [(A,), (C,), (np.arange(1, 7).reshape(2, 3),)],
    ),
    "powers": (
        lambda a: tuple([np.linalg.matrix_power(a, n) for n in (-3, -1, 0, 2)]),
        [(C,), (np.array([[1, 2], [3, 5]]),)],
    ),
    "products": (
        lambda a, b: (
            *(np.linalg.vecdot(a, b), np.linalg.vecdot(a, b, axis=FIRST), np.linalg.cross(a, b)),  # pyright: ignore
            *(np.linalg.multi_dot([a, b.T, a]), np.linalg.outer(a[0], b[0]), np.linalg.matmul(a, b.T)),
            *(np.linalg.trace(a), np.linalg.diagonal(a, offset=1), np.linalg.matrix_transpose(a)),
        ),
        [(A, A + 1)],
    ),
    "tensors": (
        lambda a, b: (
            *(np.linalg.tensorsolve(a, b), np.linalg.tensorinv(a, 1)),
            np.linalg.tensorsolve(np.swapaxes(a, 0, 1), b, axes=(0,)),
        ),
        [(RANDOM.normal(size=(6, 2, 3)), RANDOM.normal(size=6))],
    ),
}


def same(actual: Any, expected: Any) -> None:
    if isinstance(expected, tuple):
        assert len(actual) == len(expected)
        for a, e in zip(actual, expected, strict=True):
            same(a, e)
        return
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.dtype == expected.dtype
    assert actual.shape == expected.shape
    tolerance = 1e-4 if expected.dtype == np.float32 else 1e-9
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("case", CASES)
def test_values(case: str) -> None:
    function, calls = CASES[case]
    compiled = da.jit(function)
    for args in calls:
        same(compiled(*args), function(*args))


def _number(case: str) -> Callable[..., Any]:
    def function(*args: Arrays) -> Any:
        found = CASES[case][0](*args)
        parts = found if isinstance(found, tuple) else (found,)
        return sum([np.sum(np.sin(part * 1.3)) for part in parts])

    return function


_ARGUMENTS = {
    "pinv": [(A,), (B,), (C,)],
    "lstsq": [(A, A[:, 0] + 1), (B, B[:, :2])],
    "cond": [(A,)],
    "cond by inverses": [(C[0],)],
    "norm of matrices": [(A,)],
    "norm of vectors": [(A,)],
    "powers": [(C[0],)],
    "products": [(A, A + 1)],
    "tensors": CASES["tensors"][1],
}


@pytest.mark.parametrize(
    ("case", "level"),
    [
        *((case, "linalg") for case in _ARGUMENTS),
        *((case, "loop") for case in ("pinv", "cond")),
        *((case, "tape") for case in ("pinv", "lstsq", "cond")),
    ],
)
def test_gradients(case: str, level: str) -> None:
    function = _number(case)
    for args in _ARGUMENTS[case][: None if level == "linalg" else 1]:
        along = tuple(RANDOM.normal(size=x.shape) for x in args)
        ahead, back = ([x + s * t for x, t in zip(args, along, strict=True)] for s in (1e-6, -1e-6))
        expected = pytest.approx((function(*ahead) - function(*back)) / 2e-6, rel=1e-4, abs=1e-6)
        gradients = da.grad(function, argnums=tuple(range(len(args))), level=level)(*args)
        assert sum(np.sum(g * t) for g, t in zip(gradients, along, strict=True)) == expected
        assert da.jvp(function, args, along, level=level)[1] == expected


def test_repeated_singular_values() -> None:
    """Where singular vectors have no derivatives, these functions of matrices do."""
    eye = 2 * np.eye(3)
    same(da.grad(lambda a: np.sum(np.linalg.pinv(a)))(eye), -np.full((3, 3), 0.25))
    same(da.grad(lambda a: np.linalg.norm(a, "nuc"))(eye), np.eye(3))
    same(da.grad(lambda a: np.linalg.norm(a, "fro") ** 2)(eye), 2 * eye)
    a = np.vstack([SINGULAR, SINGULAR])  # of rank 1, and so is what is near it along its row
    t = np.outer(np.ones(6), SINGULAR[0])
    step = 1e-6 * t
    expected = (np.sum(np.linalg.pinv(a + step)) - np.sum(np.linalg.pinv(a - step))) / 2e-6
    assert np.sum(da.grad(lambda a: np.sum(np.linalg.pinv(a)))(a) * t) == pytest.approx(expected, rel=1e-5)


def test_residuals_of_an_equation_that_leaves_something_open() -> None:
    """NumPy's have a shape that depends on values; here they are NaN."""
    a, b = np.vstack([SINGULAR, SINGULAR]), RANDOM.normal(size=6)
    solution, residuals, rank, _ = da.jit(lambda a, b: np.linalg.lstsq(a, b))(a, b)
    same((solution, rank), (np.linalg.lstsq(a, b)[0], np.int32(1)))
    assert residuals.shape == (1,)
    assert np.isnan(residuals[0])


def test_second_derivatives() -> None:
    def function(a: Arrays) -> Any:
        return np.sum(np.sin(np.linalg.pinv(a)))

    t, u = RANDOM.normal(size=A.shape), RANDOM.normal(size=A.shape)
    gradient = da.grad(function, level="linalg")
    expected = np.sum((gradient(A + 1e-6 * t) - gradient(A - 1e-6 * t)) * u) / 2e-6
    found = da.hvp(function, (A,), (t,), level="linalg")
    assert np.sum((found[0] if isinstance(found, tuple) else found) * u) == pytest.approx(expected, rel=1e-4)


WRONG: list[tuple[Callable[..., Any], Arrays]] = [
    (lambda a: np.linalg.cond(a), EMPTY),
    (lambda a: np.linalg.cond(a, 1), A),
    (lambda a: np.linalg.pinv(a), A[0]),
    (lambda a: np.linalg.pinv(a, 0.1, rtol=0.1), A),
    (lambda a: np.linalg.lstsq(a, a[:2]), A),
    (lambda a: np.linalg.lstsq(a, a[0]), C),
    (lambda a: np.linalg.norm(a, 3), A),  # pyright: ignore
    (lambda a: np.linalg.norm(a, 1), C),
    (lambda a: np.linalg.norm(a, "nuc"), A[0]),
    (lambda a: np.linalg.matrix_power(a, -1), SINGULAR * 0),
    (lambda a: np.linalg.matrix_rank(a), np.full((2, 2), np.nan)),
    (lambda a: np.linalg.tensorinv(a, 0), A),
]


@pytest.mark.parametrize("position", range(len(WRONG)))
def test_errors(position: int) -> None:
    function, a = WRONG[position]
    with pytest.raises((ValueError, np.linalg.LinAlgError)) as expected:
        function(a)
    with pytest.raises(type(expected.value)) as found:
        da.jit(function)(a)
    assert str(found.value).startswith(str(expected.value))
