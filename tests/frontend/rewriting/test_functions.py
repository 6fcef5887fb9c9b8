"""What surrounds the body: closures, defaults, methods, recursion, names, caching."""

# Odd code is the point here.

# ruff: noqa: B007, B008

from __future__ import annotations

import functools
import inspect

from dialectad.frontend.rewriting import is_rewritten, rewrite
from tests.frontend.rewriting.compare import OPERATORS, check
from tests.frontend.rewriting.python_operators import PythonOperators

GLOBAL = 1


def uses_global(x):
    if x:
        x = x + GLOBAL
    return x


def factorial(n):
    """Product of 1 to n."""
    return 1 if n == 0 else n * factorial(n - 1)


class Base:
    def value(self):
        return 1

    @classmethod
    def make(cls, x):
        return cls, x


class Derived(Base):
    __hidden = 5

    def value(self):
        total = 0
        for _ in range(2):
            if total < 10:
                total += super().value()
        return total and [super().value(), super().value()]

    @classmethod
    def make(cls, x):
        if x:
            return super().make(x)
        return None

    def private(self, __x):
        if __x:
            self.__hidden = __x
        return self.__hidden, __x, [__x for __y in range(2)]

    @staticmethod
    def still(x):
        while x > 2:
            x -= 1
        return x


def test_globals_are_live(monkeypatch):
    new = check(uses_global, (0,), (1,))
    monkeypatch.setitem(globals(), "GLOBAL", 10)
    assert new(1) == 11
    assert new.__globals__ is uses_global.__globals__


def test_attributes():
    def f(a, /, b: int = 1, *c, d: str = "d", **e) -> float:
        """Says nothing."""
        return (a, b, c, d, e) if a else None

    f.tag = "tag"
    new = check(f, (1,), (0,), (1, 2, 3))
    assert inspect.signature(new) == inspect.signature(f)
    for name in ("__name__", "__qualname__", "__doc__", "__module__", "__annotations__", "__dict__"):
        assert getattr(new, name) == getattr(f, name)
    assert new.__code__.co_qualname == f.__code__.co_qualname
    assert new.__code__.co_filename == __file__
    assert new.__defaults__ is f.__defaults__


def test_closure_cells_are_shared():
    k = 1
    calls = 0

    def f(x):
        nonlocal calls
        if x:
            calls += k
            x = k
        return x

    new = rewrite(f, OPERATORS)
    assert new(5) == 1
    k = 7
    assert new(5) == 7
    assert calls == 8
    assert f(1) == 7
    assert calls == 15


def test_recursion():
    def fib(n):
        if n < 2:
            return n
        return fib(n - 1) + fib(n - 2)

    def outer(n):
        def even(n):
            return True if n == 0 else odd(n - 1)

        def odd(n):
            if n == 0:
                return False
            return even(n - 1)

        return even(n)

    check(fib, (0,), (7,))
    check(factorial, (5,))
    check(outer, (4,), (5,))


def test_super_and_private_names():
    d = Derived()
    assert rewrite(Derived.value, OPERATORS)(d) == d.value() == [1, 1]
    assert rewrite(Derived.make.__func__, OPERATORS)(Derived, 1) == (Derived, 1)
    assert rewrite(Derived.still, OPERATORS)(9) == 2
    assert rewrite(Derived.private, OPERATORS)(d, 0) == d.private(0)
    assert rewrite(Derived.private, OPERATORS)(d, 3) == (3, 3, [3, 3])
    assert d.private(0)[0] == 3


def test_nested_class():
    def f(x):
        class A:
            factor = 2

            def __init__(self, v):
                if v:
                    self.__v = v
                else:
                    self.__v = -1

            def get(self):
                while self.__v > 100:
                    return "big"
                return self.__v * self.factor

        class B(A):
            def get(self):
                if x:
                    return super().get() + 1
                return super().get()

        return A(x).get(), B(x).get(), A.__qualname__, A.get.__qualname__

    check(f, (0,), (3,), (200,))


def test_nonlocal_counter():
    def f(n):
        count = 0

        def tick():
            nonlocal count
            count += 1
            return count

        for i in range(n):
            if tick() % 2:
                tick()
            elif count > 7:
                break
        return count, tick()

    check(f, (0,), (1,), (5,), (20,))


def test_state_of_closures_is_named():
    flows = []

    class Operators(PythonOperators):
        def if_(self, test, then_fn, else_fn, names, live, get, set_):
            flows.append((names, live))
            super().if_(test, then_fn, else_fn, names, live, get, set_)

    def f(x):
        count = 0

        def tick():
            nonlocal count
            count += 1

        if x:
            tick()
        return count

    assert rewrite(f, Operators())(1) == 1
    assert flows == [(("count",), (True,))]


def test_decorators_and_defaults_of_nested_functions():
    def f(x, log):
        def note(tag):
            log.append(tag)
            return lambda g: g

        @note("a")
        @note("b" if x else "c")
        def g(y=len(log), *, z=x and 5):
            if y:
                return y, z
            return g(1)

        return g(), g(0, z=1), log

    check(f, (0, []), (1, []))


def test_decorated_function():
    def twice(f):
        @functools.wraps(f)
        def g(x):
            return f(f(x))

        return g

    @twice
    def f(x):
        if x < 5:
            return x + 1
        return x

    assert rewrite(f, OPERATORS)(1) == 3
    assert rewrite(f.__wrapped__, OPERATORS)(1) == 2


def test_cached():
    def make(k):
        def f(x):
            return x + k if x else k

        return f

    first, second = rewrite(make(1), OPERATORS), rewrite(make(2), OPERATORS)
    assert first.__code__ is second.__code__
    assert (first(1), second(1)) == (2, 3)


def test_rewriting_again():
    def f(x):
        def g(y):
            return y if y else x

        return g

    new = rewrite(f, OPERATORS)
    assert rewrite(new, OPERATORS) is new
    assert is_rewritten(new)
    assert not is_rewritten(f)
    inner = new(3)
    assert is_rewritten(inner)
    assert rewrite(inner, OPERATORS) is inner

    class Other(PythonOperators):
        def cond(self, test, a, b):
            return "other"

    assert rewrite(inner, Other())(1) == "other"
    assert inner(1) == 1


def test_names_in_tracebacks():
    def f(x):
        if x:
            for i in range(2):

                def g():
                    return 1 / 0

                g()

    try:
        rewrite(f, OPERATORS)(1)
    except ZeroDivisionError as error:
        frames = []
        tb = error.__traceback__
        while tb is not None:
            code = tb.tb_frame.f_code
            if code.co_filename == __file__:
                frames.append((code.co_name, code.co_qualname.rpartition("<locals>.")[2]))
            tb = tb.tb_next
    assert [name for name, _ in frames] == ["test_names_in_tracebacks", "f", "f", "f", "g"]
    assert frames[-1] == ("g", "g")
