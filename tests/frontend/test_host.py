"""Calls of Python by compiled code: when, with what, and how often."""

import threading

import numpy as np
import pytest

import dialectad as da

LEVELS = ["tape", "graph", "linalg", "loop", "llvm", "mixed", "auto"]
X = np.array([0.5, -1.0, 2.0])


def straight(x):
    da.print("first {} {n}", x[0], n=x.shape)
    y = x * x
    da.print("then {:.2f}", np.sum(y))
    da.print("last")
    return np.sum(y * x)


STRAIGHT = "first 0.5 (3,)\nthen 5.25\nlast\n"


@pytest.mark.parametrize("level", LEVELS)
def test_print_once_in_a_gradient(level, capsys):
    np.testing.assert_allclose(da.grad(straight, level=level)(X), 3.0 * X * X)
    assert capsys.readouterr().out == STRAIGHT
    da.jvp(straight, (X,), (X,), level=level)
    assert capsys.readouterr().out == STRAIGHT
    pullback = da.vjp(straight, X, level=level)[1]
    np.testing.assert_allclose(pullback(1.0)[0], 3.0 * X * X)
    assert capsys.readouterr().out == STRAIGHT


def looping(x):
    total = 0.0
    for i in range(3):
        total += np.sin(x[i]) * total + x[i]
        da.print("{} {}", i, x[i] > 0)
        if total > 0.0:
            da.print("  {:.3f}", total)
    while total > 0.1:
        total *= 0.5
        da.print("half")
    return total


@pytest.mark.parametrize("level", ["tape", "linalg", "loop", "llvm", "mixed", "auto"])
def test_in_loops_and_branches(level, capsys):
    value = looping(X)
    expected = capsys.readouterr().out
    assert expected.count("\n") > 5
    got, gradient = da.value_and_grad(looping, level=level)(X)
    assert capsys.readouterr().out == expected
    assert got == pytest.approx(value)
    e = 1e-6
    rows = [(looping(X + e * d) - looping(X - e * d)) / (2 * e) for d in np.eye(3)]
    np.testing.assert_allclose(gradient, rows, rtol=1e-6)
    capsys.readouterr()
    da.grad(lambda x: np.sum(da.grad(looping, level=level)(x)), level=level)(X)
    assert capsys.readouterr().out == expected


def test_compiled_and_plain(capsys):
    straight(X)
    da.jit(straight)(X)
    da.jit(straight)(X)
    assert capsys.readouterr().out == 2 * STRAIGHT + STRAIGHT
    with pytest.raises(da.CompileError, match="in a branch"):
        da.grad(looping, level="graph")(X)


@pytest.mark.parametrize("f", [straight, lambda x: np.sum(da.host_callback(outside, x, da.stop_gradient(x)))])
def test_compiled_traces_refuse(f):
    """They are tried on runs that turn out to go another way."""
    with pytest.raises(da.CompileError, match="calls Python"):
        da.grad(f, level=da.Level("tape", compile_trace=True))(X)


def test_checkpoints_and_parts_print_once(capsys):
    @da.checkpoint
    def kept(x):
        da.print("kept")
        return np.sin(x)

    @da.at_level("loop")
    def part(x):
        da.print("part")
        return np.sin(x)

    for f, name in ((kept, "kept"), (part, "part")):

        def loss(x, f=f):
            for _ in range(2):
                x = f(x)
            return np.sum(x)

        da.grad(loss, level="mixed")(X)
        assert capsys.readouterr().out == f"{name}\n" * 2


def test_values_in_print(capsys):
    @da.jit
    def f(i, x, s, b, a, e):
        da.print("{} {} {} {} {} {} {}", i, x, s, b, a, e, {"k": (x, "text", None)})

    f(3, 1.5, np.float32(2.5), True, np.array([[1, 2]], np.int32)[:, ::-1], np.zeros((0, 2)))
    assert capsys.readouterr().out == "3 1.5 2.5 True [[2 1]] [] {'k': (1.5, 'text', None)}\n"


def outside(x):
    return np.sort(x)[::-1] ** 2  # nothing that NumPy's tracers can't do, but that isn't the point


def gradient_of_outside(x, d):
    order = np.argsort(x)[::-1]
    g = np.zeros_like(x)
    g[order] = 2.0 * x[order] * d
    return (g,)


@pytest.mark.parametrize("level", LEVELS)
def test_a_callback_with_a_derivative(level):
    def loss(x, w):
        y = np.sin(x) * 2.0
        for _ in range(2):
            y = da.host_callback(outside, x, y, vjp=gradient_of_outside) * w
        return np.sum(y * np.arange(3.0))

    def plain(x, w):
        y = np.sin(x) * 2.0
        for _ in range(2):
            y = outside(y) * w
        return np.sum(y * np.arange(3.0))

    w = np.array([0.3, 0.7, 0.4])
    value, gradients = da.value_and_grad(loss, (0, 1), level=level)(X, w)
    assert value == pytest.approx(plain(X, w))
    e = 1e-6
    rows = [[(plain(X + e * d, w) - plain(X - e * d, w)) / (2 * e) for d in np.eye(3)]]
    rows.append([(plain(X, w + e * d) - plain(X, w - e * d)) / (2 * e) for d in np.eye(3)])
    for got, expected in zip(gradients, rows, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-6)


@pytest.mark.parametrize("level", LEVELS)
def test_without_a_derivative(level):
    def stopped(x):
        return np.sum(da.host_callback(outside, x, da.stop_gradient(x)) * x)

    np.testing.assert_allclose(da.grad(stopped, level=level)(X), outside(X))
    with pytest.raises(da.CompileError, match="derivative") as problem:
        da.grad(lambda x: np.sum(da.host_callback(outside, x, x)), level=level)(X)
    assert level == "tape" or "vjp=" in (problem.value.hint or "")


class Own(Exception):
    pass


@pytest.mark.parametrize("level", ["tape", "linalg", "llvm"])
def test_exceptions_arrive(level):
    """As they are, from loops in derivatives too; and what comes after isn't run."""
    seen = []

    def fails(x, i):
        seen.append(i)
        if i == 2:
            raise Own("two", x)
        return x

    def loss(x):
        for i in range(5):
            x = da.host_callback(fails, 0.0, x, i, vjp=lambda x, i, d: (d, None))
        return x

    with pytest.raises(Own) as problem:
        da.grad(loss, level=level)(1.0)
    assert problem.value.args == ("two", 1.0)
    assert seen == [0, 1, 2]
    with pytest.raises(ZeroDivisionError):
        da.jit(lambda x: da.host_callback(lambda x: 1.0 / x, 0.0, x))(0.0)


def test_effects_stay():
    """Equal calls aren't merged, nor are those dropped whose results nobody wants."""
    seen = []

    def note(x):
        seen.append(float(x))
        return x

    @da.jit
    def f(x):
        a = da.host_callback(note, 0.0, x)
        b = da.host_callback(note, 0.0, x)
        for _ in range(3):
            da.host_callback(note, 0.0, 7.0)
        da.host_callback(note, 0.0, a * 0.0)
        return a + b

    assert f(1.0) == 2.0
    assert seen == [1.0, 1.0, 7.0, 7.0, 7.0, 0.0]


def test_structures_dtypes_and_checks():
    def make(tree, n):
        return {"sum": tree["a"].sum() + n, "half": np.float32(0.5), "rows": np.outer(tree["a"], [1, 2])}

    like = {"sum": 0, "half": np.float32(0), "rows": np.empty((3, 2), np.int64)}

    @da.jit
    def f(a, n):
        return da.host_callback(make, like, {"a": a}, n)

    got = f(np.arange(3), 4)
    assert got["sum"] == 7
    assert type(got["sum"]) is int
    assert got["half"].dtype == np.float32
    np.testing.assert_array_equal(got["rows"], [[0, 0], [1, 2], [2, 4]])
    plain = da.host_callback(make, like, {"a": np.arange(3)}, 4)
    assert plain["sum"] == 7
    with pytest.raises(da.CompileError, match="shape"):
        da.jit(lambda x: da.host_callback(lambda x: x[:2], x, x))(X)
    with pytest.raises(da.CompileError, match="structure"):
        da.jit(lambda x: da.host_callback(lambda x: (x, x), x, x))(X)
    with pytest.raises(TypeError, match="cast"):
        da.jit(lambda x: da.host_callback(lambda x: x + 0.5, 0, x))(1.0)


def test_threads():
    """A callback may call compiled code, and each thread has its own exceptions."""
    inner = da.jit(lambda x: x + 1.0)
    outer = da.jit(lambda x: da.host_callback(lambda x: inner(x) if x < 50 else 1 // 0, 0.0, x))
    outer(0.0)
    results = {}

    def run(k):
        try:
            results[k] = outer(float(k))
        except ZeroDivisionError:
            results[k] = "raised"

    threads = [threading.Thread(target=run, args=(k,)) for k in (1, 60, 2, 70)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {1: 2.0, 2: 3.0, 60: "raised", 70: "raised"}


def test_the_remedy_is_named():
    with pytest.raises(da.CompileError) as problem:
        da.jit(lambda x: np.lib.scimath.sqrt(np.asarray(x)))(X)
    assert "da.host_callback" in (problem.value.hint or "")
