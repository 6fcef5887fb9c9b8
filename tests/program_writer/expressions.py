"""Random expressions over what is in scope."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_UNARY = (
    "np.sin({})",
    "np.tanh({})",
    "np.cos({})",
    "np.arctan({})",
    "np.exp(-({}) ** 2)",
    "np.sqrt(1.0 + ({}) ** 2)",
    "np.log(2.5 + np.sin({}))",
    "np.log1p(({}) ** 2)",
    "np.abs({})",
    "-({})",
    "({}) ** 3",
    "np.square({})",
    "1.0 / (1.0 + np.exp(-({})))",
    "np.expm1(0.3 * np.sin({}))",
)
_SCALAR_UNARY = ("math.sin({})", "math.tanh({})", "abs({})", "math.sqrt(0.5 + ({}) ** 2)", "float({})")
_BINARY = (
    "{} + {}",
    "{} - {}",
    "{} * {}",
    "({}) / (1.5 + np.square({}))",
    "np.maximum({}, {} + 0.137)",
    "np.minimum({}, {} - 0.071)",
    "np.arctan2({}, 2.5 + np.sin({}))",
    "np.hypot({}, 1.0 + np.square({}))",
    "np.logaddexp({}, {})",
    "(1.5 + np.sin({})) ** np.cos({})",
)


@dataclass(frozen=True)
class Variable:
    name: str
    shape: tuple[int, ...] = ()
    bounds: tuple[int, int] | None = None
    """The smallest and the largest value, for integers."""
    writable: bool = True
    rebindable: bool = True
    """Whether other variables can't be views of it, so that it may mean another array from now on."""
    is_flag: bool = False
    """Whether it is a truth value."""

    @property
    def is_float(self) -> bool:
        return self.bounds is None and not self.is_flag


class Expressions:
    """Draws expressions; keeps what the program has so far, and what is in scope."""

    def __init__(self, rng: random.Random, size: int | None = None):
        self.rng = rng
        self.left = math.inf if size is None else size
        """How many more statements there may be."""
        self.lines: list[str] = []
        self.indent = 1
        self.names = 0
        self.scope: list[Variable] = []
        self.loops = 0
        """How many loops surround the current statement."""
        self.jumps: tuple[str, ...] = ()
        """What may leave an iteration of the innermost loop."""
        self.helpers: list[tuple[str, str]] = []
        """Name and kind of the functions that can be called."""

    # --- drawing ---------------------------------------------------------------------------

    def chance(self, p: float) -> bool:
        return self.rng.random() < p

    def pick(self, *options: Any) -> Any:
        return self.rng.choice(options)

    def constant(self) -> str:
        return self.pick("0.5", "0.3", "1.2", "-0.7", "2.0", "0.91", "-0.25", "1", "2")

    def fresh(self, kind: str) -> str:
        self.names += 1
        return f"{kind}{self.names}"

    def floats(self, rank: int, writable: bool = False) -> list[Variable]:
        return [v for v in self.scope if v.is_float and len(v.shape) == rank and (v.writable or not writable)]

    def integers(self) -> list[Variable]:
        return [v for v in self.scope if v.bounds is not None and not v.shape]

    def index_arrays(self, extent: int) -> list[Variable]:
        """Arrays of integers that are indices into an axis."""
        return [v for v in self.scope if v.bounds is not None and v.shape and v.bounds[1] < extent]

    # --- integers ---------------------------------------------------------------------------

    def index(self, extent: int, depth: int = 2) -> str:
        """An index into an axis."""
        options: list[str] = [str(self.rng.randrange(-extent, extent))]
        for v in self.integers():
            assert v.bounds is not None
            low, high = v.bounds
            if -extent <= low and high < extent:
                options += [v.name] * 3
            if low >= 1 and high <= extent:
                options += [f"{v.name} - 1"] * 2
            if low >= 0 and high < extent:
                options.append(f"-{v.name} - 1")
                options.append(f"{extent - 1} - {v.name}")
            options.append(f"({v.name} + {self.rng.randrange(3)}) % {extent}")
        if depth:
            options += [f"{v.name}[{self.index(v.shape[0], 0)}]" for v in self.index_arrays(extent)]
        if depth == 2 and self.chance(0.1):
            options.append(f"np.argmax({self.vector(extent, 0)})")
            options.append(f"int(abs({self.scalar(0)}) * 3.0) % {extent}")
        return self.rng.choice(options)

    def bound(self, extent: int) -> str:
        """A number of elements, from 0 to the extent: the end of a slice."""
        options = []
        for v in self.integers():
            assert v.bounds is not None
            if v.bounds[0] >= 0 and v.bounds[1] <= extent:
                options += [v.name] * 4
            if v.bounds[0] >= -1 and v.bounds[1] < extent:
                options.append(f"{v.name} + 1")
        options.append(str(self.rng.randrange(extent + 1)))
        return self.rng.choice(options)

    def integer(self) -> tuple[str, tuple[int, int]]:
        options: list[tuple[str, tuple[int, int]]] = [(str(c := self.rng.randrange(4)), (c, c))]
        for v in self.integers():
            assert v.bounds is not None
            low, high = v.bounds
            options.append((f"({v.name} * 2 + 1) % 3", (0, 2)))
            options.append((f"{v.name} // 2", (low // 2, high // 2)))
            options.append((f"min({v.name}, 2)", (min(low, 2), min(high, 2))))
            options.append((f"{v.name} + 1", (low + 1, high + 1)))
        options.append((f"int(abs({self.scalar(0)}) * 4.0) % 4", (0, 3)))
        return self.rng.choice(options)

    # --- conditions --------------------------------------------------------------------------

    def condition(self, depth: int = 1) -> str:
        options = [f"{self.scalar(1)} {self.pick('<', '>', '<=', '>=')} {self.threshold()}"] * 3
        for v in self.integers():
            assert v.bounds is not None
            middle = self.rng.randint(*v.bounds)
            options.append(f"{v.name} {self.pick('<', '>', '==', '!=', '<=')} {middle}")
            options.append(f"{v.name} % 2 == {self.rng.randrange(2)}")
        vectors = self.floats(1)
        if vectors:
            v = self.rng.choice(vectors)
            options.append(f"np.{self.pick('any', 'all')}({v.name} > {self.threshold()})")
        options.append(f"-0.613 < {self.scalar(0)} <= 0.417")
        for v in self.scope:
            if v.is_flag:
                options += [v.name, f"not {v.name}"]
        if depth:
            one, other = self.condition(0), self.condition(0)
            options += [f"{one} and {other}", f"{one} or {other}", f"not ({one})"]
        return self.rng.choice(options)

    def threshold(self) -> str:
        """A number that no value is likely to hit."""
        return self.pick("0.1371", "-0.2113", "0.4177", "-0.5719", "0.8311", "0.0313")

    # --- expressions --------------------------------------------------------------------------

    def scalar(self, depth: int = 2) -> str:
        """A float scalar (or, as a constant, an int)."""
        return self.draw(self.scalar_options(depth))

    def draw(self, options: list[tuple[int, Callable[[], str | None]]]) -> str:
        """What one of the weighted options gives; those that don't apply give None."""
        while True:
            weights = [w for w, _ in options]
            k = self.rng.choices(range(len(options)), weights)[0]
            if (made := options[k][1]()) is not None:
                return made
            options = options[:k] + options[k + 1 :]

    def scalar_options(self, depth: int) -> list[tuple[int, Callable[[], str | None]]]:
        leaves: list[tuple[int, Callable[[], str | None]]] = [
            (1, self.constant),
            (5, lambda: self.name_of(self.floats(0))),
            (5, self.element),
            (1, lambda: self.int_as_float()),
        ]
        if depth <= 0:
            return leaves

        def sub() -> str:
            return self.scalar(depth - 1)

        n = self.pick(*self.extents())
        return [
            *leaves,
            (4, lambda: self.pick(*_UNARY, *_SCALAR_UNARY).format(sub())),
            (5, lambda: f"({self.pick(*_BINARY).format(sub(), sub())})"),
            (1, lambda: f"{self.pick('max', 'min')}({sub()}, {sub()} + 0.0917)"),
            (1, lambda: f"np.where({self.condition(0)}, {sub()}, {sub()})"),
            (1, lambda: f"({sub()} if {self.condition(0)} else {sub()})"),
            (2, lambda: f"np.{self.pick('sum', 'mean', 'max', 'min')}({self.vector(n, depth - 1)})"),
            (1, lambda: f"({self.vector(n, depth - 1)}).{self.pick('sum', 'mean', 'max')}()"),
            (1, lambda: f"np.prod(0.5 + 0.4 * np.sin({self.vector(n, depth - 1)}))"),
            (2, lambda: f"({self.vector(n, depth - 1)}) @ ({self.vector(n, depth - 1)})"),
            (1, lambda: f"np.linalg.norm(1.7 + np.square({self.vector(n, depth - 1)}))"),
            (1, lambda: f"np.sum({self.matrix(*self.shape(), depth - 1)})"),
            (2, self.dynamic_reduction),
            (2, lambda: self.helper_call("scalar", depth)),
            (1, lambda: self.helper_call("recursive", depth)),
            (1, lambda: f"np.var({self.vector(n, depth - 1)})"),
            (1, lambda: self.gathered(n)),
            (1, lambda: f"sum(t * 0.3 for t in {self.vector(n, 0)})"),
            (1, lambda: f"np.trace({self.matrix(*self.shape(), depth - 1)})"),
        ]

    def gathered(self, n: int) -> str:
        """Of a vector what its values choose."""
        v = self.vector(n, 0)
        return self.pick(
            f"np.sum({v}, where={v} > {self.threshold()})",
            f"({v})[np.argmax({v})]",
            f"np.max(np.abs({v}))",
        )

    def name_of(self, variables: list[Variable]) -> str | None:
        return self.rng.choice(variables).name if variables else None

    def element(self) -> str | None:
        arrays = [v for v in self.floats(1) + self.floats(2) if 0 not in v.shape]
        if not arrays:
            return None
        v = self.rng.choice(arrays)
        if len(v.shape) == 2 and self.chance(0.3):
            return f"{v.name}[{self.index(v.shape[0])}][{self.index(v.shape[1])}]"
        return f"{v.name}[{', '.join(self.index(n) for n in v.shape)}]"

    def int_as_float(self) -> str | None:
        name = self.name_of(self.integers())
        return name and self.pick(f"{name} * 0.25", f"{name} / 3", f"float({name}) * 0.1", f"0.1 * {name}")

    def dynamic_reduction(self) -> str | None:
        """A reduction of a slice whose extent may be known only at run time."""
        vectors = [v for v in self.floats(1) if v.shape[0] > 1]
        if not vectors:
            return None
        v = self.rng.choice(vectors)
        w = self.rng.choice([w for w in vectors if w.shape == v.shape])
        end = self.bound(v.shape[0])
        backwards = self.pick(f"[{end}::-1]", f"[:{end}:-2]", f"[::-1][:{end}]")
        cut = self.pick(f"[:{end}]", f"[{end}:]", f"[:{end}]", backwards)
        options = [
            f"np.sum({v.name}{cut})",
            f"{v.name}{cut} @ {w.name}{cut}",
            f"np.dot({v.name}{cut}, {w.name}{cut})",
            f"np.sum({v.name}{cut} * np.sin({w.name}{cut}))",
        ]
        for m in self.floats(2):
            if m.shape[1] == v.shape[0] and m.shape[0]:
                options.append(f"{m.name}[{self.index(m.shape[0])}, {cut[1:-1]}] @ {v.name}{cut}")
            if m.shape[0] == v.shape[0]:
                options.append(f"np.sum({m.name}{cut} * 0.3)")
        return self.rng.choice(options)

    def helper_call(self, kind: str, depth: int) -> str | None:
        fitting = [name for name, k in self.helpers if k == kind]
        if not fitting:
            return None
        other = self.pick("0", "1", "3") if kind == "recursive" else self.scalar(0)
        return f"{self.rng.choice(fitting)}({self.scalar(depth - 1)}, {other})"

    def helper_of_vector(self, n: int) -> str | None:
        fitting = [name for name, kind in self.helpers if kind == "vector"]
        return f"{self.rng.choice(fitting)}({self.vector(n, 0)}, {self.scalar(0)})" if fitting else None

    def extents(self) -> list[int]:
        found = [v.shape[0] for v in self.floats(1)] + [n for v in self.floats(2) for n in v.shape]
        return found or [2]

    def shape(self) -> tuple[int, int]:
        return self.pick(*[v.shape for v in self.floats(2)], (self.pick(*self.extents()), 2))

    def vector(self, n: int, depth: int = 2) -> str:
        """A float vector of `n` elements."""
        leaves: list[tuple[int, Callable[[], str | None]]] = [
            (6, lambda: self.name_of([v for v in self.floats(1) if v.shape[0] == n])),
            (3, lambda: self.part(n)),
            (1, lambda: f"np.arange({n}) * 0.3"),
            (1, lambda: f"np.linspace(0.1, 0.9, {n})"),
        ]
        if depth <= 0:
            return self.draw(leaves)

        def sub() -> str:
            return self.vector(n, depth - 1)

        inner = self.pick(*self.extents())
        options: list[tuple[int, Callable[[], str | None]]] = [
            *leaves,
            (4, lambda: self.pick(*_UNARY).format(sub())),
            (4, lambda: f"({self.pick(*_BINARY).format(sub(), sub())})"),
            (2, lambda: f"({self.pick(*_BINARY).format(self.scalar(depth - 1), sub())})"),
            (1, lambda: f"({self.pick(*_BINARY).format(sub(), self.scalar(depth - 1))})"),
            (1, lambda: f"np.where({sub()} > {self.threshold()}, {sub()}, {sub()})"),
            (2, lambda: f"({self.matrix(n, inner, 0)} @ ({self.vector(inner, depth - 1)}))"),
            (1, lambda: f"(({self.vector(inner, depth - 1)}) @ {self.matrix(inner, n, 0)})"),
            (1, lambda: f"np.sum({self.matrix(inner, n, depth - 1)}, axis=0)"),
            (1, lambda: f"np.mean({self.matrix(n, inner, depth - 1)}, axis=1)"),
            (1, lambda: f"np.cumsum({sub()})"),
            (1, lambda: f"np.diag({self.matrix(n, n, 0)})"),
            (1, lambda: f"({sub()})[::-1]"),
            (1, lambda: f"np.full({n}, {self.scalar(depth - 1)})"),
            (1, lambda: self.stacked(n)),
            (2, lambda: self.helper_of_vector(n)),
            (1, lambda: f"np.roll({sub()}, {self.pick(1, -1, 2)})"),
            (1, lambda: f"np.clip({sub()}, -0.5137, 0.7171)"),
            (1, lambda: f"np.cumprod(0.6 + 0.3 * np.sin({sub()}))"),
            (1, lambda: f"np.einsum('ij,j->i', {self.matrix(n, inner, 0)}, {self.vector(inner, 0)})"),
            (1, lambda: f"np.max({self.matrix(inner, n, 0)}, axis=0)" if inner else None),
            (1, lambda: f"np.array([math.sin(t) for t in {self.vector(n, 0)}])" if n else None),
        ]
        if n > 1:
            cut = self.rng.randrange(1, n)
            options.append(
                (1, lambda: f"np.concatenate([{self.vector(cut, 0)}, {self.vector(n - cut, depth - 1)}])")
            )
        return self.draw(options)

    def stacked(self, n: int) -> str | None:
        elements = ", ".join(f"{self.scalar(0)} * 1.0" for _ in range(n))
        return f"np.{self.pick('array', 'stack')}([{elements}])" if n else None

    def part(self, n: int) -> str | None:
        """A part of `n` elements of an array."""
        options = []
        for v in self.floats(1):
            if v.shape[0] > n:
                start = self.rng.randrange(v.shape[0] - n + 1)
                options.append(f"{v.name}[{start}:{start + n}]")
                if start + n < v.shape[0]:
                    options.append(f"{v.name}[{start}:{start + n - v.shape[0]}]")
            if v.shape[0] == n:
                options.append(f"{v.name}[::-1]")
            if (v.shape[0] + 1) // 2 == n:
                options += [f"{v.name}[::2]", f"{v.name}[::-2]"]
            if v.shape[0] > n > 1:
                options.append(f"{v.name}[{n}:0:-1]")
        for v in self.floats(2):
            if v.shape[1] == n and v.shape[0]:
                options.append(f"{v.name}[{self.index(v.shape[0])}]")
            if v.shape[0] == n and v.shape[1]:
                options.append(f"{v.name}[:, {self.index(v.shape[1])}]")
        for i in self.scope:
            if i.bounds is not None and i.shape == (n,):
                options += [f"{v.name}[{i.name}]" for v in self.floats(1) if v.shape[0] > i.bounds[1]]
        return self.rng.choice(options) if options else None

    def matrix(self, r: int, c: int, depth: int = 2) -> str:
        """A float matrix."""
        fitting = [v.name for v in self.floats(2) if v.shape == (r, c)]
        turned = [v.name for v in self.floats(2) if v.shape == (c, r)]
        leaves: list[tuple[int, Callable[[], str | None]]] = [
            (6, lambda: self.rng.choice(fitting) if fitting else None),
            (2, lambda: f"{self.rng.choice(turned)}.T" if turned else None),
            (1, lambda: f"np.outer({self.vector(r, 0)}, {self.vector(c, 0)})"),
            (1, lambda: f"np.ones(({r}, {c}))"),
        ]
        if depth <= 0:
            return self.draw(leaves)

        def sub() -> str:
            return self.matrix(r, c, depth - 1)

        inner = self.pick(*self.extents())
        return self.draw(
            [
                *leaves,
                (3, lambda: self.pick(*_UNARY).format(sub())),
                (3, lambda: f"({self.pick(*_BINARY).format(sub(), sub())})"),
                (2, lambda: f"({self.pick(*_BINARY).format(sub(), self.vector(c, depth - 1))})"),
                (1, lambda: f"({self.pick(*_BINARY).format(self.scalar(depth - 1), sub())})"),
                (1, lambda: f"(({sub()}) * ({self.vector(r, depth - 1)})[:, None])"),
                (2, lambda: f"({self.matrix(r, inner, 0)} @ ({self.matrix(inner, c, depth - 1)}))"),
                (1, lambda: f"np.where({sub()} > {self.threshold()}, {sub()}, {self.scalar(0)})"),
                (1, lambda: f"np.reshape({self.vector(r * c, 0)}, ({r}, {c}))"),
                (1, lambda: f"np.stack([{', '.join(self.vector(c, 0) for _ in range(r))}])" if r else None),
                (1, lambda: f"np.{self.pick('tril', 'triu')}({sub()}, {self.pick(-1, 0, 1)})"),
                (1, lambda: f"np.cumsum({sub()}, axis={self.pick(0, 1)})"),
                (1, lambda: self.centred(sub())),
                (1, lambda: f"({sub()})[::-1, ::-1]"),
            ]
        )

    def centred(self, m: str) -> str:
        return f"({m} - np.mean({m}, axis={self.pick(0, 1)}, keepdims=True))"

    def bounded(self, expression: str) -> str:
        return self.pick("np.tanh({})", "np.sin({})", "0.5 * np.cos({})").format(expression)
