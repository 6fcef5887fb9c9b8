"""Jacobians and Hessians: requests for derivatives along every direction of a basis, in a counted loop.

`J` is a Jacobian as a tensor whose first axis counts the directions; `e` is a direction.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import numpy as np
from xdsl.dialects import arith, func, scf, tensor
from xdsl.dialects.builtin import TensorType
from xdsl.ir import Attribute, Block, Region, SSAValue

from dialectad.dialects import ad
from dialectad.errors import CompileError, UnsupportedTypeError
from dialectad.frontend import complexes, dtypes, eager, emit, pytrees
from dialectad.frontend.carry import is_dynamic
from dialectad.frontend.dtypes import INDEX
from dialectad.frontend.emit import Extent
from dialectad.frontend.function import Function
from dialectad.frontend.products import jvp
from dialectad.frontend.request import (
    Argnums,
    Call,
    LevelLike,
    argument_leaves,
    is_weak,
    named,
    normalised,
    trace_call,
)
from dialectad.frontend.tracers import extents, lift, wrap
from dialectad.frontend.tracing import current, error
from dialectad.frontend.transforms import grad
from dialectad.levels import Level
from dialectad.levels import of as level_of

Shape = Sequence[Extent]


def jacfwd(
    function: Callable[..., Any],
    argnums: Argnums = 0,
    *,
    holomorphic: bool = False,
    level: LevelLike = "auto",
) -> Function:
    """A function that gives the Jacobian of `function`, in forward mode: a pass per element of the argument.

    Parameters
    ----------
    function : callable
        Returns a float or float array (or a pytree of these: then the result is one of Jacobians).
    argnums : int or sequence of int
        The positional arguments to differentiate by: each one float or float array.
    holomorphic : bool
        Promises that the function is holomorphic in these arguments, which are complex then, as is what it
        gives: so the derivative by each element is one complex number. Of another function it would be
        the derivative along the real axis in forward mode, and in reverse mode that of the real part.
    level : str or Level
        The level at which to differentiate.

    Returns
    -------
    Function
        Gives an array of shape `out.shape + argument.shape` (a tuple of such for a sequence of `argnums`).

    Examples
    --------
    >>> import numpy as np
    >>> import dialectad as da
    >>> da.jacfwd(lambda x: np.cumsum(x * x))(np.array([1.0, 2.0]))
    array([[2., 0.],
           [2., 4.]])
    """
    return _jacobian(function, argnums, holomorphic, level, "jacfwd", _by_columns)


def jacrev(
    function: Callable[..., Any],
    argnums: Argnums = 0,
    *,
    holomorphic: bool = False,
    level: LevelLike = "auto",
) -> Function:
    """A function that gives the Jacobian of `function`, in reverse mode: a pass per element of the result.

    Parameters and results are those of `jacfwd`.

    Examples
    --------
    >>> import numpy as np
    >>> import dialectad as da
    >>> da.jacrev(lambda x: x[:1] * x)(np.array([1.0, 2.0, 3.0]))
    array([[2., 0., 0.],
           [2., 1., 0.],
           [3., 0., 1.]])
    """
    return _jacobian(function, argnums, holomorphic, level, "jacrev", _by_rows)


def hessian(
    function: Callable[..., Any],
    argnums: Argnums = 0,
    *,
    holomorphic: bool = False,
    level: LevelLike = "auto",
) -> Function:
    """A function that gives the second derivatives of a scalar function: forward over reverse.

    With `holomorphic` the function is one of complex numbers, see `jacfwd`.

    The shape is `argument.shape + argument.shape`; for a sequence of `argnums`, entry `[i][j]` of a tuple of
    tuples has the shape of argument `i` and then that of argument `j`.

    Examples
    --------
    >>> import numpy as np
    >>> import dialectad as da
    >>> da.hessian(lambda x: np.sum(x) * x[0])(np.array([1.0, 2.0]))
    array([[2., 1.],
           [1., 0.]])
    """
    if holomorphic:
        first = jacrev(function, argnums, holomorphic=True, level=level)
        return jacfwd(first, argnums, holomorphic=True, level=level)
    return jacfwd(grad(function, argnums, level=level), argnums, level=level)


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


# --- how ---------------------------------------------------------------------------------------

_Rows = Callable[[Call, Sequence[Shape], Sequence[Sequence[int]], Level], list[list[SSAValue]]]
"""Per argument and float result, of which the shapes are given: the Jacobian, of shape
`out.shape + argument.shape`. An argument has one leaf; or two, those of a complex number that the function is
holomorphic in."""


def _jacobian(
    function: Callable[..., Any],
    argnums: Argnums,
    holomorphic: bool,
    level: LevelLike,
    name: str,
    rows: _Rows,
) -> Function:
    chosen = level_of(level)
    if (engine := eager.engine(chosen)) is not None:
        return engine.jacobian(function, argnums, holomorphic, name == "jacfwd", chosen)

    def implementation(*args: Any, **kwargs: Any) -> Any:
        numbers = normalised(argnums, len(args))
        call = trace_call(function, args, kwargs, chosen)
        wanted = argument_leaves(call, args, numbers)
        for n in numbers:
            structure = complexes.flatten(args[n])[1]
            check_argument(n, complexes.is_pair(structure), holomorphic)
            if pytrees.flatten(args[n])[1] != pytrees.Leaf() and not complexes.is_pair(structure):
                raise error(
                    f"argument {n} is a {type(args[n]).__name__}, not one array or number",
                    hint="differentiate a function of its arrays, with argnums",
                    kind=UnsupportedTypeError,
                )
        _check_results(call)
        if holomorphic and 2 * sum(complexes.imaginary(call.body.structure)) < len(call.body.leaves):
            raise real_result()
        found = rows(call, _shapes(call), wanted, chosen)
        columns = [_wrapped(call, Js, leaves[0]) for Js, leaves in zip(found, wanted, strict=True)]
        if call.body.mutated:
            _write_arguments(call)
        trees = [pytrees.unflatten(call.body.structure, column) for column in columns]
        return trees[0] if isinstance(argnums, int) else _together(trees)

    return Function(named(function, name, implementation), chosen)


def _together(trees: Sequence[Any]) -> Any:
    """A tree of tuples, from one tree for each argument."""
    leaves, structures = zip(*map(complexes.flatten_whole, trees), strict=True)
    return pytrees.unflatten(structures[0], list(zip(*leaves, strict=True)))


def check_argument(n: int, is_complex: bool, holomorphic: bool) -> None:
    """Refuse an argument to differentiate by that isn't what `holomorphic` says."""
    if is_complex and not holomorphic:
        raise error(
            f"argument {n} is complex: the derivative by it needn't be one complex number for each element",
            hint="if it is, pass holomorphic=True; or differentiate by the real and imaginary parts, or use"
            " jvp or vjp",
            kind=UnsupportedTypeError,
        )
    if holomorphic and not is_complex:
        raise error(
            f"argument {n} isn't complex, but holomorphic=True is given",
            hint="leave it out, or pass complex numbers",
            kind=UnsupportedTypeError,
        )


def real_result() -> CompileError:
    """The error of a result that isn't complex, where it is said to be holomorphic."""
    return error(
        "a function gives real numbers, but holomorphic=True is given",
        hint="a real function that is holomorphic is constant: use grad, jvp or vjp",
        kind=UnsupportedTypeError,
    )


def _check_results(call: Call) -> None:
    for leaf in call.body.leaves:
        dtype = lift(leaf).dtype if is_dynamic(leaf) else type(leaf).__name__
        if not isinstance(dtype, np.dtype) or dtype.kind != "f":
            raise error(
                f"a Jacobian is asked for of a function that returns a value of type {dtype}",
                hint="return floats and float arrays only",
                kind=UnsupportedTypeError,
            )


def _wrapped(call: Call, jacobians: Sequence[SSAValue], leaf: int) -> list[Any]:
    weak = is_weak(call.arguments[leaf])
    return [
        wrap(J, weak=weak and (is_weak(result) or isinstance(result, float)))
        for J, result in zip(jacobians, call.body.leaves, strict=True)
    ]


def _write_arguments(call: Call) -> None:
    """Let the arguments that the function writes into be written, as a call of it does."""
    done = current().insert(func.CallOp(call.name, call.operands, call.result_types))
    call.rebuild(list(done.results))


def _by_columns(
    call: Call, results: Sequence[Shape], arguments: Sequence[Sequence[int]], level: Level
) -> list[list[SSAValue]]:
    """The derivative of a holomorphic function is that along the real axis."""
    return [_columns(call, results, leaves[0], level) for leaves in arguments]


def _columns(call: Call, results: Sequence[Shape], leaf: int, level: Level) -> list[SSAValue]:
    position = call.parameters[leaf]
    argument = call.operands[position]
    types = call.result_types
    floats = [t for t in types if dtypes.is_float(_element(t))]

    def column(i: SSAValue) -> list[SSAValue]:
        e = _direction(argument, shape, i)
        operands = [*call.operands, e]
        op = ad.JVPOp(call.name, operands, [position], [*types, *floats], level.point)
        results: list[SSAValue] = list(current().insert(op).results)
        return results[len(types) : len(types) + len(call.results)]

    shape = extents(call.arguments[leaf])
    if not shape:
        return column(emit.constant(0, INDEX))
    found = _for_each_direction(shape, results, [emit.element(r) for r in call.results], column)
    return [
        emit.transpose(J, [*range(len(shape), len(shape) + len(r)), *range(len(shape))])
        for J, r in zip(found, results, strict=True)
    ]


def _by_rows(
    call: Call, results: Sequence[Shape], arguments: Sequence[Sequence[int]], level: Level
) -> list[list[SSAValue]]:
    """The derivative of a holomorphic function `u + iv` by `x + iy` is `du/dx - i du/dy`.

    One pass gives the row of all arguments.
    """
    leaves = list(dict.fromkeys(chain(*arguments)))
    place = {leaf: n for n, leaf in enumerate(leaves)}
    positions = [call.parameters[leaf] for leaf in leaves]
    values = [call.operands[position] for position in positions]
    own = [extents(call.arguments[leaf]) for leaf in leaves]
    types = call.result_types

    def jacobians(k: int) -> list[SSAValue]:
        result, shape = call.results[k], results[k]

        def row(i: SSAValue) -> list[SSAValue]:
            operands = [*call.operands, _direction(result, shape, i)]
            found = [*types, *(value.type for value in values)]
            op = ad.VJPOp(call.name, operands, positions, [k], found, level.point)
            return list(current().insert(op).results[len(types) :])

        if not shape:
            return row(emit.constant(0, INDEX))
        return _for_each_direction(shape, own, list(map(emit.element, values)), row)

    if all(len(argument) == 1 for argument in arguments):
        rows = [jacobians(k) for k in range(len(call.results))]
        return [[row[place[leaf]] for row in rows] for (leaf,) in arguments]
    made: list[list[SSAValue]] = [[] for _ in arguments]
    for k in range(0, len(call.results), 2):  # the real parts
        by = jacobians(k)
        for column, (x, y) in zip(made, arguments, strict=True):
            column += [by[place[x]], emit.op(arith.NegfOp(by[place[y]]))]
    return made


def _shapes(call: Call) -> list[Shape]:
    """The shapes of the results; if they depend on data, the function is run for them."""
    found: list[Sequence[Extent | None]] = [call.extents(leaf) for leaf in call.positions]
    if any(None in shape for shape in found):
        run = current().insert(func.CallOp(call.name, call.operands, call.result_types))
        found = [emit.shape(result) for result in run.results[: len(found)]]
    return [[n for n in shape if n is not None] for shape in found]


def _element(type_: Any) -> Attribute:
    return type_.element_type if isinstance(type_, TensorType) else type_


def _direction(like: SSAValue, shape: Shape, i: SSAValue) -> SSAValue:
    """The `i`-th direction of a basis, of the type of `like`, which has this shape."""
    one = emit.constant(1, emit.element(like))
    if not isinstance(like.type, TensorType):
        return one
    if not shape:
        return emit.splat(one, ())
    zeros = emit.full((_product(shape),), 0, emit.element(like))
    e = emit.reshape(emit.insert(one, zeros, [i]), shape)
    return e if e.type == like.type else emit.op(tensor.CastOp(e, like.type))


def _product(shape: Shape) -> Extent:
    return functools.reduce(emit.mul_index, shape, 1)


def _for_each_direction(
    shape: Shape,
    parts: Sequence[Shape],
    elements: Sequence[Attribute],
    derivative: Callable[[SSAValue], list[SSAValue]],
) -> list[SSAValue]:
    """Tensors of shape `shape + part` per part: what `derivative` gives for each direction in `shape`."""
    count = _product(shape)
    init = [emit.empty((count, *part), element) for part, element in zip(parts, elements, strict=True)]
    block = Block(arg_types=[INDEX, *(v.type for v in init)])
    with current().open(block, "branch"):  # nothing in it touches a storage
        i, *found = block.args
        slices = zip(derivative(i), found, parts, strict=True)
        current().insert(scf.YieldOp(*(_set_row(J, i, value, part) for value, J, part in slices)))
    first, last, step = map(emit.index, (0, count, 1))
    loop = current().insert(scf.ForOp(first, last, step, init, Region(block)))
    return [emit.reshape(J, (*shape, *part)) for J, part in zip(loop.results, parts, strict=True)]


def _set_row(J: SSAValue, i: SSAValue, value: SSAValue, shape: Shape) -> SSAValue:
    if not shape:
        scalar = emit.extract(value, []) if isinstance(value.type, TensorType) else value
        return emit.insert(scalar, J, [i])
    rest, value = len(shape), emit.retyped(value, shape)
    return emit.insert_slice(value, J, [i, *[0] * rest], [1, *shape], [1] * (rest + 1))
