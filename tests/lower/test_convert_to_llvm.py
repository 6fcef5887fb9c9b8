"""`convert-to-llvm`: functions of the loop rung run as machine code and agree with the interpreter."""

from __future__ import annotations

import copy
import itertools
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from xdsl.dialects import arith, cf, llvm, math, memref
from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, StringAttr
from xdsl.ir import Operation

from dialectad.errors import CompileError
from dialectad.lower.convert_to_llvm import HANDLERS
from tests.evaluate import evaluate
from tests.lower.machine import TO_LLVM, TO_LOOPS, Compiled, parse, random_arguments


def agrees(text: str, *args: Any, name: str = "f", rtol: float = 1e-13) -> list[Any]:
    """Run on `args` (random ones when none are given), compare with the interpreter, give the arrays."""
    compiled = Compiled(text)
    actual = list(args) or random_arguments(compiled.types[name])
    expected = copy.deepcopy(actual)
    evaluate(parse(text), name, expected)
    assert compiled(name, *actual) == 0
    for got, want in zip(actual, expected, strict=True):
        if isinstance(got, np.ndarray):
            np.testing.assert_allclose(got, want, rtol=rtol)
    return actual


def test_every_op_of_the_loop_rung_has_a_handler() -> None:
    """What is missing here is either not on the rung or lowered by an earlier pass."""
    exempt = {
        arith.AddUIExtendedOp: "no frontend makes it",
        arith.MulSIExtendedOp: "no frontend makes it",
        arith.MulUIExtendedOp: "no frontend makes it",
        cf.SwitchOp: "no frontend makes it",
        memref.AllocaScopeOp: "no frontend makes it",
        memref.AllocaScopeReturnOp: "no frontend makes it",
        memref.AssumeAlignmentOp: "no frontend makes it",
        memref.AtomicRMWOp: "no frontend makes it",
        memref.DmaStartOp: "no frontend makes it",
        memref.DmaWaitOp: "no frontend makes it",
        memref.ExtractAlignedPointerAsIndexOp: "no frontend makes it",
        memref.GlobalOp: "lowered with the module",
        memref.MemorySpaceCastOp: "there is one memory",
        memref.RankOp: "ranks are known",
    }
    ops = [*arith.Arith.operations, *math.Math.operations, *memref.MemRef.operations, *cf.Cf.operations]
    assert [op.name for op in ops if op not in HANDLERS and op not in exempt] == []


# Scalars

_SPECIAL = np.array([0.0, -0.0, 1.0, -1.5, 2.5, np.inf, -np.inf, np.nan, 1e300, 5e-324, 0.5, -0.5])


def _unary(op: str, t: str = "f64", n: int = len(_SPECIAL)) -> str:
    m = f"memref<{n}x{t}>"
    return f"""
    func.func @f(%x: {m}, %y: {m}) attributes {{dialectad.outs = 1 : i64}} {{
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %n = arith.constant {n} : index
      scf.for %i = %c0 to %n step %c1 {{
        %a = memref.load %x[%i] : {m}
        %r = {op} %a : {t}
        memref.store %r, %y[%i] : {m}
      }}
      return
    }}"""


@pytest.mark.parametrize(
    "op",
    "absf ceil floor sqrt trunc round roundeven acos acosh asin asinh atan atanh cbrt cos cosh erf exp exp2"
    " expm1 log log10 log1p log2 rsqrt sin sinh tan tanh".split(),
)
@pytest.mark.parametrize("t", ["f64", "f32"])
def test_math(op: str, t: str) -> None:
    dtype = np.float64 if t == "f64" else np.float32
    with np.errstate(all="ignore"):
        x = _SPECIAL.astype(dtype)
    agrees(_unary(f"math.{op}", t), x, np.empty_like(x), rtol=4e-15 if t == "f64" else 3e-6)


def _binary(op: str, t: str, result: str | None = None) -> str:
    m, r = f"memref<?x{t}>", f"memref<?x{result or t}>"
    return f"""
    func.func @f(%x: {m}, %y: {m}, %z: {r}) attributes {{dialectad.outs = 1 : i64}} {{
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %n = memref.dim %x, %c0 : {m}
      scf.for %i = %c0 to %n step %c1 {{
        %a = memref.load %x[%i] : {m}
        %b = memref.load %y[%i] : {m}
        %r = {op} %a, %b : {t}
        memref.store %r, %z[%i] : {r}
      }}
      return
    }}"""


# NumPy takes a root for the scalar exponent 0.5: see test_constant_exponents.
_PAIRS = np.array([(a, b) for a, b in itertools.product(_SPECIAL, _SPECIAL) if b != 0.5]).T.copy()


@pytest.mark.parametrize(
    "op",
    [f"arith.{op}f" for op in ("add", "sub", "mul", "div", "rem", "maximum", "minimum", "maxnum", "minnum")]
    + ["math.copysign", "math.atan2", "math.powf"],
)
def test_float_binary(op: str) -> None:
    x, y = (row.copy() for row in _PAIRS)
    *_, z = agrees(_binary(op, "f64"), x, y, np.empty_like(x))
    if op in ("arith.addf", "arith.mulf", "math.copysign"):  # the sign of zero too
        with np.errstate(all="ignore"):
            want = {"arith.addf": np.add, "arith.mulf": np.multiply, "math.copysign": np.copysign}[op](x, y)
        np.testing.assert_array_equal(np.signbit(z[~np.isnan(want)]), np.signbit(want[~np.isnan(want)]))


@pytest.mark.parametrize("predicate", "oeq ogt oge olt ole one ord ueq ugt uge ult ule une uno".split())
def test_cmpf(predicate: str) -> None:
    x, y = (row.copy() for row in _PAIRS)
    agrees(_binary(f"arith.cmpf {predicate},", "f64", "i1"), x, y, np.zeros(x.shape, bool))


@pytest.mark.parametrize("predicate", "eq ne slt sle sgt sge ult ule ugt uge".split())
def test_cmpi(predicate: str) -> None:
    values = np.array([-(2**63), -2, 0, 3, 2**63 - 1])
    x, y = np.array(list(itertools.product(values, values))).T.copy()
    agrees(_binary(f"arith.cmpi {predicate},", "i64", "i1"), x.copy(), y.copy(), np.zeros(x.shape, bool))


@pytest.mark.parametrize("t", ["i64", "i32", "i8"])
@pytest.mark.parametrize(
    "op",
    "addi subi muli divsi divui remsi remui floordivsi ceildivsi maxsi minsi maxui minui"
    " andi ori xori".split(),
)
def test_integer_binary(op: str, t: str) -> None:
    values = np.array([-7, -3, -1, 1, 2, 7, 100], dtype=f"i{int(t[1:]) // 8}")
    x, y = np.array(list(itertools.product(values, values))).T.copy()
    agrees(_binary(f"arith.{op}", t), x.copy(), y.copy(), np.zeros_like(x))


@pytest.mark.parametrize("op", ["shli", "shrsi", "shrui"])
def test_shifts(op: str) -> None:
    x, y = np.array([-7, 100, 5, 1]), np.array([1, 3, 0, 63])
    agrees(_binary(f"arith.{op}", "i64"), x, y, np.zeros_like(x))


CASTS = [
    ("extf", "f32", "f64"),
    ("truncf", "f64", "f32"),
    ("extsi", "i8", "i64"),
    ("extui", "i8", "i64"),
    ("extui", "i1", "i64"),
    ("trunci", "i64", "i8"),
    ("sitofp", "i64", "f64"),
    ("uitofp", "i8", "f64"),
    ("uitofp", "i1", "f64"),
    ("fptosi", "f64", "i64"),
    ("fptosi", "f64", "i8"),
]


@pytest.mark.parametrize(("op", "source", "target"), CASTS)
def test_casts(op: str, source: str, target: str) -> None:
    m, r = f"memref<7x{source}>", f"memref<7x{target}>"
    text = f"""
    func.func @f(%x: {m}, %y: {r}) attributes {{dialectad.outs = 1 : i64}} {{
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %n = arith.constant 7 : index
      scf.for %i = %c0 to %n step %c1 {{
        %a = memref.load %x[%i] : {m}
        %r = arith.{op} %a : {source} to {target}
        memref.store %r, %y[%i] : {r}
      }}
      return
    }}"""
    agrees(text)


def test_float_that_is_no_integer_is_some_integer() -> None:
    """It may be used as an index that is checked afterwards, so it must not be poison."""
    text = """
    func.func @f(%x: f64, %y: memref<i1>) attributes {dialectad.outs = 1 : i64} {
      %i = arith.fptosi %x : f64 to i64
      %eq = arith.cmpi eq, %i, %i : i64
      memref.store %eq, %y[] : memref<i1>
      return
    }"""
    y = np.zeros((), bool)
    assert Compiled(text)("f", float("nan"), y) == 0
    assert y


@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0, 3.0, 7.0, -1.0, -2.0, 0.5, 1.5, 40.0, -0.5])
def test_constant_exponents(exponent: float) -> None:
    text = f"""
    func.func @f(%x: memref<12xf64>, %y: memref<12xf64>) attributes {{dialectad.outs = 1 : i64}} {{
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %n = arith.constant 12 : index
      %p = arith.constant {exponent!r} : f64
      scf.for %i = %c0 to %n step %c1 {{
        %a = memref.load %x[%i] : memref<12xf64>
        %r = math.powf %a, %p : f64
        memref.store %r, %y[%i] : memref<12xf64>
      }}
      return
    }}"""
    agrees(text, _SPECIAL.copy(), np.empty_like(_SPECIAL))


def test_scalar_arguments_and_bools() -> None:
    text = """
    func.func @f(%b: i1, %x: f64, %s: f32, %i: index, %k: i32, %o: memref<f64>, %p: memref<i1>)
        attributes {dialectad.outs = 2 : i64} {
      %c = arith.constant 3 : index
      %big = arith.cmpi sgt, %i, %c : index
      %both = arith.andi %b, %big : i1
      %w = arith.extf %s : f32 to f64
      %j = arith.index_cast %k : i32 to index
      %sum = arith.addi %i, %j : index
      %l = arith.index_cast %sum : index to i64
      %g = arith.sitofp %l : i64 to f64
      %a = arith.addf %x, %w : f64
      %r = arith.select %both, %a, %g : f64
      memref.store %r, %o[] : memref<f64>
      memref.store %both, %p[] : memref<i1>
      return
    }"""
    for b, i in itertools.product((True, False), (2, 5)):
        agrees(text, b, 1.5, np.float32(0.25), i, np.int32(-7), np.zeros(()), np.zeros((), bool))


def test_a_bool_may_be_any_byte() -> None:
    text = """
    func.func @f(%b: memref<3xi1>, %o: memref<3xi1>) attributes {dialectad.outs = 1 : i64} {
      memref.copy %b, %o : memref<3xi1> to memref<3xi1>
      return
    }""".replace("memref.copy %b, %o : memref<3xi1> to memref<3xi1>", _COPY_BOOLS)
    b, o = np.array([0, 1, 2], np.uint8).view(bool), np.zeros(3, bool)
    assert Compiled(text)("f", b, o) == 0
    np.testing.assert_array_equal(o.view(np.uint8), [0, 1, 1])


_COPY_BOOLS = """
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %n = arith.constant 3 : index
      scf.for %i = %c0 to %n step %c1 {
        %x = memref.load %b[%i] : memref<3xi1>
        memref.store %x, %o[%i] : memref<3xi1>
      }
"""


# Views


VIEWS = {
    "offset": ("[1, 2] [2, 2] [1, 1]", "memref<2x2xf64, strided<[5, 1], offset: 7>>"),
    "steps": ("[0, 1] [2, 2] [2, 2]", "memref<2x2xf64, strided<[10, 2], offset: 1>>"),
    "dynamic offset": ("[%k, %k] [2, 2] [1, 1]", "memref<2x2xf64, strided<[5, 1], offset: ?>>"),
    "dynamic size": ("[0, 0] [%k, %k] [1, 1]", "memref<?x?xf64, strided<[5, 1]>>"),
    "dynamic step": ("[0, 0] [2, 2] [%k, %k]", "memref<2x2xf64, strided<[?, ?]>>"),
}


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("whole", ["memref<4x5xf64>", "memref<?x?xf64>"])
def test_subviews(view: str, whole: str) -> None:
    slices, t = VIEWS[view]
    if "?" in whole:
        t = t.replace("[5, 1]", "[?, 1]").replace("[10, 2]", "[?, 2]")
        if view == "offset":
            t = t.replace("offset: 7", "offset: ?")
    text = f"""
    func.func @f(%a: {whole}, %k: index, %o: memref<2x2xf64>) attributes {{dialectad.outs = 1 : i64}} {{
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c2 = arith.constant 2 : index
      %v = memref.subview %a{slices} : {whole} to {t}
      scf.for %i = %c0 to %c2 step %c1 {{
        scf.for %j = %c0 to %c2 step %c1 {{
          %x = memref.load %v[%i, %j] : {t}
          memref.store %x, %o[%i, %j] : memref<2x2xf64>
        }}
      }}
      return
    }}"""
    agrees(text, np.arange(20.0).reshape(4, 5), 2, np.zeros((2, 2)))


def test_rank_reduction_and_reshapes() -> None:
    text = """
    func.func @f(%a: memref<2x1x6xf64>, %k: index, %o: memref<3x2xf64>, %p: memref<12xf64>)
        attributes {dialectad.outs = 2 : i64} {
      %row = memref.subview %a[%k, 0, 0] [1, 1, 6] [1, 1, 1]
        : memref<2x1x6xf64> to memref<6xf64, strided<[1], offset: ?>>
      %m = memref.expand_shape %row [[0 : i64, 1 : i64]] output_shape [3, 2]
        : memref<6xf64, strided<[1], offset: ?>> into memref<3x2xf64, strided<[2, 1], offset: ?>>
      memref.copy %m, %o : memref<3x2xf64, strided<[2, 1], offset: ?>> to memref<3x2xf64>
      %flat = memref.collapse_shape %a [[0 : i64, 1 : i64, 2 : i64]] : memref<2x1x6xf64> into memref<12xf64>
      memref.copy %flat, %p : memref<12xf64> to memref<12xf64>
      return
    }""".replace("memref.copy %m, %o : ", '"memref.copy"(%m, %o) : (').replace(
        "offset: ?>> to memref<3x2xf64>", "offset: ?>>, memref<3x2xf64>) -> ()"
    )
    text = text.replace(
        "memref.copy %flat, %p : memref<12xf64> to memref<12xf64>",
        '"memref.copy"(%flat, %p) : (memref<12xf64>, memref<12xf64>) -> ()',
    )
    agrees(text, np.arange(12.0).reshape(2, 1, 6), 1, np.zeros((3, 2)), np.zeros(12))


def test_buffers_that_swap_in_a_loop() -> None:
    """A memref that goes around a loop is a pointer (and its dynamic sizes)."""
    text = """
    func.func @f(%n: index, %x: memref<?xf64>, %y: memref<?xf64>, %o: memref<?xf64>)
        attributes {dialectad.outs = 1 : i64} {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %a, %b = scf.for %i = %c0 to %n step %c1 iter_args(%p = %x, %q = %y)
          -> (memref<?xf64>, memref<?xf64>) {
        scf.yield %q, %p : memref<?xf64>, memref<?xf64>
      }
      %m = memref.dim %a, %c0 : memref<?xf64>
      scf.for %i = %c0 to %m step %c1 {
        %v = memref.load %a[%i] : memref<?xf64>
        memref.store %v, %o[%i] : memref<?xf64>
      }
      return
    }"""
    for n in range(3):
        agrees(text, n, np.arange(3.0), -np.arange(3.0), np.zeros(3))


def test_constants_in_memory() -> None:
    text = """
    "memref.global"() <{sym_name = "table", sym_visibility = "private", type = memref<2x2xf64>,
      initial_value = dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf64>, constant}> : () -> ()
    "memref.global"() <{sym_name = "mask", sym_visibility = "private", type = memref<2xi1>,
      initial_value = dense<[true, false]> : tensor<2xi1>, constant}> : () -> ()
    func.func @f(%i: index, %o: memref<f64>, %p: memref<i1>) attributes {dialectad.outs = 2 : i64} {
      %t = memref.get_global @table : memref<2x2xf64>
      %v = memref.load %t[%i, %i] : memref<2x2xf64>
      memref.store %v, %o[] : memref<f64>
      %m = memref.get_global @mask : memref<2xi1>
      %b = memref.load %m[%i] : memref<2xi1>
      memref.store %b, %p[] : memref<i1>
      return
    }"""
    for i in range(2):
        agrees(text, i, np.zeros(()), np.zeros((), bool))


# Allocation


def test_allocation_arena_and_views() -> None:
    text = """
    func.func @f(%n: index, %o: memref<?xf64>) attributes {dialectad.outs = 1 : i64} {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c64 = arith.constant 64 : index
      %one = arith.constant 1.0 : f64
      %arena = memref.alloc() {dialectad.arena, alignment = 64 : i64} : memref<1024xi8>
      %v = "memref.view"(%arena, %c64) : (memref<1024xi8>, index) -> memref<8xf64>
      %s = memref.alloca() : memref<4xf64>
      %d = memref.alloc(%n) : memref<?xf64>
      memref.store %one, %v[%c1] : memref<8xf64>
      memref.store %one, %s[%c1] : memref<4xf64>
      %a = memref.load %v[%c1] : memref<8xf64>
      %b = memref.load %s[%c1] : memref<4xf64>
      %ab = arith.addf %a, %b : f64
      scf.for %i = %c0 to %n step %c1 {
        memref.store %ab, %d[%i] : memref<?xf64>
      }
      "memref.copy"(%d, %o) : (memref<?xf64>, memref<?xf64>) -> ()
      memref.dealloc %d : memref<?xf64>
      return
    }"""
    compiled = Compiled(text)
    for n in (3, 0, 3):
        o = np.zeros(n)
        assert compiled("f", n, o) == 0
        np.testing.assert_array_equal(o, np.full(n, 2.0))


def test_no_memory_is_a_status() -> None:
    """The second allocation fails, and the first is freed."""
    text = """
    func.func @f(%n: index, %i: index, %k: index, %o: memref<f64>) attributes {dialectad.outs = 1 : i64} {
      %c1 = arith.constant 1 : index
      %x = memref.load %o[] : memref<f64>
      %a = memref.alloc(%c1) : memref<?xf64>
      memref.store %x, %a[%i] : memref<?xf64>
      %d = memref.alloc(%n) : memref<?xf64>
      memref.store %x, %d[%i] : memref<?xf64>
      %y = memref.load %d[%k] : memref<?xf64>
      %z = memref.load %a[%k] : memref<?xf64>
      %s = arith.addf %y, %z : f64
      memref.store %s, %o[] : memref<f64>
      memref.dealloc %d : memref<?xf64>
      memref.dealloc %a : memref<?xf64>
      return
    }"""
    compiled = Compiled(text)
    assert compiled("f", 1, 0, 0, np.ones(())) == 0
    assert compiled("f", 2**58, 0, 0, np.ones(())) == -1


def test_threads_do_not_share_an_arena() -> None:
    """Each call fills its part of the arena, does something slow, and finds it as it was."""
    text = """
    func.func @f(%x: f64, %o: memref<f64>) attributes {dialectad.outs = 1 : i64} {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %n = arith.constant 4096 : index
      %zero = arith.constant 0.0 : f64
      %arena = memref.alloc() {dialectad.arena, alignment = 64 : i64} : memref<32768xi8>
      %v = "memref.view"(%arena, %c0) : (memref<32768xi8>, index) -> memref<4096xf64>
      scf.for %i = %c0 to %n step %c1 {
        memref.store %x, %v[%i] : memref<4096xf64>
      }
      %s = scf.for %i = %c0 to %n step %c1 iter_args(%a = %zero) -> (f64) {
        %y = memref.load %v[%i] : memref<4096xf64>
        %p = math.atan2 %a, %y : f64
        %q = arith.subf %p, %p : f64
        %z = arith.addf %a, %y : f64
        %w = arith.addf %z, %q : f64
        scf.yield %w : f64
      }
      memref.store %s, %o[] : memref<f64>
      return
    }"""
    compiled = Compiled(text)

    def call(x: float) -> bool:
        o = np.zeros(())
        return all(compiled("f", x, o) == 0 and o == 4096 * x for _ in range(50))

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(call, [1.0, 2.0, 3.0, 4.0]))


# Assertions


def test_assertions_are_numbered_by_what_they_say() -> None:
    text = """
    func.func @f(%i: index, %o: memref<f64>) attributes {dialectad.outs = 1 : i64} {
      %c0 = arith.constant 0 : index
      %c5 = arith.constant 5 : index
      %one = arith.constant 1.0 : f64
      %low = arith.cmpi sge, %i, %c0 : index
      cf.assert %low, "IndexError: too small" loc("a.py":3:7)
      %high = arith.cmpi slt, %i, %c5 : index
      cf.assert %high, "IndexError: too large"
      cf.assert %low, "IndexError: too small" loc("a.py":3:7)
      memref.store %one, %o[] : memref<f64>
      return
    }"""
    compiled = Compiled(text)
    o = np.zeros(())
    assert [compiled("f", i, o) for i in (-1, 5)] == [1, 2]
    assert o == 0.0
    assert compiled("f", 2, o) == 0
    assert o == 1.0
    asserts = compiled.module.attributes["dialectad.asserts"]
    assert asserts == ArrayAttr(
        DictionaryAttr({"message": StringAttr(message), "location": StringAttr(location)})
        for message, location in (("IndexError: too small", "a.py:3:7"), ("IndexError: too large", ""))
    )


def test_an_early_exit_frees_and_the_arena_goes_back() -> None:
    """Valgrind would tell a leak; here it is enough that the frees are in every exit."""
    text = """
    func.func @f(%n: index, %o: memref<f64>) attributes {dialectad.outs = 1 : i64} {
      %c0 = arith.constant 0 : index
      %arena = memref.alloc() {dialectad.arena, alignment = 64 : i64} : memref<64xi8>
      %d = memref.alloc(%n) : memref<?xf64>
      %ok = arith.cmpi sgt, %n, %c0 : index
      cf.assert %ok, "ValueError: empty"
      %x = memref.load %o[] : memref<f64>
      memref.store %x, %d[%c0] : memref<?xf64>
      memref.dealloc %d : memref<?xf64>
      return
    }"""
    compiled = Compiled(text)
    assert [compiled("f", n, np.zeros(())) for n in (0, 1, 0, 1)] == [1, 0, 1, 0]
    function, release = (
        op for op in compiled.module.ops if isinstance(op, llvm.FuncOp) and op.body.first_block
    )
    assert [_name(op) for op in release.walk()].count("free") == 1
    names = [_name(op) for op in function.walk()]
    assert names.count("llvm.return") == 2
    assert names.count("llvm.atomicrmw") == 3  # taken once, put back at each return
    assert names.count("free") == 4  # the dealloc, the exit's, and the arena's at each return


def _name(op: Operation) -> str:
    if isinstance(op, llvm.CallOp):
        assert op.callee is not None
        return op.callee.string_value()
    return op.name


# Caches

_REVERSE = """
func.func @f(%n: index, %x: memref<?xf64>, %o: memref<?xf64>) attributes {{dialectad.outs = 1 : i64}} {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c = "ad.cache"({capacity}) : ({types}) -> !ad.cache<f64>
  scf.for %i = %c0 to %n step %c1 {{
    %v = memref.load %x[%i] : memref<?xf64>
    "ad.push"(%c, %v) : (!ad.cache<f64>, f64) -> ()
  }}
  scf.for %i = %c0 to %n step %c1 {{
    %v = "ad.pop"(%c) : (!ad.cache<f64>) -> f64
    memref.store %v, %o[%i] : memref<?xf64>
  }}
  return
}}
"""


@pytest.mark.parametrize("capacity", ["", "%n"])
@pytest.mark.parametrize("n", [0, 1, 5, 3000])
def test_a_cache_of_scalars(capacity: str, n: int) -> None:
    text = _REVERSE.format(capacity=capacity, types="index" if capacity else "")
    x, o = np.arange(float(n)), np.zeros(n)
    assert Compiled(text)("f", n, x, o) == 0
    np.testing.assert_array_equal(o, x[::-1])


def test_a_small_cache_is_in_the_frame() -> None:
    text = _REVERSE.format(capacity="%k", types="index").replace(
        "%c = ", "%k = arith.constant 8 : index\n  %c = "
    )
    compiled = Compiled(text)
    assert "malloc" not in str(compiled.module)
    x, o = np.arange(8.0), np.zeros(8)
    assert compiled("f", 8, x, o) == 0
    np.testing.assert_array_equal(o, x[::-1])


@pytest.mark.parametrize("content", ["memref<4xf64>", "memref<?xf64>", "memref<4xi1>"])
@pytest.mark.parametrize("capacity", ["", "%n"])
def test_a_cache_of_arrays(content: str, capacity: str) -> None:
    element = content[-4:-1].strip("x")
    sizes, size_types = ("%four, ", "index") if "?" in content else ("", "")
    operands = f"%c{', %four' if sizes else ''}"
    types = f"!ad.cache<{content}>{', ' + size_types if sizes else ''}"
    whole = f"memref<?x4x{element}>"
    text = f"""
    func.func @f(%n: index, %four: index, %x: {whole}, %o: {whole}) attributes {{dialectad.outs = 1 : i64}} {{
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c = "ad.cache"({capacity}) : ({"index" if capacity else ""}) -> !ad.cache<{content}>
      scf.for %i = %c0 to %n step %c1 {{
        %slot = "ad.reserve"({operands}) : ({types}) -> {content}
        scf.for %j = %c0 to %four step %c1 {{
          %v = memref.load %x[%i, %j] : {whole}
          memref.store %v, %slot[%j] : {content}
        }}
      }}
      scf.for %i = %c0 to %n step %c1 {{
        %slot = "ad.pop"({operands}) : ({types}) -> {content}
        scf.for %j = %c0 to %four step %c1 {{
          %v = memref.load %slot[%j] : {content}
          memref.store %v, %o[%i, %j] : {whole}
        }}
      }}
      return
    }}"""
    compiled = Compiled(text)
    rng = np.random.default_rng(0)
    for n in (0, 3, 500):
        x = rng.normal(size=(n, 4)) if element == "f64" else rng.integers(0, 2, (n, 4)).astype(bool)
        o = np.zeros_like(x)
        assert compiled("f", n, 4, x, o) == 0
        np.testing.assert_array_equal(o, x[::-1])


def test_a_cache_in_a_loop_is_freed_in_every_iteration() -> None:
    text = """
    func.func @f(%n: index, %o: memref<f64>) attributes {dialectad.outs = 1 : i64} {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      scf.for %i = %c0 to %n step %c1 {
        %c = "ad.cache"() : () -> !ad.cache<f64>
        %x = memref.load %o[] : memref<f64>
        scf.for %j = %c0 to %n step %c1 {
          "ad.push"(%c, %x) : (!ad.cache<f64>, f64) -> ()
        }
        %y = "ad.pop"(%c) : (!ad.cache<f64>) -> f64
        %z = arith.addf %y, %y : f64
        memref.store %z, %o[] : memref<f64>
      }
      return
    }"""
    o = np.ones(())
    assert Compiled(text)("f", 10, o) == 0
    assert o == 2.0**10


# Calls


def test_a_failure_in_a_callee_is_passed_on() -> None:
    text = """
    func.func private @check(%b: i1, %o: memref<2xf64>) {
      cf.assert %b, "ValueError: no"
      %one = arith.constant 1.0 : f64
      %c0 = arith.constant 0 : index
      memref.store %one, %o[%c0] : memref<2xf64>
      return
    }
    func.func @f(%b: i1, %o: memref<2xf64>) attributes {dialectad.outs = 1 : i64} {
      func.call @check(%b, %o) : (i1, memref<2xf64>) -> ()
      return
    }""".replace(
        "func.func private @check(%b: i1, %o: memref<2xf64>) {",
        "func.func private @check(%b: i1, %o: memref<2xf64>) attributes {dialectad.outs = 1 : i64} {",
    )
    compiled = Compiled(text)
    o = np.zeros(2)
    assert compiled("f", False, o) == 1
    assert compiled("f", True, o) == 0
    assert o[0] == 1.0


# Refusals


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("func.func @f() -> f64 { %x = arith.constant 1.0 : f64\n return %x : f64 }", "gives results"),
        ("func.func @f(%n: index) { %s = memref.alloca(%n) : memref<?xf64>\n return }", "dynamic size"),
        ("func.func @f(%x: tensor<2xf64>) { return }", "no llvm counterpart"),
        (
            "func.func @f(%x: i64, %y: i64) { %z = math.ipowi %x, %y : i64\n return }",
            "isn't a small constant",
        ),
    ],
)
def test_what_cannot_be_lowered_is_refused(text: str, message: str) -> None:
    with pytest.raises(CompileError, match=message):
        Compiled(text, f"{TO_LOOPS},{TO_LLVM}")
