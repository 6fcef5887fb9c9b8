"""`if` on a traced value becomes `scf.if`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from xdsl.dialects import arith, scf, tensor
from xdsl.dialects.builtin import i1
from xdsl.ir import Block, Operation, Region, SSAValue

from dialectad.errors import ShapeError
from dialectad.frontend import carry, dtypes, emit, pytrees
from dialectad.frontend.aliasing import Chosen, link_chosen
from dialectad.frontend.carry import LeafType, Passage, Undefined, Variable
from dialectad.frontend.complexes import Complex
from dialectad.frontend.tracers import Array, Scalar, Tracer, lift
from dialectad.frontend.tracing import Scope, Storage, current, error


def truth(test: Any) -> Any:
    """`test` as a condition: a Python bool where it is known, otherwise an `i1`."""
    if not isinstance(test, Tracer):
        return bool(test)
    if isinstance(test, Complex):
        test = test != 0
    if isinstance(test, Array):
        if test.size != 1:
            raise error(
                "the truth value of an array with more than one element is ambiguous",
                hint="use a.any() or a.all()",
                kind=ShapeError,
            )
        test = test.item()
    assert isinstance(test, Scalar)
    return emit.cast(test.ssa(), i1)


_PassOn = Callable[[LeafType, tuple[SSAValue | None, SSAValue | None]], tuple[Passage, slice]]
"""Lets the ways give a leaf, of these values; gives where it is among the op's results."""


@dataclass
class _Way:
    """One branch, traced."""

    scope: Scope
    variables: list[Variable]
    values: dict[int, SSAValue]
    """By the identity of a dynamic leaf: its value at the end of the branch."""


def branch(
    condition: SSAValue,
    then: Callable[[], Sequence[Any]],
    otherwise: Callable[[], Sequence[Any]],
    names: Sequence[str],
    live: Sequence[bool],
) -> list[Any]:
    """Trace both functions, which give the values of the variables, and merge these under `scf.if`."""
    trace = current()
    stale = dict(trace.stale)
    ways = [_trace(then, names, live)]
    stale_then, trace.stale = trace.stale, stale
    ways.append(_trace(otherwise, names, live))
    trace.stale = {**stale_then, **trace.stale}
    chosen: list[Chosen] = []
    columns: tuple[list[SSAValue], list[SSAValue]] = ([], [])

    def pass_on(type_: LeafType, values: tuple[SSAValue | None, SSAValue | None]) -> tuple[Passage, slice]:
        passage, start = Passage.of(type_), len(columns[0])
        for way, column, value in zip(ways, columns, values, strict=True):
            with _reopened(way.scope):
                column += passage.send(type_.zero() if value is None else value)
        return passage, slice(start, len(columns[0]))

    plans = [
        _merge(name, ways[0].variables[i], ways[1].variables[i], ways, pass_on, chosen) if live[i] else None
        for i, name in enumerate(names)
    ]
    # What is known on one way only stays unknown after both: nobody may read it.
    written = [s for s in _written(ways) if s not in trace.stale]
    for storage in written:
        for way, column in zip(ways, columns, strict=True):
            with _reopened(way.scope) as scope:
                column.append(scope.values.get(storage) or current().read(storage))
    regions = []
    for way, column in zip(ways, columns, strict=True):
        with _reopened(way.scope):
            current().insert(scf.YieldOp(*column))
        regions.append(Region(way.scope.block))
    op = current().insert(scf.IfOp(condition, [v.type for v in columns[0]], *regions))
    results = list(op.results)
    for storage, value in zip(written, results[len(results) - len(written) :], strict=True):
        current().write(storage, value)
    merged = [
        Undefined(name) if plan is None else plan(results) for name, plan in zip(names, plans, strict=True)
    ]
    link_chosen(chosen)
    return merged


def _trace(function: Callable[[], Sequence[Any]], names: Sequence[str], live: Sequence[bool]) -> _Way:
    block = Block()
    with current().open(block, "branch") as scope:
        values = function()
        variables = [Variable.of(n, v) for n, v in zip(names, values, strict=True)]
        found = {
            id(leaf): leaf.ssa()
            for variable, wanted in zip(variables, live, strict=True)
            if wanted
            for leaf in variable.leaves
            if isinstance(leaf, Tracer)
        }
    return _Way(scope, variables, found)


class _reopened:
    """Append to a branch that was closed."""

    def __init__(self, scope: Scope):
        self.scope = scope

    def __enter__(self) -> Scope:
        trace = current()
        trace.scope = self.scope
        trace.open_blocks.add(self.scope.block)
        return self.scope

    def __exit__(self, *_: object) -> None:
        trace = current()
        trace.open_blocks.discard(self.scope.block)
        trace.scope = self.scope.parent


def _written(ways: Sequence[_Way]) -> list[Storage]:
    outer = current().here
    found = dict.fromkeys(s for way in ways for s in way.scope.written())
    for storage in found:
        current()._touch(storage, outer)
    return list(found)


def _merge(
    name: str,
    a: Variable,
    b: Variable,
    ways: Sequence[_Way],
    pass_on: _PassOn,
    chosen: list[Chosen],
) -> Callable[[Sequence[SSAValue]], Any]:
    """How to make the variable after the branch from the results of the op."""
    if a.value is b.value:
        return lambda _: a.value
    if a.undefined and b.undefined:
        return lambda _: Undefined(name)
    if a.undefined or b.undefined:
        if not carry.is_internal(name):
            return lambda _: Undefined(name)
        known = b if a.undefined else a
        return _merge_leaves(name, *((None, known) if a.undefined else (known, None)), ways, pass_on, chosen)
    a, b = carry.alike(a, b)
    carry.check_same_structure(a, b)
    return _merge_leaves(name, a, b, ways, pass_on, chosen)


def _merge_leaves(
    name: str,
    a: Variable | None,
    b: Variable | None,
    ways: Sequence[_Way],
    pass_on: _PassOn,
    chosen: list[Chosen],
) -> Callable[[Sequence[SSAValue]], Any]:
    known = a or b
    assert known is not None
    count = len(known.leaves)
    pairs = zip(a.leaves if a else [None] * count, b.leaves if b else [None] * count, strict=True)
    parts: list[Callable[[Sequence[SSAValue]], Any]] = []
    for x, y in pairs:
        if (a is None or b is None or carry.same_static(x, y)) and not isinstance(
            known_leaf := (x if a else y), Tracer
        ):
            parts.append(lambda _, leaf=known_leaf: leaf)
            continue
        if a and b and x is y:
            parts.append(lambda _, leaf=x: leaf)
            continue
        if not all(carry.is_dynamic(leaf) for side, leaf in ((a, x), (b, y)) if side):
            raise carry.static_mismatch(name, x, y)
        types, values = [], []
        for side, leaf, way in ((a, x, ways[0]), (b, y, ways[1])):
            if side is None:
                values.append(None)
                continue
            with _reopened(way.scope):
                values.append(way.values[id(leaf)] if isinstance(leaf, Tracer) else lift(leaf).ssa())
                types.append(LeafType.of(leaf))
        type_ = types[0].outside() if len(types) == 1 else carry.join(name, *types)
        passage, part = pass_on(type_, (values[0], values[1]))
        parts.append(lambda results, p=passage, s=part, ls=(x, y): _after(p, results[s], ls, chosen))
    return lambda results: pytrees.unflatten(known.structure, [part(results) for part in parts])


def _after(
    passage: Passage, values: Sequence[SSAValue], leaves: Sequence[Any], chosen: list[Chosen]
) -> Tracer:
    """The merged leaf; of an array it is noted which memory it might share."""
    result = passage.receive(iter(values))
    if isinstance(result, Array):
        memory = (lift(x).storage if isinstance(x, Array | np.ndarray) else None for x in leaves)  # pyright: ignore
        chosen.append(Chosen(result.storage, tuple(memory)))
    elif isinstance(result, Scalar):
        intervals = [
            leaf.interval if isinstance(leaf, Scalar) else (leaf, leaf) if type(leaf) is int else None
            for leaf in leaves
        ]
        if dtypes.is_integral(result.dtype) and all(intervals):
            known = [i for i in intervals if i is not None]
            result.interval = (min(i[0] for i in known), max(i[1] for i in known))
    return result


# --- conditional expressions -------------------------------------------------------------------


def conditional(
    condition: SSAValue,
    then: Callable[[], Sequence[Any]],
    otherwise: Callable[[], Sequence[Any]],
    more: Sequence[str],
) -> list[Any]:
    """`then() if condition else otherwise()`: the value, and `more` that these change."""
    names = ["<expression>", *more]
    results = branch(condition, then, otherwise, names, [True] * len(names))
    _flatten_cheap(results[0])
    return results


_CHEAP = (arith.CmpfOp, arith.CmpiOp, arith.ConstantOp, arith.AndIOp, arith.OrIOp, arith.XOrIOp, scf.YieldOp)
_CHEAP_INDEX = (arith.AddiOp, arith.SubiOp, arith.MuliOp, arith.IndexCastOp, tensor.EmptyOp)


def _flatten_cheap(result: Any) -> None:
    """A bool or integer whose branches can't fail nor cost anything is chosen by `arith.select` instead."""
    if not isinstance(result, Scalar) or dtypes.is_float(result.value.type):
        return
    op = result.value.owner
    if not isinstance(op, scf.IfOp) or len(op.results) != 1:
        return
    blocks = [op.true_region.block, op.false_region.block]
    if not all(isinstance(o, _CHEAP + _CHEAP_INDEX) for b in blocks for o in b.ops):
        return
    trace = current()
    chosen = []
    for block in blocks:
        ops: list[Operation] = list(block.ops)
        for inner in ops[:-1]:
            inner.detach()
            trace.here.builder.insert(inner)
        chosen.append(ops[-1].operands[0])
    value = emit.select(op.cond, *chosen)
    op.results[0].replace_all_uses_with(value)
    op.detach()
    op.erase()
    base = result.offset[0]
    result.value = value
    result.offset = (value, 0) if base is not value else result.offset
