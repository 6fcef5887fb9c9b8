"""The mistakes of several lines that `errors.md` lists, each a function that can't be compiled."""

# pyright: reportPossiblyUnboundVariable=false

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

import dialectad as da
from dialectad.errors import CompileError

X = np.arange(1.0, 5.0)
COUNT = 0
SEEN: list[int] = []
OBJECTS = np.array([None])


@dataclass(frozen=True)
class Mistake:
    """A function that can't be compiled."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    remedy: str = ""
    transform: Callable[..., Any] = da.jit

    @property
    def cause(self) -> str:
        return inspect.cleandoc(self.function.__doc__ or "")

    @property
    def line(self) -> int:
        """Where the error is: at the comment `# here`."""
        lines, first = inspect.getsourcelines(self.function)
        return first + next(i for i, line in enumerate(lines) if line.rstrip().endswith("# here"))

    @property
    def source(self) -> str:
        """The function without its docstring."""
        text = re.sub("  # noqa: [A-Z0-9]+", "", textwrap.dedent(inspect.getsource(self.function)))
        head, _, rest = text.partition('"""')
        return head.rstrip() + rest.partition('"""')[2] if rest else text

    @cached_property
    def error(self) -> CompileError:
        """What compiling the function raises."""
        try:
            self.transform(self.function)(*self.args)
        except CompileError as error:
            return error
        raise AssertionError(f"{self.function.__name__} can be compiled")


def chosen_entry(x, i):
    """A list of Python objects is indexed by a value that is known only when the function runs."""
    scales = ["small", "large"]
    return x if scales[i] == "small" else 2.0 * x  # here


def two_types(x, c):
    """A variable is an array on one way and a number on the other."""
    if c > 0:  # noqa: SIM108  # here
        y = x
    else:
        y = 0.0
    return np.sum(y)


def two_ranks(x, c):
    """A variable has one number of axes on one way and another on the other."""
    if c > 0:  # noqa: SIM108  # here
        y = np.outer(x, x)
    else:
        y = x
    return np.sum(y)


def two_objects(x, c):
    """A variable is one Python object on one way and another on the other."""
    if c > 0:  # noqa: SIM108  # here
        name = "tanh"
    else:
        name = "sin"
    return getattr(np, name)(x)


def growing(x, n):
    """A loop whose number of iterations is known only at run time makes a list longer."""
    found = []
    for i in range(n):  # here
        found.append(x[i] * 2.0)
    return np.sum(np.array(found))


def one_way_only(x, c):
    """A variable is assigned on one way only, and used afterwards."""
    if c > 0:
        y = 2.0 * x
    return np.sum(y)  # here


def counting(x):  # here
    """A function assigns a global variable, which would happen only once, while it is compiled."""
    global COUNT
    COUNT = COUNT + 1
    return x * COUNT


def drawn(x):
    """Random numbers would be drawn only once, while the function is compiled."""
    return x + np.random.normal(size=4)  # here


def unknown_function(x):
    """A function of NumPy has no implementation for compiled code."""
    return np.real_if_close(x)  # here


def unknown_method(x):
    """A method of arrays has none either."""
    return np.sum(x) + len(x.tobytes())  # here


def text(x):
    """A dtype has no counterpart in machine code."""
    return x.astype("U8")  # here


def half(x):
    """Half precision isn't compiled."""
    return x.astype(np.float16)  # here


def too_many(x):
    """An array has fewer axes than it is indexed by."""
    return x[0, 1]  # here


def out_of_range(x):
    """An index that is known while compiling is out of range. (One that isn't raises when it runs.)"""
    return x[7]  # here


def shapes_that_differ(x):
    """Shapes can't be broadcast together."""
    return x + np.ones(3)  # here


def written_closure(x):
    """An array of the surrounding program is written into."""
    X[0] = x[0]  # here
    return x


def vector_loss(x):  # here
    """What is differentiated gives an array."""
    return x * 2.0


def integer_argument(n):  # here
    """It is differentiated by integers."""
    return np.sum(n * 0.5)


def forever(x):
    """A recursion doesn't end: whether it goes on depends on nothing that changes."""
    return forever(x) + 1.0  # here


def later(x):
    """A coroutine."""

    async def step():  # here
        return x

    return step


def evaluated(x):
    """Code is made of text while the function runs."""
    return eval("x + 1.0")  # here


def two_structures(x, c):
    """A function gives one thing on one way and two on the other."""
    if c > 0:  # here
        return x, x
    return x


def late_object(x, n):
    """A variable is first assigned in a loop, to what is neither an array nor a number."""
    for i in range(n):  # here
        name = "sin"
        x = x * i
    return getattr(np, name)(x)


def grown_on_one_way(x, c):
    """A container gets an entry on one way only."""
    found = [x]
    if c > 0:
        found.append(2.0 * x)  # here
    return sum(found)


def changed_around(x):
    """A function changes a container of the surrounding program, which would happen only once."""
    SEEN.append(1)  # here
    return x


def left_iterator(x):
    """How far an iterator got depends on data."""
    rest = iter([1.0, 2.0, 3.0])
    for _, v in enumerate(rest):
        if v > x[0]:
            break
    return x * sum(rest)  # here


def endless(x):
    """A loop that runs while the function is compiled doesn't end."""
    names = []
    while True:  # here
        names.append("x")
    return x


def unsettled(x, n):
    """The types of variables change from one iteration to the next, more often than the compiler tries."""
    a = b = c = d = e = f = 0
    for _ in range(n):  # here
        a, b, c, d, e, f = b, c, d, e, f, f * 0.5 + x[0]
    return a


def unsettled_while(x, n):
    """The same in a `while`."""
    a = b = c = d = e = f = 0
    while a < n:  # here
        a, b, c, d, e, f = b, c, d, e, f, f * 0.5 + x[0]
    return a


def named_twice(x):  # here
    """A loop writes into an array, and binds its name to others, while another name still stands for it."""
    a = x.copy()
    b = a
    for i in range(3):
        a[i] = 0.0
        a = a + 1
    return a, b


def changed_twice(x, n):
    """An array changes its shape in a branch, and is differentiated twice, the second time at level llvm."""

    def loss(x):
        y = x[:2] if n > 2 else x * x  # here
        return np.sum(y * y)

    return da.jacrev(da.grad(loss, level="linalg"), level="llvm")(x)


def either_of_two(x, c):
    """Something is written into an array that may be either of two, and one of these is used."""
    y, z = x * 1.0, x * 2.0
    w = y
    if c > 0:
        w = z
    w[0] = 5.0
    return y[0] + z[0]  # here


def writes_in_condition(x, n):
    """The condition of a loop writes into an array."""

    def step():
        x[0] += 1.0
        return x[0] < n

    while step():  # here
        pass
    return x


def complex_later(x, n):
    """An array whose shape is known only at run time is complex on one way."""
    y = x[:n]
    if n > 2:  # here
        y = y * 1j
    return y


def escaped(x, c):
    """What was computed in a branch is used outside of it, where the branch may not have been taken."""
    kept = {"value": x}

    def keep(y):
        dict.__setitem__(kept, "value", y)

    if c > 0:
        keep(x * 2.0)
    return kept["value"] + 1.0  # here


def escaped_number(x, c):
    """A number computed in a branch is used outside of it."""
    kept = [x[0]]

    def keep(y):
        list.__setitem__(kept, 0, y)

    if c > 0:
        keep(x[1] * 2.0)
    return kept[0] + 1.0  # here


def assigned_around(x):
    """A function assigns a variable of the function around it, which would happen only once."""
    total = 0.0

    def add(y):
        nonlocal total
        total = total + np.sum(y)
        return np.sum(y)

    return da.grad(add)(x) + total  # here


def writes_around(x):
    """What is differentiated writes into an array of the function around it."""
    log = np.zeros(4)

    def f(y):
        log[0] = y[0]
        return np.sum(y * y)

    return da.grad(f)(x) + log  # here


def writes_shared(x):
    """What is differentiated writes into an argument that is also another argument."""

    def f(a, b):
        a[0] = 0.0
        return np.sum(a * b)

    return da.grad(f, argnums=1)(x, x)  # here


def recursion_with_view(x, n):
    """A function that calls itself gives a part of its argument."""

    def first(y, k):
        return y[:2] if k == 0 else first(y, k - 1)  # here

    return first(x * 2.0, n)


def recursion_with_list(x, n):
    """A function that calls itself makes a list of its caller's longer."""
    seen = []

    def f(y, k):
        seen.append(1.0)  # here
        return y if k == 0 else f(y, k - 1)

    return f(x, n)


def recursion_without_end(x, n):
    """Every way through a function leads to a call of itself."""

    def f(y, k):
        return f(y, k - 1) if k > 0 else f(y, k + 1)  # here

    return f(x, n)


def recursion_of_two_structures(x, n):
    """A function that calls itself gives one thing at the end and two before."""

    def f(y, k):
        if k == 0:  # here
            return y
        return f(y, k - 1), y

    return f(x, n)


def recursion_of_twins(x, n):
    """A function that calls itself gives one array twice."""

    def f(y, k):
        if k == 0:
            z = 2.0 * y
            return z, z
        return f(y, k - 1)  # here

    return f(x, n)


def recursion_of_open_shape(x, n):
    """A function that calls itself gives an array of a shape that is known only at run time."""

    def f(y, k):
        if k == 0:
            return np.arange(n) * 2.0
        return f(y, k - 1)  # here

    return f(x, n)


def rule_that_writes(x):
    """A function with a derivative of its own writes into its argument."""

    @da.custom_vjp
    def f(y):
        y[0] = 0.0
        return np.sum(y)

    f.defvjp(lambda y: (np.sum(y), y), lambda y, d: (d * y,))
    return da.grad(f)(x)  # here


def unfollowed_variable(x):
    """At the level tape, a function with a derivative of its own uses what is differentiated around it."""

    def loss(y):
        @da.custom_vjp
        def f(z):
            return np.sum(z * y)

        f.defvjp(lambda z: (f(z), z), lambda z, d: (d * z,))
        return f(y * 2.0)  # here

    return da.grad(loss, level="tape")(x)


def counted_with_print(x):
    """`da.print` stands where the shape of a result is computed."""
    n = 0
    for v in x:
        da.print("{}", v)  # here
        n += v > 1.0
    return x[:n]


def open_cotangent(x):
    """The result of what is differentiated has a shape that depends on data."""
    y, pull = da.vjp(lambda x: x[x > 1.0], x)
    return pull(y)  # here


def jumps_out(x):
    """A `return` in a `finally` drops exceptions."""
    try:
        x = x * 2.0
    finally:
        return x  # noqa: B012  # here


def caught(x):
    """A branch is in a `try` with `except`."""
    try:
        if x[0] > 0:  # here
            x = x * 2.0
    except ValueError:
        pass
    return x


def walrus(x):
    """`:=` stands where it is evaluated only sometimes."""
    return x[0] > 0 and (y := x[1]) > 0 and y  # here


def walrus_in_loop(x):
    """`:=` stands in the test of a `while` that has an `else`."""
    while (y := x[0]) > 2.0:  # here
        x = x * 0.5
    else:
        x = x + y
    return x


def yielding(x):
    """A `yield` stands where it is evaluated only sometimes."""

    def values():
        z = x[0] > 0 and (yield x[1])  # here
        return z

    return sum(values())


def deleted(x):
    """A variable of the surrounding function is deleted."""
    y = x * 2.0

    def drop():
        nonlocal y
        del y  # here

    drop()
    return x


def pattern(x):
    """A pattern of `match` names a type of numbers, and looks into it."""
    match x[0]:
        case float(0.0 | 1.0 as y):  # here
            return y
    return x


def class_body(x, c):
    """The body of a class uses a variable that is assigned on one way only."""
    if c > 0:
        scale = 2.0

    class Scaled:  # here
        factor = scale

    return x * Scaled.factor


def endless_growth(x):
    """A recursion doesn't end, and its argument grows from call to call."""
    return endless_growth(np.append(x, 1.0))  # here


def objects(x):  # here
    """An array of objects is returned."""
    return x, OBJECTS


def scalar_items(x):
    """A loop runs over an array without axes."""
    total = 0.0
    for v in x[:1].reshape(()):  # here
        total += v
    return total


def writes_surroundings(x):
    """What is differentiated writes into its argument, which is an array of the surrounding program."""

    def f(y):
        y[0] = 0.0
        return np.sum(y * y)

    return da.grad(f)(X)  # here


def mapped_open(x):
    """A function that is mapped gives an array whose shape depends on data."""
    return da.vmap(lambda row: np.arange(row[0].astype(int)))(x[:, None])  # here


def recursion_of_objects(x, n):
    """A function that calls itself gives one object or another, an array on one way and two on the other."""

    def f(y, k):
        return y if k == 0 else (f(y, k - 1), y)  # here

    return f(x, n)


def recursion_unsettled(x, n):
    """The types that a function gives change from call to call."""

    def f(k):
        if k == 0:
            return 0, 0, 0, 0, 0, 0, 0
        *rest, last = f(k - 1)  # here
        return *rest[1:], last, last * 0.5 + x[0]

    return f(n)


def written_where_nested(x):
    """What is differentiated writes into an array of the function that is differentiated around it."""

    def outer(y):
        log = y * 1.0

        def inner(z):
            log[0] = z[0]
            return np.sum(z * z)

        return np.sum(da.grad(inner)(y)) + log[0]  # here

    return da.grad(outer)(x)


async def coroutine(x):  # here
    """The function itself is a coroutine."""
    return x


MISTAKES = (
    Mistake(chosen_entry, (X, 1), "Choose by `if`, or put numbers into an array. `da.unroll` marks a loop."),
    Mistake(two_types, (X, 1.0), "Give it one shape on both ways: `np.zeros_like(x)`."),
    Mistake(two_ranks, (X, 1.0), "Make one array before, and write into parts of it."),
    Mistake(two_objects, (X, 1.0), "Compute with it on each way: `y = np.tanh(x)`."),
    Mistake(growing, (X, 3), "Create an array before the loop, and write into it."),
    Mistake(one_way_only, (X, 1.0), "Assign it on every way, or before."),
    Mistake(counting, (X,), "Return the value."),
    Mistake(
        drawn, (X,), "Draw from a `numpy.random.Generator`: the numbers are NumPy's, in compiled code, too."
    ),
    Mistake(unknown_function, (X,), "Use what [is there](numpy_coverage.md), or `da.host_callback`."),
    Mistake(unknown_method, (X,), "Do it outside of the compiled function."),
    Mistake(text, (X,), "Pass an argument that is no number as it is: then it is part of the signature."),
    Mistake(half, (X,), "Use float32."),
    Mistake(too_many, (X,), "As in NumPy."),
    Mistake(out_of_range, (X,), "As in NumPy."),
    Mistake(shapes_that_differ, (X,), "As in NumPy."),
    Mistake(written_closure, (X,), "Pass the array as an argument: those are written into."),
    Mistake(vector_loss, (X,), "Reduce it, or use `da.jacrev`, `da.jacfwd` or `da.vjp`.", da.grad),
    Mistake(integer_argument, (np.arange(3),), "Pass floats, or choose others with `argnums`.", da.grad),
    Mistake(forever, (X,), "End it under some condition."),
    Mistake(later, (X,), "Use a function."),
    Mistake(evaluated, (X,), "Write the code itself."),
    Mistake(two_structures, (X, 1.0)),
    Mistake(late_object, (X, 2)),
    Mistake(grown_on_one_way, (X, 1.0)),
    Mistake(changed_around, (X,)),
    Mistake(left_iterator, (X,)),
    Mistake(endless, (X,)),
    Mistake(unsettled, (X, 3)),
    Mistake(unsettled_while, (X, 3)),
    Mistake(named_twice, (X,)),
    Mistake(changed_twice, (X, 3)),
    Mistake(either_of_two, (X, 1.0)),
    Mistake(writes_in_condition, (X, 3)),
    Mistake(complex_later, (X, 3)),
    Mistake(escaped, (X, 1.0)),
    Mistake(escaped_number, (X, 1.0)),
    Mistake(assigned_around, (X,)),
    Mistake(writes_around, (X,)),
    Mistake(writes_shared, (X,)),
    Mistake(recursion_with_view, (X, 2)),
    Mistake(recursion_with_list, (X, 2)),
    Mistake(recursion_without_end, (X, 2)),
    Mistake(recursion_of_two_structures, (X, 2)),
    Mistake(recursion_of_twins, (X, 2)),
    Mistake(recursion_of_open_shape, (X, 2)),
    Mistake(rule_that_writes, (X,)),
    Mistake(unfollowed_variable, (X,), transform=lambda f: f),
    Mistake(counted_with_print, (X,)),
    Mistake(open_cotangent, (X,)),
    Mistake(jumps_out, (X,)),
    Mistake(caught, (X,)),
    Mistake(walrus, (X,)),
    Mistake(walrus_in_loop, (X,)),
    Mistake(yielding, (X,)),
    Mistake(deleted, (X,)),
    Mistake(pattern, (X,)),
    Mistake(class_body, (X, 1.0)),
    Mistake(endless_growth, (X,)),
    Mistake(objects, (X,)),
    Mistake(scalar_items, (X,), "As in NumPy."),
    Mistake(writes_surroundings, (X,)),
    Mistake(mapped_open, (X,)),
    Mistake(recursion_of_objects, (X, 2)),
    Mistake(recursion_unsettled, (X, 2)),
    Mistake(written_where_nested, (X,)),
    Mistake(coroutine, (X,)),
)
