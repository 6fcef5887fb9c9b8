"""Calls with a derivative of their own, see `dialects/call_rule.py`.

    %y = func.call @f(%x) {dialectad.rule}
    =>  %y, %r = func.call @f.fwd(%x);  ...  %dx = func.call @f.bwd(%r, %dy)          reverse
    =>  %y, %ty = func.call @f.jvp(%x, %tx)                                           forward

On memory it is the same, with memory for each result as an operand. The call of `@f.fwd` is there before
the reverse sweep begins (`prepare_calls.py`): what it keeps for `@f.bwd` is a value, or memory, like others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain

from xdsl.dialects import arith, func, llvm, memref
from xdsl.dialects.builtin import (
    AnyFloat,
    IndexType,
    IntegerAttr,
    MemRefType,
    UnitAttr,
    UnrealizedConversionCastOp,
    i64,
)
from xdsl.ir import Operation, SSAValue

from dialectad import locations
from dialectad.ad.activity import Activity
from dialectad.ad.algebra import INDEX, Emitter
from dialectad.ad.call_operands import Operand, split
from dialectad.ad.forward import Forward
from dialectad.ad.memory import is_memory
from dialectad.ad.reverse import Reverse
from dialectad.ad.rules.llvm import add_floats
from dialectad.ad.rules.memref import add_into, clear, clear_bytes
from dialectad.dialects.call_rule import APART, RULE, CallRule
from dialectad.errors import CompileError
from dialectad.lower.bufferization.functions import OUTS


def vary(activity: Activity, op: Operation) -> None:
    arguments, outs = split(op)
    if any(activity.is_varied(value) for argument in arguments for value in argument.values):
        for out in outs:
            if out.is_float:
                activity.mark_varied(out.value)


def use(activity: Activity, op: Operation) -> None:
    arguments, outs = split(op)
    if any(activity.is_useful(out.value) for out in outs):
        for argument in arguments:
            if argument.is_float:
                activity.mark_useful(argument.value)


def _rule_of(op: func.CallOp) -> CallRule:
    rule = CallRule.of(op)
    assert rule is not None
    return rule


def _parts(
    sweep: Reverse | Forward, op: func.CallOp, rule: CallRule
) -> tuple[list[Operand], list[Operand], list[Operand], list[Operand]]:
    """The floats among the operands that have a derivative, all of these, the constants, and the outs."""
    arguments, outs = split(op)
    first = len(arguments) - rule.constants
    constants = arguments[first:]
    if any(constant.is_float and sweep.active(constant.value) for constant in constants):
        raise CompileError(
            f"this {rule.kind} function uses a value of the surrounding function that is differentiated",
            locations.of(op),
            hint="pass it as an argument",
            pass_name="differentiate",
        )
    return [a for a in arguments[:first] if a.is_float], arguments[:first], constants, outs


@dataclass
class _Scratch:
    """Memory for a call, passed as the operands of `op` are."""

    emitter: Emitter
    rule: CallRule
    here: Callable[[SSAValue], SSAValue]
    """Gives what a value of the primal program is in the sweep."""
    allocated: list[SSAValue] = field(default_factory=list)

    def extents(self, like: Operand) -> list[SSAValue]:
        """Those that the type of an operand leaves open."""
        return [self.here(n) for n in like.extents]

    def passed(self, memory: SSAValue, like: Operand) -> list[SSAValue]:
        """Memory as it is passed: a pointer is followed by extents."""
        return [memory, *(self.extents(like) if self.rule.types else ())]

    def new(self, like: Operand) -> SSAValue:
        sizes = [
            n if n.type == INDEX else self.emitter.emit(arith.IndexCastOp(n, INDEX))
            for n in self.extents(like)
        ]
        memory = self.emitter.emit(memref.AllocOp(sizes, [], like.memory_type))
        self.allocated.append(memory)
        if not self.rule.types:
            return memory
        cast = UnrealizedConversionCastOp.create(operands=[memory], result_types=[llvm.LLVMPointerType()])
        return self.emitter.emit(cast)

    def bytes(self, like: Operand) -> SSAValue:
        return like.bytes(self.emitter, self.extents(like))

    def zeros(self, like: Operand) -> SSAValue:
        memory = self.new(like)
        self.clear(memory, like)
        return memory

    def clear(self, memory: SSAValue, like: Operand) -> None:
        if isinstance(memory.type, llvm.LLVMPointerType):
            clear_bytes(self.emitter, memory, self.bytes(like))
        else:
            clear(self.emitter, memory)

    def free(self) -> None:
        for memory in self.allocated:
            self.emitter.insert(memref.DeallocOp.get(memory))


def _loaded(emitter: Emitter, memory: SSAValue, like: Operand) -> SSAValue:
    """The scalar that memory holds."""
    if isinstance(memory.type, llvm.LLVMPointerType):
        return emitter.emit(llvm.LoadOp(memory, i64 if isinstance(like.type, IndexType) else like.type))
    return emitter.emit(memref.LoadOp.get(memory, []))


def _call(
    emitter: Emitter, callee: str, read: Sequence[SSAValue], written: Sequence[Sequence[SSAValue]]
) -> func.CallOp:
    call = func.CallOp(callee, [*read, *chain(*written)], [])
    call.attributes[OUTS] = IntegerAttr(len(written), i64)
    emitter.insert(call)
    return call


# --- reverse -----------------------------------------------------------------------------------


def reverse(sweep: Reverse, op: func.CallOp) -> None:
    """Of the call of the augmented function."""
    rule = _rule_of(op)
    floats, _, constants, outs = _parts(sweep, op, rule)
    del op.attributes[RULE]
    first = len(outs) - len(rule.residuals)
    results, residuals = [out for out in outs[:first] if out.is_float], outs[first:]
    if op.results:
        _reverse_on_values(sweep, rule, floats, constants, results, residuals)
        return
    if not any(sweep.active(out.value) for out in results):
        return
    emitter, after = sweep.emitter, op.next_op
    assert after is not None
    scratch = _Scratch(emitter, rule, sweep.primal)
    read: list[SSAValue] = []
    for residual in residuals:
        memory, *sizes = _content(sweep, after, residual)
        content = residual.content
        read += [_loaded(emitter, memory, content)] if content.is_scalar else [memory, *sizes]
    shadows = {out.value: sweep.shadow(out.value) for out in results if sweep.active(out.value)}
    for out in results:
        memory = shadows.get(out.value) or scratch.zeros(out)
        content = out.content
        read += [_loaded(emitter, memory, content)] if content.is_scalar else scratch.passed(memory, out)
    for constant in constants:
        read += _content(sweep, op, constant)
    gradients = [scratch.new(argument) for argument in floats]
    written = [scratch.passed(d, argument) for d, argument in zip(gradients, floats, strict=True)]
    call = _call(emitter, rule.pullback, read, written)
    if rule.recomputes:
        call.attributes[APART] = UnitAttr()
    for out in results:
        if out.value in shadows:
            scratch.clear(shadows[out.value], out)
    for argument, gradient in zip(floats, gradients, strict=True):
        if sweep.active(argument.value):
            _add(sweep, argument, gradient, scratch)
    scratch.free()


def _reverse_on_values(
    sweep: Reverse,
    rule: CallRule,
    floats: Sequence[Operand],
    constants: Sequence[Operand],
    results: Sequence[Operand],
    residuals: Sequence[Operand],
) -> None:
    if all(sweep.cotangent(result.value) is None for result in results):
        return
    operands = [
        *(sweep.primal(residual.value) for residual in residuals),
        *(sweep.materialized(result.value) for result in results),
        *(sweep.primal(constant.value) for constant in constants),
    ]
    call = func.CallOp(rule.pullback, operands, [argument.type for argument in floats])
    if rule.recomputes:
        call.attributes[APART] = UnitAttr()
    sweep.emitter.insert(call)
    for argument, cotangent in zip(floats, call.results, strict=True):
        sweep.accumulate(argument.value, cotangent)


def _content(sweep: Reverse, op: Operation, operand: Operand) -> list[SSAValue]:
    """What an operand of `op` held, as it is passed."""
    if isinstance(operand.value.type, llvm.LLVMPointerType):
        rest = [sweep.primal(value) for value in operand.values[1:]]
        if sweep.primals.memory.survives(operand.value, op):
            return [sweep.primal(operand.value), *rest]
        size = operand.bytes(Emitter.before(op), operand.extents)
        return [sweep.primals.bytes(op, operand.value, size), *rest]
    return [sweep.content(op, operand.value)]


def _add(sweep: Reverse, argument: Operand, gradient: SSAValue, scratch: _Scratch) -> None:
    """Add what memory holds to the cotangent of an argument."""
    emitter = sweep.emitter
    if not is_memory(argument.value):
        sweep.accumulate(argument.value, _loaded(emitter, gradient, argument))
        return
    shadow = sweep.shadow(argument.value)
    if isinstance(shadow.type, MemRefType):
        add_into(emitter, shadow, gradient)
        return
    element = argument.memory_type.element_type
    assert isinstance(element, AnyFloat)
    add_floats(emitter, shadow, gradient, scratch.bytes(argument), element)


# --- forward -----------------------------------------------------------------------------------


def forward(sweep: Forward, op: func.CallOp) -> None:
    """The function that gives the tangents gives the results, too, and is called instead."""
    rule, emitter = _rule_of(op), sweep.emitter
    if not rule.jvp:
        raise CompileError(
            f"a {rule.kind} function has no derivative in forward mode",
            locations.of(op),
            hint="differentiate it in reverse mode (grad, vjp, jacrev), or use da.custom_jvp",
            pass_name="differentiate",
        )
    floats, arguments, constants, outs = _parts(sweep, op, rule)
    moving = [out for out in outs if out.is_float]
    flat = [value for argument in arguments for value in argument.values]
    fixed = [value for constant in constants for value in constant.values]
    block = op.parent
    assert block is not None
    if op.results:
        tangents = [sweep.materialized(argument.value) for argument in floats]
        types = [*op.result_types, *(out.type for out in moving)]
        call = func.CallOp(rule.jvp, [*flat, *tangents, *fixed], types)
        emitter.insert(call)
        renamed = dict(zip(op.results, call.results, strict=False))
        for old, new in renamed.items():
            sweep.activity.rename(old, new)
            old.replace_all_uses_with(new)
        for out, tangent in zip(moving, call.results[len(op.results) :], strict=True):
            sweep.set_tangent(renamed[out.value], tangent)  # pyright: ignore[reportArgumentType]
    else:
        scratch = _Scratch(emitter, rule, lambda value: value)
        tangents = [value for argument in floats for value in _tangent(sweep, argument, scratch)]
        moved = [sweep.shadow(out.value) if sweep.active(out.value) else scratch.new(out) for out in moving]
        written = [scratch.passed(memory, out) for memory, out in zip(moved, moving, strict=True)]
        _call(emitter, rule.jvp, [*flat, *tangents, *fixed], [*(out.values for out in outs), *written])
        scratch.free()
    block.erase_op(op)


def _tangent(sweep: Forward, argument: Operand, scratch: _Scratch) -> list[SSAValue]:
    if not is_memory(argument.value):
        return [sweep.materialized(argument.value)]
    memory = sweep.shadow(argument.value) if sweep.active(argument.value) else scratch.zeros(argument)
    return scratch.passed(memory, argument)
