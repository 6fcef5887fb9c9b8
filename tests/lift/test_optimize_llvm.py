"""What LLVM's optimiser may and may not do before a function is differentiated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from xdsl.dialects import llvm
from xdsl.dialects.builtin import ModuleOp

import dialectad as da
from dialectad import locations, passes, verifier
from dialectad.dialects import context
from dialectad.errors import CompileError
from dialectad.lift.llvm_reader import read
from dialectad.lift.optimize_llvm import OptimizeLlvmPass, optimize
from tests.lower.machine import parse

HERE = Path(__file__).name


def optimized(llvm_ir: str, *names: str) -> ModuleOp:
    """A module of LLVM IR text, with functions optimised."""
    module = read(llvm_ir)
    optimize(module, names)
    verifier.check(module, "llvm")
    return module


def names_of_ops(module: ModuleOp) -> list[str]:
    return [op.name for op in module.walk()]


def loop(body: str, attributes: str = "", metadata: str = "") -> str:
    """A function that runs `body` for %i from 0 to %n."""
    return f"""
    define void @f(ptr noalias %p, ptr %q, i64 %n, double %x) {attributes} {{
    entry:
      br label %test
    test:
      %i = phi i64 [ 0, %entry ], [ %next, %body ]
      %more = icmp slt i64 %i, %n
      br i1 %more, label %body, label %out
    body:
      {body}
      %next = add nsw i64 %i, 1
      br label %test
    out:
      ret void
    }}
    declare double @sin(double) nounwind willreturn memory(none)
    declare void @dialectad.assert(i1, i64) nounwind memory(inaccessiblemem: readwrite)
    {metadata}
    """


def test_invariant_code_leaves_loops():
    module = optimized(
        loop("""
        %s = call double @sin(double %x)
        %a = getelementptr double, ptr %p, i64 %i
        store double %s, ptr %a"""),
        "f",
    )
    calls = [op for op in module.walk() if isinstance(op, llvm.CallOp)]
    (store,) = [op for op in module.walk() if isinstance(op, llvm.StoreOp)]
    assert [call.parent is store.parent for call in calls] == [False]


SCOPED = """
%a = load double, ptr %q, !alias.scope !1, !noalias !3
%b = load ptr, ptr %p
%c = getelementptr double, ptr %b, i64 %i
store double %a, ptr %c, !alias.scope !3, !noalias !1
"""
SCOPES = """
!0 = distinct !{!0}
!1 = !{!2}
!2 = distinct !{!2, !0, !"q"}
!3 = !{!4}
!4 = distinct !{!4, !0, !"p"}
"""


@pytest.mark.parametrize("apart", [True, False])
def test_alias_scopes_are_used(apart: bool):
    """The load leaves the loop if the store is known to be elsewhere."""
    body = SCOPED if apart else SCOPED.replace(", !noalias !3", "").replace(", !noalias !1", "")
    module = optimized(loop(body, metadata=SCOPES), "f")
    (load,) = [
        op
        for op in module.walk()
        if isinstance(op, llvm.LoadOp) and not isinstance(op.results[0].type, llvm.LLVMPointerType)
    ]
    (store,) = [op for op in module.walk() if isinstance(op, llvm.StoreOp)]
    assert (load.parent is not store.parent) == apart


@pytest.mark.parametrize("value", ["0.0", "%x"])
def test_loops_that_fill_and_copy_stay(value: str):
    module = optimized(
        loop(f"""
        %a = getelementptr double, ptr %p, i64 %i
        store double {value}, ptr %a"""),
        "f",
    )
    assert "llvm.intr.memset" not in names_of_ops(module)
    assert "llvm.store" in names_of_ops(module)


def test_nothing_is_unrolled_but_the_wish_stays():
    text = loop(
        """
        %a = getelementptr double, ptr %p, i64 %i
        %b = load double, ptr %a
        %c = fmul double %b, %b
        store double %c, ptr %a"""
    )
    text = text.replace("i64 %i, %n", "i64 %i, 3").replace(
        "label %test\n    out", "label %test, !llvm.loop !0\n out"
    )
    module = optimized(text + '!0 = distinct !{!0, !1}\n!1 = !{!"llvm.loop.unroll.full"}', "f")
    assert names_of_ops(module).count("llvm.fmul") == 1
    (branch,) = [op for op in module.walk() if "dialectad.unroll" in op.attributes]
    assert isinstance(branch, llvm.CondBrOp)


def test_assertions_stay_in_their_place():
    """Each is there, and what is stored after one isn't stored before."""
    module = optimized(
        """
        define void @f(ptr noalias %p, double %x) {
          %bad = fcmp uno double %x, 0.0
          %ok = xor i1 %bad, true
          call void @dialectad.assert(i1 %ok, i64 3)
          %y = fdiv double 1.0, %x
          store double %y, ptr %p
          call void @dialectad.assert(i1 true, i64 4)
          ret void
        }
        declare void @dialectad.assert(i1, i64) nounwind nofree nocallback memory(inaccessiblemem: readwrite)
        """,
        "f",
    )
    assert [name for name in names_of_ops(module) if name in ("llvm.store", "llvm.call")] == [
        "llvm.call",
        "llvm.store",
        "llvm.call",
    ]


def test_globals_go_along():
    """A constant's content is used; what only this function sees of a variable isn't assumed to be all."""
    module = optimized(
        """
        @table = internal constant [2 x double] [double 3.0, double 4.0]
        @kept = internal global ptr null
        define double @f() {
          %a = load double, ptr getelementptr (i8, ptr @table, i64 8)
          %b = load ptr, ptr @kept
          %c = load double, ptr %b
          %d = fadd double %a, %c
          ret double %d
        }
        define void @g(ptr %p) {
          store ptr %p, ptr @kept
          ret void
        }
        """,
        "f",
    )
    assert names_of_ops(module).count("llvm.load") == 2
    assert names_of_ops(module).count("llvm.mlir.global") == 2


def test_other_functions_stay():
    module = optimized(
        """
        define double @f(double %x) {
          %y = call double @g(double %x)
          ret double %y
        }
        define internal double @g(double %x) {
          %y = fadd double %x, 0.0
          %z = fadd double %y, 0.0
          ret double %x
        }
        """,
        "f",
    )
    assert names_of_ops(module).count("llvm.fadd") == 2
    assert names_of_ops(module).count("llvm.call") == 1


def test_functions_that_simplifications_call_are_declared():
    module = optimized(
        """
        define float @f(float %x) {
          %a = fpext float %x to double
          %b = call double @floor(double %a)
          %c = call double @cos(double %b)
          %d = fptrunc double %c to float
          ret float %d
        }
        declare double @floor(double) nounwind willreturn memory(none)
        declare double @cos(double) nounwind willreturn memory(none)
        """,
        "f",
    )
    assert "llvm.intr.floor" in names_of_ops(module)


def test_arguments_and_attributes_stay():
    module = parse("""
        llvm.func internal @f(%x: !llvm.ptr {llvm.noalias, dialectad.mine})
                                attributes {dialectad.differentiated} {
          llvm.return
        }
        """)
    before = str(module)
    passes.run(context(), module, "optimize-llvm")
    assert str(module) == before


def gradient_module(level: da.Level) -> ModuleOp:
    lowered = da.grad(square_sum, level=level).lower(np.ones(300))
    pipeline = lowered.pipeline
    module = lowered.module("traced")
    passes.run(context(), module, pipeline[: pipeline.index("convert-to-llvm") + len("convert-to-llvm")])
    return module


def square_sum(x):
    total = 0.0
    for i in range(len(x)):
        total += x[i] * x[i]
    return total


def test_ops_know_where_the_user_wrote_them():
    module = gradient_module(da.Level("llvm"))
    OptimizeLlvmPass().apply(context(), module)
    (product,) = [op for op in module.walk() if isinstance(op, llvm.FMulOp)]
    place = locations.of(product)
    assert place is not None
    assert Path(place.file).name == HERE
    assert "x[i] * x[i]" in place.snippet()


def test_what_is_differentiated_as_it_is_stays():
    module = gradient_module(da.Level("llvm", optimize_first=False))
    before = names_of_ops(module)
    OptimizeLlvmPass().apply(context(), module)
    assert before.count("llvm.fmul") == names_of_ops(module).count("llvm.fmul")


def test_an_unknown_function():
    with pytest.raises(CompileError, match="there is no function @g to optimise"):
        optimize(read("define void @f() {\n ret void\n}"), ["g"])
