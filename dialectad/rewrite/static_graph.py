"""A function run as far as it can be at compile time, and the rest written down without control flow.

Ops are copied one by one, with their operands replaced, and folded at once. So the bounds of loops and the
conditions of branches that don't depend on data are constants when their turn comes:

    scf.for %i = 0 to 2 ... (%a = %x) { %b = use %a, %i; yield %b }   ~>   use %x, 0;  use %b, 1
    scf.while (%a = %x) { condition(%c) } do { ... }                  ~>   the same, where %c is known
    scf.if %c { A; yield %a } else { B; yield %b }                    ~>   A;  B;  arith.select %c, %a, %b

Note [Branches not taken]: both branches of an `if` run, the one that isn't taken on whatever values there
are. What it computes is thrown away; that it fails (`guards.py`), or that its derivatives show (`gates.py`),
is prevented.

Note [Caches of a graph]: a value that is pushed and popped without control flow is known to be the one that
was pushed, so there is no cache in a graph. A branch and its reverse depend on the same condition: with both
made unconditional the stack stays aligned. Where a branch decides what is popped after it, there is no graph.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from xdsl.dialects import arith, cf, func, scf
from xdsl.dialects.builtin import IntegerAttr, i1
from xdsl.ir import Block, Operation, SSAValue

from dialectad import locations
from dialectad.dialects.ad import PASSED, CacheOp, JVPOp, PopOp, PushOp, VJPOp
from dialectad.dialects.call_rule import has_rule
from dialectad.dialects.extents import dynamic_dims
from dialectad.dialects.host import HostCallOp
from dialectad.errors import CompileError
from dialectad.rewrite import constants, effects, structure
from dialectad.rewrite.gates import Gates
from dialectad.rewrite.guards import extent_number, guard
from dialectad.rewrite.writer import Writer

LIMIT = 50_000
"""How many ops a graph may have."""

Request = VJPOp | JVPOp

_ELSEWHERE = "linalg, loop, llvm and tape"


def refusal(message: str, op: Operation, hint: str = f"the levels {_ELSEWHERE} can do it") -> CompileError:
    """The error for what no static graph can express."""
    return CompileError(message, locations.of(op), hint=hint, level="graph", pass_name="convert-to-graph")


@dataclass
class StaticGraph:
    """Writes the graph of a function into an empty block."""

    block: Block
    functions: dict[str, func.FuncOp]
    request: Callable[[Request | func.CallOp, SSAValue | None], None]
    "Told of each request for a derivative and each call that stays, and under which condition it counts."
    way: Gates | None = None
    "The branch that is being written."
    values: dict[SSAValue, SSAValue] = field(default_factory=dict)
    "What stands for a value of the program, in the current iteration."
    caches: dict[SSAValue, list[SSAValue]] = field(default_factory=dict)
    calls: list[func.FuncOp] = field(default_factory=list)
    "The functions that are being inlined."
    count: int = 0
    "How many ops were run."

    def __post_init__(self):
        self.writer = Writer(self.block)

    def call(self, function: func.FuncOp, args: Sequence[SSAValue], at: Operation) -> list[SSAValue]:
        """The results of a function."""
        if function in self.calls:
            raise refusal(
                f"{function.sym_name.data!r} calls itself", at, hint="write the recursion as a loop"
            )
        if function.is_declaration:
            raise refusal(f"{function.sym_name.data!r} has no body", at, hint="give it one")
        self.calls.append(function)
        results = self.run(function.body.block, args)
        self.calls.pop()
        return results

    def run(self, block: Block, args: Sequence[SSAValue]) -> list[SSAValue]:
        """Run a block; gives the operands of its terminator."""
        self.values.update(zip(block.args, args, strict=True))
        for op in block.ops:
            if op is block.last_op:
                return self.given(op.operands)
            self._count(op, 1)
            self.count += 1
            (_STRUCTURE.get(type(op)) or StaticGraph.copy)(self, op)
        raise AssertionError("a block without a terminator")

    def given(self, values: Sequence[SSAValue]) -> list[SSAValue]:
        return [self.values[value] for value in values]

    def _count(self, op: Operation, ops: int) -> None:
        """Refuse a graph that gets too big with `ops` more, which `op` stands for."""
        if self.count + ops > LIMIT:
            raise refusal(
                f"as a static graph the function has more than {LIMIT:,} operations",
                op,
                hint=f"the levels {_ELSEWHERE} keep the loop",
            )

    # --- ops without control flow ---

    def copy(self, op: Operation) -> None:
        """Write down `op` for the values of now."""
        if type(op) is arith.ConstantOp:
            self.values[op.result] = self.writer.constant_like(op)
            return
        new = op.clone(self.values)
        self.block.add_op(new)
        values = self.writer.folded(new) if self.way is None else self._folded_anyway(new, self.way)
        for result, value in zip(op.results, values, strict=True):
            self.values[result] = value
            if any(extent_number(value, dim) is None for dim in dynamic_dims(value)):
                raise refusal("a static graph has no array whose shape depends on data", op)

    def _folded_anyway(self, new: Operation, way: Gates) -> Sequence[SSAValue]:
        """Note [Branches not taken]."""
        if not effects.is_pure(new):
            raise refusal(f"a static graph has no {new.name} in a branch", new)
        instead = guard(new, way.taken, self.writer)
        if instead is not None:
            structure.erase(new)
            return [instead]
        behind = way.gate(new)
        values = self.writer.folded(new)
        if behind:
            way.add(values)
        return values

    def assertion(self, op: cf.AssertOp) -> None:
        """What is asserted in a branch holds, or the branch isn't taken.

        scf.if %c { cf.assert %ok }   ~>   %n = not %c;  %o = arith.ori %n, %ok;  cf.assert %o
        """
        holds = self.values[op.arg]
        if self.way is not None:
            holds = self.writer.emit(arith.OrIOp(self._not(self.way.taken, op), holds), op)
        if constants.integer(holds) in (None, 0):
            new = cf.AssertOp(holds, op.msg)
            new.location = op.location
            self.block.add_op(new)

    def host_call(self, op: HostCallOp) -> None:
        """One that raises in a branch does so if the branch is taken."""
        if op.raises is None or self.way is None:
            self.copy(op)
            return
        new = op.clone(self.values)
        new.operands[0] = self.writer.emit(arith.AndIOp(self.way.taken, new.operands[0]), op)
        self.block.add_op(new)

    def cache(self, op: CacheOp) -> None:
        """Note [Caches of a graph]."""
        self.caches[op.result] = []

    def push(self, op: PushOp) -> None:
        if self.way is not None and PASSED in op.cache.owner.attributes:  # pyright: ignore[reportAttributeAccessIssue]
            raise refusal("a static graph has no array whose shape depends on the way that is taken", op)
        self.caches[op.cache].append(self.values[op.value])

    def pop(self, op: PopOp) -> None:
        self.values[op.result] = self.caches[op.cache].pop()

    def derivative(self, op: Request | func.CallOp) -> None:
        new = op.clone(self.values)
        self.block.add_op(new)
        if self.way is not None:
            self.way.gate(new)
            self.way.add(new.results)
        self.request(new, self.way.taken if self.way is not None else None)
        self.values.update(zip(op.results, new.results, strict=True))

    # --- control flow ---

    def inline(self, op: func.CallOp) -> None:
        if has_rule(op):
            self.derivative(op)
            return
        callee = self.functions.get(op.callee.root_reference.data)
        if callee is None:
            raise refusal(f"there is no function {op.callee.string_value()!r}", op, hint="define it")
        self.values.update(zip(op.results, self.call(callee, self.given(op.operands), op), strict=True))

    def loop(self, op: scf.ForOp) -> None:
        bounds = [constants.integer(value) for value in self.given((op.lb, op.ub, op.step))]
        if any(bound is None for bound in bounds):
            raise refusal("a static graph has no loop whose count depends on data", op)
        indices = range(*bounds)  # pyright: ignore[reportArgumentType, reportCallIssue]
        self._count(op, len(indices) * max(1, len(op.body.block.ops) - 1))
        state = self.given(op.iter_args)
        for i in indices:
            state = self.run(op.body.block, [self.writer.number(IntegerAttr(i, op.lb.type)), *state])  # pyright: ignore
        self.values.update(zip(op.results, state, strict=True))

    def while_(self, op: scf.WhileOp) -> None:
        state = self.given(op.arguments)
        while True:
            self._count(op, 1)
            self.count += 1
            condition, *state = self.run(op.before_region.block, state)
            go_on = constants.integer(condition)
            if go_on is None:
                raise refusal("a static graph has no loop whose count depends on data", op)
            if go_on == 0:
                break
            state = self.run(op.after_region.block, state)
        self.values.update(zip(op.results, state, strict=True))

    def branch(self, op: scf.IfOp) -> None:
        condition = self.values[op.cond]
        known = constants.integer(condition)
        if known is not None:
            region = op.true_region if known else op.false_region
            chosen = self.run(region.block, ()) if region.blocks else []
            self.values.update(zip(op.results, chosen, strict=True))
            return
        ways = [self._way(op, region, condition) for region in range(2)]
        for result, a, b in zip(op.results, *ways, strict=True):
            self.values[result] = a if a is b else self._select(op, condition, a, b)

    def _not(self, condition: SSAValue, of: Operation) -> SSAValue:
        return self.writer.emit(arith.XOrIOp(condition, self.writer.number(IntegerAttr(-1, i1))), of)

    def _way(self, op: scf.IfOp, region: int, condition: SSAValue) -> list[SSAValue]:
        """Run a branch: see Note [Branches not taken]."""
        block = op.regions[region].first_block
        if block is None or block.first_op is block.last_op:
            return [] if block is None or block.last_op is None else self.given(block.last_op.operands)
        outer = self.way
        taken = condition if region == 0 else self._not(condition, op)
        if outer is not None:
            taken = self.writer.emit(arith.AndIOp(outer.taken, taken), op)
        self.way = Gates(taken, self.block)
        results = self.run(block, ())
        self.way = outer
        return results

    def _select(self, op: scf.IfOp, condition: SSAValue, a: SSAValue, b: SSAValue) -> SSAValue:
        if any(extent_number(a, dim) != extent_number(b, dim) for dim in dynamic_dims(a)):
            raise refusal("a static graph has no array whose shape depends on data", op)
        return self.writer.emit(arith.SelectOp(condition, a, b), op)


_STRUCTURE: dict[type[Operation], Callable[[StaticGraph, Any], None]] = {
    cf.AssertOp: StaticGraph.assertion,
    HostCallOp: StaticGraph.host_call,
    CacheOp: StaticGraph.cache,
    PushOp: StaticGraph.push,
    PopOp: StaticGraph.pop,
    VJPOp: StaticGraph.derivative,
    JVPOp: StaticGraph.derivative,
    func.CallOp: StaticGraph.inline,
    scf.ForOp: StaticGraph.loop,
    scf.WhileOp: StaticGraph.while_,
    scf.IfOp: StaticGraph.branch,
}
"""What isn't simply copied."""
