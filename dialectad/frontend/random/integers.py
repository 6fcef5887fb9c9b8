"""Integers up to a bound, in NumPy's two ways.

`up_to` is Lemire's: the upper half of a product, unless the lower half is too small. `within` draws as few
bits as the bound has, until they are no more than it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dialectad.frontend.random import bits
from dialectad.frontend.random.staged import staged

_FULL32 = 2**32 - 1


@staged
def below32(state: Any, most: Any) -> Any:
    """From 0 to `most`, which is below 2**32 - 1."""
    count = most + np.uint64(1)
    least = (np.uint64(_FULL32) - most) % count
    scaled = bits.next32(state) * count
    while (scaled & np.uint64(_FULL32)) < least:
        scaled = bits.next32(state) * count
    return scaled >> np.uint64(32)


@staged
def below64(state: Any, most: Any) -> Any:
    """From 0 to `most`, which is below 2**64 - 1."""
    count = most + np.uint64(1)
    least = (np.uint64(2**64 - 1) - most) % count
    found, rest = bits.product(bits.next64(state), count)
    while rest < least:
        found, rest = bits.product(bits.next64(state), count)
    return found


@staged
def up_to(state: Any, most: Any) -> Any:
    """From 0 to `most`, a `uint64`; nothing is drawn for 0."""
    found = np.uint64(0)
    if most != 0:
        if most < np.uint64(_FULL32):
            found = below32(state, most)
        elif most == np.uint64(_FULL32):
            found = bits.next32(state)
        elif most == np.uint64(2**64 - 1):
            found = bits.next64(state)
        else:
            found = below64(state, most)
    return found


@staged
def within(state: Any, most: Any) -> Any:
    """From 0 to `most`, a `uint64` that isn't 0."""
    mask = most
    for shift in (1, 2, 4, 8, 16, 32):
        mask = mask | (mask >> np.uint64(shift))
    found = most
    if most <= np.uint64(_FULL32):
        found = bits.next32(state) & mask
        while found > most:
            found = bits.next32(state) & mask
    else:
        found = bits.next64(state) & mask
        while found > most:
            found = bits.next64(state) & mask
    return found


@staged
def shuffled(state: Any, numbers: Any, first: int, draw: Any) -> Any:
    """A vector of which the elements from `first` on are exchanged with any at or before them."""
    n = numbers.shape[0]
    for k in range(n - first):
        i = n - 1 - k
        j = draw(state, np.uint64(i)).astype(np.int64)
        numbers[i], numbers[j] = numbers[j], numbers[i]
    return numbers


@staged
def sample(state: Any, among: Any, out: Any) -> Any:
    """Different numbers below `among`, by Floyd's method."""
    seen = np.zeros(among, bool)
    n = out.shape[0]
    for k in range(n):
        last = among - n + k
        drawn = up_to(state, np.uint64(last)).astype(np.int64)
        taken = np.where(seen[drawn], last, drawn)
        seen[taken] = True
        out[k] = taken
    return out
