"""Python functions that become functions of the module, and are called there.

A function of the user's is traced where it is called, as part of its caller, until it calls itself again
with arguments of the same types, or is a large one that is called for the third time. From there on it is a
private function:

    def power(x, n):                              func.func private @power(%x: f64, %n: i64, %depth: i64) {
        return x * power(x, n - 1) if n else 1      %p = func.call @power(%x, %n1, %depth1)
                                                    ...

Note [Results of a recursion]
    What a function gives isn't known while it is traced for the first time. So a branch that calls it is left
    out (`Unfinished`), and the other one tells the types of the results. With these it is traced again, until
    nothing changes: a type may be promoted, more arguments may be written into.

Note [Functions that are pure]
    What is traced once and called several times must do nothing but what can be seen in the module. Arrays
    that it writes into become results, which the caller writes into its own; traced values of surrounding
    functions become parameters. Everything else that a function of the module can't do, such as changing a
    list of its caller, is refused (`mutation.py`), and then the call is traced in place, as if nothing had
    been tried. And what it sees besides its arguments must be the same at every call (`environment.py`).

Note [Numbers that count]
    A number of Python's is a constant to what is traced, so `depth + 1` makes each call one of its own. If
    calls that differ in nothing else come to lie in one another, with branches in between that are decided at
    run time, the numbers become values.

Note [Large functions]
    A function that doesn't call itself is called for the sake of what it takes to compile it. So it must be
    large, and mustn't cost more for being called: it writes into no argument, and takes no arrays that have
    more elements than it has ops, since the derivative of a call may give all of their cotangents.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from math import prod
from types import CodeType, FunctionType
from typing import Any

import numpy as np
from xdsl.dialects import arith, func
from xdsl.dialects.builtin import TensorType, UnitAttr, i64
from xdsl.ir import Attribute, Operation, SSAValue

from dialectad.errors import CompileError
from dialectad.frontend import carry, emit, program, pytrees
from dialectad.frontend.aliasing import is_outside
from dialectad.frontend.carry import LeafType, is_dynamic
from dialectad.frontend.environment import Environment
from dialectad.frontend.loops import discarding
from dialectad.frontend.program import ArrayType, Body, ScalarType, Static
from dialectad.frontend.staged_branches import Unfinished
from dialectad.frontend.tracers import Array, Tracer, is_number, lift
from dialectad.frontend.tracing import Scope, Storage, Trace, current, error
from dialectad.rewrite.call_graph import NO_INLINE

_ATTEMPTS = 6
_CALLS_WITH_NUMBERS = 2
"""How many calls that differ in numbers are traced in one another, see Note [Numbers that count]."""
_LARGE = 300
"""How many ops make a function a large one."""
_DEEPEST = 3000
"""How many calls of such functions may be under way, at most: the machine's stack is finite."""


def calling(function: FunctionType, converted: Callable[..., Any]) -> Callable[..., Any]:
    """What to call instead of a function of the user's, which the staging has converted."""
    return functools.partial(_call, function, converted)


def _call(function: FunctionType, converted: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    trace = current()
    under_way = [call for call in trace.calls if call.function is function]
    call = _Call(function, converted, trace.here)
    if (
        under_way
        or function in trace.functions
        or function in trace.large
        or _mentions_itself(function.__code__, function.__name__)
    ):
        call.arguments = _Arguments.of(args, kwargs)
        if (outlined := _outlined(trace, call, under_way)) is not None:
            return outlined.call(call.arguments)
    trace.calls.append(call)
    before = trace.inserted
    try:
        return converted(*args, **kwargs)
    finally:
        trace.calls.pop()
        if trace.inserted - before >= _LARGE:
            keys = trace.large.setdefault(function, set())
            keys |= {call.arguments.key} if call.arguments is not None else set()


@functools.cache
def _mentions_itself(code: CodeType, name: str) -> bool:
    nested = (constant for constant in code.co_consts if isinstance(constant, CodeType))
    return name in code.co_names + code.co_freevars or any(_mentions_itself(c, name) for c in nested)


# --- calls -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Number:
    """A number of Python's or NumPy's, as a constant."""

    type: type
    text: str


Key = tuple[tuple[pytrees.TreeDef, ...], tuple[str, ...], tuple[Any, ...]]
"""What calls of one function of the module have in common: their structures, keywords and types."""


@dataclass
class _Arguments:
    """The arguments of a call, taken apart."""

    structures: tuple[pytrees.TreeDef, ...]
    keywords: tuple[str, ...]
    leaves: list[Any]
    key: Key
    general: Key
    """The key in which numbers count by their type."""

    @classmethod
    def of(cls, args: Sequence[Any], kwargs: dict[str, Any]) -> _Arguments:
        parts = [pytrees.flatten(arg) for arg in (*args, *kwargs.values())]
        leaves = [leaf for found, _ in parts for leaf in found]
        structures = tuple(structure for _, structure in parts)
        keys = [(structures, tuple(kwargs), tuple(_kind(leaf, g) for leaf in leaves)) for g in (False, True)]
        return cls(structures, tuple(kwargs), leaves, *keys)

    @property
    def statics(self) -> list[Any]:
        return [leaf for leaf in self.leaves if not is_dynamic(leaf)]


def _kind(leaf: Any, general: bool) -> Any:
    if isinstance(leaf, np.ndarray):
        return LeafType(leaf.dtype, leaf.shape, False)
    if is_number(leaf) and not general:
        return _Number(type(leaf), repr(leaf))
    if isinstance(leaf, Array):
        return LeafType(leaf.dtype, tuple(leaf.ssa().type.get_shape()), False)  # pyright: ignore
    if is_dynamic(leaf):
        return _plain(LeafType.of(leaf))
    return Static(program.hashable(leaf))


def _plain(type_: LeafType) -> LeafType:
    """The type of a parameter or result: an integer is an i64, whatever it is used for."""
    return LeafType(type_.dtype, type_.shape, type_.weak)


@dataclass(eq=False)
class _Call:
    """A call of a function of the user's that is being traced."""

    function: FunctionType
    converted: Callable[..., Any]
    scope: Scope
    arguments: _Arguments | None = None
    """Known of functions that call themselves."""


def _outlined(trace: Trace, call: _Call, under_way: Sequence[_Call]) -> Outlined | None:
    """The function of the module to call; None: the call is to be traced in place."""
    arguments = call.arguments
    assert arguments is not None
    environment = Environment.of([call.function, *arguments.statics])
    key, general = arguments.key, arguments.general
    traced = under_way or any(isinstance(leaf, Tracer) for leaf in arguments.leaves)
    keys = (key, general) if traced else (key,)
    known = trace.functions.get(call.function, ())
    for outlined in known:
        if outlined.key in keys and outlined.environment.same(environment):
            return outlined if outlined.takes(arguments) else None
    if any(c.arguments is not None and c.arguments.key == key for c in under_way):
        return _make(trace, call, key, environment)
    if key in trace.large.get(call.function, ()):
        return _make(trace, call, key, environment, calls_itself=False)
    alike = [c for c in under_way if c.arguments is not None and c.arguments.general == general]
    if len(alike) >= _CALLS_WITH_NUMBERS and _in_branch(alike[-1].scope, trace.here):
        return _make(trace, call, general, environment)
    return None


def _in_branch(outer: Scope, scope: Scope | None) -> bool:
    """Whether what is traced in `scope` is done under a condition that `outer` knows nothing of."""
    while scope is not None and scope is not outer:
        if scope.kind != "function":
            return True
        scope = scope.parent
    return False


def _make(
    trace: Trace, call: _Call, key: Key, environment: Environment, *, calls_itself: bool = True
) -> Outlined | None:
    assert call.arguments is not None
    outlined = Outlined(call, key, environment, trace.symbol(call.function.__name__), calls_itself)
    known = trace.functions.setdefault(call.function, [])
    known.append(outlined)
    try:
        outlined.trace()
    except CompileError as problem:
        outlined.refused = problem
        return None
    except BaseException:
        known.remove(outlined)
        raise
    return outlined


def refusal(trace: Trace) -> CompileError | None:
    """Why a function that calls itself couldn't become one of the module, if there was such a function."""
    problems = [outlined.refused for known in trace.functions.values() for outlined in known]
    return next((problem for problem in problems if problem is not None), None)


# --- results -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Given:
    """A leaf of what a function gives that is known only at run time."""

    type: LeafType
    argument: int | None
    """The leaf of the arguments that it is."""
    may_be: frozenset[int]
    """The leaves of the arguments whose memory it might be."""


@dataclass(frozen=True)
class _Results:
    """What a function gives."""

    structure: pytrees.TreeDef
    leaves: tuple[Any, ...]
    """A `_Given`, or what doesn't depend on anything."""
    written: frozenset[int]
    """The leaves of the arguments that it writes into."""

    @classmethod
    def of(cls, body: Body, before: _Results | None) -> _Results:
        """Those of a body, in which the function itself is taken to give `before`."""
        own = _own(body)
        leaves = [_result(leaf, own) for leaf in body.leaves]
        _check_results(body, leaves)
        written = frozenset(own[s] for s in body.mutated)
        if before is None:
            return cls(body.structure, tuple(leaves), written)
        assert before.structure == body.structure  # or the ways of the function wouldn't have met
        joined = (_join(a, b) for a, b in zip(before.leaves, leaves, strict=True))
        return cls(body.structure, tuple(joined), written | before.written)

    def same(self, other: _Results | None) -> bool:
        return (
            other is not None
            and self.written == other.written
            and all(
                a == b if isinstance(a, _Given) else carry.same_static(a, b)
                for a, b in zip(self.leaves, other.leaves, strict=True)
            )
        )

    @property
    def values(self) -> list[_Given]:
        """The leaves that are results of the function in the module."""
        return [leaf for leaf in self.leaves if isinstance(leaf, _Given) and leaf.argument is None]


def _own(body: Body) -> dict[Storage, int]:
    return {a.storage: i for i, a in enumerate(body.arguments) if isinstance(a, Array)}


_OPEN_SHAPE = "a function that calls itself gives an array of a shape that is known only at run time"


def _result(leaf: Any, own: dict[Storage, int]) -> Any:
    if not isinstance(leaf, Tracer | np.ndarray):
        return leaf
    tracer = lift(leaf)
    type_ = _plain(LeafType.of(tracer))
    if not isinstance(tracer, Array):
        return _Given(type_, None, frozenset())
    if type_.shape is not None and any(not isinstance(n, int) or n < 0 for n in type_.shape):
        raise error(_OPEN_SHAPE, hint="give it an array to write into")
    if tracer.storage in own:
        if tracer.view:
            raise error("a function that calls itself gives a view of its argument", hint="return a copy")
        return _Given(type_, own[tracer.storage], frozenset())
    others = tracer.storage.candidates() - {tracer.storage}
    if any(is_outside(s, current().here) for s in others):
        raise error(
            "a function that calls itself gives an array that might be one of its surroundings",
            hint="return a copy",
        )
    return _Given(type_, None, frozenset(own[s] for s in others if s in own))


def _check_results(body: Body, leaves: Sequence[Any]) -> None:
    """Refuse what a caller would get copies of where Python gives one object, or one memory."""
    arrays = [
        leaf.storage
        for leaf, given in zip(body.leaves, leaves, strict=True)
        if isinstance(leaf, Array) and isinstance(given, _Given) and given.argument is None
    ]
    scope = body.scope
    if len(set(arrays)) < len(arrays) or any(s in scope.entered for s in arrays):
        raise error("a function that calls itself gives arrays that share memory", hint="return copies")


def _join(a: Any, b: Any) -> Any:
    """What a leaf is that is `a` or `b`."""
    if not isinstance(a, _Given) and not isinstance(b, _Given) and carry.same_static(a, b):
        return a
    if not all(isinstance(leaf, _Given) or is_dynamic(leaf) for leaf in (a, b)):
        raise carry.static_mismatch("__da_ret", a, b)
    one, other = (leaf if isinstance(leaf, _Given) else _result(lift(leaf), {}) for leaf in (a, b))
    type_ = carry.join("__da_ret", one.type, other.type)
    if type_.varies:
        raise error(_OPEN_SHAPE, hint="give it an array to write into")
    if one.argument == other.argument:
        return _Given(type_, one.argument, one.may_be | other.may_be)
    arguments = [leaf.argument for leaf in (one, other) if leaf.argument is not None]
    return _Given(type_, None, frozenset({*one.may_be, *other.may_be, *arguments}))


# --- functions ---------------------------------------------------------------------------------


@dataclass(eq=False)
class Outlined:
    """A function of the user's, for arguments of some types, as a function of the module."""

    made_for: _Call
    key: Key
    environment: Environment
    name: str
    calls_itself: bool
    """If not, it is one for its size: see Note [Large functions]."""
    results: _Results | None = None
    """As far as known."""
    refused: CompileError | None = None
    """Why it isn't one."""
    scope: Scope | None = None
    """That of its body, while it is traced."""
    started: int = 0
    """How many ops had been inserted before its body."""
    captured: list[SSAValue] = field(default_factory=list)
    """The values of surrounding functions that became parameters."""
    memory: dict[SSAValue, Storage] = field(default_factory=dict)
    """Those of them that are what memory of surrounding functions held."""

    @property
    def _types(self) -> list[Any]:
        """Per leaf of the arguments: the type of its parameter; or the leaf, if it is a constant."""
        assert self.made_for.arguments is not None
        pairs = zip(self.key[2], self.made_for.arguments.leaves, strict=True)
        return [kind if isinstance(kind, LeafType) else leaf for kind, leaf in pairs]

    # --- the body ---

    def trace(self) -> None:
        """Add the function to the module: see Note [Results of a recursion]."""
        trace = current()
        for _ in range(_ATTEMPTS):
            functions = {function: list(known) for function, known in trace.functions.items()}
            last = trace.module.body.block.last_op
            variables = program.variables_of(self.made_for.function)
            done = False
            try:
                done = self._attempt()
            finally:
                self.scope = None
                if not done:
                    program.restore_variables(variables)
                    trace.functions.clear()
                    trace.functions.update(functions)
                    _drop_after(trace, last)
            if done:
                return
        raise error(
            "the types of what this function gives don't settle",
            hint="let the way that ends the recursion give the types of the others",
        )

    def _attempt(self) -> bool:
        trace, arguments = current(), self.made_for.arguments
        assert arguments is not None
        leaves = [_leaf_type(t) for t in self._types]
        types = [t.ir() for t in self._types if isinstance(t, LeafType)]
        stale = dict(trace.stale)
        with discarding():
            try:
                body = program.trace_body(
                    self.made_for.function,
                    arguments.structures,
                    arguments.keywords,
                    leaves,
                    [*types, i64] if self.calls_itself else types,
                    run=self._run,
                )
            except Unfinished as call:
                if call.args[0] is not self:
                    raise
                raise error(
                    "this recursion has no end: there is no way through the function on which it doesn't"
                    " call itself",
                    hint="end it under some condition",
                ) from None
            with body.reopened():
                results = _Results.of(body, self.results)
            captured = list(body.scope.captured)
            settled = not self.calls_itself or (results.same(self.results) and captured == self.captured)
            self.results, self.captured = results, captured
            self.memory = {
                outer: storage
                for storage, value in body.scope.entered.items()
                for outer, inner in body.scope.captured.items()
                if inner is value
            }
            if settled:
                if not self.calls_itself:
                    self._check_cost(results)
                self._finish(body)
            else:
                trace.stale = stale
        return settled

    def _run(self, *args: Any, **kwargs: Any) -> Any:
        trace = current()
        self.scope = trace.here
        for value in self.captured:
            trace.resolve(value)
        self.started = trace.inserted
        if self.calls_itself:
            limit = min(sys.getrecursionlimit(), _DEEPEST)
            in_time = emit.compare("slt", self._depth(), emit.constant(limit, i64))
            emit.check(in_time, "RecursionError: maximum recursion depth exceeded")
        trace.calls.append(self.made_for)
        try:
            return self.made_for.converted(*args, **kwargs)
        finally:
            trace.calls.pop()

    def _check_cost(self, results: _Results) -> None:
        """See Note [Large functions]."""
        taken = [t.ir() for t in self._types if isinstance(t, LeafType)] + [v.type for v in self.captured]
        sizes = [prod(t.get_shape()) for t in taken if isinstance(t, TensorType)]
        if results.written or min(sizes, default=0) < 0 or sum(sizes) > current().inserted - self.started:
            raise error("a call would cost more than what is done in it")

    def _depth(self) -> SSAValue:
        """How many calls of functions that call themselves are under way."""
        assert self.scope is not None
        return self.scope.block.args[sum(isinstance(t, LeafType) for t in self._types)]

    def _finish(self, body: Body) -> None:
        assert self.results is not None
        own = _own(body)
        written = sorted(self.results.written)
        body.mutated = [s for i in written for s, leaf in own.items() if leaf == i]
        with body.reopened():
            values = [
                given.type.convert(lift(leaf).ssa())
                for leaf, given in zip(body.leaves, self.results.leaves, strict=True)
                if isinstance(given, _Given) and given.argument is None
            ]
        made = program.finish(self.name, body, values, "private")
        if not self.calls_itself:
            made.attributes[NO_INLINE] = UnitAttr()

    # --- its calls ---

    def takes(self, arguments: _Arguments) -> bool:
        """Whether it can be called here with these arguments."""
        if self.refused is not None:
            return False
        at_hand = (v in self.memory or _block(v) in current().open_blocks for v in self.captured)
        return (self.scope is not None or all(at_hand)) and self._apart(arguments)

    def _apart(self, arguments: _Arguments) -> bool:
        """Whether what it writes into is nothing else that it uses."""
        written = self.results.written if self.results is not None else ()
        memory = [_storage(leaf) for leaf in arguments.leaves]
        others = [*self.memory.values()]
        for i in written:
            here = memory[i]
            assert here is not None
            used = {s for k, s in enumerate(memory) if k != i and s is not None} | set(others)
            if not here.candidates().isdisjoint(used):
                return False
        return True

    def call(self, arguments: _Arguments) -> Any:
        """Call it in the module; gives what the function returns."""
        if self.results is None:
            if not self.calls_itself:
                raise error("a large function turns out to call itself")
            raise Unfinished(self)
        trace = current()
        types = [t for t in self._types if isinstance(t, LeafType)]
        leaves = [
            leaf for leaf, t in zip(arguments.leaves, self._types, strict=True) if isinstance(t, LeafType)
        ]
        values = [t.convert(lift(leaf).ssa()) for t, leaf in zip(types, leaves, strict=True)]
        depth = [_next_depth(trace)] if self.calls_itself else []
        operands = [*values, *depth, *self._passed(trace)]
        written = sorted(self.results.written)
        finals: list[Attribute] = [self._types[i].ir() for i in written]
        given = [leaf.type.ir() for leaf in self.results.values]
        op = trace.insert(func.CallOp(self.name, operands, [*given, *finals]))
        for i, value in zip(written, op.results[len(given) :], strict=True):
            array = lift(arguments.leaves[i])
            assert isinstance(array, Array)
            array.write(value)
        rest = iter(op.results)
        made = [self._made(leaf, rest, arguments) for leaf in self.results.leaves]
        return pytrees.unflatten(self.results.structure, made)

    def _passed(self, trace: Trace) -> list[SSAValue]:
        """What is passed for the values of surrounding functions."""
        if self.scope is not None:
            return [trace.resolve(value) for value in list(self.scope.captured)]
        return [
            trace.read(self.memory[value]) if value in self.memory else trace.resolve(value)
            for value in self.captured
        ]

    def _made(self, leaf: Any, values: Iterator[SSAValue], arguments: _Arguments) -> Any:
        if not isinstance(leaf, _Given):
            return leaf
        if leaf.argument is not None:
            return arguments.leaves[leaf.argument]
        made = leaf.type.wrap(next(values))
        for i in leaf.may_be:
            assert isinstance(made, Array)
            if (argument := _storage(arguments.leaves[i])) is not None:
                for storage in argument.candidates():
                    made.storage.link(storage)
        return made


def _leaf_type(type_: Any) -> program.LeafType:
    if not isinstance(type_, LeafType):
        return Static(program.hashable(type_))
    if type_.shape is None:
        return ScalarType(type_.dtype, type_.weak)
    shape = tuple(n if isinstance(n, int) else None for n in type_.shape)
    return ArrayType(type_.dtype, shape)


def _storage(leaf: Any) -> Storage | None:
    """The memory of an array."""
    array = lift(leaf) if isinstance(leaf, Array | np.ndarray) else None
    return array.storage if isinstance(array, Array) else None


def _block(value: SSAValue) -> Any:
    """Where a value is defined."""
    return value.owner.parent if isinstance(value.owner, Operation) else value.owner


def _next_depth(trace: Trace) -> SSAValue:
    """How many calls are under way in a function that is called here, itself included."""
    outlined = [o for known in trace.functions.values() for o in known]
    bodies = {o.scope: o for o in outlined if o.scope is not None and o.calls_itself}
    scope = trace.scope
    while scope is not None and scope not in bodies:
        scope = scope.parent
    if scope is None:
        return emit.constant(0, i64)
    depth = trace.resolve(bodies[scope]._depth())
    return emit.op(arith.AddiOp(depth, emit.constant(1, i64)))


def _drop_after(trace: Trace, last: Operation | None) -> None:
    """Drop the functions that an attempt has added to the module."""
    while (op := trace.module.body.block.last_op) is not None and op is not last:
        op.detach()
        op.erase(safe_erase=False)
