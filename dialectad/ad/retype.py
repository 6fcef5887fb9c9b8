"""Floats that LLVM copies as integers are floats again.

A copy of eight bytes becomes a load and a store of an `i64`, whatever the bytes are:

    %v = llvm.load %p : i64;  llvm.store %v, %q    =>    %v = llvm.load %p : f64;  llvm.store %v, %q

What memory holds is known from its declared type and from what else is loaded and stored there, and goes
from one buffer to the other with a copy. An integer as wide as several floats is split into these. What else
is done with an integer is done with the bits of the float, which have no derivative (`bits.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from xdsl.dialects import arith, func, llvm
from xdsl.dialects.builtin import (
    AnyFloat,
    DenseArrayBase,
    IntegerAttr,
    IntegerType,
    MemRefType,
    i8,
    i32,
)
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter

from dialectad import locations
from dialectad.ad.bits import only_tells
from dialectad.ad.memory import buffer_of
from dialectad.dialects import llvm as more_llvm
from dialectad.errors import CompileError
from dialectad.walk import walk

_POINTER = llvm.LLVMPointerType()


def retype_copies(function: func.FuncOp, declared: Mapping[SSAValue, Attribute]) -> None:
    """Let what copies floats do so as floats.

    Parameters
    ----------
    function : func.FuncOp
        With pointers, raised from the `llvm` dialect.
    declared : mapping
        Pointer arguments -> the type of the elements that they point to.
    """
    memory = _Memory(function, declared)
    for load in memory.copies:
        floats = memory.floats_at(load)
        width = load.dereferenced_value.type.width.data  # pyright: ignore[reportAttributeAccessIssue]
        fitting = [t for t in floats if width % t.bitwidth == 0]
        if not fitting:
            continue
        element = max(fitting, key=lambda t: t.bitwidth)
        if only_tells(load.dereferenced_value):
            continue
        if element.bitwidth == width:
            _retype(load.dereferenced_value, element)
        elif (stores := _stores_of(load.dereferenced_value)) is not None:
            _split(load, stores, element, width // element.bitwidth)
        else:
            raise _computed_with(load)


def _computed_with(load: llvm.LoadOp) -> CompileError:
    return CompileError(
        "floats that are read as integers, and computed with",
        locations.of(load),
        hint="differentiate it at level loop or linalg",
        pass_name="differentiate",
    )


class _Memory:
    def __init__(self, function: func.FuncOp, declared: Mapping[SSAValue, Attribute]):
        self.floats: dict[SSAValue, set[AnyFloat]] = {}
        self.copies: list[llvm.LoadOp] = []
        links: list[tuple[SSAValue, SSAValue]] = []
        for pointer, element in declared.items():
            self._note(pointer, element)
        for op in walk(function):
            match op:
                case llvm.LoadOp():
                    self._note(buffer_of(op.ptr), op.dereferenced_value.type)
                    if isinstance(op.dereferenced_value.type, IntegerType):
                        self.copies.append(op)
                        for store in _stores(op.dereferenced_value):
                            links.append((buffer_of(op.ptr), buffer_of(store.ptr)))
                case llvm.StoreOp():
                    self._note(buffer_of(op.ptr), op.value.type)
                case more_llvm.MemcpyOp() | more_llvm.MemmoveOp():
                    links.append((buffer_of(op.operands[0]), buffer_of(op.operands[1])))
                case _:
                    for result in op.results:
                        if isinstance(result.type, MemRefType) and result.type.element_type != i8:
                            self._note(buffer_of(result), result.type.element_type)
        changed = True
        while changed:
            changed = False
            for a, b in links:
                both = self.floats.get(a, set()) | self.floats.get(b, set())
                for buffer in (a, b):
                    if self.floats.get(buffer, set()) != both:
                        self.floats[buffer] = both
                        changed = True

    def _note(self, buffer: SSAValue, type_: Attribute) -> None:
        if isinstance(type_, AnyFloat):
            self.floats.setdefault(buffer, set()).add(type_)

    def floats_at(self, load: llvm.LoadOp) -> set[AnyFloat]:
        return self.floats.get(buffer_of(load.ptr), set())


def _stores_of(value: SSAValue) -> list[llvm.StoreOp] | None:
    """The stores that an integer ends up in, if nothing else is done with it."""
    found = list(_stores(value))
    return found if len(found) == len(list(value.uses)) else None


def _stores(value: SSAValue) -> Iterator[llvm.StoreOp]:
    """The stores of `value`."""
    for use in value.uses:
        if isinstance(use.operation, llvm.StoreOp) and use.index == 0:
            yield use.operation


def _retype(value: SSAValue, element: AnyFloat) -> None:
    load = value.owner
    assert isinstance(load, llvm.LoadOp)
    new = llvm.LoadOp.create(
        operands=[load.ptr],
        result_types=[element],
        properties=dict(load.properties),
        attributes=dict(load.attributes),
    )
    new.location = load.location
    Rewriter.insert_op(new, InsertPoint.before(load))
    new.dereferenced_value.name_hint = value.name_hint
    for store in list(_stores(value)):
        store.operands[0] = new.dereferenced_value
    if value.first_use is not None:
        if not only_tells(value):
            raise _computed_with(load)
        bits = arith.BitcastOp(new.dereferenced_value, value.type)
        bits.location = load.location
        Rewriter.insert_op(bits, InsertPoint.before(load))
        value.replace_all_uses_with(bits.result)
    load.detach()
    load.erase()


def _split(load: llvm.LoadOp, stores: list[llvm.StoreOp], element: AnyFloat, count: int) -> None:
    """Load and store the floats one by one; each store before anything that came after it."""
    parts: list[SSAValue] = []
    for k in range(count):
        part = llvm.LoadOp(_at(load.ptr, k, element, load), element, element.bitwidth // 8)
        part.properties["alignment"] = _alignment(load)
        _insert(part, load)
        parts.append(part.dereferenced_value)
    for store in stores:
        for k, part in enumerate(parts):
            piece = llvm.StoreOp(part, _at(store.ptr, k, element, store))
            piece.properties["alignment"] = _alignment(store)
            _insert(piece, store)
        store.detach()
        store.erase()
    load.detach()
    load.erase()


def _alignment(op: Operation) -> IntegerAttr:
    known = op.properties.get("alignment")
    assert known is None or isinstance(known, IntegerAttr)
    value = 4 if known is None else min(4, known.value.data)
    return IntegerAttr(value, 64)


def _insert(op: Operation, before: Operation) -> SSAValue | None:
    op.location = before.location
    Rewriter.insert_op(op, InsertPoint.before(before))
    return op.results[0] if op.results else None


def _at(pointer: SSAValue, index: int, element: AnyFloat, before: Operation) -> SSAValue:
    if index == 0:
        return pointer
    address = llvm.GEPOp.create(
        operands=[pointer],
        result_types=[_POINTER],
        properties={
            "rawConstantIndices": DenseArrayBase.from_list(i32, [index]),
            "elem_type": element,
            "noWrapFlags": IntegerAttr(0, i32),
        },
    )
    result = _insert(address, before)
    assert result is not None
    return result
