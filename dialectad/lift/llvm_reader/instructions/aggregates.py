"""Members of structs and arrays, lanes of vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from xdsl.dialects import llvm
from xdsl.dialects.builtin import DenseArrayBase, VectorType, i32, i64
from xdsl.ir import Attribute, SSAValue

from dialectad.dialects import llvm as more_llvm
from dialectad.lift.llvm_reader.instructions.handler import Handler

if TYPE_CHECKING:
    from dialectad.lift.llvm_reader.function import Function


def _position(f: Function, t: Attribute) -> tuple[DenseArrayBase, Attribute]:
    """Take `, 1, 0`; gives the indices, and the type of the member there."""
    tokens, items = f.tokens, f.tokens.list
    indices: list[int] = []
    while items[tokens.at] == "," and items[tokens.at + 1].isdigit():
        index = int(items[tokens.at + 1])
        match t:
            case llvm.LLVMStructType() if index < len(t.types):
                t = t.types.data[index]
            case llvm.LLVMArrayType():
                t = t.type
            case _:
                tokens.fail(f"{t} has no member {index}")
        indices.append(index)
        tokens.at += 2
    return DenseArrayBase.from_list(i64, indices), t


def _extractvalue(f: Function) -> SSAValue:
    container = f.typed()
    position, t = _position(f, container.type)
    return f.add(llvm.ExtractValueOp(position, container, t))


def _insertvalue(f: Function) -> SSAValue:
    container = f.typed()
    f.tokens.expect(",")
    value = f.typed()
    position, _ = _position(f, container.type)
    return f.add(llvm.InsertValueOp(position, container, value))


def _extractelement(f: Function) -> SSAValue:
    vector = f.typed()
    f.tokens.expect(",")
    return f.add(more_llvm.ExtractElementOp(vector, f.typed()))


def _insertelement(f: Function) -> SSAValue:
    vector = f.typed()
    f.tokens.expect(",")
    value = f.typed()
    f.tokens.expect(",")
    return f.add(llvm.InsertElementOp(vector, value, f.typed()))


def _shufflevector(f: Function) -> SSAValue:
    first = f.typed()
    f.tokens.expect(",")
    second = f.typed()
    f.tokens.expect(",")
    mask = _mask(f)
    assert isinstance(first.type, VectorType)
    t = VectorType(first.type.element_type, [len(mask)])
    return f.add(llvm.ShuffleVectorOp(first, second, DenseArrayBase.from_list(i32, mask), t))


def _mask(f: Function) -> Sequence[int]:
    """Take the lanes to choose; -1 for any."""
    tokens = f.tokens
    t = f.types.type()
    if not isinstance(t, VectorType):
        tokens.unexpected("a vector of lanes")
    match f.constants.constant(t):
        case "zeroinitializer":
            return [0] * t.get_shape()[0]
        case list() as lanes:
            return [-1 if isinstance(lane, str) else lane.value.data for lane in lanes]  # pyright: ignore
        case _:  # undef or poison
            return [-1] * t.get_shape()[0]


INSTRUCTIONS: dict[str, Handler] = {
    "extractvalue": _extractvalue,
    "insertvalue": _insertvalue,
    "extractelement": _extractelement,
    "insertelement": _insertelement,
    "shufflevector": _shufflevector,
}
