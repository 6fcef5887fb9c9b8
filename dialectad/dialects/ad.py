"""The `ad` dialect: requests for derivatives, and the caches that a reverse sweep reads.

A *request* names a function and is replaced by the pass `differentiate`:

    %y, %dx = "ad.vjp"(%x, %w, %dy) <{callee = @f, active = array<i64: 0>, seeds = array<i64: 0>}>
    %y, %ty = "ad.jvp"(%x, %w, %tx) <{callee = @f, active = array<i64: 0>}>

The attribute `level` says at which point of the pipeline that happens. Below the linalg rung a request has
no results; its operands are all arguments of the bufferized function and then their shadows:

    "ad.vjp"(%x, %y, %dx, %dy) ...   // %y: what @f writes; %dx is added to; %dy may be overwritten
    "ad.jvp"(%x, %y, %tx, %ty) ...   // %ty is written

A call and the later request for its derivative can be made one run (`augment-calls`): the *augmented* call
keeps what the *pullback* needs. Its token says which run that was. In memory form:

    %run = "ad.augmented"(%x, %y) <{callee = @f}>                          // writes %y, as the call does
    "ad.pullback"(%run, %x, %y, %dx, %dy) <{callee = @f, ...}>             // as ad.vjp, but reads %y

A *cache* is a stack. The forward sweep pushes, the reverse sweep pops in the opposite order:

    %c = "ad.cache"(%n) : (index) -> !ad.cache<tensor<4xf64>>      // at most %n pushes
    %c = "ad.cache"() : () -> !ad.cache<f64>                       // grows
    "ad.push"(%c, %v) : (!ad.cache<f64>, f64) -> ()
    %v = "ad.pop"(%c) : (!ad.cache<f64>) -> f64

A *tape* is a cache of values of any types, which functions hand on to those that they call. What is kept in a
cache of a call's own goes on the tape as a whole, where the reverse half of the call finds it:

    func.func private @f.augmented_0_of_0(%tape: !ad.cache<none>, %x: f64) -> f64 {
      ...; "ad.push"(%tape, %c) : (!ad.cache<none>, !ad.cache<f64>) -> ()

`ad.stop` gives its operand, through which no derivative flows; `differentiate` removes it:

    %y = "ad.stop"(%x) : (f64) -> f64

On the loop rung the content of a cache of tensors is a memref: `ad.reserve` pushes a slot and gives a
view of it to write into, and `ad.pop` gives a view, valid until the next `ad.reserve`.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import (
    DenseArrayBase,
    FlatSymbolRefAttrConstr,
    IndexType,
    NoneType,
    StringAttr,
    SymbolRefAttr,
    i64,
)
from xdsl.ir import (
    Attribute,
    Dialect,
    ParametrizedAttribute,
    SSAValue,
    TypeAttribute,
)
from xdsl.irdl import (
    AnyAttr,
    IRDLOperation,
    VarConstraint,
    base,
    irdl_attr_definition,
    irdl_op_definition,
    operand_def,
    opt_operand_def,
    param_def,
    prop_def,
    result_def,
    traits_def,
    var_operand_def,
    var_result_def,
)
from xdsl.traits import EffectInstance, MemoryEffect, MemoryEffectKind, Pure

REASON = "dialectad.reason"
"""Says of a cache why what it holds can't be reloaded or recomputed."""

MIRRORED = "dialectad.mirrored"
"""Marks a cache of which every pop is in a loop that mirrors that of the push: it runs equally often."""

PASSED = "dialectad.passed"
"""Marks a cache by which arrays get from one iteration of a loop to the next, or out of a branch: what is
popped may be pushed again."""

POINTS = ("linalg-unoptimized", "graph", "linalg", "loop", "llvm")
"""The points of a pipeline at which `differentiate` replaces requests, in their order."""

LEVEL = "dialectad.level"
"""On a function: the level that a region of the program was given. On a call: the level that it is
differentiated at, as soon as that is decided."""

_SHARED = {"mixed": "linalg", "loop-no-blas": "loop", "llvm-unoptimized": "llvm"}
"""Levels of requests that are replaced together with those of another."""

MEMORY = ("loop", "llvm")
"""The points at which requests are in memory form."""


def point_of(level: str) -> str:
    """Where requests of this level are replaced: one of `POINTS`, if it is a level."""
    return _SHARED.get(level, level)


def positions(attr: DenseArrayBase) -> tuple[int, ...]:
    """The positions that `active` or `seeds` lists."""
    return tuple(int(p) for p in attr.get_values())  # pyright: ignore[reportAttributeAccessIssue]


class _Allocates(MemoryEffect):
    @classmethod
    def get_effects(cls, op):
        return {EffectInstance(MemoryEffectKind.ALLOC)}


class _Writes(MemoryEffect):
    @classmethod
    def get_effects(cls, op):
        return {EffectInstance(MemoryEffectKind.READ), EffectInstance(MemoryEffectKind.WRITE)}


_SAME = VarConstraint("T", AnyAttr())


@irdl_attr_definition
class CacheType(ParametrizedAttribute, TypeAttribute):
    """A stack of values of one type: a scalar, a tensor, or (loop rung) a memref."""

    name = "ad.cache"
    element_type: Attribute = param_def()


TAPE = CacheType(NoneType())
"""A cache of values of any types, caches included, that functions hand on to those that they call: what one
pushes, another one pops."""


def is_tape(cache: SSAValue) -> bool:
    """Whether a cache takes values of any types."""
    return cache.type == TAPE


@irdl_op_definition
class CacheOp(IRDLOperation):
    """A new, empty cache, which lives until the end of its block. `capacity` bounds the pushes."""

    name = "ad.cache"
    capacity = opt_operand_def(IndexType())
    result = result_def(base(CacheType))
    traits = traits_def(_Allocates())

    def __init__(self, element_type: Attribute, capacity: SSAValue | None = None):
        super().__init__(operands=[capacity], result_types=[CacheType(element_type)])


@irdl_op_definition
class PushOp(IRDLOperation):
    """Push a value."""

    name = "ad.push"
    cache = operand_def(base(CacheType))
    value = operand_def(AnyAttr())
    traits = traits_def(_Writes())

    def __init__(self, cache: SSAValue, value: SSAValue):
        super().__init__(operands=[cache, value])


@irdl_op_definition
class ReserveOp(IRDLOperation):
    """Push an unwritten slot and give a view of it (loop rung). `sizes`: its dynamic extents."""

    name = "ad.reserve"
    cache = operand_def(base(CacheType))
    sizes = var_operand_def(IndexType())
    result = result_def()
    traits = traits_def(_Writes())

    def __init__(self, cache: SSAValue, sizes: Sequence[SSAValue], result_type: Attribute):
        super().__init__(operands=[cache, list(sizes)], result_types=[result_type])


@irdl_op_definition
class PopOp(IRDLOperation):
    """Pop what was pushed last. `sizes` are the dynamic extents of the value."""

    name = "ad.pop"
    cache = operand_def(base(CacheType))
    sizes = var_operand_def(IndexType())
    result = result_def()
    traits = traits_def(_Writes())

    def __init__(self, cache: SSAValue, sizes: Sequence[SSAValue] = (), result_type: Attribute | None = None):
        if result_type is None:
            assert isinstance(cache.type, CacheType)
            result_type = cache.type.element_type
        super().__init__(operands=[cache, list(sizes)], result_types=[result_type])


@irdl_op_definition
class ReleaseOp(IRDLOperation):
    """Free the cache's memory. `convert-scf-to-cf` puts it at the end of the block that holds the cache."""

    name = "ad.release"
    cache = operand_def(base(CacheType))
    traits = traits_def(_Writes())

    def __init__(self, cache: SSAValue):
        super().__init__(operands=[cache])


@irdl_op_definition
class VJPOp(IRDLOperation):
    """Request: the results of `callee`, then the cotangents of its `active` arguments.

    The operands are the primal arguments and then one cotangent for each result position in `seeds`.
    """

    name = "ad.vjp"
    arguments = var_operand_def()
    res = var_result_def()
    callee = prop_def(FlatSymbolRefAttrConstr)
    active = prop_def(DenseArrayBase)
    seeds = prop_def(DenseArrayBase)
    level = prop_def(StringAttr)

    def __init__(
        self,
        callee: str,
        operands: Sequence[SSAValue],
        active: Sequence[int],
        seeds: Sequence[int],
        result_types: Sequence[Attribute],
        level: str = "linalg",
    ):
        super().__init__(
            operands=[list(operands)],
            result_types=[list(result_types)],
            properties={
                "callee": SymbolRefAttr(callee),
                "active": DenseArrayBase.from_list(i64, list(active)),
                "seeds": DenseArrayBase.from_list(i64, list(seeds)),
                "level": StringAttr(level),
            },
        )


@irdl_op_definition
class JVPOp(IRDLOperation):
    """Request: the results of `callee`, then the tangents of its float results, in order.

    The operands are the primal arguments and then one tangent for each position in `active`.
    """

    name = "ad.jvp"
    arguments = var_operand_def()
    res = var_result_def()
    callee = prop_def(FlatSymbolRefAttrConstr)
    active = prop_def(DenseArrayBase)
    level = prop_def(StringAttr)

    def __init__(
        self,
        callee: str,
        operands: Sequence[SSAValue],
        active: Sequence[int],
        result_types: Sequence[Attribute],
        level: str = "linalg",
    ):
        super().__init__(
            operands=[list(operands)],
            result_types=[list(result_types)],
            properties={
                "callee": SymbolRefAttr(callee),
                "active": DenseArrayBase.from_list(i64, list(active)),
                "level": StringAttr(level),
            },
        )


@irdl_attr_definition
class RunType(ParametrizedAttribute, TypeAttribute):
    """One run of a function, whose pullback is still to come."""

    name = "ad.run"


@irdl_op_definition
class AugmentedOp(IRDLOperation):
    """A call that keeps what its pullback needs: the results of `callee`, then the run.

    There is one pullback, later in the same block; it says by what and at which level to differentiate.
    """

    name = "ad.augmented"
    arguments = var_operand_def()
    res = var_result_def()
    run = result_def(RunType)
    callee = prop_def(FlatSymbolRefAttrConstr)

    def __init__(self, callee: str, operands: Sequence[SSAValue], result_types: Sequence[Attribute]):
        super().__init__(
            operands=[list(operands)],
            result_types=[list(result_types), RunType()],
            properties={"callee": SymbolRefAttr(callee)},
        )


@irdl_op_definition
class PullbackOp(IRDLOperation):
    """Request: the cotangents of the `active` arguments of a run of `callee`.

    The operands are the run, its arguments and results, and one cotangent for each position in `seeds`.
    """

    name = "ad.pullback"
    run = operand_def(RunType)
    arguments = var_operand_def()
    res = var_result_def()
    callee = prop_def(FlatSymbolRefAttrConstr)
    active = prop_def(DenseArrayBase)
    seeds = prop_def(DenseArrayBase)
    level = prop_def(StringAttr)


@irdl_op_definition
class StopOp(IRDLOperation):
    """The operand, as a constant for what is differentiated."""

    name = "ad.stop"
    value = operand_def(_SAME)
    result = result_def(_SAME)
    traits = traits_def(Pure())

    def __init__(self, value: SSAValue):
        super().__init__(operands=[value], result_types=[value.type])


REQUESTS = (VJPOp, JVPOp, AugmentedOp, PullbackOp)
"""The ops that name a function that is to be differentiated."""

AD = Dialect(
    "ad",
    [CacheOp, PushOp, ReserveOp, PopOp, ReleaseOp, *REQUESTS, StopOp],
    [CacheType, RunType],
)
