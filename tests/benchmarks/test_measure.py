"""Samples: who is slow gets fewer, and waiting isn't work."""

from __future__ import annotations

import time

from benchmarks.measure import TRIES, Timing, _sample, interleaved


def test_slow_calls_get_fewer_samples():
    timings = interleaved(
        {"quick": lambda: None, "slow": lambda: _work(0.02)}, rounds=9, seconds=1e-4, longest=0.05
    )
    assert len(timings["quick"].samples) == 9
    assert 1 <= len(timings["slow"].samples) < 9


def _work(seconds: float) -> None:
    start = time.process_time()
    while time.process_time() - start < seconds:
        pass


def test_a_sample_that_waited_is_taken_again():
    waits = iter([0.02, 0.02, 0.0])
    calls = []

    def call() -> None:
        calls.append(None)
        _work(0.002)
        time.sleep(next(waits, 0.0))

    assert _sample(call, 1) < 0.02
    assert 3 <= len(calls) <= TRIES


def test_spread():
    assert Timing((1.0, 1.0, 1.0, 1.0)).spread == 0
    assert Timing((1.0, 3.0)).spread == 0.5
