"""`cut-functions`: parts of a long function become functions of their own.

    llvm.func @f(%x: !llvm.ptr) -> i64 {        llvm.func @f(%x: !llvm.ptr) -> i64 {
      ... thousands of blocks                     %s = llvm.call @f.part0(%x, ...)
    }                                      ~>     ...
                                                }
                                                llvm.func internal @f.part0(%x: !llvm.ptr, ...) -> i64 {...}

LLVM updates what it knows about dominance at every change of the control flow, at a cost that grows with the
length of the function: a thousand loops in a row take it 19 s in one function, and 4 s in parts.

Note [Parts]
------------
A part is a run of blocks that is entered at its first only, and left for one block only, the one that follows
the run, or for the exit, which takes a status. Between two places in the order of blocks lies such a run when
the same edges lead past both of them; so parts of the body of a loop are found, too. A part takes what it
uses, makes constants and addresses of elements for itself, and writes what others use of it to slots in the
frame of the function. Its parameters say about memory what the function knew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

from xdsl.context import Context
from xdsl.dialects import llvm
from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, IntegerAttr, ModuleOp, UnitAttr, i64
from xdsl.ir import Attribute, Block, BlockArgument, Operation, Region, SSAValue
from xdsl.passes import ModulePass

from dialectad.dialects import llvm as more_llvm
from dialectad.lower.llvm.function import (
    DIFFERENT,
    SCALARS,
    UNLIKELY,
    FunctionLowering,
    ModuleLowering,
    byte_size,
    storage_type,
)
from dialectad.lower.llvm_text import function_attributes

_COPIED = (llvm.AddressOfOp, llvm.ConstantOp, llvm.GEPOp, llvm.UndefOp, llvm.ZeroOp, more_llvm.PoisonOp)
"""What a part makes for itself."""
_OF_THE_FRAME = (llvm.AllocaOp, llvm.ReturnOp)
_ON_MEMORY = (
    llvm.CallIntrinsicOp,
    llvm.ICmpOp,
    llvm.LoadOp,
    more_llvm.MemcpyOp,
    more_llvm.MemmoveOp,
    more_llvm.MemsetOp,
)
"""Ops that don't keep the addresses that they take."""
_ALLOCATORS = ("malloc", "aligned_alloc")


class _Function:
    """One function, its blocks in order, and the parts that are cut from it."""

    def __init__(self, op: llvm.FuncOp, defined: frozenset[str], part: int):
        self.op = op
        self.least = part
        """Blocks that a part has at least."""
        self.defined = defined
        self.blocks: list[Block] = list(op.body.blocks)
        self.place = {block: i for i, block in enumerate(self.blocks)}
        self.exit = self._find_exit()
        self.next = list(range(1, len(self.blocks) + 1))
        """Place of a block -> that of the next that is still there."""
        self.parts: list[llvm.FuncOp] = []
        self.apart = self._find_apart()
        """Pointers by way of which alone what they point to is reached."""
        self.frame = FunctionLowering(ModuleLowering(), op.sym_name.data, op.body)
        """Makes the slots."""

    def _find_exit(self) -> Block | None:
        """The block that gives the status that it takes, whoever comes there."""
        last = self.blocks[-1]
        takes_status = [a.type for a in last.args] == [i64]
        return last if takes_status and isinstance(last.last_op, llvm.ReturnOp) else None

    def cut(self) -> list[llvm.FuncOp]:
        """Cut parts off until none is left; gives them."""
        passing = self._edges_past()
        opened: dict[int, int] = {}
        before = [0] * len(self.blocks)
        """How many blocks there are before a place; those that were cut off count as one."""
        count = 1
        for place in range(1, len(self.blocks)):
            before[place] = count
            start = opened.setdefault(passing[place], place)
            if count - before[start] >= self.least:
                opened[passing[place]] = place
                if self._outline(start, place):
                    before[place] = count = before[start] + 1
            count += 1
        self.frame.finish()
        return self.parts

    # Where to cut

    def _edges_past(self) -> list[int]:
        """A number for each place, the same where the same edges lead past it, without those to the exit."""
        bits = Random(0).getrandbits
        change = [0] * (len(self.blocks) + 2)
        for source, block in enumerate(self.blocks):
            assert block.last_op is not None
            for successor in block.last_op.successors:
                if successor is not self.exit:
                    target, edge = self.place[successor], bits(64)
                    low, high = (source + 1, target) if target > source else (target + 1, source + 1)
                    change[low] ^= edge
                    change[high] ^= edge
        passing, edges = [], 0
        for edge in change:
            edges ^= edge
            passing.append(edges)
        return passing

    def _outline(self, start: int, end: int) -> bool:
        """Make a run of blocks a part, unless something in it is tied to the function's frame or its exit."""
        blocks, place = [], start
        while place < end:
            blocks.append(self.blocks[place])
            place = self.next[place]
        if any(isinstance(op, _OF_THE_FRAME) for block in blocks for op in block.ops):
            return False
        inside = frozenset(blocks)
        given = [value for block in blocks for value in _defined(block) if _is_used_outside(value, inside)]
        if not all(type(v.type) in SCALARS and self.exit not in _users(v) for v in given):
            return False
        part = _Part(self, blocks, inside, self.blocks[end], given)
        bases = {_base(value) for value in given}
        self.blocks[start] = part.make(f"{self.op.sym_name.data}.part{len(self.parts)}")
        # An address that the part gives is another way to what it points into, for all that are cut later.
        self.apart -= bases
        self.next[start] = end
        self.parts.append(part.op)
        return True

    def slot(self, t: Attribute) -> SSAValue:
        """Room for one value in the function's frame."""
        slot = self.frame.stack(storage_type(t), 1, 8)
        self.apart.add(slot)
        return slot

    # What is known of memory

    def _find_apart(self) -> set[SSAValue]:
        pointers = [a for a in self.blocks[0].args if "llvm.noalias" in self.attributes_of(a)]
        for block in self.blocks:
            pointers += [op.results[0] for op in block.ops if _allocates(op)]
        return {pointer for pointer in pointers if self._is_kept_by_nobody(pointer)}

    def _is_kept_by_nobody(self, pointer: SSAValue) -> bool:
        for use in pointer.uses:
            match use.operation:
                case llvm.GEPOp() as address:
                    if not self._is_kept_by_nobody(address.result):
                        return False
                case llvm.StoreOp():
                    if use.index == 0:
                        return False
                case llvm.CallOp() as call:
                    if call.callee is None or call.callee.string_value() in self.defined:
                        return False
                case op if not isinstance(op, _ON_MEMORY):
                    return False
        return True

    def attributes_of(self, value: SSAValue) -> dict[str, Attribute]:
        """What the function's parameter says."""
        if not isinstance(value, BlockArgument) or value.block is not self.blocks[0]:
            return {}
        if self.op.arg_attrs is None:
            return {}
        return dict(self.op.arg_attrs.data[value.index].data)


@dataclass
class _Part:
    """A part while it is made, and its call."""

    function: _Function
    blocks: Sequence[Block]
    inside: frozenset[Block]
    following: Block
    given: Sequence[SSAValue]
    """What others use of it."""
    op: llvm.FuncOp = field(init=False)
    entry: Block = field(default_factory=Block)
    parameters: dict[SSAValue, SSAValue] = field(default_factory=dict)
    """What is passed -> the parameter."""
    copies: dict[SSAValue, SSAValue] = field(default_factory=dict)
    """Constant or address outside -> the one in the part."""

    def make(self, name: str) -> Block:
        """Make the function; gives the block that calls it, which has taken the place of the blocks."""
        head = self.blocks[0]
        call = Block(arg_types=[a.type for a in head.args])
        self._replace_blocks(head, call)
        for block in self.blocks:
            for op in block.ops:
                for index, operand in enumerate(op.operands):
                    if _block_of(operand) not in self.inside:
                        op.operands[index] = self._here(operand)
        start = [self._parameter(arg) for arg in call.args]
        self.entry.add_op(llvm.BrOp.create(operands=start, successors=[head]))
        slots = [self.function.slot(v.type) for v in (*self.given, *self.following.args)]
        others, leaves = self._end([self._parameter(slot) for slot in slots])
        passed = list(self.parameters)
        self.op = llvm.FuncOp(
            name,
            llvm.LLVMFunctionType([v.type for v in passed], i64),
            body=Region([self.entry, *self.blocks, *others]),
            other_props={
                "arg_attrs": ArrayAttr([self._attributes(value) for value in passed]),
                "no_inline": UnitAttr(),
            },
        )
        self.op.location = self.function.op.location
        self._call(call, passed, slots, leaves)
        return call

    def _parameter(self, value: SSAValue) -> SSAValue:
        if (known := self.parameters.get(value)) is None:
            known = self.entry.insert_arg(value.type, len(self.entry.args))
            known.name_hint = value.name_hint
            self.parameters[value] = known
        return known

    def _replace_blocks(self, head: Block, call: Block) -> None:
        """Put the calling block where the others were."""
        region = self.function.op.body
        region.insert_block_before(call, head)
        for use in list(head.uses):
            if use.operation.parent not in self.inside:
                use.operation.successors[use.index] = call
        for block in self.blocks:
            region.detach_block(block)

    def _here(self, value: SSAValue) -> SSAValue:
        """What stands for a value of outside: a copy of a constant or an address, or else a parameter."""
        owner = value.owner
        if not isinstance(owner, _COPIED):
            return self._parameter(value)
        if (known := self.copies.get(value)) is None:
            copy = owner.clone({operand: self._here(operand) for operand in owner.operands})
            self.entry.add_op(copy)
            known = self.copies[value] = copy.results[0]
        return known

    def _end(self, places: Sequence[SSAValue]) -> tuple[list[Block], bool]:
        """Write what is given, and what the next block takes, to its places, and return.

        Gives the blocks for that, and whether one is for leaving the function with a status.
        """
        done = Block(arg_types=[a.type for a in self.following.args])
        frame = self.function.frame
        frame.block = done
        for value, place in zip((*self.given, *done.args), places, strict=True):
            frame.store(value, place)
        zero = llvm.ConstantOp(IntegerAttr(0, i64), i64)
        done.add_ops([zero, llvm.ReturnOp(zero.result)])
        left = Block(arg_types=[i64])
        left.add_op(llvm.ReturnOp(left.args[0]))
        leaves = False
        for block in self.blocks:
            terminator = block.last_op
            assert terminator is not None
            for index, successor in enumerate(terminator.successors):
                if successor is self.following:
                    terminator.successors[index] = done
                elif successor is self.function.exit:
                    terminator.successors[index] = left
                    leaves = True
        return ([done, left] if leaves else [done]), leaves

    def _call(
        self, block: Block, passed: Sequence[SSAValue], slots: Sequence[SSAValue], leaves: bool
    ) -> None:
        """Call the function, read what it gives, and go on."""
        frame = self.function.frame
        frame.block = block
        status = frame.raw_call(self.op.sym_name.data, passed, i64)
        assert status is not None
        values = (*self.given, *self.following.args)
        read = [frame.load(slot, v.type) for slot, v in zip(slots, values, strict=True)]
        own = {*self.inside, *self.op.body.blocks}
        for old, new in zip(self.given, read, strict=False):
            old.replace_uses_with_if(new, lambda use: use.operation.parent not in own)
        onward = read[len(self.given) :]
        if leaves:
            assert self.function.exit is not None
            failed = frame.compare(DIFFERENT, status, frame.int_constant(0))
            frame.conditional(failed, self.function.exit, [status], self.following, onward, UNLIKELY)
        else:
            frame.branch(self.following, onward)

    def _attributes(self, value: SSAValue) -> DictionaryAttr:
        """What a parameter says of memory: what the function's own parameter says, or what is known of it."""
        attributes = self.function.attributes_of(value)
        attributes.pop("llvm.noalias", None)
        if value in self.function.apart:
            attributes["llvm.noalias"] = UnitAttr()
        if isinstance(value.owner, llvm.AllocaOp):
            attributes |= _known_of_frame(value.owner)
        return DictionaryAttr(attributes)


def _known_of_frame(op: llvm.AllocaOp) -> dict[str, Attribute]:
    count, element = 1, op.elem_type
    if isinstance(element, llvm.LLVMArrayType):
        count, element = element.size.data, element.type
    known: dict[str, Attribute] = {"llvm.dereferenceable": IntegerAttr(count * byte_size(element), i64)}
    if op.alignment is not None:
        known["llvm.align"] = op.alignment
    return known


def _allocates(op: Operation) -> bool:
    if isinstance(op, llvm.CallOp):
        return op.callee is not None and op.callee.string_value() in _ALLOCATORS
    return isinstance(op, llvm.AllocaOp)


def _defined(block: Block) -> Iterator[SSAValue]:
    yield from block.args
    for op in block.ops:
        yield from op.results


def _base(value: SSAValue) -> SSAValue:
    """What an address is the address of an element of."""
    while isinstance(owner := value.owner, llvm.GEPOp):
        value = owner.ptr
    return value


def _users(value: SSAValue) -> Iterator[Block | None]:
    return (use.operation.parent for use in value.uses)


def _is_used_outside(value: SSAValue, inside: frozenset[Block]) -> bool:
    return any(user not in inside for user in _users(value))


def _block_of(value: SSAValue) -> Block | None:
    owner = value.owner
    return owner if isinstance(owner, Block) else owner.parent


@dataclass(frozen=True)
class CutFunctionsPass(ModulePass):
    """Make parts of long functions of the `llvm` dialect functions of their own."""

    name = "cut-functions"
    largest: int = 300
    """Blocks up to which a function stays as it is."""
    part: int = 100
    """Blocks that a part has at least."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        functions = [f for f in op.ops if isinstance(f, llvm.FuncOp)]
        defined = frozenset(f.sym_name.data for f in functions if f.body.blocks)
        for function in functions:
            if len(function.body.blocks) > self.largest and not any(function_attributes(function)):
                op.body.block.add_ops(_Function(function, defined, self.part).cut())
