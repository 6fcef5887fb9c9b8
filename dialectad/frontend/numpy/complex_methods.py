"""The methods of complex arrays and numbers, where they aren't functions of NumPy by another name."""

from __future__ import annotations

from typing import Any

import numpy as np

from dialectad.errors import UnsupportedTypeError
from dialectad.frontend import complexes, dtypes, tracers
from dialectad.frontend.complexes import Complex, paired, parts, without_imaginary
from dialectad.frontend.numpy import complex_ufuncs
from dialectad.frontend.tracers import Array, Scalar, Tracer
from dialectad.frontend.tracing import error


def _check_cast(self: Tracer, target: np.dtype[Any], casting: str) -> None:
    if not np.can_cast(self.dtype, target, casting):  # pyright: ignore[reportArgumentType]
        raise error(
            f"Cannot cast array data from {self.dtype} to {target} according to the rule {casting!r}",
            kind=UnsupportedTypeError,
        )


def to_complex(self: Any, dtype: Any, casting: str = "unsafe") -> Complex:
    """A real or complex array or number in a complex dtype."""
    target = complexes.supported_complex(dtype)
    _check_cast(self, target, casting)
    real = dtypes.real_of(target)
    return paired(*(_copied(part, real) for part in parts(self)))


def _copied(part: Any, dtype: np.dtype[Any]) -> Any:
    return part.astype(dtype) if isinstance(part, Array) else complex_ufuncs.as_real(part, dtype)


def astype(
    self: Complex,
    dtype: Any,
    order: Any = "K",
    casting: str = "unsafe",
    subok: bool = True,
    copy: bool = True,
) -> Any:
    """ndarray.astype: a real dtype keeps the real parts, with a warning"""
    if complexes.is_complex_dtype(dtype):
        if self.is_array and np.dtype(dtype) == self.dtype:
            return self.copy() if copy else self
        return to_complex(self, dtype, casting)
    target = np.dtype(dtype)
    _check_cast(self, target, casting)
    if target == np.bool_:
        return self != 0
    real = without_imaginary(self)
    return real.astype(target) if isinstance(real, Tracer) else target.type(real)


def reshape(self: Complex, *shape: Any, **options: Any) -> Any:
    return self.map(lambda part: part.reshape(*shape, **options))


def transpose(self: Complex, *axes: Any) -> Any:
    return self.map(lambda part: part.transpose(*axes)) if self.is_array else self


def flatten(self: Complex, order: Any = "C") -> Any:
    return self.map(lambda part: part.flatten(order))


def tolist(self: Complex) -> Any:
    if not self.ndim:
        return self.item()
    return [tolist(part) for part in self]


def fill(self: Complex, value: Any) -> None:
    complex_ufuncs.write_out(self, value, True, "unsafe")


def conjugate(self: Any) -> Any:
    result: Any = np.conjugate(self)
    return complex_ufuncs.weakened(result) if self.weak else result


def _in_place(ufunc: np.ufunc) -> Any:
    """An operator with `=`, which writes into an array; a number becomes another one."""

    def operator(self: Complex, other: Any) -> Any:
        out = {"out": (self,)} if self.is_array else {}
        return tracers.apply_ufunc(ufunc, "__call__", (self, other), out)

    return operator


def _refused(what: str) -> Any:
    def conversion(self: Complex) -> Any:
        raise error(
            f"{what}() argument must be a real number, not complex",
            hint="take the real part (`.real`) or the absolute value",
            kind=UnsupportedTypeError,
        )

    return conversion


def define() -> None:
    """Give the methods to the class of complex tracers."""
    for function in (astype, reshape, transpose, flatten, tolist, fill, conjugate):
        setattr(Complex, function.__name__, function)
    members: dict[str, Any] = {
        "conj": conjugate,
        "T": property(lambda self: self.map(lambda part: part.T) if self.is_array else self),
        "mT": property(lambda self: self.map(lambda part: part.mT)),
        "__float__": _refused("float"),
        "__int__": _refused("int"),
    }
    for name, ufunc in tracers.BINARY.items():
        members[f"__i{name}__"] = _in_place(ufunc)
    for name, member in members.items():
        setattr(Complex, name, member)
    for real in (Array, Scalar):
        real.imag = property(lambda self: np.zeros_like(self))  # pyright: ignore
