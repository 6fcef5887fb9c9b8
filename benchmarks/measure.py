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
        start = time.perf_counter()
        for _ in range(count):
            call()
        elapsed = time.perf_counter() - start
        if elapsed >= seconds:
            return count
        count = max(count + 1, min(10 * count, int(count * 1.2 * seconds / max(elapsed, 1e-9))))


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
                call, count = calls[name], repetitions[name]
                if sum(samples[name]) * count > longest:
                    continue
                start = time.perf_counter()
                for _ in range(count):
                    call()
                samples[name].append((time.perf_counter() - start) / count)
    finally:
        gc.enable()
    return {name: Timing(tuple(values)) for name, values in samples.items()}
