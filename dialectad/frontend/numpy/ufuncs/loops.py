"""Ufuncs: which loop NumPy takes for the operands, and what computes it.

NumPy itself says which loop the operands take (`ufunc.resolve_dtypes`). Operators on two Python numbers
give a Python number (a weak scalar); a bool among them counts as an int there, as in Python.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from xdsl.ir import SSAValue

from dialectad.errors import UnsupportedTypeError
from dialectad.frontend import emit
from dialectad.frontend.dtypes import BOOL, FLOAT32, INT64, DType
from dialectad.frontend.numpy import intervals
from dialectad.frontend.numpy.support import (
    Operand,
    checked_dtype,
    dtype_of,
    is_weak,
    operand,
    python_number,
    values,
    wrapped,
)
from dialectad.frontend.tracers import UFUNCS, Scalar
from dialectad.frontend.tracing import error

Kernel = Callable[..., SSAValue]
Kernels = dict[str, Kernel]
"""Kind of the loop's first input ("f", "i", "u" or "b") -> what computes it."""

KERNELS: dict[np.ufunc, Kernels] = {}

OPERATORS = frozenset(
    {
        *(np.add, np.subtract, np.multiply, np.true_divide, np.floor_divide, np.remainder, np.power),
        *(np.negative, np.positive, np.absolute, np.invert, np.bitwise_and, np.bitwise_or, np.bitwise_xor),
        *(np.left_shift, np.right_shift, np.less, np.less_equal, np.greater, np.greater_equal),
        *(np.equal, np.not_equal),
    }
)
"""The ufuncs behind Python's operators: on Python numbers they give Python numbers."""

_ARITHMETIC = OPERATORS - {
    *(np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.less, np.less_equal, np.greater),
    *(np.greater_equal, np.equal, np.not_equal),
}


@functools.cache
def resolve(ufunc: np.ufunc, inputs: tuple[Any, ...]) -> tuple[DType, ...]:
    return ufunc.resolve_dtypes((*inputs, *[None] * ufunc.nout))


def loop_dtypes(ufunc: np.ufunc, operands: Sequence[Operand]) -> tuple[tuple[DType, ...], bool]:
    """The dtypes of the loop that NumPy takes (inputs, then outputs), and whether the result is weak."""
    weak = all(map(is_weak, operands))
    if weak:
        inputs = [dtype_of(x) for x in operands]
        if ufunc in _ARITHMETIC:
            inputs = [INT64 if d == BOOL else d for d in inputs]
    else:
        inputs = [
            (type(n) if type(n := python_number(x)) is not bool else BOOL) if is_weak(x) else dtype_of(x)
            for x in operands
        ]
    try:
        found = resolve(ufunc, tuple(inputs))
    except TypeError as problem:
        names = ", ".join(str(dtype_of(x)) for x in operands)
        message = str(problem).split("\n")[0]
        if "subtract" in message:
            message = (
                "numpy boolean subtract, the `-` operator, is not supported, use the bitwise_xor, the"
                " `^` operator, or the logical_xor function instead."
            )
        raise error(f"ufunc {ufunc.__name__!r} on {names}: {message}", kind=UnsupportedTypeError) from None
    if found[-1] == BOOL:  # a question about small integers, which float32 holds exactly too
        found = tuple(FLOAT32 if dtype == np.float16 else dtype for dtype in found)
    for dtype in found:
        checked_dtype(dtype)
    return found, weak and ufunc in OPERATORS


def apply(ufunc: np.ufunc, *inputs: Any) -> Any:
    """A ufunc of one output, by its kernel."""
    operands = [operand(x) for x in inputs]
    types, weak = loop_dtypes(ufunc, operands)
    kernel = KERNELS[ufunc][types[0].kind]
    result = wrapped(kernel(*values(operands, types[: len(operands)])), weak=weak)
    if isinstance(result, Scalar) and types[-1] == INT64:
        intervals.track(ufunc, result, operands)
    return result


def define(ufunc: np.ufunc, f: Any = None, i: Any = None, b: Any = None, *, u: Any = None) -> None:
    """Give a ufunc its kernels: an op class, or a function of SSA values.

    Unsigned integers have that of the signed ones, unless there is one for them.
    """
    kernels = {"f": f, "i": i, "u": i if u is None else u, "b": b}
    KERNELS[ufunc] = {
        kind: _op_kernel(k) if isinstance(k, type) else k for kind, k in kernels.items() if k is not None
    }
    UFUNCS[ufunc] = functools.partial(apply, ufunc)


def _op_kernel(operation: Any) -> Kernel:
    return lambda *operands: emit.op(emit.by_sign(operation, operands[0])(*operands))


def special(ufunc: np.ufunc) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register an implementation that looks at its operands before the kernel does."""

    def register(implementation: Callable[..., Any]) -> Callable[..., Any]:
        UFUNCS[ufunc] = implementation
        return implementation

    return register
