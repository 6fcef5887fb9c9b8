"""How long a fresh process takes to import a library, and to its first gradient, compiled and run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from itertools import islice

from benchmarks import peers
from benchmarks.case import Case
from benchmarks.measure import Timing

IMPORTED = "mlp_gradient"
"""The problem that importing is measured with, too."""
CONTENDERS = ("dialectad", "jax", "torch", "numpy")
COMPILERS = ("dialectad", "jax")
PARTS = ("import", "first call", "import and first call")
"""NumPy, which all need, is imported before the clock starts."""


def problems(names: Iterable[str]) -> Iterator[tuple[str, Case]]:
    """The problems that more than one contender compiles, with their first cases."""
    for name in names:
        case = _case(name, 0)
        if set(COMPILERS) <= set(case.contenders):
            yield name, case


def measure(
    problem: str,
    contenders: Sequence[str],
    rounds: int,
    *,
    index: int = 0,
    limit: float | None = None,
    warm_up: bool = True,
) -> tuple[dict[str, dict[str, Timing]], dict[str, str]]:
    """Seconds of each part per contender, taking turns, for a case of a problem; and who failed, and how.

    Caches on disk start empty. `dialectad (disk cache)` is a second process that finds what the first left.
    A process that isn't timed comes before, with `warm_up`: it leaves the modules' bytecode, and files in the
    system's cache. Who takes longer than the `limit` counts as failed.
    """
    samples: dict[str, list[list[float]]] = {}
    failures: dict[str, str] = {}
    for round_ in range(-warm_up, rounds):
        for name in contenders:
            if name in failures:
                continue
            try:
                with tempfile.TemporaryDirectory() as cache:
                    taken = {name: _fresh(problem, index, name, cache, limit)}
                    if name == "dialectad":
                        taken[f"{name} (disk cache)"] = _fresh(problem, index, name, cache, limit)
            except RuntimeError as error:
                failures[name] = str(error).splitlines()[-1]
                continue
            if round_ >= 0:
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


def _case(problem: str, index: int) -> Case:
    return next(islice(import_module(f"benchmarks.{problem}").cases(), index, None))


def _fresh(problem: str, index: int, contender: str, cache: str, limit: float | None) -> list[float]:
    environment = os.environ | {"XDG_CACHE_HOME": cache}
    for name in ("PYTHONDONTWRITEBYTECODE", "DIALECTAD_CACHE"):
        environment.pop(name, None)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.first_call", problem, str(index), contender],
            capture_output=True,
            text=True,
            check=False,
            env=environment,
            timeout=limit,
        )
    except subprocess.TimeoutExpired as error:
        raise RuntimeError(f"no result within {limit:g} s") from error
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip() or f"exit status {done.returncode}")
    return json.loads(done.stdout.splitlines()[-1])


def _child(problem: str, index: int, contender: str) -> None:
    try:
        start = time.perf_counter()
        if contender != "numpy":
            getattr(peers, contender)()
        imported = time.perf_counter() - start
        call = _case(problem, index).contenders[contender]()
        start = time.perf_counter()
        call()
        called = time.perf_counter() - start
    except Exception as error:
        sys.exit(f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")
    print(json.dumps([imported, called, imported + called]))


if __name__ == "__main__":
    _child(sys.argv[1], int(sys.argv[2]), sys.argv[3])
