"""Which memory there is, who writes it, and what survives until the reverse sweep."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from xdsl.dialects import func, memref
from xdsl.ir import Block, Operation, SSAValue

from dialectad.ad.memory import Memory, buffer_of, is_memory, written_by
from tests import evaluate
from tests.ad.test_memory_form import Generator
from tests.lower.machine import parse


def body(text: str) -> Block:
    (function,) = (op for op in parse(text).ops if isinstance(op, func.FuncOp))
    return function.body.block


def named(block: Block, name: str) -> SSAValue:
    values = [*block.args, *(result for op in block.walk() for result in op.results)]
    return next(v for v in values if v.name_hint == name)


def loads(block: Block) -> list[memref.LoadOp]:
    return [op for op in block.walk() if isinstance(op, memref.LoadOp)]


VIEWS = """
func.func @f(%x: memref<4x6xf64>, %i: index) {
  %m = memref.alloc() : memref<192xi8>
  %a = memref.view %m[%i][] : memref<192xi8> to memref<4x6xf64>
  %b = memref.subview %a[%i, 0] [1, 6] [1, 1] : memref<4x6xf64> to memref<6xf64, strided<[1], offset: ?>>
  %c = "memref.cast"(%b) : (memref<6xf64, strided<[1], offset: ?>>) -> memref<?xf64, strided<[1], offset: ?>>
  %d = memref.collapse_shape %x [[0 : i64, 1 : i64]] : memref<4x6xf64> into memref<24xf64>
  %k = "ad.cache"() : () -> !ad.cache<memref<4xf64>>
  %s = "ad.reserve"(%k) : (!ad.cache<memref<4xf64>>) -> memref<4xf64>
  %p = "ad.pop"(%k) : (!ad.cache<memref<4xf64>>) -> memref<4xf64>
  func.return
}
"""


@pytest.mark.parametrize(
    ("name", "buffer"),
    [
        ("a", "m"),
        ("b", "m"),
        ("c", "m"),
        ("d", "x"),
        ("m", "m"),
        ("x", "x"),
        ("s", "k"),
        ("p", "k"),
        ("i", "i"),
    ],
)
def test_buffers(name: str, buffer: str) -> None:
    block = body(VIEWS)
    assert buffer_of(named(block, name)) is named(block, buffer)


def survivors(text: str) -> list[bool]:
    """Of each load in a function, in order: whether what it reads survives."""
    block = body(text)
    memory = Memory(block)
    return [memory.survives(op.memref, op) for op in loads(block)]


STATEMENT = """
func.func @f(%x: memref<4xf64>, %y: memref<4xf64>, %n: index, %c: i1) {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %f = arith.constant 2.0 : f64
  {}
  func.return
}}
"""
READ = "%v = memref.load %y[%c0] : memref<4xf64>"
WRITE = "memref.store %f, %y[%c0] : memref<4xf64>"
OVER = "scf.for %i = %c0 to %n step %c1 {"


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        (f"{READ}\n{WRITE}", False),
        (f"{WRITE}\n{READ}", True),
        (f"scf.if %c {{\n{WRITE}\n}} else {{\n{READ}\n}}", True),
        (f"scf.if %c {{\n{READ}\n}}\nscf.if %c {{\n{WRITE}\n}}", False),
        (f"{OVER}\nscf.if %c {{\n{WRITE}\n}} else {{\n{READ}\n}}\n}}", False),
        (f"{OVER}\n{WRITE}\n{READ}\n}}", False),
        (f"{OVER}\n{WRITE}\n}}\n{OVER}\n{READ}\n}}", True),
        (f"{OVER}\n{READ}\n}}\n{OVER}\n{WRITE}\n}}", False),
        (f'{READ}\n"memref.copy"(%x, %y) : (memref<4xf64>, memref<4xf64>) -> ()', False),
        (f'{READ}\n"memref.copy"(%y, %x) : (memref<4xf64>, memref<4xf64>) -> ()', True),
        (f"{READ}\nlinalg.fill ins(%f : f64) outs(%y : memref<4xf64>)", False),
        (f"{READ}\nscf.for %i = %c0 to %n step %c1 {{\n%w = memref.load %x[%i] : memref<4xf64>\n}}", True),
    ],
)
def test_survives(statements: str, expected: bool) -> None:
    text = STATEMENT.format(statements)
    (read,) = (i for i, op in enumerate(loads(body(text))) if op.memref.name_hint == "y")
    assert survivors(text)[read] is expected


def test_memory_of_a_loop_does_not_survive() -> None:
    text = f"""{OVER}
    %m = memref.alloc() : memref<4xf64>
    memref.store %f, %m[%c0] : memref<4xf64>
    %v = memref.load %m[%c0] : memref<4xf64>
    }}"""
    assert survivors(STATEMENT.format(text)) == [False]


def test_what_a_call_writes() -> None:
    text = """
    func.func private @g(memref<4xf64>, memref<4xf64>) attributes {dialectad.outs = 1 : i64}
    func.func @f(%x: memref<4xf64>, %y: memref<4xf64>) {
      func.call @g(%x, %y) {dialectad.outs = 1 : i64} : (memref<4xf64>, memref<4xf64>) -> ()
      func.call @g(%x, %y) : (memref<4xf64>, memref<4xf64>) -> ()
      func.return
    }"""
    calls = [op for op in parse(text).walk() if isinstance(op, func.CallOp)]
    assert [[v.name_hint for v in written_by(op)] for op in calls] == [["y"], ["x", "y"]]


@pytest.mark.parametrize("seed", range(60))
def test_what_survives_is_there(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """In random programs: what a load has read that is said to survive is in memory at the end."""
    program = Generator(seed).program()
    module = parse(program.text())
    (function,) = (op for op in module.ops if isinstance(op, func.FuncOp))
    memory = Memory(function.body.block)
    seen: list[tuple[np.ndarray, tuple[int, ...], Any]] = []
    load = evaluate._RULES[memref.LoadOp]

    def record(interpreter: Any, op: Operation, operands: list[Any]) -> Any:
        (value,) = load(interpreter, op, operands)
        assert isinstance(op, memref.LoadOp)
        if memory.survives(op.memref, op):
            seen.append((operands[0], tuple(int(i) for i in operands[1:]), value))
        return [value]

    monkeypatch.setitem(evaluate._RULES, memref.LoadOp, record)
    rng = np.random.default_rng(seed)
    arrays = [rng.standard_normal(6), np.zeros(6)]
    evaluate.evaluate(module, "f", [arrays[0], 0.8, arrays[1]])
    for array, at, value in seen:
        assert array[at] == value, at


def test_memory_has_a_type() -> None:
    block = body(VIEWS)
    assert is_memory(named(block, "m"))
    assert not is_memory(named(block, "k"))
    assert not is_memory(named(block, "i"))
