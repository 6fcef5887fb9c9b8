"""Frames and tracebacks of the rewritten function show the user's lines and columns."""

# ruff: noqa: RUF005

from __future__ import annotations

import sys
import traceback
from types import CodeType

import pytest

from dialectad.frontend.rewriting import rewrite
from tests.frontend.rewriting.compare import OPERATORS
from tests.frontend.rewriting.python_operators import PythonOperators

FIRST = sys._getframe().f_lineno + 3


def sample(x, y):
    z = [x[0], y] + [
        abs(x[y]) if y > 0 else -y,
    ]
    for i in range(2):
        if z[i] > x[1]:
            z[i] = x[i + 1]
        x[i] += z[0]
    while x[0] > 5 and y:
        x[0] -= 1
    return z


def place(frame):
    """Line (from the function's first) and columns that `frame` stands at."""
    position = list(frame.f_code.co_positions())[frame.f_lasti // 2]
    return position[0] - FIRST, position[2], position[3]


class Places(PythonOperators):
    def __init__(self):
        self.places = []

    def note(self, name):
        self.places.append((name, *place(sys._getframe(2))))

    def call(self, f):
        self.note("call")
        return f

    def load_item(self, obj, key):
        self.note("load_item")
        return obj[key]

    def store_item(self, obj, key, value):
        self.note("store_item")
        obj[key] = value

    def aug_item(self, obj, key, op, value):
        self.note("aug_item")
        obj[key] = op(obj[key], value)

    def if_(self, *arguments):
        self.note("if_")
        super().if_(*arguments)

    def for_(self, *arguments):
        self.note("for_")
        super().for_(*arguments)

    def while_(self, *arguments):
        self.note("while_")
        super().while_(*arguments)

    def cond(self, *arguments):
        self.note("cond")
        return super().cond(*arguments)

    def and_(self, *arguments):
        self.note("and_")
        return super().and_(*arguments)


def test_places():
    operators = Places()
    rewrite(sample, operators)([1, 9, 3], 1)
    once = list(dict.fromkeys(operators.places))
    assert once == [
        ("load_item", 1, 9, 13),
        ("cond", 2, 8, 34),
        ("call", 2, 8, 11),
        ("load_item", 2, 12, 16),
        ("call", 4, 13, 18),
        ("for_", 4, 4, 21),
        ("load_item", 5, 11, 15),
        ("load_item", 5, 18, 22),
        ("if_", 5, 8, 22),
        ("load_item", 7, 16, 20),
        ("aug_item", 7, 8, 20),
        ("while_", 8, 4, 24),
        ("load_item", 8, 10, 14),
        ("and_", 8, 10, 24),
    ]


def instructions(code: CodeType):
    yield from (p for p in code.co_positions() if p[0] is not None)
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield from instructions(const)


def test_all_positions_lie_in_the_source():
    new = rewrite(sample, OPERATORS)
    lines = [p[0] for p in instructions(new.__code__)]
    assert min(lines) == FIRST
    assert max(lines) == max(line for *_, line in sample.__code__.co_lines() if line)
    mine = set(instructions(new.__code__))
    assert {p for p in instructions(sample.__code__) if p[0] == FIRST + 2} <= mine


def test_traceback():
    with pytest.raises(IndexError) as caught:
        rewrite(sample, OPERATORS)([0], 1)
    frames = traceback.extract_tb(caught.tb)
    assert [f.lineno - FIRST for f in frames if f.filename == __file__][1:] == [2, 2]
    assert [f.line for f in frames if f.filename == __file__][-1] == "abs(x[y]) if y > 0 else -y,"
