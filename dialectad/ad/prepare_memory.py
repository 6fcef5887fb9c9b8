"""Bring a function in memory form into the shape that reverse and forward mode take.

- linalg ops become loops (products stay `blas` ops, unless their rules aren't wanted);
- memory of static size is allocated once, before all loops, and given back at the very end;
- buffers that a loop hands around become rows of one buffer, and their numbers are handed around:

    %r:2 = scf.for ... iter_args(%a = %x, %b = %y) -> (memref<4xf64>, memref<4xf64>) { ...; yield %b, %a }
    =>
    %rows = memref.alloc() : memref<128xi8>;  copy %x to row 0;  copy %y to row 1
    %n:2 = scf.for ... iter_args(%i = %c0, %j = %c1) -> (index, index) {
        %a = memref.view %rows[64 * %i];  %b = memref.view %rows[64 * %j];  ...;  yield %j, %i
    }
    // and %r#0 is row %n#0

So every memref is a view of one buffer, known where it is used.
"""

from __future__ import annotations

from math import prod

from xdsl.builder import Builder
from xdsl.dialects import arith, func, memref, scf
from xdsl.dialects.builtin import DYNAMIC_INDEX, FixedBitwidthType, IntegerAttr, MemRefType, i8, i64
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.rewriter import InsertPoint

from dialectad import locations
from dialectad.ad.algebra import INDEX, Emitter
from dialectad.ad.memory import is_memory
from dialectad.errors import CompileError
from dialectad.lower.blas_loops import LOOPS
from dialectad.lower.convert_linalg_to_loops import convert_function

_ALIGNMENT = 64
"""Of a row, in bytes."""


def prepare_memory(function: func.FuncOp, *, blas_rules: bool = True) -> list[memref.DeallocOp]:
    """Rewrite the body of `function`; gives what has to stand at its end."""
    if not blas_rules:
        _lower_products(function)
    convert_function(function)
    block = function.body.block
    loops = [op for op in block.walk() if isinstance(op, scf.ForOp | scf.WhileOp)]
    for loop in loops:
        if any(is_memory(result) for result in loop.results):
            _number_buffers(block, loop)
    return _extend_lifetimes(block)


def _lower_products(function: func.FuncOp) -> None:
    for op in [op for op in function.walk() if type(op) in LOOPS]:
        LOOPS[type(op)](op, Builder(InsertPoint.before(op)))
        op.detach()
        op.erase()


# Memory lives as long as the function


def _extend_lifetimes(block: Block) -> list[memref.DeallocOp]:
    ends: list[memref.DeallocOp] = []
    for op in list(block.walk()):
        match op:
            case memref.AllocOp() | memref.AllocaOp() if op.parent is not block and not op.operands:
                op.detach()
                first = block.first_op
                assert first is not None
                block.insert_op_before(op, first)
                if isinstance(op, memref.AllocOp):
                    ends.append(memref.DeallocOp.get(op.memref))
                    ends[-1].location = op.location
            case memref.DeallocOp():
                owner = op.memref.owner
                if op.parent is block and isinstance(owner, memref.AllocOp):
                    op.detach()
                    ends.append(op)
                elif isinstance(owner, memref.AllocOp) and not owner.operands:
                    op.detach()
                    op.erase()
    return ends


# Buffers that a loop hands around


def _number_buffers(top: Block, op: scf.ForOp | scf.WhileOp) -> None:
    inits = list(op.iter_args if isinstance(op, scf.ForOp) else op.arguments)
    emitter = Emitter.before(op)
    rows: dict[Attribute, _Rows] = {}
    for init in inits:
        if is_memory(init):
            rows.setdefault(init.type, _Rows(top, op, init.type)).count += 1
    for group in rows.values():
        group.allocate()
    numbered = [rows[init.type].add(emitter, init) if is_memory(init) else init for init in inits]
    numbers: dict[SSAValue, SSAValue] = {}
    for region in op.regions:
        block = region.block
        for arg in list(block.args):
            if arg.type in rows:
                number = block.insert_arg(INDEX, arg.index)
                numbers[arg] = number
                with emitter.at(InsertPoint.at_start(block)):
                    row = rows[arg.type].row(emitter, number)
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
    types = [INDEX if result.type in rows else result.type for result in op.results]
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
            pass_name="differentiate",
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
                pass_name="differentiate",
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

    def add(self, emitter: Emitter, init: SSAValue) -> SSAValue:
        """Copy `init` into the next row, and give the number of that."""
        number = emitter.integer(self.taken)
        self.taken += 1
        emitter.insert(memref.CopyOp(init, self.row(emitter, number)))
        return number

    def row(self, emitter: Emitter, number: SSAValue) -> SSAValue:
        offset = emitter.emit(arith.MuliOp(number, emitter.integer(self.stride)))
        return emitter.emit(memref.ViewOp.create(operands=[self.memory, offset], result_types=[self.type]))
