"""Each kind of expression, against the function as Python runs it, and the operators that it calls."""

# Odd code is the point here.
# ruff: noqa: B023, C416, E731

from __future__ import annotations

from typing import Any

from dialectad.frontend.rewriting import rewrite
from tests.frontend.rewriting.compare import check
from tests.frontend.rewriting.python_operators import PythonOperators


class Recorder(PythonOperators):
    """Notes which operators are called."""

    def __init__(self):
        self.called: list[str] = []

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("_") and name not in ("called", "bury", "Undefined"):
            self.called.append(name)
        return super().__getattribute__(name)


def test_boolean():
    def f(a, b, c):
        return ((a and b) or not c, a or b or c, a and b and c, not (a and not b), [a] and [b or c])

    values = (0, 1, "", "x")
    check(f, *[(a, b, c) for a in values for b in values for c in values])


def test_boolean_order():
    def f(x, log):
        def say(v):
            log.append(v)
            return v

        (say(x) and say(x - 1) and say(x - 2)) or say(10) or say(11)
        return log

    check(f, *[(x, []) for x in range(4)])


def test_chained_comparison():
    def f(x, log):
        def say(v):
            log.append(v)
            return v

        a = say(0) < say(x) < say(5) != say(3)
        b = 0 < x < 3 <= 4
        c = 1 < [x][0] < 9 > x is not None
        d = x in (1, 2) in [[True]]
        return log, a, b, c, d

    check(f, *[(x, []) for x in (-1, 0, 1, 2, 3, 4, 5, 7)])


def test_chained_comparison_in_a_comprehension():
    def f(items):
        return [x for x in items if 0 < x + 1 < 5], {0 < int(x) < 3 for x in items if x}

    check(f, ([0, 1, 2, 3, 9],))


def test_conditional():
    def f(x):
        return (1 / x if x else "zero") if x != 3 else (x if x > 3 else -x)

    check(f, (0,), (2,), (3,))


def test_calls():
    def f(*args, **keywords):
        def g(a, b=2, *c, d, **e):
            return a, b, c, d, e

        return g(*args, **keywords), g(0, *args, d=1), max([1, 2], key=lambda v: -v)

    check(f, (1, 2, 3))
    new = rewrite(f, PythonOperators())
    assert new(1, 2, d=3, z=4) == f(1, 2, d=3, z=4)


def test_comprehensions():
    def f(rows):
        a = [x * y if x else y for x in rows[0] for y in rows[x] if x < len(rows) and y]
        b = {k: [v for v in row if not v] for k, row in enumerate(rows)}
        c = sum(rows[i][0] for i in range(2))
        d = {(lambda q: q + x)(1) for x in rows[0]}
        e = [rows and x for x in (y for y in range(3))]
        return a, b, c, d, e

    check(f, ([[0, 1], [2, 0], [1]],))


def test_comprehension_variable_is_its_own():
    def f(x):
        if x:
            t = 5
        a = [t for t in range(3)]
        b = (lambda t: t)(a)
        return a, b, [t for _ in range(2)]

    check(f, (0,), (1,))


def test_f_string():
    def f(x):
        return f"{x[0]!r:>{len(x)}} {x and 1} {'a' if x else 'b'}"

    check(f, ([1, 2],))


def test_lambda_is_late():
    def f(n):
        gs = []
        for i in range(n):
            j = i * 2
            gs.append(lambda k=i: (i, j, k))
        return [g() for g in gs]

    check(f, (0,), (3,))


def test_undefined_in_a_lambda():
    def f(x):
        g = lambda: y
        if x:
            y = x
        return g()

    check(f, (0,), (1,))


def test_lambda_itself():
    check(lambda x, y=2: x and y if x < y else x[0], (1, 2), (3, 2), ([1], [0]))


def test_starred():
    def f(x):
        a, *b = x
        *c, x[0] = b
        return [*a, *b, *c], (*b,), {**{1: 2}}, x

    check(f, ([[0], 1, 2, 3],), ([[0], 1],), ([[0]],))


def test_which_operators():
    def f(x, y):
        assert y
        z = (x[0] and y) or not x[1:]
        x[0] = z if 0 < y < 2 else abs(y)
        x[1] += 1
        for i in range(y):
            while x[0] < i:
                x[0] += y
        return x

    recorder = Recorder()
    rewrite(f, recorder)([1, 2], 3)
    assert set(recorder.called) == set(
        "assert_ load_item and_ or_ store_item cond aug_item call for_ while_".split()
    ) - {"not_"}


def test_keys():
    keys = []

    class Keys(PythonOperators):
        def load_item(self, obj, key):
            keys.append(key)

    def f(x):
        x[1], x[1:], x[:, ..., None], x[1:2:3, 4], x[(1, 2)], x[x, 1:]

    rewrite(f, Keys())(0)
    none = slice(None)
    assert keys == [
        1,
        slice(1, None),
        (none, ..., None),
        (slice(1, 2, 3), 4),
        (1, 2),
        (0, slice(1, None)),
    ]


def test_aug_item_gets_the_operator():
    import operator

    seen = []

    class Operators(PythonOperators):
        def aug_item(self, obj, key, op, value):
            seen.append((obj, key, op, value))

    def f(x, y):
        x[1:] += y
        x[0] @= y * 2
        x[0, 1] **= 3

    rewrite(f, Operators())("x", 5)
    assert seen == [
        ("x", slice(1, None), operator.iadd, 5),
        ("x", 0, operator.imatmul, 10),
        ("x", (0, 1), operator.ipow, 3),
    ]
