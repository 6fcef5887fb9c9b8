"""Timing: contenders take turns in changing order, so that drift of the machine hits all alike."""

from __future__ import annotations

import gc
import math
import random
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from benchmarks.case import Call

Key = TypeVar("Key")

TRIES = 5
"""How often a sample is taken again, at most."""
WAITED = 1.05
"""Elapsed time over the processor's time beyond which the process must have waited."""
LONG = 0.5
"""Seconds: no process runs so long without waiting, on a machine with others."""


@dataclass(frozen=True)
class Timing:
    """Seconds per call over the rounds."""

    samples: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    @property
    def spread(self) -> float:
        """Half the distance between the quartiles, relative to the median."""
        if len(self.samples) < 4:
            return (max(self.samples) - min(self.samples)) / 2 / self.median
        low, _, high = statistics.quantiles(self.samples, n=4)
        return (high - low) / 2 / self.median


def _repetitions(call: Call, seconds: float) -> int:
    """How many calls fill this time."""
    count = 1
    while True:
        start = time.process_time()
        for _ in range(count):
            call()
        elapsed = time.process_time() - start
        if elapsed >= seconds:
            return count
        count = max(count + 1, min(10 * count, int(count * 1.2 * seconds / max(elapsed, 1e-9))))


def _sample(call: Call, count: int) -> float:
    """Seconds per call. Where the process waited for a processor meanwhile, it is measured again."""
    shortest = math.inf
    for _ in range(TRIES):
        start, worked = time.perf_counter(), time.process_time()
        for _ in range(count):
            call()
        worked, elapsed = time.process_time() - worked, time.perf_counter() - start
        shortest = min(shortest, elapsed)
        if elapsed <= WAITED * worked or elapsed > LONG:
            break
    return shortest / count


def interleaved(
    calls: Mapping[Key, Call], *, rounds: int, seconds: float, longest: float = math.inf
) -> dict[Key, Timing]:
    """Time every call in `rounds` rounds of about `seconds` each; who is slow, in about `longest` seconds."""
    repetitions = {name: _repetitions(call, seconds) for name, call in calls.items()}
    samples: dict[Key, list[float]] = {name: [] for name in calls}
    order = list(calls)
    shuffle = random.Random(0).shuffle
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            shuffle(order)
            for name in order:
                if sum(samples[name]) * repetitions[name] <= longest:
                    samples[name].append(_sample(calls[name], repetitions[name]))
    finally:
        gc.enable()
    return {name: Timing(tuple(values)) for name, values in samples.items()}
