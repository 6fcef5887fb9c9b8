"""Functions whose runs are compiled: `Level("tape", compile_trace=True)`.

A call tries the compiled traces of its signature. One whose guards hold gives the result. If none does, the
function runs once more, is recorded and traced along its way, and that trace joins the others. A trace
works on copies of the arguments that it writes into, and they are written when its guards have held: a failed
one leaves nothing behind.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from dialectad.errors import CompileError
from dialectad.frontend import pytrees
from dialectad.frontend.function import Function, Lowered
from dialectad.frontend.program import Program, Signature
from dialectad.frontend.recorded import Recorded
from dialectad.frontend.tracers import Tracer
from dialectad.levels import Level
from dialectad.tape.errors import error
from dialectad.tape.guarded.pairs import Pair, concrete, paired, traced, unsupported
from dialectad.tape.guarded.record import guard, outside, recorded

COMPILED = Level("linalg")
"""The level at which traces are differentiated."""

MOST = 16
"""How many traces a signature may have; beyond, functions run on a tape that isn't compiled."""

Implementation = Callable[[Callable[..., Any], tuple[Any, ...], dict[str, Any]], tuple[Any, Any]]
"""What a transformation does while it is traced: gives its result, and whether the guards hold, for the
recorded function and the arguments."""


Call = tuple[tuple[Any, ...], dict[str, Any]]


@dataclass(frozen=True)
class Transformation:
    """What is made of a function."""

    function: Callable[..., Any]
    """The user's."""
    eager: Callable[..., Any]
    """The transformation on a tape."""
    traced: Implementation
    primals: Callable[[tuple[Any, ...], dict[str, Any]], Call] = lambda args, kwargs: (args, kwargs)
    """What of the arguments goes to the function."""

    def along(self, values: Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
        """While tracing: the transformation along the way that the function takes for `values`."""
        return self.traced(recorded(self.function, *self.primals(*values)), args, kwargs)

    def on_pairs(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Within another run that is being recorded."""
        values = copy.deepcopy(concrete((args, kwargs)))
        with outside():
            mine = self.eager(*concrete(args), **concrete(kwargs))
        theirs, holds = self.along(values, traced(args), traced(kwargs))
        guard(np.equal(holds, 1.0))
        return paired(mine, theirs, args)


@dataclass(frozen=True)
class Way:
    """A compiled trace: `function` gives the result, and whether the guards hold."""

    function: Function
    program: Program


class TraceFunction(Function):
    """A transformation of a function, compiled for each way that its runs take."""

    def __init__(self, transformation: Transformation, level: Level):
        super().__init__(transformation.eager, level)
        self._transformation = transformation
        self._ways: dict[Signature, list[Way]] = {}
        self._entry = self._dispatch

    def _dispatch(self, *args: Any, **kwargs: Any) -> Any:
        leaves = pytrees.flatten([args, kwargs])[0]
        if any(isinstance(leaf, Pair) for leaf in leaves):
            return self._transformation.on_pairs(args, kwargs)
        if any(isinstance(leaf, Recorded | Tracer) for leaf in leaves):
            return self._function(*args, **kwargs)
        signature, _ = Signature.of(args, kwargs)
        ways = self._ways.setdefault(signature, [])
        for way in tuple(ways):
            ok, result = _tried(way, args, kwargs)
            if ok:
                if way is not ways[0]:
                    ways.remove(way)
                    ways.insert(0, way)
                return result
        if len(ways) < MOST and (way := self._recorded(args, kwargs)) is not None:
            ok, result = _tried(way, args, kwargs)
            if ok:
                ways.insert(0, way)
                return result
        return self._function(*args, **kwargs)

    def _recorded(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Way | None:
        """The compiled way of a run with these arguments; None if the run raises."""
        made = self._along(args, kwargs)
        try:
            program = made.compiled(*args, **kwargs).program
        except CompileError as problem:
            raise unsupported(problem) from problem
        except Exception:  # of the user's: it is raised again by a run that isn't traced
            return None
        if program.callbacks:
            raise _calls_python()
        return Way(made, program)

    def _along(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Function:
        transformation = self._transformation
        values = args, kwargs

        def trace(*given: Any, **named: Any) -> Any:
            return transformation.along(values, given, named)

        trace.__name__ = getattr(self, "__name__", "f")
        return Function(trace, COMPILED)

    def lower(self, *args: Any, **kwargs: Any) -> Lowered:
        """The IR of the way of a run with these arguments, whose values matter."""
        return self._along(args, kwargs).lower(*args, **kwargs)


def _calls_python() -> CompileError:
    return error(
        "a trace that calls Python can't be compiled: it is tried on runs that turn out to go another way",
        hint='use level "tape" without compile_trace',
    )


def _tried(way: Way, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[bool, Any]:
    """Whether a way is that of this call, and what it gives."""
    written = way.program.inout
    if not written:
        return _followed(way, args, kwargs)
    leaves, structure = pytrees.flatten([list(args), kwargs])
    _check_apart(leaves, way.program)
    copies = [x.copy() if i in written else x for i, x in enumerate(leaves)]
    ok, result = _followed(way, *structure.unflatten(iter(copies)))
    if not ok:
        return False, None
    for i in written:
        leaves[i][...] = copies[i]
    mine = {id(c): x for c, x in zip(copies, leaves, strict=True) if c is not x}
    found, shape = pytrees.flatten(result)
    return True, shape.unflatten(iter([mine.get(id(x), x) for x in found]))


def _followed(way: Way, args: Any, kwargs: dict[str, Any]) -> tuple[bool, Any]:
    try:
        result, holds = way.function(*args, **kwargs)
    except (ArithmeticError, LookupError, ValueError, AssertionError, RuntimeError):
        return False, None  # a check failed, maybe on a way that this run doesn't take
    return holds == 1.0, result


def _check_apart(leaves: list[Any], program: Program) -> None:
    """As for any compiled function: what is written into shares memory with nothing else."""
    for i in program.inout:
        others = [x for k, x in enumerate(leaves) if k != i and isinstance(x, np.ndarray)]
        if any(np.shares_memory(leaves[i], x) for x in (*others, *program.captured)):
            raise ValueError(
                "an argument that the function writes into shares memory with another array that it uses"
            )
