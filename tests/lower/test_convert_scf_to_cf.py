"""`convert-scf-to-cf` keeps the meaning, gives blocks in an order of dominance, and takes linear time."""

from __future__ import annotations

import time

import numpy as np
import pytest
from xdsl.dialects import scf

from dialectad import passes, verifier
from dialectad.dialects import context
from tests.lower.machine import Compiled, parse

COLLATZ = """
func.func @f(%n: i64, %o: memref<i64>) attributes {dialectad.outs = 1 : i64} {
  %zero = arith.constant 0 : i64
  %one = arith.constant 1 : i64
  %two = arith.constant 2 : i64
  %three = arith.constant 3 : i64
  %x, %steps = scf.while (%a = %n, %s = %zero) : (i64, i64) -> (i64, i64) {
    %more = arith.cmpi sgt, %a, %one : i64
    scf.condition(%more) %a, %s : i64, i64
  } do {
  ^bb0(%a: i64, %s: i64):
    %rest = arith.remsi %a, %two : i64
    %odd = arith.cmpi ne, %rest, %zero : i64
    %b = scf.if %odd -> (i64) {
      %t = arith.muli %a, %three : i64
      %u = arith.addi %t, %one : i64
      scf.yield %u : i64
    } else {
      %h = arith.divsi %a, %two : i64
      scf.yield %h : i64
    }
    %s1 = arith.addi %s, %one : i64
    scf.yield %b, %s1 : i64, i64
  }
  memref.store %steps, %o[] : memref<i64>
  return
}
"""

TRIANGLE = """
func.func @f(%n: index, %step: index, %o: memref<i64>) attributes {dialectad.outs = 1 : i64} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0 : i64
  %r = scf.for %i = %c0 to %n step %step iter_args(%a = %zero) -> (i64) {
    %q = scf.for %j = %c0 to %i step %step iter_args(%b = %a) -> (i64) {
      %v = arith.index_cast %j : index to i64
      %c = arith.addi %b, %v : i64
      %big = arith.cmpi sgt, %v, %c : i64
      scf.if %big {
        memref.store %v, %o[] : memref<i64>
      }
      scf.yield %c : i64
    }
    scf.yield %q : i64
  }
  memref.store %r, %o[] : memref<i64>
  return
}
"""


def test_while_and_if() -> None:
    o = np.zeros((), np.int64)
    assert Compiled(COLLATZ)("f", 27, o) == 0
    assert o == 111


@pytest.mark.parametrize(("n", "step"), [(0, 1), (1, 1), (7, 1), (10, 3)])
def test_nested_for(n: int, step: int) -> None:
    o = np.zeros((), np.int64)
    assert Compiled(TRIANGLE)("f", n, step, o) == 0
    assert o == sum(j for i in range(0, n, step) for j in range(0, i, step))


def test_the_result_is_valid_and_has_no_scf() -> None:
    for text in (COLLATZ, TRIANGLE):
        module = parse(text)
        passes.run(context(), module, "convert-scf-to-cf")
        verifier.check(module)
        assert not [op for op in module.walk() if op.name.startswith("scf.")]


def _loops(count: int) -> str:
    loop = """
  scf.for %i = %c0 to %n step %c1 {
    %x = memref.load %m[%i] : memref<?xf64>
    memref.store %x, %m[%i] : memref<?xf64>
  }"""
    return (
        "func.func @f(%n: index, %m: memref<?xf64>) {\n  %c0 = arith.constant 0 : index\n"
        "  %c1 = arith.constant 1 : index" + loop * count + "\n  return\n}"
    )


def test_time_is_linear_in_the_number_of_loops() -> None:
    seconds = []
    for count in (100, 1600):
        module = parse(_loops(count))
        assert sum(isinstance(op, scf.ForOp) for op in module.walk()) == count
        start = time.perf_counter()
        passes.run(context(), module, "convert-scf-to-cf,convert-to-llvm")
        seconds.append(time.perf_counter() - start)
    assert seconds[1] < 50 * seconds[0]  # 16 times the work; 256 times if it were quadratic
