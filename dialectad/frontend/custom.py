"""`custom_vjp` and `custom_jvp`: functions with a derivative of their own."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

from dialectad.dialects.extents import dynamic_dims
from dialectad.frontend import emit, pytrees, staging
from dialectad.frontend.call_rules import (
    Parameter,
    Rule,
    begin,
    begin_flat,
    call_with_rule,
    conformed,
    copied,
    cotangent_like_result,
    has_derivative,
    make_of_tangent,
    parameter,
    same_results,
    same_tangents,
)
from dialectad.frontend.carry import is_dynamic
from dialectad.frontend.function import Function
from dialectad.frontend.program import hashable, variables_of
from dialectad.frontend.recorded import Recorded
from dialectad.frontend.request import leaf_type
from dialectad.frontend.tracers import Tracer, lift, wrap
from dialectad.frontend.tracing import active, current, error


class _Custom:
    """A function with a derivative of its own."""

    _kind = ""

    def __init__(self, function: Callable[..., Any], nondiff_argnums: int | Sequence[int] = ()):
        functools.update_wrapper(self, function)
        self._function = function
        numbers = (nondiff_argnums,) if isinstance(nondiff_argnums, int) else tuple(nondiff_argnums)
        self._nondiff_argnums = tuple(sorted(numbers))

        @functools.wraps(function)
        def recorded(*args: Any, **kwargs: Any) -> Any:
            return self._recorded(*args, **kwargs)

        self._compiled = Function(recorded)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if any(isinstance(leaf, Recorded) for leaf in pytrees.flatten([args, kwargs])[0]):
            self._check_variables()
            return self._compiled(*args, **kwargs)  # one operation of the record
        return self._call(*args, **kwargs)

    def _check_variables(self) -> None:
        """Refuse variables of surrounding functions that hold what a tape follows."""
        for function in (self._function, *self._parts()):
            for name, _, value in variables_of(function):
                if any(isinstance(leaf, Recorded) for leaf in pytrees.flatten(value)[0]):
                    raise error(
                        f"this {self._kind} function uses the variable {name!r} of the surrounding function,"
                        " which may be differentiated",
                        hint="pass it as an argument",
                    )

    def _parts(self) -> Sequence[Callable[..., Any]]:
        """The functions that the rule consists of."""
        raise NotImplementedError

    def _recorded(self, *args: Any, **kwargs: Any) -> Any:
        """What is one operation for a tape: no result may be an argument, past which the tape would go."""
        leaves, structure = pytrees.flatten(self._call(*args, **kwargs))
        return pytrees.unflatten(structure, [copied(leaf) for leaf in leaves])

    def _call(self, *args: Any, **kwargs: Any) -> Any:
        if not active() or not current().levels:
            return staging.call(self._function)(*args, **kwargs)
        if not self._is_complete():
            raise error(f"the {self._kind} function {self.__name__!r} has no rule", hint=self._how())  # pyright: ignore
        args = self._positional(args, kwargs)
        fixed = {n: args[n] for n in self._nondiff_argnums}
        free = [arg for n, arg in enumerate(args) if n not in fixed]

        def function(*given: Any) -> Any:
            return staging.call(self._function)(*_merged(fixed, given))

        functools.update_wrapper(function, self._function)
        key = (self, *(hashable(leaf) for leaf in pytrees.flatten(list(fixed.values()))[0]))
        return call_with_rule(self._kind, key, function, free, lambda rule: self._trace(rule, fixed))

    def _positional(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """All arguments by position, with what is the default for those not given."""
        bound = inspect.signature(self._function).bind(*args, **kwargs)
        bound.apply_defaults()
        if bound.kwargs:
            raise error(
                f"a {self._kind} function takes no keyword arguments: {', '.join(bound.kwargs)}",
                hint="make them parameters that can be given by position",
            )
        return bound.args

    def _is_complete(self) -> bool:
        raise NotImplementedError

    def _how(self) -> str:
        raise NotImplementedError

    def _trace(self, rule: Rule, fixed: dict[int, Any]) -> None:
        """Trace the parts of the rule."""
        raise NotImplementedError


def _merged(fixed: dict[int, Any], free: Sequence[Any]) -> list[Any]:
    rest = iter(free)
    return [fixed[n] if n in fixed else next(rest) for n in range(len(fixed) + len(free))]


class custom_vjp(_Custom):
    """A function whose derivative in reverse mode is given.

    Parameters
    ----------
    function : callable
        Takes its arguments by position, and writes into none of them. It is called as ever where it isn't
        differentiated.
    nondiff_argnums : int or sequence of int
        Positions of arguments that have no derivative, and may be anything, such as functions.

    Notes
    -----
    `defvjp(fwd, bwd)` gives the derivative. `fwd` takes what the function takes, and gives a pair
    `(out, residuals)`. `bwd` takes the arguments without a derivative, the residuals and the cotangent of
    `out`; it gives a tuple with a cotangent for each of the other arguments, or `None` for zero. What is
    differentiated twice differentiates `fwd` and `bwd`. In forward mode it is an error to differentiate the
    function: that takes a `custom_jvp`. Results are new arrays, also where the function gives an argument.

    Examples
    --------
    >>> import numpy as np
    >>> import dialectad as da
    >>> @da.custom_vjp
    ... def clipped(x):
    ...     return x
    >>> clipped.defvjp(lambda x: (x, None), lambda _, d: (np.clip(d, -1.0, 1.0),))
    >>> da.grad(lambda x: np.sum(clipped(x) ** 2))(np.array([0.25, 3.0]))
    array([0.5, 1. ])
    """

    _kind = "custom_vjp"
    _rules: tuple[Callable[..., Any], Callable[..., Any]] | None = None

    def defvjp(self, fwd: Callable[..., Any], bwd: Callable[..., Any]) -> None:
        """Give the derivative: see `custom_vjp`."""
        self._rules = fwd, bwd

    def _is_complete(self) -> bool:
        return self._rules is not None

    def _parts(self) -> Sequence[Callable[..., Any]]:
        return self._rules or ()

    def _how(self) -> str:
        return "give it one with defvjp(fwd, bwd)"

    def _trace(self, rule: Rule, fixed: dict[int, Any]) -> None:
        assert self._rules is not None
        fwd, bwd = map(staging.call, self._rules)

        def forward(*given: Any) -> Any:
            return fwd(*_merged(fixed, given))

        forward.__name__ = f"{rule.call.name}_fwd"
        augmented = begin(self._kind, forward, rule.arguments)
        structure, leaves = augmented.body.structure, augmented.body.leaves
        if not isinstance(structure, pytrees.Node) or len(structure.children) != 2:
            raise error(
                "fwd of a custom_vjp function must give a pair (out, residuals)",
                hint="return (out, None) if nothing is to be kept",
            )
        count = structure.children[0].count
        kept = leaves[count:]
        with augmented.body.reopened():
            results = same_results(rule, leaves[:count], structure.children[0], "fwd")
            dynamic = [lift(leaf) for leaf in kept if is_dynamic(leaf)]
            residuals = [leaf.ssa() for leaf in dynamic]
            types = [leaf_type(leaf) for leaf in dynamic]
        augmented.results = [*results, *residuals]
        shapes = [augmented.extents(count + i) for i, leaf in enumerate(kept) if is_dynamic(leaf)]
        parameters = [
            Parameter(type_, value.type, shape)
            for type_, value, shape in zip(types, residuals, shapes, strict=True)
        ]
        rule.residuals = [value.type for value in residuals]
        open_ = [s[dim] for value, s in zip(residuals, shapes, strict=True) for dim in dynamic_dims(value)]
        rule.sizes = [None if n is None else emit.index(n) for n in open_]

        def backward(*given: Any) -> list[Tracer]:
            rest = iter([copied(leaf) for leaf in given])
            parts = [next(rest) if is_dynamic(leaf) else leaf for leaf in kept]
            residuals = pytrees.unflatten(structure.children[1], parts)
            pulled = bwd(*fixed.values(), residuals, cotangent_like_result(rule, list(rest)))
            return conformed(pulled, rule, "what bwd gives")

        cotangents = [rule.result_parameter(value) for value in rule.float_results]
        name = f"{rule.call.name}_bwd"
        pullback = begin_flat(self._kind, name, backward, [*parameters, *cotangents])
        rule.parts |= {"augmented": augmented, "pullback": pullback}


class custom_jvp(_Custom):
    """A function whose derivative is given, by its tangent.

    Parameters
    ----------
    function : callable
        Takes its arguments by position, and writes into none of them. It is called as ever where it isn't
        differentiated.
    nondiff_argnums : int or sequence of int
        Positions of arguments that have no derivative, and may be anything, such as functions.

    Notes
    -----
    `defjvp(jvp)` gives the derivative. `jvp` takes the arguments without a derivative, a tuple of the others
    and one of their tangents; it gives `(out, tangent)`. The tangent must be linear in those of the
    arguments: reverse mode transposes it.

    Examples
    --------
    >>> import numpy as np
    >>> import dialectad as da
    >>> @da.custom_jvp
    ... def log1pexp(x):
    ...     return np.log1p(np.exp(x))
    >>> @log1pexp.defjvp
    ... def jvp(primals, tangents):
    ...     (x,), (t,) = primals, tangents
    ...     return log1pexp(x), t / (1.0 + np.exp(-x))
    >>> da.grad(log1pexp)(0.0), da.jvp(log1pexp, (0.0,), (2.0,))[1]
    (0.5, np.float64(1.0))
    """

    _kind = "custom_jvp"
    _rule: Callable[..., Any] | None = None

    def defjvp(self, jvp: Callable[..., Any]) -> Callable[..., Any]:
        """Give the derivative: see `custom_jvp`. Gives `jvp` itself, so that it can decorate it."""
        self._rule = jvp
        return jvp

    def _is_complete(self) -> bool:
        return self._rule is not None

    def _parts(self) -> Sequence[Callable[..., Any]]:
        return () if self._rule is None else (self._rule,)

    def _how(self) -> str:
        return "give it one with defjvp(jvp)"

    def _trace(self, rule: Rule, fixed: dict[int, Any]) -> None:
        assert self._rule is not None
        jvp, call = staging.call(self._rule), rule.call
        leaves, structure = call.arguments, pytrees.flatten(tuple(rule.arguments))[1]
        tracers = [leaf for leaf in leaves if isinstance(leaf, Tracer)]
        moving = [leaves[i] for i in rule.float_leaves]

        def push(*given: Any) -> list[Tracer]:
            rest = iter([copied(value) for value in given])
            primals = [next(rest) if isinstance(leaf, Tracer) else leaf for leaf in leaves]
            tangents = [
                next(rest) if has_derivative(leaf) else zero_of(primal)
                for leaf, primal in zip(leaves, primals, strict=True)
            ]
            pair = jvp(
                *fixed.values(), pytrees.unflatten(structure, primals), pytrees.unflatten(structure, tangents)
            )
            if not isinstance(pair, tuple | list) or len(pair) != 2:
                raise error(
                    "the rule of a custom_jvp function must give a pair (out, tangent)", hint="return both"
                )
            found, own = pytrees.flatten(pair[0])
            results = same_results(rule, found, own, "the rule")
            moved = same_tangents(rule, results, pair[1], "the tangent that the rule gives")
            return [wrap(v) for v in (*results, *moved)]

        part = begin_flat(
            self._kind, f"{call.name}_tangent", push, [parameter(leaf) for leaf in (*tracers, *moving)]
        )
        operands = [rule.operand(i) for i in call.parameters]
        make_of_tangent(rule, part, operands, [rule.operand(i) for i in rule.float_leaves])


def zero_of(leaf: Any) -> Any:
    """The tangent of what has no derivative: zeros of its type, or itself if it is no number."""
    return wrap(emit.like(leaf.ssa(), 0)) if isinstance(leaf, Tracer) else leaf
