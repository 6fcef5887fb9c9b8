"""With `fastmath` systems are solved by the shortest way, and their derivatives, too."""

from __future__ import annotations

import numpy as np
import pytest

import dialectad as da
from dialectad.dialects import lapack
from dialectad.dialects.destination import shape
from tests.gradients import directional_difference, random_direction

N = 5
_RNG = np.random.default_rng(0)
A = _RNG.standard_normal((N, N)) + 3.0 * np.eye(N)
K = A @ A.T
X, B = _RNG.standard_normal(N), _RNG.standard_normal((N, 2))


def inverses(a, x, b):
    inv = np.linalg.inv
    by_columns = inv(a) @ b + inv(a.T + 1.0).T @ b - inv(a * 2.0) @ (b.T.copy()).T
    by_rows = (b.T @ inv(np.sin(a) + 4.0 * np.eye(N))) + (b.T @ inv(a + np.eye(N)).T)
    return inv(a - 0.5) @ x + x @ inv(a + 0.5), by_columns, by_rows


def factors(k, x, b):
    lower = np.linalg.cholesky(k)
    upper = np.linalg.cholesky(k + np.eye(N), upper=True)
    by_lower = np.linalg.solve(lower.T, np.linalg.solve(lower, b))
    return np.linalg.solve(upper, np.linalg.solve(upper.T, x)), by_lower, np.sum(np.log(np.diag(lower)))


PROGRAMS = [(inverses, (A, X, B), 7), (factors, (K, X, B), 0)]


def level(name: str) -> da.Level:
    return da.Level(name, fastmath=True)


@pytest.mark.parametrize(("function", "args", "factored"), PROGRAMS)
def test_results(function, args, factored):
    compiled = da.jit(function, level=level("linalg"))
    for found, expected in zip(compiled(*args), function(*args), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-10)
    lowered = compiled.lower(*args)
    ops = list(lowered.module().walk())
    assert sum(isinstance(op, lapack.GetrfOp) for op in ops) == factored
    systems = [op for op in ops if isinstance(op, lapack.GetrsOp | lapack.TrtrsOp)]
    assert all(shape(op.dest)[0] < N for op in systems)
    assert {remark.pass_name for remark in lowered.remarks("linalg")} == {"solve-systems"}
    exact = da.jit(function).lower(*args)
    assert "solve-systems" not in exact.pipeline
    assert not any(isinstance(op, lapack.TrtrsOp) for op in exact.module().walk())


@pytest.mark.parametrize("name", ["graph", "linalg", "loop", "llvm"])
@pytest.mark.parametrize(("function", "args", "factored"), PROGRAMS)
def test_derivatives(function, args, factored, name):
    def loss(*args):
        return sum(np.sum(np.sin(part)) for part in function(*args))

    gradient = da.jit(da.grad(loss, argnums=(0, 1, 2), level=name), level=level(name))
    found = gradient(*args)
    direction = random_direction(args)
    if function is factors:  # which reads one triangle
        direction = (direction[0] + direction[0].T, *direction[1:])
    rate = sum(np.sum(d * g) for d, g in zip(direction, found, strict=True))
    difference = directional_difference(lambda all_: loss(*all_), (args,), direction, 1e-6)
    assert rate == pytest.approx(difference, rel=1e-6)
    if name != "llvm":  # where calls of LAPACK are functions, which the pass doesn't look into
        systems = (op for op in gradient.lower(*args).module().walk() if isinstance(op, lapack.GetrsOp))
        assert all(shape(op.dest)[0] < N for op in systems)


def test_an_inverse_that_is_needed_stays():
    def function(a, b):
        inverse = np.linalg.inv(a)
        return inverse @ b, inverse

    def many(a, b):
        inverse = np.linalg.inv(a)
        for _ in range(9):
            b = inverse @ b
        return b

    for program in (function, many):
        assert not da.jit(program, level=level("linalg")).lower(A, B).remarks("linalg")


@pytest.mark.parametrize("function", [lambda a, b: np.linalg.inv(a) @ b, lambda a, b: b.T @ np.linalg.inv(a)])
def test_singular_matrices_are_errors(function):
    compiled = da.jit(function, level=level("linalg"))
    with pytest.raises(np.linalg.LinAlgError, match="Singular matrix"):
        compiled(np.ones((N, N)), B)


def test_factors_of_what_is_not_positive_are_errors():
    compiled = da.jit(lambda k, b: np.linalg.solve(np.linalg.cholesky(k), b), level=level("linalg"))
    with pytest.raises(np.linalg.LinAlgError, match="positive definite"):
        compiled(-np.eye(N), B)
