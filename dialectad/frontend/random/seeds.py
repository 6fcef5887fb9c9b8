"""`numpy.random.default_rng`: the state that a seed stands for, by NumPy's SeedSequence and PCG64."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from dialectad.errors import UnsupportedTypeError
from dialectad.frontend import emit
from dialectad.frontend.numpy.creation import asarray
from dialectad.frontend.numpy.support import holds_tracer, operand
from dialectad.frontend.random import bits
from dialectad.frontend.random.generator import Generator, words_of
from dialectad.frontend.tracers import CALLS, Scalar, Tracer, lift
from dialectad.frontend.tracing import error

_POOL = 4
_SHIFT = np.uint32(16)
_MIX = np.uint32(0xCA01F9DD), np.uint32(0x4973F715)
_INTO_POOL = 0x43B0D7E5, 0x931E8875
_OUT_OF_POOL = 0x8B51F9DD, 0x58F38DED

Word = Any
"""A traced `uint32`."""


def _constants(first: int, factor: int) -> Iterator[tuple[np.uint32, np.uint32]]:
    """What one word after the other is mixed with: a constant and the next one."""
    while True:
        following = first * factor % 2**32
        yield np.uint32(first), np.uint32(following)
        first = following


def _hashed(word: Word, constants: Iterator[tuple[np.uint32, np.uint32]]) -> Word:
    this, following = next(constants)
    word = (word ^ this) * following
    return word ^ (word >> _SHIFT)


def _mixed(x: Word, y: Word) -> Word:
    both = x * _MIX[0] - y * _MIX[1]
    return both ^ (both >> _SHIFT)


def _words(entropy: list[Word], count: int) -> list[Word]:
    """`count` words from four."""
    constants = _constants(*_INTO_POOL)
    pool = [_hashed(word, constants) for word in entropy]
    for source in range(_POOL):
        for target in range(_POOL):
            if source != target:
                pool[target] = _mixed(pool[target], _hashed(pool[source], constants))
    constants = _constants(*_OUT_OF_POOL)
    return [_hashed(pool[i % _POOL], constants) for i in range(count)]


def _joined(low: Word, high: Word) -> Any:
    return low.astype(np.uint64) | (high.astype(np.uint64) << np.uint64(32))


def seeded(seed: Any) -> Generator:
    """The generator of an integer known only at run time."""
    emit.check((seed >= 0).ssa(), "ValueError: expected non-negative integer")
    number = lift(seed).astype(np.uint64)
    parts = [number & np.uint64(0xFFFFFFFF), number >> np.uint64(32)]
    zero = lift(np.uint32(0))
    words = _words([*(part.astype(np.uint32) for part in parts), zero, zero], 8)
    upper, lower, first, second = (_joined(words[i], words[i + 1]) for i in range(0, 8, 2))
    one = np.uint64(1)
    increment = (first << one) | (second >> np.uint64(63)), (second << one) | one
    low = increment[1] + lower  # the first step is from 0, and gives the increment
    high = increment[0] + upper + (low < lower).astype(np.uint64)
    high, low = bits.step(high, low, increment)
    zeros = [np.uint64(0), np.uint64(0)]
    return Generator(asarray([high, low, *increment, *zeros], np.uint64))  # pyright: ignore[reportArgumentType]


def default_rng(seed: Any = None) -> Generator:
    """numpy.random.default_rng"""
    if isinstance(seed, Generator):
        return seed
    if isinstance(seed, Tracer):
        number = operand(seed)
        if not isinstance(number, Scalar) or number.dtype.kind not in "iu":
            raise error(
                "a seed known only at run time must be an integer",
                hint="pass a generator as an argument",
                kind=UnsupportedTypeError,
            )
        return seeded(number)
    if seed is None or isinstance(seed, np.random.Generator) or holds_tracer([seed]):
        raise error(
            "random numbers would be drawn from where the generator is while the function is compiled",
            hint="give numpy.random.default_rng a seed, or pass the generator as an argument",
        )
    return _of_known(np.random.default_rng(seed))


def _of_known(made: np.random.Generator) -> Generator:
    from dialectad.frontend.numpy.creation import array

    return Generator(array(words_of(made)))


def generator(bit_generator: Any) -> Generator:
    """numpy.random.Generator"""
    return _of_known(np.random.Generator(bit_generator))


CALLS[np.random.default_rng] = default_rng
CALLS[np.random.Generator] = generator
