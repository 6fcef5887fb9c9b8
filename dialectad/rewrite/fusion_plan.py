"""Which tensors are never stored: the plan of `fuse-elementwise`.

Ops are visited backwards, so that all readers of a tensor are known. A *root* is an op that gets a loop nest
(or, for `tensor.extract`, straight-line code) of its own, a *site* a place in a root that needs an element.
A producer is computed at its sites, and never stored, when that repeats no work worth mentioning.

Note [Late reads]: computing a producer at its site reads its operands later than the program does. Where
something in between writes over such an operand, the read would force a copy of all of it, so the producer
stays where it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from xdsl.dialects import arith, func, scf, tensor
from xdsl.dialects.builtin import TensorType
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Block, BlockArgument, Operation, SSAValue

from dialectad.rewrite import constants, elementwise
from dialectad.rewrite.effects import is_inout
from dialectad.rewrite.elementwise import UNIFORM, ZERO, Access

_COST_TO_DUPLICATE = 4
"""Up to this cost an element is computed at several sites."""

_COST_TO_REPEAT = 2
"""Up to this cost an element is computed once for each iteration of loops that it doesn't depend on."""

_LARGEST_BODY = 200
_MANY = 1000
_MOST_SITES = 8


class Site(NamedTuple):
    """Where an element is needed: in a root, at an access in terms of the root's loops."""

    root: Operation
    access: Access


@dataclass
class Plan:
    """The roots, and the ops that are computed at their sites."""

    roots: list[Operation] = field(default_factory=list)
    "Backwards."
    inlined: set[Operation] = field(default_factory=set)

    _order: dict[Operation, int] = field(default_factory=dict)
    _depth: dict[Block, int] = field(default_factory=dict)
    "How many loops there are around a block."
    _cost: dict[Operation, int] = field(default_factory=dict)
    "Of one element, with that of the operands that may be inlined."
    _inlinable: dict[Operation, bool] = field(default_factory=dict)
    _overwritten: dict[SSAValue, list[int]] = field(default_factory=dict)
    "When something writes over a tensor."
    _sites: dict[SSAValue, list[Site]] = field(default_factory=dict)
    _fused_uses: dict[SSAValue, int] = field(default_factory=dict)
    _extents: dict[Operation, tuple[int, ...]] = field(default_factory=dict)
    "Of the loops of a root."
    _body_size: dict[Operation, int] = field(default_factory=dict)

    def make(self, function: Operation) -> None:
        """Decide on everything inside of `function`."""
        for region in function.regions:
            for block in region.blocks:
                self._enter(block, 0)
        for op in reversed(list(self._order)):
            self._decide(op)

    # --- forwards: order, loops, costs ---

    def _enter(self, block: Block, depth: int) -> None:
        self._depth[block] = depth
        for op in block.ops:
            self._order[op] = now = len(self._order)
            self._element_cost(op)  # here, where the operands' are known: a chain may be long
            for dest in elementwise.destinations(op):
                if isinstance(dest.type, TensorType):
                    whole = elementwise.base(dest)
                    if _is_overwritten(whole):
                        self._overwritten.setdefault(whole, []).append(now)
            if type(op) is scf.ForOp or type(op) is scf.WhileOp:
                inner = depth + 1
            elif type(op) is scf.IfOp:
                inner = depth
            else:
                continue
            for region in op.regions:
                for b in region.blocks:
                    self._enter(b, inner)

    def _element_cost(self, op: Operation) -> int:
        known = self._cost.get(op)
        if known is None:
            known = elementwise.cost(op)
            for operand, _ in elementwise.reads(op) or ():
                owner = operand.owner
                if isinstance(owner, Operation) and owner in self._order and self._may_be_inlined(owner):
                    known += self._element_cost(owner)
            self._cost[op] = known = min(known, _MANY)
        return known

    def _may_be_inlined(self, op: Operation) -> bool:
        if (known := self._inlinable.get(op)) is None:
            known = self._inlinable[op] = self._is_only_fused(op)
        return known

    @staticmethod
    def _is_only_fused(op: Operation) -> bool:
        if elementwise.reads(op) is None:
            return False
        for use in op.results[0].uses:
            user = use.operation
            fused = elementwise.reads(user) is not None or isinstance(
                user, tensor.ExtractOp | linalg.ReduceOp | linalg.GenericOp
            )
            if not fused:
                return False
        return True

    # --- backwards: sites and decisions ---

    def _decide(self, op: Operation) -> None:
        if isinstance(op, tensor.ExtractOp):
            self._extents[op] = ()
            self._read(op.tensor, [Site(op, tuple(op.indices))])
            self.roots.append(op)
            return
        if isinstance(op, linalg.ReduceOp):
            shape = _shape(op.input)
            self._extents[op] = shape
            self._read(op.input, [Site(op, tuple(range(len(shape))))])
            self.roots.append(op)
            return
        reads = elementwise.reads(op)
        if reads is None:
            if isinstance(op, linalg.GenericOp) and op.results:
                self._root_generic(op)
            return
        if type(op) in UNIFORM and constants.uniform_source(op.results[0]) is None:
            if constants.uniform(op.results[0]) is not None:
                self.inlined.add(op)
            return
        result = op.results[0]
        sites = self._sites.pop(result, [])
        stored = result.uses.get_length() > self._fused_uses.pop(result, 0)
        inlined = self._is_inlined(op, sites, stored)
        if inlined:
            self.inlined.add(op)
            for site in sites:
                self._body_size[site.root] = self._body_size.get(site.root, 0) + 1
        if type(op) in UNIFORM or (inlined and not stored):
            new_sites = sites
        elif type(op) in elementwise.RESHAPES:
            return  # stored, hence a view of what is stored
        else:
            self.roots.append(op)
            shape = _shape(result)
            self._extents[op] = shape
            own = Site(op, tuple(range(len(shape))))
            new_sites = [*sites, own] if inlined else [own]
        for value, access in reads:
            self._read(value, [Site(s.root, elementwise.compose(access, s.access)) for s in new_sites])

    def _root_generic(self, op: linalg.GenericOp) -> None:
        extents = [ZERO] * len(op.iterator_types)
        accesses = [elementwise.access_of(m.data) for m in op.indexing_maps]
        for value, access in zip(op.operands, accesses, strict=True):
            if isinstance(value.type, TensorType):
                for index, extent in zip(access, value.type.get_shape(), strict=True):
                    if isinstance(index, int) and index != ZERO:
                        extents[index] = extent
        self._extents[op] = tuple(extents)
        self.roots.append(op)
        for value, access in zip(op.inputs, accesses, strict=False):
            if isinstance(value.type, TensorType):
                self._read(value, [Site(op, access)])

    def _read(self, value: SSAValue, sites: list[Site]) -> None:
        self._fused_uses[value] = self._fused_uses.get(value, 0) + 1
        known = self._sites.setdefault(value, [])
        for site in sites:
            if len(known) <= _MOST_SITES and site not in known:
                known.append(site)

    def _is_inlined(self, op: Operation, sites: list[Site], stored: bool) -> bool:
        """Whether to compute `op` at all of `sites`."""
        if type(op) in UNIFORM:
            return True
        if stored and type(op) is not linalg.BroadcastOp:
            return False
        if len(sites) > _MOST_SITES or any(self._reads_late(op, site) for site in sites):
            return False
        if any(self._body_size.get(site.root, 0) >= _LARGEST_BODY for site in sites):
            return False
        cost = self._element_cost(op)
        if any(self._is_in_loop(op, site) for site in sites):
            return cost == 0
        if any(self._is_repeated(site) for site in sites):
            return cost <= _COST_TO_REPEAT
        return len(sites) <= 1 or cost <= _COST_TO_DUPLICATE

    def _is_in_loop(self, op: Operation, site: Site) -> bool:
        assert op.parent is not None
        assert site.root.parent is not None
        return self._depth[site.root.parent] > self._depth[op.parent]

    def _is_repeated(self, site: Site) -> bool:
        return any(
            extent != 1 and loop not in site.access for loop, extent in enumerate(self._extents[site.root])
        )

    def _reads_late(self, op: Operation, site: Site) -> bool:
        """Note [Late reads]."""
        if not self._overwritten:
            return False
        then, now = self._order[site.root], self._order[op]
        for operand in op.operands:
            if isinstance(operand.type, TensorType):
                for when in self._overwritten.get(elementwise.base(operand), ()):
                    if now < when <= then:
                        return True
        return False


def _is_overwritten(value: SSAValue) -> bool:
    """Whether one that wants to write over `value` may, and does so in place.

    Constants and the arguments of functions are copied first, and an empty tensor has nothing to read.
    """
    if isinstance(value, BlockArgument):
        function = value.block.parent_op()
        return not isinstance(function, func.FuncOp) or is_inout(function, value.index)
    return not isinstance(value.owner, tensor.EmptyOp | arith.ConstantOp)


def _shape(value: SSAValue) -> tuple[int, ...]:
    assert isinstance(value.type, TensorType)
    return value.type.get_shape()
