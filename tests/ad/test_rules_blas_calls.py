"""Products in memory: calls of BLAS at level llvm, `blas` ops at level loop, against differences."""

from __future__ import annotations

import numpy as np
import pytest

from tests.ad.memory_programs import Program, check

RNG = np.random.default_rng(11)


def random(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape)


def memref(t: str, *shape: int) -> str:
    return f"memref<{'x'.join(map(str, (*shape, t)))}>"


def flags(alpha: float, beta: float, **trans: bool) -> str:
    names = "".join(f", {name}" for name, on in trans.items() if on)
    return f"<{{alpha = {alpha:e} : f64, beta = {beta:e} : f64{names}}}>"


def call(op: str, given: str, types: list[str], operands: str = "%x0, %x1, %y") -> str:
    return f'"blas.{op}"({operands}) {given} : ({", ".join(types)}) -> ()'


def with_start(op: str, given: str, types: list[str]) -> Program:
    """An out that starts as the third input and is then the destination of a product."""
    dest = types[2]
    body = f'"memref.copy"(%x2, %y) : ({dest}, {dest}) -> ()\n{call(op, given, types)}'
    return Program(body, types, [dest])


@pytest.mark.parametrize(
    ("trans_a", "trans_b", "alpha", "beta"),
    [
        (False, False, -0.5, 3),
        (True, False, 2, 1),
        (False, True, 1, 0),
        (True, True, -0.5, 3),
        (True, True, 0, 2),
    ],
)
def test_gemm(trans_a: bool, trans_b: bool, alpha: float, beta: float) -> None:
    m, n, k = 3, 5, 4
    a, b = (k, m) if trans_a else (m, k), (n, k) if trans_b else (k, n)
    types = [memref("f64", *s) for s in (a, b, (m, n))]
    program = with_start("gemm", flags(alpha, beta, trans_a=trans_a, trans_b=trans_b), types)
    check(program, random(*a), random(*b), random(m, n))


@pytest.mark.parametrize(("trans", "alpha", "beta"), [(False, -0.5, 3), (True, 2, 1), (True, 1, 0)])
def test_gemv(trans: bool, alpha: float, beta: float) -> None:
    m, n = 3, 4
    x, y = (m, n) if trans else (n, m)
    types = [memref("f64", m, n), memref("f64", x), memref("f64", y)]
    check(with_start("gemv", flags(alpha, beta, trans=trans), types), random(m, n), random(x), random(y))


def test_ger() -> None:
    types = [memref("f64", 3), memref("f64", 4), memref("f64", 3, 4)]
    check(with_start("ger", flags(-0.5, 1), types), random(3), random(4), random(3, 4))


DOT = """
%r = "blas.dot"(%x0, %x1) : ({0}, {0}) -> {1}
memref.store %r, %y[] : memref<{1}>"""


@pytest.mark.parametrize("t", ["f64", "f32"])
def test_dot(t: str) -> None:
    v = memref(t, 5)
    check(Program(DOT.format(v, t), [v, v], [f"memref<{t}>"]), random(5), random(5))


def test_dot_of_a_vector_with_itself() -> None:
    v = memref("f64", 5)
    check(Program(DOT.format(v, "f64").replace("%x1", "%x0"), [v], ["memref<f64>"]), random(5))


@pytest.mark.parametrize("op", ["gemm", "gemv"])
def test_single_precision(op: str) -> None:
    b, c = ((4, 5), (3, 5)) if op == "gemm" else ((4,), (3,))
    types = [memref("f32", 3, 4), memref("f32", *b), memref("f32", *c)]
    check(with_start(op, flags(2, 0.5), types), random(3, 4), random(*b), random(*c))


@pytest.mark.parametrize("sizes", [(0, 4, 3), (3, 0, 2), (3, 4, 0), (1, 1, 1)])
def test_empty_and_single_elements(sizes: tuple[int, int, int]) -> None:
    m, k, n = sizes
    a, b, c, x, y = (memref("f64", *s) for s in ((m, k), (k, n), (m, n), (k,), (m,)))
    body = f"""
    "memref.copy"(%x2, %y0) : ({c}, {c}) -> ()
    "memref.copy"(%x4, %y1) : ({y}, {y}) -> ()
    {call("gemm", flags(2, 3), [a, b, c], "%x0, %x1, %y0")}
    {call("gemv", flags(2, 3), [a, x, y], "%x0, %x3, %y1")}"""
    inputs = [random(*s) for s in ((m, k), (k, n), (m, n), (k,), (m,))]
    check(Program(body, [a, b, c, x, y], [c, y]), *inputs)


def test_a_square() -> None:
    """Both factors are one array."""
    t = memref("f64", 4, 4)
    plain = call("gemm", flags(1, 0), [t] * 3, "%x0, %x0, %y0")
    gram = call("gemm", flags(1, 0, trans_a=True), [t] * 3, "%x0, %x0, %y1")
    check(Program(f"{plain}\n{gram}", [t], [t, t]), random(4, 4))


def test_operands_that_are_overwritten() -> None:
    """What a product in a loop has read is written afterwards: both factors of each are kept."""
    a, x = memref("f64", 3, 3), memref("f64", 3)
    body = f"""
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c3 = arith.constant 3 : index
    %m = memref.alloc() : {a}
    %v = memref.alloc() : {x}
    "memref.copy"(%x0, %m) : ({a}, {a}) -> ()
    "memref.copy"(%x1, %v) : ({x}, {x}) -> ()
    "memref.copy"(%x1, %y) : ({x}, {x}) -> ()
    scf.for %i = %c0 to %c3 step %c1 {{
      {call("gemv", flags(0.5, 0.25), [a, x, x], "%m, %v, %y")}
      {call("ger", flags(0.25, 1), [x, x, a], "%v, %y, %m")}
      "memref.copy"(%y, %v) : ({x}, {x}) -> ()
    }}
    memref.dealloc %m : {a}
    memref.dealloc %v : {x}"""
    check(Program(body, [a, x], [x]), random(3, 3), random(3), levels=("loop", "loop-no-blas", "llvm"))


def test_rows_of_one_array() -> None:
    """Factor and destination are different parts of one buffer."""
    a, x, row = memref("f64", 3, 3), memref("f64", 4, 3), "memref<3xf64, strided<[1], offset: ?>>"
    body = f"""
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c3 = arith.constant 3 : index
    "memref.copy"(%x1, %y) : ({x}, {x}) -> ()
    scf.for %i = %c0 to %c3 step %c1 {{
      %j = arith.addi %i, %c1 : index
      %from = memref.subview %y[%i, 0] [1, 3] [1, 1] : {x} to {row}
      %to = memref.subview %y[%j, 0] [1, 3] [1, 1] : {x} to {row}
      {call("gemv", flags(0.5, 0.25), [a, row, row], "%x0, %from, %to")}
    }}"""
    check(Program(body, [a, x], [x]), random(3, 3), random(4, 3))


def test_one_factor_is_constant() -> None:
    """The factor that isn't differentiated by is neither kept nor given a shadow."""
    a, x = memref("f64", 3, 4), memref("f64", 4)
    body = f"""
    %one = arith.constant 1.5 : f64
    %m = memref.alloc() : {a}
    linalg.fill ins(%one : f64) outs(%m : {a})
    {call("gemv", flags(1, 0), [a, x, memref("f64", 3)], "%m, %x0, %y")}
    memref.dealloc %m : {a}"""
    check(Program(body, [x], [memref("f64", 3)]), random(4))
