"""Random innermost loops that read, write and add to elements at affine addresses, as MLIR text."""

from __future__ import annotations

import random
from collections.abc import Iterator

SIZE = 160
"""The elements of each array; every address that is made is below."""


class Loops:
    """`@f(%d, %x, %lo, %hi, %k)`: a loop over `%o` around one over `%i` from `%lo` to `%hi`."""

    def __init__(self, seed: int, t: str = "index"):
        self.random = random.Random(seed)
        self.t = t
        self.count = 0
        self.values = ["%c"]

    def text(self) -> str:
        body = "\n".join(self._body())
        carried = self.random.random() < 0.3
        head = "%r = scf.for" if carried else "scf.for"
        args = " iter_args(%s = %c) -> (f64)" if carried else ""
        tail = "%s2 = arith.addf %s, %c : f64\nscf.yield %s2 : f64" if carried else ""
        use = "memref.store %r, %x[%c0] : memref<160xf64>" if carried else ""
        return f"""
func.func @f(%d: memref<160xf64>, %x: memref<160xf64>, %lo: index, %hi: index, %k: index) {{
  %c = arith.constant 1.5 : f64
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  scf.for %o = %c0 to %c2 step %c1 {{
    {head} %i = %lo to %hi step %c1{args} {{
      {body}
      {tail}
    }}
    {use}
  }}
  func.return
}}
"""

    def _name(self) -> str:
        self.count += 1
        return f"%v{self.count}"

    def _body(self) -> Iterator[str]:
        kind = self.random.choice(("stencil", "stencil", "mixed", "mixed", "row", "branches"))
        yield from self._load("x", self._address())
        if kind == "stencil":
            base = self._address(moving=True)
            for offset in self.random.sample(range(-3, 4), self.random.randint(2, 4)):
                yield from self._sum("d", (base[0], base[1] + offset))
            if self.random.random() < 0.5:
                yield from self._store("x", self._address())
        elif kind == "branches":
            address = self._address(moving=True)
            yield from self._load("d", address)
            for _ in range(2):
                yield from self._if("d", address, address)
        else:
            for _ in range(self.random.randint(2, 5)):
                yield from self._statement(0.9 if kind == "row" else 0.3)

    def _statement(self, fixed: float) -> Iterator[str]:
        array = self.random.choice("ddx")
        address = self._address(moving=self.random.random() > fixed)
        match self.random.choice(("sum", "sum", "load", "store", "if")):
            case "sum":
                yield from self._sum(array, address)
            case "load":
                yield from self._load(array, address)
            case "store":
                yield from self._store(array, address)
            case _:
                yield from self._if(array, address)

    def _address(self, *, moving: bool | None = None) -> tuple[str, int]:
        """A linear term and a constant, which keeps it in bounds for indices below 45."""
        forms = {"%i": 20, "-%i": 70, "%k": 20, "%o": 10, "2%i": 10}
        names = [n for n in forms if moving is None or ("%i" in n) is moving]
        name = self.random.choice(names)
        return name, forms[name] + self.random.randint(-3, 3)

    def _index(self, address: tuple[str, int]) -> tuple[list[str], str]:
        form, constant = address
        number, result = self._name(), self._name()
        lines = [f"{number} = arith.constant {constant} : index"]
        if form == "-%i":
            return [*lines, f"{result} = arith.subi {number}, %i : index"], result
        if form == "2%i":
            doubled = self._name()
            lines.append(f"{doubled} = arith.muli %i, %c2 : index")
            form = doubled
        return [*lines, f"{result} = arith.addi {form}, {number} : index"], result

    def _load(self, array: str, address: tuple[str, int]) -> Iterator[str]:
        lines, index = self._index(address)
        name = self._name()
        yield from lines
        yield f"{name} = memref.load %{array}[{index}] : memref<160xf64>"
        self.values.append(name)

    def _store(self, array: str, address: tuple[str, int]) -> Iterator[str]:
        lines, index = self._index(address)
        half = self._name()
        yield from lines
        yield f"{half} = arith.divf {self.random.choice(self.values)}, %c : f64"
        yield f"memref.store {half}, %{array}[{index}] : memref<160xf64>"

    def _sum(self, array: str, address: tuple[str, int]) -> Iterator[str]:
        lines, index = self._index(address)
        old, new = self._name(), self._name()
        yield from lines
        value = self.random.choice(self.values)
        yield f"{old} = memref.load %{array}[{index}] : memref<160xf64>"
        if self.random.random() < 0.5:
            yield f"{new} = arith.subf {old}, {value} : f64"
        else:
            yield f"{new} = arith.addf {value}, {old} : f64"
        yield f"memref.store {new}, %{array}[{index}] : memref<160xf64>"

    def _if(
        self, array: str, address: tuple[str, int], other: tuple[str, int] | None = None
    ) -> Iterator[str]:
        condition, result = self._name(), self._name()
        yield f"{condition} = arith.cmpf olt, {self.random.choice(self.values)}, %c : f64"
        yield f"{result} = scf.if {condition} -> (f64) {{"
        outside = list(self.values)
        yield from self._load(array, address)
        inner = self.values[-1]
        if self.random.random() < 0.6:
            yield from self._store(array, address)
        yield f"scf.yield {inner} : f64 }} else {{"
        self.values = outside
        if self.random.random() < 0.3:
            yield from self._store(array if other else self.random.choice("dx"), other or self._address())
        yield f"scf.yield {self.random.choice(self.values)} : f64 }}"
        self.values.append(result)
