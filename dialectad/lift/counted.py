"""Recognising loops whose number of iterations is known before they run.

    ^loop(%i, %p, %sum):                                    %k in [0, n)
      ...                                                   %i is start + step * %k
      %i1 = llvm.add %i, %step                        =>    %p is base + offset * %k
      %p1 = llvm.getelementptr %p[%offset]                  %sum is carried
      %more = llvm.icmp "ne" %i1, %n
      llvm.cond_br %more, ^loop(%i1, %p1, %sum1), ^out

Note [Trip counts]. Comparisons of 64-bit numbers are taken as if nothing wrapped around: a loop that relies
on it would run for more than 2^62 iterations, which is centuries. Narrower ones must say that they don't
wrap (`nsw`, `nuw`), or be tested for equality.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.dialects import llvm
from xdsl.dialects.builtin import IntegerType, i64
from xdsl.ir import Operation, SSAValue

from dialectad.lift.graph import Edge, Node
from dialectad.lift.inequalities import INVERSE, SWAPPED, constant, has_flag, is_true
from dialectad.lift.layout import Layout
from dialectad.lift.loops import Loop
from dialectad.lift.purity import is_speculatable


@dataclass(frozen=True)
class Induction:
    """A parameter of a loop's header that changes by the same amount in each iteration."""

    update: Operation
    """The `llvm.add`, `llvm.sub` or `llvm.getelementptr` that gives the next value."""
    step: int | SSAValue
    """By how much (for a pointer, how many elements); subtracted where the update is an `llvm.sub`."""

    @property
    def is_pointer(self) -> bool:
        """Whether the parameter is a pointer."""
        return isinstance(self.update, llvm.GEPOp)

    @property
    def sign(self) -> int:
        """-1 where the step is subtracted."""
        return -1 if isinstance(self.update, llvm.SubOp) else 1


@dataclass(frozen=True)
class Counted:
    """A loop with one exit, taken by comparing an induction variable with an invariant bound."""

    loop: Loop
    source: Node
    """Where it is left: its only latch, or its header."""
    exit: Edge
    tested_first: bool
    """Whether it is left from the header, perhaps without an iteration."""
    inductions: dict[int, Induction]
    """Position of a header's parameter -> how it changes."""
    primary: int
    """The position of the parameter that is compared."""
    predicate: str
    """Of the comparison `primary + offset <predicate> bound`, which holds as long as the loop goes on."""
    offset: int
    """What is added to the parameter before it is compared."""
    bound: SSAValue
    truncated: bool
    """Whether the comparison has fewer bits than the parameter."""

    @property
    def step(self) -> int:
        """The constant by which the primary induction variable changes."""
        induction = self.inductions[self.primary]
        assert isinstance(induction.step, int)
        return induction.sign * induction.step

    @property
    def is_signed(self) -> bool:
        """Whether the comparison is of signed numbers, or for equality."""
        return not self.predicate.startswith("u")

    def wraps(self) -> bool:
        """Whether the induction variable may wrap around before the loop ends."""
        update = self.inductions[self.primary].update
        if self.predicate == "ne":
            return not (has_flag(update, 1) or has_flag(update, 2))
        return not has_flag(update, 1 if self.is_signed else 2)


def recognise(layout: Layout, loop: Loop) -> Counted | None:
    """The counted loop that `loop` is, or None."""
    exits, repeats = layout.exits.get(loop, ()), layout.repeats[loop]
    if len(exits) != 1 or loop in layout.tangled:
        return None
    source, exit_ = exits[0]
    if layout.loops.innermost[source] is not loop or source.condition is None:
        return None
    tested_last = all(latch is source for latch, _ in repeats)
    if not tested_last and not (source is loop.header and _is_pure_test(layout, loop, exit_)):
        return None
    inductions = _inductions(layout, loop)
    goes_on = source.edges[0] is not exit_
    for predicate, value, bound in _tests(layout, loop, source.condition, goes_on):
        truncated = isinstance(value.owner, llvm.TruncOp)
        if isinstance(value.owner, llvm.TruncOp):
            value = value.owner.arg
        found = _as_induction(loop, inductions, value)
        if found is None or (truncated and predicate != "ne"):
            continue
        position, offset = found
        counted = Counted(
            loop,
            source,
            exit_,
            not tested_last,
            inductions,
            position,
            predicate,
            offset,
            bound,
            truncated,
        )
        if _ends(counted):
            return counted
    return None


def _is_pure_test(layout: Layout, loop: Loop, exit_: Edge) -> bool:
    """Whether what the header computes isn't needed after the loop, and may be computed in its body."""
    if not all(is_speculatable(op) for op in loop.header.ops):
        return False
    made = {result for op in loop.header.ops for result in op.results}
    return made.isdisjoint(exit_.args) and made.isdisjoint(layout.live.get(loop, ()))


def _inductions(layout: Layout, loop: Loop) -> dict[int, Induction]:
    found: dict[int, Induction] = {}
    edges = [edge for _, edge in layout.repeats[loop]]
    for position, param in enumerate(loop.header.params):
        following = edges[0].args[position]
        if any(edge.args[position] is not following for edge in edges):
            continue
        induction = _induction(layout, loop, param, following.owner)
        if induction is not None:
            found[position] = induction
    return found


def _induction(layout: Layout, loop: Loop, param: SSAValue, update: object) -> Induction | None:
    match update:
        case llvm.AddOp() | llvm.SubOp() if isinstance(param.type, IntegerType):
            changed, step = update.operands
            if isinstance(update, llvm.AddOp) and step is param:
                changed, step = step, changed
        case llvm.GEPOp():
            changed = update.ptr
            indices = list(update.rawConstantIndices.iter_values())
            if len(indices) != 1:
                return None
            if changed is param and indices[0] != llvm.GEP_USE_SSA_VAL:
                return Induction(update, int(indices[0]))
            step = update.ssa_indices[0] if update.ssa_indices else None
        case _:
            return None
    if changed is not param or step is None or not layout.is_invariant(step, loop):
        return None
    known = constant(step)
    return Induction(update, step if known is None else known)


def _tests(
    layout: Layout, loop: Loop, condition: SSAValue, goes_on: bool
) -> list[tuple[str, SSAValue, SSAValue]]:
    """The comparison that keeps the loop going, with its invariant operand last."""
    op = condition.owner
    while isinstance(op, llvm.XOrOp) and is_true(op.rhs):
        op, goes_on = op.lhs.owner, not goes_on
    if not isinstance(op, llvm.ICmpOp) or not isinstance(op.lhs.type, IntegerType):
        return []
    predicate = llvm.ALL_ICMP_FLAGS[op.predicate.value.data].value
    predicate = predicate if goes_on else INVERSE[predicate]
    found = [(predicate, op.lhs, op.rhs), (SWAPPED[predicate], op.rhs, op.lhs)]
    return [(p, a, b) for p, a, b in found if layout.is_invariant(b, loop)]


def _as_induction(loop: Loop, inductions: dict[int, Induction], value: SSAValue) -> tuple[int, int] | None:
    """`value` as an induction variable of a constant step, given by its position, plus a constant."""
    offset = 0
    for _ in range(3):
        for position, induction in inductions.items():
            if not isinstance(induction.step, int) or induction.is_pointer:
                continue
            if value is loop.header.params[position]:
                return position, offset
            if value is induction.update.results[0]:
                return position, offset + induction.sign * induction.step
        op = value.owner
        if not isinstance(op, llvm.AddOp | llvm.SubOp) or (step := constant(op.rhs)) is None:
            return None
        if not has_flag(op, 1):
            return None
        offset += step if isinstance(op, llvm.AddOp) else -step
        value = op.lhs
    return None


def _ends(counted: Counted) -> bool:
    """Whether the comparison fails sooner or later, after a number of steps that can be computed."""
    step, predicate = counted.step, counted.predicate
    type_ = counted.loop.header.params[counted.primary].type
    narrow = type_ != i64
    if isinstance(type_, IntegerType) and type_.width.data > 64:
        return False
    if predicate == "eq":  # at most once, if at all
        return step != 0
    if predicate == "ne":
        return abs(step) == 1 or (step != 0 and not counted.truncated and not counted.wraps())
    upward = predicate in ("slt", "sle", "ult", "ule")
    downward = predicate in ("sgt", "sge", "ugt", "uge")
    if not ((upward and step > 0) or (downward and step < 0)):
        return False
    return not (narrow and counted.wraps())
