"""Functions of arrays, traced and interpreted, compared with NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import dialectad.frontend.numpy
from dialectad import verifier
from dialectad.frontend.program import ArrayType, Constant, FromArgument, ScalarType, Signature, trace_program
from tests.evaluate import evaluate


def run(function: Callable[..., Any], *args: Any) -> Any:
    """What the traced function gives, by the interpreter; arguments that it writes into are written into."""
    signature, leaves = Signature.of(args, {})
    program = trace_program(function, signature, "f")
    verifier.check(program.module, "linalg")
    values = [
        _interleaved(x) for x in leaves if isinstance(x, np.ndarray | np.generic | int | float | complex)
    ]
    captured = map(_interleaved, program.captured)
    results = [*evaluate(program.module, program.name, [*values, *captured])]
    finals = results[len(results) - len(program.inout) :] if program.inout else []
    for leaf, final in zip(_in_order(program), finals, strict=True):
        leaves[leaf][...] = _as_numpy(final, leaves[leaf].dtype)
    rest = iter(results)
    found = []
    for type_ in program.results:
        match type_:
            case FromArgument(leaf):
                found.append(leaves[leaf])
            case Constant(value):
                found.append(value)
            case ArrayType(dtype, shape):
                value = _as_numpy(next(rest), dtype)
                assert value.dtype == dtype
                assert value.shape == shape
                found.append(value)
            case ScalarType(dtype, weak):
                value = dtype.type(_as_numpy(np.asarray(next(rest)), dtype))
                found.append(value.item() if weak else value)
    return program.structure.unflatten(iter(found))


def _interleaved(x: Any) -> Any:
    """Complex numbers as the traced function takes them: pairs along a last axis."""
    if not np.iscomplexobj(x):
        return x
    return np.stack([np.real(x), np.imag(x)], axis=-1)


def _as_numpy(x: Any, dtype: np.dtype[Any]) -> Any:
    """What the traced function gives, as complex or unsigned numbers if it is to be."""
    if dtype.kind == "c":
        return np.ascontiguousarray(x).view(dtype)[..., 0]
    return x.view(dtype) if dtype.kind == "u" and x.dtype == dtype.str.replace("u", "i") else x


def _in_order(program: Any) -> list[int]:
    """The leaves written into, in the order of their results."""
    from xdsl.dialects import func

    (op,) = (o for o in program.module.ops if isinstance(o, func.FuncOp) and o.sym_name.data == program.name)
    if not op.arg_attrs:
        return []
    found = [(a.data["dialectad.inout"].value.data, i) for i, a in enumerate(op.arg_attrs) if a.data]
    return [i for _, i in sorted(found)]


def check(function: Callable[..., Any], *args: Any, tolerance: float = 1e-12) -> None:
    """The traced function gives what NumPy gives: values, dtypes, shapes, and kinds of numbers."""
    mine = [a.copy() if isinstance(a, np.ndarray) else a for a in args]
    theirs = [a.copy() if isinstance(a, np.ndarray) else a for a in args]
    with np.errstate(all="ignore"):
        expected = function(*theirs)
    same(run(function, *mine), expected, tolerance)
    for a, b in zip(mine, theirs, strict=True):
        same(a, b, tolerance)


def same(actual: Any, expected: Any, tolerance: float) -> None:
    if isinstance(expected, list | tuple):
        assert len(actual) == len(expected)
        for a, b in zip(actual, expected, strict=True):
            same(a, b, tolerance)
        return
    if isinstance(expected, np.ndarray) and expected.ndim == 0 and not isinstance(actual, np.ndarray):
        expected = expected[()]  # a scalar where NumPy gives an array of rank 0
    assert type(actual) is type(expected), f"{type(actual)} instead of {type(expected)}"
    if isinstance(expected, np.ndarray | np.generic):
        assert actual.dtype == expected.dtype, f"{actual.dtype} instead of {expected.dtype}"
        assert actual.shape == expected.shape, f"{actual.shape} instead of {expected.shape}"
        single = expected.dtype in (np.float32, np.complex64)
        tolerance = max(tolerance, 1e-5) if single else tolerance
    if expected is None or isinstance(expected, str):
        assert actual == expected
        return
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)


__all__ = ["check", "dialectad", "run"]
