"""`grad`, `vjp`, `jvp` and what is made of them.

Each is a Python function that, called on tracers, traces the function it differentiates into a function of
its own in the module and emits a request (`ad.vjp`, `ad.jvp`) for its derivative; called on NumPy arrays,
it is compiled first, like any function. So they nest and mix with everything else.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from xdsl.dialects.builtin import TensorType
from xdsl.ir import SSAValue

from dialectad.dialects import ad
from dialectad.errors import CompileError, ShapeError, UnsupportedTypeError
from dialectad.frontend import dtypes, emit, program, pytrees
from dialectad.frontend.carry import is_dynamic
from dialectad.frontend.function import Function
from dialectad.frontend.program import ArrayType, Body, ScalarType, Static
from dialectad.frontend.tracers import Array, Scalar, Tracer, lift, wrap
from dialectad.frontend.tracing import active, current, error
from dialectad.levels import Level
from dialectad.levels import of as level_of

Argnums = int | Sequence[int]
LevelLike = str | Level


@dataclass
class _Call:
    """A function being differentiated, traced into the module, at one call of it."""

    name: str
    body: Body
    operands: list[SSAValue]
    """Values for the leaves that are no statics, then for what the body captured."""
    results: list[SSAValue]
    """What the traced function returns first: the leaves of its result that depend on something."""
    positions: dict[int, int]
    """Leaf of the result -> position among `results`."""
    arguments: list[Any]
    """The leaves of the arguments."""
    parameters: dict[int, int]
    """Leaf of the arguments -> position among the operands."""

    @property
    def result_types(self) -> list[Any]:
        finals = [self.body.scope.values[s] for s in self.body.mutated]
        return [v.type for v in (*self.results, *finals)]

    def rebuild(self, values: Sequence[SSAValue]) -> Any:
        """What the function returns, from the request's results; arguments written into are written."""
        own = {a.storage: leaf for leaf, a in enumerate(self.body.arguments) if isinstance(a, Array)}
        for storage, value in zip(self.body.mutated, values[len(self.results) :], strict=False):
            target = self.arguments[own[storage]]
            if not isinstance(target, Array):
                raise error(
                    "a differentiated function writes into an array of the surrounding program",
                    hint="copy it before the call",
                )
            target.write(value)
        leaves = []
        for i, leaf in enumerate(self.body.leaves):
            if i not in self.positions or not isinstance(leaf, Tracer | np.ndarray):
                leaves.append(leaf)  # a constant stays what it is
            elif isinstance(leaf, Array) and leaf.storage in own and not leaf.view:
                leaves.append(self.arguments[own[leaf.storage]])
            else:
                weak = isinstance(leaf, Scalar) and leaf.weak
                leaves.append(wrap(values[self.positions[i]], weak=weak))
        return pytrees.unflatten(self.body.structure, leaves)


def _trace_call(function: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> _Call:
    """Trace `function` for these (traced) arguments into a private function of the module."""
    trace = current()
    leaves: list[Any] = []
    structures = []
    for arg in (*args, *kwargs.values()):
        found, structure = pytrees.flatten(arg)
        leaves += found
        structures.append(structure)
    leaves = [lift(leaf) if is_dynamic(leaf) else leaf for leaf in leaves]
    values = [leaf.ssa() for leaf in leaves if isinstance(leaf, Tracer)]
    types = [_leaf_type(leaf) for leaf in leaves]
    body = program.trace_body(function, structures, tuple(kwargs), types, _exact(leaves))
    results: list[SSAValue] = []
    positions: dict[int, int] = {}
    with body.reopened():
        for i, leaf in enumerate(body.leaves):
            if is_dynamic(leaf):
                positions[i] = len(results)
                results.append(lift(leaf).ssa())
    _check_apart(body, leaves)
    name = trace.symbol(getattr(function, "__name__", "f"))
    program.finish(name, body, results, "private")
    captured = [trace.resolve(value) for value in body.scope.captured]
    parameters, position = {}, 0
    for i, leaf in enumerate(leaves):
        if isinstance(leaf, Tracer):
            parameters[i] = position
            position += 1
    return _Call(name, body, [*values, *captured], results, positions, leaves, parameters)


def _check_apart(body: Body, leaves: Sequence[Any]) -> None:
    """What the body writes into must not be anything else that it uses."""
    outer = {
        a.storage: x.storage for a, x in zip(body.arguments, leaves, strict=True) if isinstance(x, Array)
    }
    for storage in body.mutated:
        others = [s for inner, s in outer.items() if inner is not storage]
        others += [s for s in body.scope.entered if s not in outer]
        if not outer[storage].candidates().isdisjoint(others):
            raise error(
                "a differentiated function writes into an argument that shares memory with another array"
                " that it uses",
                hint="pass a copy",
            )


def _exact(leaves: Sequence[Any]) -> list[Any]:
    """The IR types of the leaves that are tracers."""
    return [leaf.ssa().type for leaf in leaves if isinstance(leaf, Tracer)]


def _leaf_type(leaf: Any) -> program.LeafType:
    if isinstance(leaf, Array):
        return ArrayType(leaf.dtype, tuple(leaf.ssa().type.get_shape()))  # pyright: ignore
    if isinstance(leaf, Scalar):
        return ScalarType(leaf.dtype, leaf.weak)
    return Static(program.hashable(leaf))


def _argument_leaves(call: _Call, args: Sequence[Any], argnums: Sequence[int]) -> list[list[int]]:
    """Per differentiated argument: the positions of its leaves among all leaves."""
    ranges, start = [], 0
    for arg in args:
        count = pytrees.flatten(arg)[1].count
        ranges.append(list(range(start, start + count)))
        start += count
    for n in argnums:
        for leaf in ranges[n]:
            tracer = call.arguments[leaf]
            if not isinstance(tracer, Tracer) or tracer.dtype.kind != "f":
                what = tracer.dtype if isinstance(tracer, Tracer) else type(tracer).__name__
                raise error(
                    f"argument {n} holds a value of type {what}, by which nothing can be differentiated",
                    hint="pass floats, or choose other arguments with argnums",
                    kind=UnsupportedTypeError,
                )
    return [ranges[n] for n in argnums]


def _normalised(argnums: Argnums, count: int) -> list[int]:
    numbers = [argnums] if isinstance(argnums, int) else list(argnums)
    for n in numbers:
        if not -count <= n < count:
            raise error(
                f"argnums {n} is out of range for a call with {count} positional arguments", kind=ShapeError
            )
    return [n % count for n in numbers]


def _float_scalar(leaf: Any) -> Tracer:
    """The loss, checked to be one float."""
    if not is_dynamic(leaf) or (isinstance(leaf, np.ndarray) and leaf.dtype == object):
        raise error(
            f"a differentiated function must return a float scalar, not {type(leaf).__name__}",
            kind=UnsupportedTypeError,
        )
    tracer = lift(leaf)
    if tracer.ndim:
        raise error(
            f"a differentiated function must return a scalar, not an array of shape {tracer.shape}",
            hint="reduce it (numpy.sum, numpy.mean), or use vjp, jvp, jacrev or jacfwd",
            kind=ShapeError,
        )
    if tracer.dtype.kind != "f":
        raise error(
            f"a differentiated function must return a float scalar, not {tracer.dtype}",
            kind=UnsupportedTypeError,
        )
    return tracer


def _value_and_grad(
    function: Callable[..., Any],
    argnums: Argnums,
    has_aux: bool,
    level: Level,
    args: Sequence[Any],
    kwargs: dict[str, Any],
) -> tuple[Any, Any]:
    numbers = _normalised(argnums, len(args))
    call = _trace_call(function, args, kwargs)
    wanted = _argument_leaves(call, args, numbers)
    if has_aux:
        structure = call.body.structure
        if not isinstance(structure, pytrees.Node) or len(structure.children) != 2:
            raise error("with has_aux=True the function must return a pair (loss, aux)", kind=ShapeError)
        if structure.children[0].count != 1:
            raise error("with has_aux=True the loss must be one scalar", kind=ShapeError)
    elif len(call.body.leaves) != 1:
        raise error(
            "a differentiated function must return one float scalar",
            hint="use has_aux=True for a function that returns (loss, other results)",
            kind=UnsupportedTypeError,
        )
    loss = _float_scalar(call.body.leaves[0])
    seed = emit.constant(1, dtypes.to_ir(loss.dtype))
    if isinstance(call.results[0].type, TensorType):
        seed = emit.splat(seed, ())
    gradients, values = _pull(call, [leaf for leaves in wanted for leaf in leaves], {0: seed}, level)
    rest = iter(gradients)
    made = []
    for n in numbers:
        structure = pytrees.flatten(args[n])[1]
        made.append(structure.unflatten(rest))
    return call.rebuild(values), made[0] if isinstance(argnums, int) else tuple(made)


def _pull(
    call: _Call, leaves: Sequence[int], seeds: dict[int, SSAValue], level: Level
) -> tuple[list[Tracer], list[SSAValue]]:
    """The cotangents of argument leaves, for cotangents of results by position; and the primal results."""
    active_positions = [call.parameters[leaf] for leaf in leaves]
    order = sorted(set(active_positions))
    result_types = call.result_types
    op = current().insert(
        ad.VJPOp(
            call.name,
            [*call.operands, *(seeds[p] for p in sorted(seeds))],
            order,
            sorted(seeds),
            [*result_types, *(call.operands[p].type for p in order)],
            level.name,
        )
    )
    values: list[SSAValue] = list(op.results)
    by_position = dict(zip(order, values[len(result_types) :], strict=True))
    gradients = [
        wrap(by_position[p], weak=_is_weak(call.arguments[leaf]))
        for leaf, p in zip(leaves, active_positions, strict=True)
    ]
    return gradients, values[: len(result_types)]


def _is_weak(leaf: Any) -> bool:
    return isinstance(leaf, Scalar) and leaf.weak


def _named(
    function: Callable[..., Any], prefix: str, implementation: Callable[..., Any]
) -> Callable[..., Any]:
    """`implementation` with the name and docstring that the derivative of `function` should have."""
    name = getattr(function, "__name__", "f")
    functools.update_wrapper(implementation, function)
    implementation.__name__ = f"{prefix}_{name.strip('<>')}"
    return implementation


def value_and_grad(
    function: Callable[..., Any],
    argnums: Argnums = 0,
    *,
    has_aux: bool = False,
    level: LevelLike = "auto",
) -> Function:
    """A function that gives the value of `function` and its gradient.

    Parameters
    ----------
    function : callable
        Returns a float scalar (or, with `has_aux`, a pair of one and anything else).
    argnums : int or sequence of int
        The positional arguments to differentiate by: pytrees of floats and float arrays.
    has_aux : bool
        Whether the function returns `(value, aux)`.
    level : str or Level
        The level at which to differentiate.

    Returns
    -------
    Function
        Gives `(value, gradient)`, or `((value, aux), gradient)`; the gradient has the structure, shapes
        and dtypes of the argument (a tuple of such for a sequence of `argnums`).

    Raises
    ------
    CompileError
        When called: for a result that is no float scalar, an argument that is no float, or code that
        can't be compiled or differentiated.

    Examples
    --------
    >>> import numpy as np
    >>> import dialectad as da
    >>> da.value_and_grad(lambda x: np.sum(x**3))(np.array([1.0, 2.0]))
    (np.float64(9.0), array([ 3., 12.]))
    """
    chosen = level_of(level)

    def implementation(*args: Any, **kwargs: Any) -> Any:
        return _value_and_grad(function, argnums, has_aux, chosen, args, kwargs)

    return Function(_named(function, "value_and_grad", implementation), chosen)


def grad(
    function: Callable[..., Any],
    argnums: Argnums = 0,
    *,
    has_aux: bool = False,
    level: LevelLike = "auto",
) -> Function:
    """A function that gives the gradient of `function`; with `has_aux`, `(gradient, aux)`.

    Parameters and errors are those of `value_and_grad`.

    Examples
    --------
    >>> import numpy as np
    >>> import dialectad as da
    >>> da.grad(lambda x: np.sum(np.sin(x)))(np.zeros(2))
    array([1., 1.])
    >>> da.grad(da.grad(lambda x: x**3))(2.0)
    12.0
    """
    chosen = level_of(level)

    def implementation(*args: Any, **kwargs: Any) -> Any:
        value, gradient = _value_and_grad(function, argnums, has_aux, chosen, args, kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return Function(_named(function, "grad", implementation), chosen)


# --- vjp and jvp -------------------------------------------------------------------------------


def _cotangents(call: _Call, cotangent: Any) -> dict[int, SSAValue]:
    """The seeds by result position, from a pytree like the function's result."""
    found, structure = pytrees.flatten(cotangent)
    if structure != call.body.structure:
        raise error("the cotangent doesn't have the structure of the function's result", kind=ShapeError)
    seeds = {}
    for i, given in enumerate(found):
        if i not in call.positions:
            continue
        value = call.results[call.positions[i]]
        if not dtypes.is_float(emit.element(value)):
            continue
        seeds[call.positions[i]] = _conform(given, value, f"the cotangent of result {i}")
    return seeds


def _conform(given: Any, like: SSAValue, what: str) -> SSAValue:
    """A tangent or cotangent with the type of what it belongs to."""
    tracer = lift(given)
    value = tracer.ssa()
    if emit.rank(value) == 0 and emit.rank(like) == 0:
        if isinstance(value.type, TensorType) and not isinstance(like.type, TensorType):
            value = emit.extract(value, [])
        elif isinstance(like.type, TensorType) and not isinstance(value.type, TensorType):
            value = emit.splat(value, ())
    value = emit.cast(value, emit.element(like))
    if value.type != like.type:
        raise error(f"{what} has type {value.type}, but {like.type} is expected", kind=ShapeError)
    return value


def _vjp_of(
    function: Callable[..., Any], primals: Sequence[Any], cotangent: Any, level: Level
) -> tuple[Any, Any]:
    call = _trace_call(function, primals, {})
    wanted = _argument_leaves(call, primals, range(len(primals)))
    gradients, values = _pull(
        call, [leaf for leaves in wanted for leaf in leaves], _cotangents(call, cotangent), level
    )
    rest = iter(gradients)
    pulled = tuple(pytrees.flatten(p)[1].unflatten(rest) for p in primals)
    return call.rebuild(values), pulled


_REMEMBERED = 256
"""How many functions `vjp` and `jvp`, which take a function and its arguments at once, keep compiled."""


@functools.lru_cache(maxsize=_REMEMBERED)
def _forward(function: Callable[..., Any], level: Level) -> Function:
    return Function(function, level)


@functools.lru_cache(maxsize=_REMEMBERED)
def _pullback(function: Callable[..., Any], level: Level) -> Function:
    return Function(_named(function, "vjp", lambda ps, ct: _vjp_of(function, ps, ct, level)[1]), level)


def vjp(
    function: Callable[..., Any], *primals: Any, level: LevelLike = "auto"
) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """The value of `function` at `primals`, and the function that pulls a cotangent back.

    Parameters
    ----------
    function : callable
        Any function of pytrees of floats and float arrays.
    *primals
        Where to differentiate.
    level : str or Level
        The level at which to differentiate.

    Returns
    -------
    out : pytree
        `function(*primals)`.
    pullback : callable
        `pullback(cotangent)`, for a cotangent like `out`, gives a tuple with one cotangent for each of
        `primals`. It runs the function again, on the primals as they were.

    Examples
    --------
    >>> import numpy as np
    >>> import dialectad as da
    >>> out, pullback = da.vjp(lambda x: x * x, np.array([1.0, 2.0]))
    >>> out, pullback(np.array([1.0, 10.0]))
    (array([1., 4.]), (array([ 2., 40.]),))
    """
    chosen = level_of(level)
    pull = _pullback(function, chosen)
    if active() and any(isinstance(x, Tracer) for x in pytrees.flatten(primals)[0]):
        from dialectad.frontend import staging

        kept = pytrees.unflatten(
            (found := pytrees.flatten(primals))[1],
            [x.copy() if isinstance(x, Array) else x for x in found[0]],
        )
        return staging.call(function)(*primals), lambda cotangent: pull(kept, cotangent)
    leaves, structure = pytrees.flatten(primals)
    kept = pytrees.unflatten(structure, [np.array(x) if isinstance(x, np.ndarray) else x for x in leaves])
    return _forward(function, chosen)(*primals), lambda cotangent: pull(kept, cotangent)


def _jvp_of(
    function: Callable[..., Any],
    primals: Sequence[Any],
    tangents: Sequence[Any],
    level: Level,
) -> tuple[Any, Any]:
    call = _trace_call(function, primals, {})
    wanted = _argument_leaves(call, primals, range(len(primals)))
    leaves = [leaf for group in wanted for leaf in group]
    given, structure = pytrees.flatten(tuple(tangents))
    if structure != pytrees.flatten(tuple(primals))[1]:
        raise error("the tangents don't have the structure of the primals", kind=ShapeError)
    values = [
        _conform(given[leaf], call.operands[call.parameters[leaf]], f"tangent {leaf}") for leaf in leaves
    ]
    result_types = call.result_types
    floats = [t for t in result_types if dtypes.is_float(t.element_type if isinstance(t, TensorType) else t)]
    op = current().insert(
        ad.JVPOp(
            call.name,
            [*call.operands, *values],
            [call.parameters[leaf] for leaf in leaves],
            [*result_types, *floats],
            level.name,
        )
    )
    results = list(op.results)
    out = call.rebuild(results[: len(result_types)])
    rest = iter(results[len(result_types) :])
    parts: list[Any] = []
    for i, leaf in enumerate(call.body.leaves):
        value = call.results[call.positions[i]] if i in call.positions else None
        if value is None:
            parts.append(0.0 if isinstance(leaf, float) else leaf)
        elif dtypes.is_float(emit.element(value)):
            parts.append(wrap(next(rest), weak=_is_weak(leaf)))
        else:
            zero = emit.like(value, 0)
            parts.append(wrap(zero, weak=_is_weak(leaf)))
    return out, pytrees.unflatten(call.body.structure, parts)


def jvp(
    function: Callable[..., Any],
    primals: Sequence[Any],
    tangents: Sequence[Any],
    *,
    level: LevelLike = "auto",
) -> tuple[Any, Any]:
    """The value of `function` at `primals`, and its derivative in the direction of `tangents`.

    Parameters
    ----------
    function : callable
        Any function of pytrees of floats and float arrays.
    primals, tangents : sequence
        The arguments, and a tangent for each, of the same structure, shapes and dtypes.
    level : str or Level
        The level at which to differentiate.

    Returns
    -------
    out, tangent : pytree
        `function(*primals)`, and the tangent of that (zero where the result is no float).

    Examples
    --------
    >>> import numpy as np
    >>> import dialectad as da
    >>> da.jvp(lambda x: x * x, (3.0,), (1.0,))
    (9.0, 6.0)
    """
    chosen = level_of(level)
    if len(primals) != len(tangents):
        raise CompileError("jvp takes as many tangents as primals")
    push = _push(function, chosen)
    return push(tuple(primals), tuple(tangents))


@functools.lru_cache(maxsize=_REMEMBERED)
def _push(function: Callable[..., Any], level: Level) -> Function:
    return Function(_named(function, "jvp", lambda ps, ts: _jvp_of(function, ps, ts, level)), level)


def hvp(
    function: Callable[..., Any],
    primals: Sequence[Any],
    vectors: Sequence[Any],
    *,
    level: LevelLike = "auto",
) -> Any:
    """The Hessian of a scalar function of one argument times a vector: forward over reverse.

    Examples
    --------
    >>> import numpy as np
    >>> import dialectad as da
    >>> da.hvp(lambda x: np.sum(x**3), (np.array([1.0, 2.0]),), (np.array([1.0, 1.0]),))
    array([ 6., 12.])
    """
    return jvp(grad(function, level=level), primals, vectors, level=level)[1]
