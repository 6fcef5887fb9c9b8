"""What the operators are told about names."""

# Odd code is the point here.
# ruff: noqa: B007, B023, F841, SIM108

from __future__ import annotations

import inspect
from contextlib import nullcontext, suppress

import pytest

from dialectad.frontend.rewriting import rewrite
from tests.frontend.rewriting.python_operators import PythonOperators, Undefined


class Flows(PythonOperators):
    def __init__(self):
        self.flows = {}

    def note(self, kind, names, live, carried):
        line = inspect.currentframe().f_back.f_back.f_lineno
        marks = [
            ("live " if a else "") + ("carried" if b else "") for a, b in zip(live, carried, strict=True)
        ]
        self.flows.setdefault((kind, line), dict(zip(names, (m.strip() for m in marks), strict=True)))

    def if_(self, test, then_fn, else_fn, names, live, get, set_):
        self.note("if", names, live, [False] * len(names))
        super().if_(test, then_fn, else_fn, names, live, get, set_)

    def while_(self, test_fn, body_fn, names, live, carried, get, set_):
        self.note("while", names, live, carried)
        super().while_(test_fn, body_fn, names, live, carried, get, set_)

    def for_(self, iterable, body_fn, names, live, carried, get, set_, test_fn):
        self.note("for", names, live, carried)
        super().for_(iterable, body_fn, names, live, carried, get, set_, test_fn)


def flows(f, *args):
    operators = Flows()
    rewrite(f, operators)(*args)
    return [flow for _, flow in sorted(operators.flows.items(), key=lambda item: item[0][1])]


def test_temporary_in_a_loop():
    def f(xs):
        total = 0.0
        for x in xs:
            t = x * 2
            if t > 1:
                u = t
                total += u
        return total

    assert flows(f, [1, 2]) == [
        {"t": "", "total": "live carried", "u": "", "x": ""},
        {"total": "live", "u": ""},
    ]


def test_last_value_after_the_loop():
    def f(xs):
        for x in xs:
            y = x
            if x > 5:
                z = x
        return x, y, z

    outer = flows(f, [1, 9])[0]
    assert outer == {"x": "live", "y": "live", "z": "live carried"}


def test_conditional_assignment_is_carried():
    def f(n):
        swapped = True
        while swapped:
            swapped = False
            for i in range(n):
                if i > 2:
                    swapped = True
                    n = 0
        return n

    assert flows(f, 2)[:2] == [
        {"i": "", "n": "live carried", "swapped": "carried"},
        {"i": "", "n": "live carried", "swapped": "live carried"},
    ]


def test_what_a_with_surely_binds_is_not_carried():
    def f(xs):
        total = 0.0
        for x in xs:
            with nullcontext():
                t = x * 2
            total += t
        for x in xs:
            with suppress(ValueError):
                u = x * 2
            total += u
        return total

    first, second = flows(f, [1.0, 2.0])
    assert first["t"] == ""
    assert second["u"] == "carried"


def test_break_flag():
    def f(xs):
        for x in xs:
            if x > 1:
                break
            y = x
        return x

    first = flows(f, [1, 2])[0]
    assert first == {"__da_brk_1": "carried", "x": "live", "y": ""}


def test_closures_keep_names_live():
    def f(n):
        gs = []
        for i in range(n):
            a = i
            gs.append(lambda: a)
            b = i
        for j in range(2):
            a = j
            b = j
        return [g() for g in gs]

    first, second = flows(f, 2)
    assert first == {"a": "live carried", "b": "", "i": ""}
    assert second == {"a": "live carried", "b": "", "j": ""}


def test_eager_generator_is_no_closure():
    def f(xs):
        for x in xs:
            t = x
            s = sum(t * v for v in xs)

    assert flows(f, [1]) == [{"s": "", "t": "", "x": ""}]


def test_handler_keeps_names_live():
    def f(x):
        a = 1
        for i in range(2):
            try:
                a = 2
                b = 1 // x
                a = 3
            except ZeroDivisionError:
                x = a
        return x

    assert flows(f, 0)[0]["a"] == "carried"


class BothBranches(PythonOperators):
    """Runs both branches of every `if`, each from the same state, as staging does."""

    def if_(self, test, then_fn, else_fn, names, live, get, set_):
        before = get()
        then_fn()
        after_then = get()
        set_(before)
        else_fn()
        taken, other = (after_then, get()) if test else (get(), after_then)
        # Where a name is bound on one way only, its value there serves for both: a flag guards its use.
        set_(tuple(b if isinstance(a, Undefined) else a for a, b in zip(taken, other, strict=True)))
        self.bury(names, live, get, set_)

    def cond(self, test, a, b):
        a, b = a(), b()
        return a if test else b


def newton(x, steps):
    y = x
    for k in range(steps):
        step = (y * y - x) / (2 * y)
        if step < 0:
            size = -step
        else:
            size = step
        if size < 1e-6:
            break
        if size > 100:
            continue
        y = y - step
    else:
        return -1.0
    return y


def classify(x, y):
    if x > 0:
        if y > 0:
            return 1
        z = 2
    elif y < -5:
        return 3
    else:
        z = 4
    w = z + x
    while w > 3:
        w -= 1
        if w == y:
            return w
    return w * 10 if z > 2 else -w


@pytest.mark.parametrize(
    ("f", "args"),
    [(newton, (x, n)) for x in (0.5, 2.0, 9.0, 1e4) for n in (0, 3, 30)]
    + [(classify, (x, y)) for x in range(-6, 8, 2) for y in range(-7, 8)],
)
def test_both_branches(f, args):
    assert rewrite(f, BothBranches())(*args) == f(*args)
