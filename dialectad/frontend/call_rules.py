"""Calls with a derivative of their own, as they are traced: `custom_vjp`, `custom_jvp`, `checkpoint`.

The function becomes a call with a rule (`dialects/call_rule.py`), and the functions that the rule names are
traced, or built, along with it. All of them take what any of them uses of the functions around.

Note [Rules that call their function]
~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
A rule usually calls the function that it is of, and a derivative may be made of that call again. So while a
rule is being traced, a call of the same function with arguments of the same types gets the same rule, once
that is complete.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from xdsl.dialects import func, tensor
from xdsl.dialects.builtin import DYNAMIC_INDEX, FunctionType, StringAttr, TensorType
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue

from dialectad.dialects import ad
from dialectad.dialects.call_rule import RULE, CallRule
from dialectad.dialects.extents import dynamic_dims
from dialectad.errors import ShapeError
from dialectad.frontend import complexes, dtypes, emit, program, pytrees
from dialectad.frontend.carry import is_dynamic
from dialectad.frontend.emit import Extent
from dialectad.frontend.program import ArrayType, LeafType, ScalarType
from dialectad.frontend.request import Call, begin_call, conform, conjugated, exact_types, is_weak, leaf_type
from dialectad.frontend.tracers import Array, Tracer, extents, lift, wrap
from dialectad.frontend.tracing import Scope, current, error

Values = list[SSAValue]


class Part(Protocol):
    """A function that a rule names."""

    name: str

    def finish(self, captured: Iterable[SSAValue]) -> None:
        """Make it a function of the module, whose last parameters are for what is captured."""
        ...


@dataclass
class Built:
    """A part that is not traced."""

    name: str
    types: Sequence[Attribute]
    """Of its parameters, but for what is captured."""
    make: Callable[[Values, Values], Values]
    """Emits the body: takes the parameters, and those for what is captured; gives the results."""

    def finish(self, captured: Iterable[SSAValue]) -> None:
        trace, count = current(), len(self.types)
        block = Block(arg_types=[*self.types, *(value.type for value in captured)])
        with trace.open(block, "function"):
            results = self.make(list(block.args[:count]), list(block.args[count:]))
            trace.insert(func.ReturnOp(*results))
        type_ = FunctionType.from_lists(block.arg_types, [value.type for value in results])
        function = func.FuncOp(self.name, type_, Region(block), visibility=StringAttr("private"))
        function.location = trace.location_attr()
        trace.module.body.block.add_op(function)


@dataclass
class Rule:
    """A call and its rule, while they are being traced."""

    kind: str
    call: Call
    """The function, traced for the arguments."""
    arguments: Sequence[Any]
    """Those by which it can be differentiated: pytrees."""
    parts: dict[str, Part] = field(default_factory=dict)
    residuals: Sequence[Attribute] = ()
    """The types of what is kept for the pullback."""
    sizes: Sequence[tuple[int, int] | SSAValue | None] = ()
    """The extents of the residuals that their types leave open: which one of which operand, a value of the
    function around, or None where it depends on data."""
    others: list[Call] = field(default_factory=list)
    """Functions that the parts call."""
    own: list[Operation] = field(default_factory=list)
    """Calls in the parts that are to get the rule."""
    pending: list[tuple[Operation, Scope]] = field(default_factory=list)
    """Calls that are to get the rule, and the functions that they are in."""

    @property
    def float_leaves(self) -> list[int]:
        """The leaves of the arguments that have a derivative."""
        return [i for i, leaf in enumerate(self.call.arguments) if has_derivative(leaf)]

    def operand(self, leaf: int) -> SSAValue:
        return self.call.operands[self.call.parameters[leaf]]

    @property
    def float_results(self) -> list[SSAValue]:
        return [value for value in self.call.results if dtypes.is_float(emit.element(value))]

    def result_parameter(self, value: SSAValue) -> Parameter:
        """The parameter for the cotangent of a result."""
        dtype = dtypes.from_ir(emit.element(value))
        position = self.call.results.index(value)
        i = next(i for i, p in self.call.positions.items() if p == position)
        if isinstance(value.type, TensorType):
            return Parameter(ArrayType(dtype, value.type.get_shape()), value.type, self.call.extents(i))
        leaf = self.call.body.leaves[i]
        return Parameter(ScalarType(dtype, is_weak(leaf) or type(leaf) is float), value.type, ())

    def emit_call(self, leaves: Sequence[Any]) -> Any:
        """A call for the leaves of arguments; gives what the function returns, in arrays of its own."""
        call, trace = self.call, current()
        made = list(call.body.leaves)
        if call.results:
            operands = [leaf.ssa() for leaf in leaves if isinstance(leaf, Tracer)]
            op = trace.insert(func.CallOp(call.name, operands, call.result_types))
            self.pending.append((op, trace.here.function()))
            for i, position in call.positions.items():
                weak = is_weak(made[i]) or type(made[i]) in (bool, int, float)
                made[i] = self._wrap(op.results[position], i, weak)
        return pytrees.unflatten(call.body.structure, made)

    def _wrap(self, result: SSAValue, leaf: int, weak: bool) -> Tracer:
        shape = [n for n in self.call.extents(leaf) if n is not None]
        if shape and len(shape) == emit.rank(result):
            return Array.fresh(result, tuple(shape))
        return wrap(result, weak=weak)

    def complete(self) -> None:
        """Finish the functions, and give the calls their rule."""
        parts = [self.call, *self.parts.values(), *self.others]
        traced = [part for part in parts if isinstance(part, Call)]
        scopes = [part.body.scope for part in traced]
        captured = dict.fromkeys(value for scope in scopes for value in scope.captured)
        captured |= dict.fromkeys(size for size in self.sizes if isinstance(size, SSAValue))
        first = len(self.call.operands)
        for part in parts:
            part.finish(captured)
        names = {key: part.name for key, part in self.parts.items()}
        places = {value: (first + k, -1) for k, value in enumerate(captured)}
        sizes = [places[size] if isinstance(size, SSAValue) else size or (-1, -1) for size in self.sizes]
        rule = CallRule(
            self.kind, residuals=(*self.residuals,), sizes=(*sizes,), constants=len(captured)
        ).with_parts(names)
        for op, scope in self.pending:
            if captured and scope not in scopes and scope is not current().here.function():
                raise error(
                    f"a {self.kind} function that calls itself uses values of the function around it",
                    hint="pass them as arguments",
                )
            own = [scope.captured[v] if scope in scopes else current().resolve(v) for v in captured]
            op.operands = [*op.operands, *own]
            self.own.append(op)
        for op in self.own:
            op.attributes[RULE] = rule.attribute()


def has_derivative(leaf: Any) -> bool:
    return isinstance(leaf, Tracer) and leaf.dtype.kind == "f"


def call_with_rule(
    kind: str,
    key: Hashable,
    function: Callable[..., Any],
    arguments: Sequence[Any],
    trace_parts: Callable[[Rule], None],
) -> Any:
    """Call `function`; `key` and the types of the arguments tell rules apart that `trace_parts` makes."""
    under_way = current().under_way
    leaves, structure = pytrees.flatten(list(arguments))
    leaves = [lift(leaf) if is_dynamic(leaf) else leaf for leaf in leaves]
    shapes = [tuple(map(_origin, extents(leaf))) for leaf in leaves if isinstance(leaf, Tracer)]
    key = (key, structure, *map(leaf_type, leaves), *exact_types(leaves), *shapes)
    if (known := under_way.get(key)) is not None:  # Note [Rules that call their function]
        return known.emit_call(leaves)
    arguments = pytrees.unflatten(structure, leaves)
    rule = under_way[key] = Rule(kind, begin(kind, function, arguments), arguments)
    try:
        trace_parts(rule)
    finally:
        del under_way[key]
    result = rule.emit_call(leaves)
    rule.complete()
    return result


def _origin(extent: Extent) -> Extent:
    """What an extent is in the outermost of the functions that take it from the function around them."""
    scope = current().here
    while isinstance(extent, SSAValue):
        function = scope.function()
        taken: dict[SSAValue, SSAValue] = {parameter: value for value, parameter in function.captured.items()}
        if extent not in taken or function.parent is None:
            break
        extent, scope = taken[extent], function.parent
    return extent


def begin(kind: str, function: Callable[..., Any], arguments: Sequence[Any]) -> Call:
    """Trace a function that may write into no argument."""
    call = begin_call(function, arguments, {})
    _check_unwritten(kind, call)
    return call


def _check_unwritten(kind: str, call: Call) -> None:
    if call.body.mutated:
        raise error(f"a {kind} function writes into its argument", hint="copy the argument in it first")


def begin_flat(
    kind: str,
    name: str,
    function: Callable[..., list[Tracer]],
    parameters: Sequence[Parameter],
) -> Call:
    """Trace a function of tracers, which gives tracers."""
    structures = [pytrees.Leaf()] * len(parameters)
    leaf_types, types = [p.leaf for p in parameters], [p.type for p in parameters]
    shapes = [tuple(DYNAMIC_INDEX if n is None else n for n in p.shape) for p in parameters]
    body = program.trace_body(function, structures, (), leaf_types, types, shapes)
    with body.reopened():
        results = [lift(leaf).ssa() for leaf in body.leaves]
    call = Call(current().symbol(name), body, [], results, {}, [], {}, [])
    _check_unwritten(kind, call)
    return call


@dataclass(frozen=True)
class Parameter:
    """Of a part of a rule."""

    leaf: LeafType
    type: Attribute
    shape: Sequence[Extent | None]
    """In terms of the function around; None where that doesn't know it."""


def parameter(tracer: Tracer) -> Parameter:
    """The parameter for a tracer of the function around."""
    return Parameter(leaf_type(tracer), tracer.ssa().type, extents(tracer))


def copied(leaf: Any) -> Any:
    """What a rule may write into."""
    return leaf.copy() if isinstance(leaf, Array) else leaf


def conformed(given: Any, rule: Rule, what: str) -> list[Tracer]:
    """A cotangent for each float among the leaves of the arguments, from one pytree (or None) each."""
    count = len(rule.arguments)
    if not isinstance(given, tuple | list) or len(given) != count:
        raise error(
            f"{what} must be a tuple, with one entry for each of the {count} arguments",
            hint="for one argument: (cotangent,)",
            kind=ShapeError,
        )
    found: list[Any] = []
    for n, (part, argument) in enumerate(zip(given, rule.arguments, strict=True)):
        leaves, structure = pytrees.flatten(part)
        spread = _spread(iter(leaves), structure, pytrees.flatten(argument)[1])
        if spread is None:
            raise error(
                f"entry {n} of {what} doesn't have the structure of argument {n}",
                hint="give None for what has no cotangent",
                kind=ShapeError,
            )
        flags = complexes.imaginary(pytrees.flatten(argument)[1])
        found += [-x if flag and x is not None else x for x, flag in zip(spread, flags, strict=True)]
    made: list[Tracer] = []
    for i in rule.float_leaves:
        like, shape = rule.operand(i), extents(rule.call.arguments[i])
        value = (
            zero_like(like, shape)
            if found[i] is None
            else conform(found[i], like, shape, f"leaf {i} of {what}")
        )
        made.append(wrap(value))
    return made


def _spread(leaves: Iterator[Any], given: pytrees.TreeDef, wanted: pytrees.TreeDef) -> list[Any] | None:
    """The leaves of a pytree in which None stands for whatever there is; None if it has another structure."""
    if isinstance(given, pytrees.Node) and given.type is type(None):
        return [None] * wanted.count
    if isinstance(given, pytrees.Leaf) or isinstance(wanted, pytrees.Leaf):
        return [next(leaves)] if given == wanted else None
    if (given.type, given.keys, len(given.children)) != (wanted.type, wanted.keys, len(wanted.children)):
        return None
    parts = [_spread(leaves, a, b) for a, b in zip(given.children, wanted.children, strict=True)]
    known = [part for part in parts if part is not None]
    return [leaf for part in known for leaf in part] if len(known) == len(parts) else None


def zero_like(value: SSAValue, shape: Sequence[Extent | None]) -> SSAValue:
    """Zeros of the type of a value, which needn't be in scope, and of its shape."""
    zero = emit.constant(0, emit.element(value))
    if not isinstance(value.type, TensorType):
        return zero
    known = [current().resolve(n) if isinstance(n, SSAValue) else n for n in shape if n is not None]
    if len(known) != len(shape):
        raise error("zeros of a shape that depends on data", hint="return an array of zeros")
    zeros = emit.splat(zero, known)
    return zeros if zeros.type == value.type else emit.op(tensor.CastOp(zeros, value.type))


def same_results(rule: Rule, given: Sequence[Any], structure: pytrees.TreeDef, what: str) -> Values:
    """The results that a part of the rule gives, checked to be like those of the function itself."""
    if structure != rule.call.body.structure:
        raise error(
            f"{what} gives a result of another structure than the function itself",
            hint="let both return the same",
            kind=ShapeError,
        )
    values: Values = []
    for i, position in rule.call.positions.items():
        expected = rule.call.results[position]
        wanted = dtypes.from_ir(emit.element(expected))
        if not is_dynamic(given[i]) or lift(given[i]).dtype != wanted:
            raise error(
                f"{what} doesn't give {wanted} for leaf {i} of the result, as the function does",
                hint="let both return the same",
            )
        shape = _known_or(rule.call.extents(i), extents(lift(given[i])))
        values.append(conform(given[i], expected, shape, f"leaf {i} of the result that {what} gives"))
    return values


def _known_or(shape: Sequence[Extent | None], given: Sequence[Extent]) -> Sequence[Extent | None]:
    """The shape of a result; what the function around can't know of it is as it is given."""
    if len(shape) != len(given):
        return shape
    return [m if n is None else n for n, m in zip(shape, given, strict=True)]


def same_tangents(rule: Rule, results: Values, tangent: Any, what: str) -> Values:
    """The tangents of the floats among the results, from a pytree like the result."""
    found, structure = pytrees.flatten(tangent)
    if structure != rule.call.body.structure:
        raise error(
            f"{what} doesn't have the structure of the result",
            hint="give a tangent for each part of the result",
            kind=ShapeError,
        )
    return [
        conform(found[i], result, emit.shape(result), f"leaf {i} of {what}")
        for i, result in zip(rule.call.positions, results, strict=True)
        if dtypes.is_float(emit.element(result))
    ]


def cotangent_like_result(rule: Rule, floats: Sequence[Tracer]) -> Any:
    """A pytree like the function's result: these for its floats, and zeros for the rest.

    See Note [Cotangents of complex numbers] in `request.py`: a rule takes and gives what a user would.
    """
    rest = iter(floats)
    made = list(rule.call.body.leaves)
    for i, position in rule.call.positions.items():
        value = rule.call.results[position]
        made[i] = next(rest) if value in rule.float_results else wrap(zero_like(value, rule.call.extents(i)))
    structure = rule.call.body.structure
    return pytrees.unflatten(structure, conjugated(made, structure))


def sizes_of(operands: Sequence[SSAValue]) -> list[tuple[int, int]]:
    """Of residuals that are the operands: where to find the extents that their types leave open."""
    return [(i, dim) for i, value in enumerate(operands) for dim in dynamic_dims(value)]


def make_of_tangent(
    rule: Rule, push: Call, operands: Sequence[SSAValue], tangents: Sequence[SSAValue]
) -> None:
    """The parts, made of `push`, linear in the tangents: for reverse mode it is differentiated by them."""
    call, level = rule.call, current().levels[-1]
    types, moving = [v.type for v in operands], [v.type for v in tangents]
    first, results = len(call.results), [v.type for v in push.results]

    def keep(given: Values, captured: Values) -> Values:
        op = current().insert(func.CallOp(call.name, [*given, *captured], results[:first]))
        rule.own.append(op)  # what is differentiated twice takes the rule twice
        return [*op.results, *given]

    def pull(given: Values, captured: Values) -> Values:
        at, cotangents = given[: len(types)], given[len(types) :]
        zeros = [emit.like(value, 0) for value in at if dtypes.is_float(emit.element(value))]
        if not zeros or not cotangents:
            return zeros
        by = range(len(types), len(types) + len(zeros))
        seeds = range(first, first + len(cotangents))
        request = [*at, *zeros, *captured, *cotangents]
        op = ad.VJPOp(push.name, request, by, seeds, [*results, *moving], level)
        return list(current().insert(op).results[len(results) :])

    def forward(given: Values, captured: Values) -> Values:
        """A function of its own, for at some levels one that is differentiated isn't called."""
        return list(current().insert(func.CallOp(push.name, [*given, *captured], results)).results)

    trace = current()
    rule.residuals, rule.sizes = types, sizes_of(operands)
    rule.parts["augmented"] = Built(trace.symbol(f"{call.name}_fwd"), types, keep)
    rule.parts["pullback"] = Built(trace.symbol(f"{call.name}_bwd"), [*types, *results[first:]], pull)
    rule.parts["jvp"] = Built(trace.symbol(f"{call.name}_jvp"), [*types, *moving], forward)
    rule.others.append(push)
