"""Random statements: assignments, writes in place, views, branches and loops."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.program_writer.expressions import Expressions, Variable


class Statements(Expressions):
    """Emits statements."""

    def emit(self, line: str) -> None:
        self.lines.append("    " * self.indent + line)

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """An indented block; what is defined in it is forgotten after it."""
        self.emit(head)
        kept = list(self.scope)
        self.indent += 1
        yield
        self.indent -= 1
        names = {v.name: v for v in self.scope}
        self.scope = [names.get(v.name, v) for v in kept]

    def statements(self, count: int) -> None:
        start, outer = len(self.lines), {v.name for v in self.scope}
        for _ in range(count):
            if self.left > 0 or len(self.lines) == start:
                self.statement()
        local = [v for v in self.scope if v.name not in outer and v.is_float]
        if self.indent > 1 and local and self.chance(0.7):
            self.use(
                self.rng.choice(local), [v.name for v in self.floats(0, writable=True) if v.name in outer]
            )
        if len(self.lines) == start:
            self.assign_scalar()

    def use(self, local: Variable, outer: list[str]) -> None:
        """Let something outside of the block depend on a variable of it."""
        value = local.name if not local.shape else f"np.sum({local.name})"
        if outer:
            self.emit(f"{self.rng.choice(outer)} += 0.3 * np.sin({value})")

    def statement(self) -> None:
        self.left -= 1
        options = self.statement_options()
        self.rng.choices([write for _, write in options], [weight for weight, _ in options])[0]()

    def statement_options(self) -> list[tuple[int, Callable[[], Any]]]:
        """The statements that may stand here, with weights."""
        options: list[tuple[int, Callable[[], Any]]] = [
            (4, self.assign_scalar),
            (3, self.update_scalar),
            (3, self.assign_array),
            (2, self.rebind_array),
            (6, self.write_into),
            (2, self.view),
            (1, self.assign_integer),
            (1, self.count),
            (1, self.swap),
            (1, self.call_writer),
        ]
        if self.indent < 5 and self.left > 0:
            options += [(3, self.conditional)]
        if self.may_loop():
            options += [(4, self.for_loop), (2, self.while_loop)]
        if self.loops:
            options += [(1, self.jump)]
        if self.indent > 1:
            options += [(1, self.early_return)]
        return options

    def may_loop(self) -> bool:
        return self.indent < 5 and self.loops < 3 and self.left > 0

    def define(self, variable: Variable) -> None:
        self.scope = [v for v in self.scope if v.name != variable.name] + [variable]

    def assign_scalar(self) -> None:
        existing = [v for v in self.floats(0) if v.writable]
        name = self.rng.choice(existing).name if existing and self.chance(0.4) else self.fresh("s")
        self.emit(f"{name} = {self.bounded(self.scalar())}")
        self.define(Variable(name))

    def update_scalar(self) -> None:
        existing = [v.name for v in self.floats(0) if v.writable]
        if not existing:
            return
        name = self.rng.choice(existing)
        self.emit(
            self.pick(
                f"{name} += 0.2 * {self.bounded(self.scalar())}",
                f"{name} = 0.6 * {name} + 0.4 * {self.bounded(self.scalar())}",
                f"{name} *= 0.7 + 0.2 * np.sin({self.scalar(1)})",
                f"{name} -= 0.1 * {self.bounded(self.scalar())}",
            )
        )

    def assign_integer(self) -> None:
        value, bounds = self.integer()
        name = self.fresh("k")
        self.emit(f"{name} = {value}")
        self.define(Variable(name, (), bounds))

    def count(self) -> None:
        """Make an array of small integers, or count in one: also an index array, from then on."""
        arrays = [v for v in self.scope if v.bounds is not None and v.shape and v.name != "index"]
        if arrays and self.chance(0.7):
            v = self.rng.choice(arrays)
            at = f"{v.name}[{self.index(v.shape[0])}]"
            self.emit(self.pick(f"{at} = ({at} + 1) % 3", f"{at} = 2 - {at}", f"{v.name}[:] = 2 - {v.name}"))
            return
        n = self.pick(2, 3, *self.extents())
        name = self.fresh("n")
        plain = (f"np.zeros({n}, dtype=np.int64)", f"np.arange({n}) % 3", f"np.ones({n}, dtype=int)")
        self.emit(f"{name} = {self.pick(*plain)}")
        self.define(Variable(name, (n,), (0, 2)))

    def assign_array(self) -> None:
        if self.chance(0.6):
            n = self.pick(*self.extents())
            name, shape = self.fresh("v"), (n,)
            value = self.bounded(self.vector(n))
        else:
            shape = self.shape()
            name = self.fresh("m")
            value = self.bounded(self.matrix(*shape))
        like = [v.name for v in self.scope if v.is_float and v.shape == shape]
        plain = [f"np.zeros({shape})", f"np.full({shape}, 0.3)", f"np.empty({shape})"]
        if like:
            old = self.rng.choice(like)
            plain += [f"{old}.copy()", f"np.zeros_like({old})", f"np.array({old})"]
        if self.chance(0.35):
            value = self.rng.choice(plain)
        self.emit(f"{name} = {value}")
        if "empty" in value:
            self.emit(f"{name}[:] = {self.scalar(1)}")
        self.define(Variable(name, shape))

    def rebind_array(self) -> None:
        """Let an array variable mean another, fresh array of the same shape."""
        arrays = [v for v in self.floats(1) + self.floats(2) if v.writable and v.rebindable]
        if not arrays:
            return self.assign_array()
        v = self.rng.choice(arrays)
        value = self.vector(*v.shape) if len(v.shape) == 1 else self.matrix(*v.shape)
        self.emit(f"{v.name} = {self.bounded(value)}")
        return None

    def write_into(self) -> None:
        """Write into an array, in one of many ways."""
        arrays = self.floats(1, writable=True) + self.floats(2, writable=True)
        arrays = [v for v in arrays if 0 not in v.shape]
        if not arrays:
            return self.assign_array()
        v = self.rng.choice(arrays)
        augmented = self.pick("=", "=", "+=", "-=", "*=")
        scale = {"=": "", "+=": "0.3 * ", "-=": "0.2 * ", "*=": "0.8 + 0.1 * "}[augmented]

        def store(target: str, value: str) -> None:
            self.emit(f"{target} {augmented} {scale}{self.bounded(value)}")

        way = self.rng.randrange(8)
        n = v.shape[0]
        if len(v.shape) == 1:
            if way < 3:
                store(f"{v.name}[{self.index(n)}]", self.scalar())
            elif way == 3:
                store(f"{v.name}[:]" if augmented == "=" or self.chance(0.5) else v.name, self.vector(n))
            elif way == 4:
                start, stop = sorted((self.rng.randrange(n + 1), self.rng.randrange(n + 1)))
                cut = "" if stop == n else stop - n if self.chance(0.5) else stop
                value = self.scalar() if self.chance(0.3) else self.vector(stop - start, 1)
                store(f"{v.name}[{start}:{cut}]", value)
            elif way == 5:
                others = [w for w in self.floats(1) if w.shape == v.shape]
                w = self.rng.choice(others).name
                end = self.bound(n)
                cut = self.pick(f"[:{end}]", f"[{end}:]")
                store(v.name + cut, self.pick(f"{w}{cut}", self.scalar(1), f"{w}{cut} * {self.scalar(1)}"))
            elif way == 6:
                self.emit(f"{v.name}[{v.name} > {self.threshold()}] = {self.scalar(1)}")
            else:
                store(f"{v.name}[::2]", self.vector((n + 1) // 2, 1))
        elif way < 3:
            store(f"{v.name}[{self.index(n)}, {self.index(v.shape[1])}]", self.scalar())
        elif way < 5:
            store(f"{v.name}[{self.index(n)}]", self.vector(v.shape[1]))
        elif way == 5:
            store(f"{v.name}[:, {self.index(v.shape[1])}]", self.vector(n))
        elif way == 6:
            store(f"{v.name}[:]" if augmented == "=" else v.name, self.matrix(*v.shape))
        else:
            end = self.bound(v.shape[1])
            store(f"{v.name}[{self.index(n)}, :{end}]", self.scalar(1))
        return None

    def view(self) -> None:
        """Name a part of an array: writes through it are seen by the array."""
        arrays = [v for v in self.floats(1) + self.floats(2) if 0 not in v.shape]
        if not arrays:
            return
        v = self.rng.choice(arrays)
        if len(v.shape) == 1:
            n = v.shape[0]
            start = self.rng.randrange(n)
            options = [(f"{v.name}[{start}:]", (n - start,)), (f"{v.name}[::-1]", (n,)), (v.name, (n,))]
        else:
            r, c = v.shape
            options = [
                (f"{v.name}[{self.index(r)}]", (c,)),
                (f"{v.name}[:, {self.index(c)}]", (r,)),
                (f"{v.name}.T", (c, r)),
                (f"{v.name}[1:]", (r - 1, c)),
                (f"{v.name}.reshape(-1)", (r * c,)),
            ]
        value, shape = self.rng.choice(options)
        name = self.fresh("v" if len(shape) == 1 else "m")
        self.emit(f"{name} = {value}")
        self.define(Variable(v.name, v.shape, None, v.writable, False))
        self.define(Variable(name, shape, None, v.writable, False))

    def swap(self) -> None:
        scalars = [v.name for v in self.floats(0) if v.writable]
        if len(scalars) > 1:
            a, b = self.rng.sample(scalars, 2)
            self.emit(f"{a}, {b} = {b}, {self.pick(a, self.bounded(f'{a} + {b}'))}")

    def call_writer(self) -> None:
        fitting = [name for name, kind in self.helpers if kind == "writer"]
        arrays = [v for v in self.floats(1, writable=True) if v.shape[0]]
        if fitting and arrays:
            self.emit(f"{self.rng.choice(fitting)}({self.rng.choice(arrays).name}, {self.scalar(1)})")

    def conditional(self) -> None:
        with self.block(f"if {self.condition()}:"):
            self.statements(self.rng.randrange(1, 4))
        if self.chance(0.3):
            with self.block(f"elif {self.condition()}:"):
                self.statements(self.rng.randrange(1, 3))
        if self.chance(0.5):
            with self.block("else:"):
                self.statements(self.rng.randrange(1, 3))

    def for_loop(self) -> None:
        i = self.fresh("i")
        n = self.rng.randrange(1, 5)
        heads: list[tuple[str, list[Variable]]] = [
            (f"for {i} in range({n}):", [Variable(i, (), (0, n - 1))]),
            (f"for {i} in range(1, {n + 1}):", [Variable(i, (), (1, n))]),
            (f"for {i} in range({n}, -1, -1):", [Variable(i, (), (0, n))]),
            (f"for {i} in range(0, {n + 2}, 2):", [Variable(i, (), (0, n + 1))]),
            (f"for {i} in range(int(abs({self.scalar(0)}) * 3.0) % 4):", [Variable(i, (), (0, 2))]),
        ]
        for v in self.integers():
            assert v.bounds is not None
            if v.bounds[1] <= 5:
                heads += [
                    (f"for {i} in range({v.name}):", [Variable(i, (), (0, max(0, v.bounds[1] - 1)))])
                ] * 2
            if v.bounds[0] >= 0 and v.bounds[1] <= 4:
                low, high = v.bounds
                heads.append((f"for {i} in range({v.name}, 5):", [Variable(i, (), (low, 4))]))
                heads.append((f"for {i} in range(4, {v.name}, -1):", [Variable(i, (), (low + 1, 4))]))
                heads.append((f"for {i} in range({v.name}, -1, -1):", [Variable(i, (), (0, high))]))
                heads.append((f"for {i} in range({v.name}, -2, -2):", [Variable(i, (), (-1, high))]))
                heads.append((f"for {i} in range(0, {v.name} + 1, 2):", [Variable(i, (), (0, high))]))
        for v in self.index_arrays(5):
            assert v.bounds is not None
            heads.append((f"for {i} in {v.name}:", [Variable(i, (), v.bounds)]))
        for v in self.floats(1):
            s = self.fresh("s")
            item = Variable(s, writable=False)
            heads.append((f"for {s} in {v.name}:", [item]))
            other = self.rng.choice(self.floats(1)).name
            both = [item, Variable(f"{s}b", writable=False)]
            heads.append((f"for {s}, {s}b in zip({v.name}, {other}):", both))
            counted = Variable(i, (), (0, max(0, v.shape[0] - 1)))
            heads.append((f"for {i}, {s} in enumerate({v.name}):", [counted, item]))
            heads.append((f"for {i} in range(len({v.name})):", [counted]))
        for m in self.floats(2):
            row = self.fresh("v")
            view = Variable(row, (m.shape[1],), None, m.writable, False)
            heads.append((f"for {row} in {m.name}:", [view]))
        head, variables = self.rng.choice(heads)
        iterated = head.partition(" in ")[2]
        over = [v for v in self.floats(1) + self.floats(2) if re.search(rf"\b{v.name}\b", iterated)]
        with self.loop(head):
            for v in variables:
                self.define(v)
            for v in over:  # what an iteration gets is part of it
                self.define(Variable(v.name, v.shape, None, v.writable, False))
            self.statements(self.rng.randrange(1, 4))
        if self.chance(0.1):
            with self.block("else:"):
                self.statements(1)

    @contextmanager
    def loop(self, head: str) -> Iterator[None]:
        kept, self.jumps = self.jumps, ("break", "continue")
        self.loops += 1
        with self.block(head):
            yield
        self.loops -= 1
        self.jumps = kept

    def while_loop(self) -> None:
        k, n = self.fresh("k"), self.rng.randrange(1, 5)
        counter = Variable(k, (), (0, n), writable=False)
        way = self.rng.randrange(3)
        if way == 0:
            self.emit(f"{k} = 0")
            with self.loop(f"while {k} < {n} and {self.condition(0)}:"):
                self.define(Variable(k, (), (0, n - 1)))
                self.jumps = ("break",)  # not past the counting
                self.statements(self.rng.randrange(1, 3))
                self.emit(f"{k} += 1")
        elif way == 1:
            self.emit(f"{k} = 0")
            with self.loop("while True:"):
                self.emit(f"{k} += 1")
                with self.block(f"if {k} > {n} or {self.condition(0)}:"):
                    self.emit("break")
                self.define(Variable(k, (), (1, n)))
                self.statements(self.rng.randrange(1, 3))
            counter = Variable(k, (), (1, n + 1))
        else:
            s = self.fresh("s")
            self.emit(f"{s} = {self.pick('1.0', '2', self.bounded(self.scalar()))}")
            with self.loop(f"while abs({s}) > {self.pick('0.171', '0.0913')}:"):
                self.define(Variable(s, writable=False))
                self.emit(f"{s} = {s} * {self.pick('0.5', '0.3')} * np.cos({self.scalar(1)})")
                self.statements(self.rng.randrange(1, 3))
            self.define(Variable(s))
            return
        self.define(counter)

    def jump(self) -> None:
        with self.block(f"if {self.condition()}:"):
            if self.chance(0.3):
                self.update_scalar()
            self.emit(self.pick(*self.jumps))

    def early_return(self) -> None:
        with self.block(f"if {self.condition()}:"):
            self.emit(f"return {self.result()}")

    def result(self) -> str:
        return f"1.0 * {self.bounded(self.scalar(1))}"
