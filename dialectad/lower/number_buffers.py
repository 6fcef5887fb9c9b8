"""`number-buffers`: the buffers that a loop hands around become rows of one buffer.

    %r:2 = scf.for ... iter_args(%a = %x, %b = %y) -> (memref<4xf64>, memref<4xf64>) { ...; yield %b, %a }
    =>
    %rows = memref.alloc() : memref<128xi8>;  copy %x to row 0;  copy %y to row 1
    %n:2 = scf.for ... iter_args(%i = %c0, %j = %c1) -> (index, index) {
        %a = memref.view %rows[64 * %i];  %b = memref.view %rows[64 * %j];  ...;  yield %j, %i
    }
    // and %r#0 is row %n#0

What isn't known of a buffer's shape before the program runs goes along with its number. The rows are
allocated before all loops where it is known what fits in, otherwise before this one. In functions that are
differentiated on memory, which has to know what a memref is a part of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from xdsl.context import Context
from xdsl.dialects import arith, func, memref, scf
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    FixedBitwidthType,
    IndexType,
    IntegerAttr,
    MemRefType,
    ModuleOp,
    i8,
    i64,
)
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from dialectad import locations
from dialectad.dialects.ad import REQUESTS
from dialectad.dialects.extents import extent_of
from dialectad.errors import CompileError
from dialectad.rewrite import call_graph
from dialectad.walk import walk

_INDEX = IndexType()
_ALIGNMENT = 64
"""Of a row, in bytes."""


@dataclass(frozen=True)
class NumberBuffersPass(ModulePass):
    """Let loops hand numbers of buffers around, not buffers, in what requests differentiate.

    That is what they name, and what is called there.
    """

    name = "number-buffers"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        functions = {f.sym_name.data: f for f in op.ops if isinstance(f, func.FuncOp)}
        names = [o.callee.root_reference.data for o in walk(op) if isinstance(o, REQUESTS)]
        differentiated = call_graph.reached(names, functions)
        for function in [function for name, function in functions.items() if name in differentiated]:
            for loop in [o for o in walk(function) if isinstance(o, scf.ForOp | scf.WhileOp)]:
                if any(_is_memory(result) for result in loop.results):
                    _number(function.body.block, loop)


def _is_memory(value: SSAValue) -> bool:
    return isinstance(value.type, MemRefType)


def _number(top: Block, op: scf.ForOp | scf.WhileOp) -> None:
    inits = list(op.iter_args if isinstance(op, scf.ForOp) else op.arguments)
    emitter = _Builder(op)
    groups: dict[Attribute, list[SSAValue]] = {}
    for init in inits:
        if _is_memory(init):
            groups.setdefault(init.type, []).append(init)
    rows = {type_: _Rows(top, emitter, group) for type_, group in groups.items()}
    given = [rows[init.type].add(init) if _is_memory(init) else [init] for init in inits]
    numbers: dict[SSAValue, list[SSAValue]] = {}
    for region in op.regions:
        block = region.block
        for arg in list(block.args):
            if arg.type in rows:
                parts = numbers[arg] = [
                    block.insert_arg(_INDEX, position)
                    for position, _ in enumerate(rows[arg.type].parts, arg.index + 1)
                ]
                row = rows[arg.type].row(_Builder(op, InsertPoint.at_start(block)), parts)
                # What the terminator hands on is looked up under the old name.
                arg.replace_uses_with_if(row, lambda use: use.operation.next_op is not None)
    for region in op.regions:
        last = region.block.last_op
        assert last is not None
        last.operands = [
            part for v in last.operands for part in (_numbers_of(v, numbers, op) if v.type in rows else [v])
        ]
    for region in op.regions:
        for arg in list(region.block.args):
            if arg in numbers:
                region.block.erase_arg(arg)
    types = [rows[r.type].parts if r.type in rows else [r.type] for r in op.results]
    start = len(op.operands) - len(inits)
    new = type(op).create(
        operands=[*op.operands[:start], *(part for parts in given for part in parts)],
        result_types=[t for group in types for t in group],
        regions=[op.detach_region(region) for region in list(op.regions)],
        attributes=op.attributes,
        properties=op.properties,
    )
    emitter.insert(new)
    results = iter(new.results)
    for old, group in zip(op.results, types, strict=True):
        parts = [next(results) for _ in group]
        old.replace_all_uses_with(rows[old.type].row(emitter, parts) if old.type in rows else parts[0])
    op.detach()
    op.erase()


def _numbers_of(value: SSAValue, numbers: dict[SSAValue, list[SSAValue]], op: Operation) -> list[SSAValue]:
    if (parts := numbers.get(value)) is None:
        raise CompileError(
            "a loop that goes on with memory of another place than those it began with",
            locations.of(op),
            hint="differentiate it at level linalg",
            pass_name="number-buffers",
        )
    return parts


class _Rows:
    """One allocation that holds all the buffers of one type that a loop hands around."""

    def __init__(self, top: Block, emitter: _Builder, inits: Sequence[SSAValue]):
        type_ = inits[0].type
        assert isinstance(type_, MemRefType)
        self.emitter, self.type = emitter, type_
        self.dynamic = [axis for axis, extent in enumerate(type_.get_shape()) if extent == DYNAMIC_INDEX]
        self.taken = 0
        room = [self._room(init) for init in inits]
        known = [size for size in room if size is not None]
        if len(known) == len(inits):
            self._allocate_before_all(top, len(inits), max(known))
        else:
            self._allocate_here(inits)

    @property
    def parts(self) -> list[Attribute]:
        """The types of what stands for a buffer: its number, and its extents as far as they aren't known."""
        return [_INDEX] * (1 + len(self.dynamic))

    def _room(self, init: SSAValue) -> int | None:
        """So many bytes are enough for a buffer, if that is known: those that it is a view of."""
        if not self.dynamic:
            return self._bytes()
        if isinstance(owner := init.owner, memref.ViewOp) and isinstance(owner.source.type, MemRefType):
            (extent,) = owner.source.type.get_shape()
            return None if extent == DYNAMIC_INDEX else extent
        return None

    def _allocate_before_all(self, top: Block, count: int, size: int) -> None:
        stride = -(-size // _ALIGNMENT) * _ALIGNMENT
        alloc = memref.AllocOp([], [], MemRefType(i8, [count * stride]), IntegerAttr(_ALIGNMENT, i64))
        alloc.location = self.emitter.location
        first = top.first_op
        assert first is not None
        top.insert_op_before(alloc, first)
        self.memory = alloc.memref
        self.stride: int | SSAValue = stride

    def _allocate_here(self, inits: Sequence[SSAValue]) -> None:
        """Rows that the largest buffer fits in; the memory is given back at the end of the block."""
        emitter = self.emitter
        stride: SSAValue | None = None
        for init in inits:
            size = emitter.integer(self._bytes())
            for extent in self._extents(init):
                size = emitter.emit(arith.MuliOp(size, extent))
            stride = size if stride is None else emitter.emit(arith.MaxSIOp(stride, size))
        assert stride is not None
        blocks = emitter.emit(arith.CeilDivSIOp(stride, emitter.integer(_ALIGNMENT)))
        self.stride = stride = emitter.emit(arith.MuliOp(blocks, emitter.integer(_ALIGNMENT)))
        total = emitter.emit(arith.MuliOp(stride, emitter.integer(len(inits))))
        type_ = MemRefType(i8, [DYNAMIC_INDEX])
        self.memory = emitter.emit(memref.AllocOp([total], [], type_, IntegerAttr(_ALIGNMENT, i64)))
        emitter.at_the_end(memref.DeallocOp.get(self.memory))

    def _bytes(self) -> int:
        """The size of a buffer, for one step along each axis whose extent isn't known."""
        element = self.type.element_type
        width = element.bitwidth if isinstance(element, FixedBitwidthType) else 64
        return prod(n for n in self.type.get_shape() if n != DYNAMIC_INDEX) * max(1, width // 8)

    def _extents(self, buffer: SSAValue) -> list[SSAValue]:
        return [self._extent(buffer, axis) for axis in self.dynamic]

    def _extent(self, buffer: SSAValue, axis: int) -> SSAValue:
        found = extent_of(buffer, axis)
        return found or self.emitter.emit(memref.DimOp(buffer, self.emitter.integer(axis)))

    def add(self, init: SSAValue) -> list[SSAValue]:
        """Copy `init` into the next row, and give what stands for that."""
        parts = [self.emitter.integer(self.taken), *self._extents(init)]
        self.taken += 1
        self.emitter.insert(memref.CopyOp(init, self.row(self.emitter, parts)))
        return parts

    def row(self, emitter: _Builder, parts: Sequence[SSAValue]) -> SSAValue:
        number, *extents = parts
        stride = emitter.integer(self.stride) if isinstance(self.stride, int) else self.stride
        offset = emitter.emit(arith.MuliOp(number, stride))
        return emitter.emit(
            memref.ViewOp.create(operands=[self.memory, offset, *extents], result_types=[self.type])
        )


class _Builder:
    """Builds ops before `op`, or at a point of their own, with its location."""

    def __init__(self, op: Operation, point: InsertPoint | None = None):
        self.op = op
        self.location = op.location
        self.point = InsertPoint.before(op) if point is None else point

    def insert(self, op: Operation) -> None:
        op.location = self.location
        Rewriter.insert_op(op, self.point)

    def at_the_end(self, op: Operation) -> None:
        """Insert at the end of the block of `op`."""
        op.location = self.location
        block = self.op.parent
        assert block is not None
        assert block.last_op is not None
        block.insert_op_before(op, block.last_op)

    def emit(self, op: Operation) -> SSAValue:
        self.insert(op)
        return op.results[0]

    def integer(self, value: int) -> SSAValue:
        constant = IntegerAttr(value, _INDEX)
        return self.emit(arith.ConstantOp.create(result_types=[_INDEX], properties={"value": constant}))
