"""Gradients of a loop that reads and writes one element, or one row, per step.

The work of a step does not depend on the size of the array, so the gradient's time, and the memory that it
needs, should be `a * steps + b * size`. An adjoint that builds an array of the full size in each step costs
`steps * size`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import peers
from benchmarks.case import Call, Case
from benchmarks.gradients import by_level
from benchmarks.measure import Timing
from benchmarks.memory import RESOLUTION, MemoryCase

WIDTH = 16
STEPS = (250, 1000, 4000)
SIZES = (256, 1024, 4096, 16384)
FIXED = 1000
COLORS = {"dialectad": "C3", "jax": "C0", "torch": "C1", "numpy": "C2"}
TORCH_LIMIT = 1_100_000
"""Where steps * size is larger, PyTorch would take seconds a call and is left out."""
MEMORY_STEPS = (1000, 16000, 256000)
MEMORY_ELEMENTS = (2**12, 2**16, 2**20)
"""Larger than where time is measured: memory is counted to a quarter of a megabyte."""
MEMORY_TORCH_STEPS = 16000
MEMORY_TORCH_LIMIT = 70_000_000
SMALL = ("element", 8, 4)
"""A problem to warm up on."""


def _array(kind: str, n: int) -> np.ndarray:
    shape = (n,) if kind == "element" else (n, WIDTH)
    return np.random.default_rng(0).standard_normal(shape)


def program(n: int, steps: int) -> Callable[[np.ndarray], np.ndarray]:
    def f(x):
        x = x.copy()
        for i in range(steps):
            x[i % n] = 0.5 * x[i % n] + 0.5 * np.sin(x[(i + 1) % n])
        return np.sum(x)

    return f


def _dialectad(kind: str, n: int, steps: int, level: Any = "auto", *, ahead: bool = False) -> Call:
    gradient = peers.dialectad().value_and_grad(program(n, steps), level=level)
    x = _array(kind, n)
    if ahead:
        peers.compile_ahead(gradient, x)
    return lambda: gradient(x)


def _jax(kind: str, n: int, steps: int, *, ahead: bool = False) -> Call:
    jax = peers.jax()
    jnp = jax.numpy

    def f(x):
        def step(x, i):
            j = i % n
            return x.at[j].set(0.5 * x[j] + 0.5 * jnp.sin(x[(i + 1) % n])), None

        x, _ = jax.lax.scan(step, x, jnp.arange(steps))
        return jnp.sum(x)

    gradient = jax.jit(jax.value_and_grad(f))
    x = jnp.asarray(_array(kind, n))
    if ahead:
        gradient = gradient.lower(x).compile()
    return lambda: jax.block_until_ready(gradient(x))


def _torch(kind: str, n: int, steps: int) -> Call:
    torch = peers.torch()
    x = torch.from_numpy(_array(kind, n)).requires_grad_()

    def call():
        y = x.clone()
        for i in range(steps):
            y[i % n] = 0.5 * y[i % n].clone() + 0.5 * torch.sin(y[(i + 1) % n].clone())
        value = y.sum()
        return value, torch.autograd.grad(value, [x])[0]

    return call


def _numpy(kind: str, n: int, steps: int) -> Call:
    """The adjoint by hand."""
    x0 = _array(kind, n)

    def call():
        x = x0.copy()
        read = []
        for i in range(steps):
            read.append(x[(i + 1) % n].copy())
            x[i % n] = 0.5 * x[i % n] + 0.5 * np.sin(read[-1])
        dx = np.ones_like(x)
        for i in reversed(range(steps)):
            d = 0.5 * dx[i % n]
            dx[i % n] = d
            dx[(i + 1) % n] += d * np.cos(read[i])
        return np.sum(x), dx

    return call


SETUPS = {"dialectad": _dialectad, "jax": _jax, "torch": _torch, "numpy": _numpy}


def ahead(contender: str, kind: str, n: int, steps: int) -> Call:
    """Set up for measuring memory: what compiles has compiled, and nothing has run."""
    if contender == "dialectad":
        return _dialectad(kind, n, steps, ahead=True)
    if contender == "jax":
        return _jax(kind, n, steps, ahead=True)
    return SETUPS[contender](kind, n, steps)


def _case(kind: str, n: int, steps: int) -> Case:
    setups = dict(SETUPS)
    if n * steps > TORCH_LIMIT:
        del setups["torch"]
    contenders = {name: partial(setup, kind, n, steps) for name, setup in setups.items()}
    contenders |= by_level(partial(_dialectad, kind, n, steps))
    coordinates = {"size": float(n), "steps": float(steps)}
    return Case("loop_access", f"{kind}, size {n}, {steps} steps", contenders, coordinates=coordinates)


def cases() -> Iterator[Case]:
    for kind in ("element", "row"):
        for n in SIZES:
            yield _case(kind, n, FIXED)
        for steps in STEPS:
            if steps != FIXED:
                yield _case(kind, 1024, steps)


def _memory_case(kind: str, elements: int, steps: int) -> MemoryCase:
    n = elements if kind == "element" else elements // WIDTH
    contenders = list(SETUPS)
    if steps > MEMORY_TORCH_STEPS or n * steps > MEMORY_TORCH_LIMIT:
        contenders.remove("torch")
    coordinates = {"size": float(elements), "steps": float(steps)}
    name = f"{kind}, {elements} elements, {steps} steps"
    return MemoryCase("loop_access", name, (kind, n, steps), contenders, coordinates)


def memory_cases() -> Iterator[MemoryCase]:
    for kind in ("element", "row"):
        for elements in MEMORY_ELEMENTS:
            yield _memory_case(kind, elements, MEMORY_STEPS[0])
        for steps in MEMORY_STEPS[1:]:
            yield _memory_case(kind, MEMORY_ELEMENTS[0], steps)


Point = tuple[Mapping[str, float], Mapping[str, float]]
"""Where a case lies on the axes, and a number per contender."""


def plot(
    times: list[tuple[Case, dict[str, Timing]]], peaks: list[tuple[MemoryCase, dict[str, int]]], path: Path
) -> None:
    """Time and memory against size and against steps, for elements and for rows."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(2, 4, figsize=(17, 7.5))
    for row, kind in zip(panels, ("element", "row"), strict=True):
        timed: list[Point] = [
            (case.coordinates, {name: t.median for name, t in timings.items()})
            for case, timings in times
            if case.name.startswith(kind)
        ]
        held: list[Point] = [
            (case.coordinates, {name: max(b, RESOLUTION) / 2**20 for name, b in peak.items()})
            for case, peak in peaks
            if case.name.startswith(kind)
        ]
        unit = "elements" if kind == "element" else "rows"
        steps, size = MEMORY_STEPS[0], MEMORY_ELEMENTS[0]
        title = f"one {kind} per step"
        _panel(row[0], timed, "size", {"steps": FIXED}, f"{title}, {FIXED} steps", unit)
        _panel(row[1], timed, "steps", {"size": 1024}, f"{title}, 1024 {unit}", "steps")
        _panel(row[2], held, "size", {"steps": steps}, f"{title}, {steps} steps", "elements")
        _panel(row[3], held, "steps", {"size": size}, f"{title}, {size} elements", "steps")
        for panel in row[:2]:
            panel.set_ylabel("seconds per gradient")
        for panel in row[2:]:
            panel.set_ylabel("peak memory, MB")
        for left, right in (row[:2], row[2:]):
            lows, highs = zip(left.get_ylim(), right.get_ylim(), strict=True)
            left.set_ylim(min(lows), max(highs))
            right.set_ylim(min(lows), max(highs))
    panels[0, 0].legend(loc="center right")
    figure.tight_layout()
    figure.savefig(path, dpi=72)
    plt.close(figure)


def _panel(
    panel: Any, points: list[Point], axis: str, fixed: Mapping[str, float], title: str, label: str
) -> None:
    from matplotlib.ticker import NullLocator

    chosen = [p for p in points if all(p[0][name] == value for name, value in fixed.items())]
    for name, color in COLORS.items():
        line = sorted((where[axis], values[name]) for where, values in chosen if name in values)
        if line:
            panel.loglog(*zip(*line, strict=True), marker="o", label=name, color=color)
    ticks = sorted({where[axis] for where, _ in chosen})
    panel.set_xticks(ticks, labels=[f"{tick:.0f}" for tick in ticks])
    panel.xaxis.set_minor_locator(NullLocator())
    panel.set_title(title)
    panel.set_xlabel(label)
    panel.grid(True, alpha=0.3)
