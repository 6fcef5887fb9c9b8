"""LLVM IR text from the llvm dialect: what LLVM accepts, and what it computes."""

import ctypes
import math
import struct

import numpy as np
import pytest
from xdsl.dialects import llvm
from xdsl.dialects.builtin import (
    ArrayAttr,
    DenseIntOrFPElementsAttr,
    DictionaryAttr,
    FloatAttr,
    IntegerAttr,
    ModuleOp,
    StringAttr,
    TensorType,
    UnitAttr,
    f32,
    f64,
    i1,
    i8,
    i32,
    i64,
)
from xdsl.ir import Block, Region
from xdsl.parser import Parser

from dialectad.dialects import context
from dialectad.errors import CompileError
from dialectad.lower.llvm_ir import translate
from dialectad.runtime import engine

F64, I64, PTR = ctypes.c_double, ctypes.c_int64, ctypes.c_void_p


def text_of(source: str) -> str:
    return translate(Parser(context(), source).parse_module())


def compiled(source: str, name: str, result, *arguments):
    library = engine.load(text_of(source))
    function = ctypes.CFUNCTYPE(result, *arguments)(library.address(name))
    function.library = library
    return function


def returning(value, type_) -> ModuleOp:
    """A function @f that returns one constant."""
    constant = llvm.ConstantOp(value, type_)
    block = Block([constant, llvm.ReturnOp(constant.result)])
    return ModuleOp(
        [
            llvm.FuncOp(
                "f", llvm.LLVMFunctionType([], type_), llvm.LinkageAttr("external"), body=Region([block])
            )
        ]
    )


def bits(x: float) -> bytes:
    return struct.pack("<d", x)


def test_loop_with_blocks_out_of_order():
    f = compiled(
        """
        llvm.func @f(%p : !llvm.ptr, %n : i64) -> f64 {
          %zero = llvm.mlir.constant(0 : i64) : i64
          %start = llvm.mlir.constant(0.0 : f64) : f64
          llvm.br ^head(%zero, %start : i64, f64)
        ^body:
          %q = llvm.getelementptr inbounds %p[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f64
          %x = llvm.load %q : !llvm.ptr -> f64
          %next = llvm.fadd %s, %x {fastmathFlags = #llvm.fastmath<reassoc, contract>} : f64
          %one = llvm.mlir.constant(1 : i64) : i64
          %j = llvm.add %i, %one : i64
          llvm.br ^head(%j, %next : i64, f64)
        ^head(%i : i64, %s : f64):
          %more = llvm.icmp "slt" %i, %n : i64
          llvm.cond_br %more, ^body, ^exit
        ^exit:
          llvm.return %s : f64
        }
        """,
        "f",
        F64,
        PTR,
        I64,
    )
    x = np.arange(100.0)
    assert f(x.ctypes.data, 100) == x.sum()
    assert f(x.ctypes.data, 0) == 0


def test_cond_br_to_one_block_with_different_arguments():
    f = compiled(
        """
        llvm.func @f(%c : i1, %x : f64, %y : f64) -> f64 {
          llvm.cond_br %c, ^ret(%x : f64), ^ret(%y : f64)
        ^ret(%r : f64):
          llvm.return %r : f64
        }
        """,
        "f",
        F64,
        ctypes.c_bool,
        F64,
        F64,
    )
    assert (f(True, 1, 2), f(False, 1, 2)) == (1, 2)


def test_swapped_block_arguments():
    f = compiled(
        """
        llvm.func @f(%n : i64) -> i64 {
          %zero = llvm.mlir.constant(0 : i64) : i64
          %one = llvm.mlir.constant(1 : i64) : i64
          llvm.br ^head(%zero, %zero, %one : i64, i64, i64)
        ^head(%i : i64, %a : i64, %b : i64):
          %j = llvm.add %i, %one : i64
          %more = llvm.icmp "slt" %i, %n : i64
          llvm.cond_br %more, ^head(%j, %b, %a : i64, i64, i64), ^exit
        ^exit:
          llvm.return %a : i64
        }
        """,
        "f",
        I64,
        I64,
    )
    assert [f(n) for n in range(4)] == [0, 1, 0, 1]


def test_unreachable_block_with_arguments():
    source = """
        llvm.func @f() -> i64 {
          %one = llvm.mlir.constant(1 : i64) : i64
          llvm.return %one : i64
        ^dead(%x : i64):
          llvm.return %x : i64
        }
        """
    assert compiled(source, "f", I64)() == 1


@pytest.mark.parametrize(
    "x", [0.0, -0.0, 1.5, math.inf, -math.inf, math.nan, 5e-324, 1.7976931348623157e308, 1e-300]
)
def test_f64_constants_keep_their_bits(x):
    library = engine.load(translate(returning(FloatAttr(x, f64), f64)))
    assert bits(ctypes.CFUNCTYPE(F64)(library.address("f"))()) == bits(x)


@pytest.mark.parametrize("x", [0.1, math.inf, math.nan, 3e38, -1e-45])
def test_f32_constants_round_once(x):
    library = engine.load(translate(returning(FloatAttr(x, f32), f32)))
    expected = np.float32(x)
    np.testing.assert_equal(np.float32(ctypes.CFUNCTYPE(ctypes.c_float)(library.address("f"))()), expected)


@pytest.mark.parametrize(
    ("value", "type_", "expected"), [(1, i1, "true"), (-1, i1, "true"), (0, i1, "false")]
)
def test_booleans(value, type_, expected):
    assert f"ret i1 {expected}" in translate(returning(IntegerAttr(value, type_), type_))


def dense_global(values, element, shape, array) -> str:
    dense = DenseIntOrFPElementsAttr.from_list(TensorType(element, shape), values)
    op = llvm.GlobalOp(array, "g", "internal", constant=True, value=dense, alignment=64)
    return translate(ModuleOp([op])).split("\n")[0]


def test_global_constants():
    flat = llvm.LLVMArrayType(3, f64)
    assert dense_global([1.0, math.inf, -0.0], f64, [3], flat) == (
        "@g = internal constant [3 x double]"
        " [double 0x3FF0000000000000, double 0x7FF0000000000000, double 0x8000000000000000], align 64"
    )
    assert "zeroinitializer" in dense_global([0.0] * 3, f64, [3], flat)
    assert "[double 0x4000000000000000, double 0x4000000000000000" in dense_global([2.0], f64, [3], flat)
    nested = llvm.LLVMArrayType(2, llvm.LLVMArrayType(2, i32))
    assert dense_global([1, 2, 3, 4], i32, [2, 2], nested) == (
        "@g = internal constant [2 x [2 x i32]] [[2 x i32] [i32 1, i32 2], [2 x i32] [i32 3, i32 4]],"
        " align 64"
    )
    assert "[2 x i8] [i8 1, i8 0]" in dense_global([1, 0], i8, [2], llvm.LLVMArrayType(2, i8))


def test_global_of_the_wrong_size_is_refused():
    with pytest.raises(CompileError, match="can't fill"):
        dense_global([1.0, 2.0], f64, [2], llvm.LLVMArrayType(3, f64))


def test_globals_are_read():
    f = compiled(
        """
        llvm.mlir.global constant @table(dense<[1.0, 2.0, 4.0]> : tensor<3xf64>) : !llvm.array<3 x f64>
        llvm.func @f(%i : i64) -> f64 {
          %t = llvm.mlir.addressof @table : !llvm.ptr
          %q = llvm.getelementptr %t[0, %i] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<3 x f64>
          %x = llvm.load %q : !llvm.ptr -> f64
          llvm.return %x : f64
        }
        """,
        "f",
        F64,
        I64,
    )
    assert [f(i) for i in range(3)] == [1, 2, 4]


def test_intrinsics_are_mangled_per_type():
    text = text_of("""
        llvm.func @f(%x : f64, %y : f32, %p : !llvm.ptr, %n : i64) {
          %a = "llvm.intr.fabs"(%x) : (f64) -> f64
          %b = "llvm.intr.fabs"(%y) : (f32) -> f32
          %c = llvm.call_intrinsic "llvm.maximum"(%x, %x) : (f64, f64) -> f64
          %d = llvm.call_intrinsic "llvm.fma.f64"(%x, %x, %x) : (f64, f64, f64) -> f64
          %k = llvm.mlir.constant(false) : i1
          llvm.call_intrinsic "llvm.memcpy"(%p, %p, %n, %k) : (!llvm.ptr, !llvm.ptr, i64, i1) -> ()
          llvm.return
        }
        """)
    for name in ("fabs.f64", "fabs.f32", "maximum.f64", "fma.f64", "memcpy.p0.p0.i64"):
        assert f"@llvm.{name}(" in text
    engine.load(text)


def test_fast_math_flags_reach_operations_and_intrinsics():
    text = text_of("""
        llvm.func @f(%x : f64) -> f64 {
          %a = llvm.fadd %x, %x {fastmathFlags = #llvm.fastmath<contract>} : f64
          %b = "llvm.intr.sqrt"(%a) <{fastmathFlags = #llvm.fastmath<reassoc, contract>}> : (f64) -> f64
          llvm.return %b : f64
        }
        """)
    assert "fadd contract double" in text
    assert "call contract reassoc double @llvm.sqrt.f64" in text


def test_math_intrinsics_become_pure_libm_calls():
    text = text_of("""
        llvm.func @f(%x : f64, %y : f32) -> f64 {
          %a = "llvm.intr.exp"(%x) : (f64) -> f64
          %b = "llvm.intr.exp"(%y) : (f32) -> f32
          llvm.return %a : f64
        }
        """)
    assert "call double @exp(double" in text
    assert "call float @expf(float" in text
    assert "declare double @exp(double) nounwind willreturn" in text


def test_declared_libm_function_is_declared_once_and_pure():
    text = text_of("""
        llvm.func @sin(f64) -> f64
        llvm.func @f(%x : f64) -> f64 {
          %a = llvm.call @sin(%x) : (f64) -> f64
          %b = "llvm.intr.sin"(%a) : (f64) -> f64
          llvm.return %b : f64
        }
        """)
    assert text.count("declare double @sin") == 1
    assert "memory(none)" in text


def test_attributes_of_arguments_and_functions():
    body = Region([Block(arg_types=[llvm.LLVMPointerType(), i1])])
    body.blocks[0].add_op(llvm.ReturnOp())
    attributes = ArrayAttr(
        [
            DictionaryAttr(
                {
                    "llvm.noalias": UnitAttr(),
                    "llvm.readonly": UnitAttr(),
                    "llvm.align": IntegerAttr(64, i64),
                    "llvm.nocapture": UnitAttr(),
                    "dialectad.inout": IntegerAttr(0, i64),
                }
            ),
            DictionaryAttr({"llvm.zeroext": UnitAttr()}),
        ]
    )
    op = llvm.FuncOp(
        "f",
        llvm.LLVMFunctionType([llvm.LLVMPointerType(), i1]),
        llvm.LinkageAttr("internal"),
        body=body,
        other_props={
            "arg_attrs": attributes,
            "no_unwind": UnitAttr(),
            "passthrough": ArrayAttr(
                [StringAttr("willreturn"), ArrayAttr([StringAttr("memory"), StringAttr("none")])]
            ),
        },
    )
    text = translate(ModuleOp([op]))
    assert "define internal void @f(ptr noalias readonly align 64 captures(none) %" in text
    assert "i1 zeroext %" in text
    assert "nounwind willreturn memory(none) {" in text
    engine.optimize(text)


def test_atomics_allocas_and_aggregates():
    f = compiled(
        """
        llvm.func @f(%x : i64) -> i64 {
          %one = llvm.mlir.constant(1 : i64) : i64
          %p = llvm.alloca %one x i64 {alignment = 8 : i64} : (i64) -> !llvm.ptr
          llvm.store %x, %p : i64, !llvm.ptr
          %y = llvm.load %p atomic seq_cst {alignment = 8 : i64} : !llvm.ptr -> i64
          %u = llvm.mlir.undef : !llvm.struct<(i64, f64)>
          %s = llvm.insertvalue %y, %u[0] : !llvm.struct<(i64, f64)>
          %z = llvm.extractvalue %s[0] : !llvm.struct<(i64, f64)>
          llvm.return %z : i64
        }
        """,
        "f",
        I64,
        I64,
    )
    assert f(42) == 42


def test_alias_scopes():
    text = text_of("""
        llvm.func @f(%p : !llvm.ptr, %q : !llvm.ptr) {
          %x = llvm.load %p {dialectad.alias_scopes = ["a"], dialectad.noalias_scopes = ["b"]}
            : !llvm.ptr -> f64
          llvm.store %x, %q {dialectad.alias_scopes = ["b"], dialectad.noalias_scopes = ["a"]}
            : f64, !llvm.ptr
          llvm.return
        }
        """)
    assert ", !alias.scope !2, !noalias !4" in text
    assert ", !alias.scope !4, !noalias !2" in text
    engine.optimize(text)


@pytest.mark.parametrize(
    ("op", "expected"),
    [
        ('llvm.icmp "ult" %i, %j : i64', (2**63) % 2**64 < 1),
        ('llvm.icmp "slt" %i, %j : i64', True),
        ('llvm.icmp "eq" %i, %j : i64', False),
    ],
)
def test_comparisons(op, expected):
    source = f"""
        llvm.func @f(%i : i64, %j : i64) -> i1 {{
          %r = {op}
          llvm.return %r : i1
        }}
        """
    assert compiled(source, "f", ctypes.c_bool, I64, I64)(-(2**63), 1) == expected


@pytest.mark.parametrize("predicate", ["oeq", "une", "olt", "uge", "ord", "uno"])
def test_float_comparisons_with_nan(predicate):
    source = f"""
        llvm.func @f(%x : f64, %y : f64) -> i1 {{
          %r = llvm.fcmp "{predicate}" %x, %y : f64
          llvm.return %r : i1
        }}
        """
    f = compiled(source, "f", ctypes.c_bool, F64, F64)
    assert f(math.nan, 1.0) == (predicate[0] == "u")


def test_other_dialects_are_refused_with_their_name():
    with pytest.raises(CompileError, match=r"func\.func"):
        text_of("func.func @f() { func.return }")
    with pytest.raises(CompileError, match=r"arith\.constant"):
        text_of("llvm.func @f() -> i64 {\n %x = arith.constant 1 : i64\n llvm.return %x : i64 }")


def test_index_type_is_refused():
    with pytest.raises(CompileError, match="index"):
        text_of("""
            llvm.func @f() {
              %x = "llvm.mlir.undef"() : () -> index
              %y = "llvm.freeze"(%x) : (index) -> index
              llvm.return
            }
            """)


def test_block_without_terminator_is_refused():
    op = llvm.FuncOp("f", llvm.LLVMFunctionType([]), llvm.LinkageAttr("external"), body=Region([Block()]))
    with pytest.raises(CompileError, match="terminator"):
        translate(ModuleOp([op]))
