"""All checks of one random program: values, both modes, second derivatives, and the interpreter.

The derivatives at each level are compared with differences, and more exactly with those at level linalg. The
interpreter runs the same IR that the machine code of that level was made of, so a failure tells which half is
wrong: the frontend and the differentiation, where the two agree, or what lowers the IR.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import dialectad as da
from dialectad.frontend import pytrees
from dialectad.frontend.function import Function
from dialectad.frontend.program import ArrayType, ScalarType, Static
from dialectad.levels import Level
from tests.evaluate import evaluate
from tests.random_programs import DIRECTIONS, Program, difference
from tests.variants import is_refusal

REFERENCE = Level("linalg")
"""The level that the others are compared with."""


def check(program: Program, levels: Sequence[Level], turn: int, every: bool = False) -> None:
    """Check a program: its value, and reverse mode at each level.

    Forward mode and second derivatives take turns: those of one level are checked for a program, or with
    `every` those of all levels.

    Raises
    ------
    AssertionError
        With the name of what differs. Any other error is a failure too, if it isn't the refusal of a level
        that is known not to do such a program.
    """
    check_value(program, REFERENCE)  # where nothing is differentiated, all levels but the tape are the same
    for i, level in enumerate(levels):
        try:
            check_gradient(program, level)
            if every or turn % len(levels) == i:
                check_tangent(program, level)
            if every or turn % (2 * len(levels)) == 2 * i:
                check_second(program, level)
        except Exception as problem:
            if not is_refusal(problem, level):
                problem.add_note(f"at level {level}")
                raise


def check_value(program: Program, level: Level) -> None:
    """`jit` against NumPy: the result, its type, and what is written into arguments."""
    tolerance = 1e-4 if program.single else 1e-9
    ours, theirs = program.fresh(), program.fresh()
    expected = program.run(theirs)
    found = da.jit(program.function, level=level)(*ours)
    _close("the value", found, expected, tolerance)
    dtype = np.asarray(expected).dtype
    if program.single:  # what one branch gives in single precision may be double because of the other one
        dtype = np.promote_types(dtype, np.asarray(found).dtype)
    assert np.asarray(found).dtype == dtype, f"the value has dtype {np.asarray(found).dtype}, not {dtype}"
    for i, (our, their) in enumerate(zip(ours, theirs, strict=True)):
        _close(f"argument {i} after the call", our, their, tolerance)


def check_gradient(program: Program, level: Level) -> None:
    """Reverse mode against differences along directions, and against the reference or the interpreter."""
    compiled, value, gradient = _differentiated(program, level)
    if level == REFERENCE:
        _close_to_interpreter(compiled, program.fresh(), _exact(program))
    else:
        reference = _differentiated(program, REFERENCE)[2]
        for i, ours, theirs in zip(program.active, gradient, reference, strict=True):
            _close(f"the gradient by argument {i}, unlike at level linalg,", ours, theirs, _exact(program))
    _close("the value beside the gradient", value, program.run(program.fresh()), _tolerance(program))
    for i, of in zip(program.active, gradient, strict=True):
        assert np.shape(of) == np.shape(program.args[i]), f"the gradient by argument {i} has another shape"
    for k in range(DIRECTIONS):
        _close(
            f"the gradient along direction {k}",
            _inner(gradient, program.direction(k)),
            _slope(program, k),
            _tolerance(program),
        )


@functools.lru_cache(maxsize=4)
def _slope(program: Program, k: int) -> float:
    """The derivative along direction `k`, by differences."""
    return program.difference(program.direction(k))


@functools.lru_cache(maxsize=2)
def _differentiated(program: Program, level: Level) -> tuple[Function, Any, tuple[Any, ...]]:
    """The compiled `value_and_grad`, and what it gives."""
    compiled = da.value_and_grad(program.function, argnums=program.active, level=level)
    return compiled, *compiled(*program.fresh())


def check_tangent(program: Program, level: Level) -> None:
    """Forward mode against differences and against reverse mode."""
    function = _of_active(program)
    _, _, gradient = _differentiated(program, level)
    for k in range(DIRECTIONS):
        direction = program.direction(k)
        value, tangent = da.jvp(function, _active(program), direction, level=level)
        _close("the value beside the tangent", value, program.run(program.fresh()), _tolerance(program))
        _close(f"the tangent along direction {k}", tangent, _slope(program, k), _tolerance(program))
        exact = 1e-3 if program.single else 1e-9
        _close(f"the dot test along direction {k}", tangent, _inner(gradient, direction), exact)


def check_second(program: Program, level: Level) -> None:
    """The Hessian times a direction, along another, against differences of the gradient."""
    if program.single:
        return
    function, at, along, other = (
        _of_active(program),
        _active(program),
        program.direction(0),
        program.direction(1),
    )

    def packed(both: tuple[Any, ...]) -> Any:
        return function(*both)

    gradient = da.grad(packed, level=level)
    expected = difference(lambda by: _inner(gradient(_moved(at, along, by)), other))
    product = da.hvp(packed, (at,), (along,), level=level)

    def gradient_and_product(at: tuple[Any, ...], along: tuple[Any, ...]) -> Any:
        return da.jvp(gradient, (at,), (along,), level=level)

    if level == REFERENCE:
        compiled = da.jit(gradient_and_product, level=level)
        _close_to_interpreter(compiled, (at, along), _exact(program))
    _close("the Hessian times a direction, along another", _inner(product, other), expected, 1e-5)


STEPS: tuple[Callable[[Program, Level], None], ...] = (
    check_value,
    check_gradient,
    check_tangent,
    check_second,
)
"""What is checked, in order."""


def _of_active(program: Program) -> Callable[..., Any]:
    """The program as a function of its active arguments, with copies of the others."""
    args, active, function = program.args, program.active, program.function

    def of_active(*primals):
        given = list(args)
        for i, primal in zip(active, primals, strict=True):
            given[i] = primal
        return function(*given)

    return of_active


def _active(program: Program) -> tuple[Any, ...]:
    args = program.fresh()
    return tuple(args[i] for i in program.active)


def _moved(at: tuple[Any, ...], along: tuple[Any, ...], by: float) -> tuple[Any, ...]:
    return tuple(a + by * d for a, d in zip(at, along, strict=True))


def _tolerance(program: Program) -> float:
    return 1e-3 if program.single else 1e-6


def _inner(a: tuple[Any, ...], b: tuple[Any, ...]) -> float:
    return sum(float(np.sum(np.asarray(x, np.float64) * y)) for x, y in zip(a, b, strict=True))


def _close(what: str, found: Any, expected: Any, tolerance: float) -> None:
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape, f"{what} has shape {found.shape}, {expected.shape} expected"
    if not found.size:
        return
    apart = np.max(np.abs(found - expected) / np.maximum(1.0, np.abs(expected)))
    assert apart <= tolerance, f"{what} is {found}, {expected} expected"  # NaN is not <= anything


def _close_to_interpreter(compiled: Function, args: tuple[Any, ...], tolerance: float) -> None:
    """Machine code and interpreter give the same for the same IR."""
    lowered = compiled.lower(*args)
    program = lowered.program
    given = zip(pytrees.flatten(copy.deepcopy(args))[0], program.signature.leaves, strict=True)
    leaves = [leaf for leaf, type_ in given if not isinstance(type_, Static)]
    interpreted = evaluate(lowered.module("linalg"), program.name, [*leaves, *program.captured])
    native = pytrees.flatten(compiled(*copy.deepcopy(args)))[0]
    kinds = zip(native, program.results, strict=True)
    values = [v for v, kind in kinds if isinstance(kind, ScalarType | ArrayType)]
    assert values, "the compiled function gives constants only"
    for i, (ours, theirs) in enumerate(zip(values, interpreted, strict=False)):
        _close(f"result {i} of the machine code, not of the interpreter,", ours, theirs, tolerance)


def _exact(program: Program) -> float:
    return 1e-3 if program.single else 1e-9
