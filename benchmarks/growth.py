"""How the time to the first gradient grows with the number of operations, which are up to 20,000."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import peers
from benchmarks.case import Call, Case
from benchmarks.measure import Timing

SIZES = (200, 600, 2_000, 6_000, 20_000)
"""Operations of the primal."""
WIDTH = 16

Unrolled = Callable[[range], Iterable[int]]
"""Marks a loop as one that is taken apart while the function is traced."""


def _array(n: int = WIDTH) -> np.ndarray:
    return np.linspace(0.1, 1.0, n)


def _elementwise(numpy: Any, unrolled: Unrolled, count: int) -> Callable[..., Any]:
    def loss(x):
        y = x
        for _ in unrolled(range(count // 2)):
            y = numpy.sin(y) * x
        return y.sum()

    return loss


def _scalars(numpy: Any, unrolled: Unrolled, count: int) -> Callable[..., Any]:
    def loss(a, b):
        for _ in unrolled(range(count // 3)):
            a, b = 0.5 * b + a, numpy.sin(a)
        return a * b

    return loss


def _products(numpy: Any, unrolled: Unrolled, count: int) -> Callable[..., Any]:
    def loss(h, w):
        for _ in unrolled(range(count // 2)):
            h = numpy.tanh(w @ h)
        return h.sum()

    return loss


def _slices(numpy: Any, unrolled: Unrolled, count: int) -> Callable[..., Any]:
    def loss(x):
        y = x
        for _ in unrolled(range(count // 4)):
            y = numpy.concatenate((y[:1], y[1:] * x[:-1]))
        return y.sum()

    return loss


FAMILIES: dict[str, tuple[Callable[..., Callable[..., Any]], Callable[[], Sequence[Any]]]] = {
    "elementwise": (_elementwise, lambda: (_array(),)),
    "scalars": (_scalars, lambda: (0.3, 0.4)),
    "products": (_products, lambda: (_array(), np.eye(WIDTH))),
    "slices": (_slices, lambda: (_array(),)),
}
"""What is done again and again, as how to write it, and its arguments."""


def _ours(family: str, count: int) -> Call:
    dialectad = peers.dialectad()
    write, arguments = FAMILIES[family]
    gradient = dialectad.value_and_grad(write(np, dialectad.unroll, count))
    args = arguments()
    return lambda: gradient(*args)


def _jax(family: str, count: int) -> Call:
    jax = peers.jax()
    write, arguments = FAMILIES[family]
    gradient = jax.jit(jax.value_and_grad(write(jax.numpy, iter, count)))
    args = jax.tree.map(jax.numpy.asarray, tuple(arguments()))
    return lambda: jax.block_until_ready(gradient(*args))


def cases() -> Iterator[Case]:
    for family in FAMILIES:
        for count in SIZES:
            contenders = {"dialectad": partial(_ours, family, count), "jax": partial(_jax, family, count)}
            yield Case("growth", f"{family}, {count}", contenders, coordinates={"ops": count})


def plot(times: list[tuple[Case, dict[str, Timing]]], _: list[Any], path: Path) -> None:
    """Seconds to the first gradient against the number of operations."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(1, len(FAMILIES), figsize=(17, 4), sharey=True)
    for panel, family in zip(panels, FAMILIES, strict=True):
        lines: dict[str, list[tuple[float, float]]] = {}
        for case, timings in times:
            if case.name.startswith(family):
                for name, timing in timings.items():
                    lines.setdefault(name, []).append((case.coordinates["ops"], timing.median))
        for name, points in lines.items():
            panel.loglog(*zip(*points, strict=True), marker="o", label=name)
        panel.set_title(family)
        panel.set_xlabel("operations")
        panel.grid(alpha=0.3)
    panels[0].set_ylabel("seconds to the first gradient")
    panels[0].legend()
    figure.tight_layout()
    figure.savefig(path, dpi=110)
