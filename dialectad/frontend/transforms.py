"""`grad` and `value_and_grad`, and `stop_gradient`.

Each is a Python function that, called on tracers, traces the function it differentiates into a function of
its own in the module and emits a request (`ad.vjp`, `ad.jvp`) for its derivative; called on NumPy arrays,
it is compiled first, like any function. So they nest and mix with everything else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from xdsl.dialects.builtin import TensorType

from dialectad.dialects import ad
from dialectad.errors import ShapeError, UnsupportedTypeError
from dialectad.frontend import complexes, dtypes, eager, emit, pytrees
from dialectad.frontend.carry import is_dynamic
from dialectad.frontend.function import Function
from dialectad.frontend.recorded import Recorded
from dialectad.frontend.request import (
    Argnums,
    LevelLike,
    argument_leaves,
    conjugated,
    is_weak,
    named,
    normalised,
    pull_back,
    trace_call,
)
from dialectad.frontend.tracers import Array, Tracer, lift, wrap
from dialectad.frontend.tracing import error
from dialectad.levels import Level
from dialectad.levels import of as level_of


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


def _refuse_complex(structure: pytrees.TreeDef) -> None:
    """A gradient is that of a real function."""
    if complexes.is_pair(structure):
        raise error(
            "a differentiated function must return a float scalar, not a complex one",
            hint="return its real or imaginary part, or use vjp or jvp",
            kind=UnsupportedTypeError,
        )


def _value_and_grad(
    function: Callable[..., Any],
    argnums: Argnums,
    has_aux: bool,
    level: Level,
    args: Sequence[Any],
    kwargs: dict[str, Any],
) -> tuple[Any, Any]:
    numbers = normalised(argnums, len(args))
    call = trace_call(function, args, kwargs, level)
    wanted = argument_leaves(call, args, numbers)
    if has_aux:
        structure = call.body.structure
        if not isinstance(structure, pytrees.Node) or len(structure.children) != 2:
            raise error("with has_aux=True the function must return a pair (loss, aux)", kind=ShapeError)
        _refuse_complex(structure.children[0])
        if structure.children[0].count != 1:
            raise error("with has_aux=True the loss must be one scalar", kind=ShapeError)
    _refuse_complex(call.body.structure)
    if not has_aux and len(call.body.leaves) != 1:
        raise error(
            "a differentiated function must return one float scalar",
            hint="use has_aux=True for a function that returns (loss, other results)",
            kind=UnsupportedTypeError,
        )
    loss = _float_scalar(call.body.leaves[0])
    seed = emit.constant(1, dtypes.to_ir(loss.dtype))
    if isinstance(call.results[0].type, TensorType):
        seed = emit.splat(seed, ())
    gradients, values = pull_back(call, [leaf for leaves in wanted for leaf in leaves], {0: seed}, level)
    rest = iter(gradients)
    made = []
    for n in numbers:
        structure = complexes.flatten(args[n])[1]
        leaves = conjugated([next(rest) for _ in range(structure.count)], structure)
        made.append(pytrees.unflatten(structure, leaves))
    return call.rebuild(values), made[0] if isinstance(argnums, int) else tuple(made)


def stop_gradient(x: Any) -> Any:
    """`x` as a constant: derivatives don't flow through it.

    Parameters
    ----------
    x : pytree
        Its floats and float arrays are stopped; anything else is left as it is.

    Returns
    -------
    pytree
        Copies of the arrays, and the numbers. Outside of compiled functions too.

    Examples
    --------
    >>> import numpy as np
    >>> import dialectad as da
    >>> da.grad(lambda x: x * da.stop_gradient(x))(3.0)
    3.0
    """
    leaves, structure = pytrees.flatten(x)
    return pytrees.unflatten(structure, [_stopped(leaf) for leaf in leaves])


def _stopped(leaf: Any) -> Any:
    if isinstance(leaf, Recorded):
        return leaf.stopped()
    if isinstance(leaf, Tracer):
        if leaf.dtype.kind != "f":
            return leaf.copy() if isinstance(leaf, Array) else leaf
        return wrap(emit.op(ad.StopOp(leaf.ssa())), weak=is_weak(leaf))
    return leaf.copy() if isinstance(leaf, np.ndarray) else leaf


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
    if (engine := eager.engine(chosen)) is not None:
        return engine.value_and_grad(function, argnums, has_aux, chosen)

    def implementation(*args: Any, **kwargs: Any) -> Any:
        return _value_and_grad(function, argnums, has_aux, chosen, args, kwargs)

    return Function(named(function, "value_and_grad", implementation), chosen)


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
    if (engine := eager.engine(chosen)) is not None:
        return engine.grad(function, argnums, has_aux, chosen)

    def implementation(*args: Any, **kwargs: Any) -> Any:
        value, gradient = _value_and_grad(function, argnums, has_aux, chosen, args, kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return Function(named(function, "grad", implementation), chosen)
