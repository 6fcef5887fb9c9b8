"""Bufferization of requests for derivatives: below the linalg rung they are in memory form, as in Enzyme.

    %y, %dx = "ad.vjp"(%x, %dy) <{callee = @f, active = [0], seeds = [0], level = "loop"}>
~>  linalg.fill 0, %DX; memref.copy %DY, %C; "ad.vjp"(%X, %Y, %DX, %C) <{...}> : (...) -> ()

    %y, %ty = "ad.jvp"(%x, %tx) <{callee = @f, active = [0], level = "loop"}>
~>  "ad.jvp"(%X, %Y, %TX, %TY) <{...}> : (...) -> ()

The operands are those of the bufferized callee (arguments, then outs), then the shadows: what cotangents are
added to, one for each active argument, and what holds the cotangents of the results that are seeds, which the
callee's derivative may overwrite. In forward mode these are the tangents of the active arguments and then
memory for those of the results. A scalar is an operand as it is where it is only read, otherwise a memref
of rank 0. All memrefs are row-major, and what is written overlaps no other operand.

What is called and differentiated later is the same in two parts. The pullback writes no outs, but reads them:

    %y, %run = "ad.augmented"(%x) <{callee = @f}>         %dx = "ad.pullback"(%run, %x, %y, %dy) <{...}>
~>  %run = "ad.augmented"(%X, %Y) {dialectad.outs = 1}    "ad.pullback"(%run, %X, %Y, %DX, %C) <{...}>

A call is the same without shadows. What it writes into an argument has no place of its own:

    %y = func.call @f(%x)       ~>  func.call @f(%X, %Y) {dialectad.outs = 1 : i64}
    %x1 = func.call @g(%x)      ~>  func.call @g(%X)
    func.func private @g(%x: tensor<4xf64> {dialectad.inout = 0 : i64}) -> tensor<4xf64>
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, cast

from xdsl.dialects import func, memref
from xdsl.dialects.builtin import (
    AnyFloat,
    ArrayAttr,
    DictionaryAttr,
    FloatAttr,
    IntegerAttr,
    ModuleOp,
    StringAttr,
    SymbolRefAttr,
    TensorType,
    i64,
)
from xdsl.ir import Attribute, Operation, SSAValue

from dialectad import locations
from dialectad.dialects import ad
from dialectad.dialects.host import HostCallOp
from dialectad.errors import CompileError
from dialectad.lower.bufferization.bufferizer import PASS, Bufferizer, Read
from dialectad.lower.bufferization.functions import INOUT, OUTS
from dialectad.lower.bufferization.places import Place, Splat, identity_type, is_static, is_tensor
from dialectad.lower.bufferization.result_extents import callee_of
from dialectad.rewrite import call_graph
from dialectad.walk import walk

Request = ad.VJPOp | ad.JVPOp

_STRIDED = "what is differentiated takes arrays whose elements lie one after the other"
_USED_UP = "what is called may overwrite it"


# --- the callees -------------------------------------------------------------------------------


def prepare_callees(module: ModuleOp) -> None:
    """Let every request and every call name a private function; what is differentiated later writes into
    none of its arguments.

    func.func private @f(%x: tensor<4xf64> {dialectad.inout = 0 : i64}) -> tensor<4xf64>
    ~>  func.func private @f(%x: tensor<4xf64>) -> tensor<4xf64>

    A public function stays as it is, and they name a private copy of it.
    """
    functions = {op.sym_name.data: op for op in module.ops if isinstance(op, func.FuncOp)}
    callees: dict[str, func.FuncOp] = {}
    pending: deque[Operation] = deque(walk(module))
    while pending:
        op = pending.popleft()
        if not isinstance(op, (*ad.REQUESTS, func.CallOp)):
            continue
        name = callee_of(op)
        if name not in functions:
            raise CompileError(f"a call of @{name}, which isn't there", locations.of(op), pass_name=PASS)
        if (callee := callees.get(name)) is None:
            callee = callees[name] = _private(functions, name)
            if callee is not functions[name]:
                pending += walk(callee)
        op.properties["callee"] = SymbolRefAttr(callee.sym_name)
    requested = {callee_of(op) for op in walk(module) if isinstance(op, ad.REQUESTS)}
    for name in call_graph.reached(requested, functions):
        _forget_inout(functions[name])


def _private(functions: dict[str, func.FuncOp], name: str) -> func.FuncOp:
    function = functions[name]
    if function.sym_visibility is not None and function.sym_visibility.data == "private":
        return function
    name += ".primal"
    while name in functions:
        name += "_"
    copy = functions[name] = function.clone()
    copy.properties |= {"sym_name": StringAttr(name), "sym_visibility": StringAttr("private")}
    parent = function.parent
    assert parent is not None
    parent.insert_op_after(copy, function)
    return copy


def _forget_inout(function: func.FuncOp) -> None:
    if function.arg_attrs is not None:
        function.properties["arg_attrs"] = ArrayAttr(
            DictionaryAttr({name: attr for name, attr in attrs.data.items() if name != INOUT})
            for attrs in function.arg_attrs
        )


# --- the requests ------------------------------------------------------------------------------


def _vjp(b: Bufferizer, op: ad.VJPOp) -> None:
    _check_level(b, op)
    active, seeds = ad.positions(op.active), ad.positions(op.seeds)
    count = len(op.operands) - len(seeds)
    results, gradients = _split(op.res, len(op.res) - len(active))
    reads: list[Read] = [(value, False) for value in op.operands if is_tensor(value)]
    outs = [_out(b, result, reads) for result in results]
    shadows = [_out(b, dx, reads, op.operands[i]) for i, dx in zip(active, gradients, strict=True)]
    for shadow in shadows:
        _fill_with_zero(b, shadow)
    cotangents = [_used_up(b, op, index) for index in range(count, len(op.operands))]
    arguments = [_argument(b, value) for value in op.operands[:count]]
    _replace(b, op, [*arguments, *map(b.memref, (*outs, *shadows, *cotangents))], [*outs, *shadows])


def _jvp(b: Bufferizer, op: ad.JVPOp) -> None:
    _check_level(b, op)
    count = len(op.operands) - len(ad.positions(op.active))
    reads: list[Read] = [(value, False) for value in op.operands if is_tensor(value)]
    places = [_out(b, result, reads) for result in op.res]
    outs, tangents = _split(places, _number_of_primals(op))
    arguments, directions = _split([_argument(b, value) for value in op.operands], count)
    _replace(b, op, [*arguments, *map(b.memref, outs), *directions, *map(b.memref, tangents)], places)


def _augmented(b: Bufferizer, op: ad.AugmentedOp) -> None:
    reads: list[Read] = [(value, False) for value in op.operands if is_tensor(value)]
    outs = [_out(b, result, reads) for result in op.res]
    arguments = [_argument(b, value) for value in op.operands]
    op.attributes[OUTS] = IntegerAttr(len(outs), i64)
    made = _replace(b, op, [*arguments, *map(b.memref, outs)], outs, [ad.RunType()])
    op.run.replace_all_uses_with(made.results[0])


def _pullback(b: Bufferizer, op: ad.PullbackOp) -> None:
    _check_level(b, op)
    active, seeds = ad.positions(op.active), ad.positions(op.seeds)
    count = len(op.operands) - len(seeds)
    reads: list[Read] = [(value, False) for value in op.operands if is_tensor(value)]
    shadows = [_out(b, dx, reads, op.arguments[i]) for i, dx in zip(active, op.res, strict=True)]
    for shadow in shadows:
        _fill_with_zero(b, shadow)
    cotangents = [_used_up(b, op, index) for index in range(count, len(op.operands))]
    first_out = count - _number_of_outs(op)
    arguments = [_argument(b, value) for value in op.operands[1:first_out]]
    outs = [_in_memory(b, value) for value in op.operands[first_out:count]]
    operands = [op.run, *arguments, *outs, *map(b.memref, (*shadows, *cotangents))]
    _replace(b, op, operands, shadows)


def _number_of_outs(op: ad.PullbackOp) -> int:
    augmented = op.run.owner  # in memory form already
    assert isinstance(augmented, ad.AugmentedOp)
    return cast(IntegerAttr[Any], augmented.attributes[OUTS]).value.data


def _in_memory(b: Bufferizer, value: SSAValue) -> SSAValue:
    """Memory with the content of a value that is read."""
    if is_tensor(value):
        return _argument(b, value)
    place = b.allocate((), value.type)
    b.emit(memref.StoreOp.get(value, place.buffer.memref, ()))
    return b.memref(place)


def _call(b: Bufferizer, op: func.CallOp) -> None:
    inout = _written_arguments(op)
    written = set(inout.values())
    reads: list[Read] = [(v, False) for i, v in enumerate(op.operands) if is_tensor(v) and i not in written]
    places = {k: _used_up(b, op, i) for k, i in inout.items()}
    for k, place in places.items():
        b.define(op.results[k], place)
    outs = {k: _out(b, result, reads) for k, result in enumerate(op.results) if k not in inout}
    arguments = {i: b.memref(places[k]) for k, i in inout.items()}
    operands = [
        arguments[i] if i in arguments else _argument(b, value) for i, value in enumerate(op.operands)
    ]
    if not inout:
        op.attributes[OUTS] = IntegerAttr(len(outs), i64)
    results = [(places | outs)[k] for k in range(len(op.results))]
    _replace(b, op, [*operands, *map(b.memref, outs.values())], results)


def _written_arguments(op: func.CallOp) -> dict[int, int]:
    """The results that a function writes into arguments -> which these are."""
    module = op.get_toplevel_object()
    assert isinstance(module, ModuleOp)
    callee = next(f for f in module.ops if isinstance(f, func.FuncOp) and f.sym_name.data == callee_of(op))
    attributes = callee.arg_attrs or ()
    found = {i: attrs.data.get(INOUT) for i, attrs in enumerate(attributes)}
    return {k.value.data: i for i, k in found.items() if isinstance(k, IntegerAttr)}


def _host_call(b: Bufferizer, op: HostCallOp) -> None:
    reads: list[Read] = [(value, False) for value in op.operands if is_tensor(value)]
    outs = [_out(b, result, reads) for result in op.results]
    op.attributes[OUTS] = IntegerAttr(len(outs), i64)
    _replace(b, op, [*(_argument(b, value) for value in op.operands), *map(b.memref, outs)], outs)


def _check_level(b: Bufferizer, op: Request | ad.PullbackOp) -> None:
    if ad.point_of(op.level.data) not in ad.MEMORY:
        raise b.error(
            f"a derivative at the level {op.level} is left",
            hint=f"run the pass `differentiate{{level={ad.point_of(op.level.data)}}}` before `bufferize`",
        )


def _split(values: Sequence[Any], count: int) -> tuple[list[Any], list[Any]]:
    return list(values[:count]), list(values[count:])


def _number_of_primals(op: ad.JVPOp) -> int:
    """How many of the results come before the tangents, of which there is one for each that is a float."""
    floats = [isinstance(_element_type(r.type), AnyFloat) for r in op.res]
    return next(n for n in range(len(floats) + 1) if n + sum(floats[:n]) == len(floats))


def _element_type(type_: Attribute) -> Attribute:
    return type_.element_type if isinstance(type_, TensorType) else type_


def _out(b: Bufferizer, result: SSAValue, reads: Sequence[Read], like: SSAValue | None = None) -> Place:
    """Memory that the callee's derivative writes `result` into: where it ends up, if it can be there."""
    if not isinstance(type_ := result.type, TensorType):
        return b.allocate((), type_)
    like = like or b.likes.get(result)
    if like is None and not is_static(type_):
        raise b.error(
            f"what is called or differentiated gives an array whose shape depends on data ({type_})",
            hint="give that part the level linalg, or let it return an array of a shape that is known before",
        )
    place = b.fresh(result, reads, like)
    if place.type != identity_type(type_):
        place = b.alloc(result, like)
    b.define(result, place)  # from here on it is in the way of the others
    return place


def _fill_with_zero(b: Bufferizer, place: Place) -> None:
    type_ = cast(AnyFloat, place.element_type)
    b.fill(Splat(FloatAttr(0.0, type_)), place)


def _argument(b: Bufferizer, value: SSAValue) -> SSAValue:
    """What is passed for an operand that is read."""
    if not isinstance(type_ := value.type, TensorType):
        return value
    place = b.read(value)
    if place.type != identity_type(type_):
        aside = b.alloc(value)
        b.copy(place, aside, _STRIDED)
        place = aside
    return b.memref(place)


def _used_up(b: Bufferizer, op: Operation, index: int) -> Place:
    """Memory with the content of an operand that may be overwritten: its own, if nobody wants that."""
    value = op.operands[index]
    if not isinstance(type_ := value.type, TensorType):
        place = b.allocate((), type_)
        b.emit(memref.StoreOp.get(value, place.buffer.memref, ()))
        return place
    where = b.places[value]
    if isinstance(where, Place) and value in b.dying and where.type == identity_type(type_):
        others = [(v, False) for i, v in enumerate(op.operands) if i != index and is_tensor(v)]
        if b.may_write(where, others):
            return where
    place = b.alloc(value)
    b.write(value, place, _USED_UP)
    return place


def _replace(
    b: Bufferizer,
    op: Operation,
    operands: Sequence[SSAValue],
    places: Sequence[Place],
    types: Sequence[Attribute] = (),
) -> Operation:
    """Emit the op in memory form, with results of `types`; what it gave before is in `places`."""
    made = b.emit(
        type(op).create(
            operands=operands, result_types=types, properties=op.properties, attributes=op.attributes
        )
    )
    for result, place in zip(op.results, places, strict=False):
        if not is_tensor(result) and result.first_use is not None:
            load = b.emit(memref.LoadOp.get(b.memref(place), ()))
            result.replace_all_uses_with(load.results[0])
    b.drop(op)
    return made


Bufferizer.RULES |= {
    ad.VJPOp: _vjp,
    ad.JVPOp: _jvp,
    ad.AugmentedOp: _augmented,
    ad.PullbackOp: _pullback,
    func.CallOp: _call,
    HostCallOp: _host_call,
}
