"""The level `tape`, as the transformations of `frontend` find it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from dialectad.errors import CompileError, ShapeError
from dialectad.frontend import pytrees, tracing
from dialectad.frontend.eager import ENGINES
from dialectad.frontend.function import Function, Lowered
from dialectad.frontend.products import jvp as traced_jvp
from dialectad.frontend.products import vjp_of
from dialectad.frontend.program import Program, Signature
from dialectad.frontend.request import Argnums, named
from dialectad.frontend.transforms import value_and_grad as traced_value_and_grad
from dialectad.levels import Level
from dialectad.tape import calls, transforms
from dialectad.tape.errors import error
from dialectad.tape.guarded.function import COMPILED, TraceFunction, Transformation
from dialectad.tape.guarded.pairs import Pair, concrete, paired, traced
from dialectad.tape.guarded.record import guard, outside, recorded

Call = Callable[..., Any]


class TapeFunction(Function):
    """A transformation of a function that Python runs: nothing is compiled."""

    def __init__(self, transformation: Transformation, level: Level):
        super().__init__(transformation.eager, level)
        self._transformation = transformation
        self._entry = self._dispatch

    def _dispatch(self, *args: Any, **kwargs: Any) -> Any:
        if tracing.active() and _pairs((args, kwargs)):
            return self._transformation.on_pairs(args, kwargs)
        return self._function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<{getattr(self, '__qualname__', 'function')} at level {self.level}>"

    def program(self, signature: Signature) -> Program:
        raise self._no_ir()

    def lower(self, *args: Any, **kwargs: Any) -> Lowered:
        raise self._no_ir()

    def _no_ir(self) -> CompileError:
        return CompileError(
            "a function at level tape isn't compiled, so it has no IR",
            hint='use level="linalg", or da.Level("tape", compile_trace=True)',
        )


def _pairs(x: Any) -> bool:
    return any(isinstance(leaf, Pair) for leaf in pytrees.flatten(x)[0])


def _made(transformation: Transformation, level: Level) -> Function:
    return (TraceFunction if level.compile_trace else TapeFunction)(transformation, level)


class TapeEngine:
    """Runs functions on a tape."""

    def grad(self, function: Call, argnums: Argnums, has_aux: bool, level: Level) -> Function:
        def grad(*args: Any, **kwargs: Any) -> Any:
            value, gradient = transforms.value_and_grad(function, argnums, has_aux, args, kwargs)
            return (gradient, value[1]) if has_aux else gradient

        def along(function: Call, args: Any, kwargs: Any) -> tuple[Any, Any]:
            (_, aux), gradient, holds = _value_and_grad(function, argnums, has_aux, args, kwargs)
            return ((gradient, aux) if has_aux else gradient), holds

        return _made(Transformation(function, named(function, "grad", grad), along), level)

    def value_and_grad(self, function: Call, argnums: Argnums, has_aux: bool, level: Level) -> Function:
        def value_and_grad(*args: Any, **kwargs: Any) -> Any:
            return transforms.value_and_grad(function, argnums, has_aux, args, kwargs)

        def along(function: Call, args: Any, kwargs: Any) -> tuple[Any, Any]:
            (loss, aux), gradient, holds = _value_and_grad(function, argnums, has_aux, args, kwargs)
            return ((loss, aux) if has_aux else loss, gradient), holds

        named(function, "value_and_grad", value_and_grad)
        return _made(Transformation(function, value_and_grad, along), level)

    def vjp(self, function: Call, primals: Sequence[Any], level: Level) -> tuple[Any, Any]:
        if tracing.active() and _pairs(primals):
            return _vjp_on_pairs(function, tuple(primals))
        if not level.compile_trace:
            return transforms.vjp(function, primals)
        leaves, structure = pytrees.flatten(tuple(primals))
        kept = structure.unflatten(iter([x.copy() if hasattr(x, "copy") else x for x in leaves]))
        return _forward(function, level)(*primals), lambda ct: _pullback(function, level)(kept, ct)

    def jvp(
        self, function: Call, primals: Sequence[Any], tangents: Sequence[Any], level: Level
    ) -> tuple[Any, Any]:
        return _push(function, level)(tuple(primals), tuple(tangents))

    def jacobian(
        self, function: Call, argnums: Argnums, holomorphic: bool, forward: bool, level: Level
    ) -> Function:
        """The record of one run is played once for each direction, also with `compile_trace`."""
        mode = "forward" if forward else "reverse"

        def jacobian(*args: Any, **kwargs: Any) -> Any:
            return transforms.jacobian(function, argnums, holomorphic, mode, args, kwargs)

        def along(function: Call, args: Any, kwargs: Any) -> tuple[Any, Any]:
            raise error(
                "a Jacobian at level tape can't be part of a trace that is compiled",
                hint='take it at level "linalg"',
            )

        named(function, "jacfwd" if forward else "jacrev", jacobian)
        return TapeFunction(Transformation(function, jacobian, along), level)

    def jit(self, function: Call, level: Level) -> Function:
        """Without `compile_trace` it is Python that runs the function."""

        called = calls.in_place_of(function)

        def run(*args: Any, **kwargs: Any) -> Any:
            return called(*args, **kwargs)

        def along(function: Call, args: Any, kwargs: Any) -> tuple[Any, Any]:
            return function(*args, **kwargs)

        functools.update_wrapper(run, function)
        return _made(Transformation(function, run, along), level)


def _value_and_grad(
    function: Call, argnums: Argnums, has_aux: bool, args: Any, kwargs: Any
) -> tuple[tuple[Any, Any], Any, Any]:
    """While tracing a recorded function: `(loss, aux)`, the gradient, and whether the guards hold."""

    def with_guards(*args: Any, **kwargs: Any) -> Any:
        result, holds = function(*args, **kwargs)
        if not has_aux:
            return result, (None, holds)
        if not isinstance(result, tuple) or len(result) != 2:
            raise error("with has_aux=True the function must return a pair (loss, aux)", kind=ShapeError)
        return result[0], (result[1], holds)

    both = traced_value_and_grad(with_guards, argnums, has_aux=True, level=COMPILED)
    (loss, (aux, holds)), gradient = both(*args, **kwargs)
    return (loss, aux), gradient, holds


# --- products ----------------------------------------------------------------------------------

_REMEMBERED = 256
"""How many functions `vjp` and `jvp`, which take a function and its arguments at once, keep compiled."""


@functools.lru_cache(maxsize=_REMEMBERED)
def _forward(function: Call, level: Level) -> Function:
    return TapeEngine().jit(function, level)


def _first(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return tuple(args[0]), {}


def _pulled(function: Call, args: Any, kwargs: Any) -> tuple[Any, Any]:
    primals, cotangent = args
    (_, holds), pulled = vjp_of(function, primals, (cotangent, 0.0), COMPILED)
    return pulled, holds


@functools.lru_cache(maxsize=_REMEMBERED)
def _pullback(function: Call, level: Level) -> Function:
    def pull(primals: Any, cotangent: Any) -> Any:
        return transforms.vjp(function, primals)[1](cotangent)

    return _made(Transformation(function, named(function, "vjp", pull), _pulled, _first), level)


@functools.lru_cache(maxsize=_REMEMBERED)
def _push(function: Call, level: Level) -> Function:
    def push(primals: Any, tangents: Any) -> Any:
        return transforms.jvp(function, primals, tangents)

    def along(function: Call, args: Any, kwargs: Any) -> tuple[Any, Any]:
        (out, holds), (tangent, _) = traced_jvp(function, *args, level=COMPILED)
        return (out, tangent), holds

    return _made(Transformation(function, named(function, "jvp", push), along, _first), level)


def _vjp_on_pairs(function: Call, primals: tuple[Any, ...]) -> tuple[Any, Any]:
    """Within a run that is being recorded."""
    values = concrete(primals)
    with outside():
        mine, pull = transforms.vjp(function, values)
    theirs, holds = recorded(function, values, {})(*traced(primals))
    guard(holds == 1.0)

    def pullback(cotangent: Any) -> Any:
        pulled, _ = _pulled(recorded(function, values, {}), (traced(primals), traced(cotangent)), {})
        with outside():
            back = pull(concrete(cotangent))
        return paired(back, pulled)

    return paired(mine, theirs), pullback


ENGINES["tape"] = TapeEngine()
