"""`ad`: what requests ask of their callee, and what goes into and comes out of a cache."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from xdsl.dialects import func
from xdsl.dialects.builtin import DYNAMIC_INDEX, AnyFloat, IntegerAttr, MemRefType
from xdsl.ir import Attribute, SSAValue

from dialectad.dialects import ad
from dialectad.verify.rule import Symbols, element_of, rule, shape_of, show

_INOUT, _OUTS = "dialectad.inout", "dialectad.outs"


Request = ad.VJPOp | ad.JVPOp | ad.AugmentedOp | ad.PullbackOp


def _is_float(type_: Attribute) -> bool:
    return isinstance(element_of(type_), AnyFloat)


def _callee(op: Request, symbols: Symbols) -> func.FuncOp | str:
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
    if _OUTS in callee.attributes:
        yield from _memory_form(op, callee)
        return
    inputs, outputs = list(callee.function_type.inputs), list(callee.function_type.outputs)
    active, seeds = ad.positions(op.active), ad.positions(op.seeds)
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
    if _OUTS in callee.attributes:
        yield from _memory_form(op, callee)
        return
    inputs, outputs = list(callee.function_type.inputs), list(callee.function_type.outputs)
    active = ad.positions(op.active)
    wrong = list(_positions("active arguments", active, inputs))
    yield from wrong
    if not wrong:
        yield from _same("operands", op.operands, [*inputs, *(inputs[a] for a in active)])
        yield from _same("results", op.results, [*outputs, *filter(_is_float, outputs)])


@rule(ad.AugmentedOp)
def augmented(op: ad.AugmentedOp, symbols: Symbols) -> Iterator[str]:
    if isinstance(callee := _callee(op, symbols), str):
        yield callee
        return
    yield from _same("operands", op.operands, list(callee.function_type.inputs))
    given = [] if _OUTS in callee.attributes else list(callee.function_type.outputs)
    yield from _same("results", op.res, given)
    if op.run.has_more_than_one_use():
        yield "has several pullbacks"


@rule(ad.PullbackOp)
def pullback(op: ad.PullbackOp, symbols: Symbols) -> Iterator[str]:
    if isinstance(callee := _callee(op, symbols), str):
        yield callee
        return
    made = op.run.owner
    if not isinstance(made, ad.AugmentedOp) or made.callee != op.callee or made.parent is not op.parent:
        yield f"is of no run of {op.callee} in its block"
        return
    inputs, outputs = list(callee.function_type.inputs), list(callee.function_type.outputs)
    in_memory = _OUTS in callee.attributes
    if in_memory:
        first = len(inputs) - _number_of_outs(callee)
        inputs, outputs = inputs[:first], inputs[first:]
    active, seeds = ad.positions(op.active), ad.positions(op.seeds)
    wrong = [*_positions("active arguments", active, inputs), *_positions("seeds", seeds, outputs)]
    yield from wrong
    if wrong:
        return
    gradients = [inputs[a] for a in active]
    shadows = map(_in_memory, gradients) if in_memory else ()
    expected = [ad.RunType(), *inputs, *outputs, *shadows, *(outputs[s] for s in seeds)]
    yield from _same("operands", op.operands, expected)
    yield from _same("results", op.results, [] if in_memory else gradients)


def _number_of_outs(callee: func.FuncOp) -> int:
    count = callee.attributes[_OUTS]
    return min(count.value.data, len(callee.function_type.inputs)) if isinstance(count, IntegerAttr) else 0


def _memory_form(op: ad.VJPOp | ad.JVPOp, callee: func.FuncOp) -> Iterator[str]:
    """A request of a function that writes its results into its last arguments."""
    inputs = list(callee.function_type.inputs)
    count = callee.attributes[_OUTS]
    if not isinstance(count, IntegerAttr) or not 0 <= count.value.data <= len(inputs):
        return  # it is the function that is wrong
    first = len(inputs) - count.value.data
    if any(_INOUT in attrs.data for attrs in callee.arg_attrs or ()):
        yield f"@{callee.sym_name.data} writes into an argument"
    arguments, outs = inputs[:first], inputs[first:]
    active = ad.positions(op.active)
    seeds = ad.positions(op.seeds) if isinstance(op, ad.VJPOp) else None
    wrong = [*_positions("active arguments", active, arguments), *_positions("seeds", seeds or (), outs)]
    yield from wrong
    if wrong:
        return
    if seeds is not None:
        shadows = [*(_in_memory(arguments[a]) for a in active), *(outs[s] for s in seeds)]
    else:
        shadows = [*(arguments[a] for a in active), *filter(_is_float, outs)]
    yield from _same("operands", op.operands, [*inputs, *shadows])
    yield from _same("results", op.results, [])


def _in_memory(type_: Attribute) -> Attribute:
    return type_ if isinstance(type_, MemRefType) else MemRefType(type_, ())


def _content(cache: SSAValue) -> Attribute:
    assert isinstance(cache.type, ad.CacheType)
    return cache.type.element_type


@rule(ad.PushOp)
def push(op: ad.PushOp, _: Symbols) -> Iterator[str]:
    if op.value.type != _content(op.cache) and not ad.is_tape(op.cache):
        yield f"pushes {op.value.type} on {op.cache.type}"


@rule(ad.PopOp, ad.ReserveOp)
def pop(op: ad.PopOp | ad.ReserveOp, _: Symbols) -> Iterator[str]:
    content = op.result.type if ad.is_tape(op.cache) else _content(op.cache)
    if op.result.type != content:
        yield f"gives {op.result.type} from {op.cache.type}"
    if (shape_of(content) or ()).count(DYNAMIC_INDEX) != len(op.sizes):
        yield f"{len(op.sizes)} sizes given for the dynamic extents of {content}"
