"""What is read from hand-written LLVM IR, and from IR as C and Rust compilers emit it, means the same."""

from __future__ import annotations

import ctypes
import itertools
import math
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from xdsl.dialects.builtin import FileLineColLoc
from xdsl.ir import Operation

from dialectad import locations, verifier
from dialectad.errors import CompileError
from dialectad.lift.llvm_reader import read
from dialectad.lower.llvm_ir import translate
from dialectad.runtime import engine
from tests.mlir_opt import assert_valid_mlir

INTS = (0, 1, -1, 5, 63, 2**31 - 1, -(2**31), 2**62, -(2**63))
FLOATS = (0.0, -0.0, 1.5, -2.25, 1e300, math.inf, -math.inf, math.nan)

i64 = ctypes.c_int64
f64 = ctypes.c_double


def call(llvm_ir: str, result: Any, *types: Any) -> Callable[..., Any]:
    """The function @f of a text, as something to call."""
    library = engine.load(llvm_ir)
    function = ctypes.CFUNCTYPE(result, *types)(library.address("f"))
    return lambda *args: (function(*args), library)[0]


def bits(value: float | int) -> bytes:
    """For a comparison that tells zeros apart and finds NaNs equal."""
    if isinstance(value, float):
        return b"nan" if value != value else struct.pack("<d", value)
    return struct.pack("<q", value)


def written(text: str) -> str:
    module = read(text)
    verifier.check(module, "llvm")
    return translate(module)


def assert_same(text: str, result: Any, *types: Any) -> None:
    """Read and written again, @f gives the same for all combinations of awkward arguments."""
    before, after = call(text, result, *types), call(written(text), result, *types)
    for args in itertools.product(*(FLOATS if t is f64 else INTS for t in types)):
        assert bits(before(*args)) == bits(after(*args)), args


def body(lines: str, arguments: str = "double %x, double %y", result: str = "double") -> str:
    return f"define {result} @f({arguments}) {{\n{lines}\n}}\n"


FLOAT_FUNCTIONS = {
    "arithmetic": """
      %a = fadd reassoc double %x, 1.000000e+00
      %b = fsub double %a, %y
      %c = fmul contract double %b, 0x400921FB54442D18
      %d = fdiv double %c, %y
      %e = frem double %d, 3.000000e+00
      %f = fneg double %e
      ret double %f""",
    "select": """
      %a = fcmp ogt double %x, %y
      %b = fcmp uno double %x, %y
      %c = fcmp true double %x, %y
      %d = xor i1 %b, %c
      %e = and i1 %a, %d
      %f = select nnan i1 %e, double %x, double -0.000000e+00
      ret double %f""",
    "casts": """
      %a = fptrunc double %x to float
      %b = fmul float %a, 0x3FB99999A0000000
      %c = fpext float %b to double
      %d = bitcast double %c to i64
      %e = and i64 %d, 9223372036854775807
      %f = bitcast i64 %e to double
      ret double %f""",
    "intrinsics": """
      %a = call double @llvm.fabs.f64(double %x)
      %b = call double @llvm.copysign.f64(double %a, double %y)
      %c = call double @llvm.maxnum.f64(double %b, double %y)
      %d = call double @llvm.minimum.f64(double %c, double %x)
      %e = call double @llvm.fma.f64(double %d, double %x, double %y)
      %f = tail call nnan double @llvm.floor.f64(double %e)
      %g = call double @llvm.powi.f64.i32(double %f, i32 3)
      %h = call i1 @llvm.is.fpclass.f64(double %g, i32 3)
      %i = select i1 %h, double 1.0, double %g
      ret double %i""",
    "while": """
    entry:
      %bad = fcmp uno double %x, 0.0
      br i1 %bad, label %out, label %while
    while:
      %v = phi double [ %x, %entry ], [ %half, %more ]
      %n = phi i32 [ 0, %entry ], [ %next, %more ]
      %size = call double @llvm.fabs.f64(double %v)
      %go = fcmp ogt double %size, 1.0
      %few = icmp ult i32 %n, 30
      %on = select i1 %go, i1 %few, i1 false
      br i1 %on, label %more, label %out
    more:
      %half = fmul double %v, 0.5
      %next = add nuw nsw i32 %n, 1
      br label %while
    out:
      %r = phi double [ %v, %while ], [ %y, %entry ]
      ret double %r""",
    "blocks out of order": """
      br label %first
    second:
      %b = fadd double %a, %y
      ret double %b
    first:
      %a = fmul double %x, 2.0
      br label %second""",
    "numbered values and blocks": """
      %1 = fadd double %x, %y
      %2 = fcmp olt double %1, 0.0
      br i1 %2, label %3, label %5
    3:
      %4 = fneg double %1
      br label %5
    5:
      %6 = phi double [ %1, %0 ], [ %4, %3 ]
      ret double %6""",
    "vectors": """
      %a = insertelement <2 x double> <double 1.0, double poison>, double %x, i64 1
      %b = shufflevector <2 x double> %a, <2 x double> poison, <2 x i32> <i32 1, i32 0>
      %c = fmul <2 x double> %b, splat (double 3.0)
      %d = fcmp ogt <2 x double> %c, zeroinitializer
      %e = select <2 x i1> %d, <2 x double> %c, <2 x double> <double -1.0, double -2.0>
      %p = extractelement <2 x double> %e, i64 0
      %q = extractelement <2 x double> %e, i64 1
      %r = fsub double %p, %q
      ret double %r""",
    "structs": """
      %a = insertvalue { double, [2 x i64] } { double 1.0, [2 x i64] [i64 4, i64 5] }, double %x, 0
      %b = insertvalue { double, [2 x i64] } %a, i64 7, 1, 1
      %c = extractvalue { double, [2 x i64] } %b, 0
      %d = extractvalue { double, [2 x i64] } %b, 1, 1
      %e = sitofp i64 %d to double
      %f = fadd double %c, %e
      ret double %f""",
    "memory": """
      %p = alloca { i8, double }, align 8
      %q = getelementptr inbounds nuw { i8, double }, ptr %p, i64 0, i32 1
      store double %x, ptr %q, align 8
      %r = getelementptr i8, ptr %p, i64 8
      %s = load double, ptr %r, align 8
      %t = alloca double, i64 3
      %u = getelementptr double, ptr %t, i64 2
      call void @llvm.memcpy.p0.p0.i64(ptr align 8 %u, ptr align 8 %q, i64 8, i1 false)
      store volatile double %y, ptr %t
      %v = load volatile double, ptr %u, align 8
      %w = fadd double %v, %s
      ret double %w""",
}


@pytest.mark.parametrize("lines", FLOAT_FUNCTIONS.values(), ids=FLOAT_FUNCTIONS)
def test_functions_of_floats(lines: str):
    assert_same(body(lines), f64, f64, f64)


INTEGER_FUNCTIONS = {
    "arithmetic": """
      %a = add nsw nuw i64 %x, 0
      %b = sub i64 %a, %y
      %c = mul i64 %b, -3
      %d = or i64 %y, 1
      %e = sdiv i64 %c, 7
      %f = udiv i64 %e, %d
      %g = srem i64 %f, 11
      %h = urem i64 %c, %d
      %i = xor i64 %g, %h
      ret i64 %i""",
    "bits": """
      %a = and i64 %y, 63
      %b = shl i64 %x, %a
      %c = lshr i64 %b, 3
      %d = ashr i64 %x, %a
      %e = shl i64 %d, 1
      %f = or disjoint i64 %e, 1
      %g = ashr exact i64 %e, 1
      %h = xor i64 %f, %g
      %i = xor i64 %h, %c
      ret i64 %i""",
    "widths": """
      %a = trunc i64 %x to i8
      %b = sext i8 %a to i32
      %c = zext i8 %a to i32
      %d = add i32 %b, %c
      %e = zext nneg i8 3 to i64
      %f = zext i32 %d to i64
      %g = trunc nuw i64 %e to i3
      %h = sext i3 %g to i64
      %i = add i64 %f, %h
      ret i64 %i""",
    "comparisons": """
      %a = icmp slt i64 %x, %y
      %b = icmp samesign ult i64 5, 6
      %c = icmp uge i64 %x, %y
      %d = zext i1 %a to i64
      %e = select i1 %c, i64 %d, i64 9
      %f = select i1 %b, i64 %e, i64 0
      ret i64 %f""",
    "switch": """
    entry:
      switch i64 %x, label %default [ i64 0, label %zero
                                      i64 -1, label %many
                                      i64 5, label %many
                                      i64 -2147483648, label %least ]
    zero:
      br label %many
    least:
      br label %out
    default:
      br label %out
    many:
      %a = phi i64 [ 1, %zero ], [ 2, %entry ], [ 2, %entry ]
      br label %out
    out:
      %r = phi i64 [ %a, %many ], [ %y, %default ], [ -7, %least ]
      ret i64 %r""",
    "terminators that come before what they take": """
    entry:
      br label %define
    use:
      br i1 %c, label %yes, label %no
    yes:
      ret i64 %a
    no:
      switch i64 %a, label %other [ i64 2, label %yes ]
    define:
      %c = icmp sgt i64 %x, %y
      %a = add i64 %x, 1
      br label %use
    other:
      ret i64 %y""",
    "both ways to one block": """
    entry:
      %c = icmp sgt i64 %x, 3
      br i1 %c, label %out, label %out
    out:
      %r = phi i64 [ %y, %entry ], [ %y, %entry ]
      ret i64 %r""",
    "intrinsics": """
      %a = call i64 @llvm.smax.i64(i64 %x, i64 %y)
      %b = call i64 @llvm.ctlz.i64(i64 %a, i1 false)
      %c = call { i64, i1 } @llvm.umul.with.overflow.i64(i64 %b, i64 %y)
      %d = extractvalue { i64, i1 } %c, 0
      %e = call i64 @llvm.fshl.i64(i64 %d, i64 %x, i64 5)
      %f = call i64 @llvm.abs.i64(i64 %e, i1 false)
      %g = call i64 @llvm.fptosi.sat.i64.f64(double 1.0e+10)
      %h = call i32 @llvm.bswap.i32(i32 77)
      %i = sext i32 %h to i64
      %j = add i64 %f, %g
      %k = add i64 %j, %i
      call void @llvm.assume(i1 true) [ "align"(ptr null, i64 8) ]
      ret i64 %k""",
    "pointers": """
      %a = alloca [4 x i64], align 16
      %b = getelementptr inbounds [4 x i64], ptr %a, i64 0, i64 3
      call void @llvm.memset.p0.i64(ptr %a, i8 1, i64 32, i1 false)
      call void @llvm.memmove.p0.p0.i64(ptr %a, ptr %b, i64 8, i1 false)
      %c = ptrtoint ptr %a to i64
      %d = inttoptr i64 %c to ptr
      %e = icmp eq ptr %a, %d
      %f = icmp ne ptr %a, null
      %g = and i1 %e, %f
      %h = load i64, ptr %d, align 8
      %i = select i1 %g, i64 %h, i64 %x
      %j = freeze i64 %i
      %old = atomicrmw add ptr %b, i64 %y seq_cst, align 8
      %k = load atomic i64, ptr %b acquire, align 8
      %l = add i64 %k, %j
      %m = add i64 %l, %old
      ret i64 %m""",
}


@pytest.mark.parametrize("lines", INTEGER_FUNCTIONS.values(), ids=INTEGER_FUNCTIONS)
def test_functions_of_integers(lines: str):
    assert_same(body(lines, "i64 %x, i64 %y", "i64"), i64, i64, i64)


NARROW = """
  %a = fptrunc double %x to half
  %b = fadd half %a, 0xH3C00
  %c = fadd half %b, 0xH8000
  %d = fpext half %c to double
  %e = fptrunc double %d to bfloat
  %f = fadd bfloat %e, 0xR3F80
  %g = fadd bfloat %f, 1.5
  %h = fpext bfloat %g to double
  ret double %h"""


def test_narrow_floats():
    """The machine has none of them, so that only LLVM's word is asked for."""
    text = written(body(NARROW))
    assert "0xH8000" in text
    assert "0xR3F80" in text
    engine.optimize(text)


GLOBALS = """
%node = type { ptr, %value }
%value = type { i32, double }
@zeros = internal global [100 x double] zeroinitializer, align 16
@text = private unnamed_addr constant [7 x i8] c"a\\00b\\FF\\22\\5C\\C3", align 1
@ints = internal constant [2 x [2 x i16]] [[2 x i16] [i16 1, i16 -2], [2 x i16] zeroinitializer]
@last = internal constant %node { ptr null, %value { i32 3, double 2.5 } }
@first = internal constant %node { ptr @last, %value { i32 4, double -0.0 } }
@inner = internal constant ptr getelementptr inbounds (%node, ptr @first, i64 0, i32 1, i32 1)
@packed = internal constant <{ [4 x i8], i32 }> <{ [4 x i8] c"abcd", i32 99 }>, align 4
@code = internal constant [2 x ptr] [ptr @twice, ptr null]
@flag = internal global i1 true
@number = internal constant i64 ptrtoint (ptr @zeros to i64)
@odd = internal constant [2 x { i8, double }] [{ i8, double } { i8 1, double 3.0 }, { i8, double } undef]

define internal fastcc i64 @twice(i64 noundef %0) unnamed_addr #0 {
  %2 = shl i64 %0, 1
  ret i64 %2
}

define i64 @f(i64 %x) {
  %next = load ptr, ptr @first, align 8
  %value = getelementptr %node, ptr %next, i64 0, i32 1, i32 1
  %a = load double, ptr %value
  %place = load ptr, ptr @inner
  %b = load double, ptr %place
  %c = fadd double %a, %b
  %d = fptosi double %c to i64
  %e = load i8, ptr getelementptr (i8, ptr @text, i64 3)
  %f = sext i8 %e to i64
  %g = load i16, ptr getelementptr inbounds nuw (i8, ptr @ints, i64 2)
  %h = sext i16 %g to i64
  %i = load i32, ptr getelementptr (i8, ptr @packed, i64 4), align 4
  %j = zext i32 %i to i64
  %function = load ptr, ptr @code, align 8
  %k = call fastcc i64 %function(i64 %x)
  %l = call fastcc i64 @twice(i64 noundef %k)
  %m = load i64, ptr @number
  %n = sub i64 %m, ptrtoint (ptr @zeros to i64)
  %o = load double, ptr getelementptr inbounds ([2 x { i8, double }], ptr @odd, i64 0, i64 0, i32 1)
  %p = fptosi double %o to i64
  %s1 = add i64 %d, %f
  %s2 = mul i64 %s1, %h
  %s3 = add i64 %s2, %j
  %s4 = mul i64 %s3, %l
  %s5 = add i64 %s4, %n
  %s6 = add i64 %s5, %p
  ret i64 %s6
}
attributes #0 = { nofree norecurse nounwind willreturn memory(none) uwtable(sync) "frame-pointer"="all" }
"""


def test_globals():
    assert_same(GLOBALS, i64, i64)


def test_a_function_that_takes_any_number_of_arguments():
    text = """
    @format = private constant [8 x i8] c"%d %.1f\\00"
    declare i32 @snprintf(ptr noalias, i64, ptr, ...)
    define i64 @f(i64 %x) {
      %p = alloca [64 x i8]
      %n = call i32 (ptr, i64, ptr, ...) @snprintf(ptr %p, i64 64, ptr @format, i64 %x, double 2.5) #1
      %r = sext i32 %n to i64
      ret i64 %r
    }
    attributes #1 = { nounwind }
    """
    assert_same(text, i64, i64)


def test_structs_by_pointer():
    """As clang passes them: `sret` and `byval` stay on both sides of a call."""
    text = """
    %struct.S = type { i64, i64, i64 }
    define internal void @make(ptr dead_on_unwind noalias writable sret(%struct.S) align 8 %r, i64 %x) {
      store i64 %x, ptr %r
      %b = getelementptr inbounds nuw %struct.S, ptr %r, i32 0, i32 2
      store i64 3, ptr %b
      ret void
    }
    define internal i64 @take(ptr noundef byval(%struct.S) align 8 %s) noinline {
      %a = load i64, ptr %s
      store i64 0, ptr %s
      %p = getelementptr inbounds %struct.S, ptr %s, i64 0, i32 2
      %b = load i64, ptr %p
      %c = add i64 %a, %b
      ret i64 %c
    }
    define i64 @f(i64 %x) {
      %s = alloca %struct.S, align 8
      call void @make(ptr dead_on_unwind writable sret(%struct.S) align 8 %s, i64 %x)
      %a = call i64 @take(ptr noundef byval(%struct.S) align 8 %s)
      %b = call i64 @take(ptr noundef byval(%struct.S) align 8 %s)
      %c = mul i64 %a, %b
      ret i64 %c
    }
    """
    assert_same(text, i64, i64)


def test_stock_mlir_takes_all_of_it():
    assert_valid_mlir(
        [
            *(str(read(body(lines))) for lines in FLOAT_FUNCTIONS.values()),
            *(str(read(body(lines, "i64 %x, i64 %y", "i64"))) for lines in INTEGER_FUNCTIONS.values()),
            str(read(body(NARROW))),
            str(read(GLOBALS)),
        ]
    )


def test_names():
    """Values keep the names that mean something."""
    text = """
    define double @f(double %x, double %_5, double %x.3.7, double %"a b", double %v.1) {
      %0 = fadd double %x, %_5
      %exitcond.not = fadd double %0, %x.3.7
      ret double %exitcond.not
    }
    """
    function = next(op for op in read(text).walk() if op.name == "llvm.func")
    assert [arg.name_hint for arg in function.regions[0].block.args] == ["x", None, "x", None, None]
    assert [r.name_hint for op in function.walk() for r in op.results] == [None, "exitcond.not"]


# Metadata

ALIASING = """
define void @f(ptr %p, ptr %q) {
  %x = load double, ptr %p, !alias.scope !0, !noalias !3, !invariant.load !7, !range !7
  store double %x, ptr %q, !alias.scope !3, !noalias !0, !nontemporal !8
  DECLARE
  ret void
}
declare void @llvm.experimental.noalias.scope.decl(metadata)
!0 = !{!1}
!1 = distinct !{!1, !2}
!2 = distinct !{!2, !"f"}
!3 = !{!4, !5}
!4 = distinct !{!4, !2, !"same"}
!5 = distinct !{!5, !6, !"same"}
!6 = distinct !{!6}
!7 = !{}
!8 = !{i32 1}
"""


def named(text: str, *names: str) -> list[Operation]:
    return [op for op in read(text).walk() if op.name in names]


def test_alias_scopes_have_names_of_their_own():
    load, store = named(ALIASING.replace("DECLARE", ""), "llvm.load", "llvm.store")
    assert str(load.attributes["dialectad.alias_scopes"]) == '["scope 1"]'
    assert str(load.attributes["dialectad.noalias_scopes"]) == '["same", "same (5)"]'
    assert str(store.attributes["dialectad.alias_scopes"]) == '["same", "same (5)"]'
    assert "invariant" in load.attributes
    assert "nontemporal" in store.attributes


def test_scopes_of_one_run_of_a_piece_of_code_say_nothing():
    """Such a scope doesn't hold for the whole function; an access that is in it is in none."""
    text = ALIASING.replace("DECLARE", "call void @llvm.experimental.noalias.scope.decl(metadata !9)")
    load, store = named(text + "!9 = !{!5}", "llvm.load", "llvm.store")
    assert str(load.attributes["dialectad.alias_scopes"]) == '["scope 1"]'
    assert str(load.attributes["dialectad.noalias_scopes"]) == '["same"]'
    assert "dialectad.alias_scopes" not in store.attributes
    assert str(store.attributes["dialectad.noalias_scopes"]) == '["scope 1"]'


DEBUG = """
define double @f(double %x) !dbg !5 {
    #dbg_value(double %x, !8, !DIExpression(), !7)
  %y = fmul double %x, %x, !dbg !7
  %z = fadd double %y, 1.0, !dbg !DILocation(line: 9, column: 1, scope: !5)
  %w = fadd double %z, 1.0
  ret double %w, !dbg !9
}
!llvm.dbg.cu = !{!1}
!llvm.module.flags = !{!3, !4}
!1 = distinct !DICompileUnit(language: DW_LANG_C11, file: !2, producer: "clang", 
  isOptimized: true, runtimeVersion: 0, emissionKind: FullDebug, nameTableKind: None)
!2 = !DIFile(filename: "a.c", directory: "/home", checksumkind: CSK_MD5,
  checksum: "d41d8cd98f00b204e9800998ecf8427e")
!3 = !{i32 2, !"Debug Info Version", i32 3}
!4 = !{i32 7, !"Dwarf Version", i32 5}
!5 = distinct !DISubprogram(name: "f", scope: !2, file: !2, line: 3, type: !6, scopeLine: 3,
  flags: DIFlagPrototyped, spFlags: DISPFlagDefinition | DISPFlagOptimized, unit: !1)
!6 = !DISubroutineType(types: !{})
!7 = !DILocation(line: 4, column: 12, scope: !10)
!8 = !DILocalVariable(name: "x", arg: 1, scope: !5, file: !2, line: 3)
!9 = !DILocation(line: 0, scope: !5)
!10 = distinct !DILexicalBlock(scope: !5, file: !2, line: 4)
"""


def test_places_in_the_source():
    function, y, _, _, _ = named(DEBUG, "llvm.func", "llvm.fmul", "llvm.fadd", "llvm.return")
    assert str(locations.of(function)) == "/home/a.c:3"
    assert str(locations.from_attr(y.location)) == "/home/a.c:4:12"


def test_places_in_the_text():
    module = read(DEBUG, "a.ll", located=True)
    places = {op.name: op.location for op in module.walk()}
    assert isinstance(places["llvm.return"], FileLineColLoc)
    assert str(locations.from_attr(places["llvm.return"])) == "a.ll:7:3"
    assert str(locations.from_attr(places["llvm.fmul"])) == "/home/a.c:4:12"


# Errors

ERRORS = {
    "define void @f() {\n  ret i32 %x\n}": ("there is no value %x", 2, 11),
    "define void @f(i32 %x, i32 %x) {\n  ret void\n}": ("%x is defined twice", 2, 3),
    "define void @f() {\na:\n  br label %b\nb:\n  ret void\nb:\n  ret void\n}": ("two blocks %b", 6, 1),
    "define void @f() {\n  ret void\n": ("`}` expected, found the end of the text", 3, 1),
    "define i32 @f() {\n  %x = call i32 @g()\n  ret i32 %x\n}": ("there is no function @g", 2, 8),
    "define void @f() {\n  call void @g(i32 1)\n  ret void\n}\ndeclare void @g(i64)": (
        "the arguments of this call aren't those of @g",
        2,
        3,
    ),
    "define void @f(ptr %p) {\n  call void @g(ptr byval(i64) %p)\n  ret void\n}\ndeclare void @g(ptr)": (
        "argument 0 is passed as `byval`, but @g doesn't say so",
        2,
        3,
    ),
    "define i32 @f() {\na:\n  br label %b\nb:\n  %x = phi i32 [ 1, %c ]\n  ret i32 %x\n}": (
        "the phi has no value for block %a",
        5,
        8,
    ),
    "define i32 @f() {\na:\n  br label %b\nb:\n  %x = phi i32 [ 1, %a ], [ 2, %b ]\n  ret i32 %x\n}": (
        "the phi's block %b doesn't branch here",
        5,
        8,
    ),
    "define void @f() personality ptr @p {\n  invoke void @p() to label %a unwind label %a\na:\n}": (
        "instruction `invoke` is not supported",
        2,
        3,
    ),
    "define void @f(<{ i8, i64 }> %x) {\n  ret void\n}": (
        "a packed struct whose members aren't aligned",
        1,
        16,
    ),
    "define void @f(%t %x) {\n  ret void\n}": ("there is no type %t", 1, 16),
    "define void @f() #3 {\n  ret void\n}": ("there is no attribute group #3", 1, 18),
    "define void @f() returns_twice {\n  ret void\n}": ("`returns_twice` is not supported", 1, 18),
    "define void @f(ptr inalloca(i8) %x) {\n  ret void\n}": ("`inalloca` is not supported", 1, 20),
    'define void @f() {\n  call void @f() [ "deopt"() ]\n  ret void\n}': ("operand bundles", 2, 3),
    "define void @f(...) {\n  ret void\n}": ("takes any number of arguments", 1, 1),
    "define void @f() {\n  %p = alloca i8, addrspace(5)\n  store i8 blockaddress(@f, %0), ptr %p\n}": (
        "the address of a block",
        3,
        12,
    ),
    "define i1 @f(<2 x ptr> %x) {\n  %c = icmp eq <2 x ptr> %x, %x\n}": ("vectors of pointers", 2, 16),
    "@x = thread_local global i32 0": ("`thread_local` of a global is not supported", 1, 1),
    "@x = global i32 zebra": ("a constant of type i32 expected, found `zebra`", 1, 17),
    "@x = global [2 x i32] [i32 1]": ("1 members given for", 1, 24),
    'module asm "nop"': ("assembly in a module is not supported", 1, 1),
    'target datalayout = "e-p:32:32"': ("only little-endian machines with pointers of 64 bits", 1, 21),
    "hello": ("a global, a function, a type or metadata expected, found `hello`", 1, 1),
}


@pytest.mark.parametrize(
    ("text", "expected"), ERRORS.items(), ids=lambda x: x[:20] if isinstance(x, str) else ""
)
def test_errors_have_a_place(text: str, expected: tuple[str, int, int]):
    with pytest.raises(CompileError) as caught:
        read(text, f"{len(text)}.ll")
    message, line, column = expected
    assert message in caught.value.message
    assert caught.value.location is not None
    assert (caught.value.location.line, caught.value.location.column) == (line, column)
    assert caught.value.location.snippet() or line > text.count("\n")


def test_every_prefix_of_a_text_is_an_error_or_a_module():
    """Nothing but a CompileError, wherever the text ends."""
    for end in range(0, len(GLOBALS), 7):
        with suppress(CompileError):
            read(GLOBALS[:end])
