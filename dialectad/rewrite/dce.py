"""`dce`: remove what nobody observes.

Mark and sweep over values, so that a loop-carried value which only feeds itself goes too:

    %r:2 = scf.for ... iter_args(%a = %x, %b = %y) { ...; yield %a2, %b2 }   // %r#1 unused, %a2 not from %b
    ~> %r = scf.for ... iter_args(%a = %x) { ...; yield %a2 }

Note [Caches]: a cache is live when a pop gives a live value. Then all its pushes and pops are live, for the
stack to stay aligned; otherwise they all go, and what was computed to be pushed with them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from xdsl.context import Context
from xdsl.dialects import func, scf
from xdsl.dialects.builtin import ModuleOp, SymbolRefAttr
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Block, BlockArgument, Operation, OpResult, SSAValue
from xdsl.passes import ModulePass

from dialectad.dialects import ad
from dialectad.dialects.call_rule import rule_symbols
from dialectad.rewrite import effects, structure
from dialectad.walk import walk


@dataclass
class _Liveness:
    """What is observed, found by walking from the effects and returns to what they need."""

    ops: set[Operation] = field(default_factory=set)
    values: set[SSAValue] = field(default_factory=set)
    pending: list[SSAValue] = field(default_factory=list)
    "Values whose definition is still to be marked."

    def run(self, root: Operation) -> None:
        for region in root.regions:
            for block in region.blocks:
                self._roots(block)
        while self.pending:
            self._define(self.pending.pop())

    def _roots(self, block: Block) -> None:
        for op in block.ops:
            if not op.regions:
                if type(op) not in effects.TERMINATORS and not effects.is_removable(op):
                    self.mark(op)
            elif type(op) in effects.STRUCTURED:
                for region in op.regions:
                    for inner in region.blocks:
                        self._roots(inner)
            elif not effects.is_removable(op):
                self._mark_all(op)

    def _mark_all(self, op: Operation) -> None:
        for inner in walk(op):
            self.mark(inner)

    def mark(self, op: Operation) -> None:
        """`op` is executed for a purpose, hence so is what contains it."""
        if op in self.ops:
            return
        self.ops.add(op)
        kind = type(op)
        if kind is scf.ForOp:
            self.need(*op.operands[:3])
        elif kind is scf.IfOp or kind is ad.CacheOp:
            self.need(*op.operands)
        elif kind is scf.WhileOp:
            condition = op.regions[0].block.last_op
            assert condition is not None
            self.need(condition.operands[0])
        else:
            self.need(*op.operands)
            if op.regions and kind in effects.ON_VALUES:
                for inner in walk(op):
                    if type(inner) is linalg.YieldOp:
                        self.mark(inner)
        for result in op.results:
            if type(result.type) is ad.CacheType:  # Note [Caches]
                for use in result.uses:
                    self.mark(use.operation)
        parent = op.parent_op()
        if parent is not None:
            self.mark(parent)

    def need(self, *values: SSAValue) -> None:
        for value in values:
            if value not in self.values:
                self.values.add(value)
                self.pending.append(value)

    def _define(self, value: SSAValue) -> None:
        if isinstance(value, OpResult):
            op = value.op
            self.mark(op)
            kind = type(op)
            if kind is scf.IfOp:
                for region in op.regions:
                    terminator = region.block.last_op
                    assert terminator is not None
                    self.need(terminator.operands[value.index])
            elif kind is scf.ForOp:
                self._carried(op, value.index)
            elif kind is scf.WhileOp:
                self._forwarded(op, value.index)
        elif isinstance(value, BlockArgument):
            op = value.block.parent_op()
            if isinstance(op, scf.ForOp) and value.index > 0:
                self._carried(op, value.index - 1)
            elif isinstance(op, scf.WhileOp):
                if value.block is op.before_region.block:
                    self._argument(op, value.index)
                else:
                    self._forwarded(op, value.index)

    def _carried(self, loop: Operation, i: int) -> None:
        block = loop.regions[0].block
        terminator = block.last_op
        assert terminator is not None
        self.need(loop.results[i], block.args[i + 1], loop.operands[3 + i], terminator.operands[i])

    def _argument(self, loop: scf.WhileOp, i: int) -> None:
        terminator = loop.after_region.block.last_op
        assert terminator is not None
        self.need(loop.operands[i], terminator.operands[i])
        if structure.is_paired(loop):
            self._forwarded(loop, i)

    def _forwarded(self, loop: Operation, i: int) -> None:
        before, after = (region.block for region in loop.regions)
        condition = before.last_op
        assert condition is not None
        self.need(loop.results[i], after.args[i], condition.operands[1 + i])


def sweep(root: Operation) -> bool:
    """Remove everything dead inside of `root`; tells whether there was anything."""
    liveness = _Liveness()
    liveness.run(root)
    changed = False
    for region in root.regions:
        for block in region.blocks:
            changed |= _sweep_block(block, liveness)
    return changed


def _sweep_block(block: Block, live: _Liveness) -> bool:
    changed = False
    op = block.last_op
    while op is not None:
        previous = op.prev_op
        if op not in live.ops and type(op) not in effects.TERMINATORS:
            structure.erase(op)
            changed = True
        elif op.regions:
            op, shrunk = _shrink(op, live)
            changed |= shrunk
            for region in op.regions:
                for inner in region.blocks:
                    changed |= _sweep_block(inner, live)
        op = previous
    return changed


def _shrink(op: Operation, live: _Liveness) -> tuple[Operation, bool]:
    """Drop the dead loop-carried values and results of a live op with regions."""
    keep = [result in live.values for result in op.results]
    if isinstance(op, scf.WhileOp):
        keep_arguments = [arg in live.values for arg in op.before_region.block.args]
        if all(keep) and all(keep_arguments):
            return op, False
        return structure.shrink_while(op, keep_arguments, keep), True
    if all(keep):
        return op, False
    if isinstance(op, scf.ForOp):
        return structure.shrink_for(op, keep), True
    if isinstance(op, scf.IfOp):
        return structure.shrink_if(op, keep), True
    return op, False


def drop_unused_functions(module: ModuleOp) -> None:
    """Erase private functions that no function which stays mentions.

    func.func private @f() { ... }   // no call, no request  ~>  nothing
    """
    functions = {op.sym_name.data: op for op in module.ops if isinstance(op, func.FuncOp)}
    kept: set[str] = set()
    pending = [name for name, op in functions.items() if not is_private(op)]
    for op in module.ops:
        if not isinstance(op, func.FuncOp):
            pending += mentioned(op)
    while pending:
        name = pending.pop()
        if name in functions and name not in kept:
            kept.add(name)
            pending += mentioned(functions[name])
    for name, op in functions.items():
        if name not in kept:
            structure.erase(op)


def is_private(function: func.FuncOp) -> bool:
    """Whether only this module can call `function`."""
    return function.sym_visibility is not None and function.sym_visibility.data == "private"


def mentioned(root: Operation) -> list[str]:
    """The symbols that ops within `root` refer to."""
    found: list[str] = []
    for op in walk(root):
        found += rule_symbols(op)
        for attrs in (op.properties, op.attributes):
            found += [attr.root_reference.data for attr in attrs.values() if type(attr) is SymbolRefAttr]
    return found


@dataclass(frozen=True)
class DcePass(ModulePass):
    """Remove dead ops, loop-carried values, caches and private functions."""

    name = "dce"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        drop_unused_functions(op)
        for function in op.ops:
            if isinstance(function, func.FuncOp):
                sweep(function)
