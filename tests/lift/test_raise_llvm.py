"""What is raised from the `llvm` dialect means what it meant: both run natively, on awkward operands."""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
from xdsl.dialects import arith, func, llvm
from xdsl.dialects.builtin import (
    AnyFloat,
    Float32Type,
    Float64Type,
    IntegerAttr,
    ModuleOp,
    StringAttr,
    i1,
    i8,
    i32,
    i64,
)
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue

from dialectad import passes
from dialectad.dialects import context
from dialectad.lift import raise_llvm
from dialectad.lift.raise_llvm import raise_function
from dialectad.lower.llvm_ir import translate
from dialectad.runtime import engine

F32, F64 = Float32Type(), Float64Type()
FLOATS: tuple[Attribute, ...] = (F64, F32)
INTEGERS: tuple[Attribute, ...] = (i64, i32, i8)

_FLOAT_VALUES = (
    *(0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, 3.7, -100.25, 1e-310, 1e300, -1e300),
    *(np.inf, -np.inf, np.nan),
)

_ROUNDED = {"fma", "fmuladd", "pow", "tan", "sinh", "cosh", "tanh", "asin", "acos", "atan", "atan2", "log10"}
"""What two libraries may round differently, or what may be done in one step or two."""

_UNSIGNED_ZERO = {"llvm.intr.maxnum", "llvm.intr.minnum", "maxnum", "minnum", "fmax", "fmin"}
"""For which either zero is the larger one."""


@dataclass(frozen=True)
class Case:
    """An op of the `llvm` dialect, on operands of these types."""

    label: str
    types: tuple[Attribute, ...]
    result: Attribute
    kind: type[Operation] | None = None
    """None: a call of the function `label`."""
    intrinsic: str = ""
    properties: tuple[tuple[str, Attribute], ...] = ()
    flag: bool = False
    """Whether there is one more operand, `false`."""

    @property
    def name(self) -> str:
        types = "_".join(map(str, (*self.types, self.result)))
        return f"{self.intrinsic or self.label}_{types}".replace(".", "_")

    def build(self, operands: Sequence[SSAValue]) -> list[Operation]:
        ops: list[Operation] = []
        given = list(operands)
        if self.flag:
            ops.append(llvm.ConstantOp(IntegerAttr(0, i1), i1))
            given.append(ops[-1].results[0])
        if self.intrinsic:
            ops.append(llvm.CallIntrinsicOp(StringAttr(self.intrinsic), given, [self.result]))
        elif self.kind is None:
            ops.append(llvm.CallOp(self.label, *given, return_type=self.result))
        else:
            ops.append(
                self.kind.create(operands=given, result_types=[self.result], properties=dict(self.properties))
            )
        return ops


def _same(kind: type[Operation], arity: int, types: Sequence[Attribute]) -> list[Case]:
    return [Case(kind.name, (t,) * arity, t, kind) for t in types]


def _casts(kind: type[Operation]) -> list[Case]:
    wide, narrow = [(i64, i32), (i32, i8), (i8, i1)], [(F64, F32)]
    pairs: dict[type[Operation], list[tuple[Attribute, Attribute]]] = {
        llvm.ZExtOp: [(b, a) for a, b in wide],
        llvm.SExtOp: [(b, a) for a, b in wide],
        llvm.TruncOp: list(wide),
        llvm.FPExtOp: [(b, a) for a, b in narrow],
        llvm.FPTruncOp: list(narrow),
    }
    chosen = pairs.get(kind)
    if chosen is None:
        integers_first = kind.name.endswith("itofp")
        chosen = [(i, f) if integers_first else (f, i) for i in (i64, i32) for f in FLOATS]
    return [Case(kind.name, (a,), b, kind) for a, b in chosen]


def _suffix(t: Attribute) -> str:
    return f"f{t.bitwidth}" if isinstance(t, AnyFloat) else f"i{t.width.data}"  # pyright: ignore


def _intrinsic(name: str, flag: bool = False) -> list[Case]:
    integers = flag or name in ("smax", "smin", "umax", "umin", "ctpop")
    arity = 3 if name in ("fma", "fmuladd") else 2 if name[1:] in ("max", "min") else 1
    arity = 2 if name in ("maximum", "minimum", "maxnum", "minnum", "pow", "atan2") else arity
    return [
        Case(name, (t,) * arity, t, None, f"llvm.{name}.{_suffix(t)}", flag=flag)
        for t in (INTEGERS if integers else FLOATS)
    ]


def _library(name: str) -> list[Case]:
    arity = 2 if name in ("atan2", "pow", "fmod", "fmax", "fmin") else 1
    return [Case(name + ("f" if t is F32 else ""), (t,) * arity, t) for t in FLOATS]


def _compares() -> list[Case]:
    integers = [
        Case(f"icmp{p}", (t, t), i1, llvm.ICmpOp, properties=(("predicate", IntegerAttr(p, i64)),))
        for p in range(10)
        for t in (i64, i8)
    ]
    floats = [
        Case(f"fcmp{p}", (t, t), i1, llvm.FCmpOp, properties=(("predicate", IntegerAttr(p, i64)),))
        for p in range(16)
        for t in FLOATS
    ]
    return integers + floats


def _cases() -> list[Case]:
    cases: list[Case] = []
    for kind in raise_llvm._BINARY:
        of_floats = kind.name.startswith(("llvm.f", "llvm.intr"))
        cases += _same(kind, 2, FLOATS if of_floats else INTEGERS)
    for kind in raise_llvm._UNARY:
        cases += _same(kind, 1, FLOATS)
    for kind in raise_llvm._CASTS:
        cases += _casts(kind)
    for name in raise_llvm._INTRINSICS:
        cases += _intrinsic(name)
    for name in raise_llvm._FLAGGED:
        cases += _intrinsic(name, flag=True)
    for name in raise_llvm._LIBM:
        cases += _library(name)
    cases += _same(llvm.FMAOp, 3, FLOATS)
    cases += [Case("select", (i1, t, t), t, llvm.SelectOp) for t in (F64, F32, i64, i1)]
    cases += [Case("bitcast", (a,), b, llvm.BitcastOp) for a, b in ((F64, i64), (i64, F64), (i32, F32))]
    return cases + _compares()


CASES = _cases()


def _values(t: Attribute) -> list[float | int]:
    if isinstance(t, AnyFloat):
        return [float(np.float32(v)) if t is F32 and abs(v) < 3e38 else v for v in _FLOAT_VALUES]
    width = t.width.data  # pyright: ignore[reportAttributeAccessIssue]
    if width == 1:
        return [0, 1]
    top = 1 << (width - 1)
    return [0, 1, -1, 2, 5, -7, 63 % width, top - 1, -top, 1 - top]


def _is_defined(case: Case, operands: Sequence[float | int]) -> bool:
    """Whether LLVM says what the result is."""
    name = case.label
    if name.endswith(("div", "rem")) and name.startswith(("llvm.s", "llvm.u")):
        x, y = operands
        return y != 0 and not (y == -1 and x == min(_values(case.types[0])))
    if name in ("llvm.shl", "llvm.lshr", "llvm.ashr"):
        return 0 <= operands[1] < case.types[0].width.data  # pyright: ignore[reportAttributeAccessIssue]
    if name in ("llvm.fptosi", "llvm.fptoui"):
        width = case.result.width.data  # pyright: ignore[reportAttributeAccessIssue]
        low, high = (-(1 << (width - 1)), 1 << (width - 1)) if name == "llvm.fptosi" else (0, 1 << width)
        return bool(np.isfinite(operands[0])) and low <= np.trunc(operands[0]) < high
    return True


def _function(case: Case) -> llvm.FuncOp:
    """It takes the operands and where to put the result."""
    block = Block(arg_types=[*case.types, llvm.LLVMPointerType()])
    *operands, out = block.args
    ops = case.build(operands)
    result = ops[-1].results[0]
    if result.type == i1:
        ops.append(llvm.ZExtOp.create(operands=[result], result_types=[i8]))
        result = ops[-1].results[0]
    zero = llvm.ConstantOp(IntegerAttr(0, i64), i64)
    block.add_ops([*ops, llvm.StoreOp(result, out), zero, llvm.ReturnOp(zero.result)])
    return llvm.FuncOp(
        case.name,
        llvm.LLVMFunctionType([a.type for a in block.args], i64),
        llvm.LinkageAttr("external"),
        body=Region(block),
    )


def _declarations() -> list[llvm.FuncOp]:
    external = llvm.LinkageAttr("external")
    return [
        llvm.FuncOp(case.label, llvm.LLVMFunctionType(list(case.types), case.result), external)
        for case in CASES
        if case.kind is None and not case.intrinsic
    ]


@cache
def _original() -> engine.Library:
    return engine.load(translate(ModuleOp([*map(_function, CASES), *_declarations()])))


@cache
def _raised_module() -> ModuleOp:
    source = ModuleOp([*map(_function, CASES), *_declarations()])
    functions = [op for op in source.ops if isinstance(op, llvm.FuncOp) and op.body.blocks]
    made = [raise_function(f, f.sym_name.data, source) for f in functions]
    for function in made:
        function.properties.pop("sym_visibility", None)
    return ModuleOp([*made])


@cache
def _raised() -> engine.Library:
    module = _raised_module().clone()
    passes.run(context(), module, "convert-scf-to-cf,convert-to-llvm")
    return engine.load(translate(module))


_C = {"f64": ctypes.c_double, "f32": ctypes.c_float, "i64": ctypes.c_int64, "i32": ctypes.c_int32}
_C |= {"i8": ctypes.c_int8, "i1": ctypes.c_bool}


def _run(library: engine.Library, case: Case, points: Sequence[tuple[float | int, ...]]) -> np.ndarray:
    """The results at all points."""
    name = str(case.result) if case.result != i1 else "i8"
    out = np.zeros(len(points), {"f64": "f8", "f32": "f4", "i64": "i8", "i32": "i4", "i8": "i1"}[name])
    types = [_C[str(t)] for t in case.types]
    function = ctypes.CFUNCTYPE(ctypes.c_int64, *types, ctypes.c_void_p)(library.address(case.name))
    for i, operands in enumerate(points):
        assert function(*operands, out.ctypes.data + i * out.itemsize) == 0
    return out


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_meaning(case: Case) -> None:
    few = slice(None, None, 3) if len(case.types) > 2 else slice(None)
    points = [p for p in itertools.product(*(_values(t)[few] for t in case.types)) if _is_defined(case, p)]
    expected, found = _run(_original(), case, points), _run(_raised(), case, points)
    if expected.dtype.kind != "f":
        np.testing.assert_array_equal(found, expected)
        return
    name = case.label.removesuffix("f") if case.label not in raise_llvm._LIBM else case.label
    rounded = name in _ROUNDED or name in raise_llvm._LIBM or case.kind is llvm.FMAOp
    np.testing.assert_allclose(found, expected, rtol=4 * np.finfo(expected.dtype).eps if rounded else 0)
    if name not in _UNSIGNED_ZERO:
        number = ~np.isnan(expected)
        np.testing.assert_array_equal(np.signbit(found[number]), np.signbit(expected[number]))


def test_nothing_is_left_of_llvm_but_memory() -> None:
    allowed = (llvm.StoreOp,)
    for op in _raised_module().walk():
        assert not op.name.startswith("llvm.") or isinstance(op, allowed), op


def test_undefined_values_are_zero() -> None:
    block = Block(arg_types=[llvm.LLVMPointerType()])
    undefined = llvm.UndefOp(F64)
    zero = llvm.ConstantOp(IntegerAttr(0, i64), i64)
    block.add_ops([undefined, llvm.StoreOp(undefined.res, block.args[0]), zero, llvm.ReturnOp(zero.result)])
    f = llvm.FuncOp(
        "f",
        llvm.LLVMFunctionType([llvm.LLVMPointerType()], i64),
        llvm.LinkageAttr("external"),
        body=Region(block),
    )
    made = raise_function(f, "f", ModuleOp([]))
    assert isinstance(made, func.FuncOp)
    first = made.body.block.first_op
    assert isinstance(first, arith.ConstantOp)
    assert first.value.value.data == 0.0  # pyright: ignore[reportAttributeAccessIssue]
