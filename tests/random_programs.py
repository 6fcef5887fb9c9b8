"""Random NumPy programs: the source of small functions with nested control flow, views and writes in place.

`program(seed)` gives the same program each time; with a `size`, one of about so many statements. What it
gives runs under NumPy, and there its result is a number that central differences can differentiate along
`DIRECTIONS` random directions: an attempt that NumPy refuses, or that stands at a kink, is thrown away and
the next one taken. So every check of a program has something to compare with, and none needs to be skipped.

Names: `s0, s1, ...` are float scalars, `v3` vectors, `m4` matrices, `k5` integers, `i6` loop indices. Values
stay bounded: whatever is assigned passes through `tanh`, `sin` or a mean.
"""

from __future__ import annotations

import copy
import importlib.util
import math
import random
import re
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

DIRECTIONS = 2
"""How many directions a program can be differentiated along by differences."""

SIZES = (2, 3, 5)
"""About how many statements the programs have that are checked by default, in turn."""

_STEPS = (1e-4, 1e-5, 1e-6)
_ATTEMPTS = 200

_HEADER = "import math\n\nimport numpy as np\n\n\n"

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

    @property
    def is_float(self) -> bool:
        return self.bounds is None


@dataclass(eq=False)
class Program:
    """A function with arguments for it; by the floats among them it is differentiated."""

    source: str
    args: tuple[Any, ...]
    seed: int | str = ""
    function: Callable[..., Any] = field(init=False, repr=False)

    def __post_init__(self):
        self.function = _load(self.source)

    @property
    def active(self) -> tuple[int, ...]:
        """The positions of the arguments to differentiate by."""
        return tuple(i for i, a in enumerate(self.args) if np.asarray(a).dtype.kind == "f")

    @property
    def single(self) -> bool:
        """Whether it computes in single precision."""
        return any(isinstance(a, np.ndarray) and a.dtype == np.float32 for a in self.args)

    def fresh(self) -> tuple[Any, ...]:
        """The arguments, to be written into."""
        return copy.deepcopy(self.args)

    def direction(self, seed: int) -> tuple[Any, ...]:
        """A random direction: a value for each active argument."""
        rng = np.random.default_rng(seed)
        made = []
        for i in self.active:
            d = rng.standard_normal(np.shape(self.args[i]))
            made.append(d.astype(self.args[i].dtype) if isinstance(self.args[i], np.ndarray) else float(d))
        return tuple(made)

    def moved(self, direction: tuple[Any, ...], by: float) -> tuple[Any, ...]:
        """The arguments, in double precision, moved along a direction."""
        args = [a.astype(np.float64) if _is_single(a) else a for a in self.fresh()]
        for i, d in zip(self.active, direction, strict=True):
            args[i] = args[i] + by * np.asarray(d, np.float64) if np.ndim(d) else args[i] + by * float(d)
        return tuple(args)

    def run(self, args: tuple[Any, ...]) -> Any:
        """What NumPy gives."""
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return self.function(*args)

    def difference(self, direction: tuple[Any, ...]) -> float:
        """The derivative along a direction, by differences of what NumPy gives."""
        return difference(lambda by: float(self.run(self.moved(direction, by))))


def _is_single(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype == np.float32


class NotSmooth(Exception):
    """Differences don't converge, or differ from side to side: there is no derivative to compare with."""


def difference(function: Callable[[float], float]) -> float:
    """The derivative at 0, by central differences with Richardson extrapolation.

    Raises
    ------
    NotSmooth
        If at no step do both sides agree.
    """
    middle = function(0.0)
    for step in _STEPS:
        up, half_up, half_down, down = (function(by * step) for by in (1.0, 0.5, -0.5, -1.0))
        whole, half = (up - down) / (2 * step), (half_up - half_down) / step
        scale = max(1.0, abs(half))
        one_sided = abs(half_up - 2 * middle + half_down) / step
        if abs(whole - half) < 1e-5 * scale and one_sided < 50 * step * scale + 1e-8 / step * 1e-6:
            return (4 * half - whole) / 3
    raise NotSmooth


_directory: tempfile.TemporaryDirectory[str] | None = None
_count = 0


def _load(source: str) -> Callable[..., Any]:
    """The function `program` of a source, from a real file: compilers read the source."""
    global _directory, _count
    if _directory is None:
        _directory = tempfile.TemporaryDirectory(prefix="random_programs")
    _count += 1
    path = Path(_directory.name) / f"program_{_count}.py"
    path.write_text(source)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spec.loader.exec_module(module)
    return module.program


def program(seed: int, size: int | None = None) -> Program:
    """The program of a seed; of about `size` statements, those in blocks counted."""
    for attempt in range(_ATTEMPTS):
        rng = random.Random(f"{seed}/{attempt}")
        made = Program(*_Writer(rng, size).write(), seed=seed)
        if meaningful(made):
            return made
    raise AssertionError(f"no program for seed {seed}")


def meaningful(made: Program) -> bool:
    """Whether NumPy runs the program, and differences give its derivatives."""
    try:
        value = made.run(made.fresh())
        exact = made.run(made.moved(made.direction(0), 0.0))
        slopes = [made.difference(made.direction(i)) for i in range(DIRECTIONS)]
    except (ArithmeticError, IndexError, NameError, ValueError, TypeError, NotSmooth):
        return False
    if not isinstance(value, float | np.floating):
        return False
    close = abs(value - exact) < (1e-4 if made.single else 1e-12) * max(1.0, abs(exact))
    return close and all(math.isfinite(s) and abs(s) < 1e3 for s in slopes) and any(slopes)


class _Writer:
    """Writes one program."""

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
        for v in self.scope:
            if v.bounds is not None and len(v.shape) == 1 and v.bounds[1] < extent and depth:
                options.append(f"{v.name}[{self.index(v.shape[0], 0)}]")
        if depth == 2 and self.chance(0.1):
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
        ]

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
        cut = self.pick(f"[:{end}]", f"[{end}:]", f"[:{end}]")
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
        return f"{self.rng.choice(fitting)}({self.scalar(depth - 1)}, {self.scalar(0)})"

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
            (
                1,
                lambda: (
                    f"np.stack([{', '.join(self.scalar(0) + ' * 1.0' for _ in range(n))}])" if n else None
                ),
            ),
        ]
        if n > 1:
            cut = self.rng.randrange(1, n)
            options.append(
                (1, lambda: f"np.concatenate([{self.vector(cut, 0)}, {self.vector(n - cut, depth - 1)}])")
            )
        return self.draw(options)

    def stacked(self, n: int) -> str | None:
        elements = ", ".join(f"{self.scalar(0)} * 1.0" for _ in range(n))
        return f"np.array([{elements}])" if n else None

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
            ]
        )

    def bounded(self, expression: str) -> str:
        return self.pick("np.tanh({})", "np.sin({})", "0.5 * np.cos({})").format(expression)

    # --- statements ---------------------------------------------------------------------------

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
        self.left -= 1
        if self.indent < 5 and self.left > 0:
            options += [(3, self.conditional)]
        if self.indent < 5 and self.loops < 3 and self.left > 0:
            options += [(4, self.for_loop), (2, self.while_loop)]
        if self.loops:
            options += [(1, self.jump)]
        if self.indent > 1:
            options += [(1, self.early_return)]
        weights = [w for w, _ in options]
        self.rng.choices(options, weights)[0][1]()

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
                heads.append((f"for {i} in range({v.name}, 5):", [Variable(i, (), (v.bounds[0], 4))]))
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

    # --- the whole ------------------------------------------------------------------------------

    def helper(self) -> None:
        name = self.fresh("helper")
        kind = self.pick("scalar", "scalar", "writer")
        kept, self.scope = self.scope, [Variable("b")]
        if kind == "scalar":
            self.emit_at(0, f"def {name}(a, b):")
            self.define(Variable("a"))
            self.statements_without_arrays()
            self.emit(f"return {self.bounded(self.scalar(1))}")
        else:
            self.emit_at(0, f"def {name}(a, b):")
            with self.loop(f"for i in range({self.pick('len(a)', 'a.shape[0]', 'len(a) - 1')}):"):
                self.emit(f"a[i] = {self.bounded('a[i] + b * (i + 1)')}")
                if self.chance(0.5):
                    self.emit("b = b * 0.5 + a[i - 1]")
        self.lines += ["", ""]
        self.scope = kept
        self.helpers.append((name, kind))

    def statements_without_arrays(self) -> None:
        for _ in range(self.rng.randrange(3)):
            way = self.rng.randrange(4)
            if way == 0:
                self.early_return()
            elif way == 1:
                with self.loop(f"for i in range({self.rng.randrange(1, 4)}):"):
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
        args = (x, a, float(draw.standard_normal()), count, index)
        return _HEADER + "\n".join(self.lines) + "\n", args
