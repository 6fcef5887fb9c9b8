"""Give every allocation of static size its memory in advance: on the stack, or in one arena.

    %a = memref.alloc() : memref<64x64xf64>      %arena = memref.alloc() {dialectad.arena} : memref<65536xi8>
    ... uses of %a                          ~>   %a = memref.view %arena[%c0][] : ... to memref<64x64xf64>
    %b = memref.alloc() : memref<128x64xf64>     %b = memref.view %arena[%c0][] : ... to memref<128x64xf64>
    ... uses of %b                               // the same bytes: %a and %b are never needed together
    %c = memref.alloc() : memref<8xf64>          %c = memref.alloca() : memref<8xf64>

Note [Lifetimes]
----------------
The lifetime of a buffer is an interval of program positions, from the first op that touches it to the last,
among the ops of the innermost block that holds all that touch it. If that block is in a loop, the content
may still be wanted by the next iteration, and the lifetime is that of the whole loop; unless the first of
these ops writes all of the buffer without reading it, for then every iteration begins anew.
Buffers that a loop hands around (`a, b = b, a`) are touched by whatever touches any of them.

Buffers whose lifetimes overlap get disjoint memory. Packing is greedy: the largest first, each at the lowest
offset that is free.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, cast

from xdsl.context import Context
from xdsl.dialects import arith, func, memref, scf
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    FixedBitwidthType,
    IndexType,
    IntegerAttr,
    MemRefType,
    ModuleOp,
    UnitAttr,
    i8,
    i64,
)
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.passes import ModulePass

from dialectad.dialects import ad, blas
from dialectad.lower.bufferization.sinks import reads_out
from dialectad.lower.llvm.function import apart
from dialectad.lower.loops.filled import ancestor_in, fills
from dialectad.rewrite import call_graph
from dialectad.walk import walk

ARENA = "dialectad.arena"
ALIGNMENT = 64
_ON_STACK_EACH = 16 * 1024
_ON_STACK_IN_ALL = 128 * 1024
_ON_STACK_OF_RECURSION = 1024
"""In all, of a function that calls itself: its frames may be thousands."""

_VIEWS = (
    memref.SubviewOp,
    memref.CastOp,
    memref.CollapseShapeOp,
    memref.ExpandShapeOp,
    memref.ReinterpretCastOp,
    memref.ViewOp,
)
_WHOLE_VIEWS = (memref.CastOp, memref.CollapseShapeOp, memref.ExpandShapeOp)


@dataclass(frozen=True)
class PlanMemoryPass(ModulePass):
    """Put allocations of static size on the stack or into one arena per function."""

    name = "plan-memory"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        differentiated = {
            request.callee.root_reference.data for request in walk(op) if isinstance(request, ad.REQUESTS)
        }
        functions = {f.sym_name.data: f for f in op.ops if isinstance(f, func.FuncOp)}
        recursive = call_graph.recursive(functions)
        for name, function in functions.items():
            if not function.is_declaration:
                on_stack = _ON_STACK_OF_RECURSION if name in recursive else _ON_STACK_IN_ALL
                plan(function, in_arena=name not in differentiated, on_stack=on_stack)


@dataclass(eq=False)
class Allocation:
    """A buffer of static size."""

    op: memref.AllocOp
    size: int
    """In bytes, a multiple of the alignment."""
    users: list[Operation] = field(default_factory=list)
    """The ops that touch it, under any name."""
    own_users: list[Operation] = field(default_factory=list)
    """Those of them that touch it under a name that can mean no other buffer."""
    start: int = 0
    end: int = 0
    """First and last position of its lifetime."""
    offset: int = 0


def plan(function: func.FuncOp, *, in_arena: bool = True, on_stack: int = _ON_STACK_IN_ALL) -> None:
    """Plan the memory of one function, of which so many bytes may be on the stack.

    What is still to be differentiated has no arena (`in_arena`): what lies in memory of its own needn't be
    kept for the reverse sweep because something else comes to lie there.
    """
    allocations = [
        Allocation(op, _size(op.memref.type))
        for op in walk(function)
        if isinstance(op, memref.AllocOp) and _is_static(op.memref.type) and ARENA not in op.attributes
    ]
    if not allocations:
        return
    positions = _positions(function)
    for group in _groups(allocations):
        _find_lifetime(group, positions)
    large: list[Allocation] = []
    for allocation in sorted(allocations, key=lambda a: a.size):
        if not allocation.users:
            _replace(function, allocation.op, [])
        elif allocation.size <= min(_ON_STACK_EACH, on_stack):
            on_stack -= allocation.size
            _put_on_stack(function, allocation)
        else:
            large.append(allocation)
    if large and in_arena:
        _put_in_arena(function, large, pack(large))


def _is_static(type_: Attribute) -> bool:
    return isinstance(type_, MemRefType) and DYNAMIC_INDEX not in type_.get_shape()


def _size(type_: Attribute) -> int:
    assert isinstance(type_, MemRefType)
    element = type_.element_type
    width = 8 if isinstance(element, IndexType) else 0
    if isinstance(element, FixedBitwidthType):
        width = max(1, element.bitwidth // 8)
    assert width, f"a memref of {element}"
    return apart(-(-prod(type_.get_shape()) * width // ALIGNMENT) * ALIGNMENT)


# --- lifetimes ---------------------------------------------------------------------------------


def _positions(function: func.FuncOp) -> dict[Operation, tuple[int, int]]:
    """Where each op begins and where, with its regions, it ends."""
    begins: dict[Operation, int] = {}
    ends: dict[Operation, tuple[int, int]] = {}
    stack: list[tuple[Operation, bool]] = [(function, False)]
    count = 0
    while stack:
        op, leaving = stack.pop()
        if leaving:
            ends[op] = begins[op], count
            continue
        begins[op] = count = count + 1
        if not op.regions:
            ends[op] = count, count
            continue
        stack.append((op, True))
        inner = [o for region in op.regions for block in region.blocks for o in block.ops]
        stack += [(o, False) for o in reversed(inner)]
    return ends


def _groups(allocations: Sequence[Allocation]) -> list[list[Allocation]]:
    """The allocations with their users; those that a loop hands around among each other together."""
    leader: dict[SSAValue, SSAValue] = {}

    def find(value: SSAValue) -> SSAValue:
        while (above := leader.setdefault(value, value)) is not value:
            leader[value] = above = leader[above]
            value = above
        return value

    for allocation in allocations:
        names: list[SSAValue] = [allocation.op.memref]
        seen = set(names)
        while names:
            name = names.pop()
            own = not _is_shared(name)
            for use in name.uses:
                op = use.operation
                if isinstance(op, memref.DeallocOp):
                    continue
                allocation.users.append(op)
                if own:
                    allocation.own_users.append(op)
                for other in _other_names(op, use.index):
                    leader[find(other)] = find(allocation.op.memref)
                    if other not in seen:
                        seen.add(other)
                        names.append(other)
    groups: dict[SSAValue, list[Allocation]] = {}
    for allocation in allocations:
        groups.setdefault(find(allocation.op.memref), []).append(allocation)
    return list(groups.values())


def _is_shared(name: SSAValue) -> bool:
    """Whether this is the name of what a loop or a branch hands on, so that it can mean several buffers."""
    return isinstance(name.owner, Block | scf.ForOp | scf.WhileOp | scf.IfOp)


def _other_names(op: Operation, index: int) -> Iterable[SSAValue]:
    """The values that may mean the same memory as operand `index` of `op`."""
    match op:
        case scf.ForOp():
            return (op.body.block.args[index - 2], op.res[index - 3])
        case scf.WhileOp():
            return (op.before_region.block.args[index],)
        case scf.ConditionOp():
            loop = cast(scf.WhileOp, op.parent_op())
            return (loop.after_region.block.args[index - 1], loop.res[index - 1])
        case scf.YieldOp():
            match op.parent_op():
                case scf.ForOp() as loop:
                    return (loop.body.block.args[index + 1], loop.res[index])
                case scf.WhileOp() as loop:
                    return (loop.before_region.block.args[index],)
                case scf.IfOp() as branch:
                    return (branch.output[index],)
        case _ if isinstance(op, _VIEWS):
            return op.results
    return ()


def _find_lifetime(group: Sequence[Allocation], positions: dict[Operation, tuple[int, int]]) -> None:
    touching = list(dict.fromkeys(op for allocation in group for op in allocation.users))
    if not touching:
        return
    touching.sort(key=lambda op: positions[op][0])
    block = _innermost_block(touching)
    here = sorted({ancestor_in(op, block) for op in touching}, key=lambda op: positions[op][0])
    begin, end = positions[here[0]][0], positions[here[-1]][1]
    while (loop := _loop_around(block)) is not None:
        if all(_begins_anew(allocation, block, positions) for allocation in group):
            break
        begin, end = positions[loop]
        block = cast(Block, loop.parent)
    for allocation in group:
        allocation.start, allocation.end = begin, end


def _innermost_block(ops: Sequence[Operation]) -> Block:
    """The innermost block that holds all of these ops."""
    common = _blocks_around(ops[0])
    for op in ops[1:]:
        around = set(_blocks_around(op))
        common = [block for block in common if block in around]
    return common[0]


def _blocks_around(op: Operation) -> list[Block]:
    blocks: list[Block] = []
    block = op.parent
    while block is not None:
        blocks.append(block)
        above = block.parent_op()
        block = None if above is None or isinstance(above, func.FuncOp) else above.parent
    return blocks


def _loop_around(block: Block) -> Operation | None:
    above = block.parent_op()
    while above is not None and not isinstance(above, scf.ForOp | scf.WhileOp):
        above = above.parent_op()
    return above


def _begins_anew(allocation: Allocation, block: Block, positions: dict[Operation, tuple[int, int]]) -> bool:
    """Whether the first op of the block that touches the buffer writes all of it, and reads none of it."""
    users = [op for op in allocation.own_users if not isinstance(op, _VIEWS)]
    if not users:
        return not allocation.users
    first = min(users, key=lambda op: positions[op][0])
    if first.parent is block:
        return _overwrites(first, allocation.op.memref)
    inside = [op for op in allocation.users if ancestor_in(first, block).is_ancestor(op)]
    return isinstance(first, memref.StoreOp) and _is_whole(first.memref) and fills(first, inside, block)


def _overwrites(op: Operation, buffer: SSAValue) -> bool:
    touched = [value for value in op.operands if _base(value) is buffer]
    if len(touched) != 1 or not _is_whole(touched[0]):
        return False
    target = touched[0]
    match op:
        case memref.CopyOp():
            return op.destination is target
        case linalg.FillOp():
            return op.outputs[0] is target
        case memref.StoreOp():
            return op.memref is target and not op.indices
        case linalg.GenericOp():
            if list(op.outputs) != [target] or reads_out(op, 0) or _captures(op, buffer):
                return False
            out = op.indexing_maps.data[-1].data
            return out.is_projected_permutation()
        case blas.GemmOp() | blas.GemvOp() | blas.GerOp():
            return op.dest is target and op.beta.value.data == 0
        case _:
            return False


def _captures(op: linalg.GenericOp, buffer: SSAValue) -> bool:
    return any(_base(value) is buffer for inner in walk(op.body) for value in inner.operands)


def _base(value: SSAValue) -> SSAValue:
    while isinstance(value.owner, _VIEWS):
        value = value.owner.operands[0]
    return value


def _is_whole(value: SSAValue) -> bool:
    while isinstance(value.owner, _WHOLE_VIEWS) or _is_only_view(value):
        value = cast(Operation, value.owner).operands[0]
    return not isinstance(value.owner, _VIEWS)


def _is_only_view(value: SSAValue) -> bool:
    """Whether nothing of a buffer is ever seen but through this `memref.view`."""
    if not isinstance(value.owner, memref.ViewOp):
        return False
    users = (use.operation for use in value.owner.source.uses)
    return all(user is value.owner or isinstance(user, memref.DeallocOp) for user in users)


# --- packing -----------------------------------------------------------------------------------


def pack(allocations: Sequence[Allocation]) -> int:
    """Give every allocation an offset; those whose lifetimes overlap don't overlap. The size of it all."""
    placed: list[tuple[int, int, int, int]] = []
    """Offset, the end of the bytes, and lifetime, of those that have their place; by offset."""
    total = 0
    for allocation in sorted(allocations, key=lambda a: (-a.size, a.start)):
        offset, size, start, end = 0, allocation.size, allocation.start, allocation.end
        for first, last, begins, ends in placed:
            if begins <= end and start <= ends:
                if first >= offset + size:
                    break
                offset = max(offset, last)
        allocation.offset = offset
        total = max(total, offset + size)
        insort(placed, (offset, offset + size, start, end))
    return total


def _put_on_stack(function: func.FuncOp, allocation: Allocation) -> None:
    old = allocation.op
    new = memref.AllocaOp.build(
        operands=[[], []], result_types=[old.memref.type], properties={"alignment": old.alignment}
    )
    _replace(function, old, [new])


def _put_in_arena(function: func.FuncOp, allocations: Sequence[Allocation], size: int) -> None:
    arena = memref.AllocOp((), (), MemRefType(i8, [size]), IntegerAttr(ALIGNMENT, i64))
    arena.attributes[ARENA] = UnitAttr()
    arena.location = function.location
    offsets: dict[int, SSAValue] = {}
    index = IndexType()
    for allocation in reversed(allocations):
        if (offset := offsets.get(allocation.offset)) is None:
            constant = arith.ConstantOp(IntegerAttr(allocation.offset, index))
            constant.location = function.location
            offset = offsets[allocation.offset] = constant.result
        view = memref.ViewOp(arena, offset, (), cast(MemRefType[Any], allocation.op.memref.type))
        _replace(function, allocation.op, [view])
    entry = function.body.block
    entry.insert_ops_before(
        [arena, *(cast(Operation, o.owner) for o in offsets.values())], cast(Operation, entry.first_op)
    )


def _replace(function: func.FuncOp, old: memref.AllocOp, new: Sequence[Operation]) -> None:
    """Put the new ops at the beginning of the function, and let the last, if any, be what was allocated."""
    entry = function.body.block
    for op in new:
        op.location = old.location
    entry.insert_ops_before(list(new), cast(Operation, entry.first_op))
    for use in list(old.memref.uses):
        if isinstance(use.operation, memref.DeallocOp):
            cast(Block, use.operation.parent).erase_op(use.operation)
    if new:
        old.memref.replace_all_uses_with(new[-1].results[0])
    cast(Block, old.parent).erase_op(old)
