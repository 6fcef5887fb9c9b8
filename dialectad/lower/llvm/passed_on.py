"""What is in the `llvm` dialect already: it stays, with its operands lowered.

Code that was differentiated at the level `llvm` has such ops beside `arith`, `scf` and caches. A pointer is
made of allocated memory by `builtin.unrealized_conversion_cast`, and so is memory, of a pointer and its
extents, where it is passed to a function.
"""

from __future__ import annotations

from collections.abc import Mapping

from xdsl.dialects import llvm
from xdsl.dialects.builtin import MemRefType, UnrealizedConversionCastOp
from xdsl.ir import Attribute, Operation

from dialectad import locations
from dialectad.dialects import llvm as more_llvm
from dialectad.errors import CompileError
from dialectad.lower.llvm.function import PASS_NAME, FunctionLowering, Handler


def _pass_on(f: FunctionLowering, op: Operation) -> None:
    clone = type(op).create(
        operands=[f.get(operand) for operand in op.operands],
        result_types=list(op.result_types),
        properties=dict(op.properties),
        attributes={**op.attributes, **_scope(f, op)},
    )
    f.block.add_op(clone)
    for old, new in zip(op.results, clone.results, strict=True):
        f.set(old, new)


def _scope(f: FunctionLowering, op: Operation) -> Mapping[str, Attribute]:
    """What a load or store says about aliasing: see Note [Alias scopes]."""
    match op:
        case llvm.LoadOp() | llvm.StoreOp():
            pointer = op.ptr
        case _:
            return {}
    while isinstance(owner := pointer.owner, llvm.GEPOp):
        pointer = owner.ptr
    if isinstance(owner, UnrealizedConversionCastOp) and isinstance(owner.inputs[0].owner, Operation):
        return f.scopes.get(owner.inputs[0].owner, {})
    return f.scopes.get(pointer, {})


def _pointer(f: FunctionLowering, op: UnrealizedConversionCastOp) -> None:
    result = op.results[0]
    match result.type:
        case llvm.LLVMPointerType() if len(op.inputs) == 1:
            f.set(result, f.view(op.inputs[0]).ptr)
        case MemRefType() if isinstance(op.inputs[0].type, llvm.LLVMPointerType):
            f.set(result, f.unflatten(result.type, [f.get(value) for value in op.inputs]))
        case _:
            raise CompileError(
                "a cast that isn't between memory and a pointer", locations.of(op), pass_name=PASS_NAME
            )


_OPS: tuple[type[Operation], ...] = (
    *(llvm.LoadOp, llvm.StoreOp, llvm.GEPOp, llvm.ICmpOp, llvm.SelectOp, llvm.ZeroOp, llvm.AddressOfOp),
    *(llvm.CallOp, llvm.CallIntrinsicOp, llvm.PtrToIntOp, llvm.IntToPtrOp, llvm.ConstantOp),
    *(llvm.ExtractValueOp, llvm.InsertValueOp, llvm.UndefOp, more_llvm.PoisonOp, more_llvm.FreezeOp),
    *(more_llvm.MemcpyOp, more_llvm.MemmoveOp, more_llvm.MemsetOp),
)


HANDLERS: dict[type[Operation], Handler] = {
    **dict.fromkeys(_OPS, _pass_on),
    UnrealizedConversionCastOp: _pointer,
}
