"""Derivatives of functions in memory form: what they give, they write into memory of the caller's.

    func @f(%x: memref, %s: f64, %y: memref)                       // %y is an out
    =>
    func @f.vjp(%x, %s, %y, %dx: memref, %ds: memref<f64>, %dy: memref) { f; the reverse sweep }
    func @f.jvp(%x, %s, %y, %tx: memref, %ts: f64, %ty: memref)      { f, with tangents }

The cotangents of arguments are added to what `%dx` and `%ds` hold; `%dy` holds that of the result, and is
used up.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects import func, memref
from xdsl.dialects.builtin import MemRefType
from xdsl.ir import Attribute, Block, SSAValue
from xdsl.rewriter import InsertPoint

from dialectad.ad.activity import Activity
from dialectad.ad.algebra import is_differentiable
from dialectad.ad.forward import Forward
from dialectad.ad.memory import is_memory
from dialectad.ad.prepare import prepare
from dialectad.ad.prepare_memory import prepare_memory
from dialectad.ad.reverse import Reverse, body_ops
from dialectad.ad.rules.memref import clear
from dialectad.lower.bufferization.functions import OUTS


def outs_of(function: func.FuncOp) -> int:
    """How many of the last arguments are written."""
    return function.attributes[OUTS].value.data  # pyright: ignore[reportAttributeAccessIssue]


def add_reverse_sweep(
    function: func.FuncOp, count: int, active: Sequence[int], seeds: Sequence[int], *, blas_rules: bool
) -> None:
    """Let `function` take shadows too, and run backwards after it has run."""
    block = function.body.block
    first_out = len(block.args) - count
    arguments = [block.args[i] for i in active]
    outs = [block.args[first_out + i] for i in seeds]
    deallocations = prepare_memory(function, blas_rules=blas_rules)
    prepare(block, Activity.varied_by(block, arguments), reverse=True)
    terminator = block.last_op
    assert terminator is not None
    activity = Activity.of(block, arguments, outs)
    sweep = Reverse(block, activity, InsertPoint.before(terminator))
    for out in block.args[first_out:]:
        if activity.active(out) and out not in outs:
            sweep.shadows[out] = _own_shadow(sweep, out)
    shadows = [_add_argument(block, in_memory_type(value.type)) for value in (*arguments, *outs)]
    for value, shadow in zip((*arguments, *outs), shadows, strict=True):
        if is_memory(value):
            sweep.shadows[value] = shadow
    with sweep.emitter.deriving(terminator):
        sweep.block(body_ops(block))
    with sweep.emitter.deriving(function):
        for value, shadow in zip(arguments, shadows, strict=False):
            if not is_memory(value) and (d := sweep.cotangent(value)) is not None:
                total = sweep.emitter.add(sweep.emitter.emit(memref.LoadOp.get(shadow, [])), d)
                sweep.emitter.insert(memref.StoreOp.get(total, shadow, []))
        for op in (*sweep.finally_, *deallocations):
            sweep.emitter.insert(op)


def add_tangents(function: func.FuncOp, count: int, active: Sequence[int], *, blas_rules: bool) -> None:
    """Let `function` take tangents too, and work on them along with the primal values."""
    block = function.body.block
    first_out = len(block.args) - count
    arguments = [block.args[i] for i in active]
    outs = [out for out in block.args[first_out:] if is_differentiable(out.type)]
    deallocations = prepare_memory(function, blas_rules=blas_rules)
    prepare(block, Activity.varied_by(block, arguments), reverse=False)
    terminator = block.last_op
    assert terminator is not None
    activity = Activity.of(block, arguments, outs)
    sweep = Forward(activity, InsertPoint.before(terminator))
    for value in arguments:
        tangent = _add_argument(block, value.type)
        if is_memory(value):
            sweep.shadows[value] = tangent
        else:
            sweep.set_tangent(value, tangent)
    for out in outs:
        sweep.shadows[out] = _add_argument(block, out.type)
        if not activity.active(out):
            with sweep.emitter.deriving(function):
                clear(sweep.emitter, sweep.shadows[out])
    sweep.block(body_ops(block))
    for op in deallocations:
        block.insert_op_before(op, terminator)
        if (shadow := sweep.shadows.get(op.memref)) is not None:
            block.insert_op_before(memref.DeallocOp.get(shadow), terminator)


def _own_shadow(sweep: Reverse, out: SSAValue) -> SSAValue:
    """Memory for the cotangents of an out that isn't a seed: what is read from it again may be active."""
    with sweep.emitter.at(InsertPoint.at_start(sweep.primals.top)):
        shadow = sweep.emitter.emit(memref.AllocOp([], [], out.type))
        clear(sweep.emitter, shadow)
    sweep.finally_.append(memref.DeallocOp.get(shadow))
    return shadow


def in_memory_type(type_: Attribute) -> Attribute:
    """The type of memory for cotangents of what has this type."""
    return type_ if isinstance(type_, MemRefType) else MemRefType(type_, [])


def _add_argument(block: Block, type_: Attribute) -> SSAValue:
    return block.insert_arg(type_, len(block.args))
