"""`choose-level`: decide where each request of level `auto` is replaced.

    "ad.vjp"(...) <{callee = @f, level = "auto"}>   =>   level = "loop", where @f works on single elements

Note [Which level]
~~~~~~~~~~~~~~~~~~
At level linalg the adjoint of an operation on arrays is again one, of which each is a loop that vectorises: a
stencil on slices has its fastest gradient there. Code that reads and writes single elements in loops has its
at level loop, where the state of a loop is memory and not an array that is carried, by the size of the
difference: up to ten times (N-body), against a third for stencils. Matrix products are calls of BLAS at both.
So the level is loop as soon as a fair part of the accesses are to single elements. What counts is estimated:
trips of a loop whose bounds aren't constants, and unknown extents, are taken to be `_UNKNOWN`.

Where functions or regions have a level of their own (`da.at_level`), that is respected: `mixed`. A function
that contains a request of a later level is differentiated there too.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from xdsl.context import Context
from xdsl.dialects import arith, func, scf, tensor
from xdsl.dialects.builtin import DYNAMIC_INDEX, IntegerAttr, ModuleOp, StringAttr, TensorType
from xdsl.ir import Block, Operation, SSAValue
from xdsl.passes import ModulePass

from dialectad.dialects import blas
from dialectad.dialects.ad import LEVEL, JVPOp, VJPOp

_UNKNOWN = 16
_FAIR_PART = 0.1

AUTO = "auto"
CANDIDATES = ("linalg", "loop")
"""What is chosen from, besides `mixed`."""


@dataclass(frozen=True)
class ChooseLevelPass(ModulePass):
    """Replace the level `auto` of requests by one that suits what they differentiate."""

    name = "choose-level"

    only: str = ""
    """The level to choose, whatever the program is."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        model = _Model({f.sym_name.data: f for f in op.ops if isinstance(f, func.FuncOp)})
        for request in op.walk():
            if isinstance(request, VJPOp | JVPOp) and request.level.data == AUTO:
                level = self.only or model.choose(request.callee.root_reference.data)
                request.properties["level"] = StringAttr(level)


class _Model:
    """What functions are estimated to do, and the levels chosen for them."""

    def __init__(self, functions: dict[str, func.FuncOp]):
        self.functions = functions
        self.work: dict[str, Work] = {}
        self.chosen: dict[str, str] = {}

    def choose(self, name: str) -> str:
        if (level := self.chosen.get(name)) is None:
            work = self.of(name)
            if work.has_levels:
                level = "mixed"
            elif work.is_later or work.elements > _FAIR_PART * (work.elements + work.arrays):
                level = "loop"
            else:
                level = "linalg"
            self.chosen[name] = level
        return level

    def of(self, name: str) -> Work:
        if (work := self.work.get(name)) is None:
            work = self.work[name] = Work()
            function = self.functions.get(name)
            if function is not None and function.body.blocks:
                self._count(function.body.block, 1.0, work)
        return work

    def _count(self, block: Block, times: float, work: Work) -> None:
        for op in block.ops:
            match op:
                case tensor.ExtractOp() | tensor.InsertOp():
                    if times > 1 and any(_size(o) > 1 for o in op.operands):
                        work.elements += times
                case func.CallOp():
                    work.has_levels |= LEVEL in op.attributes
                    self._add(op.callee.root_reference.data, times, work)
                case VJPOp() | JVPOp():
                    name = op.callee.root_reference.data
                    level = op.level.data if op.level.data != AUTO else self.choose(name)
                    work.is_later |= level not in ("linalg", "graph", "linalg-unoptimized", "mixed")
                    work.has_levels |= level == "mixed"
                    self._add(name, 3 * times, work)
                case scf.ForOp():
                    self._count(op.body.block, times * _trips(op), work)
                case scf.WhileOp():
                    for region in op.regions:
                        self._count(region.block, times * _UNKNOWN, work)
                case scf.IfOp():
                    for region in op.regions:
                        for inner in region.blocks:
                            self._count(inner, times / 2, work)
                case blas.GemmOp() | blas.GemvOp() | blas.GerOp() | blas.DotOp():
                    work.arrays += times * max(_size(o) for o in op.operands)
                case _ if type(op) not in _FREE:
                    sizes = [_size(v) for v in (*op.operands, *op.results)]
                    work.arrays += times * max((s for s in sizes if s > 1), default=0)
                case _:
                    pass

    def _add(self, name: str, times: float, work: Work) -> None:
        inner = self.of(name)
        if (function := self.functions.get(name)) is not None:
            work.has_levels |= LEVEL in function.attributes
        work.elements += times * inner.elements
        work.arrays += times * inner.arrays
        work.has_levels |= inner.has_levels
        work.is_later |= inner.is_later


@dataclass
class Work:
    """How often a function does what, by estimate."""

    elements: float = 0.0
    """Accesses to single elements of arrays, in loops."""
    arrays: float = 0.0
    """Elements that operations on whole arrays go through."""
    has_levels: bool = False
    """Whether some of it has a level of its own."""
    is_later: bool = False
    """Whether it asks for derivatives that are made below the linalg rung."""


_FREE: frozenset[type[Operation]] = frozenset(
    (
        *(arith.ConstantOp, tensor.EmptyOp, tensor.DimOp, tensor.CastOp, tensor.SplatOp),
        *(tensor.ExtractSliceOp, tensor.CollapseShapeOp, tensor.ExpandShapeOp, scf.YieldOp, func.ReturnOp),
    )
)


def _size(value: SSAValue) -> int:
    if not isinstance(value.type, TensorType):
        return 0
    return prod(_UNKNOWN if n == DYNAMIC_INDEX else n for n in value.type.get_shape())


def _trips(op: scf.ForOp) -> float:
    bounds = [_constant(v) for v in (op.lb, op.ub, op.step)]
    if any(b is None for b in bounds):
        return _UNKNOWN
    lb, ub, step = bounds
    return len(range(lb, ub, step))  # pyright: ignore[reportArgumentType]


def _constant(value: SSAValue) -> int | None:
    op = value.owner
    if isinstance(op, arith.ConstantOp) and isinstance(op.value, IntegerAttr):
        return op.value.value.data
    return None
