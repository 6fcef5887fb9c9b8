"""Loops over memory that is written in place, differentiated at the levels loop and llvm."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from tests.ad.memory_programs import Program, check

_SIZE = 6
_V = f"memref<{_SIZE}xf64>"
_CONSTANTS = "\n".join(f"%c{i} = arith.constant {i} : index" for i in range(_SIZE + 1))


class Generator:
    """Random statements on the arrays `%x0` (read), `%m` and `%y`, with nested loops and branches.

    Loops have constant bounds, so that every index can be chosen to be in range.
    """

    def __init__(self, seed: int):
        self.random = Random(seed)
        self.count = 0
        self.lines: list[str] = []
        self.indices: list[tuple[str, int, int]] = []
        """What can be an index, with its least and its greatest value."""

    def program(self) -> Program:
        self.emit(_CONSTANTS)
        self.emit("%half = arith.constant 0.5 : f64")
        self.emit(f"%m = memref.alloc() : {_V}")
        for target in ("%m", "%y"):
            self.emit(f'"memref.copy"(%x0, {target}) : ({_V}, {_V}) -> ()')
        self.block(3, depth=0)
        self.emit(f"memref.dealloc %m : {_V}")
        return Program("\n".join(self.lines), [_V, "f64"], [_V])

    def emit(self, line: str) -> None:
        self.lines.append(line)

    def value(self, expression: str) -> str:
        self.count += 1
        self.emit(f"%v{self.count} = {expression}")
        return f"%v{self.count}"

    def block(self, statements: int, depth: int) -> None:
        for _ in range(statements):
            kinds = [self.element, self.element, self.copy]
            if depth < 3:
                kinds += [self.loop, self.loop, self.reduction, self.branch, self.while_]
            self.random.choice(kinds)(depth)

    # Statements

    def element(self, depth: int) -> None:
        a, b = self.load(), self.load()
        combined = self.random.choice(("mulf", "addf", "subf"))
        a = self.value(f"arith.{combined} {a}, {b} : f64")
        if self.random.random() < 0.3:
            a = self.value(f"arith.mulf {a}, %x1 : f64")
        a = self.value(f"math.{self.random.choice(('sin', 'tanh', 'atan'))} {a} : f64")
        self.emit(f"memref.store {a}, {self.random.choice(('%m', '%y'))}[{self.index()}] : {_V}")

    def copy(self, depth: int) -> None:
        source = self.random.choice(("%x0", "%y"))
        if self.random.random() < 0.5:
            self.emit(f'"memref.copy"({source}, %m) : ({_V}, {_V}) -> ()')
            return
        size = self.random.randint(1, 3)
        t = f"memref<{size}xf64, strided<[1], offset: ?>>"
        parts = [self.part(name, size, t) for name in (source, "%m")]
        self.emit(f'"memref.copy"({", ".join(parts)}) : ({t}, {t}) -> ()')

    def part(self, name: str, size: int, t: str) -> str:
        at = self.index(_SIZE - size)
        return self.value(f"memref.subview {name}[{at}] [{size}] [1] : {_V} to {t}")

    def loop(self, depth: int) -> None:
        index = self.open_loop("")
        self.block(self.random.randint(1, 2), depth + 1)
        self.close(index, "scf.yield")

    def open_loop(self, carried: str) -> str:
        low = self.random.randint(0, 2)
        high = self.random.randint(low, _SIZE)
        step = self.random.choice((1, 1, 2))
        self.count += 1
        name = f"%i{self.count}"
        self.emit(f"scf.for {name} = %c{low} to %c{high} step %c{step} {carried}{{")
        self.indices.append((name, low, max(low, high - 1)))
        return name

    def close(self, index: str, last: str) -> None:
        self.emit(last)
        self.emit("}")
        while self.indices and self.indices.pop()[0] != index:
            pass

    def reduction(self, depth: int) -> None:
        self.count += 1
        result, start = f"%r{self.count}", self.load()
        self.emit(f"{result} =")
        index = self.open_loop(f"iter_args(%s{result[2:]} = {start}) -> (f64) ")
        product = self.value(f"arith.mulf %s{result[2:]}, {self.load()} : f64")
        if self.random.random() < 0.5:
            self.element(depth + 1)
        total = self.value(f"math.sin {product} : f64")
        self.close(index, f"scf.yield {total} : f64")
        self.emit(f"memref.store {result}, {self.random.choice(('%m', '%y'))}[{self.index()}] : {_V}")

    def branch(self, depth: int) -> None:
        if self.indices and self.random.random() < 0.5:
            holds = self.value(f"arith.cmpi slt, {self.index()}, %c{self.random.randint(1, 4)} : index")
        else:
            holds = self.value(f"arith.cmpf olt, {self.load()}, {self.load()} : f64")
        self.emit(f"scf.if {holds} {{")
        self.block(1, depth + 1)
        if self.random.random() < 0.5:
            self.emit("} else {")
            self.block(1, depth + 1)
        self.emit("}")

    def while_(self, depth: int) -> None:
        """At most three iterations, as long as an element is small."""
        self.count += 1
        k, state = f"%k{self.count}", f"%w{self.count}"
        self.emit(f"{state} = scf.while ({k} = %c0) : (index) -> (index) {{")
        few = self.value(f"arith.cmpi slt, {k}, %c3 : index")
        small = self.value(f"arith.cmpf olt, {self.load()}, %half : f64")
        self.emit(f"scf.condition({self.value(f'arith.andi {few}, {small} : i1')}) {k} : index")
        self.emit(f"}} do {{\n^bb0({k}n : index):")
        self.indices.append((f"{k}n", 0, 2))
        self.block(self.random.randint(1, 2), depth + 1)
        next_ = self.value(f"arith.addi {k}n, %c1 : index")
        self.close(f"{k}n", f"scf.yield {next_} : index")

    # Operands

    def load(self) -> str:
        name = self.random.choice(("%x0", "%m", "%y", "%y"))
        return self.value(f"memref.load {name}[{self.index()}] : {_V}")

    def index(self, end: int = _SIZE - 1) -> str:
        """An index of at most `end`: mostly affine in that of a loop, or of two, where such a one fits."""
        r = self.random
        if self.indices and r.random() < 0.15:
            a, b = r.choice(self.indices)[0], r.choice(self.indices)[0]
            product = self.value(f"arith.muli {a}, {b} : index")
            return self.value(f"arith.remui {product}, %c{end + 1} : index")
        candidates: list[tuple[str, str, str, int, int]] = []
        for name, low, high in self.indices:
            for c in range(-2, 3):
                candidates.append(("addi", name, f"{c}", low + c, high + c))
            for c in range(2, _SIZE):
                candidates.append(("subi", f"{c}", name, c - high, c - low))
            candidates.append(("muli", name, "2", 2 * low, 2 * high))
        for a, low, high in self.indices:
            for b, lower, higher in self.indices:
                candidates.append(("addi", a, b, low + lower, high + higher))
                if a != b:
                    candidates.append(("subi", a, b, low - higher, high - lower))
        fitting = [c for c in candidates if c[3] >= 0 and c[4] <= end]
        if not fitting or r.random() < 0.15:
            return f"%c{r.randint(0, end)}"
        kind, a, b, _, _ = r.choice(fitting)
        operands = [o if o.startswith("%") else self.value(f"arith.constant {o} : index") for o in (a, b)]
        return self.value(f"arith.{kind} {operands[0]}, {operands[1]} : index")


@pytest.mark.parametrize("seed", range(12))
def test_random_programs(seed: int) -> None:
    check_random(seed)


def test_while_that_writes_constants_into_a_view() -> None:
    body = f"""
    {_CONSTANTS}
    %half = arith.constant 0.5 : f64
    "memref.copy"(%x0, %y) : ({_V}, {_V}) -> ()
    %row = memref.subview %y[%c2] [2] [1] : {_V} to memref<2xf64, strided<[1], offset: ?>>
    %n = scf.while (%k = %c0) : (index) -> (index) {{
      %more = arith.cmpi slt, %k, %c2 : index
      scf.condition(%more) %k : index
    }} do {{
    ^bb0(%k: index):
      memref.store %half, %row[%k] : memref<2xf64, strided<[1], offset: ?>>
      %next = arith.addi %k, %c1 : index
      scf.yield %next : index
    }}"""
    check(Program(body, [_V], [_V]), np.arange(1.0, 7.0))


def check_random(seed: int) -> None:
    rng = np.random.default_rng(seed)
    check(Generator(seed).program(), rng.standard_normal(_SIZE), 0.8, seed=seed)
