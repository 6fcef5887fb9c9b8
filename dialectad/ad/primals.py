"""The one door to primal values in the reverse sweep.

A rule asks for the value of a primal `v`; the door finds the cheapest way to give it:

1. `v` is still in scope (it belongs to the function's top block), or was given before in this block.
2. `v` is recomputed from values that are available: constants, index arithmetic, views and splats, reads
   from a tensor that is available, short elementwise chains.
3. `v` is cached: pushed where it is computed, popped where the reverse of that block starts.

Note [Loop caches]
~~~~~~~~~~~~~~~~~~
A cache holds one value, so its pushes come in the order of the forward loops and its pops in the reverse
order, whatever else is cached. It is created in the function's top block, before the outermost loop around
the value, and gets a capacity if all the loops around are counted and their bounds known there:

    %c = ad.cache(%n)                          before the loop nest
    scf.for %i ... { %v = ...; ad.push(%c, %v) }
    scf.for %k ... { %v = ad.pop(%c); ... }    the reverse loop

Everything that the door builds goes to the *prologue* of the reverse block, so it dominates all uses.

Memory may have been overwritten since. A load is repeated where its memory survives (see `memory.py`), and
cached like any value where it doesn't; `content` gives memory as a whole, itself or a copy of it. The door
also knows where the *shadow* of memory is, which holds its cotangents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from xdsl.dialects import arith, llvm, math, memref, scf, tensor
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    BoolAttr,
    LocationAttr,
    MemRefType,
    StringAttr,
    UnitAttr,
    UnrealizedConversionCastOp,
    i8,
)
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.rewriter import InsertPoint

from dialectad import locations
from dialectad.ad.algebra import INDEX, Emitter
from dialectad.ad.choose import Graph, size_of
from dialectad.ad.extents import extents
from dialectad.ad.known import replace_known
from dialectad.ad.memory import VIEWS, Memory
from dialectad.dialects import llvm as more_llvm
from dialectad.dialects.ad import MIRRORED, REASON, CacheOp, CacheType, PopOp, PushOp, ReserveOp

_INTEGER_OPS: tuple[type[Operation], ...] = (
    *(arith.AddiOp, arith.SubiOp, arith.MuliOp, arith.DivSIOp, arith.DivUIOp, arith.RemSIOp, arith.RemUIOp),
    *(arith.FloorDivSIOp, arith.CeilDivSIOp, arith.CeilDivUIOp, arith.MinSIOp, arith.MaxSIOp),
    *(arith.MinUIOp, arith.MaxUIOp, arith.AndIOp, arith.OrIOp, arith.XOrIOp, arith.ShLIOp, arith.ShRSIOp),
    *(arith.ShRUIOp, arith.CmpiOp, arith.IndexCastOp, arith.ExtSIOp, arith.ExtUIOp, arith.TruncIOp),
)
_FLOAT_OPS: tuple[type[Operation], ...] = (
    *(arith.AddfOp, arith.SubfOp, arith.MulfOp, arith.NegfOp, arith.CmpfOp, arith.MaximumfOp),
    *(arith.MinimumfOp, arith.MaxnumfOp, arith.MinnumfOp, arith.FPToSIOp, arith.FPToUIOp, math.AbsFOp),
    *(math.FloorOp, math.CeilOp, math.CopySignOp, math.FmaOp),
)

CHEAP: frozenset[type[Operation]] = frozenset(
    (
        *_INTEGER_OPS,
        *_FLOAT_OPS,
        *(arith.ConstantOp, arith.SelectOp, arith.TruncFOp, linalg.IndexOp),
        *(tensor.EmptyOp, tensor.DimOp, tensor.ExtractOp, tensor.ExtractSliceOp),
        *(memref.LoadOp, memref.DimOp, memref.GetGlobalOp, llvm.LoadOp, llvm.ZeroOp, llvm.AddressOfOp),
    )
)
"""What is recomputed where its operands are available; a load, where its memory survives."""

SPREADING: frozenset[type[Operation]] = frozenset(
    (
        *(tensor.SplatOp, tensor.CollapseShapeOp, tensor.ExpandShapeOp, tensor.CastOp),
        *(linalg.BroadcastOp, linalg.TransposeOp, linalg.FillOp),
        *(arith.ExtFOp, arith.SIToFPOp, arith.UIToFPOp),
        *VIEWS,
    )
)
"""What is always recomputed, since its operand is no bigger than its result and so the better to cache. A
view can't be cached at all."""


@dataclass
class Scope:
    """A block of the forward sweep while its reverse is being built."""

    forward: Block
    marker: Operation
    """Ends the prologue of the reverse block."""
    values: dict[SSAValue, SSAValue] = field(default_factory=dict)
    """What the door has given so far, or a placeholder of it."""
    placeholders: dict[SSAValue, Operation] = field(default_factory=dict)
    """What is still to be decided: see Note [Deciding late]."""
    shadows: dict[SSAValue, SSAValue] = field(default_factory=dict)
    """The shadows of memory that has its name from this block, or placeholders."""
    undecided: list[tuple[Operation, Callable[[], SSAValue]]] = field(default_factory=list)
    """Placeholders of memory that needs primal values, and how to make it."""
    deciding: bool = False
    lazy: dict[SSAValue, Callable[[], SSAValue]] = field(default_factory=dict)
    """How to recompute a block argument (a loop's index)."""

    @property
    def prologue(self) -> InsertPoint:
        return InsertPoint.before(self.marker)


class Primals:
    def __init__(self, top: Block, emitter: Emitter):
        self.top = top
        self.emitter = emitter
        self.memory = Memory(top)
        self.arguments = frozenset(top.args)
        """Those of the primal function; cotangents are added later."""
        self.scopes: dict[Block, Scope] = {}
        self.finally_: list[Operation] = []
        """What has to be done when the reverse sweep has ended."""

    @contextmanager
    def scope(self, forward: Block, reverse: Block) -> Iterator[Scope]:
        """Build the reverse of block `forward` into the (still empty) block `reverse`."""
        marker = UnrealizedConversionCastOp.create()
        reverse.add_op(marker)
        scope = self.scopes[forward] = Scope(forward, marker)
        with self.emitter.inside(reverse):
            yield scope
        self._decide(scope)
        del self.scopes[forward]
        marker.detach()
        marker.erase()

    # The door

    def value(self, value: SSAValue) -> SSAValue:
        """The value of a primal `value`, in the reverse sweep."""
        scope = self.scopes.get(_block_of(value))
        if scope is None:
            return value
        if (known := scope.values.get(value)) is None:
            known = scope.values[value] = self._give(value, scope)
        return known

    def content(self, op: Operation, memory: SSAValue, *, after: bool = False) -> SSAValue:
        """Memory that holds what the memref `memory` held when `op` ran, or had run.

        What `op` itself writes over it isn't there any more, other than in what it held after that.
        """
        if self.memory.survives(memory, op):
            return self.value(memory)
        assert isinstance(memory.type, MemRefType)
        type_ = MemRefType(memory.type.element_type, memory.type.shape)

        def save(to: SSAValue) -> None:
            self.emitter.insert(memref.CopyOp(memory, to))

        point = InsertPoint.after(op) if after else InsertPoint.before(op)
        return self._saved(op, type_, extents(memory), save, point)

    def bytes(self, op: Operation, pointer: SSAValue, size: SSAValue) -> SSAValue:
        """A pointer to `size` bytes (a value of the forward sweep) as they were when `op` ran."""

        def save(to: SSAValue) -> None:
            cast = UnrealizedConversionCastOp.create(operands=[to], result_types=[pointer.type])
            operands = [self.emitter.emit(cast), pointer, size]
            volatile = {"isVolatile": BoolAttr.from_bool(False)}
            self.emitter.insert(more_llvm.MemcpyOp.create(operands=operands, properties=volatile))

        with self.emitter.at(InsertPoint.before(op)):
            count = self.emitter.emit(arith.IndexCastOp(size, INDEX))
        saved = self._saved(op, MemRefType(i8, [DYNAMIC_INDEX]), [count], save, InsertPoint.before(op))
        return self.emitter.emit(
            UnrealizedConversionCastOp.create(operands=[saved], result_types=[pointer.type])
        )

    def _saved(
        self,
        op: Operation,
        type_: MemRefType,
        sizes: list[SSAValue],
        save: Callable[[SSAValue], None],
        point: InsertPoint,
    ) -> SSAValue:
        """Memory that `save` fills at `point`, beside `op`, in the reverse sweep."""
        assert op.parent is not None
        with self.emitter.at(point):
            if (scope := self.scopes.get(op.parent)) is None:
                copy = self.emitter.emit(memref.AllocOp(sizes, [], type_))
                save(copy)
                self.finally_.append(memref.DeallocOp.get(copy))
                return copy
            cache, location = self._cache(op, type_, f"{op.name} needs all of it, and it is written again")
            slot = ReserveOp(cache, sizes, type_)
            slot.location = location
            save(self.emitter.emit(slot))
        return self._later(
            scope, type_, lambda: self._pop(scope, cache, [self.value(size) for size in sizes], location)
        )

    def shadow(self, memory: SSAValue, make: Callable[[], SSAValue]) -> SSAValue:
        """The shadow of memory that has its name from a block; `make` makes it where it is first needed."""
        scope = self.scopes[_block_of(memory)]
        if (known := scope.shadows.get(memory)) is None:
            known = scope.shadows[memory] = self._later(
                scope, memory.type, make if scope.deciding else lambda: self.shadow(memory, make)
            )
        return known

    def _later(self, scope: Scope, type_: Attribute, make: Callable[[], SSAValue]) -> SSAValue:
        """What `make` makes when all primal values are decided on, or a placeholder of it."""
        with self.emitter.at(scope.prologue):
            if scope.deciding:
                return make()
            placeholder = UnrealizedConversionCastOp.create(result_types=[type_])
            scope.undecided.append((placeholder, make))
            return self.emitter.emit(placeholder)

    def sizes(self, value: SSAValue) -> list[SSAValue]:
        """The dynamic extents of a primal `value`, in the reverse sweep."""
        return [self.value(size) for size in extents(value)]

    def _give(self, value: SSAValue, scope: Scope) -> SSAValue:
        with self.emitter.at(scope.prologue):
            if (lazy := scope.lazy.get(value)) is not None:
                return lazy()
            if scope.deciding or isinstance(value.owner, arith.ConstantOp):
                return self._compute(value, scope)
            placeholder = UnrealizedConversionCastOp.create(result_types=[value.type])
            scope.placeholders[value] = placeholder
            return self.emitter.emit(placeholder)

    # Note [Deciding late]
    # ~~~~~~~~~~~~~~~~~~~~
    # Rules ask for values in reverse order, but what should be cached shows in forward order: with
    # `p = s * w` and `s` both asked for, caching `s` is enough if it is decided on first. So the door gives
    # placeholders, and when the reverse of the block is complete, decides on all of them: on scalars as a
    # whole (see `choose.py`), then on what is left in the order of definition.

    def _decide(self, scope: Scope) -> None:
        reverse = scope.marker.parent
        assert reverse is not None
        replace_known(reverse, scope.forward, self._primals(), self.value)
        scope.deciding = True
        asked: list[SSAValue] = [arg for arg in scope.forward.args if arg in scope.placeholders]
        asked += [r for op in scope.forward.ops for r in op.results if r in scope.placeholders]
        for value in asked:
            del scope.values[value]
        self._choose(scope, {scope.placeholders[value].results[0]: value for value in asked})
        for value in asked:
            placeholder = scope.placeholders[value]
            if placeholder.results[0].first_use is None:
                placeholder.detach()
                placeholder.erase()
                continue
            with self.emitter.deriving(_location_op(value)):
                _replace(placeholder, self.value(value))
        scope.shadows.clear()
        for placeholder, make in scope.undecided:
            with self.emitter.at(scope.prologue):
                _replace(placeholder, make())

    def _choose(self, scope: Scope, asked: dict[SSAValue, SSAValue]) -> None:
        """Cache what is best cached of the scalars that were asked for, and of the partials made of them."""
        top = self._outermost(scope.forward)

        def is_free(value: SSAValue) -> bool:
            return (
                _block_of(value) is not scope.forward
                or value in scope.lazy
                or isinstance(value.owner, arith.ConstantOp)
            )

        def operands(value: SSAValue) -> list[SSAValue] | None:
            op = value.owner
            if not isinstance(op, Operation) or not self._is_cheap(op):
                return None
            lost = [operand for operand in op.operands if not is_free(operand)]
            scalars = [operand for operand in lost if size_of(operand.type) is not None]
            others = [operand for operand in lost if size_of(operand.type) is None]
            return scalars if all(self._available(other, {}) for other in others) else None

        def in_scope(value: SSAValue) -> bool:
            owner = value.owner
            if isinstance(owner, Block):
                return value in self.arguments
            return owner.parent is self.top and owner.is_before_in_block(top)

        outer = {p: v for p, v in self._primals().items() if _block_of(v) is not scope.forward}
        graph = Graph(asked, outer, operands, is_free, in_scope)
        reverse = scope.marker.parent
        assert reverse is not None
        moved: dict[SSAValue, SSAValue] = {}
        chosen = graph.cut(reverse)
        for value in chosen:
            if value in graph.partials:
                with self.emitter.deriving(_location_op(value)):
                    graph.move(value, scope.forward, moved)
        for value in chosen:
            with self.emitter.deriving(_location_op(value)):
                if value in graph.partials:
                    value.replace_all_uses_with(self._cached(moved[value], scope))
                else:
                    scope.values[value] = self._cached(value, scope)
        graph.prune(keep=set(scope.values.values()))

    def _primals(self) -> dict[SSAValue, SSAValue]:
        """The placeholders of all blocks whose reverse is being built, and what they stand for."""
        return {
            placeholder.results[0]: value
            for scope in self.scopes.values()
            for value, placeholder in scope.placeholders.items()
        }

    def _compute(self, value: SSAValue, scope: Scope) -> SSAValue:
        op = value.owner
        if isinstance(op, Operation) and self._can_recompute(op, {}):
            mapper = {operand: self.value(operand) for operand in op.operands}
            self.emitter.insert(clone := op.clone(mapper))
            return clone.results[value.index]  # pyright: ignore[reportAttributeAccessIssue]
        return self._cached(value, scope)

    def _can_recompute(self, op: Operation, seen: dict[SSAValue, bool]) -> bool:
        if type(op) in SPREADING:
            return True
        return self._is_cheap(op) and all(self._available(operand, seen) for operand in op.operands)

    def _is_cheap(self, op: Operation) -> bool:
        """Whether `op` may be recomputed if its operands are there."""
        if isinstance(op, memref.LoadOp | llvm.LoadOp):
            return self.memory.survives(op.operands[0], op)
        return type(op) in CHEAP or type(op) in SPREADING

    def _available(self, value: SSAValue, seen: dict[SSAValue, bool]) -> bool:
        """Whether `value` can be had without a cache of its own."""
        if (known := seen.get(value)) is None:
            scope = self.scopes.get(_block_of(value))
            known = (
                scope is None
                or value in scope.values
                or value in scope.lazy
                or (isinstance(op := value.owner, Operation) and self._can_recompute(op, seen))
            )
            seen[value] = known
        return known

    # See Note [Loop caches]

    def _cached(self, value: SSAValue, scope: Scope) -> SSAValue:
        sizes = self.sizes(value)
        cache, location = self._cache(value.owner, value.type, self._reason(value))
        push = PushOp(cache, value)
        push.location = location
        at = InsertPoint.at_start(o) if isinstance(o := value.owner, Block) else InsertPoint.after(o)
        self.emitter.builder.insert(push, at)
        return self._pop(scope, cache, sizes, location)

    def _reason(self, value: SSAValue) -> str:
        """Why `value` is cached."""
        op = value.owner
        if isinstance(op, Block):
            return "the loop changes it"
        if isinstance(op, memref.LoadOp | llvm.LoadOp):
            return "its memory is written again before the reverse sweep"
        if op.regions:
            return "it is the result of a loop or a branch"
        if not self._is_cheap(op):
            return f"{op.name} costs more to do again than to keep"
        return "what it is computed of would have to be cached, and takes no less memory"

    def _cache(self, at: Operation | Block, type_: Attribute, reason: str) -> tuple[SSAValue, LocationAttr]:
        """A new cache for what there is at an op, or at the start of a block; and the location of its ops."""
        block = at if isinstance(at, Block) else at.parent
        assert block is not None
        outermost = self._outermost(block)
        location = locations.UNKNOWN if isinstance(at, Block) else at.location
        if location == locations.UNKNOWN:
            location = outermost.location
        location = locations.derived("cache", location)
        with self.emitter.at(InsertPoint.before(outermost)):
            cache = CacheOp(type_, self._capacity(block, outermost))
            cache.location = location
            cache.attributes |= {MIRRORED: UnitAttr(), REASON: StringAttr(reason)}
            return self.emitter.emit(cache), location

    def _pop(self, scope: Scope, cache: SSAValue, sizes: list[SSAValue], location: LocationAttr) -> SSAValue:
        assert isinstance(cache.type, CacheType)
        pop = PopOp(cache, sizes, cache.type.element_type)
        pop.location = location
        with self.emitter.at(scope.prologue):
            return self.emitter.emit(pop)

    def _outermost(self, block: Block) -> Operation:
        op = block.parent_op()
        while op is not None and op.parent is not self.top:
            op = op.parent_op()
        assert op is not None
        return op

    def _capacity(self, block: Block, outermost: Operation) -> SSAValue | None:
        """How often `block` runs, if that is known before `outermost`."""
        capacity: SSAValue | None = None
        op = block.parent_op()
        while op is not None:
            if isinstance(op, scf.WhileOp):
                return None
            if isinstance(op, scf.ForOp):
                bounds = [self._hoisted(v) for v in (op.lb, op.ub, op.step)]
                if any(b is None for b in bounds):
                    return None
                trips = trip_count(self.emitter, *bounds)  # pyright: ignore[reportArgumentType]
                zero = self.emitter.integer(0, trips.type)  # pyright: ignore[reportArgumentType]
                trips = self.emitter.emit(arith.MaxSIOp(trips, zero))
                if trips.type != INDEX:
                    trips = self.emitter.emit(arith.IndexCastOp(trips, INDEX))
                capacity = trips if capacity is None else self.emitter.emit(arith.MuliOp(capacity, trips))
            if op is outermost:
                break
            op = op.parent_op()
        return self.emitter.integer(1) if capacity is None else capacity

    def _hoisted(self, value: SSAValue) -> SSAValue | None:
        """`value` at the emitter's insertion point in the top block, if it doesn't depend on a loop."""
        if _block_of(value) is self.top:
            return value
        op = value.owner
        if type(op) not in CHEAP or isinstance(op, memref.LoadOp | llvm.LoadOp):
            return None
        assert isinstance(op, Operation)
        operands = [self._hoisted(operand) for operand in op.operands]
        if any(operand is None for operand in operands):
            return None
        clone = op.clone()
        clone.operands = operands  # pyright: ignore[reportAttributeAccessIssue]
        self.emitter.insert(clone)
        return clone.results[value.index]  # pyright: ignore[reportAttributeAccessIssue]


def _replace(placeholder: Operation, value: SSAValue) -> None:
    placeholder.results[0].replace_all_uses_with(value)
    placeholder.detach()
    placeholder.erase()


def _location_op(value: SSAValue) -> Operation:
    """The op from which what is built for `value` derives."""
    op = value.owner.parent_op() if isinstance(value.owner, Block) else value.owner
    assert op is not None
    return op


def _block_of(value: SSAValue) -> Block:
    owner = value.owner
    block = owner if isinstance(owner, Block) else owner.parent
    assert block is not None
    return block


def constant_of(value: SSAValue) -> int | None:
    """The integer that `value` is, if it is a constant."""
    op = value.owner
    if isinstance(op, arith.ConstantOp) and hasattr(op.value, "value"):
        number = op.value.value.data  # pyright: ignore[reportAttributeAccessIssue]
        return number if isinstance(number, int) else None
    return None


def trip_count(emitter: Emitter, lb: SSAValue, ub: SSAValue, step: SSAValue) -> SSAValue:
    """How often `scf.for lb to ub step step` runs; not positive if it doesn't."""
    extent = ub if constant_of(lb) == 0 else emitter.emit(arith.SubiOp(ub, lb))
    return extent if constant_of(step) == 1 else emitter.emit(arith.CeilDivSIOp(extent, step))
