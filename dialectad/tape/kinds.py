"""What is known of an operand before its elements are: a *kind*.

Kinds are interned: the same description is the same object, so that looking up what to do for operands costs
one look into a dictionary. A *flavour* tells tapes apart that need other code for the same operands.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from dialectad.frontend.complexes import Complex
from dialectad.frontend.program import ArrayType, ScalarType
from dialectad.frontend.recorded import Recorded
from dialectad.frontend.tracers import Scalar, Tracer
from dialectad.tape.errors import error

Form = Literal["array", "scalar", "python"]
"""An ndarray, a NumPy number, a Python number."""

Mode = Literal["reverse", "forward"]


@dataclass(frozen=True)
class Flavour:
    """What tapes may have in common."""

    mode: Mode
    depth: int
    """How many tapes are around it."""
    nested: bool
    """Whether what is recorded may be recorded (or traced) once more by what is around."""


@dataclass(frozen=True, eq=False)
class Kind:
    """What an operand is like."""

    form: Form
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    flavour: Flavour | None = None
    """Of the tape that wrapped it; None if none did."""
    active: bool = False

    @property
    def leaf_type(self) -> ArrayType | ScalarType:
        """As the frontend calls it."""
        if self.form == "array":
            return ArrayType(self.dtype, self.shape)
        return ScalarType(self.dtype, weak=self.form == "python")

    @property
    def is_float(self) -> bool:
        """Whether it may have a derivative: floats and complex numbers."""
        return self.dtype.kind in "fc"


_KINDS: dict[tuple[Any, ...], Kind] = {}


def kind(
    form: Form,
    dtype: np.dtype[Any],
    shape: tuple[int, ...] = (),
    flavour: Flavour | None = None,
    active: bool = False,
) -> Kind:
    """The kind of this description."""
    key = (form, dtype, shape, flavour, active)
    found = _KINDS.get(key)
    if found is None:
        found = _KINDS.setdefault(key, Kind(form, dtype, shape, flavour, active))
    return found


PLAIN: dict[type, Kind] = {
    float: kind("python", np.dtype(np.float64)),
    complex: kind("python", np.dtype(np.complex128)),
    int: kind("python", np.dtype(np.int64)),
    bool: kind("python", np.dtype(np.bool_)),
    **{t: kind("scalar", np.dtype(t)) for t in np.sctypeDict.values() if np.dtype(t).kind in "fiubc"},
}
"""The kinds of numbers by their type."""


def is_numeric(x: Any) -> bool:
    """Whether `x` is an array or a number, maybe one that a tape or a trace follows."""
    return isinstance(x, np.ndarray | np.generic | bool | int | float | complex | Tracer | Recorded)


def of_value(value: Any, flavour: Flavour | None = None, active: bool = False) -> Kind:
    """The kind of a value: one that no tape wraps, or that is about to be wrapped."""
    plain = PLAIN.get(type(value))
    if plain is not None:
        form, dtype, shape = plain.form, plain.dtype, ()
    elif isinstance(value, np.ndarray):
        form, dtype, shape = "array", value.dtype, value.shape
    elif isinstance(value, Tracer) and value.is_array:
        form, dtype, shape = "array", value.dtype, _static(value.shape)
    elif isinstance(value, Scalar | Complex):
        form, dtype, shape = "python" if value.weak else "scalar", value.dtype, ()
    elif isinstance(inner := getattr(value, "kind", None), Kind):  # of another tape
        inner = inner if inner.shape != (-1,) else of_value(value.value)  # pyright: ignore
        form, dtype, shape = inner.form, inner.dtype, inner.shape
    elif isinstance(value, np.generic):
        form, dtype, shape = "scalar", value.dtype, ()
    else:
        raise error(f"a value of type {type(value).__name__!r} can't be used as an array or number")
    return kind(form, dtype, shape, flavour, active)


def _static(shape: tuple[Any, ...]) -> tuple[int, ...]:
    if not all(isinstance(n, int) for n in shape):
        raise error(
            "an array of a shape that is known only at run time can't be recorded",
            hint='differentiate at level "linalg"',
        )
    return shape
