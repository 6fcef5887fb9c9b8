"""The methods of arrays and NumPy scalars: they are NumPy's functions by another name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from dialectad.errors import UnsupportedTypeError
from dialectad.frontend import dtypes, emit
from dialectad.frontend.complexes import is_complex_dtype
from dialectad.frontend.dtypes import BOOL, FLOAT64, INT64, UINT64
from dialectad.frontend.numpy import (
    complex_methods,
    editing,
    products,
    reductions,
    scans,
    searching,
    selection,
    shaping,
    sorting,
)
from dialectad.frontend.numpy.support import checked
from dialectad.frontend.tracers import FUNCTIONS, Array, Scalar, Tracer, converted, supported, write_out
from dialectad.frontend.tracing import error

METHODS: dict[str, Callable[..., Any]] = {
    "sum": reductions.sum_,
    "prod": reductions.prod,
    "mean": reductions.mean,
    "var": reductions.var,
    "std": reductions.std,
    "max": reductions.max_,
    "min": reductions.min_,
    "any": reductions.any_,
    "all": reductions.all_,
    "argmax": reductions.argmax,
    "argmin": reductions.argmin,
    "cumsum": scans.cumsum,
    "cumprod": scans.cumprod,
    "dot": products.dot,
    "trace": products.trace,
    "ravel": shaping.ravel,
    "flatten": shaping.flatten,
    "swapaxes": shaping.swapaxes,
    "squeeze": shaping.squeeze,
    "repeat": shaping.repeat,
    "clip": selection.clip,
    "round": selection.round_,
    "take": selection.take,
    "diagonal": selection.diagonal,
    "choose": selection.choose,
    "searchsorted": searching.searchsorted,
    "nonzero": searching.nonzero,
    "argsort": sorting.argsort,
    "argpartition": sorting.argpartition,
}


def _method(name: str) -> Callable[..., Any]:
    function = FUNCTIONS.get(getattr(np, name, None)) or checked(name, METHODS[name])  # pyright: ignore

    def method(self: Tracer, *args: Any, **kwargs: Any) -> Any:
        return function(self, *args, **kwargs)

    method.__name__, method.__doc__ = name, f"numpy.ndarray.{name}"
    return method


for _name in METHODS:
    setattr(Tracer, _name, _method(_name))


def _varargs(args: tuple[Any, ...]) -> Any:
    """`x.reshape(2, 3)` and `x.reshape((2, 3))`."""
    return args[0] if len(args) == 1 else args


def reshape(self: Tracer, *shape: Any, order: Any = "C", copy: Any = None) -> Any:
    """ndarray.reshape"""
    return shaping.reshape(self, _varargs(shape), order, copy=copy)


def transpose(self: Tracer, *axes: Any) -> Any:
    """ndarray.transpose"""
    if isinstance(self, Scalar):
        return self
    return shaping.transpose(self, _varargs(axes) if axes else None)


def astype(
    self: Tracer, dtype: Any, order: Any = "K", casting: str = "unsafe", subok: bool = True, copy: bool = True
) -> Any:
    """ndarray.astype"""
    if is_complex_dtype(dtype):
        return complex_methods.to_complex(self, dtype, casting)
    target = supported(dtype)
    if not np.can_cast(self.dtype, target, casting):  # pyright: ignore[reportArgumentType]
        raise error(
            f"Cannot cast array data from {self.dtype} to {target} according to the rule {casting!r}",
            kind=UnsupportedTypeError,
        )
    if isinstance(self, Scalar):
        return cast_scalar(self, target, weak=False)
    assert isinstance(self, Array)
    if target == self.dtype:
        return self.copy() if copy else self
    return Array.fresh(emit.cast(self.ssa(), dtypes.to_ir(target)))


def cast_scalar(x: Scalar, dtype: np.dtype[Any], *, weak: bool) -> Scalar:
    """A scalar of another dtype; what is known of an integer stays known."""
    if dtype == x.dtype:
        return Scalar(x.value, weak=weak, interval=x.interval, offset=x.offset)
    value = converted(x, dtype)
    if weak and (x.dtype, dtype) == (UINT64, INT64):
        fine = emit.compare("sge", value, emit.like(value, 0))
        emit.check(fine, "OverflowError: this uint64 doesn't fit a Python integer of 64 bits")
    fits = (
        dtypes.is_integral(dtype)
        and x.interval is not None
        and np.iinfo(dtype).min <= x.interval[0]
        and x.interval[1] <= np.iinfo(dtype).max
    )
    return Scalar(value, weak=weak, interval=x.interval if fits else None)


def item(self: Tracer, *args: Any) -> Scalar:
    """ndarray.item"""
    if args:
        assert isinstance(self, Array)
        found = _varargs(args)
        if not isinstance(found, tuple) and self.ndim != 1:
            return item(shaping.ravel(self)[found])
        return item(self[found])
    if isinstance(self, Array):
        if any(not isinstance(n, int) or n != 1 for n in self.extents):
            raise error("can only convert an array of size 1 to a Python scalar", kind=UnsupportedTypeError)
        self = Scalar(emit.extract(self.ssa(), [0] * self.ndim))
    assert isinstance(self, Scalar)
    python = {"f": FLOAT64, "b": BOOL}.get(self.dtype.kind, INT64)
    return cast_scalar(self, python, weak=True)


def tolist(self: Tracer) -> Any:
    """ndarray.tolist: nested lists of traced Python numbers"""
    if isinstance(self, Scalar):
        return item(self)
    assert isinstance(self, Array)
    if self.ndim == 0:
        return item(self)
    return [tolist(part) for part in self]


def fill(self: Array, value: Any) -> None:
    """ndarray.fill"""
    write_out(self, value, True, "unsafe")


def conjugate(self: Tracer) -> Any:
    """ndarray.conjugate"""
    return self


def _refused(name: str, hint: str) -> Callable[..., NoReturn]:
    def method(self: Tracer, *args: Any, **kwargs: Any) -> NoReturn:
        raise error(f"`.{name}()` of a traced array is not supported", hint=hint)

    return method


REFUSED = {
    "resize": "create a new array",
    "byteswap": "convert outside of the compiled function",
    "tobytes": "return the array and convert it outside",
    "tofile": "return the array and write it outside",
    "setflags": "the flags of a traced array can't be changed",
}

for _name, _hint in REFUSED.items():
    setattr(Tracer, _name, _refused(_name, _hint))
for _function in (reshape, transpose, astype, item, tolist, conjugate):
    setattr(Tracer, _function.__name__, _function)
Tracer.conj = conjugate  # pyright: ignore[reportAttributeAccessIssue]
complex_methods.define()
Array.fill = fill
Array.sort = sorting.sort_in_place  # pyright: ignore[reportAttributeAccessIssue]
Array.partition = sorting.partition_in_place  # pyright: ignore[reportAttributeAccessIssue]


def compress(self: Array, condition: Any, axis: Any = None) -> Any:
    """ndarray.compress"""
    return searching.compress(condition, self, axis)


Array.put = editing.put  # pyright: ignore[reportAttributeAccessIssue]
Array.compress = compress  # pyright: ignore[reportAttributeAccessIssue]
Scalar.copy = lambda self, order="C": self  # pyright: ignore[reportAttributeAccessIssue]
Scalar.T = property(lambda self: self)  # pyright: ignore[reportAttributeAccessIssue]
Array.mT = property(lambda self: shaping.swapaxes(self, -1, -2))  # pyright: ignore[reportAttributeAccessIssue]


def _is_integer(self: Scalar) -> Any:
    """float.is_integer"""
    if self.dtype.kind != "f":
        return True
    return np.equal(np.trunc(self), self)


Scalar.is_integer = _is_integer  # pyright: ignore[reportAttributeAccessIssue]
