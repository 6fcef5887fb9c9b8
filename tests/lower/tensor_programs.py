"""Random programs of the linalg rung, full of aliasing: what bufferization has to get right.

A program is text. It never reads what is undefined, its indices are in bounds and its loops end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

Statement = Callable[..., None]
"""Appends to a program, given the values in scope."""

SHAPES = ("4", "3x4", "2", "12", "", "0", "4x4")
_ELEMENTWISE = ("arith.addf", "arith.subf", "arith.mulf", "arith.maximumf")


def _type(shape: str) -> str:
    return f"tensor<{shape}xf64>" if shape else "tensor<f64>"


class Generator:
    """Writes one function `@f`; `values` are those in scope, by shape (`f64` for scalars)."""

    def __init__(self, random: Random):
        self.random = random
        self.lines: list[str] = []
        self.count = 0
        self.depth = 0
        self.budget = random.randint(5, 25)
        self.caches: list[tuple[str, str]] = []
        self.counted: list[str] = []

    def name(self) -> str:
        self.count += 1
        return f"%v{self.count}"

    def emit(self, text: str) -> None:
        self.lines.append("  " * (self.depth + 1) + text)

    def program(self) -> str:
        r = self.random
        scope: dict[str, list[str]] = {shape: [] for shape in SHAPES} | {"f64": []}
        args: list[str] = []
        inout: list[str] = []
        for shape in ("4", "3x4", "4x4", *r.sample(SHAPES, 2)):
            name = self.name()
            scope[shape].append(name)
            attribute = ""
            if r.random() < 0.5:
                attribute = f" {{dialectad.inout = {len(inout)} : i64}}"
                inout.append(shape)
            args.append(f"{name}: {_type(shape)}{attribute}")
        args += ["%x: f64", "%p: i1", "%k: index"]
        scope["f64"].append("%x")
        for shape in SHAPES:
            if not scope[shape]:
                name = self.name()
                self.emit(f"{name} = tensor.splat %x : {_type(shape)}")
                scope[shape].append(name)
        self.statements(scope)
        shapes = inout + [r.choice([*SHAPES, "f64"]) for _ in range(r.randint(1, 4))]
        results = [r.choice(scope[shape]) for shape in shapes]
        types = ", ".join("f64" if shape == "f64" else _type(shape) for shape in shapes)
        constants = [f"  %c{n} = arith.constant {n} : index" for n in range(5)]
        constants += ["  %one = arith.constant 1.0 : f64"]
        body = "\n".join([*constants, *self.lines, f"  func.return {', '.join(results)} : {types}"])
        return f"func.func @f({', '.join(args)}) -> ({types}) {{\n{body}\n}}\n"

    def statements(self, scope: dict[str, list[str]]) -> None:
        for _ in range(self.random.randint(2, 7)):
            if self.budget <= 0:
                return
            self.budget -= 1
            kinds = self.simple() if self.depth >= 3 else [*self.simple(), *_STRUCTURED]
            self.random.choice(kinds)(self, scope)

    def pick(self, scope: dict[str, list[str]], shape: str) -> str:
        """Mostly a recent value: then values die, and writes happen in place."""
        values = scope[shape]
        return self.random.choice(values[-2:] if self.random.random() < 0.7 else values)

    def define(self, scope: dict[str, list[str]], shape: str, text: str) -> str:
        name = self.name()
        self.emit(f"{name} = {text}")
        scope[shape].append(name)
        return name

    def simple(self) -> Sequence[Statement]:
        """The statements without regions."""
        return _SIMPLE

    # --- simple ops ----------------------------------------------------------------------------

    def elementwise(self, scope: dict[str, list[str]]) -> None:
        shape = self.random.choice(SHAPES)
        a, b = self.pick(scope, shape), self.pick(scope, shape)
        self.define(scope, shape, f"{self.random.choice(_ELEMENTWISE)} {a}, {b} : {_type(shape)}")

    def insert(self, scope: dict[str, list[str]]) -> None:
        shape = self.random.choice(("4", "3x4", "2", ""))
        indices = {"4": "%c3", "3x4": f"{self.row()}, %c1", "2": "%c1", "": ""}[shape]
        x, t = self.pick(scope, "f64"), self.pick(scope, shape)
        self.define(scope, shape, f"tensor.insert {x} into {t}[{indices}] : {_type(shape)}")

    def extract(self, scope: dict[str, list[str]]) -> None:
        t = self.pick(scope, "3x4")
        self.define(scope, "f64", f"tensor.extract {t}[{self.row()}, %c2] : tensor<3x4xf64>")

    def row(self) -> str:
        """An index below three."""
        return self.random.choice(["%c0", "%c1", "%c2", "%k", *self.counted])

    def _slice(self) -> tuple[str, str, str]:
        r = self.random
        return r.choice(
            [
                ("3x4", "4", f"[{self.row()}, 0] [1, 4] [1, 1]"),
                ("4x4", "4", f"[{self.row()}, 0] [1, 4] [1, 1]"),
                ("4x4", "4", f"[0, {self.row()}] [4, 1] [1, 1]"),
                ("4x4", "3x4", f"[{r.choice('01')}, 0] [3, 4] [1, 1]"),
                ("4", "2", f"[{r.choice('012')}] [2] [1]"),
                ("4", "2", f"[{r.choice('01')}] [2] [2]"),
                ("4", "2", f"[{self.row()}] [2] [1]"),
                ("12", "4", f"[{r.choice('012')}] [4] [3]"),
                ("3x4", "0", "[0, 0] [1, 0] [1, 1]"),
            ]
        )

    def extract_slice(self, scope: dict[str, list[str]]) -> None:
        whole, part, at = self._slice()
        t = self.pick(scope, whole)
        self.define(scope, part, f"tensor.extract_slice {t}{at} : {_type(whole)} to {_type(part)}")

    def insert_slice(self, scope: dict[str, list[str]]) -> None:
        whole, part, at = self._slice()
        s, t = self.pick(scope, part), self.pick(scope, whole)
        self.define(scope, whole, f"tensor.insert_slice {s} into {t}{at} : {_type(part)} into {_type(whole)}")

    def update_slice(self, scope: dict[str, list[str]]) -> None:
        whole, part, at = self._slice()
        t = self.pick(scope, whole)
        s = self.define(scope, part, f"tensor.extract_slice {t}{at} : {_type(whole)} to {_type(part)}")
        for _ in range(self.random.randint(0, 2)):
            u = self.pick(scope, part)
            s = self.define(scope, part, f"arith.addf {s}, {u} : {_type(part)}")
        self.define(scope, whole, f"tensor.insert_slice {s} into {t}{at} : {_type(part)} into {_type(whole)}")

    def reshape(self, scope: dict[str, list[str]]) -> None:
        if self.random.random() < 0.5:
            t = self.pick(scope, "3x4")
            self.define(
                scope, "12", f"tensor.collapse_shape {t} [[0, 1]] : tensor<3x4xf64> into tensor<12xf64>"
            )
        else:
            t = self.pick(scope, "12")
            text = f"tensor.expand_shape {t} [[0, 1]] output_shape [3, 4]"
            self.define(scope, "3x4", f"{text} : tensor<12xf64> into tensor<3x4xf64>")

    def generic(self, scope: dict[str, list[str]]) -> None:
        """Reads in order or backwards, with or without the old content of the destination."""
        r = self.random
        backwards = "affine_map<(d0) -> (-d0 + 3)>"
        maps = ["affine_map<(d0) -> (d0)>"] * 3
        if r.random() < 0.4:
            maps[r.choice((0, 1))] = backwards
        a, b, c = (self.pick(scope, "4") for _ in range(3))
        keeps = r.random() < 0.4
        if not keeps and r.random() < 0.7:
            c = self.name()
            self.emit(f"{c} = tensor.empty() : tensor<4xf64>")
        g = self.pick(scope, "4")
        captured = r.random() < 0.3
        name = self.name()
        self.emit(
            f'{name} = linalg.generic {{indexing_maps = [{", ".join(maps)}], iterator_types = ["parallel"]}}'
            f" ins({a}, {b} : tensor<4xf64>, tensor<4xf64>) outs({c} : tensor<4xf64>) {{"
        )
        self.emit("^bb0(%a0: f64, %b0: f64, %o0: f64):")
        self.emit(f"  %s{name[1:]} = arith.addf %a0, {'%o0' if keeps else '%b0'} : f64")
        last = f"%s{name[1:]}"
        if captured:
            self.emit(f"  %t{name[1:]} = tensor.extract {g}[%k] : tensor<4xf64>")
            self.emit(f"  %u{name[1:]} = arith.mulf {last}, %t{name[1:]} : f64")
            last = f"%u{name[1:]}"
        self.emit(f"  linalg.yield {last} : f64")
        self.emit("} -> tensor<4xf64>")
        scope["4"].append(name)

    def gemv(self, scope: dict[str, list[str]]) -> None:
        m, x, y = self.pick(scope, "4x4"), self.pick(scope, "4"), self.pick(scope, "4")
        beta = self.random.choice(("0.0", "1.0"))
        if beta == "0.0" and self.random.random() < 0.7:
            y = self.name()
            self.emit(f"{y} = tensor.empty() : tensor<4xf64>")
        types = "(tensor<4x4xf64>, tensor<4xf64>, tensor<4xf64>) -> tensor<4xf64>"
        scaling = f"<{{alpha = 0.5 : f64, beta = {beta} : f64}}>"
        self.define(scope, "4", f'"blas.gemv"({m}, {x}, {y}) {scaling} : {types}')

    def ger(self, scope: dict[str, list[str]]) -> None:
        m, x, y = self.pick(scope, "4x4"), self.pick(scope, "4"), self.pick(scope, "4")
        types = "(tensor<4xf64>, tensor<4xf64>, tensor<4x4xf64>) -> tensor<4x4xf64>"
        scaling = "<{alpha = 0.25 : f64, beta = 1.0 : f64}>"
        self.define(scope, "4x4", f'"blas.ger"({x}, {y}, {m}) {scaling} : {types}')

    def splat(self, scope: dict[str, list[str]]) -> None:
        shape = self.random.choice(SHAPES)
        self.define(scope, shape, f"tensor.splat {self.pick(scope, 'f64')} : {_type(shape)}")

    def constant(self, scope: dict[str, list[str]]) -> None:
        self.define(scope, "4", "arith.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf64>")

    def reduce(self, scope: dict[str, list[str]]) -> None:
        t, init = self.pick(scope, "3x4"), self.pick(scope, "4")
        name = self.name()
        self.emit(
            f"{name} = linalg.reduce ins({t} : tensor<3x4xf64>) outs({init} : tensor<4xf64>)"
            f" dimensions = [0] (%i: f64, %acc: f64) {{"
        )
        self.emit(f"  %r{name[1:]} = arith.addf %i, %acc : f64")
        self.emit(f"  linalg.yield %r{name[1:]} : f64")
        self.emit("}")
        scope["4"].append(name)

    def transpose(self, scope: dict[str, list[str]]) -> None:
        t = self.pick(scope, "4x4")
        init = self.name()
        self.emit(f"{init} = tensor.empty() : tensor<4x4xf64>")
        text = f"linalg.transpose ins({t} : tensor<4x4xf64>) outs({init} : tensor<4x4xf64>)"
        self.define(scope, "4x4", f"{text} permutation = [1, 0]")

    def broadcast(self, scope: dict[str, list[str]]) -> None:
        t = self.pick(scope, "4")
        init = self.name()
        self.emit(f"{init} = tensor.empty() : tensor<3x4xf64>")
        text = f"linalg.broadcast ins({t} : tensor<4xf64>) outs({init} : tensor<3x4xf64>)"
        self.define(scope, "3x4", f"{text} dimensions = [0]")

    def dynamic(self, scope: dict[str, list[str]]) -> None:
        """A slice of an extent that is known at run time."""
        a, b = self.pick(scope, "4"), self.pick(scope, "4")
        n = self.row()
        s, u, t = self.name(), self.name(), self.name()
        self.emit(f"{s} = tensor.extract_slice {a}[0] [{n}] [1] : tensor<4xf64> to tensor<?xf64>")
        self.emit(f"{u} = tensor.extract_slice {b}[1] [{n}] [1] : tensor<4xf64> to tensor<?xf64>")
        self.emit(f"{t} = arith.addf {s}, {u} : tensor<?xf64>")
        at = self.random.choice("01")
        text = f"tensor.insert_slice {t} into {self.random.choice((a, b))}[{at}] [{n}] [1]"
        self.define(scope, "4", f"{text} : tensor<?xf64> into tensor<4xf64>")

    # --- control flow --------------------------------------------------------------------------

    def carried(self, scope: dict[str, list[str]]) -> list[tuple[str, str]]:
        """Loop-carried values: name of the initial value, and shape."""
        shapes = [
            self.random.choice(("4", "4", "3x4", "4x4", "f64")) for _ in range(self.random.randint(1, 4))
        ]
        return [(self.pick(scope, shape), shape) for shape in shapes]

    def body(self, scope: dict[str, list[str]], args: list[tuple[str, str]]) -> list[str]:
        """The statements of a region; gives what it yields, now and then its arguments permuted."""
        inner = {shape: list(values) for shape, values in scope.items()}
        for name, shape in args:
            inner[shape].append(name)
        self.depth += 1
        self.statements(inner)
        self.depth -= 1
        fixed = [name for name, _ in args]
        yielded: list[str] = []
        for _, shape in args:
            same = [name for name, other in args if other == shape and name in fixed]
            if self.random.random() < 0.3:
                yielded.append(self.random.choice(same))
            else:
                yielded.append(self.pick(inner, shape))
        return yielded

    def results(self, scope: dict[str, list[str]], carried: list[tuple[str, str]]) -> list[str]:
        names = [self.name() for _ in carried]
        for name, (_, shape) in zip(names, carried, strict=True):
            scope[shape].append(name)
        return names

    def for_(self, scope: dict[str, list[str]]) -> None:
        carried = self.carried(scope)
        args = [(self.name(), shape) for _, shape in carried]
        types = [_type(s) if s != "f64" else s for _, s in carried]
        iv = self.name()
        inits = ", ".join(f"{a} = {i}" for (a, _), (i, _) in zip(args, carried, strict=True))
        at = len(self.lines)
        bound = self.random.choice(("%c0", "%c2", "%c3", "%c3", "%k"))
        self.counted.append(iv)
        yielded = self.body(scope, args)
        self.counted.pop()
        names = self.results(scope, carried)
        header = f"scf.for {iv} = %c0 to {bound} step %c1 iter_args({inits}) -> ({', '.join(types)}) {{"
        self.lines.insert(at, "  " * (self.depth + 1) + f"{', '.join(names)} = {header}")
        self.emit(f"  scf.yield {', '.join(yielded)} : {', '.join(types)}")
        self.emit("}")

    def while_(self, scope: dict[str, list[str]]) -> None:
        carried = self.carried(scope)
        before = [(self.name(), shape) for _, shape in carried]
        after = [(self.name(), shape) for _, shape in carried]
        types = ["index", *(_type(s) if s != "f64" else s for _, s in carried)]
        listed = ", ".join(types)
        n, m, c, s = self.name(), self.name(), self.name(), self.name()
        inits = [f"{n} = %c0", *(f"{a} = {i}" for (a, _), (i, _) in zip(before, carried, strict=True))]
        at = len(self.lines)
        self.emit(f"  {c} = arith.cmpi slt, {n}, {self.random.choice(('%k', '%c2', '%c3'))} : index")
        forwarded = [name for name, _ in before]
        if self.random.random() < 0.3:
            forwarded = self.body(scope, before)
        self.emit(f"  scf.condition({c}) {', '.join([n, *forwarded])} : {listed}")
        self.emit("} do {")
        arguments = ", ".join(f"{a}: {t}" for a, t in zip([m, *(a for a, _ in after)], types, strict=True))
        self.emit(f"^bb0({arguments}):")
        yielded = self.body(scope, after)
        self.emit(f"  {s} = arith.addi {m}, %c1 : index")
        self.emit(f"  scf.yield {', '.join([s, *yielded])} : {listed}")
        self.emit("}")
        names = [self.name(), *self.results(scope, carried)]
        header = f"{', '.join(names)} = scf.while ({', '.join(inits)}) : ({listed}) -> ({listed}) {{"
        self.lines.insert(at, "  " * (self.depth + 1) + header)

    def if_(self, scope: dict[str, list[str]]) -> None:
        carried = self.carried(scope)
        types = ", ".join(_type(s) if s != "f64" else s for _, s in carried)
        at = len(self.lines)
        first = self.body(scope, carried)
        self.emit(f"  scf.yield {', '.join(first)} : {types}")
        self.emit("} else {")
        second = self.body(scope, carried)
        self.emit(f"  scf.yield {', '.join(second)} : {types}")
        self.emit("}")
        names = self.results(scope, carried)
        self.lines.insert(at, "  " * (self.depth + 1) + f"{', '.join(names)} = scf.if %p -> ({types}) {{")

    def sweep(self, scope: dict[str, list[str]]) -> None:
        """A loop that pushes and one that pops."""
        cache, type_ = self.name(), "!ad.cache<tensor<4xf64>>"
        self.emit(f'{cache} = "ad.cache"() : () -> {type_}')
        x, a, iv = self.pick(scope, "4"), self.name(), self.name()
        result = self.name()
        self.emit(f"{result} = scf.for {iv} = %c0 to %c3 step %c1 iter_args({a} = {x}) -> (tensor<4xf64>) {{")
        inner = {shape: list(values) for shape, values in scope.items()}
        inner["4"].append(a)
        self.depth += 1
        self.statements(inner)
        kept = self.pick(inner, "4")
        self.emit(f'"ad.push"({cache}, {kept}) : ({type_}, tensor<4xf64>) -> ()')
        self.statements(inner)
        self.emit(f"scf.yield {self.pick(inner, '4')} : tensor<4xf64>")
        self.depth -= 1
        self.emit("}")
        scope["4"].append(result)
        x, a, iv, result, popped = (
            self.pick(scope, "4"), self.name(), self.name(), self.name(), self.name()
        )  # fmt: skip
        self.emit(f"{result} = scf.for {iv} = %c0 to %c3 step %c1 iter_args({a} = {x}) -> (tensor<4xf64>) {{")
        inner = {shape: list(values) for shape, values in scope.items()}
        inner["4"].append(a)
        self.depth += 1
        self.emit(f'{popped} = "ad.pop"({cache}) : ({type_}) -> tensor<4xf64>')
        inner["4"].append(popped)
        self.statements(inner)
        self.emit(f"scf.yield {self.pick(inner, '4')} : tensor<4xf64>")
        self.depth -= 1
        self.emit("}")
        scope["4"].append(result)


_SIMPLE = [
    Generator.elementwise,
    Generator.elementwise,
    Generator.insert,
    Generator.extract,
    Generator.extract_slice,
    Generator.extract_slice,
    Generator.insert_slice,
    Generator.insert_slice,
    Generator.update_slice,
    Generator.update_slice,
    Generator.reshape,
    Generator.generic,
    Generator.generic,
    Generator.gemv,
    Generator.ger,
    Generator.splat,
    Generator.constant,
    Generator.reduce,
    Generator.transpose,
    Generator.broadcast,
    Generator.dynamic,
]
_STRUCTURED = [
    Generator.for_,
    Generator.for_,
    Generator.while_,
    Generator.if_,
    Generator.if_,
    Generator.sweep,
]


def program(seed: int) -> str:
    """The program of a seed."""
    return Generator(Random(seed)).program()
