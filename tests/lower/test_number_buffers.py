"""Loops that hand numbers of buffers around do what those did that handed buffers around."""

from __future__ import annotations

import numpy as np
import pytest
from xdsl.dialects import scf
from xdsl.dialects.builtin import MemRefType

from dialectad import passes, verifier
from dialectad.dialects import context
from tests.ad.memory_programs import Program, check
from tests.evaluate import evaluate
from tests.lower.machine import parse

_V = "memref<4xf64>"
_START = f"""
%c0 = arith.constant 0 : index
%c1 = arith.constant 1 : index
%c2 = arith.constant 2 : index
%c3 = arith.constant 3 : index
%c4 = arith.constant 4 : index
%limit = arith.constant 0.9 : f64
%m = memref.alloc() : {_V}
%n = memref.alloc() : {_V}
%o = memref.alloc() : {_V}
"memref.copy"(%x0, %m) : ({_V}, {_V}) -> ()
"memref.copy"(%x0, %n) : ({_V}, {_V}) -> ()
"memref.copy"(%x0, %o) : ({_V}, {_V}) -> ()
"""
_END = "".join(f"memref.dealloc %{name} : {_V}\n" for name in "mno")
_STEP = f"""
%u = memref.load %a[%t] : {_V}
%v = memref.load %b[%c1] : {_V}
%p = arith.mulf %u, %v : f64
%q = math.sin %p : f64
memref.store %q, %b[%t] : {_V}"""


def loop(rows: str, inits: str, yields: str, body: str = _STEP) -> str:
    """A loop that hands buffers around, and what is done with the first of them afterwards."""
    names, types = [f"%{n}" for n in rows], ", ".join([_V] * len(rows))
    carried = ", ".join(f"{n} = %{i}" for n, i in zip(names, inits, strict=True))
    results = ", ".join(f"%r{n}" for n in rows)
    return f"""
    {results} = scf.for %t = %c0 to %c4 step %c1 iter_args({carried}) -> ({types}) {{
      {body}
      scf.yield {", ".join(f"%{n}" for n in yields)} : {types}
    }}
    "memref.copy"(%r{rows[0]}, %y) : ({_V}, {_V}) -> ()"""


WHILE = f"""
%ra, %rb, %rk = scf.while (%a = %m, %b = %n, %k = %c0) : ({_V}, {_V}, index) -> ({_V}, {_V}, index) {{
  %w = memref.load %a[%c2] : {_V}
  %small = arith.cmpf olt, %w, %limit : f64
  %few = arith.cmpi slt, %k, %c3 : index
  %go = arith.andi %few, %small : i1
  scf.condition(%go) %b, %a, %k : {_V}, {_V}, index
}} do {{
^bb0(%a : {_V}, %b : {_V}, %t : index):
  {_STEP}
  %next = arith.addi %t, %c1 : index
  scf.yield %a, %b, %next : {_V}, {_V}, index
}}
"memref.copy"(%rb, %y) : ({_V}, {_V}) -> ()"""

CASES = {
    "swap": loop("ab", "mn", "ba"),
    "rotate": loop("abc", "mno", "bca"),
    "the same one again": loop("ab", "mn", "ab"),
    "both become one": loop("ab", "mn", "aa"),
    "a loop that does not run": loop("ab", "mn", "ba").replace("to %c4", "to %c0"),
    "while": WHILE,
}


_D = "memref<?xf64>"
OF_UNKNOWN_SIZE = f"""
%c5 = arith.constant 5 : index
%w = memref.load %x0[%c3] : {_V}
%i = arith.fptosi %w : f64 to i64
%d = arith.index_cast %i : i64 to index
%lots = arith.addi %d, %c3 : index
scf.for %l = %c3 to %c5 step %c1 {{
  %p = memref.alloc(%l) : {_D}
  %q = memref.alloc(%lots) : {_D}
  %u = memref.load %x0[%c0] : {_V}
  linalg.fill ins(%u : f64) outs(%p : {_D})
  linalg.fill ins(%w : f64) outs(%q : {_D})
  %r, %s = scf.for %t = %c0 to %c3 step %c1 iter_args(%a = %p, %b = %q) -> ({_D}, {_D}) {{
    %n0 = memref.dim %a, %c0 : {_D}
    %last = arith.subi %n0, %c1 : index
    %e = memref.load %a[%last] : {_D}
    %f = memref.load %b[%c1] : {_D}
    %g = arith.mulf %e, %f : f64
    %h = math.sin %g : f64
    memref.store %h, %b[%t] : {_D}
    scf.yield %b, %a : {_D}, {_D}
  }}
  %n1 = memref.dim %r, %c0 : {_D}
  %j = arith.subi %n1, %c3 : index
  %v = memref.load %r[%j] : {_D}
  %z = memref.load %m[%j] : {_V}
  %sum = arith.addf %v, %z : f64
  memref.store %sum, %m[%j] : {_V}
  memref.dealloc %p : {_D}
  memref.dealloc %q : {_D}
}}
"memref.copy"(%m, %y) : ({_V}, {_V}) -> ()"""

CASES["buffers of unknown size"] = OF_UNKNOWN_SIZE


def program(body: str) -> Program:
    return Program(f"{_START}{body}\n{_END}", [_V], [_V])


@pytest.mark.parametrize("name", CASES)
def test_results_stay(name: str) -> None:
    module = parse(program(CASES[name]).with_requests())
    x, expected, found = np.array([0.3, -0.7, 0.5, 1.1]), np.zeros(4), np.zeros(4)
    evaluate(module, "f", [x, expected])
    passes.run(context(), module, "number-buffers")
    verifier.check(module, "loop")
    assert not any(
        isinstance(result.type, MemRefType)
        for op in module.walk()
        if isinstance(op, scf.ForOp | scf.WhileOp)
        for result in op.results
    )
    evaluate(module, "f", [x, found])
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", CASES)
def test_derivatives(name: str) -> None:
    check(program(CASES[name]), np.array([0.3, -0.7, 0.5, 1.1]))
