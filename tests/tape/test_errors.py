"""What can't be done is said, with the line: a derivative is never lost silently."""

from __future__ import annotations

import array
import math
from functools import partial
from typing import Any

import numpy as np
import pytest

import dialectad as da
from dialectad.errors import CompileError
from tests.tape.check import LEVEL, check, floats

V = floats(4)
PLAIN = np.zeros(4)


class Holder:
    array = np.zeros(4)


def _setitem(x: Any) -> Any:
    Holder.array[0] = x[0]
    return np.sum(Holder.array)


def _in_place(x: Any) -> Any:
    Holder.array += x
    return np.sum(Holder.array)


def _out(x: Any) -> Any:
    return np.sum(np.add(x, x, out=Holder.array))


def _at(x: Any) -> Any:
    np.add.at(Holder.array, [0, 0], x[:2])
    return np.sum(Holder.array)


def _copyto(x: Any) -> Any:
    np.copyto(Holder.array, x)
    return np.sum(Holder.array)


LOST = {
    "setitem": _setitem,
    "in_place": _in_place,
    "out": _out,
    "at": _at,
    "copyto": _copyto,
    "asarray_of_a_library": lambda x: np.sum(np.frombuffer(array.array("d", x))),
    "float_in_a_library": lambda x: array.array("d", [1.0]).__class__("d", [x[0]])[0],
    "unsupported_function": lambda x: np.sum(np.roots(x).real),
    "unsupported_method": lambda x: x.byteswap() and np.sum(x),
    "unsupported_ufunc": lambda x: np.sum(np.frompyfunc(lambda t: t, 1, 1)(x)),
    "put": lambda x: np.put(x, [0], [1.0]) or np.sum(x),
    "maximum_at": lambda x: np.maximum.at(x, [0], x[1]) or np.sum(x),
    "sliding": lambda x: np.sum(np.lib.stride_tricks.sliding_window_view(x, 2)),
    "nan_to_num": lambda x: np.sum(np.nan_to_num(x, copy=False)),
    "complex_power": lambda x: (x[0] - 10.0) ** 0.5,
    "dtype": lambda x: np.sum(x.astype(np.float16)),
}


@pytest.mark.parametrize("function", LOST.values(), ids=LOST.keys())
@pytest.mark.parametrize("transform", [da.grad, da.jacfwd], ids=["grad", "jacfwd"])
def test_what_would_lose_a_derivative(function, transform):
    Holder.array[:] = 0.0
    if function is LOST["complex_power"]:
        function = partial(_complex, base=None)
    with pytest.raises(CompileError) as caught:
        transform(function, level=LEVEL)(V.copy() if function.__class__ is not partial else 0.5)
    assert caught.value.location is not None
    assert caught.value.location.file == __file__
    assert caught.value.hint
    assert not Holder.array.any()


def _complex(x: Any, base: Any) -> Any:
    return abs((x - 10.0) ** 0.5)


def test_results_whose_type_depends_on_values():
    for function in (lambda x: abs(x**0.5), lambda x: abs(x**x), lambda x: abs((x - 3.0) ** 1.5)):
        gradient = da.grad(function, level=LEVEL)
        gradient(4.5)
        with pytest.raises(CompileError, match=r"depends on values|of type complex"):
            gradient(-4.5)
    assert np.isnan(da.grad(lambda x: abs(x**0.5), level=LEVEL)(np.float64(-2.0)))


def test_conversions_that_lose_nothing():
    def f(x):
        total = 0.0
        if float(np.max(x) > 0) and bool(x[0] > -9) and int(x[0] * 0 + 2) == 2:
            total = float(x[1]) * x[0]
        plain = np.array([1.0, 2.0])
        return total + np.sum(np.asarray(x)[:2] * np.asarray(plain)) + x.item(2) + sum(x.tolist())

    check(f, V)


def test_inactive_arrays_are_plain_ones_for_libraries():
    def f(x):
        table = np.linspace(0.0, 1.0, 4)
        picked = array.array("d", table)
        order = sorted(range(4), key=lambda i: table[i])
        return np.sum(x * picked[1]) + x[order[2]]

    check(f, V)


def test_arrays_that_were_handed_out_stay_inactive():
    def f(x):
        buffer = np.zeros(4)
        kept = memoryview(np.asarray(Keep(buffer)))  # some library keeps a plain alias
        buffer[0] = x[0]
        return kept[0]

    with pytest.raises(CompileError, match="handed out as a plain one"):
        da.grad(f, level=LEVEL)(V)


class Keep:
    """Knows nothing of tapes."""

    def __init__(self, inner: Any):
        self.inner = inner

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return self.inner.__array__(dtype, copy)


def test_aliases_of_what_is_written():
    x = V.copy()

    def f(a, b):
        a[0] = a[1] * 2.0
        return np.sum(a * b)

    with pytest.raises(CompileError, match="shares memory with another one"):
        da.grad(f, level=LEVEL)(x, x[1:][::-1].base)
    holder = {"alias": x}

    def g(a):
        a[0] = a[1] * 2.0
        return np.sum(a * holder["alias"])

    with pytest.raises(CompileError, match="its derivative would be lost"):
        da.grad(g, level=LEVEL)(x)
    rows = floats(3, 4)

    def h(a, b):
        a *= b
        return np.sum(a)

    da.grad(h, level=LEVEL)(rows[:, 0], rows[:, 1])  # interleaved, but apart


def test_values_that_escape():
    escaped = []

    def f(x):
        escaped.append(x * 2.0)
        return np.sum(x)

    da.grad(f, level=LEVEL)(V)
    with pytest.raises(CompileError, match="has been computed already"):
        escaped[0] + 1.0
    with pytest.raises(CompileError, match="has been computed already"):
        escaped[0][0] = 1.0
    with pytest.raises(CompileError, match="has been computed already"):
        da.grad(lambda x: np.sum(x * escaped[0]), level=LEVEL)(V)


def test_errors_of_numpy_are_numpys():
    def f(x):
        return np.sum(x[7])

    with pytest.raises(IndexError):
        da.grad(f, level=LEVEL)(V)
    with pytest.raises(ValueError, match="broadcast"):
        da.grad(lambda x: np.sum(x + np.zeros(3)), level=LEVEL)(V)
    with pytest.raises(ZeroDivisionError):
        da.grad(lambda x: x / 0.0, level=LEVEL)(1.0)
    with pytest.raises(ValueError, match="read-only"):
        da.grad(lambda x: np.broadcast_to(x, (2, 4)).__iadd__(1.0), level=LEVEL)(V)
    with pytest.raises(TypeError):
        da.grad(lambda x: np.arange(4).__iadd__(x), level=LEVEL)(V)


def test_arguments():
    with pytest.raises(CompileError, match="argument 0 holds a value of type int"):
        da.grad(lambda x: x, level=LEVEL)(3)
    with pytest.raises(CompileError, match="argument 0 holds a value of type int64"):
        da.grad(np.sum, level=LEVEL)(np.arange(3))
    with pytest.raises(CompileError, match="must return a scalar, not an array of shape \\(4,\\)"):
        da.grad(lambda x: x, level=LEVEL)(V)
    with pytest.raises(CompileError, match="must return one float scalar"):
        da.grad(lambda x: (x, x), level=LEVEL)(1.0)
    with pytest.raises(CompileError, match="must return a pair"):
        da.grad(lambda x: x, has_aux=True, level=LEVEL)(1.0)
    with pytest.raises(CompileError, match="argnums 2 is out of range"):
        da.grad(lambda x: x, argnums=2, level=LEVEL)(1.0)
    with pytest.raises(CompileError, match="not int64"):
        da.grad(lambda x: np.argmax(x), level=LEVEL)(V)
    with pytest.raises(CompileError, match="structure of the function's result"):
        da.vjp(lambda x: x, V, level=LEVEL)[1]((V, V))
    with pytest.raises(CompileError, match="shape \\(3,\\), but \\(4,\\)"):
        da.vjp(lambda x: x, V, level=LEVEL)[1](np.zeros(3))
    with pytest.raises(CompileError, match="structure of the primals"):
        da.jvp(lambda x: x, (V,), ([V],), level=LEVEL)
    with pytest.raises(CompileError, match="has no IR"):
        da.grad(lambda x: x, level=LEVEL).lower(1.0)


def test_constant_functions():
    assert da.grad(lambda x: 3.0, level=LEVEL)(2.0) == 0.0
    np.testing.assert_array_equal(da.grad(lambda x: np.sum(PLAIN), level=LEVEL)(V), np.zeros(4))
    assert da.jvp(lambda x: (2, True, x), (2.0,), (1.0,), level=LEVEL) == ((2, True, 2.0), (0, False, 1.0))
    assert da.grad(lambda x: math.floor(x) * 1.0, level=LEVEL)(2.5) == 0.0


def test_stop_gradient():
    def f(x):
        y = da.stop_gradient(x)
        y[0] = 3.0
        return np.sum(x * y) + da.stop_gradient(x[1]) * x[1]

    np.testing.assert_allclose(da.grad(f, level=LEVEL)(V), [3.0, 2 * V[1], V[2], V[3]])
    inner = da.grad(lambda x: da.grad(lambda y: y * da.stop_gradient(y) ** 2, level=LEVEL)(x), level=LEVEL)
    assert inner(3.0) == 0.0
