"""`lower-blas`: each op of `blas` becomes a call of CBLAS or, where that doesn't pay, `linalg` ops.

Each op of `lapack` becomes a call of LAPACK, whatever its size: there are no loops for it. Each op of `order`
becomes a call of a function that is part of the generated code.

A call costs some tenths of a microsecond, and a library is tuned for matrices that don't fit in registers.
What is bound by memory (ger, dot) gains nothing by it, and LLVM sees through loops.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from xdsl.builder import Builder
from xdsl.context import Context
from xdsl.dialects import builtin
from xdsl.dialects.builtin import DYNAMIC_INDEX, MemRefType
from xdsl.ir import Operation
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint

from dialectad import locations
from dialectad.dialects import blas
from dialectad.dialects.destination import has_routines
from dialectad.errors import CompileError
from dialectad.lower import complex_lapack_calls, lapack_calls, order_calls
from dialectad.lower.blas_calls import CALLS, Caller
from dialectad.lower.blas_loops import LOOPS, element_type
from dialectad.walk import walk

_ALWAYS = {**lapack_calls.CALLS, **order_calls.CALLS}
"""Ops that are called whatever their size."""

_COMPLEX = complex_lapack_calls.CALLS
"""The same, of complex numbers."""

CALL_ABOVE: dict[type[Operation], int] = {
    blas.GemmOp: 600,
    blas.GemvOp: 10_000,
    blas.GerOp: 16_000,
    blas.DotOp: 50_000,
    blas.SyrkOp: 600,
}
"""Multiplications from which on a call is as fast as loops: measured on one core of a Zen 4 with AVX-512."""


def _extents(op: Operation) -> list[int]:
    """How often each loop of the op would run."""
    match op:
        case blas.GemmOp():
            return [*_shape(op, 0), _shape(op, 2)[1]]
        case blas.GerOp():
            return _shape(op, 2)
        case blas.SyrkOp():
            return [*_shape(op, 0), _shape(op, 1)[0]]
        case _:
            return _shape(op, 0)


def _shape(op: Operation, position: int) -> list[int]:
    t = op.operands[position].type
    if not isinstance(t, MemRefType):
        raise CompileError(
            f"{op.name} on tensors", locations.of(op), hint="run bufferize first", pass_name="lower-blas"
        )
    return list(t.get_shape())


@dataclass(frozen=True)
class LowerBlasPass(ModulePass):
    """Turn `blas` ops into library calls or `linalg` ops, and those of `lapack` and `order` into calls."""

    name = "lower-blas"

    blas_calls: bool = True
    """Whether a library may be called; otherwise everything becomes loops."""

    def apply(self, ctx: Context, op: builtin.ModuleOp) -> None:
        caller = Caller()
        for inner in [o for o in walk(op) if any(type(o) in kinds for kinds in (LOOPS, _ALWAYS, _COMPLEX))]:
            builder = Builder(InsertPoint.before(inner))
            caller.builder = builder
            always = _COMPLEX if "complex" in inner.properties else _ALWAYS
            if (call := always.get(type(inner))) is not None:
                _shape(inner, -1)
                call(inner, caller)
            elif not (self._pays(inner) and CALLS[type(inner)](inner, caller)):
                LOOPS[type(inner)](inner, builder)
            inner.detach()
            inner.erase()
        op.body.block.add_ops(caller.declarations.values())

    def _pays(self, op: Operation) -> bool:
        if not self.blas_calls or not has_routines(element_type(op.operands[0])):
            return False
        extents = _extents(op)
        if DYNAMIC_INDEX in extents:
            return True
        # A product of vectors as gemm: loops are two to four times as fast.
        is_thin = isinstance(op, blas.GemmOp) and 1 in extents
        return not is_thin and prod(extents) >= CALL_ABOVE[type(op)]
