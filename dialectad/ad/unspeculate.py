"""Give back to a condition what LLVM computes without asking for it, so that its derivative asks.

A branch that isn't taken has no part in the derivative, not even where it isn't defined. But where there is
no harm in computing what a branch holds, LLVM does so anyway and selects afterwards, or takes it out of a
loop. The cotangent is then zero, and meets a partial derivative that may be infinite: 0 * inf is NaN. So

    %r = sqrt %x;  %v = select %c, %r, %s                       // if c: v = sqrt(x)
    =>
    %g = select %c, %x, 1;  %r = sqrt %g;  %v = select %c, %r, %s

where `%x` gets a cotangent of 0 if `%c` fails, whatever `%g` gets; and

    %r = sqrt %a;  scf.for ... { scf.if %c { <uses %r> } }
    =>
    scf.for ... { scf.if %c { %r = sqrt %a;  <uses %r> } }

What is computed does not change. Sums and the like are left alone: their partial derivatives are finite.

Note [Needs]
~~~~~~~~~~~~
What a value is needed for says when it is: an operand of a `select` when it is selected, an operand of what
is needed itself only on a condition, on that condition. A *need* is the set of the cases in which a value is
needed, each a set of conditions and whether they hold. What is compared is always needed, unless that is but
a part of a condition, as LLVM makes them of nested branches.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from xdsl.dialects import arith, math, scf
from xdsl.dialects.builtin import AnyFloat, FloatAttr, IntegerAttr, i1
from xdsl.ir import Block, Operation, SSAValue, Use
from xdsl.rewriter import InsertPoint, Rewriter

from dialectad.dialects.arith import Arith

_FINITE: frozenset[type[Operation]] = frozenset(
    (
        *(arith.AddfOp, arith.SubfOp, arith.NegfOp, arith.ExtFOp, arith.TruncFOp, arith.SelectOp),
        *(arith.MaximumfOp, arith.MinimumfOp, arith.MaxnumfOp, arith.MinnumfOp, math.AbsFOp),
    )
)
"""What has finite partial derivatives, whatever its operands are."""

_SINGULAR: frozenset[type[Operation]] = frozenset(
    (
        *(arith.DivfOp, math.SqrtOp, math.RsqrtOp, math.CbrtOp, math.PowFOp, math.Atan2Op),
        *(math.LogOp, math.Log2Op, math.Log10Op, math.Log1pOp),
        *(math.AsinOp, math.AcosOp, math.AcoshOp, math.AtanhOp),
    )
)
"""What has infinite derivatives at finite points."""

_SCALAR_OPS: frozenset[type[Operation]] = frozenset((*Arith.operations, *math.Math.operations))

_MOST_CASES = 6

Need = frozenset[frozenset[tuple[SSAValue, bool]]]
ALWAYS: Need = frozenset((frozenset(),))


def unspeculate(top: Block, varied: set[SSAValue]) -> None:
    """Rewrite `top` and the blocks in it; only what is `varied` has a derivative to go wrong."""
    for block in list(top.walk_blocks()):
        _sink(block, varied)
    for block in list(top.walk_blocks()):
        if any(isinstance(op, arith.SelectOp) and op.result in varied for op in block.ops):
            _Guards(block, varied).run()


def _gives_float(op: Operation) -> bool:
    return type(op) in _SCALAR_OPS and len(op.results) == 1 and isinstance(op.results[0].type, AnyFloat)


def _uses(op: Operation) -> list[Use]:
    """The uses of the result of `op` through which it can get a cotangent."""
    return [use for use in op.results[0].uses if type(use.operation) not in _SCALAR_OPS or _passes_on(use)]


def _passes_on(use: Use) -> bool:
    return _gives_float(use.operation) and not (isinstance(use.operation, arith.SelectOp) and use.index == 0)


def _is_finite(op: Operation) -> bool:
    if type(op) in _FINITE:
        return True
    constant = [isinstance(operand.owner, arith.ConstantOp) for operand in op.operands]
    return (type(op) is arith.MulfOp and any(constant)) or (type(op) is arith.DivfOp and constant[1])


def _clone(op: Operation, point: InsertPoint, varied: set[SSAValue]) -> Operation:
    clone = op.clone()
    clone.location = op.location
    Rewriter.insert_op(clone, point)
    varied.update(clone.results)
    return clone


# Back into branches


def _sink(block: Block, varied: set[SSAValue]) -> None:
    """Move what has poles, and only branches use, into these."""
    for op in reversed(tuple(block.ops)):
        if type(op) not in _SINGULAR or not _gives_float(op) or op.results[0] not in varied:
            continue
        branches = {use: _branch_of(use.operation, block) for use in _uses(op)}
        if None in branches.values():
            continue
        for branch in dict.fromkeys(branches.values()):
            assert branch is not None
            clone = _clone(op, InsertPoint.at_start(branch), varied)
            for use, where in branches.items():
                if where is branch:
                    use.operation.operands[use.index] = clone.results[0]
        if op.results[0].first_use is None:
            op.detach()
            op.erase()


def _branch_of(op: Operation, outer: Block) -> Block | None:
    """The outermost branch of an `scf.if` in `outer` that `op` is in."""
    branch: Block | None = None
    block = op.parent
    while block is not outer:
        assert block is not None
        around = block.parent_op()
        assert around is not None
        if isinstance(around, scf.IfOp):
            branch = block
        block = around.parent
    return branch


# Behind selects: see Note [Needs]


class _Guards:
    """The guards of what one block computes to select it, or not."""

    def __init__(self, block: Block, varied: set[SSAValue]):
        self.block = block
        self.varied = varied
        self.order = {op: i for i, op in enumerate(block.ops)}
        self.needs: dict[Operation, Need] = {}
        """What is needed on a condition only."""
        self.idle: set[Operation] = set()
        """What only comparisons need."""
        self.blurred: set[Operation] = set()
        """Ops that may pass on a cotangent that isn't finite, though theirs is zero."""
        self.numbers: dict[SSAValue, int] = {}
        """Of conditions, in the order in which they are met."""
        self.conditions: dict[Need, SSAValue] = {}
        self.gates: dict[tuple[Need, SSAValue], SSAValue] = {}

    def run(self) -> None:
        for op in reversed(tuple(self.block.ops)):
            if _gives_float(op) and op.results[0] in self.varied:
                self._find_need(op)
        for op in tuple(self.block.ops):
            if op in self.blurred:
                for i, operand in enumerate(op.operands):
                    if operand in self.varied and isinstance(operand.type, AnyFloat):
                        op.operands[i] = self._gated(op, operand)

    def _find_need(self, op: Operation) -> None:
        uses = _uses(op)
        others = [use for use in op.results[0].uses if use not in uses]
        if not all(self._is_speculated(use.operation) for use in others):
            return
        uses = [use for use in uses if use.operation not in self.idle]
        if not uses:
            self.idle.add(op)
            return
        need = _any(self._need_of_use(use) for use in uses)
        if not need or need == ALWAYS:
            return
        if len(list(op.results[0].uses)) > len(uses):
            self._split(op, [uses])
            self.idle.add(op)
            return
        if not self._is_known(need, op):
            first = min((use.operation for use in uses), key=self._position)
            if not self._is_known(need, first):
                self._split(op, [[use] for use in uses])
                return
            self._move(op, first)
        self.needs[op] = need
        if not _is_finite(op) or any(use.operation in self.blurred for use in uses):
            self.blurred.add(op)

    def _is_speculated(self, op: Operation) -> bool:
        """Whether a comparison is but a part of a condition, and so may itself not have been asked for."""
        return isinstance(op, arith.CmpfOp) and all(
            isinstance(use.operation, arith.AndIOp | arith.OrIOp)
            or (isinstance(use.operation, arith.SelectOp) and use.index > 0)
            for use in op.result.uses
        )

    def _need_of_use(self, use: Use) -> Need:
        user = use.operation
        need = self.needs.get(user, ALWAYS)
        if isinstance(user, arith.SelectOp) and user.parent is self.block:
            self.numbers.setdefault(user.cond, len(self.numbers))
            return frozenset(case | {(user.cond, use.index == 1)} for case in need)
        return need

    # Places

    def _is_known(self, need: Need, op: Operation) -> bool:
        """Whether the conditions of `need` are there when `op` runs."""
        conditions = {condition.owner for case in need for condition, _ in case}
        return all(self.order.get(owner, -1) < self.order[op] for owner in conditions)  # pyright: ignore

    def _position(self, user: Operation) -> tuple[int, int]:
        at = self.order[user]
        # What has been moved stands before what it has been moved to, which has the same number.
        before = 0
        op = user
        while (op := op.prev_op) is not None and self.order.get(op) == at:
            before += 1
        return at, before

    def _move(self, op: Operation, to: Operation) -> None:
        op.detach()
        Rewriter.insert_op(op, InsertPoint.before(to))
        self.order[op] = self.order[to]

    def _split(self, op: Operation, groups: Sequence[Sequence[Use]]) -> None:
        """Compute `op` again for each group of uses, before the first of them."""
        for uses in groups:
            first = min((use.operation for use in uses), key=self._position)
            clone = _clone(op, InsertPoint.before(first), self.varied)
            self.order[clone] = self.order[first]
            for use in uses:
                use.operation.operands[use.index] = clone.results[0]
            self._find_need(clone)
        if op.results[0].first_use is None:
            op.detach()
            op.erase()

    # Gates

    def _gated(self, op: Operation, value: SSAValue) -> SSAValue:
        """`value` where `op` is needed, 1 elsewhere; itself if it is needed on the same condition."""
        need = self.needs[op]
        owner = value.owner
        if isinstance(owner, Operation) and owner in self.blurred and self.needs[owner] == need:
            return value
        if (known := self.gates.get((need, value))) is None:
            type_ = value.type
            assert isinstance(type_, AnyFloat)
            one = arith.ConstantOp.create(result_types=[type_], properties={"value": FloatAttr(1.0, type_)})
            self._insert(one, op)
            condition, holds = self._condition(op, need)
            chosen = (value, one.result) if holds else (one.result, value)
            known = self.gates[need, value] = self._insert(arith.SelectOp(condition, *chosen), op)
        return known

    def _condition(self, op: Operation, need: Need) -> tuple[SSAValue, bool]:
        """The value that says whether there is need, and what it then is."""
        if len(need) == 1 and len(case := next(iter(need))) == 1:
            return next(iter(case))
        if (known := self.conditions.get(need)) is None:
            cases = [sorted((self.numbers[c], c, holds) for c, holds in case) for case in need]
            for case in sorted(cases, key=lambda case: [(number, holds) for number, _, holds in case]):
                holds = self._conjunction(op, [(c, holds) for _, c, holds in case])
                known = holds if known is None else self._insert(arith.OrIOp(known, holds), op)
            assert known is not None
            self.conditions[need] = known
        return known, True

    def _conjunction(self, op: Operation, case: Iterable[tuple[SSAValue, bool]]) -> SSAValue:
        all_: SSAValue | None = None
        for condition, holds in case:
            if not holds:
                true = arith.ConstantOp.create(result_types=[i1], properties={"value": IntegerAttr(-1, i1)})
                condition = self._insert(arith.XOrIOp(condition, self._insert(true, op)), op)
            all_ = condition if all_ is None else self._insert(arith.AndIOp(all_, condition), op)
        assert all_ is not None
        return all_

    def _insert(self, new: Operation, before: Operation) -> SSAValue:
        new.location = before.location
        Rewriter.insert_op(new, InsertPoint.before(before))
        return new.results[0]


def _any(needs: Iterable[Need]) -> Need:
    """When one of these is needed, as simple as it gets; always, if that would be complicated."""
    cases: set[frozenset[tuple[SSAValue, bool]]] = set()
    for need in needs:
        cases |= need
    simpler = True
    while simpler:
        simpler = False
        for case in list(cases):
            for condition, holds in case:
                other = case - {(condition, holds)} | {(condition, not holds)}
                if other in cases:
                    cases -= {case, other}
                    cases.add(case - {(condition, holds)})
                    simpler = True
                    break
            if simpler:
                break
    cases = {
        case
        for case in cases
        if not any((condition, not holds) in case for condition, holds in case)
        and not any(other < case for other in cases)
    }
    return frozenset(cases) if len(cases) <= _MOST_CASES else ALWAYS
