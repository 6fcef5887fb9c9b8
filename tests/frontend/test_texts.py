"""Text that holds values known only at run time: of exceptions, of asserts, and printed.

PYTEST_DONT_REWRITE: the asserts in compiled functions are Python's own.
"""

from __future__ import annotations

import numpy as np
import pytest

import dialectad as da
from dialectad.errors import CompileError

LEVELS = ["tape", "graph", "linalg", "loop", "llvm", "mixed", "auto"]
X = np.array([0.1, 0.2])


class Diverged(ArithmeticError):
    def __init__(self, text, step, at):
        super().__init__(text, step)
        self.at = at


def iterated(x, tolerance):
    r = 10.0
    for i in range(5):
        r = r * 0.9 + np.sum(x)
        where = f"step {i}, " + str(x.shape)
        if r > tolerance:
            short = x[1:] * 2.0
            raise ValueError(f"{where}: {r:.3e} is too large, {short!r} {{x}} {100 * r:>{9}.2f}%")
        elif r < -9.0:
            raise Diverged(f"{where}: {r}", i, x)
    assert r > 1.0, f"{r=:.2f}, {[r, x]} " + "{:.1f} {!s}".format(r, np.float32(1.5) * x)  # noqa: UP032
    assert r < 7.2, (r, i)
    return r


def outcome(function, *args):
    try:
        return np.asarray(function(*args))
    except Exception as raised:
        first, *rest = raised.args
        first = first.split(" (at ")[0] if isinstance(first, str) else first
        return type(raised), repr((first, *rest)), repr(vars(raised).get("at"))


CASES = [(X, 100.0), (X, 9.35), (X, 0.0), (X - 4.0, 100.0), (X - 1.0, 100.0), (X + 0.01, 100.0)]


@pytest.mark.parametrize("level", LEVELS)
def test_messages_hold_the_values_of_then(level):
    differentiated = da.value_and_grad(iterated, level=level)
    for args in CASES:
        expected = outcome(iterated, *args)
        if isinstance(expected, tuple):
            assert outcome(differentiated, *args) == expected
        else:
            value, gradient = differentiated(*args)
            np.testing.assert_allclose(value, expected)
            np.testing.assert_allclose(gradient, np.full(2, 4.0951))


def test_where_a_message_is_made():
    with pytest.raises(ValueError, match=r"\(at .*test_texts.py:\d+:13\)$"):
        da.jit(iterated)(X, 0.0)


def test_messages_in_transformations():
    def checked(x):
        if x > 1.0:
            raise ValueError(f"{x:.1f} > 1")
        return np.sin(x)

    for function in (
        da.vmap(checked),
        lambda x: da.checkpoint(checked)(x[0]),
        lambda x: da.hessian(checked)(x[1]),
    ):
        compiled = da.jit(function)
        compiled(X)
        with pytest.raises(ValueError, match=r"^2.5 > 1"):
            compiled(np.array([2.5, 2.5]))


def test_messages_beside_an_extent():
    def positive(x):
        if x[0] < 0:
            raise ValueError(f"{x[x > 0]} from {x[0]}")
        return x[x > 0.15]

    np.testing.assert_array_equal(da.jit(positive)(X), X[1:])
    with pytest.raises(ValueError, match=r"^\[0.2\] from -0.1"):
        da.jit(positive)(np.array([-0.1, 0.2]))


def test_what_a_way_does_before_it_raises(capsys):
    def function(x, i):
        if x[0] > 1.0:
            da.print("first")
            if x[1] > 1.0:
                raise KeyError("both")
            else:
                raise LookupError(f"one: {x[i]}")
        return x

    for x, i in ((X + 1.0, 0), (np.array([2.0, 0.5]), 0), (np.array([2.0, 0.5]), 2), (X, 2)):
        expected, shown = outcome(function, x, i), capsys.readouterr().out
        found = outcome(da.jit(function), x, i)
        assert isinstance(found, tuple) == isinstance(expected, tuple)
        if isinstance(found, tuple):
            assert found[0] == expected[0]
        assert capsys.readouterr().out == shown


@pytest.mark.parametrize("level", ["tape", "linalg", "loop", "llvm", "mixed", "auto"])
def test_printed(level, capsys):
    def function(x):
        y = x[x > 0.15]
        da.print(f"{x[0] * 1j:.1f} {x} {{}} {{}}", f"sum {np.sum(x):.2f}", y)
        x[0] = 5.0
        return np.sum(x * x)

    function(X.copy())
    expected = capsys.readouterr().out
    da.grad(function, level=level)(X.copy())
    assert capsys.readouterr().out == expected


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: {"1.0": 2.0}[f"{x[0]}"], "needed here while"),
        (lambda x: x if f"{x[0]}" == "1.0" else 2.0 * x, "needed here while"),
        (lambda x: len(str(x[0])), "needed here while"),
        (lambda x: f"{x[0]}", "can't be returned"),
        (lambda x: f"{x[0]:{x[1]}}", "needed here while"),
    ],
)
def test_such_text_is_no_data(function, message):
    with pytest.raises(CompileError, match=message) as caught:
        da.jit(function)(X)
    assert caught.value.location is not None
