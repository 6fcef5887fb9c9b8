"""Functions that are compiled once for all extents, and results whose extents are known only at run time."""

from __future__ import annotations

import numpy as np
import pytest

import dialectad as da
from dialectad.errors import CompileError, ShapeError
from tests.gradients import directional_difference, fresh, inner, random_direction

RNG = np.random.default_rng(0)
LEVELS = ["linalg", "loop", "llvm", "mixed", "auto"]


def same(found, expected):
    """The same values, dtypes and shapes."""
    if isinstance(expected, tuple):
        for f, e in zip(found, expected, strict=True):
            same(f, e)
        return
    assert type(found) is type(expected)
    assert np.asarray(found).dtype == np.asarray(expected).dtype
    assert np.shape(found) == np.shape(expected)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


# --- extents with names ------------------------------------------------------------------------


def elementwise(x, y):
    return np.sin(x) * y + x


def reductions(x, y):
    return np.sum(x), np.mean(y), np.max(x), np.std(x * y), np.argmin(y)


def in_place(x, y):
    x[1:] += y[:-1]
    x[0] = y[-1]
    return x[::-1]


def joined(x, y):
    return np.concatenate([x, y[1:]]), np.stack([x, y]), np.outer(x, y)[1:].T, np.tile(x, 2)


def scan(x, y):
    total = np.zeros(x.shape)
    for i in range(len(x)):
        total[i] = x[i] * y[i] + (total[i - 1] if i > 0 else 1.0)
    return np.cumsum(total)


def created(x, y):
    n = x.shape[0]
    return np.arange(n), np.ones(n), np.eye(n) @ x, np.full((n, 2), 3.0), np.zeros_like(y)


def relaxed(x, y):
    """The array that the loop carries keeps its shape."""
    change = 1.0
    while change > 1e-3:
        new = 0.5 * (x + np.flip(y) / len(x))
        change = np.max(np.abs(new - x))
        x = new
    return x


@pytest.mark.parametrize(
    "function", [elementwise, reductions, in_place, joined, scan, created, relaxed], ids=lambda f: f.__name__
)
def test_one_function_for_all_extents(function):
    compiled = da.jit(function, dynamic_shapes=["n", "n"])
    for n in (1, 2, 5, 17):
        args = RNG.normal(size=n), RNG.normal(size=n)
        ours, theirs = fresh(args), fresh(args)
        same(compiled(*ours), function(*theirs))
        same(ours, theirs)
    assert len(compiled._compiled) == 1


def test_no_elements():
    compiled = da.jit(elementwise, dynamic_shapes=["n", "n"])
    same(compiled(np.zeros(0), np.zeros(0)), np.zeros(0))


def test_layouts():
    compiled = da.jit(lambda a, x: a @ x, dynamic_shapes=["n, m", "m"])
    a = RNG.normal(size=(6, 4))
    for given in (a, np.asfortranarray(a), a[::2], a[:, ::-1]):
        same(compiled(given, np.ones(4)), given @ np.ones(4))


def test_containers_and_parameters():
    def model(params, x, scale=1.0):
        return np.tanh(params["w"] @ x + params["b"]) * scale

    params = {"w": RNG.normal(size=(3, 2)), "b": RNG.normal(size=3)}
    x = RNG.normal(size=2)
    for shapes in ([{"w": "k, n", "b": "k"}, "n"], {"params": {"w": "_, n"}, "x": "n"}):
        compiled = da.jit(model, dynamic_shapes=shapes)
        same(compiled(params, x, scale=2.0), model(params, x, 2.0))
        same(compiled({**params, "w": np.ones((3, 5))}, np.ones(5)), np.tanh(5 + params["b"]))


def loss(x, y):
    total = 0.0
    for i in range(x.shape[0]):
        total += x[i] * y[i] ** 2
    z = np.sin(x) * y + x
    z[1:] += z[:-1]
    return total + np.sum(z * z) + np.mean(y) + np.max(x) + np.log(np.sum(np.exp(np.outer(x, y)), axis=1)) @ y


@pytest.mark.parametrize("level", LEVELS)
def test_derivatives(level):
    gradient = da.jit(da.grad(loss, argnums=(0, 1)), level=level, dynamic_shapes="n n".split())
    forward = da.jit(lambda p, t: da.jvp(loss, p, t), level=level, dynamic_shapes=[("n", "n"), ("n", "n")])
    for n in (1, 4):
        args = RNG.normal(size=n), RNG.normal(size=n)
        direction = random_direction(args)
        slope = directional_difference(lambda p: loss(*p), (args,), direction, 1e-6)
        found = inner(gradient(*args), direction)
        np.testing.assert_allclose(found, slope, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(forward(args, direction)[1], slope, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("shapes", "args", "message"),
    [
        (["n", "n"], (np.ones(3), np.ones(2)), "where n is 3"),
        (["n, m", None], (np.ones(3), np.ones(3)), r"shape \(3,\) is given for \(n, m\)"),
        (["4", None], (np.ones(3), np.ones(3)), "where 4 is 4"),
        ([None, "n"], (np.ones(3), 2.0), "no array"),
    ],
)
def test_shapes_that_do_not_fit(shapes, args, message):
    with pytest.raises(ShapeError, match=message):
        da.jit(elementwise, dynamic_shapes=shapes)(*args)


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (["n+1", None], "neither a name nor a number"),
        ([["n"], None], "another structure"),
        ({"z": "n"}, "'z', which is no parameter"),
    ],
)
def test_shapes_that_mean_nothing(shapes, message):
    with pytest.raises(CompileError, match=message):
        da.jit(elementwise, dynamic_shapes=shapes)(np.ones(3), np.ones(3))


def test_extents_without_a_common_name_are_compared_when_it_runs():
    compiled = da.jit(elementwise, dynamic_shapes=["n", "m"])
    same(compiled(np.ones(3), np.ones(3)), elementwise(np.ones(3), np.ones(3)))
    with pytest.raises(ValueError, match="could not be broadcast"):
        compiled(np.ones(3), np.ones(2))


# --- results of any extent ---------------------------------------------------------------------

X = RNG.normal(size=(4, 5))


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x[x > 0],
        lambda x: x[x > 100],
        lambda x: x[x[:, 0] > 0],
        lambda x: x[:, x[0] > 0],
        lambda x: x[x[:, 0] > 0, 1],
        lambda x: x[x[:, 0] > 0, 1:3],
        lambda x: np.nonzero(x > 0),
        lambda x: np.where(x > 0),
        lambda x: x.nonzero(),
        lambda x: np.argwhere(x > 0),
        lambda x: np.flatnonzero(x > 0),
        lambda x: np.extract(x > 0, x),
        lambda x: np.compress([True, False, True], x, axis=0),
        lambda x: x.compress([True, False, True], axis=1),
        lambda x: np.compress(x[0] > 0, x),
        lambda x: (x[x > 0] * 2.0 + 1.0)[1:],
        lambda x: (x[x > 0], len(x[x > 0]), np.mean(x[x > 0])),
        lambda x: x[:, np.argmax(x[0]) :],
        lambda x: np.unique(np.round(x)),
        lambda x: np.unique(np.round(x), return_counts=True),
        lambda x: np.bincount(np.argsort(x[0])),
        lambda x: np.sort(np.concatenate([np.unique(x[0, :0]), np.unique(x[1, :0])])),
    ],
)
def test_results_of_any_extent(function):
    same(da.jit(function)(X), function(X))


def test_a_negative_extent_raises():
    with pytest.raises(ValueError, match="negative"):
        da.jit(lambda n: np.zeros(n))(-1)


def test_what_the_extents_need_may_fail():
    """An index out of range, of an element that an extent depends on."""
    compiled = da.jit(lambda counts, i, x: x[: counts[i]])
    same(compiled(np.array([2, 1]), 0, X), X[:2])
    with pytest.raises(IndexError):
        compiled(np.array([2, 1]), 2, X)


def test_masks_that_do_not_fit():
    with pytest.raises(IndexError, match="did not match indexed array along axis 1"):
        da.jit(lambda x: x[:, x[:, 0] > 0])(X)
    with pytest.raises(ValueError, match="no identity"):
        da.jit(lambda x: np.max(x[x > 100]))(X)


def masked(x):
    y, z = x[x > 0], x[x[:, 0] > -0.5]
    return np.sum(np.sin(y) * y) + np.sum(z**3) / z.shape[0] + np.mean(y) + np.max(y)


@pytest.mark.parametrize("level", ["tape", *LEVELS])
def test_derivatives_through_masks(level):
    direction = random_direction(X)
    slope = directional_difference(masked, (X,), direction, 1e-6)
    np.testing.assert_allclose(inner(da.grad(masked, level=level)(X), direction), slope, rtol=1e-6)
    np.testing.assert_allclose(da.jvp(masked, (X,), (direction,), level=level)[1], slope, rtol=1e-6)


def test_a_static_graph_refuses_masks():
    with pytest.raises(CompileError, match="depends on data"):
        da.grad(masked, level="graph")(X)


def test_gradients_of_results_of_any_extent():
    value, pullback = da.vjp(lambda x: x[x > 0] ** 2, X)
    same(value, X[X > 0] ** 2)
    with pytest.raises(ShapeError, match="can't be checked"):
        pullback(np.ones_like(value))


def test_cotangents_of_named_extents():
    pull = da.jit(lambda x, c: da.vjp(np.sin, x)[1](c)[0], dynamic_shapes=["n", "m"])
    same(pull(np.ones(3), np.ones(3)), np.cos(np.ones(3)))
    with pytest.raises(ValueError, match="another shape"):
        pull(np.ones(3), np.ones(4))
    push = da.jit(lambda x, t: da.jvp(np.sin, (x,), (t,)), dynamic_shapes=["n", "m"])
    same(push(np.ones(3), np.ones(3)), (np.sin(np.ones(3)), np.cos(np.ones(3))))
    with pytest.raises(ValueError, match="another shape"):
        push(np.ones(3), np.ones(4))


def test_what_calls_python_does_not_run_twice():
    def chosen(x):
        n = da.host_callback(lambda x: 2, 0, x)
        return x[:n]

    def shown(x):
        n = 0
        for v in x:
            da.print("{}", v)
            n += v > 0
        return x[:n]

    for function in (chosen, shown):
        with pytest.raises(CompileError, match="where the shape of a result is computed") as caught:
            da.jit(function)(X[0])
        assert caught.value.location is not None


def test_an_extent_after_a_write():
    def positive(x):
        x[0] = 5.0
        return x[x > 1.0]

    ours, theirs = np.array([0.5, 2.0, -1.0]), np.array([0.5, 2.0, -1.0])
    same(da.jit(positive)(ours), positive(theirs))
    same(ours, theirs)


def test_prints_beside_an_extent_happen_once(capsys):
    def shown(x):
        da.print("{}", x[0])
        return x[x > 0]

    same(da.jit(shown)(np.array([1.0, -2.0])), np.array([1.0]))
    assert capsys.readouterr().out == "1.0\n"
