"""Whole random programs: helper functions, arguments and the result."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.program_writer.expressions import Variable
from tests.program_writer.traps import Traps

_HEADER = "import math\n\nimport numpy as np\n\n\n"


class Writer(Traps):
    """Writes one program."""

    def helper(self) -> None:
        """A function that the program may call."""
        name = self.fresh("helper")
        kind = self.pick("scalar", "scalar", "writer", "vector", "pair", "recursive")
        kept, self.scope = self.scope, [Variable("b")]
        self.emit_at(0, f"def {name}(a, b):")
        getattr(self, f"{kind}_helper")(name)
        self.lines += ["", ""]
        self.scope = kept
        self.helpers.append((name, kind))

    def scalar_helper(self, _: str) -> None:
        self.define(Variable("a"))
        self.statements_without_arrays()
        self.emit(f"return {self.bounded(self.scalar(1))}")

    def pair_helper(self, _: str) -> None:
        self.define(Variable("a"))
        self.statements_without_arrays(returns=False)
        self.emit(f"return {self.bounded(self.scalar(1))}, {self.bounded(self.scalar(1))}")

    def recursive_helper(self, name: str) -> None:
        with self.block("if b <= 0:"):
            self.emit(f"return {self.bounded('a')}")
        self.emit(f"return {self.bounded(f'a - 0.4 * {name}(a * 0.5, b - 1)')}")

    def writer_helper(self, _: str) -> None:
        with self.loop(f"for i in range({self.pick('len(a)', 'a.shape[0]', 'len(a) - 1')}):"):
            self.emit(f"a[i] = {self.bounded('a[i] + b * (i + 1)')}")
            if self.chance(0.5):
                self.emit("b = b * 0.5 + a[i - 1]")

    def vector_helper(self, _: str) -> None:
        """It gives a new array, and may stop early."""
        self.emit(f"c = {self.pick('a.copy()', 'np.zeros(len(a))', 'np.sin(a) * b')}")
        with self.loop("for i in range(len(a)):"):
            self.emit(f"c[i] += {self.bounded('a[i - 1] + b')}")
            if self.chance(0.5):
                with self.block(f"if c[i] {self.pick('<', '>')} {self.threshold()}:"):
                    self.emit(self.pick("break", "continue", "return c", "return np.cos(c)"))
                self.emit(f"b = {self.bounded('b * c[i]')}")
        self.emit("return c")

    def statements_without_arrays(self, returns: bool = True) -> None:
        for _ in range(self.rng.randrange(3)):
            way = self.rng.randrange(4)
            if way == 0 and returns:
                self.early_return()
            elif way == 1:
                with self.loop(f"for i in range({self.rng.randrange(1, 4)}):"):
                    self.update_scalar()
                    if self.chance(0.3):
                        self.jump()
                        self.update_scalar()
                    elif returns and self.chance(0.3):
                        self.early_return()
                        self.update_scalar()
            else:
                self.assign_scalar()

    def emit_at(self, indent: int, line: str) -> None:
        self.lines.append("    " * indent + line)

    def body(self) -> None:
        for v in self.scope:
            if v.shape and v.is_float and not v.writable and self.chance(0.5):
                name = self.fresh("v" if len(v.shape) == 1 else "m")
                self.emit(f"{name} = {v.name}.copy()")
                self.define(Variable(name, v.shape))
        if self.chance(0.6):
            self.assign_scalar()
        self.statements(self.rng.randrange(3, 9))
        parts = []
        for k, v in enumerate(self.scope):
            if v.is_float:
                weight = f"{0.3 + 0.17 * k:.2f}"
                if not v.shape:
                    parts.append(f"{weight} * {v.name}")
                else:
                    wave = f"np.cos({v.name} + {weight})"
                    parts.append(f"np.sum({wave})" if self.chance(0.7) else f"np.sum({wave} * {v.name})")
        self.emit("return " + " + ".join(parts))

    def write(self) -> tuple[str, tuple[Any, ...]]:
        """The source, and arguments for it."""
        draw = np.random.default_rng(self.rng.randrange(2**32))
        n, r = self.pick(1, 2, 3, 3, 4), self.pick(1, 2, 3)
        c = self.pick(n, n, r)
        writes = self.chance(0.2)
        self.scope = []
        if self.chance(0.4):
            self.helper()
        count, high = self.rng.randrange(4), max(0, min(n, r, c) - 1)
        index = draw.integers(0, high + 1, self.pick(2, 3, n))
        self.scope = [
            Variable("x", (n,), None, writes, False),
            Variable("A", (r, c), None, writes, False),
            Variable("s"),
            Variable("k", (), (count, count)),
            Variable("index", index.shape, (0, high)),
        ]
        self.emit_at(0, "def program(x, A, s, k, index):")
        self.body()
        x, a = draw.standard_normal(n), draw.standard_normal((r, c))
        if self.chance(0.1):
            x, a = x.astype(np.float32), a.astype(np.float32)
        if self.chance(0.1):
            a = np.asfortranarray(a)
        args = (x, a, float(draw.standard_normal()), count, index)
        return _HEADER + "\n".join(self.lines) + "\n", args
