"""`jit`: a Python function that is compiled, once per signature, when it is called."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from xdsl.dialects.builtin import ModuleOp

from dialectad import passes, remarks
from dialectad.dialects import context
from dialectad.frontend import eager, pytrees, staging
from dialectad.frontend.compiled import Compiled, compile_program
from dialectad.frontend.named_extents import NamedExtents, Shapes
from dialectad.frontend.program import Program, Signature, trace_program
from dialectad.frontend.recorded import Recorded
from dialectad.frontend.tracers import Tracer
from dialectad.frontend.tracing import error
from dialectad.levels import Level
from dialectad.levels import of as level_of
from dialectad.lower.llvm_ir import translate
from dialectad.remarks import Remark
from dialectad.runtime import engine

_LOCK = threading.RLock()

_LONGEST_CHAIN = 8
"""How many signatures a call tries in native code before Python looks for the right one."""


class Function:
    """A function that is compiled when it is called; made by `jit`, `grad` and the like."""

    def __init__(
        self, function: Callable[..., Any], level: str | Level = "auto", dynamic_shapes: Shapes = None
    ):
        functools.update_wrapper(self, function)
        self._function = function
        self._level = level_of(level)
        self._named = NamedExtents.of(dynamic_shapes, function)
        self._compiled: dict[Signature, Compiled] = {}
        self._entry: Callable[..., Any] = self._dispatch

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._entry(*args, **kwargs)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    @property
    def function(self) -> Callable[..., Any]:
        """What is compiled."""
        return self._function

    @property
    def level(self) -> Level:
        """The level at which derivatives in it are taken, unless they say otherwise."""
        return self._level

    def __repr__(self) -> str:
        return f"<compiled {getattr(self, '__qualname__', 'function')} at level {self._level}>"

    def _dispatch(self, *args: Any, **kwargs: Any) -> Any:
        """The way of a call that the native entry doesn't know: trace, compile, or convert."""
        for leaf in pytrees.flatten([args, kwargs])[0]:
            if isinstance(leaf, Recorded):
                return leaf.call_compiled(self, args, kwargs)
        signature, leaves = self._signature(args, kwargs)
        if signature is None:
            return staging.call(self._function)(*args, **kwargs)
        compiled = self._specialize(signature, leaves)
        return compiled(leaves)

    def _signature(self, args: Any, kwargs: Any) -> tuple[Signature | None, list[Any]]:
        if any(isinstance(leaf, Tracer) for leaf in pytrees.flatten([args, kwargs])[0]):
            return None, []
        signature, leaves = Signature.of(args, kwargs)
        return self._named.apply(signature, leaves), leaves

    def _specialize(self, signature: Signature, leaves: Sequence[Any]) -> Compiled:
        compiled = self._compiled.get(signature)
        if compiled is None:
            with _LOCK:
                compiled = self._compiled.get(signature)
                if compiled is None:
                    compiled = compile_program(self.program(signature), self._level, leaves)
                    self._compiled[signature] = compiled
                    self._chain(compiled)
        return compiled

    def _chain(self, compiled: Compiled) -> None:
        """Put a native entry before the others: a call that it doesn't take goes on to the next."""
        slow = self._entry if len(self._compiled) < _LONGEST_CHAIN else self._dispatch
        name, doc = getattr(self, "__name__", "f"), getattr(self, "__doc__", None)
        if (entry := compiled.entry(slow, name, doc)) is not None:
            self._entry = entry

    def program(self, signature: Signature) -> Program:
        """The function, traced for arguments of this signature."""
        return trace_program(self._function, signature, getattr(self, "__name__", "f"))

    def compiled(self, *args: Any, **kwargs: Any) -> Compiled:
        """The machine code that a call with these arguments runs, compiled now if it isn't yet."""
        signature, leaves = self._signature(args, kwargs)
        if signature is None:
            raise error("compiled() takes concrete arguments", hint="call it outside of what is compiled")
        return self._specialize(signature, leaves)

    def lower(self, *args: Any, **kwargs: Any) -> Lowered:
        """The IR of the program that a call with these arguments would run, at every rung.

        Parameters
        ----------
        *args, **kwargs
            As for a call; only their types matter.

        Returns
        -------
        Lowered
            `.text(stage)` and `.pipeline`.
        """
        signature, _ = self._signature(args, kwargs)
        if signature is None:
            raise error("lower() takes concrete arguments", hint="call it outside of what is compiled")
        return Lowered(self.program(signature), self._level)


@dataclass
class Lowered:
    """A traced program, to be looked at on its way down."""

    program: Program
    level: Level

    @property
    def pipeline(self) -> str:
        """The pipeline that a call runs, as `dialectad-opt -p` takes it."""
        return self.program.pipeline(self.level)

    def module(self, stage: str = "linalg") -> ModuleOp:
        """The IR at the end of a rung ("traced": before any pass)."""
        module = self.program.module.clone()
        passes.run(context(), module, self.program.pipeline(self.level, stage))
        return module

    def remarks(self, stage: str = "loop") -> list[Remark]:
        """What passes did to the program, where in the source.

        Parameters
        ----------
        stage : {"linalg", "loop"}
            Until the end of which rung: which products were found, moved and reordered; and below, which were
            halved, which arrays had to be copied and why, and which loops run along with others.

        Examples
        --------
        >>> import numpy as np, dialectad as da
        >>> lowered = da.jit(lambda a, b, x: a @ b @ x).lower(np.ones((9, 8)), np.ones((8, 7)), np.ones(7))
        >>> [remark.message for remark in lowered.remarks()]
        ['128 multiplications for 3 factors instead of 567']
        """
        with remarks.collected() as found:
            self.module(stage)
        return found

    def text(self, stage: str = "linalg") -> str:
        """The text of the program at a stage.

        Parameters
        ----------
        stage : {"traced", "linalg", "loop", "llvm", "llvm-ir", "asm"}
            The end of which rung; "llvm-ir" is what LLVM made of it, "asm" the machine code.
        """
        if stage in ("llvm-ir", "asm"):
            library = engine.load(translate(self.module("llvm")))
            return library.optimized_ir() if stage == "llvm-ir" else library.assembly()
        return str(self.module(stage))


def jit(
    function: Callable[..., Any] | None = None,
    *,
    level: str | Level = "auto",
    dynamic_shapes: Shapes = None,
) -> Any:
    """Compile a function of NumPy arrays to native code.

    Parameters
    ----------
    function : callable
        Plain Python on NumPy arrays. It is traced once per signature: the structure of its arguments,
        the dtypes and shapes of their arrays, and the values of arguments that are no numbers.
    level : str or Level
        The level at which derivatives inside are taken.
    dynamic_shapes : str, sequence or dict, optional
        The arguments that are compiled once for all extents: per positional argument, or by the names of
        parameters, the shape of its arrays as text, such as ``"n, m"``, or None. An entry is a name, which
        stands for one extent wherever it occurs; a number; or ``_``, an extent that is compiled for. For a
        container: a container of texts, or one text for all arrays in it.

    Returns
    -------
    Function
        Takes and gives what `function` does, and writes into its arguments where that does.

    Raises
    ------
    CompileError
        When called, if the function does what can't be compiled.

    Examples
    --------
    >>> import numpy as np
    >>> import dialectad as da
    >>> @da.jit
    ... def norm(x):
    ...     return np.sqrt(np.sum(x * x))
    >>> norm(np.array([3.0, 4.0]))
    np.float64(5.0)
    >>> @da.jit(dynamic_shapes=["n, m", "m"])
    ... def residual(a, x):
    ...     return a @ x - 1.0
    >>> residual(np.ones((2, 3)), np.ones(3)), residual(np.ones((1, 2)), np.ones(2))
    (array([2., 2.]), array([1.]))
    """
    if function is None:
        return functools.partial(jit, level=level, dynamic_shapes=dynamic_shapes)
    if (engine := eager.engine(level_of(level))) is not None:
        return engine.jit(function, level_of(level))
    return Function(function, level, dynamic_shapes)
