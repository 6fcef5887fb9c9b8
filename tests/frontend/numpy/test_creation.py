"""Arrays made inside of compiled functions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dialectad.frontend.numpy
from dialectad.errors import CompileError
from dialectad.frontend.tracers import CALLS
from tests.frontend.numpy.arrays import floats
from tests.frontend.numpy.harness import check, run

CONSTANT = np.arange(200.0).reshape(10, 20)

CASES = {
    "zeros": lambda x: np.zeros(3),
    "zeros shape": lambda x: np.zeros((2, 3), dtype=int),
    "zeros float32": lambda x: np.zeros(x.shape, np.float32),
    "ones": lambda x: np.ones([2, 2], bool),
    "full": lambda x: np.full(3, 7),
    "full traced": lambda x: np.full((2, 3), x[0]),
    "full dtype": lambda x: np.full((), 7, dtype=np.float32),
    "empty": lambda x: np.empty((0, 3)),
    "empty_like": lambda x: np.empty_like(x).shape,
    "likes": lambda x: (np.zeros_like(x), np.ones_like(x, dtype=int), np.full_like(x, 2), np.zeros_like(1)),
    "like shape": lambda x: np.zeros_like(x, shape=(2, 2)),
    "eye": lambda x: np.eye(3),
    "eye more": lambda x: (np.eye(2, 3, 1), np.eye(3, k=-1, dtype=np.float32), np.identity(2, int)),
    "tri": lambda x: (np.tri(3), np.tri(2, 4, 1, dtype=int)),
    "arange": lambda x: np.arange(5),
    "arange bounds": lambda x: (np.arange(2, 9, 3), np.arange(9, 2, -1), np.arange(3, 3)),
    "arange floats": lambda x: (np.arange(0.0, 1.0, 0.1), np.arange(5.0), np.arange(6, dtype=np.float32)),
    "linspace": lambda x: np.linspace(0, 1, 11),
    "linspace more": lambda x: (
        np.linspace(0, 1, 100, endpoint=False),
        np.linspace(1, 2, 1),
        np.linspace(1, 3, 0),
    ),
    "linspace traced": lambda x: np.linspace(x[0], x[1], 7),
    "linspace step": lambda x: np.linspace(0.0, 1.0, 5, retstep=True)[0],
    "linspace integers": lambda x: np.linspace(0, 10, 4, dtype=int),
    "logspace": lambda x: np.logspace(x[0], x[1], 4),
    "indices": lambda x: np.indices((2, 3)),
    "array": lambda x: np.array([1, 2, 3]),
    "array nested": lambda x: np.array([[1.5, 2], [3, 4]]),
    "array bools": lambda x: np.array([True, False]),
    "array nan": lambda x: np.array([np.nan, 1.0, np.inf]),
    "array number": lambda x: np.array(3.5),
    "array empty": lambda x: np.array([]),
    "array of a constant": lambda x: np.array(CONSTANT),
    "array of a long list": lambda x: np.array(list(range(300))),
    "array of tracers": lambda x: np.array([x[0], 1.0, x[1]]),
    "array of nested tracers": lambda x: np.array([[x[0], 0], [0, x[1] * 2]]),
    "array of arrays": lambda x: np.array([x, x + 1]),
    "array of nested arrays": lambda x: np.array([[x, x], [x, x * 2]]),
    "array of tuples": lambda x: np.array([(x[0], x[1]), (1, 2)]),
    "array dtype": lambda x: (
        np.array([1, 2], np.float32),
        np.array(x, int),
        np.array([x[0], 1], dtype=np.float32),
    ),
    "array ndmin": lambda x: np.array([1.0, x[0]], ndmin=3),
    "array integers": lambda x: np.array([(x[0] > 0) * 1, 2]),
    "array range": lambda x: np.array(range(5)),
    "asarray": lambda x: (np.asarray([1.0, 2]), np.asarray(2), np.ascontiguousarray(x[1])),
    "lists as operands": lambda x: [1, 2, 3] * x[:3],
    "lists of tracers as operands": lambda x: np.maximum([x[0], 0.0], 1.0),
}


@pytest.mark.parametrize("case", CASES)
def test_creation(case: str) -> None:
    check(CASES[case], floats(5))


def test_created_arrays_can_be_written_into() -> None:
    def function(x: Any) -> Any:
        made = np.array([1.0, 2.0, 3.0])
        made[1] = x[0]
        zeros = np.zeros_like(CONSTANT)
        zeros[2, 3] = x[1]
        copied = np.copy(CONSTANT)
        copied[0] = 0.0
        return made, zeros, copied

    check(function, floats(2))


def test_arrays_are_copied_or_not_as_numpy_does() -> None:
    def function(x: Any) -> None:
        a, b, c = np.array(x), np.asarray(x), np.asarray(x, dtype=np.float32)
        a[0], b[1], c[2] = 1.0, 2.0, 3.0

    check(function, floats(4))


def test_what_is_refused() -> None:
    for function in [
        lambda x: np.zeros(3, np.clongdouble),
        lambda x: np.zeros(-1),
        lambda x: np.array([[1, 2], [x[0]]]),
        lambda x: np.array(["a"]),
        lambda x: np.arange(x[0]),
        lambda x: np.zeros((2, x[0])),
        lambda x: np.zeros(3, foo=1),
        lambda x: np.random.rand(3) + x,
    ]:
        with pytest.raises(CompileError):
            run(function, floats(3))


def test_every_function_is_intercepted() -> None:
    from dialectad.frontend.tracers import FUNCTIONS, UFUNCS

    assert dialectad.frontend.numpy
    assert FUNCTIONS.keys() <= CALLS.keys()
    assert UFUNCS.keys() <= CALLS.keys()


JOINED = {
    "array": lambda x: np.array([x[0], 1]),
    "array of a float": lambda x: np.array([[x[0]], [0.5]]),
    "array of its own": lambda x: np.array([x[0], x[1]]),
    "array of a bool": lambda x: np.array([x[0], True]),
    "stack": lambda x: np.stack([x[0] * 2.0, 0.5]),
    "stack of rows": lambda x: np.stack([x, [1, 2]]),
    "concatenate": lambda x: np.concatenate([x, [0.5]]),
    "product": lambda x: [x[0], 1.5] @ x,
}


@pytest.mark.parametrize("case", JOINED)
def test_numbers_in_arrays_of_single_precision(case: str) -> None:
    """In an array Python's numbers have 64 bits."""
    check(JOINED[case], np.array([0.3, -1.25], np.float32))
