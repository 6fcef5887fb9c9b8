"""Derivatives of `memref`: reading, writing and naming memory.

Memory that holds active values has a *shadow*, memory of the same layout for their cotangents (tangents in
forward mode). Views are taken of the shadow as they were of the memory.

    %v = memref.load %m[%i]     =>   memref.store (memref.load %dm[%i]) + %dv, %dm[%i]
    memref.store %v, %m[%i]     =>   %dv += memref.load %dm[%i];  memref.store 0, %dm[%i]
    memref.copy %a to %b        =>   %da += %db;  %db = 0
    memref.alloc()              =>   its shadow starts as zero

What a store overwrites has no influence on what follows, hence the zero. In forward mode each of these acts
on the shadow as on the memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from xdsl.dialects import arith, memref
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    BoolAttr,
    IndexType,
    IntegerType,
    MemRefType,
    UnrealizedConversionCastOp,
    i8,
    i64,
)
from xdsl.dialects.linalg import ops as linalg
from xdsl.dialects.llvm import LLVMPointerType
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.ir.affine import AffineMap

from dialectad.ad.activity import Activity
from dialectad.ad.algebra import Emitter
from dialectad.ad.build import PARALLEL, generic_of
from dialectad.ad.call_operands import width_of
from dialectad.ad.forward import Forward
from dialectad.ad.memory import ALLOCATIONS, VIEWS, buffer_of
from dialectad.ad.reverse import Reverse
from dialectad.ad.rule import Rule, inactive, register
from dialectad.dialects import llvm as more_llvm


class _Cell:
    """The element of the shadow that belongs to an element of memory."""

    def __init__(self, sweep: Reverse, op: Operation, memory: SSAValue, indices: Sequence[SSAValue]):
        self.sweep, self.op = sweep, op
        self.type = _element(memory)
        self.shadow = sweep.shadow(memory)
        self.indices = tuple(sweep.primal(i) for i in indices)
        self.key = (self.shadow, self.indices)
        self.buffer = buffer_of(memory)

    def read(self) -> SSAValue | None:
        emitter = self.sweep.emitter
        return self.sweep.cells.read(
            self.key, self.buffer, lambda: emitter.emit(memref.LoadOp.get(self.shadow, self.indices))
        )

    def write(self, value: SSAValue | None) -> None:
        self.sweep.cells.write(self.key, self.buffer, value, self._store)

    def _store(self, value: SSAValue | None) -> None:
        with self.sweep.emitter.deriving(self.op):
            value = value or _zero(self.sweep.emitter, self.type)
            self.sweep.emitter.insert(memref.StoreOp.get(value, self.shadow, self.indices))


def _element(memory: SSAValue) -> Attribute:
    assert isinstance(memory.type, MemRefType)
    return memory.type.element_type


class Load(Rule):
    def vary(self, activity: Activity, op: Operation) -> None:
        assert isinstance(op, memref.LoadOp)
        if activity.is_varied(op.memref):
            activity.mark_varied(op.res)

    def use(self, activity: Activity, op: Operation) -> None:
        assert isinstance(op, memref.LoadOp)
        if op.res in activity.useful:
            activity.mark_useful(op.memref)

    def reverse(self, sweep: Reverse, op: Operation) -> None:
        assert isinstance(op, memref.LoadOp)
        if (d := sweep.cotangent(op.res)) is not None and sweep.active(op.memref):
            cell = _Cell(sweep, op, op.memref, op.indices)
            old = cell.read()
            cell.write(d if old is None else sweep.emitter.add(old, d))

    def forward(self, sweep: Forward, op: Operation) -> None:
        assert isinstance(op, memref.LoadOp)
        if sweep.active(op.memref):
            shadow = sweep.shadow(op.memref)
            sweep.set_tangent(op.res, sweep.emitter.emit(memref.LoadOp.get(shadow, op.indices)))


class Store(Rule):
    def vary(self, activity: Activity, op: Operation) -> None:
        assert isinstance(op, memref.StoreOp)
        if op.value in activity.varied:
            activity.mark_varied(op.memref)

    def use(self, activity: Activity, op: Operation) -> None:
        assert isinstance(op, memref.StoreOp)
        if activity.is_useful(op.memref):
            activity.mark_useful(op.value)

    def reverse(self, sweep: Reverse, op: Operation) -> None:
        assert isinstance(op, memref.StoreOp)
        if not sweep.active(op.memref):
            return
        cell = _Cell(sweep, op, op.memref, op.indices)
        if sweep.active(op.value) and (d := cell.read()) is not None:
            sweep.accumulate(op.value, d)
        cell.write(None)

    def forward(self, sweep: Forward, op: Operation) -> None:
        assert isinstance(op, memref.StoreOp)
        if sweep.active(op.memref):
            t = sweep.tangent(op.value) or _zero(sweep.emitter, op.value.type)
            sweep.emitter.insert(memref.StoreOp.get(t, sweep.shadow(op.memref), op.indices))


class Copy(Rule):
    def vary(self, activity: Activity, op: Operation) -> None:
        assert isinstance(op, memref.CopyOp)
        if activity.is_varied(op.source):
            activity.mark_varied(op.destination)

    def use(self, activity: Activity, op: Operation) -> None:
        assert isinstance(op, memref.CopyOp)
        if activity.is_useful(op.destination):
            activity.mark_useful(op.source)

    def reverse(self, sweep: Reverse, op: Operation) -> None:
        assert isinstance(op, memref.CopyOp)
        if not sweep.active(op.destination):
            return
        shadow = sweep.shadow(op.destination)
        if sweep.active(op.source):
            add_into(sweep.emitter, sweep.shadow(op.source), shadow)
        clear(sweep.emitter, shadow)

    def forward(self, sweep: Forward, op: Operation) -> None:
        assert isinstance(op, memref.CopyOp)
        if not sweep.active(op.destination):
            return
        shadow = sweep.shadow(op.destination)
        if sweep.active(op.source):
            sweep.emitter.insert(memref.CopyOp(sweep.shadow(op.source), shadow))
        else:
            clear(sweep.emitter, shadow)


class View(Rule):
    """A name for a part of memory: so is the shadow's."""

    def vary(self, activity: Activity, op: Operation) -> None:
        """Activity is a property of buffers."""

    def use(self, activity: Activity, op: Operation) -> None:
        """Activity is a property of buffers."""

    def reads(self, op: Operation) -> Iterable[SSAValue]:
        return ()

    def shadow(self, sweep: Reverse | Forward, op: Operation) -> SSAValue:
        clone = op.clone()
        clone.operands = [sweep.shadow(op.operands[0]), *(sweep.primal(o) for o in op.operands[1:])]
        return sweep.emitter.emit(clone)

    def reverse(self, sweep: Reverse, op: Operation) -> None:
        """Shadows are made when they are first needed."""

    def forward(self, sweep: Forward, op: Operation) -> None:
        """Shadows are made when they are first needed."""


class Allocation(View):
    """New memory: the shadow starts as zero."""

    def shadow(self, sweep: Reverse | Forward, op: Operation) -> SSAValue:
        clone = op.clone()
        clone.operands = [sweep.primal(o) for o in op.operands]
        shadow = sweep.emitter.emit(clone)
        clear(sweep.emitter, shadow, op.results[0])
        if isinstance(clone, memref.AllocOp) and isinstance(sweep, Reverse):
            sweep.deallocate(shadow)
        return shadow


class Deallocation(View):
    """In reverse mode memory is given back when the reverse sweep has ended."""

    def forward(self, sweep: Forward, op: Operation) -> None:
        assert isinstance(op, memref.DeallocOp)
        if (shadow := sweep.shadows.get(op.memref)) is not None:
            sweep.emitter.insert(memref.DeallocOp.get(shadow))


def _zero(emitter: Emitter, type_: Attribute) -> SSAValue:
    """The zero of an element: memory of bytes holds integers too, and nothing is known of what they mean."""
    if isinstance(type_, IntegerType | IndexType):
        return emitter.integer(0, type_)
    return emitter.scalar(0.0, type_)


def clear(emitter: Emitter, memory: SSAValue, like: SSAValue | None = None) -> None:
    """Fill memory with zeros; `like` is used in the same way, by pointer or not."""
    assert isinstance(memory.type, MemRefType)
    if like is not None and any(isinstance(use.operation, UnrealizedConversionCastOp) for use in like.uses):
        cast = UnrealizedConversionCastOp.create(operands=[memory], result_types=[LLVMPointerType()])
        clear_bytes(emitter, emitter.emit(cast), _bytes(emitter, memory))
    elif not memory.type.get_shape():
        emitter.insert(memref.StoreOp.get(_zero(emitter, memory.type.element_type), memory, []))
    else:
        zero = _zero(emitter, memory.type.element_type)
        emitter.insert(linalg.FillOp([zero], [memory], []))


def _bytes(emitter: Emitter, memory: SSAValue) -> SSAValue:
    """The size of memory."""
    assert isinstance(memory.type, MemRefType)
    size = emitter.integer(width_of(memory.type.element_type), i64)
    for dim, extent in enumerate(memory.type.get_shape()):
        if extent == DYNAMIC_INDEX:
            count = emitter.emit(memref.DimOp(memory, emitter.integer(dim)))
            factor = emitter.emit(arith.IndexCastOp(count, i64))
        else:
            factor = emitter.integer(extent, i64)
        size = emitter.emit(arith.MuliOp(size, factor))
    return size


def clear_bytes(emitter: Emitter, pointer: SSAValue, size: SSAValue) -> None:
    """Set `size` bytes to zero."""
    operands = [pointer, emitter.integer(0, i8), size]
    volatile = {"isVolatile": BoolAttr.from_bool(False)}
    emitter.insert(more_llvm.MemsetOp.create(operands=operands, properties=volatile))


def add_into(emitter: Emitter, memory: SSAValue, addend: SSAValue) -> None:
    """memory += addend, element by element."""
    assert isinstance(memory.type, MemRefType)
    element = memory.type.element_type
    block = Block(arg_types=[element, element])
    total = arith.AddfOp(block.args[1], block.args[0])
    block.add_ops([total, linalg.YieldOp(total.result)])
    _elementwise(emitter, [addend], memory, block)


def scale(emitter: Emitter, memory: SSAValue, factor: float) -> None:
    """memory *= factor; with 0 whatever it held is gone."""
    if factor == 0:
        clear(emitter, memory)
    elif factor != 1:
        assert isinstance(memory.type, MemRefType)
        element = memory.type.element_type
        value = emitter.scalar(factor, element)
        block = Block(arg_types=[element])
        product = arith.MulfOp(block.args[0], value)
        block.add_ops([product, linalg.YieldOp(product.result)])
        _elementwise(emitter, [], memory, block)


def add_scaled(emitter: Emitter, memory: SSAValue, addend: SSAValue, factor: SSAValue) -> None:
    """memory += factor * addend, element by element, for a scalar factor."""
    assert isinstance(memory.type, MemRefType)
    element = memory.type.element_type
    block = Block(arg_types=[element, element])
    product = arith.MulfOp(block.args[0], factor)
    total = arith.AddfOp(block.args[1], product.result)
    block.add_ops([product, total, linalg.YieldOp(total.result)])
    _elementwise(emitter, [addend], memory, block)


def _elementwise(emitter: Emitter, ins: Sequence[SSAValue], memory: SSAValue, block: Block) -> None:
    assert isinstance(memory.type, MemRefType)
    rank = len(memory.type.get_shape())
    identity = AffineMap.identity(rank)
    pairs = [(value, identity) for value in ins]
    emitter.insert(generic_of(pairs, memory, identity, (PARALLEL,) * rank, block))


register(memref.LoadOp, Load())
register(memref.StoreOp, Store())
register(memref.CopyOp, Copy())
for view in VIEWS:
    register(view, View())
for allocation in ALLOCATIONS:
    register(allocation, Allocation())
register(memref.DeallocOp, Deallocation())
inactive(memref.DimOp, memref.GetGlobalOp)
