"""Derivatives of functions in memory form: what they give, they write into memory of the caller's.

    func @f(%x: memref, %s: f64, %y: memref)                       // %y is an out
    =>
    func @f.vjp(%x, %s, %y, %dx: memref, %ds: memref<f64>, %dy: memref) { f; the reverse sweep }
    func @f.jvp(%x, %s, %y, %tx: memref, %ts: f64, %ty: memref)      { f, with tangents }

The cotangents of arguments are added to what `%dx` and `%ds` hold; `%dy` holds that of the result, and is
used up. With pointers instead of memrefs it is the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from xdsl.dialects import arith, func, llvm, memref
from xdsl.dialects.builtin import DYNAMIC_INDEX, MemRefType, UnrealizedConversionCastOp, i8
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.rewriter import InsertPoint

from dialectad.ad.activity import Activity
from dialectad.ad.algebra import INDEX, Emitter
from dialectad.ad.call_operands import Operand
from dialectad.ad.forward import Forward
from dialectad.ad.halves import Halves
from dialectad.ad.memory import is_memory
from dialectad.ad.prepare import prepare
from dialectad.ad.prepare_calls import prepare_calls
from dialectad.ad.reverse import Reverse, body_ops
from dialectad.ad.rules.memref import clear, clear_bytes
from dialectad.lower.bufferization.functions import OUTS


def outs_of(function: func.FuncOp) -> int:
    """How many of the last arguments are written."""
    return function.attributes[OUTS].value.data  # pyright: ignore[reportAttributeAccessIssue]


def in_memory_type(type_: Attribute) -> Attribute:
    """The type of memory for cotangents of what has this type."""
    return type_ if isinstance(type_, MemRefType) else MemRefType(type_, [])


@dataclass
class MemoryForm:
    """A function whose derivative is to be taken, in place."""

    function: func.FuncOp
    arguments: Sequence[SSAValue]
    """By which to differentiate."""
    outs: Sequence[SSAValue]
    """All memory that the function writes for its caller."""
    deallocations: Sequence[memref.DeallocOp]
    """What has to stand at its end."""
    pointed: Mapping[SSAValue, Operand] = field(default_factory=dict)
    """The outs that are pointers, with their types and extents."""
    halves: Halves | None = None
    """How calls that stay are differentiated in two halves; None: they are checkpoints."""
    turn: Operation | None = None
    """The first op of the reverse sweep, once it is there."""
    shadows: Sequence[SSAValue] = ()
    """The memory and caches of cotangents, once they are there."""

    @property
    def block(self) -> Block:
        return self.function.body.block

    @property
    def terminator(self) -> Operation:
        terminator = self.block.last_op
        assert terminator is not None
        return terminator

    def _take(self, types: Sequence[Sequence[Attribute]]) -> list[SSAValue]:
        """Add parameters; gives the first of each group: a memref's pointer is followed by its extents."""
        block = self.block
        groups = [[block.insert_arg(t, len(block.args)) for t in group] for group in types]
        return [group[0] for group in groups]

    def add_reverse_sweep(
        self, seeds: Sequence[SSAValue], shadow_types: Sequence[Sequence[Attribute]]
    ) -> None:
        """Let the function run backwards after it has run.

        It takes shadows of the arguments and then of `seeds`, those of the outs that have a cotangent.
        """
        block, terminator = self.block, self.terminator
        prepare(block, Activity.varied_by(block, self.arguments), reverse=True)
        ends = [*self.deallocations, *prepare_calls(block, self.arguments, seeds)]
        activity = Activity.of(block, self.arguments, seeds)
        turn = UnrealizedConversionCastOp.create()
        block.insert_op_before(turn, terminator)
        sweep = Reverse(block, activity, InsertPoint.before(terminator), self.halves)
        for out in self.outs:
            if activity.active(out) and out not in seeds:
                sweep.shadows[out] = self._own_shadow(sweep, out)
        shadows = self._take(shadow_types)
        for value, shadow in zip((*self.arguments, *seeds), shadows, strict=True):
            if is_memory(value):
                sweep.shadows[value] = shadow
        with sweep.emitter.deriving(terminator):
            sweep.block(body_ops(block))
        with sweep.emitter.deriving(self.function):
            for value, shadow in zip(self.arguments, shadows, strict=False):
                if not is_memory(value) and (d := sweep.cotangent(value)) is not None:
                    _add_to(sweep.emitter, shadow, d)
            for op in (*sweep.primals.finally_, *ends):
                sweep.emitter.insert(op)
        self.turn = turn.next_op
        self.shadows = [*sweep.shadows.values()]
        block.erase_op(turn)

    def add_tangents(
        self, float_outs: Sequence[SSAValue], tangent_types: Sequence[Sequence[Attribute]]
    ) -> None:
        """Let the function work on tangents along with the primal values.

        It takes the tangents of the arguments and then memory for those of `float_outs`.
        """
        block, terminator = self.block, self.terminator
        prepare(block, Activity.varied_by(block, self.arguments), reverse=False)
        activity = Activity.of(block, self.arguments, float_outs)
        sweep = Forward(activity, InsertPoint.before(terminator))
        tangents = self._take(tangent_types)
        for value, tangent in zip((*self.arguments, *float_outs), tangents, strict=True):
            if is_memory(value):
                sweep.shadows[value] = tangent
            else:
                sweep.set_tangent(value, tangent)
        for out in float_outs:
            if not activity.active(out):
                with sweep.emitter.deriving(self.function):
                    self._clear(sweep.emitter, out, sweep.shadows[out])
        sweep.block(body_ops(block))
        for op in self.deallocations:
            block.insert_op_before(op, terminator)
            if (shadow := sweep.shadows.get(op.memref)) is not None:
                block.insert_op_before(memref.DeallocOp.get(shadow), terminator)

    def _own_shadow(self, sweep: Reverse, out: SSAValue) -> SSAValue:
        """Memory for the cotangents of an out that isn't a seed: what is read from it again may be active."""
        pointer = out in self.pointed
        with sweep.emitter.at(InsertPoint.at_start(self.block)):
            if pointer:
                size = sweep.emitter.emit(arith.IndexCastOp(self._bytes(sweep.emitter, out), INDEX))
                alloc = memref.AllocOp([size], [], MemRefType(i8, [DYNAMIC_INDEX]))
            else:
                alloc = memref.AllocOp(sweep.emitter.sizes_of(out), [], out.type)
            shadow = memory = sweep.emitter.emit(alloc)
            if pointer:
                cast = UnrealizedConversionCastOp.create(operands=[memory], result_types=[out.type])
                shadow = sweep.emitter.emit(cast)
            self._clear(sweep.emitter, out, shadow)
        sweep.primals.finally_.append(memref.DeallocOp.get(memory))
        return shadow

    def _bytes(self, emitter: Emitter, out: SSAValue) -> SSAValue:
        return self.pointed[out].bytes(emitter, self.pointed[out].values[1:])

    def _clear(self, emitter: Emitter, out: SSAValue, shadow: SSAValue) -> None:
        if out in self.pointed:
            clear_bytes(emitter, shadow, self._bytes(emitter, out))
        else:
            clear(emitter, shadow)


def _add_to(emitter: Emitter, shadow: SSAValue, d: SSAValue) -> None:
    """Add to the one element that `shadow` holds."""
    if isinstance(shadow.type, llvm.LLVMPointerType):
        total = emitter.add(emitter.emit(llvm.LoadOp(shadow, d.type)), d)
        emitter.insert(llvm.StoreOp(total, shadow))
    else:
        total = emitter.add(emitter.emit(memref.LoadOp.get(shadow, [])), d)
        emitter.insert(memref.StoreOp.get(total, shadow, []))
