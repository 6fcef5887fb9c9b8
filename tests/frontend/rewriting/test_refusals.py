"""What can't be rewritten is refused, at the right place."""

# Odd code is the point here.
# ruff: noqa: B007, F841, SIM115

from __future__ import annotations

import pytest

from dialectad.errors import CompileError
from dialectad.frontend.rewriting import rewrite
from tests.frontend.rewriting.compare import OPERATORS, check

COUNT = 0


async def coroutine(x):
    return x


def inner_coroutine(x):
    async def g():  # HERE
        return x

    return g


def assigns_global(x):
    global COUNT
    COUNT += x
    return COUNT


def evaluates(x):
    return eval("x")  # HERE


def executes(x):
    if x:
        exec("x = 1")  # HERE


def reads_locals(x):
    return locals()  # HERE


def reads_vars(x):
    return vars()  # HERE


def lazy_walrus(x):
    return x and (y := x)  # HERE


def lazy_walrus_in_comprehension(x):
    return x or [y := i for i in range(3)]  # HERE


def staged_in_try(x):
    try:
        if x > 0:  # HERE
            x = 1
    except Exception:
        x = 2
    return x


def loop_in_try(x):
    try:
        for i in range(x):  # HERE
            x = 1
    except ValueError:
        x = 2
    return x


def return_in_finally(x):
    while x:
        try:
            x -= 1
        finally:
            return x  # HERE  # noqa: B012


def pattern_within_a_float(x):
    match x:
        case float(1.0):  # HERE
            return 1
    return x


def unbinds_outer(x):
    def g():
        nonlocal x
        del x  # HERE

    return g


def yields_in_lambda(x):
    return lambda: (yield x)  # HERE


CASES = [
    coroutine,
    inner_coroutine,
    assigns_global,
    evaluates,
    executes,
    reads_locals,
    reads_vars,
    lazy_walrus,
    lazy_walrus_in_comprehension,
    staged_in_try,
    loop_in_try,
    return_in_finally,
    pattern_within_a_float,
    unbinds_outer,
    yields_in_lambda,
]


@pytest.mark.parametrize("f", CASES, ids=lambda f: f.__name__)
def test_refused(f):
    with pytest.raises(CompileError) as caught:
        rewrite(f, OPERATORS)
    location = caught.value.location
    assert location.file == __file__
    lines = [n for n, line in enumerate(open(__file__), 1) if "# HERE" in line]
    last = max(line for *_, line in f.__code__.co_lines() if line)
    wanted = [n for n in lines if f.__code__.co_firstlineno <= n <= last]
    if wanted:
        assert location.line == wanted[0]
        assert location.column > 1


def test_column_counts_characters():
    def f(x):
        return "üüü" and (y := x)

    with pytest.raises(CompileError) as caught:
        rewrite(f, OPERATORS)
    assert caught.value.location.column == 27
    assert str(caught.value).count("^") == 1


def test_python_control_flow_in_try():
    def f(x, y=None):
        try:
            if y is None:
                y = 1
            for _, v in [("a", 1), ("b", x)]:
                y = 10 // v
        except ZeroDivisionError:
            if x == 0:
                return "zero"
            y = -1
        return y

    check(f, (0,), (1,), (2, 3))


def test_reading_a_global_is_fine():
    def f(x):
        global COUNT
        if x:
            x = COUNT
        return x

    check(f, (0,), (1,))


def test_shadowed_builtins_are_ordinary():
    def f(eval, locals):
        return eval(locals)

    check(f, (len, [1]))
