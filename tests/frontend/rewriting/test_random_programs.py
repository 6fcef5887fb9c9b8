"""Random structured programs do the same before and after rewriting, side effects and errors included.

The operators of `python_operators.py` destroy every value that the rewriting calls dead, so this tests the
liveness analysis as well.
"""

from __future__ import annotations

import itertools
import linecache

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dialectad.frontend.rewriting import rewrite
from tests.frontend.rewriting.compare import OPERATORS, outcome

NAMES = "abcd"
_numbers = itertools.count()


class Swallow:
    def __enter__(self):
        return 3

    def __exit__(self, kind, value, traceback):
        return kind is ZeroDivisionError


class Program:
    """Makes up a function `f(a, b, x, tick)` by choices; `tick(k, v)` logs, and ends long runs."""

    def __init__(self, pick):
        self.pick = pick
        self.left = pick(*range(3, 15))
        self.ticks = itertools.count()
        self.functions: list[str] = []
        self.shared = ""
        """Declared `nonlocal` here: unbinding such a name is refused."""

    def name(self) -> str:
        return self.pick(*NAMES)

    def expression(self, depth: int = 2) -> str:
        if depth == 0:
            return self.pick("0", "1", "2", "a", "b", "c", "d")
        e = lambda: self.expression(depth - 1)  # noqa: E731
        match self.pick(*range(14 if self.functions else 12)):
            case 0 | 1 | 2:
                return self.expression(0)
            case 3:
                return f"({e()} {self.pick('+', '-', '*', '//')} {e()})"
            case 4:
                return f"x[{e()}]"
            case 5:
                return f"({e()} {self.pick('<', '==')} {e()} {self.pick('<=', '!=')} {e()})"
            case 6:
                return f"({e()} {self.pick('and', 'or')} {e()})"
            case 7:
                return f"({e()} if {e()} else {e()})"
            case 8:
                return f"(not {e()})"
            case 9:
                return f"tick({next(self.ticks)}, {e()})"
            case 10:
                return f"sum({e()} for {self.name()} in range(2))"
            case 11:
                return f"(lambda {self.name()}: {e()})({e()})"
            case _:
                return f"{self.pick(*self.functions)}({e()})"

    def block(self, depth: int, loop: bool, returns: bool = True) -> list[str]:
        lines: list[str] = []
        for _ in range(self.pick(1, 1, 2, 3)):
            lines += self.statement(depth, loop, returns)
        return lines

    def indented(self, depth: int, loop: bool, returns: bool = True) -> list[str]:
        return ["    " + line for line in self.block(depth, loop, returns)]

    def statement(self, depth: int, loop: bool, returns: bool) -> list[str]:
        self.left -= 1
        simple = depth == 0 or self.left < 0
        match self.pick(*range(9 if simple else 18)):
            case 0 | 1:
                return [f"{self.name()} = {self.expression()}"]
            case 2:
                return [f"{self.name()} {self.pick('+=', '-=')} {self.expression()}"]
            case 3:
                value = f"tick({next(self.ticks)}, {self.expression()})"
                return [f"x[{self.expression(1)}] {self.pick('=', '+=')} {value}"]
            case 4:
                return [f"{self.name()}, x[{self.name()}] = {self.expression(1)}, {self.expression(1)}"]
            case 5:
                return [f"tick({next(self.ticks)}, {self.expression(1)})"]
            case 6:
                return [f"return {self.expression(1)}"] if returns else ["pass"]
            case 7:
                if loop:
                    return [self.pick("break", "continue")]
                name = self.name()
                return ["pass"] if name == self.shared else [f"del {name}"]
            case 8:
                return [f"{self.name()} = {self.name()} = {self.expression(1)}"]
            case 9 | 10 | 11:
                lines = [f"if {self.expression()}:", *self.indented(depth - 1, loop, returns)]
                if self.pick(True, False):
                    lines += ["else:", *self.indented(depth - 1, loop, returns)]
                return lines
            case 12 | 13:
                lines = [f"for {self.name()} in range({self.expression(1)}):"]
                lines += self.indented(depth - 1, True, returns)
            case 14:
                lines = [f"while tick({next(self.ticks)}, {self.expression(1)}):"]
                lines += self.indented(depth - 1, True, returns)
            case 15:
                value = f"{self.expression(0)} {self.pick('//', '+')} {self.expression(0)}"
                lines = ["try:", f"    {self.name()} = tick({next(self.ticks)}, {value})"]
                lines += self.pick(["    return b"], ["    pass"], ["    break"]) if loop and returns else []
                lines += [f"except ZeroDivisionError as {self.pick(*sorted(set(NAMES) - {self.shared}))}:"]
                lines += self.indented(depth - 1, loop, returns)
                if self.pick(True, False):
                    lines += ["else:", *self.indented(depth - 1, loop, returns)]
                if self.pick(True, False):
                    lines += ["finally:", *self.indented(depth - 1, False, False)]
                return lines
            case 16:
                return [f"with Swallow() as {self.name()}:", *self.indented(depth - 1, loop, returns)]
            case _:
                return self.function()
        if self.pick(True, False, False):
            lines += ["else:", *self.indented(depth - 1, False, returns)]
        return lines

    def function(self) -> list[str]:
        name = f"g{len(self.functions)}"
        shared, own = self.name(), self.name()
        body = [f"    nonlocal {shared}"] if shared != own else []
        before, self.shared = self.shared, shared
        body += self.indented(1, False)
        self.shared = before
        self.functions.append(name)
        return [f"def {name}({own}):", f"    tick({next(self.ticks)}, 0)", *body]

    def text(self) -> str:
        body = ["    " + line for part in self.block(3, False) for line in part.split("\n")]
        binds = ["    if 0:", "        a = b = c = d = 0"]
        return "\n".join(["def f(a, b, x, tick):", *binds, *body, "    return a, x", ""])


class Tick:
    """Logs its calls and gives up after many."""

    def __init__(self):
        self.log = []

    def __call__(self, k, value):
        self.log.append((k, repr(value)))
        if len(self.log) > 60:
            raise RuntimeError("enough")
        return value

    def __repr__(self):
        return str(self.log)

    def __deepcopy__(self, memo):
        return Tick()


def compare(text: str) -> None:
    file = f"<random {next(_numbers)}>"
    try:
        compile(text, file, "exec")
    except SyntaxError:  # a `nonlocal` without a binding, say
        return
    linecache.cache[file] = (len(text), None, text.splitlines(True), file)
    try:
        for a, b in ((0, 1), (1, 0), (3, 2)):
            # Anew each time: in code that is warm, CPython 3.11 gets some lines of errors wrong.
            space: dict = {"Swallow": Swallow}
            exec(compile(text, file, "exec"), space)
            args = (a, b, [1, 2, 0], Tick())
            before = outcome(space["f"], args, file)
            after = outcome(rewrite(space["f"], OPERATORS), args, file)
            # As text, because exceptions are equal only to themselves.
            assert repr(before) == repr(after), text
    finally:
        del linecache.cache[file]


@given(st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_random_program(data):
    compare(Program(lambda *choices: data.draw(st.sampled_from(choices))).text())
