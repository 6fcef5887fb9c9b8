"""Complex numbers while tracing: a pair of real tracers.

The IR knows no complex numbers. An array of them is two arrays, of the real and of the imaginary parts, so
all that is done with arrays below the frontend is done with complex ones too. A pytree (`pytrees.py`) sees a
container of two leaves, so control flow and requests for derivatives need to know nothing either.

At the boundary of a compiled function the parts lie next to each other, as NumPy keeps them:
`tensor<3x2xf64>` is an argument or result of three complex numbers (`split`, `join`).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from xdsl.dialects.builtin import TensorType
from xdsl.ir import SSAValue

from dialectad.frontend import dtypes, emit, pytrees, views
from dialectad.frontend.dtypes import DType
from dialectad.frontend.emit import Extent
from dialectad.frontend.tracers import (
    Array,
    Scalar,
    Tracer,
    broadcast_extents,
    is_number,
    lift,
    supported,
    wrap,
)
from dialectad.frontend.tracing import Storage, current


@dataclass(eq=False, repr=False)
class Complex(Tracer):
    """A traced complex number or array of them: the parts, of one shape and dtype."""

    re: Any
    """An `Array`; or a `Scalar`, or a float that is known."""
    im: Any

    @property
    def is_array(self) -> bool:
        return isinstance(self.re, Array)

    @property
    def dtype(self) -> DType:  # pyright: ignore[reportIncompatibleVariableOverride]
        strong = [x.dtype for x in (self.re, self.im) if not is_weak_part(x)]
        return dtypes.complex_of(np.result_type(*strong)) if strong else dtypes.COMPLEX128

    @property
    def weak(self) -> bool:
        """Whether it stands for a Python number."""
        return is_weak_part(self.re) and is_weak_part(self.im)

    @property
    def python_type(self) -> type:
        return complex

    @property
    def extents(self) -> tuple[Extent, ...]:
        return self.re.extents if isinstance(self.re, Array) else ()

    @property
    def shape(self) -> tuple[Any, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.re.shape if isinstance(self.re, Array) else ()

    @property
    def real(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self.re

    @real.setter
    def real(self, value: Any) -> None:
        self.re[...] = value

    @property
    def imag(self) -> Any:
        return self.im

    @imag.setter
    def imag(self, value: Any) -> None:
        self.im[...] = value

    def ssa(self) -> SSAValue:
        """The value as at the boundary."""
        element = dtypes.to_ir(dtypes.real_of(self.dtype))
        return join(*(emit.cast(lift(x).ssa(), element) for x in (self.re, self.im)))

    def map(self, function: Callable[[Any], Any]) -> Any:
        """`function`, which is linear, of both parts."""
        return Complex(function(self.re), function(self.im))

    def __len__(self) -> int:
        return len(self.re)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, key: Any) -> Any:
        return self.map(lambda part: part[key])

    def __setitem__(self, key: Any, value: Any) -> None:
        re, im = parts(value)
        if self.is_array or key != ...:
            self.re[key], self.im[key] = re, im

    def copy(self, order: str = "C") -> Complex:
        return self.map(lambda part: part.copy()) if self.is_array else self

    def item(self, *args: Any) -> Any:
        return self.map(lambda part: _python_float(lift(part).item(*args)))


def _python_float(x: Scalar) -> Scalar:
    return Scalar(emit.cast(x.ssa(), dtypes.to_ir(dtypes.FLOAT64)), weak=True)


def is_weak_part(x: Any) -> bool:
    return x.weak if isinstance(x, Scalar) else type(x) is float


# --- what is complex ---------------------------------------------------------------------------


def is_complex(x: Any) -> bool:
    """Whether `x` is a complex number or array."""
    if isinstance(x, Complex | complex | np.complexfloating):
        return True
    return isinstance(x, np.ndarray) and x.dtype.kind == "c"


def holds_complex(values: Iterable[Any]) -> bool:
    """Whether a complex number or array is among the values, or in lists and tuples among them."""
    return any(is_complex(v) or (isinstance(v, list | tuple) and v and holds_complex(v)) for v in values)


def is_complex_dtype(x: Any) -> bool:
    """Whether `x`, given for a dtype, is a complex one."""
    if x is None or isinstance(x, Tracer):
        return False
    try:
        return np.dtype(x).kind == "c"
    except TypeError:
        return False


def supported_complex(dtype: Any) -> DType:
    """`dtype` as a NumPy dtype, if its complex numbers can be compiled."""
    dtype = np.dtype(dtype)
    return dtype if dtypes.is_complex(dtype) else supported(dtype)  # which refuses the others


# --- from and to values ------------------------------------------------------------------------


def lifted(x: Any) -> Complex:
    """The tracer of a complex number or array that is known."""
    supported_complex(np.result_type(x))
    if isinstance(x, np.ndarray):
        known = current().pairs
        if id(x) not in known:
            storage = current().capture(x)
            known[id(x)] = Complex(*(Array(storage, (_part(x.shape, k),)) for k in (0, 1)))
        return known[id(x)]
    return Complex(x.real, x.imag)


def parts(x: Any) -> tuple[Any, Any]:
    """The real and the imaginary part of an array or number."""
    if isinstance(x, list | tuple):
        x = np.asarray(x) if not holds_tracer(x) else lift(x)
    if not is_complex(x):
        return x, 0.0
    made = x if isinstance(x, Complex) else lifted(x)
    return made.re, made.im


def parts_like(x: Any) -> tuple[Any, Any]:
    """The parts, the imaginary one as zeros of the real one's shape where `x` is real."""
    if isinstance(x, Complex):
        return x.re, x.im
    tracer = lift(x)
    return tracer, wrap(emit.like(tracer.ssa(), 0))


def holds_tracer(x: Any) -> bool:
    return isinstance(x, Tracer) or (isinstance(x, list | tuple) and any(map(holds_tracer, x)))


def paired(re: Any, im: Any) -> Complex:
    """The complex number or array of these parts, which are broadcast together."""
    if not isinstance(re, Array) and not isinstance(im, Array):
        return Complex(_part_of(re), _part_of(im))
    shape = broadcast_extents(*(x.extents if isinstance(x, Array) else () for x in (re, im)))
    dtype = np.result_type(*(x.dtype for x in (re, im) if isinstance(x, Array)))
    return Complex(*(_spread(x, shape, dtype) for x in (re, im)))


def _part_of(x: Any) -> Any:
    if isinstance(x, int) and not isinstance(x, bool):
        return float(x)
    return x


def _same_shape(a: tuple[Extent, ...], b: tuple[Extent, ...]) -> bool:
    return len(a) == len(b) and all(map(emit.same_extent, a, b))


def _spread(x: Any, shape: tuple[Extent, ...], dtype: DType) -> Array:
    if isinstance(x, Array) and x.dtype == dtype and _same_shape(x.extents, shape):
        return x
    element = dtypes.to_ir(dtype)
    if is_number(x):
        return Array.fresh(emit.full(shape, float(x), element))
    return Array.fresh(emit.broadcast(emit.cast(lift(x).ssa(), element), shape))


def without_imaginary(x: Complex) -> Any:
    """The real part, with the warning that NumPy gives."""
    message = "Casting complex values to real discards the imaginary part"
    warnings.warn(message, np.exceptions.ComplexWarning, stacklevel=2)
    return x.re


# --- at the boundary ---------------------------------------------------------------------------


def _part(shape: tuple[Extent, ...], k: int) -> views.Slice:
    """What shows the real (0) or imaginary (1) parts of interleaved memory."""
    n = len(shape)
    return views.Slice((*[0] * n, k), (*shape, 1), (1,) * (n + 1), frozenset({n}))


@dataclass(eq=False)
class Argument:
    """An argument of complex numbers: its memory, and what stands for it while its function is traced."""

    storage: Storage
    number: Complex
    parts: tuple[Storage, Storage]
    before: tuple[SSAValue, SSAValue]
    """What the parts held first."""

    @classmethod
    def of(cls, storage: Storage, value: SSAValue) -> Argument:
        *shape, _ = emit.shape(value)
        re, im = (_part(tuple(shape), k).get(value) for k in (0, 1))
        number = Complex(Array.fresh(re), Array.fresh(im))
        return cls(storage, number, (number.re.storage, number.im.storage), (re, im))

    def write_back(self) -> None:
        """Let the memory hold what the parts do, if that changed."""
        trace = current()
        re, im = (trace.read(part) for part in self.parts)
        if (re, im) != self.before:
            trace.write(self.storage, join(re, im, trace.read(self.storage)))

    def is_whole(self, x: Any) -> bool:
        """Whether `x` is this very argument."""
        if not isinstance(x, Complex) or not x.is_array:
            return False
        pairs = zip((x.re, x.im), self.parts, strict=True)
        return all(part.storage is mine and not part.view for part, mine in pairs)


def scalar_argument(value: SSAValue, *, weak: bool) -> Complex:
    """A complex number that is passed."""
    return Complex(*(Scalar(emit.extract(value, [k]), weak=weak) for k in (0, 1)))


def join(re: SSAValue, im: SSAValue, into: SSAValue | None = None) -> SSAValue:
    """Interleaved numbers, where these are their parts."""
    shape = emit.shape(re)
    if into is None:
        into = emit.empty((*shape, 2), emit.element(re))
    for k, part in enumerate((re, im)):
        if isinstance(part.type, TensorType) and shape:
            into = _part(shape, k).set(into, part)
        else:
            scalar = emit.extract(part, []) if isinstance(part.type, TensorType) else part
            into = emit.insert(scalar, into, [k])
    return into


# --- in pytrees --------------------------------------------------------------------------------


def flatten_whole(tree: Any) -> tuple[list[Any], pytrees.TreeDef]:
    """The leaves of a pytree, among which complex tracers are whole, and its structure."""
    return pytrees.flatten(tree, lambda x: isinstance(x, Complex))


def flatten(tree: Any) -> tuple[list[Any], pytrees.TreeDef]:
    """The leaves of a pytree, where known complex numbers and arrays are pairs too, and its structure."""
    leaves, structure = pytrees.flatten(tree)
    if any(map(is_complex, leaves)):
        paired_ = [lifted(x) if is_complex(x) else x for x in leaves]
        return pytrees.flatten(pytrees.unflatten(structure, paired_))
    return leaves, structure


def concrete(tree: Any) -> Any:
    """A pytree of known values, with complex numbers for pairs of their parts."""
    leaves, structure = flatten_whole(tree)
    return pytrees.unflatten(structure, [_joined(x) if isinstance(x, Complex) else x for x in leaves])


def _joined(x: Complex) -> Any:
    re, im = np.asarray(x.re), np.asarray(x.im)
    made = np.empty(re.shape, dtypes.complex_of(re.dtype))
    made.real, made.imag = re, im
    return made if isinstance(x.re, np.ndarray) else made[()]


PAIR = pytrees.Node(Complex, ("re", "im"), (pytrees.Leaf(), pytrees.Leaf()))
"""The structure of a complex number or array."""


def is_pair(structure: pytrees.TreeDef) -> bool:
    """Whether this is the structure of a complex number or array."""
    return structure == PAIR


def imaginary(structure: pytrees.TreeDef) -> list[bool]:
    """Per leaf: whether it is the imaginary part of a complex number or array."""
    if is_pair(structure):
        return [False, True]
    if isinstance(structure, pytrees.Leaf):
        return [False]
    return [flag for child in structure.children for flag in imaginary(child)]
