"""What derivatives become in NumPy: the rules are those of the IR, the source is short."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dialectad.frontend import pytrees, staging
from dialectad.frontend.program import ArrayType, ScalarType
from dialectad.tape.kernels import Application, Kernel, kernel
from dialectad.tape.printing import ARRAYS, NUMBERS

F64, F32 = np.dtype(np.float64), np.dtype(np.float32)
NUMBER = ScalarType(F64, weak=False)
PYTHON = ScalarType(F64, weak=True)
SINGLE = ScalarType(F32, weak=False)


def array(*shape: int) -> ArrayType:
    return ArrayType(F64, shape)


def printed(
    function: Any,
    operands: list[Any],
    result: Any,
    active: Any = None,
    mode: Any = "reverse",
    spelling: Any = ARRAYS,
) -> Kernel:
    def primitive(*given: Any) -> Any:
        return staging.call(function)(*given)

    chosen = tuple(range(len(operands))) if active is None else active
    return kernel(Application(primitive, tuple(operands), chosen, pytrees.Leaf(), (result,), mode), spelling)


REVERSE = {
    "multiply": (np.multiply, [NUMBER, NUMBER], NUMBER, ("(d0 * x1)", "(d0 * x0)")),
    "add": (np.add, [NUMBER, NUMBER], NUMBER, ("d0", "d0")),
    "tanh": (np.tanh, [NUMBER], NUMBER, ("(d0 * (1.0 - (r0 * r0)))",)),
    "exp": (np.exp, [NUMBER], NUMBER, ("(d0 * r0)",)),
    "sqrt": (np.sqrt, [NUMBER], NUMBER, ("((d0 / r0) * 0.5)",)),
    "where": (
        lambda x, y: np.where(x > 0, x, y),
        [NUMBER, NUMBER],
        NUMBER,
        ("where(t0, d0, 0.0)", "where(t0, 0.0, d0)"),
    ),
    "floor": (np.floor, [NUMBER], NUMBER, (None,)),
    "single": (
        np.multiply,
        [SINGLE, PYTHON],
        SINGLE,
        ("(d0 * cast(x1, float32))", "cast((d0 * x0), float64)"),
    ),
    "matmul": (np.matmul, [array(2, 3), array(3, 4)], array(2, 4), ("(d0 @ x1.T)", "(x0.T @ d0)")),
    "matvec": (np.matmul, [array(2, 3), array(3)], array(2), ("(d0[:, None] * x1)", "(d0 @ x0)")),
    "dot": (np.dot, [array(3), array(3)], NUMBER, ("(d0 * x1)", "(d0 * x0)")),
    "sum": (np.sum, [array(2, 3)], NUMBER, ("expand(d0, (2, 3), float64)",)),
    "sum_axis": (
        lambda x: np.sum(x, axis=1),
        [array(2, 3)],
        array(2),
        ("expand(d0[:, None], (2, 3), float64)",),
    ),
    "mean": (np.mean, [array(2, 3)], NUMBER, ("expand((d0 / 6.0), (2, 3), float64)",)),
    "transpose": (lambda x: np.transpose(x), [array(2, 3)], array(3, 2), ("d0.T",)),
    "reshape": (lambda x: np.reshape(x, 6), [array(2, 3)], array(6), ("d0.reshape((2, 3))",)),
    "concatenate": (
        lambda x, y: np.concatenate([x, y]),
        [array(2), array(3)],
        array(5),
        ("d0[0:2]", "d0[2:5]"),
    ),
    "stack": (
        lambda x, y: np.stack([x, y], axis=1),
        [array(2), array(2)],
        array(2, 2),
        ("d0[:, 0]", "d0[:, 1]"),
    ),
    "broadcast_to": (
        lambda x: np.broadcast_to(x, (2, 3)),
        [array(3)],
        array(2, 3),
        ("add.reduce(d0, (0,))",),
    ),
}


@pytest.mark.parametrize("case", REVERSE.values(), ids=REVERSE.keys())
def test_reverse(case):
    function, operands, result, expected = case
    assert printed(function, operands, result).results == expected


def test_forward():
    found = printed(np.multiply, [NUMBER, NUMBER], NUMBER, mode="forward")
    assert found.results == ("((d0 * x1) + (d1 * x0))",)
    found = printed(np.matmul, [array(2, 3), array(3)], array(2), active=(1,), mode="forward")
    assert found.results == ("(x0 @ d0)",)
    found = printed(lambda x, y: np.concatenate([x, y]), [array(2), array(3)], array(5), mode="forward")
    assert found.statements[1:] == ("t0[0:2] = d0", "t0[2:5] = d1")


def test_only_what_is_asked_for_is_kept():
    found = printed(np.multiply, [NUMBER, NUMBER], NUMBER, active=(0,))
    assert found.results == ("(d0 * x1)",)
    assert found.used == {"d0", "x1"}
    assert printed(np.add, [NUMBER, NUMBER], NUMBER).used == {"d0"}


def test_numbers_use_the_functions_of_python():
    found = printed(np.power, [PYTHON, PYTHON], PYTHON, active=(0,), spelling=NUMBERS)
    assert found.results == ("(0.0 if (x1 == 0.0) else (d0 * (x1 * math_pow(x0, (x1 - 1.0)))))",)
    assert printed(np.sin, [PYTHON], PYTHON, spelling=NUMBERS).results == ("(d0 * math_cos(x0))",)


def test_reductions_are_whole_array_expressions():
    found = printed(lambda x: np.max(x, axis=0), [array(2, 3)], array(3))
    assert found.results[0].startswith("where((x0 == r0), (d0 / maximum(add.reduce(where(")
    found = printed(
        lambda x, y: np.einsum("ijk,ilk->jl", x, y), [array(2, 3, 4), array(2, 5, 4)], array(3, 5)
    )
    assert all("einsum(" in result or "@" in result for result in found.results)
    assert not found.is_native


def test_loops_are_native_code():
    found = printed(np.cumprod, [array(4)], array(4))
    assert found.is_native
    assert found.statements == ("c = k((x0,), (), d0)",)
    assert found.results == ("c[0]",)
