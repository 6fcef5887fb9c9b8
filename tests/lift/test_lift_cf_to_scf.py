"""`lift-cf-to-scf` keeps the meaning of every control-flow graph, before and after LLVM's optimiser."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xdsl.dialects import llvm, scf
from xdsl.dialects.builtin import ModuleOp

import dialectad as da
from dialectad import passes, verifier
from dialectad.dialects import context
from dialectad.errors import CompileError
from dialectad.lift.llvm_reader import read
from dialectad.lift.optimize_llvm import optimize_text
from dialectad.lower.llvm_ir import translate
from dialectad.runtime import engine
from tests.lift.random_graphs import FUEL, graph
from tests.lift.random_loops import Loop, loop
from tests.lift.test_round_trip import programs, public, run
from tests.lower.machine import parse
from tests.mlir_opt import assert_valid_mlir
from tests.samples import SAMPLES

SEEDS = st.integers(0, 2**32)
C_TYPES = {64: ctypes.c_int64, 32: ctypes.c_int32, 8: ctypes.c_int8}
NUMBERS = (0, 1, -1, 2, 5, -4, 13, 60, 126, 127, -128, -125)


def optimized(module: ModuleOp) -> ModuleOp:
    return read(optimize_text(translate(module)))


def lift(module: ModuleOp) -> None:
    """Lift, and check that every function is one block of valid ops."""
    passes.run(context(), module, "lift-cf-to-scf")
    verifier.check(module)
    for op in module.ops:
        assert isinstance(op, llvm.GlobalOp) or len(op.regions[0].blocks) < 2


def lower(module: ModuleOp) -> None:
    passes.run(context(), module, "convert-scf-to-cf")
    verifier.check(module, "llvm")


def lifted_and_lowered(text: str, prepare: Callable[[ModuleOp], ModuleOp]) -> tuple[Any, Any]:
    """The functions of a text as they are, and after they were prepared, lifted and lowered."""
    module = parse(text)
    verifier.check(module)
    before = engine.load(translate(module))
    module = prepare(module)
    lift(module)
    lower(module)
    return before, engine.load(translate(module))


def count(module: ModuleOp, kind: type) -> int:
    return sum(isinstance(op, kind) for op in module.walk())


PREPARE = pytest.mark.parametrize("prepare", [lambda module: module, optimized], ids=["plain", "optimized"])


@PREPARE
@settings(max_examples=4, deadline=None)
@given(seed=SEEDS, size=st.sampled_from((4, 8, 16)))
def test_random_graphs(prepare: Callable[[ModuleOp], ModuleOp], seed: int, size: int):
    rng = Random(seed)
    names = [f"f{i}" for i in range(8)]
    text = "\n".join(graph(rng, name, size=size) for name in names)
    libraries = lifted_and_lowered(text, prepare)
    prototype = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p)
    for name in names:
        functions = [prototype(library.address(name)) for library in libraries]
        for x in (0, 1, -5, 12345):
            memory = [np.array([1, FUEL]), np.array([1, FUEL])]
            results = [f(x, m.ctypes.data) for f, m in zip(functions, memory, strict=True)]
            assert results[0] == results[1]
            assert memory[0].tolist() == memory[1].tolist()


@PREPARE
@settings(max_examples=4, deadline=None)
@given(seed=SEEDS)
def test_random_counted_loops(prepare: Callable[[ModuleOp], ModuleOp], seed: int):
    rng = Random(seed)
    loops = [loop(rng) for _ in range(15)]
    libraries = lifted_and_lowered("\n".join(one.text(f"f{i}") for i, one in enumerate(loops)), prepare)
    for i, random_loop in enumerate(loops):
        number = C_TYPES[random_loop.width]
        prototype = ctypes.CFUNCTYPE(ctypes.c_int64, number, number, ctypes.c_void_p)
        functions = [prototype(library.address(f"f{i}")) for library in libraries]
        for n in NUMBERS:
            for m in rng.sample(NUMBERS, 4):
                if random_loop.ends(n, m):
                    memory = [np.array([1]), np.array([1])]
                    results = [f(n, m, t.ctypes.data) for f, t in zip(functions, memory, strict=True)]
                    assert results[0] == results[1], (random_loop, n, m)
                    assert memory[0] == memory[1], (random_loop, n, m)


COUNTED = [
    Loop(64, step, predicate, tested, first, guarded, start, bound, "nsw", False, False, False, "sum")
    for step, predicate, start, bound in (
        (1, "slt", 0, None),
        (1, "ne", 0, None),
        (1, "ult", 0, 9),
        (2, "ult", 0, None),
        (2, "slt", 1, None),
        (3, "sle", None, None),
        (-1, "sgt", None, 0),
        (-1, "ne", None, 0),
        (-2, "sge", None, None),
    )
    for tested, first, guarded in (
        ("next", False, "same"),
        ("next", False, ""),
        ("i", True, ""),
        ("i", False, ""),
    )
]


@pytest.mark.parametrize("counted", COUNTED, ids=lambda c: f"{c.predicate}{c.step}-{c.tested}-{c.guarded}")
def test_is_counted(counted: Loop):
    module = parse(counted.text("f"))
    lift(module)
    assert count(module, scf.ForOp) == 1
    assert count(module, scf.WhileOp) == 0


def test_samples():
    """The primal and the gradient of sample programs, as they are lowered and as LLVM optimises them."""
    texts: list[str] = []
    for sample in SAMPLES[::2]:
        for lowered in programs(sample):
            main = public(lowered.module("loop"))
            plain = lowered.module("llvm")
            expected = run(translate(plain), main)
            for module in (plain, optimized(plain)):
                lift(module)
                texts.append(str(module))
                lower(module)
                for found, value in zip(run(translate(module), main), expected, strict=True):
                    tolerance = 1e-5 if sample.name == "single_precision" else 1e-9
                    np.testing.assert_allclose(found, value, rtol=tolerance, err_msg=sample.name)
    assert_valid_mlir(texts)


STRAIGHT_LOOPS = [
    "elementwise_chain",
    "recurrent_in_place",
    "writes_through_views",
    "triangular_loop",
    "cholesky_by_slices",
    "in_place_stencil",
    "reductions",
    "named_tuple_state",
    "rk4_loop",
    "overwritten_state",
    "power_iteration",
]


@pytest.mark.parametrize("name", STRAIGHT_LOOPS)
def test_optimised_loops_are_counted(name: str):
    """A program of nothing but `for` loops is one again after LLVM's optimiser."""
    sample = next(sample for sample in SAMPLES if sample.name == name)
    module = optimized(da.jit(sample.function).lower(*sample.args).module("llvm"))
    lift(module)
    assert count(module, scf.ForOp) > 0
    assert count(module, scf.WhileOp) == count(module, scf.IfOp) == 0


NEST = """
func.func @f(%n: index, %m: index, %A: memref<?x?xf64>, %o: memref<f64>)
    attributes {dialectad.outs = 1 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f64
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%a = %zero) -> (f64) {
    %q = scf.for %j = %c0 to %m step %c1 iter_args(%b = %a) -> (f64) {
      %v = memref.load %A[%i, %j] : memref<?x?xf64>
      %w = math.sin %v : f64
      %c = arith.addf %b, %w : f64
      scf.yield %c : f64
    }
    scf.yield %q : f64
  }
  memref.store %r, %o[] : memref<f64>
  return
}
"""


def test_guards_of_a_nest_go():
    module = parse(NEST)
    passes.run(context(), module, "convert-scf-to-cf,convert-to-llvm")
    module = optimized(module)
    lift(module)
    assert count(module, scf.ForOp) == 2
    assert count(module, scf.WhileOp) == count(module, scf.IfOp) == count(module, llvm.SelectOp) == 0
    assert count(module, llvm.ICmpOp) == 0


def diamonds(number: int) -> str:
    """So many branches, one after the other."""
    lines = ["llvm.func @f(%c: i1, %x: f64) -> f64 {", "  llvm.br ^a0(%x : f64)"]
    for i in range(number):
        lines += [
            f"^a{i}(%v{i}: f64):",
            f"  llvm.cond_br %c, ^l{i}, ^r{i}",
            f"^l{i}:",
            f"  %p{i} = llvm.fadd %v{i}, %x : f64",
            f"  llvm.br ^a{i + 1}(%p{i} : f64)",
            f"^r{i}:",
            f"  %q{i} = llvm.fmul %v{i}, %x : f64",
            f"  llvm.br ^a{i + 1}(%q{i} : f64)",
        ]
    return "\n".join([*lines, f"^a{number}(%v{number}: f64):", f"  llvm.return %v{number} : f64", "}"])


def early_exits(number: int) -> str:
    """So many checks, each of which may end the function."""
    lines = ["llvm.func @f(%c: f64, %x: f64) -> f64 {", "  llvm.br ^a0"]
    for i in range(number):
        lines += [
            f"^a{i}:",
            f"  %v{i} = llvm.fadd %c, %x : f64",
            f'  %c{i} = llvm.fcmp "ogt" %v{i}, %x : f64',
            f"  llvm.cond_br %c{i}, ^a{i + 1}, ^e(%v{i} : f64)",
        ]
    return "\n".join(
        [*lines, f"^a{number}:", "  llvm.br ^e(%x : f64)", "^e(%r: f64):", "  llvm.return %r : f64", "}"]
    )


def calls(text: str) -> int:
    """How many Python functions are called to lift a module."""
    module, found = parse(text), 0

    def note(frame: object, event: str, argument: object) -> None:
        nonlocal found
        found += event == "call"

    previous = sys.getprofile()
    sys.setprofile(note)
    try:
        lift(module)
    finally:
        sys.setprofile(previous)
    return found


def test_work_is_linear():
    assert calls(diamonds(800)) < 8 * 1.5 * calls(diamonds(100))


def test_many_early_exits():
    module = parse(early_exits(100))
    lift(module)
    assert count(module, scf.IfOp) == 99  # the last one is a select
    with pytest.raises(CompileError, match="more than 150 branches and loops, one in the other"):
        lift(parse(early_exits(400)))


def test_refuses_other_terminators():
    text = """
    llvm.func @f(%c: i1) {
      cf.cond_br %c, ^a, ^b
    ^a:
      llvm.return
    ^b:
      llvm.return
    }
    """
    with pytest.raises(CompileError, match=r"'cf\.cond_br' ends a block: its control flow can't be lifted"):
        lift(parse(text))
