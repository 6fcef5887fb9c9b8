"""NumPy's functions on complex arrays, by how they treat the parts.

LINEAR        the same is done to both parts: of an argument that holds data, the real parts are taken, then
              the imaginary ones; whatever else is passed (axes, indices, masks) is the same for both
MULTILINEAR   products: the parts of each factor are multiplied with those of the others
GENERAL       what is written in terms of other functions, and does the same with complex numbers
FORMULAS      anything else that is known

What is in none of them is refused.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dialectad.errors import UnsupportedTypeError
from dialectad.frontend import complexes, dtypes
from dialectad.frontend.complexes import (
    Complex,
    holds_complex,
    is_complex,
    is_complex_dtype,
    paired,
    parts,
    without_imaginary,
)
from dialectad.frontend.numpy import complex_scans, complex_ufuncs
from dialectad.frontend.numpy.complex_ufuncs import weakened
from dialectad.frontend.tracers import FUNCTIONS, Array, Tracer, lift
from dialectad.frontend.tracing import error

Function = Callable[..., Any]

LINEAR: dict[Function, tuple[str, ...]] = {
    **dict.fromkeys((np.array,), ("object",)),
    **dict.fromkeys((np.asarray, np.asanyarray, np.ascontiguousarray, np.asfortranarray, np.copy), ("a",)),
    **dict.fromkeys((np.empty, np.empty_like, np.zeros, np.zeros_like), ("a", "prototype")),
    **dict.fromkeys((np.full, np.full_like), ("a", "fill_value")),
    np.linspace: ("start", "stop"),
    **dict.fromkeys((np.reshape, np.ravel, np.transpose, np.permute_dims, np.swapaxes, np.moveaxis), ("a",)),
    **dict.fromkeys((np.matrix_transpose, np.linalg.matrix_transpose), ("x",)),
    **dict.fromkeys((np.rollaxis, np.expand_dims, np.squeeze, np.repeat, np.roll), ("a",)),
    np.tile: ("A",),
    **dict.fromkeys((np.flip, np.fliplr, np.flipud, np.rot90), ("m",)),
    **dict.fromkeys((np.atleast_1d, np.atleast_2d, np.atleast_3d), ("arys",)),
    np.broadcast_to: ("array",),
    **dict.fromkeys((np.concatenate, np.stack), ("arrays",)),
    **dict.fromkeys((np.hstack, np.vstack, np.dstack, np.column_stack), ("tup",)),
    np.append: ("arr", "values"),
    np.insert: ("arr", "values"),
    np.block: ("arrays",),
    **dict.fromkeys((np.split, np.array_split, np.hsplit, np.vsplit, np.dsplit), ("ary",)),
    np.where: ("x", "y"),
    np.select: ("choicelist", "default"),
    np.choose: ("choices",),
    **dict.fromkeys((np.take, np.diagonal, np.trace), ("a",)),
    **dict.fromkeys((np.linalg.diagonal, np.linalg.trace), ("x",)),
    np.take_along_axis: ("arr",),
    **dict.fromkeys((np.diag, np.diagflat), ("v",)),
    **dict.fromkeys((np.tril, np.triu), ("m",)),
    np.pad: ("array", "constant_values"),
    np.interp: ("fp", "left", "right"),
    **dict.fromkeys((np.sum, np.mean, np.cumsum), ("a", "initial")),
    np.average: ("a",),
    np.cumulative_sum: ("x",),
    np.diff: ("a", "prepend", "append"),
    np.ediff1d: ("ary",),
    np.gradient: ("f",),
    np.trapezoid: ("y",),
    **dict.fromkeys((np.round, np.around), ("a",)),
    np.delete: ("arr",),
    np.resize: ("a",),
    np.nan_to_num: ("x",),
}
"""Per function: the names of its arguments that hold data."""

MULTILINEAR: dict[Function, int] = {
    **dict.fromkeys((np.dot, np.inner, np.outer, np.linalg.outer, np.kron, np.cross, np.convolve), 2),
    **dict.fromkeys((np.tensordot, np.linalg.tensordot, np.linalg.matmul, np.linalg.cross), 2),
}
"""Per function: how many of its first arguments are factors."""

GENERAL: frozenset[Function] = frozenset(
    {
        *(np.polyval, np.polyadd, np.polysub, np.polymul, np.polyder, np.polyint, np.vander),
        *(np.nansum, np.nanprod, np.nancumsum, np.nancumprod, np.nanmean, np.nanvar, np.nanstd),
        *(np.cov, np.corrcoef, np.correlate, np.sinc, np.apply_over_axes, np.trim_zeros),
    }
)

FORMULAS: dict[Function, Function] = {}


def _formula(*functions: Function) -> Callable[[Function], Function]:
    def register(formula: Function) -> Function:
        for function in functions:
            FORMULAS[function] = formula
        return formula

    return register


def call(function: Function, implementation: Function, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """A NumPy function that has complex numbers among its arguments."""
    if function in FORMULAS:
        out = kwargs.pop("out", None)
        try:
            inspect.signature(FORMULAS[function]).bind(*args, **kwargs)
        except TypeError as problem:
            raise error(
                f"numpy.{function.__name__}: {problem}",
                hint="this argument is not supported for complex numbers",
            ) from None
        result = FORMULAS[function](*args, **kwargs)
        return result if out is None else complex_ufuncs.write_out(out, result)
    if function in MULTILINEAR:
        count = MULTILINEAR[function]
        return multilinear(lambda *factors: implementation(*factors, *args[count:], **kwargs), args[:count])
    if function in GENERAL:
        return implementation(*args, **kwargs)
    if function in LINEAR:
        return _linear(function, implementation, args, kwargs)
    raise error(
        f"numpy.{function.__name__} is not supported for complex numbers",
        hint="apply it to the real and the imaginary parts",
        kind=UnsupportedTypeError,
    )


# --- linear functions --------------------------------------------------------------------------


def _linear(function: Function, implementation: Function, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Both parts, one after the other."""
    out, where = kwargs.pop("out", None), kwargs.pop("where", True)
    if where is not True:
        kwargs["where"] = where
    try:
        bound = inspect.signature(implementation).bind(*args, **kwargs)
    except TypeError as problem:
        raise error(
            f"numpy.{function.__name__}: {problem}", hint="this argument is not supported here"
        ) from None
    given = bound.arguments
    data = [name for name in LINEAR[function] if name in given]
    others = [name for name in given if name not in data]
    if holds_complex(given[name] for name in others):
        raise error(
            f"numpy.{function.__name__}: this argument can't be complex: "
            + ", ".join(name for name in others if holds_complex([given[name]])),
            kind=UnsupportedTypeError,
        )
    dtype = given.get("dtype")
    is_real = dtype is not None and not is_complex_dtype(dtype)
    if dtype is not None and not is_real:
        given["dtype"] = dtypes.real_of(complexes.supported_complex(dtype))
    elif dtype is None and function in _LIKE:
        like = _dtype_of(given[data[0]])
        is_real = like.kind != "c"
        given["dtype"] = dtypes.real_of(like)
    taken = {name: given[name] for name in data}

    def part(k: int) -> Any:
        for name, x in taken.items():
            given[name] = _part(x, k, keep=name in _PROTOTYPES.get(function, ()))
        return implementation(*bound.args, **bound.kwargs)

    re = part(0)
    if isinstance(re, Array) and any(re is x for x in taken.values()):
        re = re.copy()  # a real array, which becomes a complex one
    result = re if is_real else _paired(re, part(1))
    if is_real:
        without_imaginary(Complex(0.0, 0.0))
    return result if out is None else complex_ufuncs.write_out(out, result)


_LIKE = frozenset((np.zeros_like, np.empty_like, np.full_like))
_PROTOTYPES = {np.full_like: ("a",)}
"""Data of which only the shape matters."""


def _dtype_of(x: Any) -> np.dtype[Any]:
    return x.dtype if isinstance(x, Tracer) else np.asarray(x).dtype


def _part(x: Any, k: int, *, keep: bool = False) -> Any:
    """The real (0) or imaginary (1) part of data: zeros of what is real."""
    if isinstance(x, list | tuple):
        return type(x)(_part(item, k) for item in x)
    if is_complex(x):
        return parts(x)[k]
    if k == 0 or keep or x is None or type(x).__name__ == "_NoValue":
        return x
    if isinstance(x, np.ndarray):
        return np.zeros_like(x)
    return np.zeros_like(x) if isinstance(x, Array) else x * 0


def _paired(re: Any, im: Any) -> Any:
    if isinstance(re, list | tuple):
        return type(re)(_paired(a, b) for a, b in zip(re, im, strict=True))
    if re is None:
        return None
    return paired(re, im)


def _separate(function: Function) -> None:
    """A function with a result for each argument, which is complex if that is."""

    def of(*arrays: Any, **options: Any) -> Any:
        res = FUNCTIONS[function](*(_part(x, 0) for x in arrays), **options)
        ims = FUNCTIONS[function](*(_part(x, 1) for x in arrays), **options)
        return type(res)(
            paired(a, b) if holds_complex([x]) else a for a, b, x in zip(res, ims, arrays, strict=True)
        )

    FORMULAS[function] = of


for _function in (np.meshgrid, np.broadcast_arrays):
    _separate(_function)


# --- products ----------------------------------------------------------------------------------


def multilinear(function: Function, factors: Sequence[Any]) -> Any:
    """The product of complex factors from those of their parts."""
    factors = [lift(np.asarray(x)) if isinstance(x, list | tuple) and not complexes.holds_tracer(x) else x
               for x in factors]  # fmt: skip
    return _product(function, list(factors), 0)


def _product(function: Function, factors: list[Any], i: int) -> Any:
    """The parts of the factors before `i` are chosen."""
    while i < len(factors) and not is_complex(factors[i]):
        i += 1
    if i == len(factors):
        return function(*factors)
    re, im = parts(factors[i])
    first = _product(function, [*factors[:i], re, *factors[i + 1 :]], i + 1)
    second = _product(function, [*factors[:i], im, *factors[i + 1 :]], i + 1)
    a, b = parts(first) if is_complex(first) else (first, None)
    c, d = parts(second) if is_complex(second) else (second, None)
    return paired(a if d is None else a - d, c if b is None else b + c)  # first + i second


@_formula(np.vdot)
def vdot(a: Any, b: Any, /) -> Any:
    return multilinear(FUNCTIONS[np.vdot], (np.conjugate(a), b))


@_formula(np.correlate)
def correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    return multilinear(lambda x, y: FUNCTIONS[np.correlate](x, y, mode), (a, np.conjugate(v)))


@_formula(np.einsum)
def einsum(subscripts: Any, *operands: Any, optimize: Any = False) -> Any:
    return multilinear(lambda *factors: FUNCTIONS[np.einsum](subscripts, *factors), operands)


@_formula(np.linalg.multi_dot)
def multi_dot(arrays: Any) -> Any:
    first, *rest = arrays
    for x in rest:
        first = first @ x
    return first


@_formula(np.linalg.matrix_power)
def matrix_power(a: Any, n: Any) -> Any:
    from dialectad.frontend.numpy.support import concrete_int

    n = concrete_int(n, "the exponent")
    if n < 0:
        a, n = np.linalg.inv(a), -n
    result: Any = FUNCTIONS[np.eye](a.shape[-1], dtype=a.dtype) + 0 * a
    while n:
        result, a, n = (result @ a if n & 1 else result), (a @ a if n > 1 else a), n >> 1
    return result


# --- creation ----------------------------------------------------------------------------------


def _real_valued(function: Function) -> None:
    """A function whose elements are real numbers, asked for a complex dtype."""

    def of(*args: Any, **kwargs: Any) -> Any:
        implementation = FUNCTIONS[function]
        bound = inspect.signature(implementation).bind(*args, **kwargs)
        given = bound.arguments
        wanted = given.get("dtype")
        if wanted is None and function is np.ones_like:
            wanted = _dtype_of(given["a"])
        given["dtype"] = dtypes.real_of(complexes.supported_complex(wanted))
        if function is np.ones_like:
            given["a"] = _part(given["a"], 0)
        re = implementation(*bound.args, **bound.kwargs)
        return paired(re, np.zeros_like(re))

    FORMULAS[function] = of


for _function in (np.ones, np.ones_like, np.eye, np.identity, np.tri, np.arange):
    _real_valued(_function)


# --- parts -------------------------------------------------------------------------------------


@_formula(np.real)
def real(val: Any) -> Any:
    return parts(val)[0]


@_formula(np.imag)
def imag(val: Any) -> Any:
    return parts(val)[1]


@_formula(np.angle)
def angle(z: Any, deg: bool = False) -> Any:
    re, im = parts(z)
    return np.rad2deg(np.arctan2(im, re)) if deg else np.arctan2(im, re)


@_formula(np.iscomplexobj)
def iscomplexobj(x: Any) -> bool:
    return True


@_formula(np.isrealobj)
def isrealobj(x: Any) -> bool:
    return False


@_formula(np.iscomplex)
def iscomplex(x: Any) -> Any:
    return parts(x)[1] != 0


@_formula(np.isreal)
def isreal(x: Any) -> Any:
    return parts(x)[1] == 0


# --- questions ---------------------------------------------------------------------------------


def _of_shapes(function: Function) -> None:
    """A question that both parts answer alike."""

    def of(*args: Any, **kwargs: Any) -> Any:
        res = (parts(x)[0] if is_complex(x) else _part(x, 0) for x in args)
        return FUNCTIONS[function](*res, **kwargs)

    FORMULAS[function] = of


for _function in (np.shape, np.size, np.ndim, np.shares_memory, np.may_share_memory):
    _of_shapes(_function)


@_formula(np.can_cast)
def can_cast(from_: Any, to: Any, casting: str = "safe") -> bool:
    return np.can_cast(from_.dtype, to, casting)  # pyright: ignore[reportArgumentType]


def _representative(x: Any) -> Any:
    """What stands for a tracer in NumPy's promotion."""
    return x.python_type(1) if complex_ufuncs.is_weak(x) else x.dtype


@_formula(np.result_type)
def result_type(*arrays_and_dtypes: Any) -> np.dtype[Any]:
    return np.result_type(*(_representative(x) if isinstance(x, Tracer) else x for x in arrays_and_dtypes))


@_formula(np.any)
def any_(a: Any, axis: Any = None, *, keepdims: Any = False, where: Any = True) -> Any:
    return FUNCTIONS[np.any](a != 0, axis, keepdims=keepdims, where=where)


@_formula(np.all)
def all_(a: Any, axis: Any = None, *, keepdims: Any = False, where: Any = True) -> Any:
    return FUNCTIONS[np.all](a != 0, axis, keepdims=keepdims, where=where)


@_formula(np.count_nonzero)
def count_nonzero(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    return FUNCTIONS[np.count_nonzero](a != 0, axis, keepdims=keepdims)


def _of_nonzero(function: Function) -> None:
    """A question that the elements which aren't zero answer."""
    FORMULAS[function] = lambda a: FUNCTIONS[function](a != 0)


for _function in (np.nonzero, np.flatnonzero, np.argwhere):
    _of_nonzero(_function)


@_formula(np.array_equal)
def array_equal(a1: Any, a2: Any) -> Any:
    (a, b), (c, d) = parts(a1), parts(a2)
    parts_equal = [FUNCTIONS[np.array_equal](x, y) for x, y in ((a, c), (_like(b, a), _like(d, c)))]
    return weakened(np.logical_and(*parts_equal))


def _like(im: Any, re: Any) -> Any:
    """An imaginary part in the shape of the real one."""
    return np.broadcast_to(im, np.shape(re)) if np.ndim(re) else im


@_formula(np.isclose)
def isclose(a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08) -> Any:
    finite = np.logical_and(np.isfinite(a), np.isfinite(b))
    near = abs(a - b) <= atol + rtol * abs(b)
    return np.logical_or(np.logical_and(finite, near), a == b)


@_formula(np.allclose)
def allclose(a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08) -> Any:
    return weakened(np.all(isclose(a, b, rtol, atol)))


# --- selection ---------------------------------------------------------------------------------


@_formula(np.compress)
def compress(condition: Any, a: Any, axis: Any = None) -> Any:
    return np.take(a, np.flatnonzero(condition), axis)


@_formula(np.extract)
def extract(condition: Any, arr: Any) -> Any:
    return np.take(arr, np.flatnonzero(condition))


# --- writes ------------------------------------------------------------------------------------


@_formula(np.put_along_axis)
def put_along_axis(arr: Any, indices: Any, values: Any, axis: Any) -> None:
    for target, part in zip(parts(arr), parts(values), strict=True):
        np.put_along_axis(target, indices, part, axis)


@_formula(np.copyto)
def copyto(dst: Any, src: Any, casting: str = "same_kind", where: Any = True) -> None:
    complex_ufuncs.write_out(dst, src, where, casting)


@_formula(np.fill_diagonal)
def fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    for target, part in zip(parts(a), parts(val), strict=True):
        np.fill_diagonal(target, part, wrap)


# --- reductions --------------------------------------------------------------------------------


@_formula(np.var)
def var(a: Any, axis: Any = None, dtype: Any = None, ddof: Any = 0, *, keepdims: Any = False, where: Any = True) -> Any:  # fmt: skip  # noqa: E501
    of = FUNCTIONS[np.var]
    re, im = (of(part, axis, None, ddof, keepdims=keepdims, where=where) for part in parts(a))
    return re + im


@_formula(np.std)
def std(a: Any, axis: Any = None, dtype: Any = None, ddof: Any = 0, *, keepdims: Any = False, where: Any = True) -> Any:  # fmt: skip  # noqa: E501
    return np.sqrt(var(a, axis, dtype, ddof, keepdims=keepdims, where=where))


def _rows(function: Function, z: Any, axis: int) -> Any:
    """`function` of the rows along an axis."""
    return function(np.moveaxis(z, axis, 0))


@_formula(np.cumprod, np.cumulative_prod)
def cumprod(a: Any, axis: Any = None, dtype: Any = None) -> Any:
    source, d = _along(a, axis, dtype)
    return np.moveaxis(_rows(complex_scans.running_product, source, d), 0, d)


@_formula(np.prod)
def prod(a: Any, axis: Any = None, dtype: Any = None, *, keepdims: Any = False, where: Any = True) -> Any:
    from dialectad.frontend.numpy.support import normalize_axes

    source: Any = a if dtype is None else lift(a).astype(dtype)
    if where is not True:
        source = np.where(where, source, 1.0)
    axes = normalize_axes(axis, source.ndim)
    result = source
    for d in sorted(axes, reverse=True):
        result = _rows(complex_scans.product, result, d)
    return np.expand_dims(result, axes) if keepdims and axes else result


def _along(a: Any, axis: Any, dtype: Any) -> tuple[Any, int]:
    from dialectad.frontend.numpy.support import normalize_axis

    source: Any = a if dtype is None else lift(a).astype(dtype)
    return (np.ravel(source), 0) if axis is None else (source, normalize_axis(axis, source.ndim))
