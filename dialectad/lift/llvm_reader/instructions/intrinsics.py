"""Intrinsics: an op of their own where there is one, otherwise `llvm.call_intrinsic` by the plain name.

    llvm.fabs.f64                         llvm.intr.fabs
    llvm.memcpy.p0.p0.i64(%d, %s, %n, i1 false)   llvm.intr.memcpy(%d, %s, %n) <{isVolatile = false}>
    llvm.umul.with.overflow.i64           llvm.call_intrinsic "llvm.umul.with.overflow"
    llvm.lifetime.start, llvm.dbg.value   nothing

The types at the end of a name are left out where the writer finds them out again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, TypeAlias

from xdsl.dialects import llvm
from xdsl.dialects.builtin import BoolAttr, IntegerAttr, StringAttr
from xdsl.dialects.llvm import FastMathAttr
from xdsl.ir import Attribute, Operation, SSAValue

from dialectad.dialects import llvm as more_llvm
from dialectad.lift.llvm_reader.types import VOID
from dialectad.lower.llvm.function import counts
from dialectad.lower.llvm_ir import mangled_intrinsic, plain_intrinsic

if TYPE_CHECKING:
    from dialectad.lift.llvm_reader.function import Function

_OPS: dict[str, type[Operation]] = {
    op.name.removeprefix("llvm.intr."): op
    for op in (
        llvm.FAbsOp,
        llvm.FCeilOp,
        llvm.FFloorOp,
        llvm.FSqrtOp,
        llvm.FExpOp,
        llvm.FExp2Op,
        llvm.FLogOp,
        llvm.FLog2Op,
        llvm.FSinOp,
        llvm.FCosOp,
        llvm.FPowOp,
        llvm.FCopySignOp,
        llvm.FMAOp,
        llvm.VectorFMaxOp,
        llvm.VectorFMinOp,
        llvm.VectorReduceFAddOp,
        llvm.VectorReduceFMulOp,
    )
}
"""Those that take and give floats only."""

_DROPPED = frozenset(
    "lifetime.start lifetime.end dbg.value dbg.declare dbg.label dbg.assign"
    " experimental.noalias.scope.decl".split()
)
"""Facts, and what only debuggers need."""

_REFUSED = ("experimental.constrained.", "coro.", "eh.", "gc.", "va_", "localescape", "localrecover")

_Bulk: TypeAlias = Callable[["Function", Sequence[SSAValue], int], Operation]


def _constant(value: SSAValue) -> int | None:
    owner = value.owner
    if isinstance(owner, llvm.ConstantOp) and isinstance(owner.value, IntegerAttr):
        return owner.value.value.data
    return None


def _bulk(kind: type[Operation]) -> _Bulk:
    def build(f: Function, operands: Sequence[SSAValue], start: int) -> Operation:
        *rest, volatile = operands
        if rest[-1].type.width.data != 64:  # pyright: ignore[reportAttributeAccessIssue]
            f.tokens.fail(f"'{kind.name}' of a length that isn't an i64 is not supported", start)
        flag: Attribute = BoolAttr.from_bool(bool(_constant(volatile)))
        return kind.create(operands=rest, properties={"isVolatile": flag})

    return build


_SPECIAL: dict[str, _Bulk] = {
    "memcpy": _bulk(more_llvm.MemcpyOp),
    "memmove": _bulk(more_llvm.MemmoveOp),
    "memset": _bulk(more_llvm.MemsetOp),
    "stacksave": lambda f, operands, start: llvm.StackSaveOp(),
    "stackrestore": lambda f, operands, start: llvm.StackRestoreOp(operands[0]),
}


@cache
def _name_attr(name: str) -> StringAttr:
    return StringAttr(f"llvm.{name}")


def intrinsic(
    f: Function,
    full: str,
    operands: Sequence[SSAValue],
    metadata: str | None,
    result: Attribute,
    flags: FastMathAttr,
    start: int,
) -> SSAValue | None:
    """Emit what stands for a call of intrinsic `full`, given with `llvm.` and its types."""
    name = full.removeprefix("llvm.")
    plain = plain_intrinsic(name)
    if plain in _DROPPED:
        return None
    if metadata is not None or plain.startswith(_REFUSED):
        f.tokens.fail(f"intrinsic `{full}` is not supported", start)
    if (build := _SPECIAL.get(plain)) is not None:
        op = build(f, operands, start)
    elif (kind := _OPS.get(plain)) is not None:
        op = kind.create(operands=operands, result_types=[result], properties={"fastmathFlags": flags})
    else:
        properties: dict[str, Attribute] = {
            "intrin": _name_attr(plain),
            "fastmathFlags": flags,
            "op_bundle_sizes": counts(),
            "operandSegmentSizes": counts(len(operands), 0),
        }
        results = [] if result is VOID else [result]
        op = llvm.CallIntrinsicOp.create(operands=operands, result_types=results, properties=properties)
        if mangled_intrinsic(op, plain, operands) != name:
            op.properties["intrin"] = _name_attr(name)
    f.ops.append(op)
    return op.results[0] if op.results else None
