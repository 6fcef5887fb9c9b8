"""`convert-linalg-to-loops`: structured ops on memrefs become `scf.for` nests with scalar bodies.

    linalg.generic {maps, iterators = [parallel, reduction]} ins(%a) outs(%s) { ^(%x, %acc): ...; yield %r }
    ->
    scf.for %i { %0 = load %s[%i]; %1 = scf.for %j iter_args(%acc = %0) { ...; yield %r }; store %1, %s[%i] }

Three things are chosen with the machine in mind (see `Nest`): dimensions that every operand walks through
without a gap are collapsed to one; the loop with the most contiguous accesses goes innermost; and what a
reduction accumulates stays in a register while the loops that it doesn't depend on run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from xdsl.builder import Builder
from xdsl.context import Context
from xdsl.dialects import arith, builtin, func, memref, scf
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    IndexType,
    IntegerAttr,
    MemRefType,
    NoneAttr,
    StridedLayoutAttr,
)
from xdsl.dialects.linalg import ops as linalg
from xdsl.dialects.linalg.abstract_ops import LinalgStructuredOperation
from xdsl.dialects.linalg.attrs import IteratorType
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.ir.affine import (
    AffineBinaryOpExpr,
    AffineBinaryOpKind,
    AffineConstantExpr,
    AffineDimExpr,
    AffineExpr,
    AffineMap,
)
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint

from dialectad import locations
from dialectad.errors import CompileError
from dialectad.lower.llvm.memref import is_contiguous

PASS_NAME = "convert-linalg-to-loops"

_FAR = 8
"""What a gap between neighbouring iterations costs, against 1 for a contiguous access and 0 for none."""


@dataclass
class Access:
    """How a nest reaches one operand: `memref[map(iteration)]`, or a scalar that is the same everywhere."""

    value: SSAValue
    map: tuple[AffineExpr, ...]

    @property
    def is_memory(self) -> bool:
        """Whether the operand is a memref and not a scalar."""
        return isinstance(self.value.type, MemRefType)

    def dims(self) -> set[int]:
        """The loops that it depends on."""
        return set().union(*(expr.used_dims() for expr in self.map)) if self.map else set()


@dataclass
class Nest:
    """A perfect nest that computes `body` at every point of an iteration space."""

    extents: list[int | SSAValue]
    """How often each loop runs."""
    parallel: list[bool]
    """Whether a loop's iterations are independent."""
    inputs: list[Access]
    outputs: list[Access]
    body: Block
    """Arguments: one scalar per input, then one per output; `linalg.yield` gives the new outputs."""
    order: list[int] = field(default_factory=list)
    """The loops from the outermost inwards."""

    @property
    def accesses(self) -> list[Access]:
        """All operands."""
        return [*self.inputs, *self.outputs]


def _strides(t: MemRefType) -> list[int | None]:
    """The strides in elements, None where they aren't known."""
    if isinstance(t.layout, StridedLayoutAttr):
        return list(t.layout.get_strides())
    result: list[int | None] = []
    stride: int | None = 1
    for size in reversed(t.get_shape()):
        result.append(stride)
        stride = None if stride is None or size == DYNAMIC_INDEX else stride * size
    return result[::-1]


def _coefficient(expr: AffineExpr, dim: int) -> int | None:
    """How much `expr` grows with the loop `dim`; None when not linearly."""
    match expr:
        case AffineDimExpr():
            return int(expr.position == dim)
        case AffineConstantExpr():
            return 0
        case AffineBinaryOpExpr(kind=AffineBinaryOpKind.Add):
            a, b = _coefficient(expr.lhs, dim), _coefficient(expr.rhs, dim)
            return None if a is None or b is None else a + b
        case AffineBinaryOpExpr(kind=AffineBinaryOpKind.Mul):
            for factor, other in ((expr.lhs, expr.rhs), (expr.rhs, expr.lhs)):
                if isinstance(factor, AffineConstantExpr):
                    inner = _coefficient(other, dim)
                    return None if inner is None else factor.value * inner
    return None if dim in expr.used_dims() else 0


def _step(access: Access, dim: int) -> int | None:
    """How far the address moves, in elements, from one iteration of loop `dim` to the next; None: unknown."""
    t = access.value.type
    if not isinstance(t, MemRefType):
        return 0
    total = 0
    for expr, stride in zip(access.map, _strides(t), strict=True):
        coefficient = _coefficient(expr, dim)
        if coefficient == 0:
            continue
        if coefficient is None or stride is None:
            return None
        total += coefficient * stride
    return total


# Choosing


def _collapse(nest: Nest, builder: Builder) -> None:
    """Merge neighbouring loops that every operand walks through without a gap.

    %a, %b : memref<3x4xf64> over (i, j), both at [i, j]  ->  memref<12xf64> over (k), at [k]
    """
    if any(isinstance(op, linalg.IndexOp) for op in nest.body.walk()):
        return
    dim = len(nest.extents) - 2
    while dim >= 0:
        if _can_merge(nest, dim):
            _merge(nest, dim, builder)
        dim -= 1


def _can_merge(nest: Nest, dim: int) -> bool:
    """Whether loops `dim` and `dim + 1` are one loop."""
    inner = nest.extents[dim + 1]
    if nest.parallel[dim] != nest.parallel[dim + 1]:
        return False
    if not isinstance(inner, int) or not isinstance(nest.extents[dim], int):
        return False
    for access in nest.accesses:
        used = access.dims()
        if dim not in used and dim + 1 not in used:
            continue
        axis = _axis_of(access, dim)
        if axis is None or _axis_of(access, dim + 1) != axis + 1:
            return False
        t = access.value.type
        assert isinstance(t, MemRefType)
        outer_stride, inner_stride = _strides(t)[axis : axis + 2]
        if inner_stride is None or outer_stride != inner * inner_stride:
            return False
        if t.get_shape()[axis : axis + 2] != (nest.extents[dim], inner):
            return False
    return True


def _axis_of(access: Access, dim: int) -> int | None:
    """The axis that is indexed by loop `dim` and nothing else; None when there is none or several uses."""
    found = None
    for axis, expr in enumerate(access.map):
        if dim in expr.used_dims():
            if found is not None or not isinstance(expr, AffineDimExpr):
                return None
            found = axis
    return found


def _merge(nest: Nest, dim: int, builder: Builder) -> None:
    outer, inner = nest.extents[dim], nest.extents[dim + 1]
    assert isinstance(outer, int)
    assert isinstance(inner, int)
    nest.extents[dim : dim + 2] = [outer * inner]
    del nest.parallel[dim + 1]
    merged: dict[tuple[SSAValue, int], SSAValue] = {}
    for access in nest.accesses:
        axis = _axis_of(access, dim)
        exprs = list(access.map)
        if axis is not None:
            del exprs[axis + 1]
            key = (access.value, axis)
            if key not in merged:
                merged[key] = _collapse_axes(access.value, axis, builder)
            access.value = merged[key]
        access.map = tuple(_renumber(expr, dim + 1) for expr in exprs)


def _renumber(expr: AffineExpr, removed: int) -> AffineExpr:
    """The expression after loop `removed` (which it doesn't use) is gone."""
    if all(dim < removed for dim in expr.used_dims()):
        return expr
    highest = max(expr.used_dims())
    news = [AffineExpr.dimension(d - (d > removed)) for d in range(highest + 1)]
    return expr.replace_dims_and_symbols(news, [])


def _collapse_axes(value: SSAValue, axis: int, builder: Builder) -> SSAValue:
    """View axes `axis` and `axis + 1` of a memref as one."""
    t = value.type
    assert isinstance(t, MemRefType)
    owner = value.owner
    shape, steps = list(t.get_shape()), _strides(t)
    shape[axis : axis + 2] = [shape[axis] * shape[axis + 1]]
    layout: NoneAttr | StridedLayoutAttr = NoneAttr()
    if isinstance(t.layout, StridedLayoutAttr):
        layout = StridedLayoutAttr([*steps[:axis], *steps[axis + 1 :]], t.layout.offset)
    groups = [[a] for a in range(axis)] + [[axis, axis + 1]]
    groups += [[a] for a in range(axis + 2, t.get_num_dims())]
    if isinstance(owner, memref.CollapseShapeOp) and value.first_use is None:
        # Collapsing what was collapsed a moment ago: join the groups, and drop the view in between.
        earlier = [[a.value.data for a in group] for group in owner.reassociation]
        groups = [[a for g in group for a in earlier[g]] for group in groups]
        value = owner.src
    else:
        owner = None
    attr = builtin.ArrayAttr(
        [builtin.ArrayAttr([IntegerAttr(a, builtin.i64) for a in group]) for group in groups]
    )
    collapsed = builder.insert(
        memref.CollapseShapeOp.create(
            operands=[value],
            result_types=[MemRefType(t.element_type, shape, layout, t.memory_space)],
            properties={"reassociation": attr},
        )
    )
    if owner is not None:
        owner.detach()
        owner.erase()
    return collapsed.result


def _choose_order(nest: Nest) -> list[int]:
    """Put the loop with the cheapest accesses innermost; the others, and all reductions, keep their order.

    Loops may be interchanged because parallel iterations are independent; the order among reductions decides
    ties of a maximum and the like, so it stays.
    """
    count = len(nest.extents)
    default = list(range(count))
    if count < 2:
        return default
    last_reduction = max((d for d in default if not nest.parallel[d]), default=-1)
    candidates = [d for d in default if nest.parallel[d] or d == last_reduction]

    def cost(dim: int) -> tuple[int, int]:
        total = 0
        for weight, accesses in ((1, nest.inputs), (2, nest.outputs)):
            for access in accesses:
                step = _step(access, dim)
                total += weight * (_FAR if step is None else min(abs(step), _FAR))
        short = nest.extents[dim] == 1
        return total + 100 * short, -dim

    best = min(candidates, key=cost)
    return [d for d in default if d != best] + [best]


# Emitting


class Constants:
    """Index constants of one function, at its head."""

    def __init__(self, entry: Block):
        self.entry = entry
        self.values: dict[int, SSAValue] = {}

    def get(self, value: int) -> SSAValue:
        """The constant `value`."""
        if value not in self.values:
            properties = {"value": IntegerAttr(value, _INDEX)}
            op = arith.ConstantOp.create(result_types=[_INDEX], properties=properties)
            assert self.entry.first_op is not None
            self.entry.insert_op_before(op, self.entry.first_op)
            self.values[value] = op.result
        return self.values[value]


@dataclass
class _Context:
    """Where a nest goes."""

    builder: Builder
    constants: Constants
    fill: linalg.FillOp | None = None
    """What fills the nest's only output just before it; the nest may start from the value instead."""


class _Emitter:
    """Writes a nest before its op."""

    def __init__(self, nest: Nest, context: _Context, op: Operation):
        self.nest = nest
        self.builder = context.builder
        self.constants = context.constants
        self.op = op
        self.induction: dict[int, SSAValue] = {}
        self.loaded: dict[int, SSAValue] = {}
        self.initial: dict[int, SSAValue] = {}
        """Outputs whose content when the nest starts is one scalar."""
        in_memory = [access.dims() for access in nest.outputs]
        order = nest.order
        # The innermost loops on which no output depends: over them, outputs are in registers.
        self.first_register = len(order)
        while self.first_register > 0 and all(order[self.first_register - 1] not in d for d in in_memory):
            self.first_register -= 1
        self.used = [arg.first_use is not None for arg in nest.body.args]

    def extent(self, dim: int) -> SSAValue:
        """How often the loop runs."""
        extent = self.nest.extents[dim]
        return self.constants.get(extent) if isinstance(extent, int) else extent

    def emit(self) -> None:
        """Write everything."""
        self._load_inputs(depth=0)
        self._loops(0)

    def _load_inputs(self, depth: int) -> None:
        """Load the inputs all of whose loops are open at `depth` (and weren't one loop further out)."""
        open_dims = set(self.nest.order[:depth])
        for position, access in enumerate(self.nest.inputs):
            if not self.used[position] or position in self.loaded or not access.dims() <= open_dims:
                continue
            self.loaded[position] = self._read(access) if access.is_memory else access.value

    def _loops(self, depth: int) -> None:
        order = self.nest.order
        if depth == self.first_register:
            self._with_outputs(depth)
            return
        dim = order[depth]
        body = Block(arg_types=[_INDEX])
        self._insert(
            scf.ForOp(self.constants.get(0), self.extent(dim), self.constants.get(1), [], Region(body))
        )
        self._inside(dim, body, depth, lambda: self._loops(depth + 1))
        body.add_op(scf.YieldOp.create())

    def _inside(self, dim: int, body: Block, depth: int, emit: Callable[[], None]) -> None:
        outer = self.builder.insertion_point
        self.builder.insertion_point = InsertPoint.at_end(body)
        self.induction[dim] = body.args[0]
        self._load_inputs(depth + 1)
        emit()
        loaded_here = {p for p, a in enumerate(self.nest.inputs) if dim in a.dims()}
        for position in loaded_here:
            self.loaded.pop(position, None)
        self.builder.insertion_point = outer

    def _with_outputs(self, depth: int) -> None:
        """Load the outputs, run the remaining loops with them in registers, store them."""
        offset = len(self.nest.inputs)
        accesses = self.nest.outputs
        in_loop = depth < len(self.nest.order)
        before: list[SSAValue | None] = []
        for position, access in enumerate(accesses):
            if position in self.initial:
                before.append(self.initial[position])
            elif self.used[offset + position] or in_loop:
                before.append(self._read(access))
            else:
                before.append(None)
        for access, value in zip(accesses, self._accumulate(depth, before), strict=True):
            indices = self._indices(access)
            self._insert(memref.StoreOp.create(operands=[value, access.value, *indices]))

    def _accumulate(self, depth: int, before: Sequence[SSAValue | None]) -> list[SSAValue]:
        order = self.nest.order
        if depth == len(order):
            return self._body(before)
        dim = order[depth]
        carried = [value for value in before if value is not None]
        body = Block(arg_types=[_INDEX, *(value.type for value in carried)])
        loop = scf.ForOp(
            self.constants.get(0), self.extent(dim), self.constants.get(1), carried, Region(body)
        )
        self._insert(loop)
        after: list[SSAValue] = []

        def inner() -> None:
            after.extend(self._accumulate(depth + 1, body.args[1:]))

        self._inside(dim, body, depth, inner)
        body.add_op(scf.YieldOp.create(operands=after))
        return list(loop.results)

    def _body(self, before: Sequence[SSAValue | None]) -> list[SSAValue]:
        """Move the scalar ops here."""
        nest = self.nest
        offset = len(nest.inputs)
        for position, arg in enumerate(nest.body.args):
            if not self.used[position]:
                continue
            value = self.loaded[position] if position < offset else before[position - offset]
            assert value is not None
            arg.replace_all_uses_with(value)
        for op in list(nest.body.walk()):
            if isinstance(op, linalg.IndexOp):
                op.result.replace_all_uses_with(self.induction[op.dim.value.data])
                op.detach()
                op.erase()
        ops = list(nest.body.ops)
        results = list(ops[-1].operands)
        for op in ops[:-1]:
            op.detach()
            self.builder.insert(op)
        return results

    def _insert(self, op: Operation) -> None:
        op.location = self.op.location
        self.builder.insert(op)

    def _read(self, access: Access) -> SSAValue:
        t = access.value.type
        assert isinstance(t, MemRefType)
        op = memref.LoadOp.create(
            operands=[access.value, *self._indices(access)], result_types=[t.element_type]
        )
        self._insert(op)
        return op.res

    def _indices(self, access: Access) -> list[SSAValue]:
        return [self._index(expr) for expr in access.map]

    def _index(self, expr: AffineExpr) -> SSAValue:
        match expr:
            case AffineDimExpr():
                return self.induction[expr.position]
            case AffineConstantExpr():
                return self.constants.get(expr.value)
            case AffineBinaryOpExpr(kind=kind) if kind in _INDEX_OPS:
                op = _INDEX_OPS[kind].create(
                    operands=[self._index(expr.lhs), self._index(expr.rhs)],
                    result_types=[_INDEX],
                    properties={"overflowFlags": _NSW} if kind in _WITH_FLAGS else {},
                )
                self._insert(op)
                return op.results[0]
            case _:
                raise CompileError(
                    f"no loops for the index {expr}", locations.of(self.op), pass_name=PASS_NAME
                )


_INDEX = IndexType()
_NSW = arith.IntegerOverflowAttr((arith.IntegerOverflowFlag.NSW,))
_WITH_FLAGS = (AffineBinaryOpKind.Add, AffineBinaryOpKind.Mul)
_INDEX_OPS: dict[AffineBinaryOpKind, type[Operation]] = {
    AffineBinaryOpKind.Add: arith.AddiOp,
    AffineBinaryOpKind.Mul: arith.MuliOp,
    AffineBinaryOpKind.Mod: arith.RemUIOp,
    AffineBinaryOpKind.FloorDiv: arith.FloorDivSIOp,
    AffineBinaryOpKind.CeilDiv: arith.CeilDivSIOp,
}


# The ops


def _extents(
    op: Operation, accesses: Sequence[Access], count: int, context: _Context
) -> list[int | SSAValue]:
    """The size of each loop: that of an axis which it indexes alone."""
    found: list[int | SSAValue | None] = [None] * count
    for access in accesses:
        t = access.value.type
        if not isinstance(t, MemRefType):
            continue
        for axis, (expr, size) in enumerate(zip(access.map, t.get_shape(), strict=True)):
            if not isinstance(expr, AffineDimExpr):
                continue
            if size != DYNAMIC_INDEX:
                found[expr.position] = size
            elif found[expr.position] is None:
                dim = memref.DimOp(access.value, context.constants.get(axis))
                found[expr.position] = context.builder.insert(dim).result
    extents = [extent for extent in found if extent is not None]
    if len(extents) != count:
        raise CompileError(
            f"a loop of {op.name} has no operand that gives its size", locations.of(op), pass_name=PASS_NAME
        )
    return extents


def _structured(op: Operation, context: _Context) -> None:
    """Any linalg op that says its maps and iterators and has a body."""
    assert isinstance(op, LinalgStructuredOperation)
    if op.results:
        raise CompileError(
            f"{op.name} on tensors", locations.of(op), hint="run bufferize first", pass_name=PASS_NAME
        )
    maps = [attr.data for attr in op.get_indexing_maps()]
    accesses = [Access(value, map_.results) for value, map_ in zip(op.operands, maps, strict=True)]
    parallel = [iterator.data == IteratorType.PARALLEL for iterator in op.get_iterator_types()]
    _nest(op, accesses, len(op.inputs), parallel, op.body.block, context)


def _nest(
    op: Operation,
    accesses: list[Access],
    inputs: int,
    parallel: list[bool],
    body: Block,
    context: _Context,
) -> None:
    extents = _extents(op, accesses, len(parallel), context)
    nest = Nest(extents, parallel, accesses[:inputs], accesses[inputs:], body)
    _collapse(nest, context.builder)
    nest.order = _choose_order(nest)
    emitter = _Emitter(nest, context, op)
    if (fill := context.fill) is not None:
        if _starts_in_register(nest, emitter.first_register):
            emitter.initial[0] = fill.inputs[0]
        else:
            _convert(fill, context.constants)
    emitter.emit()
    if emitter.initial:
        assert fill is not None
        _erase(fill)


def _starts_in_register(nest: Nest, first_register: int) -> bool:
    """Whether the nest reads each element of its only output once, before it writes it, and writes all."""
    (output,) = nest.outputs
    dims = [expr.position for expr in output.map if isinstance(expr, AffineDimExpr)]
    return (
        len(dims) == len(output.map) == len(set(dims))
        and set(dims) == set(nest.order[:first_register])
        and all(nest.parallel[dim] for dim in dims)
    )


def _copy(op: Operation, context: _Context) -> None:
    """memref.copy of arrays with gaps  ->  loops."""
    assert isinstance(op, memref.CopyOp)
    t = op.source.type
    assert isinstance(t, MemRefType)
    rank = t.get_num_dims()
    identity = AffineMap.identity(rank).results
    body = Block(arg_types=[t.element_type, t.element_type])
    body.add_op(linalg.YieldOp(body.args[0]))
    accesses = [Access(op.source, identity), Access(op.destination, identity)]
    _nest(op, accesses, 1, [True] * rank, body, context)
    body.erase(safe_erase=False)


def _reduce(op: Operation, context: _Context) -> None:
    """linalg.reduce ins(%x) outs(%s) dimensions = [1]  ->  the loops of the generic op that it is."""
    assert isinstance(op, linalg.ReduceOp)
    t = op.input.type
    assert isinstance(t, MemRefType)
    rank = t.get_num_dims()
    reduced = set(op.dimensions.get_values())
    identity = AffineMap.identity(rank).results
    kept = tuple(expr for axis, expr in enumerate(identity) if axis not in reduced)
    accesses = [Access(op.input, identity), Access(op.init, kept)]
    _nest(op, accesses, 1, [axis not in reduced for axis in range(rank)], op.region.block, context)


def _broadcast(op: Operation, context: _Context) -> None:
    """linalg.broadcast ins(%x) outs(%y) dimensions = [0]  ->  the loops of the generic op that it is."""
    assert isinstance(op, linalg.BroadcastOp)
    t = op.init.type
    assert isinstance(t, MemRefType)
    rank = t.get_num_dims()
    added = set(op.dimensions.get_values())
    identity = AffineMap.identity(rank).results
    kept = tuple(expr for axis, expr in enumerate(identity) if axis not in added)
    accesses = [Access(op.input, kept), Access(op.init, identity)]
    _nest(op, accesses, 1, [True] * rank, op.hidden_region.block, context)


_OTHERS: dict[type[Operation], Callable[[Operation, _Context], None]] = {
    memref.CopyOp: _copy,
    linalg.ReduceOp: _reduce,
    linalg.BroadcastOp: _broadcast,
}


def _is_ours(op: Operation) -> bool:
    if isinstance(op, memref.CopyOp):
        types = (op.source.type, op.destination.type)
        return not all(isinstance(t, MemRefType) and is_contiguous(t) for t in types)
    return isinstance(op, LinalgStructuredOperation) or type(op) in _OTHERS


def _erase(op: Operation) -> None:
    op.detach()
    op.erase(safe_erase=False)


def _convert(op: Operation, constants: Constants, fill: linalg.FillOp | None = None) -> None:
    """Replace one op by loops."""
    context = _Context(Builder(InsertPoint.before(op)), constants, fill)
    _OTHERS.get(type(op), _structured)(op, context)
    _erase(op)


def _outputs(op: Operation) -> Sequence[SSAValue]:
    match op:
        case LinalgStructuredOperation():
            return op.outputs
        case linalg.ReduceOp():
            return [op.init]
        case _:
            return ()


def _reduction_after(fill: linalg.FillOp) -> Operation | None:
    """The op right after a fill that accumulates into what was filled.

    linalg.fill %z, %s; linalg.generic outs(%s) { %s[i] in a register }  ->  the register starts as %z
    """
    op = fill.next_op
    while isinstance(op, arith.ConstantOp | memref.SubviewOp | memref.CollapseShapeOp):
        op = op.next_op
    if op is None or isinstance(op, linalg.FillOp):
        return None
    target = fill.outputs[0]
    outputs = _outputs(op)
    if len(outputs) != 1 or outputs[0] is not target or list(op.operands).count(target) != 1:
        return None
    return op if all(operand.owner is not fill for operand in op.operands) else None


def convert_function(op: func.FuncOp) -> None:
    """Replace every linalg op of a function, and the copies of arrays with gaps."""
    todo = [inner for inner in op.body.walk() if _is_ours(inner)]
    if not todo:
        return
    constants = Constants(op.body.block)
    deferred: dict[Operation, linalg.FillOp] = {}
    for inner in todo:
        if isinstance(inner, linalg.FillOp) and (reduction := _reduction_after(inner)) is not None:
            deferred[reduction] = inner
        else:
            _convert(inner, constants, deferred.get(inner))


@dataclass(frozen=True)
class ConvertLinalgToLoopsPass(ModulePass):
    """Replace structured ops on memrefs by loops over scalars."""

    name = "convert-linalg-to-loops"

    def apply(self, ctx: Context, op: builtin.ModuleOp) -> None:
        for function in op.body.block.ops:
            if isinstance(function, func.FuncOp) and function.body.first_block is not None:
                convert_function(function)
