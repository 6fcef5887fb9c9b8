"""Random sequences of loop nests over rows, columns and elements of some arrays, as MLIR text."""

from __future__ import annotations

import random
from collections.abc import Iterator

SIZE = 6
"""Rows and columns of an array; loops go to one less, so that they may look one ahead."""

_MATRIX, _ROW = f"memref<{SIZE}x{SIZE}xf64>", f"memref<{SIZE}xf64>"


class Nests:
    """`@f(%a, %b, %r)`: nests over two matrices, a row, and as many temporaries, which are written first.

    Of the temporary `%u` a row is never looked at by another row's iteration.
    """

    def __init__(self, seed: int, count: int = 7):
        self.random = random.Random(seed)
        self.number = 0
        self.count = count

    def text(self) -> str:
        nests = [*self._fill("t", _MATRIX), *self._fill("s", _ROW), *self._copy("a", "u")]
        for _ in range(self.count):
            nests += self._nest()
        if self.random.random() < 0.3:  # a loop around, in which temporaries live on
            nests = ["scf.for %o = %c0 to %c2 step %c1 {", *nests, "}"]
        body = "\n".join(nests)
        return f"""
func.func @f(%a: {_MATRIX}, %b: {_MATRIX}, %r: {_ROW}) {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %n = arith.constant {SIZE - 1} : index
  %all = arith.constant {SIZE} : index
  %x = arith.constant 0.7 : f64
  %t = memref.alloc() : {_MATRIX}
  %u = memref.alloc() : {_MATRIX}
  %s = memref.alloc() : {_ROW}
  {body}
  func.return
}}
"""

    def _name(self) -> str:
        self.number += 1
        return f"%v{self.number}"

    def _fill(self, target: str, type_: str) -> Iterator[str]:
        i, j = self._name(), self._name()
        yield f"scf.for {i} = %c0 to %all step %c1 {{"
        if type_ == _MATRIX:
            yield f"scf.for {j} = %c0 to %all step %c1 {{ memref.store %x, %{target}[{i}, {j}] : {type_} }}"
        else:
            yield f"memref.store %x, %{target}[{i}] : {type_}"
        yield "}"

    def _copy(self, source: str, target: str) -> Iterator[str]:
        i, j = self._name(), self._name()
        yield f"scf.for {i} = %c0 to %n step %c1 {{ scf.for {j} = %c0 to %n step %c1 {{"
        value = yield from self._load(source, i, j, plain=True)
        yield from self._store(value, target, i, j)
        yield "} }"

    def _nest(self) -> Iterator[str]:
        kind = self.random.choice(("each", "each", "each", "rows", "columns", "flat", "all"))
        i, j = self._name(), self._name()
        if kind == "flat":
            yield f"scf.for {i} = %c0 to %n step %c1 {{"
            value = yield from self._load(self._row(), i)
            yield from self._store(value, self._row(), i)
            yield "}"
        elif kind == "all":
            total = self._name()
            yield f"{total} = scf.for {i} = %c0 to %n step %c1 iter_args(%p{i[1:]} = %x) -> (f64) {{"
            sum_ = yield from self._sum_of_row(i, f"%p{i[1:]}")
            yield f"scf.yield {sum_} : f64 }}"
            yield f"memref.store {total}, %r[%c0] : {_ROW}"
        else:
            yield f"scf.for {i} = %c0 to %n step %c1 {{"
            if kind == "rows":
                sum_ = yield from self._sum_of_row(i, "%x")
                yield from self._store(sum_, self._row(), i)
            else:
                yield f"scf.for {j} = %c0 to %n step %c1 {{"
                yield from self._element(kind, i, j)
                yield "}"
            yield "}"

    def _element(self, kind: str, i: str, j: str) -> Iterator[str]:
        value = yield from self._load(self._matrix(), i, j)
        if kind == "columns":
            row, index = self._row(), self.random.choice((i, j))
            other = yield from self._load(row, index, plain=True)
            total = yield from self._combine(value, other)
            yield from self._store(total, row, index, plain=True)
        else:
            other = yield from (
                self._load(self._matrix(), i, j) if self.random.random() < 0.6 else self._load(self._row(), i)
            )
            total = yield from self._combine(value, other)
            yield from self._store(total, self._matrix(), i, j)

    def _sum_of_row(self, i: str, start: str) -> Iterator[str]:
        j, result, carried, total = self._name(), self._name(), self._name(), self._name()
        yield f"{result} = scf.for {j} = %c0 to %n step %c1 iter_args({carried} = {start}) -> (f64) {{"
        value = yield from self._load(self._matrix(), i, j)
        yield f"{total} = arith.addf {carried}, {value} : f64"
        yield f"scf.yield {total} : f64 }}"
        return result

    def _combine(self, a: str, b: str) -> Iterator[str]:
        value, scaled = self._name(), self._name()
        yield f"{value} = arith.{self.random.choice(('addf', 'subf', 'mulf'))} {a}, {b} : f64"
        yield f"{scaled} = arith.mulf {value}, %x : f64"
        return scaled

    def _matrix(self) -> str:
        return self.random.choice("abtu")

    def _row(self) -> str:
        return self.random.choice("rss")

    def _load(self, array: str, *indices: str, plain: bool = False) -> Iterator[str]:
        where = yield from self._where(indices, plain or array == "u")
        value = self._name()
        yield f"{value} = memref.load %{array}[{where}] : {_MATRIX if len(indices) == 2 else _ROW}"
        return value

    def _store(self, value: str, array: str, *indices: str, plain: bool = False) -> Iterator[str]:
        where = yield from self._where(indices, plain or array == "u")
        yield f"memref.store {value}, %{array}[{where}] : {_MATRIX if len(indices) == 2 else _ROW}"

    def _where(self, indices: tuple[str, ...], plain: bool) -> Iterator[str]:
        """The indices as they are, mostly; or turned around, or one ahead."""
        found = list(indices)
        if not plain and self.random.random() < 0.15:
            found.reverse()
        for position, index in enumerate(found):
            if not plain and self.random.random() < 0.15:
                found[position] = self._name()
                yield f"{found[position]} = arith.addi {index}, %c1 : index"
        return ", ".join(found)
