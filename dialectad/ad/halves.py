"""A call that stays, differentiated in two halves, so that nothing is done twice however deep calls go.

    %y = func.call @f(%x)
    =>
    %y = func.call @f.augmented_0_of_0(%tape, %x);  ...;  %dx = func.call @f.pullback_0_of_0(%tape, %x, %dy)

    func.func private @f.augmented_0_of_0(%tape, %x) { <forward sweep>; ad.push(%tape, %v); return %y }
    func.func private @f.pullback_0_of_0(%tape, %x, %dy) { %v = ad.pop(%tape); <reverse sweep>; return %dx }

The first half does what the call does, and leaves on the *tape* what the second needs of it. Calls are
reversed in the opposite order, so what a pullback finds on top of the tape is its own. The tape belongs to
the function that asked for the derivative, and grows with the number of calls.

Note [What goes on the tape]
~~~~~~~~~~~~~~~~~~~~~~~~~~~~
Both halves get the arguments, which the caller sees to (in memory: the outs too). Of what else the reverse
sweep uses of the forward sweep, constants and views are made again; all other values, the content of memory,
and caches with all that is in them are pushed when the forward sweep has ended, after what the calls in it
have pushed. Arrays come first and the scalars that may be their extents last, for the pullback starts by
popping them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from xdsl.dialects import arith, func, llvm, memref, tensor
from xdsl.dialects.builtin import MemRefType, StringAttr, SymbolRefAttr, TensorType
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.rewriter import InsertPoint

from dialectad import locations
from dialectad.ad.algebra import Emitter
from dialectad.ad.extents import extents
from dialectad.ad.memory import buffer_of, is_memory
from dialectad.ad.primals import SPREADING
from dialectad.dialects.ad import LEVEL, REASON, TAPE, CacheOp, CacheType, PopOp, PushOp, ReserveOp, point_of
from dialectad.errors import CompileError
from dialectad.walk import walk

Names = Callable[[str, Sequence[int], Sequence[int]], tuple[str, str]]
"""Gives the two halves of the derivative of a function by some arguments, for cotangents of some results."""


_NAME = "tape"


@dataclass
class Halves:
    """How a function that is differentiated calls the halves of others."""

    level: str
    """At which it is differentiated."""
    names: Names
    function: func.FuncOp
    own: SSAValue | None = None
    """The tape, as soon as there is one."""

    def take_tape(self) -> None:
        """Let the tape be the first argument of the function: it is to be divided itself."""
        self.own = self.function.body.block.insert_arg(TAPE, 0)
        self.own.name_hint = _NAME

    def takes(self, level: str) -> bool:
        """Whether calls of this level are differentiated now."""
        return point_of(level) == point_of(self.level)

    @property
    def tape(self) -> SSAValue:
        if self.own is None:
            cache = CacheOp(TAPE.element_type)
            cache.attributes[REASON] = StringAttr("calls leave here what their pullbacks need")
            block = self.function.body.block
            first = block.first_op
            assert first is not None
            block.insert_op_before(cache, first)
            self.own = cache.result
            self.own.name_hint = _NAME
        return self.own

    def begin(self, op: func.CallOp, name: str) -> None:
        """Let the first half of the derivative be called instead of the function."""
        op.properties["callee"] = SymbolRefAttr(name)
        op.operands = [self.tape, *op.operands]
        del op.attributes[LEVEL]


def divide(
    joint: Block, turn: Operation, shadows: Iterable[SSAValue], first: func.FuncOp, second: func.FuncOp
) -> None:
    """Put the forward and the reverse sweep of `joint` into functions of their own.

    The reverse sweep begins with `turn`. The first argument of `joint` is the tape; the parameters of `first`
    are the first of it, and what `first` returns is what `joint` returns first.
    """
    *ops, end = joint.ops
    at = ops.index(turn) if turn in ops else len(ops)
    late = _late(ops[:at], shadows)
    back = [*late, *ops[at:]]
    crossing = _Crossing(joint, set(back))
    ends = [op for op in back if isinstance(op, memref.DeallocOp) and crossing.is_made_before(op.memref)]
    back = [op for op in back if op not in ends]
    outputs = len(first.function_type.outputs)
    for op in back:
        for inner in walk(op):
            crossing.need(*inner.operands)
    crossing.need(*end.operands[outputs:])
    there = [op for op in joint.ops if crossing.is_before(op) and op is not end]
    for half in (first, second):
        for new, old in zip(half.body.block.args, joint.args, strict=False):
            new.name_hint = old.name_hint
    _write_first(first, joint, there, crossing, ends, end.operands[:outputs])
    _write_second(second, joint, there, crossing, back, end.operands[outputs:])


def _late(ops: Iterable[Operation], shadows: Iterable[SSAValue]) -> dict[Operation, None]:
    """Which of `ops` make shadows, or touch them: they belong to the reverse sweep."""
    known = {value for shadow in shadows for value in (shadow, buffer_of(shadow))}
    found = dict[Operation, None]()
    for op in ops:
        makes = any(result in known for result in op.results)
        if makes or any(operand in known for inner in walk(op) for operand in inner.operands):
            found[op] = None
            known.update(op.results)
    return found


_AGAIN = frozenset(
    (
        *(arith.ConstantOp, tensor.EmptyOp, memref.GetGlobalOp, llvm.ZeroOp, llvm.AddressOfOp),
        *SPREADING,
    )
)
"""What is made again rather than kept: it takes more room than what it is made of."""


@dataclass
class _Crossing:
    """What the reverse sweep needs of the forward sweep. See Note [What goes on the tape]."""

    joint: Block
    back: set[Operation]
    scalars: dict[SSAValue, None] = field(default_factory=dict)
    arrays: dict[SSAValue, list[SSAValue]] = field(default_factory=dict)
    """What is kept and isn't a scalar, with its dynamic extents."""
    again: dict[Operation, None] = field(default_factory=dict)

    def is_before(self, op: Operation) -> bool:
        return op.parent is self.joint and op not in self.back

    def is_made_before(self, value: SSAValue) -> bool:
        return isinstance(value.owner, Operation) and self.is_before(value.owner)

    def need(self, *values: SSAValue) -> None:
        for value in values:
            op = value.owner
            if not isinstance(op, Operation) or not self.is_before(op):
                continue
            if value in self.scalars or value in self.arrays or op in self.again:
                continue
            if type(op) in _AGAIN:
                self.again[op] = None
                self.need(*op.operands)
            elif isinstance(value.type, MemRefType | TensorType):
                self.arrays[value] = extents(value)
                self.need(*self.arrays[value])
            elif isinstance(value.type, CacheType):
                self.arrays[value] = []
            elif is_memory(value):
                raise CompileError(
                    "memory whose place depends on control flow",
                    locations.of(op),
                    hint="differentiate it at level loop or linalg",
                    pass_name="differentiate",
                )
            else:
                self.scalars[value] = None

    def arrays_of(self, op: Operation) -> list[SSAValue]:
        return [result for result in op.results if result in self.arrays]


def _write_first(
    function: func.FuncOp,
    joint: Block,
    there: Sequence[Operation],
    crossing: _Crossing,
    ends: Sequence[Operation],
    results: Sequence[SSAValue],
) -> None:
    block = function.body.block
    values: dict[SSAValue, SSAValue] = dict(zip(joint.args, block.args, strict=False))
    block.add_ops(op.clone(values) for op in there)
    emitter = Emitter(InsertPoint.at_end(block), "cache")
    tape = block.args[0]
    for op in reversed(there):
        with emitter.deriving(op):
            for value in reversed(crossing.arrays_of(op)):
                sizes = [values.get(size, size) for size in crossing.arrays[value]]
                _push(emitter, tape, values[value], sizes)
    for value in crossing.scalars:
        with emitter.deriving(_owner(value)):
            emitter.insert(PushOp(tape, values[value]))
    block.add_ops(op.clone(values) for op in ends)
    block.add_op(func.ReturnOp(*(values.get(result, result) for result in results)))


def _write_second(
    function: func.FuncOp,
    joint: Block,
    there: Sequence[Operation],
    crossing: _Crossing,
    back: Sequence[Operation],
    results: Sequence[SSAValue],
) -> None:
    block = function.body.block
    values: dict[SSAValue, SSAValue] = dict(zip(joint.args, block.args, strict=True))
    emitter = Emitter(InsertPoint.at_end(block), "cache")
    tape = block.args[0]
    for value in reversed(crossing.scalars):
        with emitter.deriving(_owner(value)):
            values[value] = emitter.emit(PopOp(tape, (), value.type))
    for op in there:
        if op in crossing.again:
            block.add_op(op.clone(values))
        with emitter.deriving(op):
            for value in crossing.arrays_of(op):
                sizes = [values.get(size, size) for size in crossing.arrays[value]]
                values[value] = emitter.emit(PopOp(tape, sizes, _kept_type(value.type)))
    block.add_ops(op.clone(values) for op in back)
    block.add_op(func.ReturnOp(*(values.get(result, result) for result in results)))


def _owner(value: SSAValue) -> Operation:
    assert isinstance(value.owner, Operation)
    return value.owner


def _push(emitter: Emitter, tape: SSAValue, value: SSAValue, sizes: Sequence[SSAValue]) -> None:
    if isinstance(value.type, MemRefType):
        slot = emitter.emit(ReserveOp(tape, sizes, _kept_type(value.type)))
        emitter.insert(memref.CopyOp(value, slot))
    else:
        emitter.insert(PushOp(tape, value))


def _kept_type(type_: Attribute) -> Attribute:
    """What a value is on the tape: memory there is row-major."""
    return MemRefType(type_.element_type, type_.shape) if isinstance(type_, MemRefType) else type_
