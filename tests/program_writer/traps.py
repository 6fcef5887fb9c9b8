"""Random statements of kinds that compilers and their derivatives are known to get wrong.

Memory that is read and written in one statement, shifted or backwards; arrays that are swapped, also between
the iterations of a loop; arrays that a condition chooses; memory with a second name that depends on data;
loops within loops whose bounds are the outer index; and state that a loop overwrites: integers and flags.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.program_writer.expressions import Variable
from tests.program_writer.statements import Statements


class Traps(Statements):
    """Emits those too."""

    def statement_options(self) -> list[tuple[int, Callable[[], Any]]]:
        options: list[tuple[int, Callable[[], Any]]] = [
            *super().statement_options(),
            (2, self.swap_arrays),
            (3, self.shift),
            (2, self.write_through_part),
            (1, self.scatter),
            (1, self.choose_array),
            (1, self.update_integer),
            (1, self.set_flag),
            (1, self.call_pair),
        ]
        if self.may_loop():
            options += [(2, self.triangle), (1, self.recurrence), (1, self.loop_over_names)]
        return options

    def arrays(self, rank: int, extent: int = 1) -> list[Variable]:
        """Arrays that may be written into, with at least so many elements in each axis."""
        return [v for v in self.floats(rank, writable=True) if min(v.shape) >= extent]

    def seen_by_others(self, v: Variable) -> None:
        """Note that other names stand for the memory of `v` from here on."""
        self.define(replace(v, rebindable=False))

    # --- memory ------------------------------------------------------------------------------

    def swap_arrays(self) -> None:
        """Swap two arrays, or let one take the place of the other: between iterations, in a loop."""
        mine = [v for v in self.arrays(1) + self.arrays(2) if v.rebindable]
        pairs = [(v, w) for v in mine for w in mine if v.name != w.name and v.shape == w.shape]
        if not pairs:
            if mine and not self.loops:
                v = self.rng.choice(mine)
                name = self.fresh("v" if len(v.shape) == 1 else "m")
                self.emit(f"{name} = {self.pick(f'np.zeros_like({v.name})', f'np.sin({v.name})')}")
                self.define(Variable(name, v.shape))
            return
        a, b = (v.name for v in self.rng.choice(pairs))
        self.emit(f"{a}, {b} = {b}, {self.pick(a, a, f'{a}.copy()', self.bounded(f'{a} + {b}'))}")

    def shift(self) -> None:
        """Write into memory what is computed from other places of it."""
        v = self.rng.choice([*self.arrays(1, 2), *self.arrays(2, 2), None])
        if v is None:
            return
        one, more = self.places(v), self.scalar(1)
        target, source = self.rng.choice(one)
        op, scale = self.pick(("=", ""), ("=", ""), ("+=", "0.3 * "), ("-=", "0.2 * "))
        self.emit(f"{target} {op} {scale}{self.bounded(self.pick(source, f'{source} * {more}'))}")

    def places(self, v: Variable) -> list[tuple[str, str]]:
        """What may be written, and what of the same shape may be read for it."""
        m, n = v.name, v.shape[0]
        if len(v.shape) == 1:
            places = [(f"{m}[1:]", f"{m}[:-1]"), (f"{m}[:-1]", f"{m}[1:]"), (f"{m}[:]", f"{m}[::-1]")]
            places += [(f"{m}[::-1]", m), (f"{m}[::-2]", f"{m}[::2]"), (m + "[:]", f"np.roll({m}, 1)")]
            if n > 2:
                places.append((f"{m}[1:-1]", f"({m}[:-2] - 0.7 * {m}[2:])"))
                places.append((f"{m}[{n - 1}:0:-1]", f"{m}[1:]"))
            end = self.bound(n)
            places.append((f"{m}[:{end}]", f"{m}[::-1][:{end}]"))
            return places
        i, j = self.index(n), self.index(n)
        places = [(f"{m}[{i}]", f"{m}[{j}]"), (f"{m}[1:]", f"{m}[:-1]"), (f"{m}[:, ::-1]", m)]
        places.append((f"{m}[1:, 1:]", f"np.outer({m}[1:, 0], {m}[0, 1:])"))
        places.append((f"{m}[:, 1:]", f"({m}[:, :-1] * {m}[::-1, 1:])"))
        if n == v.shape[1]:
            places += [(f"{m}[:]", f"{m}.T"), (f"{m}[{i}]", f"{m}[:, {j}]"), (f"{m}.T[{i}]", f"{m}[{j}]")]
        return places

    def write_through_part(self) -> None:
        """Write through a view of which the extent or the place may be known only at run time."""
        v = self.rng.choice([*self.arrays(1), *self.arrays(2), None])
        if v is None:
            return
        n, end = v.shape[-1], self.bound(v.shape[-1])
        cut = self.pick(f":{end}", f"{end}:", "::-1", "1::2", "::-2")
        part, base = self.fresh("w"), v.name if len(v.shape) == 1 else None
        self.emit(f"{part} = {f'{base}[{cut}]' if base else f'{v.name}[{self.index(v.shape[0])}, {cut}]'}")
        self.seen_by_others(v)
        for _ in range(self.pick(1, 2)):
            self.emit(
                self.pick(
                    f"{part} *= 0.6 + 0.3 * np.cos({self.scalar(1)})",
                    f"{part}[:] = {self.bounded(self.scalar(1))}",
                    f"{part}[:] = {self.bounded(f'{part} + {self.scalar(0)}')}",
                    f"{part} += 0.2 * {part}[::-1]",
                    f"{base or v.name + '[0]'}[{self.index(n)}] += 0.3 * np.sin(np.sum({part}))",
                )
            )
        if scalars := [w.name for w in self.floats(0, writable=True)]:
            self.emit(f"{self.rng.choice(scalars)} += 0.2 * np.sin(np.sum({part}))")

    def scatter(self) -> None:
        """Write at the places that an array of indices gives, which may be the same ones."""
        ways = [(v, i) for v in self.arrays(1) for i in self.index_arrays(v.shape[0])]
        if not ways:
            return
        v, i = self.rng.choice(ways)
        value = self.bounded(self.pick(self.scalar(1), self.vector(i.shape[0], 1)))
        at = f"{v.name}[{i.name}]"
        options = (
            f"{at} = {value}",
            f"{at} += 0.3 * {value}",
            f"np.add.at({v.name}, {i.name}, 0.3 * {value})",
        )
        self.emit(self.rng.choice(options))

    def choose_array(self) -> None:
        """Let a condition choose an array, to be read."""
        arrays = [v for v in self.floats(1) + self.floats(2) if 0 not in v.shape]
        pairs = [(v.name, w.name, v.shape) for v in arrays for w in arrays if v.shape == w.shape and v != w]
        if not pairs:
            return
        a, b, shape = self.rng.choice(pairs)
        name = self.fresh("v" if len(shape) == 1 else "m")
        if self.chance(0.5):
            self.emit(f"{name} = ({a} if {self.condition()} else {b}).copy()")
            self.define(Variable(name, shape))
            return
        self.emit(f"{name} = {a}")
        with self.block(f"if {self.condition()}:"):
            self.emit(f"{name} = {self.pick(b, f'{a} * {b}')}")
        if scalars := [w.name for w in self.floats(0, writable=True)]:
            self.emit(f"{self.rng.choice(scalars)} += 0.2 * np.sin(np.sum({name} * {a}))")

    # --- what loops overwrite -----------------------------------------------------------------

    def update_integer(self) -> None:
        """Give an integer another value, within its bounds: loops overwrite it."""
        mine = [v for v in self.integers() if v.writable]
        if not mine:
            return
        v = self.rng.choice(mine)
        assert v.bounds is not None
        low, high = v.bounds
        other, _ = self.integer()
        self.emit(
            self.pick(
                f"{v.name} = {low} + ({v.name} + {1 - low}) % {high - low + 1}",
                f"{v.name} = {low} + ({other}) % {high - low + 1}",
                f"{v.name} = min({v.name} + 1, {high})",
                f"{v.name} = {low + high} - {v.name}",
            )
        )

    def set_flag(self) -> None:
        flags = [v.name for v in self.scope if v.is_flag]
        if flags and self.chance(0.7):
            name = self.rng.choice(flags)
            self.emit(f"{name} = {self.pick(f'{name} or', f'{name} and', 'not')} ({self.condition()})")
            return
        name = self.fresh("flag")
        self.emit(f"{name} = {self.condition()}")
        self.define(Variable(name, is_flag=True))

    def call_pair(self) -> None:
        """Give two scalars the two results of a call."""
        fitting = [name for name, kind in self.helpers if kind == "pair"]
        scalars = [v.name for v in self.floats(0) if v.writable]
        if fitting and len(scalars) > 1:
            a, b = self.rng.sample(scalars, 2)
            self.emit(f"{a}, {b} = {self.rng.choice(fitting)}({b}, {self.scalar(1)})")

    # --- loops ----------------------------------------------------------------------------------

    def triangle(self) -> None:
        """A loop within a loop, from or to the index of the outer one."""
        arrays = [*self.arrays(1, 2), *self.arrays(2, 2)]
        if not arrays:
            return
        v = self.rng.choice(arrays)
        n, m = v.shape[0], v.shape[-1]
        i, j = self.fresh("i"), self.fresh("i")
        outer = self.pick(f"range({n})", f"range({n - 1}, -1, -1)", f"range({self.bound(n)})")
        inner, bounds = self.pick(
            (f"range({i})", (0, n - 2)),
            (f"range({i} + 1)", (0, n - 1)),
            (f"range({i}, {m})", (0, m - 1)),
            (f"range({i} - 1, -1, -1)", (0, n - 2)),
            (f"range({m} - 1, {i}, -1)", (1, m - 1)),
        )
        if bounds[1] >= m:
            inner, bounds = f"range({m})", (0, m - 1)
        with self.loop(f"for {i} in {outer}:"):
            self.define(Variable(i, (), (0, n - 1)))
            with self.loop(f"for {j} in {inner}:"):
                self.define(Variable(j, (), bounds))
                at = f"{v.name}[{i}]" if len(v.shape) == 1 else f"{v.name}[{i}, {j}]"
                read = f"{v.name}[{j}]" if len(v.shape) == 1 else f"{v.name}[{i}, {j} - 1]"
                self.emit(f"{at} {self.pick('+= 0.3 *', '-= 0.2 *', '=')} {self.bounded(f'{read} + {at}')}")
                if self.chance(0.4):
                    self.statements(1)
            if self.chance(0.4):
                self.statements(1)

    def recurrence(self) -> None:
        """A loop in which an element depends on the one before it, or behind it."""
        arrays = self.arrays(1, 2) + self.arrays(2, 2)
        if not arrays:
            return
        v = self.rng.choice(arrays)
        n, i = v.shape[0], self.fresh("i")
        ways = ((f"range(1, {n})", "- 1", (1, n - 1)), (f"range({n - 2}, -1, -1)", "+ 1", (0, n - 2)))
        head, step, bounds = self.rng.choice(ways)
        with self.loop(f"for {i} in {head}:"):
            self.define(Variable(i, (), bounds))
            self.emit(f"{v.name}[{i}] = {self.bounded(f'{v.name}[{i} {step}] + {self.scalar(1)}')}")
            if self.chance(0.5):
                self.statements(1)

    def loop_over_names(self) -> None:
        """A loop that Python itself runs, over arrays of the program."""
        arrays = self.arrays(1)
        if not arrays:
            return
        v = self.rng.choice(arrays)
        w = self.rng.choice([w for w in arrays if w.shape == v.shape])
        name = self.fresh("v")
        with self.loop(f"for {name} in {self.pick('[{}, {}]', '({}, {})').format(v.name, w.name)}:"):
            self.seen_by_others(v)
            self.seen_by_others(w)
            self.define(Variable(name, v.shape, None, True, False))
            self.statements(self.pick(1, 2))
