"""`convert-linalg-to-loops`: structured ops on memrefs become `scf.for` nests with scalar bodies.

    linalg.generic {maps, iterators = [parallel, reduction]} ins(%a) outs(%s) { ^(%x, %acc): ...; yield %r }
    ->
    scf.for %i { %0 = load %s[%i]; %1 = scf.for %j iter_args(%acc = %0) { ...; yield %r }; store %1, %s[%i] }

Three things are chosen with the machine in mind (see `Nest`): dimensions that every operand walks through
without a gap are collapsed to one, unless that keeps loops from being fused (`loops/apart.py`); the loop with
the most contiguous accesses goes innermost; and what a reduction accumulates stays in a register while the
loops that it doesn't depend on run.

What is differentiated at the level `llvm` copies by loops, too: of bytes LLVM forgets that they are floats.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from xdsl.builder import Builder
from xdsl.context import Context
from xdsl.dialects import arith, builtin, func, memref
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    MemRefType,
)
from xdsl.dialects.linalg import ops as linalg
from xdsl.dialects.linalg.abstract_ops import LinalgStructuredOperation
from xdsl.dialects.linalg.attrs import IteratorType
from xdsl.ir import Block, Operation, SSAValue
from xdsl.ir.affine import (
    AffineDimExpr,
    AffineMap,
)
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint

from dialectad import locations
from dialectad.errors import CompileError
from dialectad.lower.llvm.memref import is_contiguous
from dialectad.lower.llvm.requests import differentiated
from dialectad.lower.loops.apart import Apart, Structure, axes_apart
from dialectad.lower.loops.emit import PASS_NAME, Constants, Emitter, Site
from dialectad.lower.loops.nest import Access, Nest, choose_order, collapse, fix_units
from dialectad.walk import walk


def _extents(op: Operation, accesses: Sequence[Access], count: int, site: Site) -> list[int | SSAValue]:
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
                dim = memref.DimOp(access.value, site.constants.get(axis))
                found[expr.position] = site.builder.insert(dim).result
    extents = [extent for extent in found if extent is not None]
    if len(extents) != count:
        raise CompileError(
            f"a loop of {op.name} has no operand that gives its size", locations.of(op), pass_name=PASS_NAME
        )
    return extents


def _structured(op: Operation) -> Structure:
    """Any linalg op that says its maps and iterators and has a body."""
    assert isinstance(op, LinalgStructuredOperation)
    if op.results:
        raise CompileError(
            f"{op.name} on tensors", locations.of(op), hint="run bufferize first", pass_name=PASS_NAME
        )
    maps = [attr.data for attr in op.get_indexing_maps()]
    accesses = [Access(value, map_.results) for value, map_ in zip(op.operands, maps, strict=True)]
    parallel = [iterator.data == IteratorType.PARALLEL for iterator in op.get_iterator_types()]
    return Structure(accesses, len(op.inputs), parallel, op.body.block)


def _convert(op: Operation, structure: Structure, apart: Apart, site: Site) -> None:
    """Replace one op by loops."""
    inputs, accesses = structure.inputs, structure.accesses
    extents = _extents(op, accesses, len(structure.parallel), site)
    nest = Nest(extents, structure.parallel, accesses[:inputs], accesses[inputs:], structure.body)
    arrays = {id(access): access.value for access in accesses}  # before axes are made one
    collapse(nest, site.builder, lambda access, axis: (op.parent, arrays[id(access)], axis) in apart)
    fix_units(nest)
    nest.order = choose_order(nest)
    emitter = Emitter(nest, site, op)
    if (fill := site.fill) is not None:
        if _starts_in_register(nest, emitter.first_register):
            emitter.initial[0] = fill.inputs[0]
        else:
            _convert(fill, _structured(fill), apart, Site(Builder(InsertPoint.before(fill)), site.constants))
    emitter.emit()
    if emitter.initial:
        assert fill is not None
        _erase(fill)
    _erase(op)


def _starts_in_register(nest: Nest, first_register: int) -> bool:
    """Whether the nest reads each element of its only output once, before it writes it, and writes all."""
    (output,) = nest.outputs
    assert isinstance(output.value.type, MemRefType)
    dims = [expr.position for expr in output.map if isinstance(expr, AffineDimExpr)]
    longer = [size for size in output.value.type.get_shape() if size != 1]
    return (
        len(dims) == len(longer) == len(set(dims))
        and set(dims) == set(nest.order[:first_register])
        and all(nest.parallel[dim] for dim in dims)
    )


def _copy(op: Operation) -> Structure:
    """memref.copy of arrays with gaps  ->  loops."""
    assert isinstance(op, memref.CopyOp)
    t = op.source.type
    assert isinstance(t, MemRefType)
    rank = t.get_num_dims()
    identity = AffineMap.identity(rank).results
    body = Block(arg_types=[t.element_type, t.element_type])
    body.add_op(linalg.YieldOp(body.args[0]))
    accesses = [Access(op.source, identity), Access(op.destination, identity)]
    return Structure(accesses, 1, [True] * rank, body)


def _reduce(op: Operation) -> Structure:
    """linalg.reduce ins(%x) outs(%s) dimensions = [1]  ->  the loops of the generic op that it is."""
    assert isinstance(op, linalg.ReduceOp)
    t = op.input.type
    assert isinstance(t, MemRefType)
    rank = t.get_num_dims()
    reduced = set(op.dimensions.get_values())
    identity = AffineMap.identity(rank).results
    kept = tuple(expr for axis, expr in enumerate(identity) if axis not in reduced)
    accesses = [Access(op.input, identity), Access(op.init, kept)]
    return Structure(accesses, 1, [axis not in reduced for axis in range(rank)], op.region.block)


def _broadcast(op: Operation) -> Structure:
    """linalg.broadcast ins(%x) outs(%y) dimensions = [0]  ->  the loops of the generic op that it is."""
    assert isinstance(op, linalg.BroadcastOp)
    t = op.init.type
    assert isinstance(t, MemRefType)
    rank = t.get_num_dims()
    added = set(op.dimensions.get_values())
    identity = AffineMap.identity(rank).results
    kept = tuple(expr for axis, expr in enumerate(identity) if axis not in added)
    accesses = [Access(op.input, kept), Access(op.init, identity)]
    return Structure(accesses, 1, [True] * rank, op.hidden_region.block)


_OTHERS: dict[type[Operation], Callable[[Operation], Structure]] = {
    memref.CopyOp: _copy,
    linalg.ReduceOp: _reduce,
    linalg.BroadcastOp: _broadcast,
}


def _is_ours(op: Operation, copies: bool) -> bool:
    if isinstance(op, memref.CopyOp) and not copies:
        types = (op.source.type, op.destination.type)
        return not all(isinstance(t, MemRefType) and is_contiguous(t) for t in types)
    return isinstance(op, LinalgStructuredOperation) or type(op) in _OTHERS


def _erase(op: Operation) -> None:
    op.detach()
    op.erase(safe_erase=False)


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
    while isinstance(op, arith.ConstantOp | memref.AllocOp | memref.SubviewOp | memref.CollapseShapeOp):
        op = op.next_op
    if op is None or isinstance(op, linalg.FillOp):
        return None
    target = fill.outputs[0]
    outputs = _outputs(op)
    if len(outputs) != 1 or outputs[0] is not target or list(op.operands).count(target) != 1:
        return None
    return op if all(operand.owner is not fill for operand in op.operands) else None


def convert_function(op: func.FuncOp, *, copies: bool = False) -> None:
    """Replace every linalg op of a function, and the copies of arrays with gaps, or all copies."""
    todo = [inner for inner in walk(op.body) if _is_ours(inner, copies)]
    if not todo:
        return
    constants = Constants(op.body.block)
    structures = {inner: _OTHERS.get(type(inner), _structured)(inner) for inner in todo}
    apart = axes_apart(structures)
    deferred: dict[Operation, linalg.FillOp] = {}
    for inner, structure in structures.items():
        if isinstance(inner, linalg.FillOp) and (reduction := _reduction_after(inner)) is not None:
            deferred[reduction] = inner
        else:
            site = Site(Builder(InsertPoint.before(inner)), constants, deferred.get(inner))
            _convert(inner, structure, apart, site)


@dataclass(frozen=True)
class ConvertLinalgToLoopsPass(ModulePass):
    """Replace structured ops on memrefs by loops over scalars."""

    name = "convert-linalg-to-loops"

    def apply(self, ctx: Context, op: builtin.ModuleOp) -> None:
        later = differentiated(op)
        for function in op.body.block.ops:
            if isinstance(function, func.FuncOp) and function.body.first_block is not None:
                convert_function(function, copies=function.sym_name.data in later)
