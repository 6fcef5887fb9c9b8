"""Run times: contenders take turns in changing order, so that drift of the machine hits all alike.

Each gets about the same time, so that a slow one runs less often; it always runs once.
"""

from __future__ import annotations

import gc
import random
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from dialectad.comparison.arguments import Arguments
from dialectad.runtime import collector

ROUNDS = 31
"""Samples of a contender that is fast enough."""


@dataclass(frozen=True)
class Timing:
    """Seconds per call."""

    samples: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    @property
    def spread(self) -> float:
        """Half the range that the middle half of the samples takes, relative to the median."""
        if len(self.samples) < 4:
            return (max(self.samples) - min(self.samples)) / 2 / self.median
        low, _, high = statistics.quantiles(self.samples, n=4)
        return (high - low) / 2 / self.median


@dataclass
class Contender:
    """A function to be timed on arguments that it may write into."""

    function: Callable[..., Any]
    arguments: Arguments
    writes: bool
    """Whether each call needs fresh arguments; they are made while the clock stands still."""

    def sample(self, count: int) -> float:
        """Seconds per call, over `count` calls."""
        function = self.function
        if not self.writes:
            args = self.arguments.fresh()
            start = time.perf_counter()
            for _ in range(count):
                function(*args)
            return (time.perf_counter() - start) / count
        total = 0.0
        for _ in range(count):
            args = self.arguments.fresh()
            start = time.perf_counter()
            function(*args)
            total += time.perf_counter() - start
        return total / count


def interleaved(contenders: Mapping[str, Contender], seconds: float) -> dict[str, Timing]:
    """Time each contender, which has been called before, for about `seconds`."""
    samples: dict[str, list[float]] = {name: [] for name in contenders}
    counts: dict[str, int] = {}
    rounds: dict[str, int] = {}
    for name, contender in contenders.items():
        once = contender.sample(1)
        if once > seconds / 2:  # too slow for more
            samples[name].append(once)
            rounds[name] = 0
            continue
        once = contender.sample(1)  # memory that is kept between calls is there now
        counts[name] = max(1, int(seconds / ROUNDS / max(once, 1e-9)))
        rounds[name] = min(ROUNDS, 1 + int(seconds / max(once, 1e-9)))
    order = list(contenders)
    shuffle = random.Random(0).shuffle
    gc.collect()
    with collector.paused():
        for round_ in range(ROUNDS):
            shuffle(order)
            for name in order:
                if round_ < rounds[name]:
                    samples[name].append(contenders[name].sample(counts[name]))
    return {name: Timing(tuple(values)) for name, values in samples.items()}
