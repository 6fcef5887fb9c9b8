"""`number-buffers`: the buffers that a loop hands around become rows of one buffer.

    %r:2 = scf.for ... iter_args(%a = %x, %b = %y) -> (memref<4xf64>, memref<4xf64>) { ...; yield %b, %a }
    =>
    %rows = memref.alloc() : memref<128xi8>;  copy %x to row 0;  copy %y to row 1
    %n:2 = scf.for ... iter_args(%i = %c0, %j = %c1) -> (index, index) {
        %a = memref.view %rows[64 * %i];  %b = memref.view %rows[64 * %j];  ...;  yield %j, %i
    }
    // and %r#0 is row %n#0

In functions that are differentiated on memory, which has to know what a memref is a part of.
"""

from __future__ import annotations

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
from dialectad.errors import CompileError

_INDEX = IndexType()
_ALIGNMENT = 64
"""Of a row, in bytes."""


@dataclass(frozen=True)
class NumberBuffersPass(ModulePass):
    """Let loops hand numbers of buffers around, not buffers, in what requests differentiate."""

    name = "number-buffers"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        functions = {f.sym_name.data: f for f in op.ops if isinstance(f, func.FuncOp)}
        names = [o.callee.root_reference.data for o in op.walk() if isinstance(o, REQUESTS)]
        for name in dict.fromkeys(names):
            if (function := functions.get(name)) is not None:
                for loop in [o for o in function.walk() if isinstance(o, scf.ForOp | scf.WhileOp)]:
                    if any(_is_memory(result) for result in loop.results):
                        _number(function.body.block, loop)


def _is_memory(value: SSAValue) -> bool:
    return isinstance(value.type, MemRefType)


def _number(top: Block, op: scf.ForOp | scf.WhileOp) -> None:
    inits = list(op.iter_args if isinstance(op, scf.ForOp) else op.arguments)
    emitter = _Builder(op)
    rows: dict[Attribute, _Rows] = {}
    for init in inits:
        if _is_memory(init):
            rows.setdefault(init.type, _Rows(top, op, init.type)).count += 1
    for group in rows.values():
        group.allocate()
    numbered = [rows[init.type].add(emitter, init) if _is_memory(init) else init for init in inits]
    numbers: dict[SSAValue, SSAValue] = {}
    for region in op.regions:
        block = region.block
        for arg in list(block.args):
            if arg.type in rows:
                number = block.insert_arg(_INDEX, arg.index)
                numbers[arg] = number
                row = rows[arg.type].row(_Builder(op, InsertPoint.at_start(block)), number)
                # What the terminator hands on is looked up under the old name.
                arg.replace_uses_with_if(row, lambda use: use.operation.next_op is not None)
    for region in op.regions:
        last = region.block.last_op
        assert last is not None
        last.operands = [_number_of(v, numbers, op) if v.type in rows else v for v in last.operands]
    for region in op.regions:
        for arg in list(region.block.args):
            if arg in numbers:
                region.block.erase_arg(arg)
    types = [_INDEX if result.type in rows else result.type for result in op.results]
    start = len(op.operands) - len(inits)
    new = type(op).create(
        operands=[*op.operands[:start], *numbered],
        result_types=types,
        regions=[op.detach_region(region) for region in list(op.regions)],
        attributes=op.attributes,
        properties=op.properties,
    )
    emitter.insert(new)
    for old, result in zip(op.results, new.results, strict=True):
        value = rows[old.type].row(emitter, result) if old.type in rows else result
        old.replace_all_uses_with(value)
    op.detach()
    op.erase()


def _number_of(value: SSAValue, numbers: dict[SSAValue, SSAValue], op: Operation) -> SSAValue:
    if (number := numbers.get(value)) is None:
        raise CompileError(
            "a loop that goes on with memory of another place than those it began with",
            locations.of(op),
            hint="differentiate it at level linalg",
            pass_name="number-buffers",
        )
    return number


class _Rows:
    """One allocation that holds all the buffers of one type that a loop hands around."""

    def __init__(self, top: Block, op: Operation, type_: Attribute):
        assert isinstance(type_, MemRefType)
        self.top, self.op, self.type = top, op, type_
        self.count = 0
        self.taken = 0
        if DYNAMIC_INDEX in type_.get_shape():
            raise CompileError(
                "arrays whose extents are known only at run time, which a loop hands around",
                locations.of(op),
                hint="differentiate it at level linalg",
                pass_name="number-buffers",
            )
        width = type_.element_type.bitwidth if isinstance(type_.element_type, FixedBitwidthType) else 64
        self.stride = -(-prod(type_.get_shape()) * max(1, width // 8) // _ALIGNMENT) * _ALIGNMENT

    def allocate(self) -> None:
        type_ = MemRefType(i8, [self.count * self.stride])
        alloc = memref.AllocOp([], [], type_, IntegerAttr(_ALIGNMENT, i64))
        alloc.location = self.op.location
        first = self.top.first_op
        assert first is not None
        self.top.insert_op_before(alloc, first)
        self.memory = alloc.memref

    def add(self, emitter: _Builder, init: SSAValue) -> SSAValue:
        """Copy `init` into the next row, and give the number of that."""
        number = emitter.integer(self.taken)
        self.taken += 1
        emitter.insert(memref.CopyOp(init, self.row(emitter, number)))
        return number

    def row(self, emitter: _Builder, number: SSAValue) -> SSAValue:
        offset = emitter.emit(arith.MuliOp(number, emitter.integer(self.stride)))
        return emitter.emit(memref.ViewOp.create(operands=[self.memory, offset], result_types=[self.type]))


class _Builder:
    """Builds ops before `op`, or at a point of their own, with its location."""

    def __init__(self, op: Operation, point: InsertPoint | None = None):
        self.location = op.location
        self.point = InsertPoint.before(op) if point is None else point

    def insert(self, op: Operation) -> None:
        op.location = self.location
        Rewriter.insert_op(op, self.point)

    def emit(self, op: Operation) -> SSAValue:
        self.insert(op)
        return op.results[0]

    def integer(self, value: int) -> SSAValue:
        constant = IntegerAttr(value, _INDEX)
        return self.emit(arith.ConstantOp.create(result_types=[_INDEX], properties={"value": constant}))
