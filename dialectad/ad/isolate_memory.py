"""A request in memory form as a call of a function that reads its arguments and writes its outs.

    "ad.vjp"(%x, %y, %dx, %dy) <{callee = @g, active = [0], seeds = [0], level = "llvm"}>
    =>
    %t = memref.alloc;  func.call @g.request(%x, %dy, %y, %t) {dialectad.level = "llvm", ...};  %dx += %t

    func.func private @g.request(%x, %dy, %y, %t) attributes {dialectad.outs = 2} {
      %t = 0;  %c = memref.alloc;  memref.copy %dy to %c;  "ad.vjp"(%x, %y, %t, %c) ...
    }

What is added to becomes a sum, and what may be overwritten a copy, so that the call can be differentiated
like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from xdsl.dialects import func, memref
from xdsl.dialects.builtin import FunctionType, IntegerAttr, MemRefType, i64
from xdsl.ir import SSAValue
from xdsl.rewriter import InsertPoint

from dialectad.ad.algebra import Emitter
from dialectad.ad.extents import extents
from dialectad.ad.memory_form import outs_of
from dialectad.ad.rules.memref import add_into, clear
from dialectad.dialects.ad import LEVEL, JVPOp, VJPOp, positions
from dialectad.lower.bufferization.functions import OUTS

Add = Callable[[FunctionType], func.FuncOp]
"""Adds a private function with an empty block to the module, or gives an earlier one for an equal request."""


def call_in_memory(op: VJPOp | JVPOp, callee: func.FuncOp, add: Add) -> None:
    """Replace a request by a call."""
    if isinstance(op, VJPOp):
        _call_vjp(op, callee, add)
    else:
        _call_jvp(op, callee, add)
    block = op.parent
    assert block is not None
    block.erase_op(op)


def _call_vjp(op: VJPOp, callee: func.FuncOp, add: Add) -> None:
    arguments, outs, shadows = _split(op, callee)
    count = len(positions(op.active))
    gradients, cotangents = shadows[:count], shadows[count:]
    emitter = Emitter.before(op)
    sums = [_like(emitter, gradient) for gradient in gradients]

    def body(inner: Emitter, read: Sequence[SSAValue], written: Sequence[SSAValue]) -> None:
        for total in written[len(outs) :]:
            clear(inner, total)
        copies = [_like(inner, cotangent) for cotangent in read[len(arguments) :]]
        for cotangent, copy in zip(read[len(arguments) :], copies, strict=True):
            inner.insert(memref.CopyOp(cotangent, copy))
        inner.insert(_again(op, [*read[: len(arguments)], *written, *copies]))
        for copy in copies:
            inner.insert(memref.DeallocOp.get(copy))

    _call(emitter, op, [*arguments, *cotangents], [*outs, *sums], add, body)
    for gradient, total in zip(gradients, sums, strict=True):
        add_into(emitter, gradient, total)
        emitter.insert(memref.DeallocOp.get(total))


def _call_jvp(op: JVPOp, callee: func.FuncOp, add: Add) -> None:
    arguments, outs, shadows = _split(op, callee)
    count = len(positions(op.active))
    directions, tangents = shadows[:count], shadows[count:]

    def body(inner: Emitter, read: Sequence[SSAValue], written: Sequence[SSAValue]) -> None:
        first = len(arguments)
        operands = [*read[:first], *written[: len(outs)], *read[first:], *written[len(outs) :]]
        inner.insert(_again(op, operands))

    _call(Emitter.before(op), op, [*arguments, *directions], [*outs, *tangents], add, body)


def _split(op: VJPOp | JVPOp, callee: func.FuncOp) -> tuple[list[SSAValue], list[SSAValue], list[SSAValue]]:
    count = len(callee.function_type.inputs)
    first_out, operands = count - outs_of(callee), list(op.operands)
    return operands[:first_out], operands[first_out:count], operands[count:]


def _like(emitter: Emitter, memory: SSAValue) -> SSAValue:
    assert isinstance(memory.type, MemRefType)
    type_ = MemRefType(memory.type.element_type, memory.type.shape)
    return emitter.emit(memref.AllocOp(extents(memory), [], type_))


def _again(op: VJPOp | JVPOp, operands: Sequence[SSAValue]) -> VJPOp | JVPOp:
    return type(op).create(operands=operands, properties=op.properties)


def _call(
    emitter: Emitter,
    op: VJPOp | JVPOp,
    read: Sequence[SSAValue],
    written: Sequence[SSAValue],
    add: Add,
    body: Callable[[Emitter, Sequence[SSAValue], Sequence[SSAValue]], None],
) -> None:
    operands = [*read, *written]
    function = add(FunctionType.from_lists([value.type for value in operands], []))
    function.attributes[OUTS] = IntegerAttr(len(written), i64)
    block = function.body.block
    if block.first_op is None:
        inner = Emitter(InsertPoint.at_end(block), "")
        inner.location = op.location
        body(inner, block.args[: len(read)], block.args[len(read) :])
        inner.insert(func.ReturnOp())
    call = func.CallOp(function.sym_name.data, operands, [])
    call.attributes |= {LEVEL: op.level, OUTS: function.attributes[OUTS]}
    emitter.insert(call)
