"""Python's own functions, `math`, and types used as casts, on numbers known only at run time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from dialectad.errors import CompileError
from tests.frontend.numpy.arrays import floats, integers
from tests.frontend.numpy.harness import check, run

ONE = {
    "float": lambda x: float(x),
    "int": lambda x: int(x),
    "bool": lambda x: bool(x),
    "abs": lambda x: abs(x),
    "round": lambda x: round(x),
    "round 1": lambda x: round(x, 1),
    "pow": lambda x: pow(x, 3),
    "divmod": lambda x: divmod(x, 2),
    "max": lambda x: max(x, x + 1),
    "min": lambda x: min(x, x * 2, x - x),
    "sum": lambda x: sum([x, x, 1]),
    "sum generator": lambda x: sum(x * i for i in range(3)),
    "sum start": lambda x: sum([x], start=2.0),
    "any": lambda x: any([x > 1, x > 100]),
    "all": lambda x: all(x > i for i in range(2)),
    "all known": lambda x: all([True, x > 0, False]),
    "isinstance": lambda x: (isinstance(x, float), isinstance(x, int | np.integer)),
    "np.float64": lambda x: np.float64(x),
    "np.float32": lambda x: np.float32(x),
    "np.int64": lambda x: np.int64(x),
    "np.int32": lambda x: np.int32(x),
    "np.bool_": lambda x: np.bool_(x),
    "math.prod": lambda x: math.prod([x, x, 2]),
    "math.hypot": lambda x: math.hypot(x, 3.0),
    "math.atan2": lambda x: math.atan2(x, 2),
    "math.log base": lambda x: math.log(x, 2),
    "math.pow": lambda x: math.pow(x, 1.5),
    "math.ldexp": lambda x: math.ldexp(x, 3),
    "math.isclose": lambda x: (math.isclose(x, x), math.isclose(x, 2.0)),
    "math.modf": lambda x: math.modf(x),
    "math.fmod": lambda x: math.fmod(x, 2),
    "math.copysign": lambda x: math.copysign(x, -1),
    "math.dist": lambda x: math.dist([x, 1.0], [2.0, x]),
    "math.fsum": lambda x: math.fsum([x, 1, 2.5]),
    "int arithmetic": lambda x: int(x) + 1 + True,
    "weak": lambda x: (float(x) * np.float32(2), int(x) / 2),
}  # fmt: skip


@pytest.mark.parametrize("case", ONE)
@pytest.mark.parametrize("number", [1.7, 3, np.float64(2.5), np.float32(0.5), np.int64(3), np.int32(2)])
def test_functions_of_one_number(case: str, number: Any) -> None:
    if case == "isinstance" or not (case == "divmod" and isinstance(number, float)):
        check(ONE[case], number, tolerance=1e-6)


@pytest.mark.parametrize(
    "name",
    "sqrt cbrt exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos atan sinh cosh tanh asinh atanh"
    " fabs degrees radians isnan isinf isfinite floor ceil trunc erf erfc".split(),
)
def test_math(name: str) -> None:
    function = getattr(math, name)
    check(lambda x: function(x), 0.4)
    if name != "trunc":  # which numpy.float32 lacks
        check(lambda x: function(x), np.float32(0.4), tolerance=1e-6)
    check(lambda x: function(x[1]), np.array([0.2, 0.7]))
    check(lambda x: function(0.5) * x, 2.0)


def test_functions_of_arrays() -> None:
    x = floats(4, 3)
    check(lambda a: sum(a), x)
    check(lambda a: max(a), x[0])
    check(lambda a: min(a), integers(3))
    check(lambda a: abs(a), x)
    check(lambda a: len(a), x)
    check(lambda a: any(a > 2), x[0])
    check(lambda a: [max(row[0], row[1]) for row in a], x)
    check(lambda a: np.float32(a), x)
    check(lambda a: isinstance(a, np.ndarray), x)
    check(lambda a: float(a.sum()), x)


def test_refused() -> None:
    for function in [
        lambda x: int(x, 10),
        lambda x: math.sin(np.array([x, x])),
        lambda x: max(np.array([x, x]), np.array([x, 1])),
    ]:
        with pytest.raises(CompileError):
            run(function, 1.5)


def test_what_is_known_of_integers_removes_checks() -> None:
    from dialectad.frontend.program import Signature, trace_program

    def checks(function: Any, *args: Any) -> int:
        program = trace_program(function, Signature.of(args, {})[0], "f")
        return sum(op.name == "cf.assert" for op in program.module.walk())

    def neighbours(a: Any) -> Any:
        total = 0.0
        for i in range(1, 9):
            total += a[i - 1] + a[i + 1] + a[(i + 5) % 10] + a[i // 2] + a[min(i, 3)]
        return total

    def windows(a: Any) -> Any:
        total = np.zeros(3)
        for i in range(7):
            total += a[i : i + 3]
        return total

    def outside(a: Any) -> Any:
        total = 0.0
        for i in range(10):
            total += a[i + 1]
        return total

    assert checks(neighbours, floats(10)) == 0
    assert checks(windows, floats(10)) == 0
    assert checks(outside, floats(10)) == 1
    check(neighbours, floats(10))
    check(windows, floats(10))
