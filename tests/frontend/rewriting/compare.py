"""Compares a function with its rewritten self: results, exceptions, their lines, order of effects."""

from __future__ import annotations

import copy
import traceback
from collections.abc import Callable
from types import FunctionType
from typing import Any

from dialectad.frontend.rewriting import rewrite
from tests.frontend.rewriting.python_operators import PythonOperators

OPERATORS = PythonOperators()


def outcome(f: Callable[..., Any], args: tuple[Any, ...], file: str) -> tuple[Any, ...]:
    """What a call does: its result or its exception with the user's lines, and its arguments afterwards."""
    args = copy.deepcopy(args)
    try:
        result: tuple[Any, ...] = ("result", f(*args))
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if frame.filename == file]
        kind: type[BaseException] = NameError if isinstance(error, NameError) else type(error)
        text = "" if kind is NameError else str(error)
        result = ("error", kind, text, lines[-1:])
    return (*result, args)


def check(f: FunctionType, *argument_lists: tuple[Any, ...]) -> FunctionType:
    """Assert that the rewritten `f` does the same as `f` for each list of arguments."""
    new = rewrite(f, OPERATORS)
    for args in argument_lists:
        file = f.__code__.co_filename
        assert outcome(new, args, file) == outcome(f, args, file), args
    return new
