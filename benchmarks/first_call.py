"""How long the first call of the MLP gradient takes: trace, compile, run, each time in a fresh process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

from benchmarks import mlp_gradient
from benchmarks.measure import Timing

DTYPE = "float32"
CONTENDERS = ("dialectad", "jax", "torch", "numpy")


def measure(contenders: Sequence[str], rounds: int) -> tuple[dict[str, Timing], dict[str, str]]:
    """Seconds of the first call, libraries already imported, taking turns; and who failed, and how.

    Caches on disk start empty. `dialectad (disk cache)` is a second process that finds what the first left.
    """
    samples: dict[str, list[float]] = {}
    failures: dict[str, str] = {}
    for _ in range(rounds):
        for name in contenders:
            if name in failures:
                continue
            try:
                with tempfile.TemporaryDirectory() as cache:
                    samples.setdefault(name, []).append(_fresh(name, cache))
                    if name == "dialectad":
                        samples.setdefault(f"{name} (disk cache)", []).append(_fresh(name, cache))
            except RuntimeError as error:
                failures[name] = str(error).splitlines()[-1]
    return {name: Timing(tuple(values)) for name, values in samples.items() if values}, failures


def _fresh(contender: str, cache: str) -> float:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.first_call", contender],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"XDG_CACHE_HOME": cache},
    )
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip())
    return json.loads(done.stdout.splitlines()[-1])


def _child(contender: str) -> None:
    try:
        call = mlp_gradient.CONTENDERS[contender](DTYPE)
        start = time.perf_counter()
        call()
        elapsed = time.perf_counter() - start
    except Exception as error:
        sys.exit(f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")
    print(json.dumps(elapsed))


if __name__ == "__main__":
    _child(sys.argv[1])
