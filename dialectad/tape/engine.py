"""The level `tape`, as the transformations of `frontend` find it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from dialectad.errors import CompileError
from dialectad.frontend.eager import ENGINES
from dialectad.frontend.function import Function, Lowered
from dialectad.frontend.program import Program, Signature
from dialectad.frontend.request import Argnums, named
from dialectad.levels import Level
from dialectad.tape import transforms


class TapeFunction(Function):
    """A function that Python runs: nothing is compiled."""

    def __init__(self, function: Callable[..., Any], level: Level):
        super().__init__(function, level)
        self._entry = function

    def __repr__(self) -> str:
        return f"<{getattr(self, '__qualname__', 'function')} at level {self.level}>"

    def program(self, signature: Signature) -> Program:
        raise CompileError("a function at level tape isn't compiled, so it has no IR", hint='use level="linalg"')

    def lower(self, *args: Any, **kwargs: Any) -> Lowered:
        raise CompileError("a function at level tape isn't compiled, so it has no IR", hint='use level="linalg"')


class TapeEngine:
    """Runs functions on a tape."""

    def grad(self, function: Callable[..., Any], argnums: Argnums, has_aux: bool, level: Level) -> Function:
        def grad(*args: Any, **kwargs: Any) -> Any:
            value, gradient = transforms.value_and_grad(function, argnums, has_aux, args, kwargs)
            return (gradient, value[1]) if has_aux else gradient

        return TapeFunction(named(function, "grad", grad), level)

    def value_and_grad(
        self, function: Callable[..., Any], argnums: Argnums, has_aux: bool, level: Level
    ) -> Function:
        def value_and_grad(*args: Any, **kwargs: Any) -> Any:
            return transforms.value_and_grad(function, argnums, has_aux, args, kwargs)

        return TapeFunction(named(function, "value_and_grad", value_and_grad), level)

    def vjp(self, function: Callable[..., Any], primals: Sequence[Any], level: Level) -> tuple[Any, Any]:
        return transforms.vjp(function, primals)

    def jvp(
        self, function: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], level: Level
    ) -> tuple[Any, Any]:
        return transforms.jvp(function, primals, tangents)

    def jacobian(
        self, function: Callable[..., Any], argnums: Argnums, forward: bool, level: Level
    ) -> Function:
        mode = "forward" if forward else "reverse"

        def jacobian(*args: Any, **kwargs: Any) -> Any:
            return transforms.jacobian(function, argnums, mode, args, kwargs)

        return TapeFunction(named(function, "jacfwd" if forward else "jacrev", jacobian), level)

    def jit(self, function: Callable[..., Any], level: Level) -> Function:
        def run(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        return TapeFunction(named(function, "jit", run), level)


ENGINES["tape"] = TapeEngine()
