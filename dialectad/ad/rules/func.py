"""Calls: they are inlined before differentiation, but for those that have a level of their own, later in the
pipeline, and those of functions that call themselves (see `isolate.py`). The derivative of such a call is
requested at that level, which may be the one at work:

    %y = func.call @g(%x) {dialectad.level = "loop"}
    =>  ...; %y_, %dx = "ad.vjp"(%x, %dy) <{callee = @g, active = [0], seeds = [0], level = "loop"}>   reverse
    =>  %y, %ty = "ad.jvp"(%x, %tx) <{callee = @g, active = [0], level = "loop"}>                      forward

In reverse mode a call that is differentiated now is divided (`halves.py`). Otherwise `@g` is a checkpoint:
its arguments are kept, and it runs again when the reverse sweep comes to it; unless `augment-calls` makes one
run of the call and the request. On memory the request is in memory
form, and what the call wrote has the cotangent zero before it. Calls with a derivative of their own are kept,
too: see `ruled_calls.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects import cf, func, memref
from xdsl.dialects.builtin import IntegerAttr, MemRefType, StringAttr
from xdsl.ir import Attribute, Operation, SSAValue

from dialectad import locations
from dialectad.ad.activity import Activity
from dialectad.ad.algebra import is_differentiable
from dialectad.ad.extents import extents
from dialectad.ad.forward import Forward
from dialectad.ad.halves import Halves
from dialectad.ad.memory import buffer_of, is_memory
from dialectad.ad.memory_form import in_memory_type
from dialectad.ad.reverse import Reverse, no_rule
from dialectad.ad.rule import Rule, inactive, register
from dialectad.ad.rules import ruled_calls
from dialectad.ad.rules.memref import add_into, clear
from dialectad.dialects.ad import LEVEL, JVPOp, VJPOp
from dialectad.dialects.call_rule import has_rule
from dialectad.errors import CompileError
from dialectad.lower.bufferization.functions import OUTS


class Call(Rule):
    def vary(self, activity: Activity, op: Operation) -> None:
        if has_rule(op):
            ruled_calls.vary(activity, op)
            return
        arguments, outs = _split(op)
        if any(map(activity.is_varied, arguments)):
            for value in (*op.results, *outs):
                activity.mark_varied(value)

    def use(self, activity: Activity, op: Operation) -> None:
        if has_rule(op):
            ruled_calls.use(activity, op)
            return
        arguments, outs = _split(op)
        if any(map(activity.is_useful, (*op.results, *outs))):
            for value in arguments:
                activity.mark_useful(value)

    def reverse(self, sweep: Reverse, op: Operation) -> None:
        assert isinstance(op, func.CallOp)
        if has_rule(op):
            ruled_calls.reverse(sweep, op)
        elif op.results:
            _reverse_on_values(sweep, op)
        elif _gives_something(op):
            _reverse_in_memory(sweep, op)

    def forward(self, sweep: Forward, op: Operation) -> None:
        """The request does what the call does, too, and takes its place."""
        assert isinstance(op, func.CallOp)
        if has_rule(op):
            ruled_calls.forward(sweep, op)
            return
        if not _gives_something(op):
            return
        if op.results:
            _forward_on_values(sweep, op)
        else:
            _forward_in_memory(sweep, op)
        block = op.parent
        assert block is not None
        block.erase_op(op)


def _gives_something(op: func.CallOp) -> bool:
    """Whether there is anything that a call gives or writes: a part whose results nobody uses doesn't."""
    return bool(op.results) or any(map(is_memory, op.operands))


def _level(op: func.CallOp) -> str:
    level = op.attributes.get(LEVEL)
    if not isinstance(level, StringAttr):
        raise no_rule(op)
    if not op.results and OUTS not in op.attributes:
        raise CompileError(
            f"{_callee(op)!r} is a derivative at level llvm of a function that calls itself, and can't be"
            " differentiated again",
            locations.of(op),
            hint="take the inner derivative at level loop or linalg",
            pass_name="differentiate",
        )
    return level.data


def _callee(op: func.CallOp) -> str:
    return op.callee.root_reference.data


def _split(op: Operation) -> tuple[Sequence[SSAValue], Sequence[SSAValue]]:
    """The operands that a call reads, and those that it writes: any memory, if it doesn't say."""
    if not isinstance(count := op.attributes.get(OUTS), IntegerAttr):
        return op.operands, [operand for operand in op.operands if is_memory(operand)]
    first_out = len(op.operands) - count.value.data
    return op.operands[:first_out], op.operands[first_out:]


# --- on tensors --------------------------------------------------------------------------------


def _reverse_on_values(sweep: Reverse, op: func.CallOp) -> None:
    level = _level(op)
    cotangents = {i: d for i, r in enumerate(op.results) if (d := sweep.cotangent(r)) is not None}
    if not cotangents:
        return
    active = [i for i, operand in enumerate(op.operands) if sweep.active(operand)]
    arguments = list(op.operands)
    operands = [*map(sweep.primal, arguments), *cotangents.values()]
    types = [arguments[i].type for i in active]
    if sweep.halves is not None and sweep.halves.takes(level):
        derivative = _in_halves(sweep.halves, op, operands, active, list(cotangents), types)
        sweep.emitter.insert(derivative)
    else:
        derivative = VJPOp(_callee(op), operands, active, list(cotangents), [*op.result_types, *types], level)
        sweep.emitter.insert(derivative)
    gradients = derivative.results[len(derivative.results) - len(active) :]
    for i, gradient in zip(active, gradients, strict=True):
        sweep.accumulate(arguments[i], gradient)


def _in_halves(
    halves: Halves,
    op: func.CallOp,
    operands: Sequence[SSAValue],
    active: Sequence[int],
    seeds: Sequence[int],
    types: Sequence[Attribute] = (),
) -> func.CallOp:
    """Let `op` be the first half of its derivative; gives the second."""
    first, second = halves.names(_callee(op), active, seeds)
    halves.begin(op, first)
    return func.CallOp(second, [halves.tape, *operands], types)


def _forward_on_values(sweep: Forward, op: func.CallOp) -> None:
    level = _level(op)
    active = [i for i, operand in enumerate(op.operands) if sweep.tangent(operand) is not None]
    moving = [i for i, r in enumerate(op.results) if is_differentiable(r.type)]
    operands = [*op.operands, *(sweep.materialized(op.operands[i]) for i in active)]
    types = [*op.result_types, *(op.results[i].type for i in moving)]
    request = JVPOp(_callee(op), operands, active, types, level)
    sweep.emitter.insert(request)
    for old, new in zip(op.results, request.results, strict=False):
        sweep.activity.rename(old, new)
        old.replace_all_uses_with(new)
    for i, tangent in zip(moving, request.results[len(op.results) :], strict=True):
        sweep.set_tangent(request.results[i], tangent)


# --- in memory ---------------------------------------------------------------------------------


def _reverse_in_memory(sweep: Reverse, op: func.CallOp) -> None:
    level, emitter = _level(op), sweep.emitter
    arguments, outs = _split(op)
    active = [i for i, argument in enumerate(arguments) if sweep.active(argument)]
    seeds = [i for i, out in enumerate(outs) if sweep.active(out)]
    if not active or not seeds:
        return
    halves = sweep.halves if sweep.halves is not None and sweep.halves.takes(level) else None
    own = [] if halves is not None else [_like(sweep, out) for out in outs]  # what it gives once more
    cotangents: list[SSAValue] = []
    for i in seeds:
        shadow = sweep.shadow(outs[i])
        cotangents.append(_like(sweep, outs[i]))
        emitter.insert(memref.CopyOp(shadow, cotangents[-1]))
        clear(emitter, shadow)
    gradients: list[SSAValue] = []
    apart: list[tuple[SSAValue, SSAValue]] = []
    buffers: set[SSAValue] = set()
    for i in active:
        argument, buffer = arguments[i], buffer_of(arguments[i])
        if is_memory(argument) and buffer not in buffers:
            buffers.add(buffer)
            gradients.append(sweep.shadow(argument))
            continue
        gradients.append(_zeros(sweep, argument))
        apart.append((argument, gradients[-1]))
    read = [sweep.content(op, argument) for argument in arguments]
    if halves is not None:
        given = [sweep.primals.content(op, out, after=True) for out in outs]
        operands = [*read, *given, *gradients, *cotangents]
        emitter.insert(_in_halves(halves, op, operands, active, seeds))
    else:
        operands = [*read, *own, *gradients, *cotangents]
        emitter.insert(VJPOp(_callee(op), operands, active, seeds, [], level))
    for argument, gradient in apart:
        if is_memory(argument):
            add_into(emitter, sweep.shadow(argument), gradient)
        else:
            sweep.accumulate(argument, emitter.emit(memref.LoadOp.get(gradient, [])))
        own.append(gradient)
    for buffer in (*own, *cotangents):
        emitter.insert(memref.DeallocOp.get(buffer))


def _zeros(sweep: Reverse, argument: SSAValue) -> SSAValue:
    """Memory of its own for the cotangent of a scalar, or for memory that shares a buffer."""
    buffer = _like(sweep, argument)
    clear(sweep.emitter, buffer)
    return buffer


def _like(sweep: Reverse | Forward, value: SSAValue) -> SSAValue:
    """Memory for what has the type and the extents of a value."""
    type_ = in_memory_type(value.type)
    assert isinstance(type_, MemRefType)
    sizes: Sequence[SSAValue] = []
    if is_memory(value):
        sizes = sweep.primals.sizes(value) if isinstance(sweep, Reverse) else extents(value)
    return sweep.emitter.emit(memref.AllocOp(sizes, [], MemRefType(type_.element_type, type_.shape)))


def _forward_in_memory(sweep: Forward, op: func.CallOp) -> None:
    level, emitter = _level(op), sweep.emitter
    arguments, outs = _split(op)
    active = [i for i, argument in enumerate(arguments) if sweep.active(argument)]
    tangents = [
        sweep.shadow(arguments[i]) if is_memory(arguments[i]) else sweep.materialized(arguments[i])
        for i in active
    ]
    own: list[SSAValue] = []
    for out in outs:
        if not is_differentiable(out.type):
            continue
        if sweep.active(out):
            tangents.append(sweep.shadow(out))
        else:
            own.append(_like(sweep, out))
            tangents.append(own[-1])
    emitter.insert(JVPOp(_callee(op), [*op.operands, *tangents], active, [], level))
    for buffer in own:
        emitter.insert(memref.DeallocOp.get(buffer))


inactive(cf.AssertOp, func.ReturnOp)
register(func.CallOp, Call())
