"""The boundary of functions: results become memrefs that the caller passes in and the function writes.

    func.func @f(%x: tensor<4xf64>, %n: index) -> (tensor<4xf64>, f64)
~>  func.func @f(%x: memref<4xf64>, %n: index, %r: memref<4xf64>, %s: memref<f64>)
        attributes {dialectad.outs = 2 : i64}

A result that is the final content of an inout argument (`dialectad.inout = k`) is written into that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from xdsl.dialects import func, memref
from xdsl.dialects.builtin import (
    ArrayAttr,
    DictionaryAttr,
    FunctionType,
    IntegerAttr,
    MemRefType,
    TensorType,
    i64,
)
from xdsl.ir import Attribute, Operation, SSAValue

from dialectad import locations
from dialectad.errors import CompileError
from dialectad.lower.bufferization.bufferizer import PASS, Bufferizer
from dialectad.lower.bufferization.loops import forward_invariants
from dialectad.lower.bufferization.memory import Report
from dialectad.lower.bufferization.places import Buffer, Place, identity_type, is_tensor

INOUT = "dialectad.inout"
OUTS = "dialectad.outs"


def bufferize_function(
    function: func.FuncOp,
    report: Report,
    symbol: Callable[[str], str],
    likes: Mapping[SSAValue, SSAValue],
) -> list[memref.GlobalOp]:
    """Bufferize one function in place; gives the globals that it needs.

    `likes`: per result of a call, another tensor of the same extents.
    """
    if len(function.body.blocks) > 1:
        raise CompileError(
            "a function of several blocks can't be bufferized", locations.of(function), pass_name=PASS
        )
    forward_invariants(function)
    b = Bufferizer(function, report, symbol, likes)
    block = function.body.block
    arg_attrs = list(function.arg_attrs) if function.arg_attrs else [DictionaryAttr({})] * len(block.args)
    result_types = list(function.function_type.outputs)

    old_args = list(block.args)
    inout: dict[int, Place] = {}
    for index, arg in enumerate(old_args):
        if not is_tensor(arg):
            continue
        new = block.insert_arg(identity_type(cast(TensorType[Any], arg.type)), arg.index)
        new.name_hint = arg.name_hint
        result = arg_attrs[index].data.get(INOUT)
        place = Place(Buffer(new, writable=result is not None))
        if result is not None:
            inout[cast(IntegerAttr[Any], result).value.data] = place
        b.define(arg, place)
    outs: list[SSAValue] = []
    for k, type_ in enumerate(result_types):
        if k in inout:
            b.outs[k] = inout[k]
            continue
        out = block.insert_arg(_out_type(type_), len(block.args))
        out.name_hint = f"out{k}"
        b.outs[k] = Place(Buffer(out))
        outs.append(out)

    b.run_block(block, lambda terminator: _return(b, terminator))
    b.free()
    for arg in old_args:
        if is_tensor(arg):
            block.erase_arg(arg)
    function.properties["function_type"] = FunctionType.from_lists([a.type for a in block.args], [])
    function.properties.pop("res_attrs", None)
    if function.arg_attrs or outs:
        function.properties["arg_attrs"] = ArrayAttr([*arg_attrs, *(DictionaryAttr({}) for _ in outs)])
    function.attributes[OUTS] = IntegerAttr(len(outs), i64)
    return b.globals


def _out_type(type_: Attribute) -> MemRefType[Any]:
    return identity_type(type_) if isinstance(type_, TensorType) else MemRefType(type_, ())


def _return(b: Bufferizer, op: Operation) -> None:
    assert isinstance(op, func.ReturnOp)
    pairs = [(v, b.outs[k]) for k, v in enumerate(op.operands) if is_tensor(v)]
    b.write_all(pairs, "a result has to be where the caller wants it")
    for k, value in enumerate(op.operands):
        if not is_tensor(value):
            b.emit(memref.StoreOp.get(value, b.outs[k].buffer.memref, ()))
    op.operands = []
