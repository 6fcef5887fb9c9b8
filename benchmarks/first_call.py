"""How long a fresh process takes to import a library and to call the MLP gradient for the first time: trace,
compile, run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

from benchmarks import mlp_gradient, peers
from benchmarks.measure import Timing

DTYPE = "float32"
CONTENDERS = ("dialectad", "jax", "torch", "numpy")
PARTS = ("import", "first call", "import and first call")
"""NumPy, which all need, is imported before the clock starts."""


def measure(contenders: Sequence[str], rounds: int) -> tuple[dict[str, dict[str, Timing]], dict[str, str]]:
    """Seconds of each part per contender, taking turns; and who failed, and how.

    Caches on disk start empty. `dialectad (disk cache)` is a second process that finds what the first left.
    A process that isn't timed comes before: it leaves the modules' bytecode, and files in the system's cache.
    """
    samples: dict[str, list[list[float]]] = {}
    failures: dict[str, str] = {}
    for round_ in range(rounds + 1):
        for name in contenders:
            if name in failures:
                continue
            try:
                with tempfile.TemporaryDirectory() as cache:
                    taken = {name: _fresh(name, cache)}
                    if name == "dialectad":
                        taken[f"{name} (disk cache)"] = _fresh(name, cache)
            except RuntimeError as error:
                failures[name] = str(error).splitlines()[-1]
                continue
            if round_ > 0:
                for label, seconds in taken.items():
                    samples.setdefault(label, []).append(seconds)
    parts = {
        part: {
            name: Timing(tuple(s[i] for s in rows))
            for name, rows in samples.items()
            if part == "first call" or name != "numpy"
        }
        for i, part in enumerate(PARTS)
    }
    return parts, failures


def _fresh(contender: str, cache: str) -> list[float]:
    environment = os.environ | {"XDG_CACHE_HOME": cache}
    for name in ("PYTHONDONTWRITEBYTECODE", "DIALECTAD_CACHE"):
        environment.pop(name, None)
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.first_call", contender],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip() or f"exit status {done.returncode}")
    return json.loads(done.stdout.splitlines()[-1])


def _child(contender: str) -> None:
    try:
        start = time.perf_counter()
        if contender != "numpy":
            getattr(peers, contender)()
        imported = time.perf_counter() - start
        call = mlp_gradient.CONTENDERS[contender](DTYPE)
        start = time.perf_counter()
        call()
        called = time.perf_counter() - start
    except Exception as error:
        sys.exit(f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")
    print(json.dumps([imported, called, imported + called]))


if __name__ == "__main__":
    _child(sys.argv[1])
