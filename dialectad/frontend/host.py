"""`print` and `host_callback`: Python functions that compiled code calls while it runs."""

from __future__ import annotations

import builtins
import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dialectad import places
from dialectad.errors import Location, ShapeError, UnsupportedTypeError
from dialectad.frontend import complexes, dtypes, pytrees
from dialectad.frontend.carry import is_dynamic
from dialectad.frontend.custom import custom_vjp
from dialectad.frontend.function import Function
from dialectad.frontend.host_calls import emit_call
from dialectad.frontend.program import ArrayType, ScalarType, leaf_type
from dialectad.frontend.recorded import Recorded
from dialectad.frontend.request import leaf_type as traced_type
from dialectad.frontend.tracers import Tracer, supported
from dialectad.frontend.tracing import active, current, error
from dialectad.runtime.callbacks import Kind

LeafType = ArrayType | ScalarType
Likes = tuple[pytrees.TreeDef, tuple[LeafType | None, ...]]
"""The structure of a result, and the types of its leaves; None where there is to be nothing."""


def print_(format: str, *args: Any, **kwargs: Any) -> None:
    """Print when the program runs, not while it is compiled.

    In loops and branches it prints as often as they are run, in order. A gradient prints once, in the forward
    sweep; nothing is differentiated by it. (A Jacobian runs the function once for each direction.)

    Parameters
    ----------
    format : str
        As for `str.format`. An f-string has the values of then, too.
    *args, **kwargs
        What is formatted: arrays and numbers have the values that they have then.

    Examples
    --------
    >>> import numpy as np
    >>> import dialectad as da
    >>> def f(x):
    ...     da.print("x = {:.1f}", x)
    ...     return x * x
    >>> da.grad(f)(3.0)
    x = 3.0
    6.0
    """
    for leaf in pytrees.flatten((args, kwargs))[0]:
        if isinstance(leaf, Recorded):
            leaf.observe(functools.partial(print_, format), args, kwargs)
            return
    if not active():
        _print(format, args, kwargs)
    elif not current().is_silent:
        current().prints += 1
        leaves, structure = complexes.flatten((args, kwargs))

        def show(values: list[Any]) -> Sequence[Any]:
            text, *rest = values
            _print(text, *complexes.concrete(pytrees.unflatten(structure, rest)))
            return ()

        emit_call(show, [format, *leaves], ())


def _print(format: str, args: Sequence[Any], kwargs: dict[str, Any]) -> None:
    builtins.print(format.format(*args, **kwargs))


def host_callback(
    function: Callable[..., Any], result_like: Any, *args: Any, vjp: Callable[..., Any] | None = None
) -> Any:
    """Call a Python function that can't be compiled, while the program runs.

    Parameters
    ----------
    function : callable
        Is called with NumPy arrays and numbers of its own, as often as control gets there. What it raises
        comes to whoever called the compiled function.
    result_like : pytree
        Arrays, numbers, or whatever has a `shape` and a `dtype`, like what `function` gives.
    *args
        Pytrees of arrays, numbers and anything else.
    vjp : callable, optional
        The derivative: takes the arguments and the cotangent of the result, and gives a tuple with a
        cotangent for each argument, or `None` for zero. Without one the result can't be differentiated.

    Returns
    -------
    pytree
        What `function` gives, in the dtypes of `result_like`.

    Raises
    ------
    CompileError
        When a derivative is asked for without `vjp`.

    Examples
    --------
    >>> import math
    >>> import dialectad as da
    >>> def gamma(x):
    ...     return da.host_callback(math.gamma, 0.0, x, vjp=lambda x, d: (d * math.gamma(x) * -0.5772,))
    >>> da.jit(gamma)(5.0), da.grad(gamma)(1.0)
    (24.0, -0.5772)
    """
    likes = _likes(result_like)
    if vjp is not None:
        return _with_derivative(function, vjp, likes)(*args)
    if any(isinstance(leaf, Recorded) for leaf in pytrees.flatten(args)[0]):
        return _compiled(function, likes)(*args)
    return _call(function, likes, args)


def _likes(result_like: Any) -> Likes:
    leaves, structure = pytrees.flatten(result_like, is_leaf=lambda x: isinstance(x, Tracer))
    return structure, tuple(map(_like, leaves))


def _like(leaf: Any) -> LeafType:
    if isinstance(leaf, Tracer):
        found: Any = ArrayType(leaf.dtype, ()) if isinstance(leaf, complexes.Complex) else traced_type(leaf)
    elif not isinstance(leaf, np.ndarray | np.generic) and hasattr(leaf, "dtype") and hasattr(leaf, "shape"):
        found = ArrayType(supported(leaf.dtype), tuple(leaf.shape))
    else:
        found = leaf_type(leaf)
    if not isinstance(found, ArrayType | ScalarType):
        raise error(
            f"a result like a value of type {type(leaf).__name__} is asked for",
            hint="give an array or a number of the shape and dtype that the function gives",
            kind=UnsupportedTypeError,
        )
    if dtypes.is_complex(found.dtype):
        raise error(
            "a complex result is asked for",
            hint="give its real and imaginary parts, as a tuple",
            kind=UnsupportedTypeError,
        )
    return found


@functools.lru_cache(maxsize=256)
def _compiled(function: Callable[..., Any], likes: Likes) -> Function:
    """One operation for a tape."""

    @functools.wraps(function)
    def call(*args: Any) -> Any:
        return _call(function, likes, args)

    return Function(call)


@functools.lru_cache(maxsize=256)
def _with_derivative(
    function: Callable[..., Any], vjp: Callable[..., Any], likes: Likes
) -> Callable[..., Any]:
    def call(*args: Any) -> Any:
        return _call(function, likes, args)

    def pull(args: tuple[Any, ...], cotangent: Any) -> Any:
        place = places.running()
        leaves, structure = pytrees.flatten(args)
        wanted = [traced_type(x) if isinstance(x, Tracer) and x.dtype.kind == "f" else None for x in leaves]

        def run(*given: Any) -> Any:
            pulled = vjp(*given)
            if not isinstance(pulled, tuple | list) or len(pulled) != len(args):
                raise ShapeError(
                    f"vjp must give a tuple with one entry for each of the {len(args)} arguments",
                    place,
                    hint="for one argument: (cotangent,)",
                )
            return tuple(
                _zeros_like(argument) if part is None else part
                for part, argument in zip(pulled, given, strict=False)
            )

        return _call(run, (structure, tuple(wanted)), (*args, cotangent))  # pyright: ignore[reportArgumentType]

    call.__name__ = getattr(function, "__name__", "host_callback")
    custom = custom_vjp(call)
    custom.defvjp(lambda *args: (call(*args), args), pull)
    return custom


def _zeros_like(tree: Any) -> Any:
    leaves, structure = pytrees.flatten(tree)
    return pytrees.unflatten(
        structure, [np.zeros_like(leaf) if is_dynamic(leaf) else leaf for leaf in leaves]
    )


_AS_ASKED = "give something like what the function returns as result_like"


def _call(function: Callable[..., Any], likes: Likes, args: Sequence[Any]) -> Any:
    place = places.running()
    leaves, structure = complexes.flatten(tuple(args)) if active() else pytrees.flatten(tuple(args))
    result_structure, types = likes
    wanted = [type_ for type_ in types if type_ is not None]

    def run(values: list[Any]) -> list[Any]:
        given = complexes.concrete(pytrees.unflatten(structure, values))
        found, own = pytrees.flatten(function(*given))
        if own != result_structure:
            raise ShapeError(
                "a host callback gives a result of another structure than is asked for", place, hint=_AS_ASKED
            )
        return [
            _conformed(x, type_, place) for x, type_ in zip(found, types, strict=True) if type_ is not None
        ]

    made = emit_call(run, leaves, [_kind(type_) for type_ in wanted]) if active() else run(leaves)
    results = iter(made)
    return pytrees.unflatten(result_structure, [None if t is None else next(results) for t in types])


def _conformed(value: Any, type_: LeafType, place: Location | None) -> Any:
    """What a callback gives, in the dtype that was asked for."""
    array = np.asarray(value)
    shape = type_.shape if isinstance(type_, ArrayType) else ()
    if array.shape != shape:
        message = f"a host callback gives an array of shape {array.shape}, but {shape} is asked for"
        raise ShapeError(message, place, hint=_AS_ASKED)
    array = array.astype(type_.dtype, casting="same_kind")
    if isinstance(type_, ArrayType):
        return array
    return array.item() if type_.weak else array[()]


def _kind(type_: LeafType) -> Kind:
    if isinstance(type_, ArrayType):
        return Kind(type_.dtype, type_.numbers)
    return Kind(type_.dtype, None, type_.weak)
