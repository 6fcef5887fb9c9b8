"""The region of an `llvm.mlir.global` as the constant that LLVM IR text has in its place.

llvm.mlir.global internal constant @pair() : !llvm.struct<(i32, ptr)> {
  %u = llvm.mlir.undef : !llvm.struct<(i32, ptr)>
  %one = llvm.mlir.constant(1 : i32) : i32                ->   { i32 1, ptr @g }
  %a = llvm.insertvalue %one, %u[0] : ...
  %g = llvm.mlir.addressof @g : !llvm.ptr
  %b = llvm.insertvalue %g, %a[1] : ...
  llvm.return %b : ...
}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from xdsl.dialects import llvm
from xdsl.dialects.builtin import DenseArrayBase
from xdsl.ir import Attribute, Block, Operation, SSAValue

from dialectad.lower.llvm_text import type_text, unsupported

Members: TypeAlias = "list[str | Members]"
"""The texts of an aggregate's members, without their types."""


def initializer(body: Block, inline: Mapping[str, Callable[[Operation], str]]) -> str:
    """The text of what the region returns, without its type; `inline` has the texts of plain constants."""
    values: dict[SSAValue, str | Members] = {}
    for op in body.ops:
        if (text := inline.get(op.name)) is not None:
            values[op.results[0]] = text(op)
            continue
        match op:
            case llvm.InsertValueOp():
                values[op.res] = _inserted(
                    values[op.container], values[op.value], _position(op), op.container.type
                )
            case llvm.GEPOp():
                values[op.result] = _element(op, values)
            case llvm.ReturnOp() if op.arg is not None:
                return _text(values[op.arg], op.arg.type)
            case _:
                if (opcode := _EXPRESSIONS.get(type(op))) is None:
                    raise unsupported(f"'{op.name}' in what a global starts as")
                values[op.results[0]] = _expression(opcode, op, values)
    raise unsupported("what a global starts as isn't returned")


def _position(op: llvm.InsertValueOp) -> Sequence[int]:
    assert isinstance(op.position, DenseArrayBase)
    return tuple(int(i) for i in op.position.get_values())  # pyright: ignore[reportAttributeAccessIssue]


def _member_types(t: Attribute) -> Sequence[Attribute]:
    match t:
        case llvm.LLVMStructType():
            return t.types.data
        case llvm.LLVMArrayType():
            return [t.type] * t.size.data
        case _:
            raise unsupported(f"a member of {t} in what a global starts as")


def _inserted(
    whole: str | Members, part: str | Members, position: Sequence[int], t: Attribute
) -> str | Members:
    """`whole` with `part` at a position; where `whole` is `undef`, so are its other members."""
    if not position:
        return part
    at, *rest = position
    types = _member_types(t)
    members: Members = [whole] * len(types) if isinstance(whole, str) else list(whole)
    members[at] = _inserted(members[at], part, rest, types[at])
    return members


def _text(value: str | Members, t: Attribute) -> str:
    if isinstance(value, str):
        return value
    members = [
        f"{type_text(member)} {_text(v, member)}" for v, member in zip(value, _member_types(t), strict=True)
    ]
    brackets = "[]" if isinstance(t, llvm.LLVMArrayType) else "{}"
    return f"{brackets[0]} {', '.join(members)} {brackets[1]}"


_EXPRESSIONS: dict[type[Operation], str] = {
    llvm.PtrToIntOp: "ptrtoint",
    llvm.IntToPtrOp: "inttoptr",
    llvm.TruncOp: "trunc",
    llvm.BitcastOp: "bitcast",
    llvm.AddOp: "add",
    llvm.SubOp: "sub",
    llvm.XOrOp: "xor",
}


def _expression(opcode: str, op: Operation, values: Mapping[SSAValue, str | Members]) -> str:
    operands = ", ".join(f"{type_text(o.type)} {_text(values[o], o.type)}" for o in op.operands)
    to = f" to {type_text(op.results[0].type)}" if len(op.operands) == 1 else ""
    return f"{opcode} ({operands}{to})"


def _element(op: llvm.GEPOp, values: Mapping[SSAValue, str | Members]) -> str:
    dynamic = iter(op.ssa_indices)
    operands = [f"{type_text(op.ptr.type)} {_text(values[op.ptr], op.ptr.type)}"]
    for index in op.rawConstantIndices.iter_values():
        if index == llvm.GEP_USE_SSA_VAL:
            value = next(dynamic)
            operands.append(f"{type_text(value.type)} {_text(values[value], value.type)}")
        else:
            operands.append(f"i32 {index}")
    inbounds = "inbounds " if op.inbounds is not None else ""
    return f"getelementptr {inbounds}({type_text(op.elem_type)}, {', '.join(operands)})"
