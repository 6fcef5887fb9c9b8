"""What is to be differentiated at the level `llvm`: declarations, and functions without early exits."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import numpy as np
import pytest
from xdsl.dialects import llvm
from xdsl.dialects.builtin import ModuleOp

from dialectad import passes, verifier
from dialectad.dialects import context
from dialectad.errors import CompileError
from dialectad.lower.llvm.requests import Derivative
from dialectad.lower.llvm_ir import translate
from dialectad.runtime import engine
from tests.lower.machine import TO_LLVM, TO_LOOPS, parse

REQUEST = """
func.func @g(%x: memref<4xf64>, %n: index, %y: memref<f64>, %tx: memref<4xf64>, %ty: memref<f64>) {
  "ad.jvp"(%x, %n, %y, %tx, %ty) <{callee = @f, active = array<i64: 0>, level = "llvm"}>
    : (memref<4xf64>, index, memref<f64>, memref<4xf64>, memref<f64>) -> ()
  func.return
}
"""

HEADER = """
func.func private @f(%x: memref<4xf64>, %n: index, %y: memref<f64>) attributes {dialectad.outs = 1 : i64}
"""

BODIES = {
    "a buffer too large for the stack": """{
  %a = memref.alloc() : memref<100000xf64>
  %b = memref.alloc() : memref<100000xf64>
  %v = memref.load %x[%n] : memref<4xf64>
  %w = "ad.stop"(%v) : (f64) -> f64
  linalg.fill ins(%w : f64) outs(%a : memref<100000xf64>)
  "memref.copy"(%a, %b) : (memref<100000xf64>, memref<100000xf64>) -> ()
  %r = memref.load %b[%n] : memref<100000xf64>
  memref.store %r, %y[] : memref<f64>
  memref.dealloc %a : memref<100000xf64>
  memref.dealloc %b : memref<100000xf64>
  func.return
}""",
    "a cache that grows": """{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %many = arith.constant 1000 : index
  %c = "ad.cache"() : () -> !ad.cache<f64>
  %v = memref.load %x[%n] : memref<4xf64>
  scf.for %i = %c0 to %many step %c1 {
    "ad.push"(%c, %v) : (!ad.cache<f64>, f64) -> ()
  }
  %r = "ad.pop"(%c) : (!ad.cache<f64>) -> f64
  memref.store %r, %y[] : memref<f64>
  func.return
}""",
    "a cache of a size known at run time": """{
  %many = arith.constant 1000 : index
  %k = arith.maxsi %many, %n : index
  %c = "ad.cache"(%k) : (index) -> !ad.cache<f64>
  %v = memref.load %x[%n] : memref<4xf64>
  "ad.push"(%c, %v) : (!ad.cache<f64>, f64) -> ()
  %r = "ad.pop"(%c) : (!ad.cache<f64>) -> f64
  memref.store %r, %y[] : memref<f64>
  func.return
}""",
    "an assertion": """{
  %c4 = arith.constant 4 : index
  %ok = arith.cmpi ult, %n, %c4 : index
  cf.assert %ok, "IndexError: no such element"
  %last = arith.constant 3 : index
  %i = arith.minui %n, %last : index
  %r = memref.load %x[%i] : memref<4xf64>
  memref.store %r, %y[] : memref<f64>
  func.return
}""",
}


def lowered(body: str) -> ModuleOp:
    module = parse(HEADER + body + REQUEST)
    passes.run(context(), module, f"plan-memory,{TO_LOOPS},{TO_LLVM}")
    verifier.check(module, "llvm")
    return module


def functions(module: ModuleOp) -> dict[str, llvm.FuncOp]:
    return {op.sym_name.data: op for op in module.ops if isinstance(op, llvm.FuncOp)}


def runnable(module: ModuleOp) -> tuple[Callable[..., int], list[int]]:
    """What is differentiated, as machine code, and the list of the statuses that it complains with."""
    known = functions(module)
    known["f"].properties["linkage"] = llvm.LinkageAttr("external")
    for op in list(module.ops):
        if isinstance(op, llvm.FuncOp) and op.sym_name.data.startswith(("g", "f.")):
            op.detach()
    complaints: list[int] = []

    def complain(holds: bool, status: int) -> None:
        if not holds:
            complaints.append(status)

    stack: list[float] = []
    handle, double = ctypes.c_void_p, ctypes.c_double
    stand_ins = {
        "assert": ctypes.CFUNCTYPE(None, ctypes.c_bool, ctypes.c_int64)(complain),
        "stop.f64": ctypes.CFUNCTYPE(double, double)(lambda x: x),
        "cache.f64": ctypes.CFUNCTYPE(handle)(lambda: 8),
        "push.f64": ctypes.CFUNCTYPE(None, handle, double)(lambda _, x: stack.append(x)),
        "pop.f64": ctypes.CFUNCTYPE(double, handle)(lambda _: stack.pop()),
        "end_cache.f64": ctypes.CFUNCTYPE(None, handle)(lambda _: stack.clear()),
    }
    addresses = {
        f"dialectad.{name}": ctypes.cast(function, ctypes.c_void_p).value or 0
        for name, function in stand_ins.items()
    }
    library = engine.load(translate(module), imports=addresses)
    prototype = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p)
    function = prototype(library.address("f"))
    alive = [library, stand_ins]

    def run(x: np.ndarray, n: int, y: np.ndarray) -> int:
        assert len(alive) == 2
        return function(x.ctypes.data, n, y.ctypes.data)

    return run, complaints


@pytest.mark.parametrize("name", BODIES)
def test_it_runs(name: str) -> None:
    run, complaints = runnable(lowered(BODIES[name]))
    y = np.zeros(())
    for n in range(4):
        assert run(np.arange(4.0), n, y) == 0
        assert y == n
    assert complaints == []


def test_what_fails_says_so_and_goes_on() -> None:
    run, complaints = runnable(lowered(BODIES["an assertion"]))
    y = np.zeros(())
    assert run(np.arange(4.0), 7, y) == 0
    assert complaints == [1]
    assert y == 3


@pytest.mark.parametrize("name", BODIES)
def test_memory_is_not_kept_between_calls(name: str) -> None:
    module = lowered(BODIES[name])
    assert not any(isinstance(op, llvm.GlobalOp) for op in module.ops)
    assert not any(op.name == "llvm.atomicrmw" for op in functions(module)["f"].walk())


def test_large_buffers_stay_apart() -> None:
    calls = [
        op.callee.string_value()
        for op in functions(lowered(BODIES["a buffer too large for the stack"]))["f"].walk()
        if isinstance(op, llvm.CallOp) and op.callee is not None
    ]
    assert calls.count("malloc") == calls.count("free") == 2


def test_the_declaration_says_what_is_wanted() -> None:
    declaration = functions(lowered(BODIES["an assertion"]))["f.jvp_0"]
    wanted = Derivative.of(declaration)
    assert wanted is not None
    assert (wanted.callee, wanted.kind, wanted.active, wanted.seeds) == ("f", "jvp", (0,), ())
    assert (wanted.arguments, wanted.outs, len(wanted.types)) == (2, 1, 5)
    assert [list(r) for r in wanted.flat] == [[0], [1], [2], [3], [4]]
    assert wanted.attribute() == declaration.attributes["dialectad.derivative"]
    assert declaration.arg_attrs is not None
    read_only = ["llvm.readonly" in attrs.data for attrs in declaration.arg_attrs]
    assert read_only == [True, False, False, True, False]
    assert Derivative.of(functions(lowered(BODIES["an assertion"]))["g"]) is None


def test_a_derivative_without_a_body_is_no_program() -> None:
    with pytest.raises(CompileError, match=r"@f.jvp_0, a derivative at the level llvm, has no body"):
        translate(lowered(BODIES["an assertion"]))


def test_other_levels_are_refused() -> None:
    with pytest.raises(CompileError, match=r"a derivative at the level .loop. is left"):
        passes.run(
            context(),
            parse(HEADER + BODIES["an assertion"] + REQUEST.replace('"llvm"', '"loop"')),
            TO_LLVM,
        )
