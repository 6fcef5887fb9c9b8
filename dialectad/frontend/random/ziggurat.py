"""Normal and exponential numbers by the ziggurat method of Marsaglia and Tsang, in 256 layers.

A layer is drawn, and a place in it. Mostly the place is under the curve for sure (`sure` tells up to where);
otherwise it is compared with the curve, and the lowest layer has a tail that is drawn in another way.

Note [Tables]
~~~~~~~~~~~~~
The same numbers as NumPy's need the same tables, to the last bit, and these have rounding errors of their
own. So they are read off what NumPy draws when its bit generator is about to give chosen bits: the first
place of a layer is the width of a place, and for those under the curve for sure nothing more is drawn.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from dialectad.frontend.random import bits
from dialectad.frontend.random.staged import accepted, staged
from dialectad.frontend.tracers import lift

LAYERS = 256
_NORMAL_EDGE = 3.6541528853610088
"""Where the tail begins, such that all layers have the same area."""
_EXPONENTIAL_EDGE = 7.6971174701310497


@dataclass(frozen=True, eq=False)
class Tables:
    """Per layer."""

    sure: np.ndarray[Any, Any]
    """Places below are under the curve."""
    width: np.ndarray[Any, Any]
    """What a place is to be multiplied with."""
    height: np.ndarray[Any, Any]
    """Of the curve at the layer's right end."""

    def at(self, layer: Any) -> tuple[Any, Any]:
        return lift(self.sure)[layer], lift(self.width)[layer]  # pyright: ignore[reportIndexIssue]


@dataclass(frozen=True, eq=False)
class _Reader:
    """What NumPy draws for chosen bits, see Note [Tables]."""

    method: str
    dtype: type
    places: int
    """How many places a layer has."""
    shift: int
    """Before the layer there are so many bits that don't count."""
    sign: int
    """So many bits between the layer and the place tell the sign."""

    def draw(self, layer: int, place: int) -> tuple[float, bool]:
        """The number for a place, and whether it was found without drawing more."""
        generator = np.random.Generator(np.random.PCG64(0))
        word = layer << self.shift | place << (self.shift + 8 + self.sign)
        generator.bit_generator.state = bits.about_to_give(word)
        found = getattr(generator, self.method)(dtype=self.dtype)
        after: Any = generator.bit_generator.state
        single = self.dtype is np.float32
        return found, after["state"]["state"] == word and after["has_uint32"] == single

    def sure(self, layer: int, guess: int) -> int:
        """The first place that is compared with the curve."""
        bound = min(guess, self.places)
        while bound > 0 and not self.draw(layer, bound - 1)[1]:
            bound -= 1
        while bound < self.places and self.draw(layer, bound)[1]:
            bound += 1
        return bound

    def tables(self, curve: Callable[[Any], Any], edge: float) -> Tables:
        width = np.array([self.draw(layer, 1)[0] for layer in range(LAYERS)])
        ends = width * self.places
        inner = np.array([edge, 0.0, *ends[1:-1]])
        guesses = (inner / width).astype(np.int64).tolist()
        sure = [self.sure(layer, guess) for layer, guess in enumerate(guesses)]
        height = curve(ends)
        height[0] = 1.0
        return Tables(np.array(sure, np.uint64), width.astype(self.dtype), height.astype(self.dtype))


@functools.cache
def normal_tables(single: bool) -> Tables:
    places, dtype = (2**23, np.float32) if single else (2**52, np.float64)
    reader = _Reader("standard_normal", dtype, places, 0, 1)
    return reader.tables(lambda x: np.exp(-0.5 * x * x), _NORMAL_EDGE)


@functools.cache
def exponential_tables(single: bool) -> Tables:
    places, dtype, shift = (2**23, np.float32, 1) if single else (2**53, np.float64, 3)
    reader = _Reader("standard_exponential", dtype, places, shift, 0)
    return reader.tables(lambda x: np.exp(-x), _EXPONENTIAL_EDGE)


def _under_the_curve(tables: Tables, layer: Any, between: Any, curve: Any) -> Any:
    """Whether a point at a random height of a layer is."""
    height: Any = lift(tables.height)
    top, bottom = height[layer - 1], height[layer]
    return (top - bottom) * between + bottom < curve


@staged
def normal(state: Any, single: bool) -> Any:
    """A normal number."""
    draw = bits.unit_single if single else bits.unit
    dtype = np.float32 if single else np.float64
    tables = normal_tables(single)
    edge, inverse = dtype(_NORMAL_EDGE), dtype(1 / _NORMAL_EDGE)

    def attempt() -> tuple[Any, Any]:
        drawn = bits.next32(state) if single else bits.next64(state)
        layer = (drawn & np.uint64(0xFF)).astype(np.int64)
        drawn = drawn >> np.uint64(8)
        place = (drawn >> np.uint64(1)) & np.uint64(0x7FFFFF if single else 0xFFFFFFFFFFFFF)
        sure, width = tables.at(layer)
        x = place.astype(dtype) * width
        x = np.where((drawn & np.uint64(1)) != 0, -x, x)
        if place < sure:
            done = True
        elif layer == 0:
            further, fits = dtype(0), False
            while not fits:
                further = -inverse * np.log1p(-draw(state))
                other = -np.log1p(-draw(state))
                fits = other + other > further * further
            beyond = edge + further
            x = np.where(((place >> np.uint64(8)) & np.uint64(1)) != 0, -beyond, beyond)
            done = True
        else:
            done = _under_the_curve(tables, layer, draw(state), np.exp(dtype(-0.5) * x * x))
        return x, done

    return accepted(attempt, dtype(0))


@staged
def exponential(state: Any, single: bool) -> Any:
    """An exponential number."""
    draw = bits.unit_single if single else bits.unit
    dtype = np.float32 if single else np.float64
    tables = exponential_tables(single)

    def attempt() -> tuple[Any, Any]:
        drawn = bits.next32(state) >> np.uint64(1) if single else bits.next64(state) >> np.uint64(3)
        layer, place = (drawn & np.uint64(0xFF)).astype(np.int64), drawn >> np.uint64(8)
        sure, width = tables.at(layer)
        x = place.astype(dtype) * width
        if place < sure:
            done = True
        elif layer == 0:
            x = dtype(_EXPONENTIAL_EDGE) - np.log1p(-draw(state))
            done = True
        else:
            done = _under_the_curve(tables, layer, draw(state), np.exp(-x))
        return x, done

    return accepted(attempt, dtype(0))
