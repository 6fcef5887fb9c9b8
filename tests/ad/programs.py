"""Random programs on scalars and small tensors, with nested loops and branches.

Values stay of moderate size (everything goes through sine or a small factor now and then), loops run at most
three times, and indices are always in range.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

T = "tensor<4xf64>"
M = "tensor<4x4xf64>"


@dataclass
class Scope:
    """The names that can be used at a place, by type."""

    names: dict[str, list[str]] = field(
        default_factory=lambda: {"f64": [], T: [], M: [], "index": [], "i1": []}
    )

    def copy(self) -> Scope:
        return Scope({type_: list(names) for type_, names in self.names.items()})


class Generator:
    def __init__(self, seed: int):
        self.random = random.Random(seed)
        self.count = 0
        self.lines: list[str] = []

    def fresh(self) -> str:
        self.count += 1
        return f"%v{self.count}"

    def pick(self, scope: Scope, type_: str) -> str:
        names = scope.names[type_]
        # Mostly what is recent, so that programs are deep rather than wide.
        return self.random.choice(names[-4:] if self.random.random() < 0.7 else names)

    def emit(self, scope: Scope, type_: str, text: str) -> str:
        name = self.fresh()
        self.lines.append(f"{name} = {text}")
        scope.names[type_].append(name)
        return name

    def index(self, scope: Scope) -> str:
        """An index below 4."""
        base = self.pick(scope, "index")
        k = self.emit(scope, "index", f"arith.addi {base}, {self.pick(scope, 'index')} : index")
        return self.emit(scope, "index", f"arith.remui {k}, %c4 : index")

    def statement(self, scope: Scope, depth: int) -> None:
        choices = [self.scalar, self.tensor, self.extract, self.insert, self.slice, self.product, self.reduce]
        if depth > 0:
            choices += [self.for_, self.for_, self.if_, self.while_]
        choice = self.random.choice(choices)
        if choice in (self.for_, self.if_, self.while_):
            choice(scope, depth - 1)  # pyright: ignore[reportCallIssue]
        else:
            choice(scope)  # pyright: ignore[reportCallIssue]

    def scalar(self, scope: Scope) -> None:
        a, b = self.pick(scope, "f64"), self.pick(scope, "f64")
        op = self.random.choice(["sin", "mul", "add", "sub", "select", "max", "constant"])
        match op:
            case "sin":
                self.emit(scope, "f64", f"math.sin {a} : f64")
            case "select":
                c = self.pick(scope, "i1")
                self.emit(scope, "f64", f"arith.select {c}, {a}, {b} : f64")
            case "max":
                self.emit(scope, "i1", f"arith.cmpf ogt, {a}, {b} : f64")
            case "constant":
                self.emit(scope, "f64", f"arith.constant {self.random.uniform(-1, 1):.3f} : f64")
            case _:
                m = self.emit(scope, "f64", f"arith.{op}f {a}, {b} : f64")
                self.emit(scope, "f64", f"math.sin {m} : f64")

    def tensor(self, scope: Scope) -> None:
        a, b = self.pick(scope, T), self.pick(scope, T)
        op = self.random.choice(["sin", "mul", "add", "splat"])
        match op:
            case "sin":
                self.emit(scope, T, f"math.sin {a} : {T}")
            case "splat":
                self.emit(scope, T, f"tensor.splat {self.pick(scope, 'f64')} : {T}")
            case _:
                m = self.emit(scope, T, f"arith.{op}f {a}, {b} : {T}")
                self.emit(scope, T, f"math.sin {m} : {T}")

    def extract(self, scope: Scope) -> None:
        i = self.index(scope)
        if self.random.random() < 0.3:
            self.emit(scope, "f64", f"tensor.extract {self.pick(scope, M)}[{i}, {self.index(scope)}] : {M}")
        else:
            self.emit(scope, "f64", f"tensor.extract {self.pick(scope, T)}[{i}] : {T}")

    def insert(self, scope: Scope) -> None:
        i, x = self.index(scope), self.pick(scope, "f64")
        if self.random.random() < 0.3:
            j = self.index(scope)
            self.emit(scope, M, f"tensor.insert {x} into {self.pick(scope, M)}[{i}, {j}] : {M}")
        else:
            self.emit(scope, T, f"tensor.insert {x} into {self.pick(scope, T)}[{i}] : {T}")

    def slice(self, scope: Scope) -> None:
        i = self.index(scope)
        if self.random.random() < 0.5:
            source = self.pick(scope, M)
            self.emit(scope, T, f"tensor.extract_slice {source}[{i}, 0] [1, 4] [1, 1] : {M} to {T}")
        elif self.random.random() < 0.5:
            row, dest = self.pick(scope, T), self.pick(scope, M)
            self.emit(scope, M, f"tensor.insert_slice {row} into {dest}[0, {i}] [4, 1] [1, 1] : {T} into {M}")
        else:
            dynamic = "tensor<?xf64>"
            part = self.fresh()
            a, dest = self.pick(scope, T), self.pick(scope, T)
            self.lines.append(f"{part} = tensor.extract_slice {a}[0] [{i}] [1] : {T} to {dynamic}")
            sine = self.fresh()
            self.lines.append(f"{sine} = math.sin {part} : {dynamic}")
            self.emit(scope, T, f"tensor.insert_slice {sine} into {dest}[0] [{i}] [1] : {dynamic} into {T}")

    def product(self, scope: Scope) -> None:
        if self.random.random() < 0.5:
            a, b = self.pick(scope, T), self.pick(scope, T)
            d = self.emit(scope, "f64", f'"blas.dot"({a}, {b}) : ({T}, {T}) -> f64')
            self.emit(scope, "f64", f"math.sin {d} : f64")
        else:
            a, x, y = self.pick(scope, M), self.pick(scope, T), self.pick(scope, T)
            flags = self.random.choice(["", ", trans"])
            attributes = f"<{{alpha = 0.5 : f64, beta = {self.random.choice([0, 1])}.0 : f64{flags}}}>"
            v = self.emit(scope, T, f'"blas.gemv"({a}, {x}, {y}) {attributes} : ({M}, {T}, {T}) -> {T}')
            self.emit(scope, T, f"math.sin {v} : {T}")

    def reduce(self, scope: Scope) -> None:
        x, i = self.pick(scope, M), self.pick(scope, T)
        op = self.random.choice(["addf", "maximumf"])
        v = self.emit(
            scope,
            T,
            f"linalg.reduce ins({x} : {M}) outs({i} : {T}) dimensions = [{self.random.choice([0, 1])}] "
            f"(%e: f64, %acc: f64) {{\n%q = arith.{op} %e, %acc : f64\nlinalg.yield %q : f64\n}}",
        )
        self.emit(scope, T, f"math.sin {v} : {T}")

    def block(self, scope: Scope, types: list[str], depth: int, last: str) -> Scope:
        inner = scope.copy()
        for _ in range(self.random.randint(1, 4)):
            self.statement(inner, depth)
        values = [self.random.choice(inner.names[t][-3:]) for t in types]
        self.lines.append(f"{last}{', '.join(values)} : {', '.join(types)}")
        return inner

    def state(self, scope: Scope) -> tuple[list[str], list[str]]:
        types = [self.random.choice(["f64", "f64", T, M]) for _ in range(self.random.randint(1, 3))]
        return types, [self.pick(scope, t) for t in types]

    def results(self, scope: Scope, name: str, types: list[str]) -> None:
        for k, type_ in enumerate(types):
            scope.names[type_].append(f"{name}#{k}" if len(types) > 1 else name)

    def for_(self, scope: Scope, depth: int) -> None:
        types, inits = self.state(scope)
        name, args, iv = self.fresh(), [self.fresh() for _ in types], self.fresh()
        low, high = self.random.choice(["%c0", "%c1"]), self.pick(scope, "index")
        step = self.random.choice(["%c1", "%c1", "%c2"])
        bound = self.emit(scope, "index", f"arith.minui {high}, %c3 : index")
        head = f"{name}:{len(types)} = " if len(types) > 1 else f"{name} = "
        carried = ", ".join(f"{a} = {i}" for a, i in zip(args, inits, strict=True))
        loop = f"scf.for {iv} = {low} to {bound} step {step}"
        self.lines.append(f"{head}{loop} iter_args({carried}) -> ({', '.join(types)}) {{")
        inner = scope.copy()
        inner.names["index"].append(iv)
        for a, t in zip(args, types, strict=True):
            inner.names[t].append(a)
        self.block(inner, types, depth, "scf.yield ")
        self.lines.append("}")
        self.results(scope, name, types)

    def if_(self, scope: Scope, depth: int) -> None:
        types, _ = self.state(scope)
        name, cond = self.fresh(), self.pick(scope, "i1")
        head = f"{name}:{len(types)} = " if len(types) > 1 else f"{name} = "
        self.lines.append(f"{head}scf.if {cond} -> ({', '.join(types)}) {{")
        self.block(scope, types, depth, "scf.yield ")
        self.lines.append("} else {")
        self.block(scope, types, depth, "scf.yield ")
        self.lines.append("}")
        self.results(scope, name, types)

    def while_(self, scope: Scope, depth: int) -> None:
        types, inits = self.state(scope)
        types, inits = ["index", *types], ["%c0", *inits]
        name, before, after = self.fresh(), [self.fresh() for _ in types], [self.fresh() for _ in types]
        bound = self.emit(scope, "index", f"arith.minui {self.pick(scope, 'index')}, %c2 : index")
        carried = ", ".join(f"{a} = {i}" for a, i in zip(before, inits, strict=True))
        signature = f"({', '.join(types)}) -> ({', '.join(types)})"
        self.lines.append(f"{name}:{len(types)} = scf.while ({carried}) : {signature} {{")
        inner = scope.copy()
        for a, t in zip(before[1:], types[1:], strict=True):
            inner.names[t].append(a)
        forwarded = before
        if self.random.random() < 0.4:
            for _ in range(2):
                self.statement(inner, 0)
            forwarded = [before[0], *(self.pick(inner, t) for t in types[1:])]
        go = self.fresh()
        self.lines.append(f"{go} = arith.cmpi ult, {before[0]}, {bound} : index")
        self.lines.append(f"scf.condition({go}) {', '.join(forwarded)} : {', '.join(types)}")
        arguments = ", ".join(f"{a}: {t}" for a, t in zip(after, types, strict=True))
        self.lines.append(f"}} do {{\n^bb0({arguments}):")
        inner = scope.copy()
        for a, t in zip(after[1:], types[1:], strict=True):
            inner.names[t].append(a)
        for _ in range(self.random.randint(1, 4)):
            self.statement(inner, depth)
        following = self.fresh()
        self.lines.append(f"{following} = arith.addi {after[0]}, %c1 : index")
        values = [following, *(self.random.choice(inner.names[t][-3:]) for t in types[1:])]
        self.lines.append(f"scf.yield {', '.join(values)} : {', '.join(types)}\n}}")
        for k, type_ in enumerate(types[1:], 1):
            scope.names[type_].append(f"{name}#{k}")


def program(seed: int, size: int = 8, depth: int = 2) -> str:
    """The text of a module with a function `@f(f64, tensor, matrix) -> (f64, tensor, matrix)`."""
    generator = Generator(seed)
    scope = Scope()
    scope.names["f64"].append("%x")
    scope.names[T].append("%t")
    scope.names[M].append("%m")
    for k in range(5):
        generator.lines.append(f"%c{k} = arith.constant {k} : index")
        scope.names["index"].append(f"%c{k}")
    generator.lines.append("%zero = arith.constant 0.0 : f64\n%pos = arith.cmpf ogt, %x, %zero : f64")
    scope.names["i1"].append("%pos")
    for _ in range(size):
        generator.statement(scope, depth)
    types = ["f64", T, M]
    # Everything counts: the sums of all values.
    values = []
    for type_ in types:
        total, *rest = scope.names[type_]
        for name in rest:
            total = generator.emit(scope, type_, f"arith.addf {total}, {name} : {type_}")
        values.append(total)
    generator.lines.append(f"return {', '.join(values)} : {', '.join(types)}")
    body = "\n".join(generator.lines)
    return f"func.func @f(%x: f64, %t: {T}, %m: {M}) -> ({', '.join(types)}) {{\n{body}\n}}\n"
