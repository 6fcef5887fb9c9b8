"""Gradients of a loop that reads and writes one element, or one row, per step.

The work of a step does not depend on the size of the array, so the gradient's time should be
`a * steps + b * size`. An adjoint that builds an array of the full size in each step costs `steps * size`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks import peers
from benchmarks.case import Call, Case
from benchmarks.measure import Timing

WIDTH = 16
STEPS = (250, 1000, 4000)
SIZES = (256, 1024, 4096, 16384)
FIXED = 1000
COLORS = {"dialectad": "C3", "jax": "C0", "torch": "C1", "numpy": "C2"}
TORCH_LIMIT = 1_100_000
"""Where steps * size is larger, PyTorch would take seconds a call and is left out."""


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


def _dialectad(kind: str, n: int, steps: int) -> Call:
    gradient = peers.dialectad().value_and_grad(program(n, steps))
    x = _array(kind, n)
    return lambda: gradient(x)


def _jax(kind: str, n: int, steps: int) -> Call:
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


def _case(kind: str, n: int, steps: int) -> Case:
    setups = {"dialectad": _dialectad, "jax": _jax, "torch": _torch, "numpy": _numpy}
    if n * steps > TORCH_LIMIT:
        del setups["torch"]
    contenders = {name: partial(setup, kind, n, steps) for name, setup in setups.items()}
    coordinates = {"size": float(n), "steps": float(steps)}
    return Case("loop_access", f"{kind}, size {n}, {steps} steps", contenders, coordinates=coordinates)


def cases() -> Iterator[Case]:
    for kind in ("element", "row"):
        for n in SIZES:
            yield _case(kind, n, FIXED)
        for steps in STEPS:
            if steps != FIXED:
                yield _case(kind, 1024, steps)


def plot(results: list[tuple[Case, dict[str, Timing]]], path: Path) -> None:
    """Time against size and against steps, for elements and for rows."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import NullLocator

    figure, panels = plt.subplots(2, 2, figsize=(10, 8), sharey="row")
    for row, kind in zip(panels, ("element", "row"), strict=True):
        for panel, axis, other, fixed in zip(
            row, ("size", "steps"), ("steps", "size"), (FIXED, 1024), strict=True
        ):
            chosen = [r for r in results if r[0].name.startswith(kind) and r[0].coordinates[other] == fixed]
            for name in COLORS:
                points = sorted((c.coordinates[axis], t[name].median) for c, t in chosen if name in t)
                if points:
                    panel.loglog(*zip(*points, strict=True), marker="o", label=name, color=COLORS[name])
            panel.set_title(
                f"one {kind} per step, {fixed} {'steps' if other == 'steps' else 'elements or rows'}"
            )
            panel.set_xlabel(axis)
            panel.set_ylabel("seconds per gradient")
            ticks = SIZES if axis == "size" else STEPS
            panel.set_xticks(ticks, labels=[str(tick) for tick in ticks])
            panel.xaxis.set_minor_locator(NullLocator())
            panel.grid(True, which="both", alpha=0.2)
            panel.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)
