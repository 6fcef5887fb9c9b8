"""Before a reverse sweep: calls with a derivative of their own keep what their pullbacks need.

    %y = func.call @f(%x) {dialectad.rule}     =>     %y, %r = func.call @f.fwd(%x) {dialectad.rule}

On memory there is memory for `%r`, from before all loops that its size doesn't depend on until they end:

    func.call @f(%x, %y) {dialectad.rule}      =>     %r = memref.alloc()
                                                      func.call @f.fwd(%x, %y, %r) {dialectad.rule}

Only calls that are active; the others stay as they are, for whoever differentiates by something else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from xdsl.dialects import arith, func, memref
from xdsl.dialects.builtin import DYNAMIC_INDEX, IntegerAttr, MemRefType, TensorType, i64
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter

from dialectad import locations
from dialectad.ad.activity import Activity
from dialectad.ad.algebra import INDEX
from dialectad.ad.call_operands import as_passed, memory_type, operands_of
from dialectad.dialects.call_rule import RULE, CallRule, has_rule
from dialectad.errors import CompileError
from dialectad.lower.bufferization.functions import OUTS
from dialectad.walk import walk


def prepare_calls(
    block: Block, arguments: Sequence[SSAValue], results: Iterable[SSAValue]
) -> list[memref.DeallocOp]:
    """Gives what has to stand at the end of the function."""
    ends: list[memref.DeallocOp] = []
    if calls := [op for op in walk(block) if has_rule(op)]:
        activity = Activity.of(block, arguments, results)
        for op in [op for op in calls if activity.active_op(op)]:
            _augment(op, block, ends)
    return ends


def _augment(op: func.CallOp, top: Block, ends: list[memref.DeallocOp]) -> None:
    rule, parent, first = CallRule.of(op), op.parent, top.first_op
    assert rule is not None
    assert parent is not None
    assert first is not None
    if op.results or OUTS not in op.attributes:
        call = func.CallOp(rule.augmented, op.operands, [*op.result_types, *rule.residuals])
        call.attributes |= op.attributes
    else:
        sizes = _Sizes(op, rule, top)
        memory: list[SSAValue] = []
        passed: list[SSAValue] = []
        for type_ in rule.residuals:
            home, extents = sizes.take(type_)
            alloc = memref.AllocOp(extents, [], memory_type(type_))
            dealloc = memref.DeallocOp.get(alloc.memref)
            alloc.location = dealloc.location = op.location
            Rewriter.insert_op(alloc, InsertPoint.before(home))
            if (block := home.parent) is top:
                ends.append(dealloc)
            else:
                assert block is not None
                assert block.last_op is not None
                Rewriter.insert_op(dealloc, InsertPoint.before(block.last_op))
            memory.append(alloc.memref)
            passed += as_passed(alloc.memref, InsertPoint.before(home)) if rule.types else [alloc.memref]
        types = [value.type for value in memory]
        outs = op.attributes[OUTS]
        assert isinstance(outs, IntegerAttr)
        call = func.CallOp(rule.augmented, [*op.operands, *passed], [])
        call.attributes |= op.attributes
        call.attributes[OUTS] = IntegerAttr(outs.value.data + len(memory), i64)
        if rule.types:
            call.attributes[RULE] = rule.with_types([*rule.types, *types]).attribute()
    call.location = op.location
    parent.insert_op_before(call, op)
    for old, new in zip(op.results, call.results, strict=False):
        old.replace_all_uses_with(new)
    parent.erase_op(op)


class _Sizes:
    """The extents that the types of residuals leave open, one after the other."""

    def __init__(self, op: func.CallOp, rule: CallRule, top: Block):
        self.op, self.top = op, top
        self.operands = operands_of(op)
        self.places = iter(rule.sizes)

    def take(self, type_: Attribute) -> tuple[Operation, list[SSAValue]]:
        """Those of the next residual, and where they are known: before all loops, if possible."""
        open_ = type_.get_shape().count(DYNAMIC_INDEX) if isinstance(type_, TensorType | MemRefType) else 0
        found = [self._extent(*next(self.places)) for _ in range(open_)]
        home: Operation = self.op
        while home.parent is not self.top and not any(_is_within(n, home.parent) for n in found):
            above = home.parent_op()
            assert above is not None
            home = above
        first = self.top.first_op
        assert first is not None
        home = home if found else first
        return home, [self._index(n, home) for n in found]

    def _extent(self, operand: int, dim: int) -> SSAValue:
        if operand < 0:
            raise CompileError(
                "a function with a derivative of its own keeps an array whose shape depends on data",
                locations.of(self.op),
                hint="give that part the level linalg, or keep an array of a shape that is known before",
                pass_name="differentiate",
            )
        given = self.operands[operand]
        if dim < 0:
            return given.value
        assert isinstance(given.type, TensorType | MemRefType)
        position = given.type.get_shape()[:dim].count(DYNAMIC_INDEX)
        return given.extents[position]

    @staticmethod
    def _index(extent: SSAValue, home: Operation) -> SSAValue:
        if extent.type == INDEX:
            return extent
        cast = arith.IndexCastOp(extent, INDEX)
        Rewriter.insert_op(cast, InsertPoint.before(home))
        return cast.result


def _is_within(value: SSAValue, block: Block | None) -> bool:
    """Whether a value is one of a block, or of what is below it."""
    own: Block | None = value.owner if isinstance(value.owner, Block) else value.owner.parent
    while own is not None and own is not block:
        above = own.parent_op()
        own = None if above is None else above.parent
    return own is not None
