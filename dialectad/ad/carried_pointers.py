"""Let control flow hand on places, not pointers: in which buffer, and how many bytes from its start.

LLVM carries an address through a loop where the program carried an index, or gives it as what a branch
found. Which memory that is, and so what its shadow is, shows in the types of neither:

    %r = scf.for ... iter_args(%p = %a) -> (!llvm.ptr) {
        ...;  %q = llvm.getelementptr %p[%i] : f64;  yield %q
    }
    =>
    %o = scf.for ... iter_args(%k = 0) -> (i64) {
        %p = llvm.getelementptr %a[%k] : i8;  ...;  %l = %k + 8 * %i;  yield %l
    }
    %r = llvm.getelementptr %a[%o] : i8

Where it may be one of several buffers, the number of the buffer goes along, and chooses among them:

    %m, %o = scf.for ... iter_args(%n = 0, %k = 0) -> (i64, i64) {
        %p = llvm.select (%n == 0), %a[%k], %b[%k];  ...
    }

A buffer must be there before the loop or branch; a pointer that is of memory allocated in it stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from xdsl.dialects import arith, func, llvm, scf
from xdsl.dialects.builtin import DenseArrayBase, IntegerAttr, i8, i32, i64
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter

from dialectad.ad.algebra import Emitter
from dialectad.ad.dependence import NotLinear, bytes_of
from dialectad.dialects import llvm as more_llvm
from dialectad.walk import walk

_POINTER = llvm.LLVMPointerType()

Origins = dict[SSAValue, None]
"""The pointers to the starts of buffers that a pointer may be derived from, in a fixed order."""


def carry_places(function: func.FuncOp) -> None:
    """Rewrite the loops and branches of `function` that hand on pointers."""
    _Places(function).rewrite()


def is_pointer(value: SSAValue) -> bool:
    return isinstance(value.type, llvm.LLVMPointerType)


@dataclass
class _Slots:
    """Values that control flow hands on, one a slot."""

    given: list[tuple[Operation, int]]
    """The ops that give them, each with the position of its operand for the first slot."""
    taken: list[tuple[Block, int]]
    """The blocks that take them, each with the position of its argument for the first slot."""
    results: Sequence[SSAValue]
    """What they are after the loop or branch, if that is one of its results."""
    origins: dict[int, Origins] = field(default_factory=dict)
    """Slot of a pointer that becomes a place -> where it may be derived from."""

    def __len__(self) -> int:
        op, first = self.given[0]
        return len(op.operands) - first

    def sources(self, slot: int) -> list[SSAValue]:
        return [op.operands[first + slot] for op, first in self.given]

    def names(self, slot: int) -> list[SSAValue]:
        names: list[SSAValue] = [block.args[first + slot] for block, first in self.taken]
        return names + list(self.results[slot : slot + 1])


def _slots(op: Operation) -> list[_Slots]:
    ends = [last for region in op.regions for block in region.blocks if (last := block.last_op) is not None]
    match op:
        case scf.ForOp():
            return [_Slots([(op, 3), (ends[0], 0)], [(op.body.block, 1)], op.results)]
        case scf.WhileOp():
            carried = _Slots([(op, 0), (ends[1], 0)], [(op.before_region.block, 0)], ())
            return [carried, _Slots([(ends[0], 1)], [(op.after_region.block, 0)], op.results)]
        case scf.IfOp():
            return [_Slots([(end, 0) for end in ends], [], op.results)]
        case _:
            return []


class _Places:
    def __init__(self, function: func.FuncOp):
        self.slots = [(op, slots) for op in walk(function) for slots in _slots(op)]
        self.numbers: dict[SSAValue, int] = {}
        """Start of a buffer -> its number."""
        self.merged: dict[SSAValue, Origins] = {}
        """Pointer that control flow hands on -> where it may be derived from."""
        for _, slots in self.slots:
            for slot in range(len(slots)):
                self.merged |= {name: {} for name in slots.names(slot) if is_pointer(name)}
        self.places: dict[SSAValue, tuple[SSAValue | None, SSAValue]] = {}
        """Pointer that has been made of a place -> its number, if there is one, and its offset."""
        self._find_origins()

    # Where pointers may be derived from

    def _find_origins(self) -> None:
        changed = True
        while changed:
            changed = False
            for _, slots in self.slots:
                for slot in range(len(slots)):
                    for name in filter(is_pointer, slots.names(slot)):
                        found = {o: None for source in slots.sources(slot) for o in self._origins(source)}
                        changed |= not self.merged[name].keys() >= found.keys()
                        self.merged[name] |= found

    def _origins(self, pointer: SSAValue) -> Origins:
        if pointer in self.merged:
            return self.merged[pointer]
        match pointer.owner:
            case llvm.GEPOp() as op if _has_known_sizes(op):
                return self._origins(op.ptr)
            case llvm.SelectOp() as op:
                return self._origins(op.lhs) | self._origins(op.rhs)
            case more_llvm.PoisonOp() | llvm.UndefOp():
                return {}
            case _:
                return {pointer: None}

    # Places instead of pointers

    def rewrite(self) -> None:
        for op, slots in self.slots:
            self._choose(op, slots)
        for op, slots in self.slots:
            if slots.origins:
                for block, first in slots.taken:
                    self._take(block, first, slots.origins, op)
        renewed = {op: self._renew(op, slots) for op, slots in self.slots if slots.origins and slots.results}
        for _, slots in self.slots:
            if slots.origins:
                for giver, first in slots.given:
                    self._give(renewed.get(giver, giver), first, slots.origins)

    def _choose(self, op: Operation, slots: _Slots) -> None:
        """Note the slots whose pointers become places, and number the buffers."""
        for slot in range(len(slots)):
            names = slots.names(slot)
            origins = self.merged.get(names[0]) if names else None
            if origins and all(_is_there(origin, op) for origin in origins):
                slots.origins[slot] = origins
                for origin in origins:
                    self.numbers.setdefault(origin, len(self.numbers))

    def _take(self, block: Block, first: int, places: dict[int, Origins], op: Operation) -> None:
        """Let `block` take places in some slots, and make pointers of them."""
        emitter = Emitter(InsertPoint.at_start(block), "")
        emitter.location = op.location
        for slot in sorted(places, reverse=True):
            argument = block.args[first + slot]
            types = enumerate(_types(places[slot]), argument.index + 1)
            parts = [block.insert_arg(t, position) for position, t in types]
            argument.replace_all_uses_with(self._pointer(emitter, places[slot], parts, argument.name_hint))
            block.erase_arg(argument)

    def _renew(self, op: Operation, slots: _Slots) -> Operation:
        """An op in the place of `op` that gives places in some slots, of which pointers are made."""
        origins = [slots.origins.get(slot) for slot in range(len(op.results))]
        types = [[r.type] if o is None else _types(o) for r, o in zip(op.results, origins, strict=True)]
        new = type(op).create(
            operands=op.operands,
            result_types=[t for group in types for t in group],
            regions=[op.detach_region(region) for region in list(op.regions)],
            properties=op.properties,
            attributes=op.attributes,
            location=op.location,
        )
        Rewriter.insert_op(new, InsertPoint.before(op))
        emitter, results = Emitter.before(op), iter(new.results)
        for slot, old in enumerate(op.results):
            parts = [next(results) for _ in types[slot]]
            start = origins[slot]
            value = parts[0] if start is None else self._pointer(emitter, start, parts, old.name_hint)
            value.name_hint = old.name_hint
            old.replace_all_uses_with(value)
        op.detach()
        op.erase()
        return new

    def _give(self, op: Operation, first: int, places: dict[int, Origins]) -> None:
        """Let `op` give places in some slots."""
        emitter = Emitter.before(op)
        operands = list(op.operands[:first])
        for slot, operand in enumerate(op.operands[first:]):
            operands += self._parts(emitter, operand, places[slot]) if slot in places else [operand]
        op.operands = operands

    # A place is a number, where there are several buffers, and an offset in bytes.

    def _pointer(
        self, emitter: Emitter, origins: Origins, parts: Sequence[SSAValue], name: str | None
    ) -> SSAValue:
        """The pointer to a place."""
        *number, offset = parts
        *others, last = origins
        pointer = emitter.emit(_address(last, offset))
        for origin in reversed(others):
            chosen = arith.CmpiOp(number[0], emitter.integer(self.numbers[origin], i64), "eq")
            here = emitter.emit(_address(origin, offset))
            pointer = emitter.emit(llvm.SelectOp(emitter.emit(chosen), here, pointer))
        pointer.name_hint = name
        self.places[pointer] = (number[0] if number else None, offset)
        return pointer

    def _parts(self, emitter: Emitter, pointer: SSAValue, origins: Origins) -> list[SSAValue]:
        number = [self._number(emitter, pointer)] if len(origins) > 1 else []
        return [*number, self._offset(emitter, pointer)]

    def _number(self, emitter: Emitter, pointer: SSAValue) -> SSAValue:
        known = self.places.get(pointer)
        if known is not None and known[0] is not None:
            return known[0]
        match pointer.owner:
            case llvm.GEPOp() as op if pointer not in self.numbers and _has_known_sizes(op):
                return self._number(emitter, op.ptr)
            case llvm.SelectOp() as op if pointer not in self.numbers:
                ways = [self._number(emitter, way) for way in (op.lhs, op.rhs)]
                return emitter.emit(arith.SelectOp(op.cond, *ways))
            case _:
                return emitter.integer(self.numbers.get(pointer, 0), i64)

    def _offset(self, emitter: Emitter, pointer: SSAValue) -> SSAValue:
        if (known := self.places.get(pointer)) is not None:
            return known[1]
        match pointer.owner:
            case llvm.GEPOp() as op if _has_known_sizes(op):
                offset = self._offset(emitter, op.ptr)
                for index, size in _steps(op):
                    offset = emitter.emit(arith.AddiOp(offset, _scaled(emitter, index, size)))
                return offset
            case llvm.SelectOp() as op:
                ways = [self._offset(emitter, way) for way in (op.lhs, op.rhs)]
                return emitter.emit(arith.SelectOp(op.cond, *ways))
            case _:
                return emitter.integer(0, i64)


def _types(origins: Origins) -> list[Attribute]:
    return [i64] * min(len(origins), 2)


def _is_there(origin: SSAValue, op: Operation) -> bool:
    """Whether `origin` is defined before `op`, in a block around it."""
    owner = origin.owner
    block = owner if isinstance(owner, Block) else owner.parent
    inner: Operation | None = op
    while inner is not None and inner.parent is not block:
        inner = inner.parent_op()
    return inner is not None and (isinstance(owner, Block) or owner.is_before_in_block(inner))


# Address arithmetic


def _steps(op: llvm.GEPOp) -> Iterator[tuple[SSAValue | int, int]]:
    """The indices of an address, each with the size in bytes of what it counts.

    Raises
    ------
    NotLinear
        If a size isn't known.
    """
    dynamic = iter(op.ssa_indices)
    element = op.elem_type
    for position, raw in enumerate(op.rawConstantIndices.get_values()):
        if position:
            if not isinstance(element, llvm.LLVMArrayType):
                raise NotLinear
            element = element.type
        yield (next(dynamic) if raw == llvm.GEP_USE_SSA_VAL else int(raw)), bytes_of(element)


def _has_known_sizes(op: llvm.GEPOp) -> bool:
    try:
        return bool(list(_steps(op)))
    except NotLinear:
        return False


def _scaled(emitter: Emitter, index: SSAValue | int, size: int) -> SSAValue:
    if isinstance(index, int):
        return emitter.integer(index * size, i64)
    if index.type != i64:
        index = emitter.emit(arith.ExtSIOp(index, i64))
    return index if size == 1 else emitter.emit(arith.MuliOp(index, emitter.integer(size, i64)))


def _address(start: SSAValue, offset: SSAValue) -> llvm.GEPOp:
    """The address `offset` bytes from `start`."""
    return llvm.GEPOp.create(
        operands=[start, offset],
        result_types=[_POINTER],
        properties={
            "rawConstantIndices": DenseArrayBase.from_list(i32, [llvm.GEP_USE_SSA_VAL]),
            "elem_type": i8,
            "noWrapFlags": IntegerAttr(0, i32),
        },
    )
