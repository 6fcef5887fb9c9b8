"""Derivatives of `llvm`: memory by pointer. Scalar ops have been raised to `arith` and `math`.

| op | adjoint |
|---|---|
| `load` `store` | as in `memref`: add to the shadow; take from it and clear it |
| `getelementptr` | the same address in the shadow |
| `intr.memcpy` `intr.memmove` | the floats are added to the source's shadow; the destination's is cleared |
| `intr.memset` | the shadow is cleared |
| `call @cblas_*` | calls of the same routines on the shadows (`blas_calls.py`) |

What memory holds shows in what is loaded from it and stored to it. An integer that is stored clears the
shadow of what was there; one that is loaded may carry the bits of a float elsewhere, and is refused.
"""

from __future__ import annotations

from collections.abc import Callable

from xdsl.dialects import arith, llvm, scf
from xdsl.dialects.builtin import (
    AnyFloat,
    DenseArrayBase,
    IntegerType,
    UnrealizedConversionCastOp,
    i32,
    i64,
)
from xdsl.ir import Attribute, Block, Operation, SSAValue

from dialectad import locations
from dialectad.ad.activity import Activity
from dialectad.ad.algebra import Emitter
from dialectad.ad.bits import only_tells
from dialectad.ad.call_operands import width_of
from dialectad.ad.forward import Forward
from dialectad.ad.memory import buffer_of
from dialectad.ad.reverse import Reverse
from dialectad.ad.rule import Rule, inactive, register
from dialectad.ad.rules.memref import View, clear_bytes
from dialectad.dialects import llvm as more_llvm
from dialectad.errors import CompileError


def _refuse(op: Operation, message: str) -> CompileError:
    return CompileError(
        message,
        locations.of(op),
        hint="differentiate it at level loop or linalg",
        pass_name="differentiate",
    )


def _load(pointer: SSAValue, like: Operation, type_: Attribute) -> llvm.LoadOp:
    """A load as aligned as `like`."""
    load = llvm.LoadOp(pointer, type_)
    if (alignment := like.properties.get("alignment")) is not None:
        load.properties["alignment"] = alignment
    return load


def _store(value: SSAValue, pointer: SSAValue, like: Operation) -> llvm.StoreOp:
    store = llvm.StoreOp(value, pointer)
    if (alignment := like.properties.get("alignment")) is not None:
        store.properties["alignment"] = alignment
    return store


class _Cell:
    """What the shadow holds at a pointer."""

    def __init__(self, sweep: Reverse, op: Operation, pointer: SSAValue, type_: Attribute):
        self.sweep, self.op, self.type = sweep, op, type_
        self.shadow = sweep.shadow(pointer)
        self.key = (self.shadow, type_)
        self.buffer = buffer_of(pointer)

    def read(self) -> SSAValue | None:
        load = _load(self.shadow, self.op, self.type)
        return self.sweep.cells.read(self.key, self.buffer, lambda: self.sweep.emitter.emit(load))

    def write(self, value: SSAValue | None) -> None:
        self.sweep.cells.write(self.key, self.buffer, value, self._store)

    def _store(self, value: SSAValue | None) -> None:
        with self.sweep.emitter.deriving(self.op):
            value = value or _zero(self.sweep.emitter, self.op, self.type)
            self.sweep.emitter.insert(_store(value, self.shadow, self.op))


class Load(Rule):
    def vary(self, activity: Activity, op: Operation) -> None:
        assert isinstance(op, llvm.LoadOp)
        if not activity.is_varied(op.ptr):
            return
        if isinstance(op.dereferenced_value.type, AnyFloat):
            activity.mark_varied(op.dereferenced_value)
        elif not only_tells(op.dereferenced_value):
            raise _refuse(op, f"floats that are read as {op.dereferenced_value.type}")

    def use(self, activity: Activity, op: Operation) -> None:
        assert isinstance(op, llvm.LoadOp)
        if op.dereferenced_value in activity.useful:
            activity.mark_useful(op.ptr)

    def reverse(self, sweep: Reverse, op: Operation) -> None:
        assert isinstance(op, llvm.LoadOp)
        value = op.dereferenced_value
        if sweep.active(op.ptr) and (d := sweep.cotangent(value)) is not None:
            cell = _Cell(sweep, op, op.ptr, value.type)
            old = cell.read()
            cell.write(d if old is None else sweep.emitter.add(old, d))

    def forward(self, sweep: Forward, op: Operation) -> None:
        assert isinstance(op, llvm.LoadOp)
        value = op.dereferenced_value
        if sweep.active(value):
            sweep.set_tangent(value, sweep.emitter.emit(_load(sweep.shadow(op.ptr), op, value.type)))


class Store(Rule):
    def vary(self, activity: Activity, op: Operation) -> None:
        assert isinstance(op, llvm.StoreOp)
        if op.value in activity.varied:
            activity.mark_varied(op.ptr)

    def use(self, activity: Activity, op: Operation) -> None:
        assert isinstance(op, llvm.StoreOp)
        if activity.is_useful(op.ptr) and isinstance(op.value.type, AnyFloat):
            activity.mark_useful(op.value)

    def reverse(self, sweep: Reverse, op: Operation) -> None:
        assert isinstance(op, llvm.StoreOp)
        if not sweep.active(op.ptr):
            return
        cell = _Cell(sweep, op, op.ptr, op.value.type)
        if sweep.active(op.value) and (d := cell.read()) is not None:
            sweep.accumulate(op.value, d)
        cell.write(None)

    def forward(self, sweep: Forward, op: Operation) -> None:
        assert isinstance(op, llvm.StoreOp)
        if sweep.active(op.ptr):
            t = sweep.tangent(op.value) or _zero(sweep.emitter, op, op.value.type)
            sweep.emitter.insert(_store(t, sweep.shadow(op.ptr), op))


def _zero(emitter: Emitter, op: Operation, t: Attribute) -> SSAValue:
    if isinstance(t, IntegerType):
        return emitter.integer(0, t)
    if isinstance(t, AnyFloat):
        return emitter.scalar(0.0, t)
    raise _refuse(op, f"a store of {t} to memory that holds active values")


_POINTER = llvm.LLVMPointerType()


class Set(Rule):
    """`memset`: what was there is gone."""

    def reverse(self, sweep: Reverse, op: Operation) -> None:
        if sweep.active(op.operands[0]):
            clear_bytes(sweep.emitter, sweep.shadow(op.operands[0]), sweep.primal(op.operands[2]))

    forward = reverse  # pyright: ignore[reportAssignmentType]


class Move(Rule):
    """`memcpy` and `memmove`."""

    def vary(self, activity: Activity, op: Operation) -> None:
        if activity.is_varied(op.operands[1]):
            activity.mark_varied(op.operands[0])

    def use(self, activity: Activity, op: Operation) -> None:
        if activity.is_useful(op.operands[0]):
            activity.mark_useful(op.operands[1])

    def reverse(self, sweep: Reverse, op: Operation) -> None:
        """Float by float, from the destination's shadow to the source's."""
        target, source = op.operands[:2]
        if not sweep.active(target):
            return
        size, shadow = sweep.primal(op.operands[2]), sweep.shadow(target)
        if not sweep.active(source):
            clear_bytes(sweep.emitter, shadow, size)
            return
        if buffer_of(target) is buffer_of(source):
            _take_floats(sweep, op, sweep.shadow(source), shadow, size)
        else:
            add_floats(sweep.emitter, sweep.shadow(source), shadow, size, _element_of_copy(sweep, op))
            clear_bytes(sweep.emitter, shadow, size)

    def forward(self, sweep: Forward, op: Operation) -> None:
        target, source, size = op.operands
        if not sweep.active(target):
            return
        if sweep.active(source):
            clone = op.clone()
            clone.operands = [sweep.shadow(target), sweep.shadow(source), size]
            sweep.emitter.insert(clone)
        else:
            clear_bytes(sweep.emitter, sweep.shadow(target), size)


def add_floats(emitter: Emitter, to: SSAValue, addend: SSAValue, size: SSAValue, element: AnyFloat) -> None:
    """Add the floats in `size` bytes, element by element."""

    def body(i: SSAValue) -> None:
        here, there = (element_pointer(emitter, p, i, element) for p in (to, addend))
        total = emitter.add(*(emitter.emit(llvm.LoadOp(p, element)) for p in (here, there)))
        emitter.insert(llvm.StoreOp(total, here))

    _each_float(emitter, size, element, body)


def _take_floats(sweep: Reverse, op: Operation, to: SSAValue, taken: SSAValue, size: SSAValue) -> None:
    """Move floats within a buffer and add them there.

    A copy that goes from the last element to the first, as it must if its destination is behind its source,
    goes backwards from the first to the last.
    """
    emitter, element = sweep.emitter, _element_of_copy(sweep, op)
    last = ascends = None
    if isinstance(op, more_llvm.MemmoveOp):
        behind, before = (emitter.emit(llvm.PtrToIntOp(p)) for p in (taken, to))
        ascends = emitter.emit(arith.CmpiOp(behind, before, "ugt"))
        count = emitter.emit(arith.DivSIOp(size, emitter.integer(width_of(element), i64)))
        last = emitter.emit(arith.SubiOp(count, emitter.integer(1, i64)))

    def body(i: SSAValue) -> None:
        if last is not None and ascends is not None:
            i = emitter.emit(arith.SelectOp(ascends, i, emitter.emit(arith.SubiOp(last, i))))
        there, here = (element_pointer(emitter, p, i, element) for p in (taken, to))
        d = emitter.emit(llvm.LoadOp(there, element))
        emitter.insert(llvm.StoreOp(emitter.scalar(0.0, element), there))
        total = emitter.add(emitter.emit(llvm.LoadOp(here, element)), d)
        emitter.insert(llvm.StoreOp(total, here))

    _each_float(emitter, size, element, body)


def _element_of_copy(sweep: Reverse, op: Operation) -> AnyFloat:
    """What the memory holds that `op` copies."""
    memory = sweep.primals.memory
    types = {t for o in op.operands[:2] for t in memory.floats.get(buffer_of(o), {})}
    if len(types) != 1:
        raise _refuse(op, "a copy of memory of which it isn't known what it holds")
    (element,) = types
    assert isinstance(element, AnyFloat)
    return element


def _each_float(
    emitter: Emitter, size: SSAValue, element: AnyFloat, body: Callable[[SSAValue], None]
) -> None:
    """A loop over the floats in `size` bytes."""
    count = emitter.emit(arith.DivSIOp(size, emitter.integer(width_of(element), i64)))
    block = Block(arg_types=[i64])
    with emitter.inside(block):
        body(block.args[0])
        emitter.insert(scf.YieldOp())
    zero, one = emitter.integer(0, i64), emitter.integer(1, i64)
    emitter.insert(scf.ForOp(zero, count, one, [], block))


def element_pointer(emitter: Emitter, pointer: SSAValue, index: SSAValue, element: Attribute) -> SSAValue:
    """Where element `index` is."""
    return emitter.emit(
        llvm.GEPOp.create(
            operands=[pointer, index],
            result_types=[_POINTER],
            properties={
                "rawConstantIndices": DenseArrayBase.from_list(i32, [llvm.GEP_USE_SSA_VAL]),
                "elem_type": element,
                "noWrapFlags": more_llvm.IntegerAttr(0, i32),
            },
        )
    )


register(llvm.LoadOp, Load())
register(llvm.StoreOp, Store())
register(llvm.GEPOp, View())
register(UnrealizedConversionCastOp, View())
register(more_llvm.MemcpyOp, Move())
register(more_llvm.MemmoveOp, Move())
register(more_llvm.MemsetOp, Set())
inactive(llvm.ICmpOp, llvm.ZeroOp, llvm.AddressOfOp, llvm.PtrToIntOp)
