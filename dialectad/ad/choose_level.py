"""`choose-level`: decide where each request of level `auto` is replaced.

    "ad.vjp"(...) <{callee = @f, level = "auto"}>   =>   level = "loop", where @f works on single elements

Where @f does so in some of its loops only, these become *parts* with a level of their own, and it is `mixed`:

    func @f(%x) {                                    func @f(%x) {
      %h = linalg.matmul ...                           %h = linalg.matmul ...
      %r = scf.for ... { tensor.insert ... }    =>     %r = func.call @f.part(%h)
      ...                                              ...
                                                     func @f.part(%h) attributes {dialectad.level = "loop"}

Note [Which level]
~~~~~~~~~~~~~~~~~~
At level linalg the adjoint of an operation on arrays is again one, of which each is a loop that vectorises: a
stencil on slices has its fastest gradient there. Code that reads and writes single elements in loops has its
at level loop, where the state of a loop is memory and not an array that is carried, by the size of the
difference: up to ten times (N-body), against a half for stencils. Matrix products are calls of BLAS at both.
So what a level costs is estimated: an access to a single element counts `_ELEMENT_AT_LINALG` times at the
one, an element of an operation on arrays `_ARRAY_AT_LOOP` times at the other. Trips of a loop whose bounds
aren't constants, and unknown extents, are taken to be `_UNKNOWN`.

The cotangents of what a call passes are values at level linalg, all of them at every call; memory that is
added to at level loop. That counts where a call stays a call, `_CROSSING` for each element.

A part costs what passes its boundary, `_CROSSING` for each element: its arguments and results are kept, their
cotangents cleared, copied and added. It doesn't run again in the reverse sweep (`augment-calls`), since only
loops that are in no other become parts: within a loop a part would be a checkpoint. Neighbours are one part
if there is little between them. What is mixed must be better by `_WORTHWHILE`.

Where functions or regions have a level of their own (`da.at_level`), that is respected: `mixed`. A function
that contains a request of a later level is differentiated there too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf, prod, sqrt

from xdsl.context import Context
from xdsl.dialects import arith, func, scf, tensor
from xdsl.dialects.builtin import DYNAMIC_INDEX, IntegerAttr, ModuleOp, StringAttr, TensorType
from xdsl.dialects.linalg.ops import MatmulOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.passes import ModulePass

from dialectad.dialects import blas
from dialectad.dialects.ad import LEVEL, JVPOp, VJPOp
from dialectad.dialects.lapack import LAPACK
from dialectad.dialects.linalg import DotOp, MatvecOp, VecmatOp
from dialectad.rewrite.call_graph import staying
from dialectad.rewrite.outline import move_free_out, outline_ops, taken_and_given
from dialectad.walk import walk

_UNKNOWN = 16
_ELEMENT_AT_LINALG = 5.0
_ARRAY_AT_LOOP = 1.4
_CROSSING = 3.0
_AT_ONCE = 8
"""How many multiplications of a matrix product take as long as an operation on an element of an array."""
_BETWEEN = 0.1
"""How much work on arrays may be between the loops of a part, per access to a single element in these."""
_WORTHWHILE = 1.05

AUTO = "auto"
CANDIDATES = ("linalg", "loop", "mixed")
"""What is chosen from."""


@dataclass(frozen=True)
class ChooseLevelPass(ModulePass):
    """Replace the level `auto` of requests by one that suits what they differentiate."""

    name = "choose-level"

    only: str = ""
    """The level to choose, whatever the program is; where there are no parts, linalg stands for mixed."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        choose(op, self.only)


def choose(module: ModuleOp, only: str = "") -> None:
    """Replace the level `auto` of all requests."""
    model = _Model({f.sym_name.data: f for f in module.ops if isinstance(f, func.FuncOp)}, only)
    for request in list(walk(module)):
        if isinstance(request, VJPOp | JVPOp) and request.level.data == AUTO:
            level = model.choose(request.callee.root_reference.data)
            request.properties["level"] = StringAttr(level)


def has_parts(module: ModuleOp) -> bool:
    """Whether a level `auto` in a program can be `mixed`."""
    copy = module.clone()
    choose(copy, "mixed")
    requests = (op for op in walk(copy) if isinstance(op, VJPOp | JVPOp))
    return any(request.level.data == "mixed" for request in requests)


class _Model:
    """What functions are estimated to do, and the levels chosen for them."""

    def __init__(self, functions: dict[str, func.FuncOp], only: str):
        self.functions = functions
        self.only = only
        self.staying = staying(functions)
        self.work: dict[str, Work] = {}
        self.chosen: dict[str, str] = {}

    def choose(self, name: str) -> str:
        if (level := self.chosen.get(name)) is None:
            level = self.chosen[name] = self._choose(name)
        return level

    def _choose(self, name: str) -> str:
        if self.only and self.only != "mixed":
            return self.only
        work = self.of(name)
        if work.has_levels:
            return "mixed"
        if work.is_later:
            return "loop"
        parts = self.parts(name)
        single = min(("linalg", "loop"), key=work.at)
        mixed = work.at("linalg") - sum(part.gain for part in parts)
        if not parts or not (self.only or mixed * _WORTHWHILE < work.at(single)):
            return "linalg" if self.only else single
        for part in parts:
            self._outline(name, part)
        return "mixed"

    def parts(self, name: str) -> list[Part]:
        """What of a function is better at level loop, although the rest is at level linalg."""
        function = self.functions.get(name)
        found: list[Part] = []
        between = Part()
        for op in function.body.block.ops if function is not None and function.body.blocks else ():
            work = Work()
            self._count_op(op, 1.0, work)
            if isinstance(op, scf.ForOp | scf.WhileOp | scf.IfOp) and work.at("loop") < work.at("linalg"):
                if found and between.is_light_beside(found[-1]):
                    found[-1].add(between.ops, between.work)
                else:
                    found.append(Part())
                found[-1].add([op], work)
                between = Part()
            else:
                between.add([op], work)
        return [part for part in found if part.is_possible and part.gain > 0]

    def _outline(self, name: str, part: Part) -> None:
        function = self.functions[name]
        first, last = part.ops[0], part.ops[-1]
        following, module = last.next_op, function.parent
        assert following is not None
        assert module is not None
        location = first.location
        outlined, call = outline_ops(move_free_out(part.ops, following), self._symbol(name), following)
        outlined.location = call.location = location
        outlined.attributes[LEVEL] = StringAttr("loop")
        self.functions[outlined.sym_name.data] = outlined
        module.insert_op_after(outlined, function)

    def _symbol(self, name: str) -> str:
        symbol = f"{name}.part"
        while symbol in self.functions:
            symbol += "_"
        return symbol

    def of(self, name: str) -> Work:
        if (work := self.work.get(name)) is None:
            work = self.work[name] = Work()
            function = self.functions.get(name)
            if function is not None and function.body.blocks:
                self._count(function.body.block, 1.0, work)
        return work

    def _count(self, block: Block, times: float, work: Work) -> None:
        for op in block.ops:
            self._count_op(op, times, work)

    def _count_op(self, op: Operation, times: float, work: Work) -> None:
        match op:
            case tensor.ExtractOp() | tensor.InsertOp():
                if times > 1 and any(_size(o) > 1 for o in op.operands):
                    work.elements += times
            case func.CallOp():
                work.has_levels |= LEVEL in op.attributes
                if op.callee.root_reference.data in self.staying:
                    work.passed += times * sum(map(_size, op.operands))
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
            case _ if type(op) in LAPACK.operations:
                work.has_solves = True
                work.products += times * _size(op.operands[-1]) ** 1.5 / _AT_ONCE
            case _ if type(op) in _PRODUCTS:
                work.products += times * _multiplications(op) / _AT_ONCE
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
        work.products += times * inner.products
        work.passed += times * inner.passed
        work.has_levels |= inner.has_levels
        work.has_solves |= inner.has_solves
        work.is_later |= inner.is_later


@dataclass
class Work:
    """How often a function does what, by estimate."""

    elements: float = 0.0
    """Accesses to single elements of arrays, in loops."""
    arrays: float = 0.0
    """Elements that operations on whole arrays go through."""
    products: float = 0.0
    """The same, of matrix products, which are calls of BLAS at every level."""
    passed: float = 0.0
    """Elements of arrays that are passed to functions that stay functions."""
    has_levels: bool = False
    """Whether some of it has a level of its own."""
    has_solves: bool = False
    """Whether it calls LAPACK, whose derivatives need no copies on the linalg rung."""
    is_later: bool = False
    """Whether it asks for derivatives that are made below the linalg rung."""

    def at(self, level: str) -> float:
        """What a level costs: see Note [Which level]."""
        if level == "loop" and self.has_solves:
            return inf
        if level == "loop":
            return self.elements + _ARRAY_AT_LOOP * self.arrays + self.products
        elements = _ELEMENT_AT_LINALG * self.elements + _CROSSING * self.passed
        return elements + self.arrays + self.products


@dataclass
class Part:
    """Ops that follow one another."""

    ops: list[Operation] = field(default_factory=list)
    work: Work = field(default_factory=Work)

    def add(self, ops: Sequence[Operation], work: Work) -> None:
        self.ops += ops
        self.work.elements += work.elements
        self.work.arrays += work.arrays
        self.work.products += work.products
        self.work.passed += work.passed
        self.work.has_solves |= work.has_solves

    def is_light_beside(self, part: Part) -> bool:
        """Whether this may as well belong to a part that it follows."""
        return (
            not self.work.has_solves
            and self.work.arrays + self.work.products <= _BETWEEN * part.work.elements
        )

    @property
    def gain(self) -> float:
        """By how much level loop is better than level linalg for them."""
        taken, given = taken_and_given(self.ops)
        crossing = _CROSSING * sum(map(_size, (*taken, *given)))
        return self.work.at("linalg") - self.work.at("loop") - crossing

    @property
    def is_possible(self) -> bool:
        """Whether they can be a function: it gives arrays of known shape, and asks for no derivatives."""
        _, given = taken_and_given(self.ops)
        if any(isinstance(v.type, TensorType) and DYNAMIC_INDEX in v.type.get_shape() for v in given):
            return False
        return not any(isinstance(op, VJPOp | JVPOp) for outer in self.ops for op in walk(outer))


_FREE: frozenset[type[Operation]] = frozenset(
    (
        *(arith.ConstantOp, tensor.EmptyOp, tensor.DimOp, tensor.CastOp, tensor.SplatOp),
        *(tensor.ExtractSliceOp, tensor.CollapseShapeOp, tensor.ExpandShapeOp),
        *(scf.YieldOp, scf.ConditionOp, func.ReturnOp),
    )
)


_PRODUCTS: frozenset[type[Operation]] = frozenset(
    (
        *(blas.GemmOp, blas.GemvOp, blas.GerOp, blas.DotOp),
        *(MatmulOp, MatvecOp, VecmatOp, DotOp),
    )
)


def _multiplications(op: Operation) -> float:
    """Of a product: each of its extents is that of two of the three arrays."""
    return sqrt(prod(max(1, _size(operand)) for operand in op.operands[:3]))


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
