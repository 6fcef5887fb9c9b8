"""`cut-functions`: a function in parts computes what it computed, and fails where it failed."""

from __future__ import annotations

import numpy as np
import pytest
from xdsl.dialects import llvm

from tests.lower.machine import TO_LLVM, Compiled
from tests.lower.random_loops import SIZE, Loops


@pytest.mark.parametrize("part", [1, 3])
@pytest.mark.parametrize("seed", range(8))
def test_parts_compute_the_same(seed: int, part: int) -> None:
    text = Loops(seed).text()
    whole = Compiled(text, TO_LLVM)
    parts = Compiled(text, f"{TO_LLVM},cut-functions{{largest=1 part={part}}}")
    assert len([op for op in parts.module.ops if isinstance(op, llvm.FuncOp)]) > 1
    for k in (0, 3, 18):
        expected, got = np.random.default_rng(seed).uniform(-2.0, 2.0, (2, 2, SIZE))
        got[...] = expected
        assert whole("f", *expected, 1, 40, k) == 0
        assert parts("f", *got, 1, 40, k) == 0
        np.testing.assert_allclose(got, expected, rtol=1e-12)


def _long(count: int) -> str:
    """A loop around so many loops, each of which checks an index."""
    loop = """
    %r{n} = scf.for %i = %c0 to %size step %c1 iter_args(%s = %r{before}) -> (f64) {{
      %j = arith.addi %i, %k : index
      %inside = arith.cmpi slt, %j, %size : index
      cf.assert %inside, "IndexError: {n}"
      %v = memref.load %x[%j] : memref<?xf64>
      %t = arith.addf %s, %v : f64
      memref.store %t, %x[%i] : memref<?xf64>
      scf.yield %t : f64
    }}
    """
    return f"""
func.func @f(%x: memref<?xf64>, %k: index) {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %size = memref.dim %x, %c0 : memref<?xf64>
  %r0 = arith.constant 0.0 : f64
  scf.for %o = %c0 to %c2 step %c1 {{
    {"".join(loop.format(n=n, before=n - 1) for n in range(1, count + 1))}
    memref.store %r{count}, %x[%c0] : memref<?xf64>
  }}
  func.return
}}
"""


def test_long_function_is_cut() -> None:
    parts = Compiled(_long(120), f"{TO_LLVM},cut-functions")
    whole = Compiled(_long(120), TO_LLVM)
    assert "@f.part3" in str(parts.module)
    expected, got = np.random.default_rng(0).standard_normal((2, 5)) / 9
    got[...] = expected
    assert parts("f", got, 0) == whole("f", expected, 0) == 0
    np.testing.assert_allclose(got, expected, rtol=1e-12)
    assert parts("f", got, 1) == whole("f", expected, 1) == 1
    np.testing.assert_allclose(got, expected, rtol=1e-12)
