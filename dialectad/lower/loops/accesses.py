"""What the iterations of an innermost loop do to memory, and which of its loads and stores may meet.

A *place* is where memory comes from: an argument, an allocation, a part of an arena, a slot of a cache. Two
accesses of one place meet if the dependence test (`ad/dependence.py`) finds iterations in which their
addresses are the same; accesses of different places meet unless these are known to be apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from xdsl.dialects import func, llvm, memref, scf
from xdsl.dialects.builtin import MemRefType, ModuleOp
from xdsl.ir import Attribute, Block, BlockArgument, Operation, SSAValue

from dialectad.ad.dependence import Access, access, linear, may_meet
from dialectad.ad.memory import VIEWS
from dialectad.ad.polyhedron import ONE, Linear, plus
from dialectad.dialects import ad
from dialectad.lower.llvm.function import byte_size
from dialectad.lower.llvm.requests import differentiated
from dialectad.lower.llvm.scopes import byte_range
from dialectad.lower.plan_memory import ARENA
from dialectad.rewrite.effects import SCALAR, TERMINATORS
from dialectad.walk import walk

LOADS, STORES = (memref.LoadOp, llvm.LoadOp), (memref.StoreOp, llvm.StoreOp)

_GLOBALS = memref.GetGlobalOp | llvm.AddressOfOp

_ARITHMETIC = frozenset((*SCALAR, *VIEWS, *TERMINATORS, memref.DimOp, llvm.ICmpOp, llvm.SelectOp))

_MOST = 40
"""Accesses beyond which a loop isn't looked at: pairs of them are compared."""


@dataclass(frozen=True, eq=False)
class Touch:
    """A load or store in a loop."""

    op: Operation
    place: SSAValue
    at: Access | None
    """Where in its place, if that is linear."""

    @property
    def stores(self) -> bool:
        return isinstance(self.op, STORES)

    @property
    def address(self) -> Linear:
        assert self.at is not None
        return self.at.start


def innermost_loops(module: ModuleOp) -> list[scf.ForOp]:
    """The loops without loops in them, where nothing is differentiated any more."""
    waiting = differentiated(module)
    found: list[scf.ForOp] = []
    for function in module.ops:
        if isinstance(function, func.FuncOp) and function.sym_name.data not in waiting:
            _collect_innermost(function, found)
    return found


def _collect_innermost(op: Operation, found: list[scf.ForOp]) -> bool:
    """Add the innermost loops in `op` to those found; gives whether there are any loops in it."""
    loops = False
    for region in op.regions:
        for block in region.blocks:
            for inner in block.ops:
                if not inner.regions:
                    continue
                has_loops = _collect_innermost(inner, found)
                if isinstance(inner, scf.ForOp) and not has_loops:
                    found.append(inner)
                loops |= has_loops or isinstance(inner, scf.ForOp | scf.WhileOp)
    return loops


def _within(loop: scf.ForOp) -> Iterator[Operation]:
    return (op for op in walk(loop.body.block))


def touches(loop: scf.ForOp) -> list[Touch] | None:
    """The loads and stores of a loop in program order; None if it does more to memory, or too much."""
    found: list[Touch] = []
    for op in _within(loop):
        if isinstance(op, LOADS):
            pointer = op.ptr if isinstance(op, llvm.LoadOp) else op.memref
            found.append(Touch(op, place_of(pointer), _access(op)))
        elif isinstance(op, STORES):
            pointer = op.ptr if isinstance(op, llvm.StoreOp) else op.memref
            found.append(Touch(op, place_of(pointer), _access(op)))
        elif type(op) not in _ARITHMETIC and not isinstance(op, scf.IfOp):
            return None
    return found if len(found) <= _MOST else None


def _access(op: Operation) -> Access | None:
    """Where an op reads or writes, in bytes from where its place begins."""
    found = access(op, parts=True)
    if found is None or not isinstance(op, memref.LoadOp | memref.StoreOp):
        return found
    assert isinstance(op.memref.type, MemRefType)
    size = byte_size(op.memref.type.element_type)
    return Access(op, plus({}, found.start, size), size)


def place_of(value: SSAValue) -> SSAValue:
    """Where a memref or pointer comes from; a part of an arena is a place of its own."""
    while isinstance(owner := value.owner, Operation) and type(owner) in VIEWS:
        if isinstance(owner, memref.ViewOp):
            break
        value = owner.operands[0]
    return value


def may_be_same(a: SSAValue, b: SSAValue) -> bool:
    """Whether two places may have memory in common."""
    if a is b:
        return True
    if not (_is_own(a) and _is_own(b)):
        return True
    if isinstance(a.owner, _GLOBALS) and isinstance(b.owner, _GLOBALS):
        return a.owner.properties == b.owner.properties
    one, other = _range(a), _range(b)
    if one is not None and other is not None:
        return one[0] is other[0] and not (one[2] <= other[1] or other[2] <= one[1])
    return _cache(a) is not None and _cache(a) is _cache(b)


def _is_own(place: SSAValue) -> bool:
    owner = place.owner
    if isinstance(owner, Block):
        function = owner.parent_op()
        return isinstance(function, func.FuncOp) and (
            not isinstance(place.type, llvm.LLVMPointerType) or "llvm.noalias" in known_of(function, place)
        )
    if isinstance(owner, memref.ViewOp):
        return _range(place) is not None
    if isinstance(owner, memref.AllocOp):
        return ARENA not in owner.attributes
    return isinstance(owner, memref.AllocaOp | ad.ReserveOp | ad.PopOp | _GLOBALS)


def known_of(function: func.FuncOp, argument: SSAValue) -> dict[str, Attribute]:
    """The attributes of an argument."""
    assert isinstance(argument, BlockArgument)
    return dict(function.arg_attrs.data[argument.index].data) if function.arg_attrs is not None else {}


def _range(place: SSAValue) -> tuple[SSAValue, int, int] | None:
    """An arena, and the bytes of it that a part has."""
    owner = place.owner
    if not isinstance(owner, memref.ViewOp) or not isinstance(owner.source.owner, memref.AllocOp):
        return None
    bytes_ = byte_range(owner)
    return None if bytes_ is None else (owner.source, *bytes_)


def _cache(place: SSAValue) -> SSAValue | None:
    owner = place.owner
    return owner.operands[0] if isinstance(owner, ad.ReserveOp | ad.PopOp) else None


def is_before(value: SSAValue, loop: scf.ForOp) -> bool:
    """Whether a value is there before the loop."""
    owner = value.owner
    block = owner if isinstance(owner, Block) else owner.parent
    while block is not None:
        if block is loop.body.block:
            return False
        parent = block.parent_op()
        block = parent.parent if parent is not None else None
    return True


@dataclass(frozen=True)
class Meetings:
    """Which accesses of a loop touch the same memory in which iterations."""

    loop: scf.ForOp
    where: tuple[Linear, ...] = ()
    """What else is known to hold (>= 0), in every iteration that is asked about."""
    _known: dict[object, bool] = field(default_factory=dict, init=False, repr=False, compare=False)
    """Answers by where two accesses are: a load and a store of one element ask the same."""

    def any(self, a: Touch, b: Touch) -> bool:
        """In any iterations."""
        return self.apart(a, b) or self.together(a, b)

    def apart(self, a: Touch, b: Touch) -> bool:
        """In different iterations."""
        return self.later(a, b) or self.later(b, a)

    def later(self, a: Touch, b: Touch) -> bool:
        """`b` in a later iteration than `a`."""
        return self._meet(a, b, same=False)

    def together(self, a: Touch, b: Touch) -> bool:
        """In one iteration."""
        return self._meet(a, b, same=True)

    def _meet(self, a: Touch, b: Touch, *, same: bool) -> bool:
        if not may_be_same(a.place, b.place):
            return False
        if a.at is None or b.at is None or a.place is not b.place or not is_before(a.place, self.loop):
            return True
        if (known := self._by_distance(a.at, b.at, same)) is not None:
            return known
        key = frozenset(a.at.start.items()), a.at.width, frozenset(b.at.start.items()), b.at.width, same
        if key not in self._known:
            self._known[key] = may_meet(a.at, b.at, self.loop, same=same, where=self.where)
        return self._known[key]

    def _by_distance(self, a: Access, b: Access, same: bool) -> bool | None:
        """The answer where the addresses advance equally and are a constant apart, the common case."""
        distance = plus(b.start, a.start, -1)
        if not set(distance) <= {ONE} or not all(is_invariant(v, self.loop) for v in a.start):
            return None
        gap = distance.get(ONE, 0)
        if same:
            return -b.width < gap < a.width
        step, trips = constant(self.loop.step), trip_count(self.loop)
        advance = a.start.get(index_of(self.loop), 0) * (step or 0)
        if step is None or self.where:
            return None
        if not advance:
            return -b.width < gap < a.width and trips != 1
        ahead, behind = (a.width, b.width) if advance > 0 else (b.width, a.width)
        gap, advance = (gap, advance) if advance > 0 else (-gap, -advance)
        # -behind < gap + k * advance < ahead for a k from 1 on
        first, last = (-behind - gap) // advance + 1, -((gap - ahead) // advance) - 1
        return max(first, 1) <= (last if trips is None else min(last, trips - 1))


def is_invariant(variable: object, loop: scf.ForOp) -> bool:
    """Whether a variable of an address is the index, or the same in every iteration."""
    if not isinstance(variable, SSAValue):
        return True
    return variable is index_of(loop) or is_before(variable, loop)


def is_fixed(touch: Touch, loop: scf.ForOp) -> bool:
    """Whether the address is the same in every iteration."""
    return (
        touch.at is not None
        and index_of(loop) not in touch.address
        and all(is_invariant(v, loop) for v in touch.address)
    )


def index_of(loop: scf.ForOp) -> SSAValue:
    return loop.body.block.args[0]


def constant(value: SSAValue) -> int | None:
    found = linear(value)
    return found.get(ONE, 0) if set(found) <= {ONE} else None


def trip_count(loop: scf.ForOp) -> int | None:
    """How often a loop runs, if its bounds are constants."""
    low, high, step = constant(loop.lb), constant(loop.ub), constant(loop.step)
    return len(range(low, high, step)) if low is not None and high is not None and step else None


def conflicts(found: Iterable[Touch], meetings: Meetings) -> list[tuple[Touch, Touch]]:
    """The pairs, a store and another access, that touch the same memory in different iterations."""
    every = list(found)
    return [
        (a, b)
        for i, a in enumerate(every)
        for b in every[i:]
        if (a.stores or b.stores) and meetings.apart(a, b)
    ]
