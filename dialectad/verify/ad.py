"""`ad`: what requests ask of their callee, and what goes into and comes out of a cache."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from xdsl.dialects import func
from xdsl.dialects.builtin import DYNAMIC_INDEX, AnyFloat, DenseArrayBase
from xdsl.ir import Attribute, SSAValue

from dialectad.dialects import ad
from dialectad.verify.rule import Symbols, element_of, rule, shape_of, show


def _is_float(type_: Attribute) -> bool:
    return isinstance(element_of(type_), AnyFloat)


def _values(positions: DenseArrayBase) -> Sequence[int]:
    return [int(p) for p in positions.get_values()]  # pyright: ignore[reportAttributeAccessIssue]


def _callee(op: ad.VJPOp | ad.JVPOp, symbols: Symbols) -> func.FuncOp | str:
    name = op.callee.root_reference.data
    callee = symbols.get(name)
    return callee if isinstance(callee, func.FuncOp) else f"there is no func.func @{name}"


def _positions(what: str, positions: Sequence[int], types: Sequence[Attribute]) -> Iterator[str]:
    if len(set(positions)) != len(positions) or any(not 0 <= p < len(types) for p in positions):
        yield f"{what} {list(positions)} aren't different positions among {len(types)}"
    elif wrong := [p for p in positions if not _is_float(types[p])]:
        yield f"{what} {wrong} aren't of float type"


def _same(what: str, got: Sequence[SSAValue], expected: Sequence[Attribute]) -> Iterator[str]:
    types = [value.type for value in got]
    if types != list(expected):
        yield f"{what} are {show(types)}, expected {show(expected)}"


@rule(ad.VJPOp)
def vjp(op: ad.VJPOp, symbols: Symbols) -> Iterator[str]:
    if isinstance(callee := _callee(op, symbols), str):
        yield callee
        return
    inputs, outputs = list(callee.function_type.inputs), list(callee.function_type.outputs)
    active, seeds = _values(op.active), _values(op.seeds)
    wrong = [*_positions("active arguments", active, inputs), *_positions("seeds", seeds, outputs)]
    yield from wrong
    if not wrong:
        yield from _same("operands", op.operands, [*inputs, *(outputs[s] for s in seeds)])
        yield from _same("results", op.results, [*outputs, *(inputs[a] for a in active)])


@rule(ad.JVPOp)
def jvp(op: ad.JVPOp, symbols: Symbols) -> Iterator[str]:
    if isinstance(callee := _callee(op, symbols), str):
        yield callee
        return
    inputs, outputs = list(callee.function_type.inputs), list(callee.function_type.outputs)
    active = _values(op.active)
    wrong = list(_positions("active arguments", active, inputs))
    yield from wrong
    if not wrong:
        yield from _same("operands", op.operands, [*inputs, *(inputs[a] for a in active)])
        yield from _same("results", op.results, [*outputs, *filter(_is_float, outputs)])


def _content(cache: SSAValue) -> Attribute:
    assert isinstance(cache.type, ad.CacheType)
    return cache.type.element_type


@rule(ad.PushOp)
def push(op: ad.PushOp, _: Symbols) -> Iterator[str]:
    if op.value.type != _content(op.cache):
        yield f"pushes {op.value.type} on {op.cache.type}"


@rule(ad.PopOp, ad.ReserveOp)
def pop(op: ad.PopOp | ad.ReserveOp, _: Symbols) -> Iterator[str]:
    content = _content(op.cache)
    if op.result.type != content:
        yield f"gives {op.result.type} from {op.cache.type}"
    if (shape_of(content) or ()).count(DYNAMIC_INDEX) != len(op.sizes):
        yield f"{len(op.sizes)} sizes given for the dynamic extents of {content}"
