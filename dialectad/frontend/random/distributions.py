"""The methods of a generator: they draw what NumPy's draw, in the same order."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from xdsl.dialects import math
from xdsl.dialects.arith import AddfOp

from dialectad.errors import ShapeError, UnsupportedTypeError
from dialectad.frontend import dtypes, emit
from dialectad.frontend.dtypes import FLOAT32, FLOAT64, INT64, UINT64, DType
from dialectad.frontend.emit import Extent
from dialectad.frontend.numpy.creation import arange, asarray
from dialectad.frontend.numpy.creation import array as new_array
from dialectad.frontend.numpy.searching import searched
from dialectad.frontend.numpy.selection import take
from dialectad.frontend.numpy.support import (
    array,
    concrete_int,
    known_int,
    normalize_axis,
    operand,
    scalar_value,
    shape_argument,
    total,
)
from dialectad.frontend.random import bits, inverses, ziggurat
from dialectad.frontend.random import integers as bounded
from dialectad.frontend.random.staged import filled
from dialectad.frontend.tracers import Array, Scalar, Tracer, broadcast_extents, lift, write_out
from dialectad.frontend.tracing import error

if TYPE_CHECKING:
    from dialectad.frontend.random.generator import Generator

Shape = tuple[Extent, ...] | None
"""None is that of a number."""


# --- how many ----------------------------------------------------------------------------------


def _drawn(shape: Shape, dtype: DType, draw: Callable[[], Any]) -> Any:
    """Numbers of a shape, drawn in C order; or one, a Python number if it is a float."""
    if shape is None:
        one = lift(draw())
        return one if dtypes.is_integral(dtype) else Scalar(one.astype(FLOAT64).ssa(), weak=True)
    out = Array.fresh(emit.empty([total(shape)], dtypes.to_ir(dtype)))
    return Array.fresh(emit.reshape(filled(out, draw).ssa(), shape))


def _shape(size: Any, *parameters: Any) -> Shape:
    """The shape of what is drawn for parameters of the distribution."""
    own = [x.extents for x in parameters if isinstance(x, Array)]
    if size is None:
        return broadcast_extents(*own) if own else None
    wanted = shape_argument(size)
    if own:
        found = broadcast_extents(wanted, *own)
        if len(found) != len(wanted) or any(
            not emit.same_extent(n, m) for n, m in zip(found, wanted, strict=True)
        ):
            raise error("Output size is not compatible with broadcast dimensions of inputs.", kind=ShapeError)
    return wanted


def _parameter(x: Any) -> Any:
    """A parameter of a distribution, in double precision: an array, or a number."""
    made = operand(asarray(x) if isinstance(x, list | tuple) else x)
    if isinstance(made, Array):
        return made.astype(FLOAT64)  # pyright: ignore[reportCallIssue]
    return Scalar(scalar_value(made, FLOAT64), weak=True) if isinstance(made, Tracer) else float(made)


def _require(holds: Any, message: str, kind: str = "ValueError") -> None:
    """Raise unless something holds for all: now if it is known, otherwise at run time."""
    if isinstance(holds, Tracer):
        every: Any = operand(np.all(lift(holds)))
        emit.check(every.ssa(), f"{kind}: {message}")
    elif not np.all(holds):
        raise error(message, kind=ShapeError if kind == "ValueError" else UnsupportedTypeError)


def _not_negative(x: Any, name: str) -> None:
    _require(np.logical_or(np.isnan(x), np.logical_not(np.signbit(x))), f"{name} < 0")


def _precision(dtype: Any, name: str) -> DType:
    found = np.dtype(dtype)
    if found not in (FLOAT32, FLOAT64):
        raise error(f"Unsupported dtype {found!r} for {name}", kind=UnsupportedTypeError)
    return found


def _given(out: Any, size: Any, dtype: DType) -> Shape:
    """The shape to draw for `size=` and `out=`."""
    if out is None:
        return _shape(size)
    if not isinstance(out, Array) or out.dtype != dtype:
        raise error(f"Supplied output array must be of dtype {dtype}", kind=UnsupportedTypeError)
    if size is not None and shape_argument(size) != out.extents:
        raise error("size must match out.shape when used together", kind=ShapeError)
    return out.extents


def _into(out: Any, made: Any) -> Any:
    return made if out is None else write_out(out, made)


# --- floats ------------------------------------------------------------------------------------


def random(self: Generator, size: Any = None, dtype: Any = np.float64, out: Any = None) -> Any:
    """numpy.random.Generator.random"""
    found = _precision(dtype, "random")
    draw = bits.unit if found == FLOAT64 else bits.unit_single
    return _into(out, _drawn(_given(out, size, found), found, partial(draw, self.state)))


def _standard(self: Generator, name: str, draw: Any, size: Any, dtype: Any, out: Any) -> Any:
    found = _precision(dtype, name)
    shape = _given(out, size, found)
    return _into(out, _drawn(shape, found, partial(draw, self.state, found == FLOAT32)))


def standard_normal(self: Generator, size: Any = None, dtype: Any = np.float64, out: Any = None) -> Any:
    """numpy.random.Generator.standard_normal"""
    return _standard(self, "standard_normal", ziggurat.normal, size, dtype, out)


def standard_exponential(
    self: Generator, size: Any = None, dtype: Any = np.float64, method: str = "zig", out: Any = None
) -> Any:
    """numpy.random.Generator.standard_exponential"""
    if method != "zig":
        raise error(
            "standard_exponential is supported with the method 'zig'", hint="-numpy.log1p(-rng.random())"
        )
    return _standard(self, "standard_exponential", ziggurat.exponential, size, dtype, out)


def _scaled(low: Any, width: Any, drawn: Any) -> Any:
    """low + width * drawn, where the product is rounded before it is added to."""
    shape = broadcast_extents(*(x.extents for x in (low, width, drawn) if isinstance(x, Array)))
    scalar = not any(isinstance(x, Array) for x in (low, width, drawn))
    a, b, c = (emit.broadcast(v, shape) if not scalar else v
               for v in (scalar_value(operand(x), FLOAT64) for x in (width, drawn, low)))  # fmt: skip
    product = emit.op(math.FmaOp(a, b, emit.like(a, -0.0)))
    value = emit.op(AddfOp(product, c))
    return Scalar(value, weak=True) if scalar else Array.fresh(value)


def uniform(self: Generator, low: Any = 0.0, high: Any = 1.0, size: Any = None) -> Any:
    """numpy.random.Generator.uniform"""
    first, last = _parameter(low), _parameter(high)
    width = last - first
    _require(np.isfinite(width), "high - low range exceeds valid bounds", "OverflowError")
    _not_negative(width, "high - low")
    drawn = _drawn(_shape(size, first, last), FLOAT64, partial(bits.unit, self.state))
    return _scaled(first, width, drawn)


def normal(self: Generator, loc: Any = 0.0, scale: Any = 1.0, size: Any = None) -> Any:
    """numpy.random.Generator.normal"""
    middle, width = _parameter(loc), _parameter(scale)
    _not_negative(width, "scale")
    drawn = _drawn(_shape(size, middle, width), FLOAT64, partial(ziggurat.normal, self.state, False))
    return _scaled(middle, width, drawn)


def exponential(self: Generator, scale: Any = 1.0, size: Any = None) -> Any:
    """numpy.random.Generator.exponential"""
    width = _parameter(scale)
    _not_negative(width, "scale")
    return width * _drawn(_shape(size, width), FLOAT64, partial(ziggurat.exponential, self.state, False))


def _located(self: Generator, draw: Callable[[Any], Any], loc: Any, scale: Any, size: Any) -> Any:
    """loc + scale * what `draw` gives."""
    middle, width = _parameter(loc), _parameter(scale)
    _not_negative(width, "scale")
    return _scaled(middle, width, _drawn(_shape(size, middle, width), FLOAT64, partial(draw, self.state)))


def laplace(self: Generator, loc: Any = 0.0, scale: Any = 1.0, size: Any = None) -> Any:
    """numpy.random.Generator.laplace"""
    return _located(self, inverses.laplace, loc, scale, size)


def logistic(self: Generator, loc: Any = 0.0, scale: Any = 1.0, size: Any = None) -> Any:
    """numpy.random.Generator.logistic"""
    return _located(self, inverses.logistic, loc, scale, size)


def gumbel(self: Generator, loc: Any = 0.0, scale: Any = 1.0, size: Any = None) -> Any:
    """numpy.random.Generator.gumbel"""
    return _located(self, inverses.gumbel, loc, scale, size)


def rayleigh(self: Generator, scale: Any = 1.0, size: Any = None) -> Any:
    """numpy.random.Generator.rayleigh"""
    width = _parameter(scale)
    _not_negative(width, "scale")
    shape = _shape(size, width)
    drawn = _drawn(shape, FLOAT64, partial(ziggurat.exponential, self.state, False))
    root = lift(np.sqrt(2.0 * drawn))
    return width * (root.item() if shape is None else root)  # pyright: ignore[reportOperatorIssue]


def standard_cauchy(self: Generator, size: Any = None) -> Any:
    """numpy.random.Generator.standard_cauchy: the quotient of two normal numbers"""

    def draw() -> Any:
        above = lift(ziggurat.normal(self.state, False))
        return above / ziggurat.normal(self.state, False)  # pyright: ignore[reportOperatorIssue]

    return _drawn(_shape(size), FLOAT64, draw)


# --- integers ----------------------------------------------------------------------------------

_WIDE = (INT64, UINT64, np.dtype(np.int32), np.dtype(np.uint32))


def integers(
    self: Generator,
    low: Any,
    high: Any = None,
    size: Any = None,
    dtype: Any = np.int64,
    endpoint: bool = False,
) -> Any:
    """numpy.random.Generator.integers"""
    found = np.dtype(dtype)
    if found not in _WIDE:
        raise error(
            f"random integers of the dtype {found} are not supported",
            hint="draw int64, and convert them: other numbers are drawn than NumPy draws of this dtype",
            kind=UnsupportedTypeError,
        )
    first, last = (0, low) if high is None else (low, high)
    first, last = (operand(asarray(x) if isinstance(x, list | tuple) else x) for x in (first, last))
    if isinstance(first, Array) or isinstance(last, Array):
        raise error("random integers between arrays are not supported", hint="draw them in a loop")
    known = known_int(first), known_int(last)
    if known[0] is not None and known[1] is not None:
        return _known_integers(self, known[0], known[1] - (not endpoint), found, _shape(size), endpoint)
    first, last = (Scalar(scalar_value(x, INT64)) for x in (first, last))
    _require(first <= last if endpoint else first < last, "low > high" if endpoint else "low >= high")  # pyright: ignore[reportOperatorIssue]
    span: Any = last - first if endpoint else last - first - 1  # pyright: ignore[reportOperatorIssue]
    return _offset(self, first, span.astype(UINT64), found, _shape(size))


def _known_integers(self: Generator, low: int, most: int, dtype: DType, shape: Shape, endpoint: bool) -> Any:
    """From `low` to `most`, which are known."""
    info = np.iinfo(dtype)
    if low < info.min:
        raise error(f"low is out of bounds for {dtype}", kind=ShapeError)
    if most > info.max:
        raise error(f"high is out of bounds for {dtype}", kind=ShapeError)
    if low > most:
        raise error("low > high" if endpoint else "low >= high", kind=ShapeError)
    return _offset(self, np.array(low).astype(INT64)[()], np.uint64(most - low), dtype, shape)


def _offset(self: Generator, low: Any, span: Any, dtype: DType, shape: Shape) -> Any:
    def draw() -> Any:
        number = lift(bounded.up_to(self.state, span)).astype(INT64)
        return (number + low).astype(dtype)  # pyright: ignore[reportOperatorIssue]

    return _drawn(shape, dtype, draw)


# --- of what there is --------------------------------------------------------------------------


def _shuffled(self: Generator, count: Any, first: int = 1, draw: Any = bounded.within) -> Any:
    """The numbers below `count`, in another order."""
    return bounded.shuffled(self.state, new_array(arange(count)), first, draw)


def shuffle(self: Generator, x: Any, axis: Any = 0) -> None:
    """numpy.random.Generator.shuffle"""
    if not isinstance(x, Array):
        raise error("only arrays of the function can be shuffled", hint="rng.permutation gives a new array")
    d = normalize_axis(axis, x.ndim)
    x.write(array(take(x, _shuffled(self, x.shape[d]), d)).ssa())


def permutation(self: Generator, x: Any, axis: Any = 0) -> Any:
    """numpy.random.Generator.permutation"""
    source = operand(asarray(x) if isinstance(x, list | tuple | np.ndarray) else x)
    if not isinstance(source, Array):
        return _shuffled(self, source)
    d = normalize_axis(axis, source.ndim)
    return take(source, _shuffled(self, source.shape[d]), d)


_MANY, _SHARE, _UNORDERED_SHARE = 10_000, 50, 20
"""From how many numbers on, and above which share of them, all are shuffled to draw some."""


def _without_replacement(self: Generator, count: int, wanted: int, *, ordered: bool) -> Any:
    if wanted > count:
        raise error("Cannot take a larger sample than population when replace is False", kind=ShapeError)
    if count > _MANY and wanted > count // (_SHARE if ordered else _UNORDERED_SHARE):
        return _shuffled(self, count, max(count - wanted, 1), bounded.up_to)[count - wanted :]
    out = Array.fresh(emit.empty([wanted], dtypes.to_ir(INT64)))
    found = bounded.sample(self.state, count, out)
    return bounded.shuffled(self.state, found, 1, bounded.up_to) if ordered else found


def _by_probabilities(self: Generator, p: Any, count: Any, shape: Shape) -> Any:
    weights = asarray(p).astype(FLOAT64)
    if weights.ndim != 1:
        raise error("p must be 1-dimensional", kind=ShapeError)
    _require(np.equal(lift(weights.shape[0]), count), "a and p must have same size")
    _require(np.logical_not(np.isnan(weights)), "Probabilities contain NaN")
    _require(np.greater_equal(weights, 0), "Probabilities are not non-negative")
    _require(np.abs(np.sum(weights) - 1.0) <= np.sqrt(np.finfo(float).eps), "Probabilities do not sum to 1.")
    sums: Any = np.cumsum(weights)
    sums = sums / sums[-1]
    return searched(sums, _drawn(shape, FLOAT64, partial(bits.unit, self.state)), "right")


def choice(
    self: Generator,
    a: Any,
    size: Any = None,
    replace: bool = True,
    p: Any = None,
    axis: Any = 0,
    shuffle: bool = True,
) -> Any:
    """numpy.random.Generator.choice"""
    source = operand(asarray(a) if isinstance(a, list | tuple | np.ndarray) else a)
    d = normalize_axis(axis, source.ndim) if isinstance(source, Array) else 0
    count = source.shape[d] if isinstance(source, Array) else source
    shape = _shape(size)
    if replace and p is not None:
        numbers = _by_probabilities(self, p, count, shape)
    elif replace:
        numbers = integers(self, 0, count, size)
    elif p is not None:
        raise error(
            "a choice with probabilities and without replacement is not supported",
            hint="the largest of numpy.log(p) - numpy.log(rng.exponential(size=n)) have that distribution",
        )
    else:
        wanted = (
            1 if shape is None else concrete_int(total(shape), "the size of a choice without replacement")
        )
        among = concrete_int(count, "among how many is chosen")
        numbers = _without_replacement(self, among, wanted, ordered=shuffle)
        numbers = numbers[0] if shape is None else numbers.reshape(shape)
    return take(source, numbers, d) if isinstance(source, Array) else numbers
