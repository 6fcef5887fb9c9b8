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

from xdsl.dialects import func
from xdsl.dialects.builtin import DYNAMIC_INDEX, FunctionType, StringAttr, TensorType
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue

from dialectad.dialects import ad
from dialectad.dialects.call_rule import RULE, CallRule
from dialectad.errors import ShapeError
from dialectad.frontend import complexes, dtypes, emit, program, pytrees
from dialectad.frontend.carry import is_dynamic
from dialectad.frontend.emit import Extent
from dialectad.frontend.program import ArrayType, LeafType, ScalarType
from dialectad.frontend.request import Call, begin_call, conform, conjugated, exact_types, is_weak, leaf_type
from dialectad.frontend.tracers import Array, Tracer, lift, wrap
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

    def result_parameter(self, value: SSAValue) -> tuple[LeafType, Attribute]:
        """The parameter for the cotangent of a result."""
        dtype = dtypes.from_ir(emit.element(value))
        if isinstance(value.type, TensorType):
            return ArrayType(dtype, value.type.get_shape()), value.type
        position = self.call.results.index(value)
        leaf = self.call.body.leaves[next(i for i, p in self.call.positions.items() if p == position)]
        return ScalarType(dtype, is_weak(leaf) or type(leaf) is float), value.type

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
                made[i] = wrap(op.results[position], weak=weak)
        return pytrees.unflatten(call.body.structure, made)

    def complete(self) -> None:
        """Finish the functions, and give the calls their rule."""
        parts = [self.call, *self.parts.values(), *self.others]
        traced = [part for part in parts if isinstance(part, Call)]
        scopes = [part.body.scope for part in traced]
        captured = dict.fromkeys(value for scope in scopes for value in scope.captured)
        for part in parts:
            part.finish(captured)
        names = {key: part.name for key, part in self.parts.items()}
        rule = CallRule(self.kind, residuals=(*self.residuals,), constants=len(captured)).with_parts(names)
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
    key = (key, structure, *map(leaf_type, leaves), *exact_types(leaves))
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
    parameters: Sequence[tuple[LeafType, Attribute]],
) -> Call:
    """Trace a function of tracers, which gives tracers; parameters have types of the frontend and the IR."""
    structures = [pytrees.Leaf()] * len(parameters)
    leaf_types, types = [leaf for leaf, _ in parameters], [type_ for _, type_ in parameters]
    body = program.trace_body(function, structures, (), leaf_types, types)
    with body.reopened():
        results = [lift(leaf).ssa() for leaf in body.leaves]
    call = Call(current().symbol(name), body, [], results, {}, [], {})
    _check_unwritten(kind, call)
    return call


def parameter(tracer: Tracer) -> tuple[LeafType, Attribute]:
    """The parameter for a tracer."""
    return leaf_type(tracer), tracer.ssa().type


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
        like = rule.operand(i)
        value = (
            zero_like(like)
            if found[i] is None
            else conform(found[i], like, _shape(like), f"leaf {i} of {what}")
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


def _shape(value: SSAValue) -> list[Extent | None]:
    """What the type of a value, which needn't be in scope, says of its shape."""
    shape = value.type.get_shape() if isinstance(value.type, TensorType) else ()
    return [None if n == DYNAMIC_INDEX else n for n in shape]


def zero_like(value: SSAValue) -> SSAValue:
    """Zeros of the type of a value, which needn't be in scope."""
    zero = emit.constant(0, emit.element(value))
    if not isinstance(value.type, TensorType):
        return zero
    if not value.type.has_static_shape():
        raise error("zeros of a shape known only at run time", hint="return an array of zeros")
    return emit.splat(zero, value.type.get_shape())


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
        values.append(
            conform(given[i], expected, _shape(expected), f"leaf {i} of the result that {what} gives")
        )
    return values


def same_tangents(rule: Rule, tangent: Any, what: str) -> Values:
    """The tangents of the floats among the results, from a pytree like the result."""
    found, structure = pytrees.flatten(tangent)
    if structure != rule.call.body.structure:
        raise error(
            f"{what} doesn't have the structure of the result",
            hint="give a tangent for each part of the result",
            kind=ShapeError,
        )
    return [
        conform(found[i], rule.call.results[position], rule.call.extents(i), f"leaf {i} of {what}")
        for i, position in rule.call.positions.items()
        if rule.call.results[position] in rule.float_results
    ]


def cotangent_like_result(rule: Rule, floats: Sequence[Tracer]) -> Any:
    """A pytree like the function's result: these for its floats, and zeros for the rest.

    See Note [Cotangents of complex numbers] in `request.py`: a rule takes and gives what a user would.
    """
    rest = iter(floats)
    made = list(rule.call.body.leaves)
    for i, position in rule.call.positions.items():
        value = rule.call.results[position]
        made[i] = next(rest) if value in rule.float_results else wrap(zero_like(value))
    structure = rule.call.body.structure
    return pytrees.unflatten(structure, conjugated(made, structure))


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
    rule.residuals = types
    rule.parts["augmented"] = Built(trace.symbol(f"{call.name}_fwd"), types, keep)
    rule.parts["pullback"] = Built(trace.symbol(f"{call.name}_bwd"), [*types, *results[first:]], pull)
    rule.parts["jvp"] = Built(trace.symbol(f"{call.name}_jvp"), [*types, *moving], forward)
    rule.others.append(push)
