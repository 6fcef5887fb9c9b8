"""`numpy.linalg` through LAPACK: what NumPy gives, what it raises, and derivatives in both modes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dialectad as da

Arrays = Any
RANDOM = np.random.default_rng(4)

CASES: dict[str, Callable[..., Any]] = {
    "solve": lambda a, b: np.linalg.solve(a, b),
    "inv": lambda a, b: np.linalg.inv(a),
    "det": lambda a, b: np.linalg.det(a),
    "slogdet": lambda a, b: tuple(np.linalg.slogdet(a)),
    "cholesky": lambda a, b: np.linalg.cholesky(
        a @ np.swapaxes(a, -1, -2) + np.eye(a.shape[-1], dtype=a.dtype)
    ),
    "upper": lambda a, b: np.linalg.cholesky(a + 20 * np.eye(a.shape[-1], dtype=a.dtype), upper=True),
}


def matrices(*shape: int, dtype: Any = np.float64) -> Arrays:
    return RANDOM.normal(size=shape).astype(dtype)


def same(actual: Any, expected: Any) -> None:
    if isinstance(expected, tuple):
        assert len(actual) == len(expected)
        for a, e in zip(actual, expected, strict=True):
            same(a, e)
        return
    assert type(actual) is type(expected)
    assert actual.dtype == expected.dtype
    assert actual.shape == expected.shape
    tolerance = 1e-3 if expected.dtype == np.float32 else 1e-9
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("case", CASES)
def test_values(case: str) -> None:
    """All sizes, stacks, both precisions, and what ints become."""
    function = CASES[case]
    compiled = da.jit(function)
    for n in (0, 1, 2, 5):
        for stack in ((), (3,), (2, 2), (0,)) if n == 2 else ((), (3,)):
            a, b = matrices(*stack, n, n), matrices(*stack, n, 3)
            same(compiled(a, b), function(a, b))
    for dtype in (np.float32, np.int64, np.int8):
        a, b = (np.eye(3) * 7 + matrices(3, 3) * 2).astype(dtype), matrices(3, 2, dtype=np.float32)
        same(compiled(a, b), function(a, b))


@pytest.mark.parametrize("layout", ["fortran", "gaps", "reversed"])
@pytest.mark.parametrize("case", CASES)
def test_layouts(case: str, layout: str) -> None:
    a, b = matrices(8, 8), matrices(8, 6)
    args = {
        "fortran": (np.asfortranarray(a[:4, :4]), np.asfortranarray(b[:4])),
        "gaps": (a[::2, ::2], b[::2, ::2]),
        "reversed": (a[3::-1, 3::-1], b[3::-1, ::-1]),
    }[layout]
    same(da.jit(CASES[case])(*args), CASES[case](*args))


def test_right_hand_sides() -> None:
    """A vector is one only on its own; stacks broadcast."""
    solve = da.jit(CASES["solve"])
    for s, t in [
        ((4, 4), (4,)),
        ((3, 4, 4), (4,)),
        ((4, 4), (2, 4, 3)),
        ((3, 1, 4, 4), (2, 4, 1)),
        ((4, 4), (4, 0)),
    ]:
        a, b = matrices(*s), matrices(*t)
        same(solve(a, b), np.linalg.solve(a, b))
    a, b = matrices(2, 2, dtype=np.float32), np.array([1, 2])
    same(solve(a, b), np.linalg.solve(a, b))


def test_in_a_loop_on_growing_blocks() -> None:
    """Extents that are known only at run time."""

    def function(a: Arrays) -> Any:
        total = 0.0
        for i in range(a.shape[0] + 1):
            block = a[:i, :i]
            total += np.linalg.det(block) + np.sum(np.linalg.inv(block) @ a[:i, :2])
            total += np.sum(np.linalg.solve(block, a[:i, 0])) + np.sum(
                np.linalg.cholesky(block + 9 * np.eye(i))
            )
        return total

    a = matrices(5, 5) + 4 * np.eye(5)
    same(da.jit(function)(a), function(a))
    d = matrices(5, 5)
    expected = (function(a + 1e-6 * d) - function(a - 1e-6 * d)) / 2e-6
    assert np.sum(da.grad(function)(a) * d) == pytest.approx(expected, rel=1e-5)
    assert da.jvp(function, (a,), (d,))[1] == pytest.approx(expected, rel=1e-5)


# --- errors ------------------------------------------------------------------------------------

SINGULAR = [np.zeros((2, 2)), np.ones((3, 3)), np.stack([np.eye(2), np.zeros((2, 2))]), np.zeros((1, 1))]


@pytest.mark.parametrize("a", SINGULAR, ids=lambda a: str(a.shape))
def test_singular_matrices(a: Arrays) -> None:
    b = np.ones((*a.shape[:-1], 1))
    for case in ("solve", "inv"):
        for function in (CASES[case], da.jit(CASES[case])):
            with pytest.raises(np.linalg.LinAlgError, match=r"^Singular matrix"):
                function(a, b)
    same(da.jit(CASES["det"])(a, b), np.linalg.det(a))
    same(da.jit(CASES["slogdet"])(a, b), tuple(np.linalg.slogdet(a)))


def test_what_is_not_a_number_is_not_singular() -> None:
    a = np.array([[np.nan, 1.0], [2.0, 3.0]])
    same(da.jit(CASES["inv"])(a, a), np.linalg.inv(a))


@pytest.mark.parametrize("last", [-1.0, 0.0, 1.0])
def test_not_positive_definite(last: float) -> None:
    a = np.array([[4.0, 2.0, 0.0], [2.0, 5.0, 1.0], [0.0, 1.0, last]])
    cholesky = da.jit(lambda a: np.linalg.cholesky(a))
    if last > 0:
        same(cholesky(a), np.linalg.cholesky(a))
        return
    for function in (np.linalg.cholesky, cholesky):
        with pytest.raises(np.linalg.LinAlgError, match=r"^Matrix is not positive definite"):
            function(a)


def test_factor_of_what_is_not_a_number() -> None:
    cholesky = da.jit(lambda a: np.linalg.cholesky(a))
    for a in (np.diag([np.nan, 1.0]), np.diag([1.0, np.nan]), np.diag([1.0, 2.0, np.inf])):
        try:
            expected = np.linalg.cholesky(a)
        except np.linalg.LinAlgError:
            with pytest.raises(np.linalg.LinAlgError):
                cholesky(a)
        else:
            same(cholesky(a), expected)


@pytest.mark.parametrize("case", ["solve", "inv", "det", "slogdet", "cholesky"])
def test_what_is_no_square_matrix(case: str) -> None:
    function = (lambda a, b: np.linalg.cholesky(a)) if case == "cholesky" else CASES[case]
    for a in (np.ones((2, 3)), np.ones(3)):
        with pytest.raises(np.linalg.LinAlgError) as expected:
            function(a, a)
        with pytest.raises(np.linalg.LinAlgError) as found:
            da.jit(function)(a, a)
        assert str(found.value).startswith(str(expected.value))


def test_sizes_that_do_not_fit() -> None:
    for b in (np.ones(2), np.ones((2, 3))):
        with pytest.raises(ValueError, match=r"solve1?: Input operand 1 has a mismatch") as expected:
            np.linalg.solve(np.eye(3), b)
        with pytest.raises(ValueError, match=r"solve1?: Input operand 1 has a mismatch") as found:
            da.jit(CASES["solve"])(np.eye(3), b)
        assert str(found.value).startswith(str(expected.value))


# --- derivatives -------------------------------------------------------------------------------


def _number(case: str) -> Callable[[Arrays, Arrays], Any]:
    def function(a: Arrays, b: Arrays) -> Any:
        found = CASES[case](a, b)
        parts = found if isinstance(found, tuple) else (found,)
        return sum(np.sum(np.sin(part * 1.3)) for part in parts)

    return function


def _direction(f: Callable[..., Any], args: Arrays, along: Arrays, step: float = 1e-6) -> float:
    ahead, back = ([x + s * t for x, t in zip(args, along, strict=True)] for s in (step, -step))
    return (f(*ahead) - f(*back)) / (2 * step)


@pytest.mark.parametrize(
    ("level", "shape"),
    [
        *(("linalg", (0, 0)), ("auto", (1, 1)), ("linalg", (4, 4)), ("graph", (2, 3, 3))),
        *(("tape", (2, 3, 3)), ("loop", (3, 3)), ("loop", (2, 3, 3))),
    ],
    ids=str,
)
@pytest.mark.parametrize("case", CASES)
def test_gradients(case: str, level: str, shape: tuple[int, ...]) -> None:
    """Reverse and forward mode against central differences, of all arguments at once."""
    function = _number(case)
    args = (matrices(*shape) + 2 * np.eye(shape[-1]), matrices(*shape[:-1], 2))
    along = (matrices(*shape), matrices(*shape[:-1], 2))
    expected = pytest.approx(_direction(function, args, along), rel=1e-5, abs=1e-6)
    gradients = da.grad(function, argnums=(0, 1), level=level)(*args)
    assert sum(np.sum(g * t) for g, t in zip(gradients, along, strict=True)) == expected
    assert da.jvp(function, args, along, level=level)[1] == expected


@pytest.mark.parametrize("case", CASES)
def test_second_derivatives(case: str) -> None:
    """Forward over reverse against differences of gradients, and reverse over reverse."""
    function, level = _number(case), "linalg"
    a, b, t, u = matrices(3, 3) + 2 * np.eye(3), matrices(3, 2), matrices(3, 3), matrices(3, 3)
    gradient = da.grad(function, level=level)
    expected = _direction(lambda x: np.sum(gradient(x, b) * u), (a,), (t,))
    product = da.hvp(lambda x: function(x, b), (a,), (t,), level=level)
    found = product[0] if isinstance(product, tuple) else product
    assert np.sum(found * u) == pytest.approx(expected, rel=1e-5, abs=1e-6)
    twice = da.grad(lambda x: np.sum(da.grad(function, level=level)(x, b) * u), level=level)(a)
    assert np.sum(twice * t) == pytest.approx(expected, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("level", ["linalg", "loop"])
def test_matrices_that_are_written_over(level: str) -> None:
    """What a solve, an inverse or a factor is put over is still needed in the reverse sweep."""

    def function(a: Arrays, x: Arrays) -> Any:
        a, x, total = a.copy(), x.copy(), 0.0
        for i in range(3):
            x[:] = np.linalg.solve(a, x)
            a[1:, 1:] = np.linalg.inv(a[1:, 1:]) + i
            total += np.linalg.det(a) * np.sum(x)
            a[:] = np.linalg.cholesky(a @ a.T + np.eye(3)) + 0.5
        return total + np.sum(a * a)

    args, along = (matrices(3, 3) + 3 * np.eye(3), matrices(3)), (matrices(3, 3), matrices(3))
    expected = pytest.approx(_direction(function, args, along), rel=1e-5)
    gradients = da.grad(function, argnums=(0, 1), level=level)(*args)
    assert sum(np.sum(g * t) for g, t in zip(gradients, along, strict=True)) == expected
    assert da.jvp(function, args, along, level=level)[1] == expected


def test_cholesky_reads_one_triangle() -> None:
    a = np.array([[4.0, 100.0], [1.0, 3.0]])
    gradient = da.grad(lambda a: np.sum(np.linalg.cholesky(a)))(a)
    assert gradient[0, 1] == 0.0
    assert gradient[1, 0] != 0.0


@pytest.mark.parametrize("case", ["solve", "cholesky"])
def test_as_parts_of_level_llvm(case: str) -> None:
    """Their derivatives are those of level linalg, also of a call in a loop."""
    one = _number(case)

    def function(a: Arrays, b: Arrays) -> Any:
        total = 0.0
        for i in range(2):
            total += one(a + i * np.eye(3), b)
        return total

    args, along = (matrices(3, 3) + 2 * np.eye(3), matrices(3, 2)), (matrices(3, 3), matrices(3, 2))
    expected = pytest.approx(_direction(function, args, along), rel=1e-5, abs=1e-6)
    gradients = da.grad(function, argnums=(0, 1), level="llvm")(*args)
    assert sum(np.sum(g * t) for g, t in zip(gradients, along, strict=True)) == expected
    assert da.jvp(function, args, along, level="llvm")[1] == expected


def test_at_every_level_where_it_takes_no_part() -> None:
    """A system that isn't differentiated doesn't disturb derivatives in memory."""

    def function(x: Arrays, a: Arrays) -> Any:
        return np.sum(np.sin(x) * np.linalg.solve(a, np.ones(3)))

    x, a = matrices(3), matrices(3, 3) + 3 * np.eye(3)
    expected = np.cos(x) * np.linalg.solve(a, np.ones(3))
    for level in ("linalg", "loop", "llvm", "tape", "graph", "mixed"):
        np.testing.assert_allclose(da.grad(function, level=level)(x, a), expected)


def test_in_single_precision() -> None:
    a, b = matrices(3, 3, dtype=np.float32) + 2 * np.eye(3, dtype=np.float32), matrices(3, dtype=np.float32)
    gradient = da.grad(lambda a, b: np.sum(np.linalg.solve(a, b)))(a, b)
    x, y = np.linalg.solve(a, b), np.linalg.solve(a.T, np.ones(3, np.float32))
    assert gradient.dtype == np.float32
    np.testing.assert_allclose(gradient, -np.outer(y, x), rtol=1e-3, atol=1e-4)
