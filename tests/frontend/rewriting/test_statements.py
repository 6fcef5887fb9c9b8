"""Each kind of statement, against the function as Python runs it."""

# Odd code is the point here.
# ruff: noqa: B007, F821, F823, F841, I001, RUF059, SIM105, UP037

from __future__ import annotations

from contextlib import contextmanager, nullcontext, suppress

import pytest

from tests.frontend.rewriting import samples
from tests.frontend.rewriting.compare import check


class Log(list):
    """Logs item access; equal to a list."""

    def __init__(self, items=(), log=None):
        super().__init__(items)
        self.log = [] if log is None else log

    def __getitem__(self, key):
        self.log.append(("get", key))
        return super().__getitem__(key)

    def __setitem__(self, key, value):
        self.log.append(("set", key, value))
        super().__setitem__(key, value)

    def __eq__(self, other):
        return list(self) == list(other) and self.log == other.log

    __hash__ = None

    def __deepcopy__(self, memo):
        return Log(self, list(self.log))


def test_if():
    def f(x):
        if x > 0:
            y = x * 2
        elif x < -5:
            y = -1
        else:
            y = 0
            z = 4
        if y:
            x = y
        return x, y

    check(f, (1,), (0,), (-3,), (-9,))


def test_unbound_after_if():
    def f(x):
        if x > 0:
            y = 1
        x += 1
        return y

    check(f, (1,), (0,))


def test_unbound_augmented():
    def f(x):
        if x > 0:
            y = 1
        y += 1
        return y

    check(f, (1,), (0,))


def test_never_bound():
    def f(x):
        return y
        y = 1

    check(f, (1,))


def test_while():
    def f(n):
        i = total = 0
        while i < n:
            i += 1
            square = i * i
            if square % 2:
                continue
            total += square
            if total > 100:
                break
        else:
            total = -total
        return i, total

    check(f, (0,), (1,), (5,), (50,))


def test_for_else_and_targets():
    def f(pairs):
        for a, (b, *c) in pairs:
            if a == b:
                break
            for d in c:
                if d == 0:
                    continue
                if d < 0:
                    break
                a += d
            else:
                a = -a
        else:
            a = b = "none"
        return a, b

    check(f, ([],), ([(1, (2, 3, 0)), (2, (3, -1))],), ([(1, (2, 3)), (2, (2,)), (3, (4,))],), ([(1, ())],))


def test_loop_variable_stays():
    def f(n):
        for i in range(n):
            pass
        return i

    check(f, (3,), (0,))


def test_loop_target_subscript():
    def f(x):
        for x[0] in range(3):
            x[1] += int(x[0])
        for i, x[i] in enumerate("ab"):
            pass
        return x

    check(f, ([5, 6],), (Log([5, 6]),))


def test_return_in_nested_loops():
    def f(rows, key):
        n = 0
        for row in rows:
            for x in row:
                n += 1
                if x == key:
                    return n, x
                while x > 10:
                    x -= 1
                    if x == 12:
                        return "twelve"
                    if x == 11:
                        break
                else:
                    n += 100
            n += 10
        return n

    rows = [[1, 2], [3, 11], [14, 5]]
    check(f, *[(rows, key) for key in (1, 3, 5, 6, 12)], ([], 1))


def test_early_return():
    def f(x):
        if x == 0:
            return "zero"
        y = 10 // x
        if y > 5:
            if x == 1:
                return "one"
        else:
            if x < 0:
                return "negative"
            y += 1
        if y == 2:
            raise ValueError(x)
        elif y == 3:
            return
        y += 1
        if x > 20:
            return y
        else:
            return -y

    check(f, *[(x,) for x in (0, 1, 2, 3, 4, 5, 6, 10, 11, 30, -3)])


def test_falls_off():
    def f(x):
        if x:
            return x

    def g(x):
        for i in range(x):
            if i == 3:
                return i

    def h(x):
        pass

    check(f, (0,), (1,))
    check(g, (0,), (9,))
    check(h, (0,))


def test_while_true_with_return():
    def f(x):
        while True:
            x += 1
            if x % 7 == 0:
                return x
            if x % 5 == 0:
                break
        return -x

    def g(x):
        while True:
            x += 1
            if x % 7 == 0:
                return x

    check(f, *[(x,) for x in range(8)])
    check(g, *[(x,) for x in range(8)])


def test_dead_code():
    def f(x):
        while True:
            if x:
                return 1
                y = 2
            else:
                x = 1
                continue
                return 3
        return y

    check(f, (0,), (1,))


def test_dead_binding_keeps_name_local():
    def f(x):
        if x:
            return check
        else:
            return 1
        check = 3

    check(f, (0,), (1,))


def test_subscripts():
    def f(x, y):
        x[0], x[1] = x[1], x[0]
        i, x[i], (j, *x[2:4]), y.attr = 1, 5, (2, 7, 8), 9
        x[-1], i = i, 3
        a = x[i] = x[0] = "s"
        x[1:3][0] = 4
        x[j] += 3
        x[len(x) - 1] += x[0:1][0] if i > 9 else 2
        x[i] *= int("3")
        del x[0]
        return x, x[-1], a

    class Y:
        def __eq__(self, other):
            return vars(self) == vars(other)

    check(f, (list(range(8)), Y()), (Log(range(8)), Y()), ([1], Y()))


def test_unpacking_stores_what_came_before_the_failure():
    def f(x):
        x[0], (a, b) = 1, 2

    def g(x):
        x[0], a = 1, 2, 3

    check(f, ([0],))
    check(g, ([0],))


def test_slices():
    def f(x):
        slice = None
        return x[1:], x[:2], x[::2], x[...:], x[:, 1], x[1:2, ::3, None], x[()], x[slice]

    class Keys:
        def __getitem__(self, key):
            return key

        def __eq__(self, other):
            return type(self) is type(other)

    check(f, (Keys(),))


def test_augmented_order():
    log = []

    def item(name, value):
        log.append(name)
        return value

    def f(x):
        log.clear()
        item("obj", x)[item("key", 0)] += item("value", 2)
        item("obj", x)[item("key", 1)] = item("value", 2)
        item("obj", x)[item("key", 5)] += item("value", 2)
        return x

    def g(x):
        try_ = list(log)
        return try_

    check(f, ([1, 2],), (Log([1, 2]),))
    f([1] * 6)
    expected = list(log)
    check(f)([1] * 6)
    assert log == expected


def test_with():
    @contextmanager
    def manager(log, value):
        log.append("enter")
        try:
            yield value
        finally:
            log.append("exit")

    def f(log, x):
        with manager(log, x) as a, manager(log, (a, 2)) as (b, c):
            if a > 3:
                return log, a
            log.append(b)
        with suppress(ZeroDivisionError):
            d = 1
            return 1 / x
        for i in range(3):
            with manager(log, i) as log[0]:
                if i == 1:
                    continue
                if i == x + 2:
                    break
                log.append(i)
        return log, d

    def g(log, x):
        with suppress(ZeroDivisionError):
            return 1 / x

    check(f, ([], 1), ([], 0), ([], 9), ([], -1))
    check(g, ([], 1), ([], 0))


def test_with_that_lets_exceptions_through():
    def f(log, x):
        for i in range(3):
            with nullcontext(i) as j, nullcontext():
                if x == i:
                    break
                y = 6 / (x - j)
                if x < 0:
                    continue
            log.append(y)
        with nullcontext():
            if x == 1:
                return log
            else:
                return log, y

    check(f, ([], 0), ([], 1), ([], 7), ([], -1))


def test_try():
    def f(x, log):
        for i in range(3):
            try:
                y = 10 // (x - i)
                z = [4, 5][x]
            except ZeroDivisionError as e:
                log.append(str(e))
                y = -1
                if i == 2:
                    break
                if i == 1:
                    continue
                log.append("after")
            except IndexError:
                return log, i
            else:
                log.append(y)
                if y == 10:
                    break
            finally:
                if x:
                    log.append(("finally", i))
        try:
            return log, y, z
        finally:
            log.append("end")

    check(f, *[(x, []) for x in (0, 1, 2, 3, -1)])


def test_except_name_is_unbound_afterwards():
    def f(x):
        e = 1
        try:
            1 / x
        except ZeroDivisionError as e:
            if str(e):
                x = 1
        if x:
            x = 2
        return e

    check(f, (0,), (1,))


def test_reraise():
    def f(x):
        try:
            return 1 // x
        except ZeroDivisionError as e:
            if x == 0:
                raise
            raise ValueError from e

    check(f, (0,), (1,))


def test_delete():
    def f(x):
        y = x
        if x:
            del y
        if x > 1:
            y = 3
        for i in range(3):
            del i
        del x
        try:
            del x
        except NameError:
            pass
        return y

    check(f, (0,), (1,), (2,))


def test_assert():
    check(samples.asserting, (0,), (1,), (2,), (3,))


def test_match():
    def f(x):
        match x:
            case 0 | 1:
                y = "small"
            case None:
                y = "none"
            case "s" as t:
                y = t
            case other if other == 5:
                return other
            case _:
                y = "other"
        return y

    check(f, (0,), (1,), (None,), ("s",), (5,), (6,))


def test_patterns():
    def f(x):
        seen = []
        for _ in range(2):
            match x:
                case (a, b) if a == b:
                    seen.append(("equal", a))
                case (1, b) | (b, 1):
                    seen.append(("one", b))
                case [a, *rest, (b, _)]:
                    seen.append((a, rest, b))
                case {"k": str(k), **others}:
                    seen.append((k, others))
                case float() | bool() as y:
                    seen.append(y)
                case int(y) if y > 5:
                    return y
                case complex(real=re, imag=0.0):
                    continue
                case 1 as y if seen:
                    break
                case [[], []] as z:
                    seen.append(z)
        else:
            seen.append("else")
        return seen

    given = [(1, 1), (1, 2), (2, 1), [1, 2, 3, (4, 5)], {"k": "v", "m": 1}, {"k": 3}, 1.5, True, 6, 3, 1]
    check(f, *((x,) for x in given), (1 + 0j,), (1 + 1j,), ([[], []],), ([[], [1]],), (None,))


def test_names_of_patterns_that_do_not_fit():
    def f(x):
        a = "old"
        match x:
            case (a, 1):
                pass
            case (b, 2) if b > 5:
                pass
        return a

    check(f, ((3, 1),), ((3, 2),), ((7, 2),), ((7, 3),))


def test_generators():
    def f(x):
        def count(n):
            for i in range(n):
                if i % 2:
                    continue
                got = yield i
                if got is not None:
                    return got
            else:
                yield "else"
            while (n := n - 1) > 1:
                yield n
            return "end"

        def both(n):
            result = yield from count(n)
            (last, d["k"]), y = (result, n), x
            yield last

        d = {}
        it = both(x)
        return [next(it), it.send("stop" if x > 3 else None), *it, d]

    check(f, (2,), (3,), (5,))


def test_filtered_generators():
    def f(xs):
        return (
            sum(x for x in xs if x > 1),
            sum(x * y for x in xs for y in xs if x > y),
            any(x > 2 for x in xs if x),
            all(x for x in xs if x > 1),
            sum(y for x in xs if (y := x + 1) > 2),
            sum(sum(y for y in range(x) if y % 2) for x in xs if x),
        )

    check(f, ([],), ([1, 2, 3],), ([0, 5],))


def test_annotated():
    def f(x: int) -> "int":
        y: int = x
        z: int
        if x:
            y: float = 2.0
            z = 3
        return y, z

    new = check(f, (0,), (1,))
    assert new.__annotations__ == f.__annotations__


def test_walrus():
    def f(items):
        out = []
        items = list(items)
        while (n := len(items)) > 1:
            out.append(items.pop() + n)
        if (m := n + 5) > 5:
            out.append(m)
        found = [last := x for x in items]
        return out, n, m, found, last

    check(f, ([1, 2, 3],), ([1],), ([],))


def test_import_and_class_in_branch():
    def f(x):
        if x:
            import math as m
            from operator import add
            import os.path

            class C:
                k = add(x, 1)

                def get(self):
                    if self.k > 2:
                        return m.floor(self.k)
                    return os.path.sep

        return C().get()

    check(f, (0,), (1,), (5,))


def test_deep_chain_of_returns():
    body = "".join(f"    if x == {i}:\n        return {i} * 2\n" for i in range(60))
    import linecache

    text = f"def f(x):\n{body}    return -1\n"
    linecache.cache["<deep>"] = (len(text), None, text.splitlines(True), "<deep>")
    space: dict = {}
    exec(compile(text, "<deep>", "exec"), space)
    check(space["f"], (0,), (59,), (60,))


@pytest.mark.parametrize("n", range(5))
def test_bubble_sort(n):
    def f(x):
        n = len(x)
        swapped = True
        while swapped:
            swapped = False
            for i in range(n - 1):
                if x[i] > x[i + 1]:
                    x[i], x[i + 1] = x[i + 1], x[i]
                    swapped = True
        return x

    check(f, ([3, 1, 2, 5, 4][:n],))
