"""Makes `errors.md`: what the compiler can't take, why, and what to do. Each example is run."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import dialectad as da
from dialectad.errors import CompileError

PAGE = Path(__file__).with_suffix(".md")
X = np.arange(1.0, 5.0)
COUNT = 0


@dataclass(frozen=True)
class Mistake:
    """A function that can't be compiled."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    remedy: str
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
        text = textwrap.dedent(inspect.getsource(self.function))
        head, _, rest = text.partition('"""')
        return head.rstrip() + rest.partition('"""')[2] if rest else text

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
    if c > 0:  # here
        y = x
    else:
        y = 0.0
    return np.sum(y)


def two_ranks(x, c):
    """A variable has one number of axes on one way and another on the other."""
    if c > 0:  # here
        y = np.outer(x, x)
    else:
        y = x
    return np.sum(y)


def two_objects(x, c):
    """A variable is one Python object on one way and another on the other."""
    if c > 0:  # here
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
)


INTRODUCTION = """\
# What can't be compiled

Made by `docs/errors.py`, which raises each of these. An error is raised before anything runs; it says
where, and often what to do instead. Wrong arguments of NumPy's functions raise what NumPy raises, and aren't
listed. Nor is what a level can't differentiate: [the same code at every level](compare.md).

Source is needed: of a function typed into a plain prompt or made by `exec`, whose text is not to be had,
loops and branches can't be compiled, and the error says so.
"""


def page() -> str:
    """The text of `errors.md`."""
    parts = [INTRODUCTION]
    for mistake in MISTAKES:
        error = mistake.error()
        parts += [
            f"## {mistake.cause.splitlines()[0].rstrip('.')}",
            "",
            "```python",
            mistake.source.rstrip(),
            "```",
            "",
            f"> {type(error).__name__}: {error.message}",
            *([">", f"> hint: {error.hint}"] if error.hint else []),
            "",
            mistake.remedy,
            "",
        ]
    return "\n".join(parts).rstrip("\n") + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
