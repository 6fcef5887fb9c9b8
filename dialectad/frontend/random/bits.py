"""PCG64 (XSL-RR): a linear congruential generator of 128 bits, in halves of 64.

The state is a vector of six: the two halves of the number, the upper first, those of the increment, and
whether half of what was drawn last is left over for the next draw of 32 bits, and that half.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dialectad.frontend.random.staged import staged

Number = Any
"""A traced `uint64`."""

WORDS = 6
_MULTIPLIER = 0x2360ED051FC65DA4, 0x4385DF649FCCF645
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


def product(x: Number, y: Any) -> tuple[Number, Number]:
    """The upper and the lower half of a product of 64 by 64 bits, from products of 32 by 32."""
    a, b = x >> _HALF, x & _LOW
    c, d = y >> _HALF, y & _LOW
    low, middle = b * d, a * d
    middle = middle + (low >> _HALF)
    other = b * c + (middle & _LOW)
    return a * c + (middle >> _HALF) + (other >> _HALF), x * y


def step(upper: Number, lower: Number, increment: tuple[Number, Number]) -> tuple[Number, Number]:
    """The next number of the sequence."""
    high, low = map(np.uint64, _MULTIPLIER)
    carried, rest = product(lower, low)
    carried = carried + upper * low + lower * high
    rest = rest + increment[1]
    return carried + increment[0] + (rest < increment[1]).astype(np.uint64), rest


def about_to_give(word: int) -> dict[str, Any]:
    """The state of a PCG64 of NumPy's whose next 64 bits are these: the upper half will be 0."""
    factor = _MULTIPLIER[0] << 64 | _MULTIPLIER[1]
    before = (word - 1) * pow(factor, -1, 2**128) % 2**128
    numbers = {"state": before, "inc": 1}
    return {"bit_generator": "PCG64", "state": numbers, "has_uint32": 0, "uinteger": 0}


def next64(state: Any) -> Number:
    """The next 64 bits."""
    upper, lower = step(state[0], state[1], (state[2], state[3]))
    state[0], state[1] = upper, lower
    mixed, by = upper ^ lower, upper >> np.uint64(58)
    return (mixed >> by) | (mixed << ((np.uint64(64) - by) & np.uint64(63)))


@staged
def next32(state: Any) -> Number:
    """The next 32 bits: the lower half of 64, or the upper one that was left over."""
    if state[4] != 0:
        drawn = state[5]
        state[4] = 0
    else:
        both = next64(state)
        drawn = both & _LOW
        state[4] = 1
        state[5] = both >> _HALF
    return drawn


def unit(state: Any) -> Any:
    """A float64 from 0 to 1, exclusive, in steps of 2**-53."""
    return (next64(state) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def unit_single(state: Any) -> Any:
    """A float32 from 0 to 1, exclusive, in steps of 2**-24."""
    return (next32(state) >> np.uint64(8)).astype(np.float32) * np.float32(2.0**-24)
