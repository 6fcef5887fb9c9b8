"""Writes a nest as `scf.for` loops: loads as far out as they can be, accumulators in registers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from xdsl.builder import Builder
from xdsl.dialects import arith, memref, scf
from xdsl.dialects.builtin import (
    IndexType,
    IntegerAttr,
    MemRefType,
)
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.ir.affine import (
    AffineBinaryOpExpr,
    AffineBinaryOpKind,
    AffineConstantExpr,
    AffineDimExpr,
    AffineExpr,
)
from xdsl.rewriter import InsertPoint

from dialectad import locations
from dialectad.errors import CompileError
from dialectad.lower.loops.nest import Access, Nest
from dialectad.walk import walk

PASS_NAME = "convert-linalg-to-loops"


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
class Site:
    """Where a nest goes."""

    builder: Builder
    constants: Constants
    fill: linalg.FillOp | None = None
    """What fills the nest's only output just before it; the nest may start from the value instead."""


class Emitter:
    """Writes a nest before its op."""

    def __init__(self, nest: Nest, site: Site, op: Operation):
        self.nest = nest
        self.builder = site.builder
        self.constants = site.constants
        self.op = op
        self.induction = {
            dim: self.constants.get(0) for dim, extent in enumerate(nest.extents) if extent == 1
        }
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
        for op in list(walk(nest.body)):
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
