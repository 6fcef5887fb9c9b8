"""What a problem gives to the runner."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Call = Callable[[], Any]
"""One timed call: synchronised, and with the result as something `leaves` understands."""

Setup = Callable[[], Call]
"""How to set up a contender; this imports its library, which may be missing."""


@dataclass(frozen=True)
class Case:
    """One problem at one size and dtype, with a way to call it for every contender."""

    problem: str
    name: str
    contenders: Mapping[str, Setup]
    rtol: float = 1e-9
    """How far results may be apart, relative to their largest magnitude."""
    coordinates: Mapping[str, float] = field(default_factory=dict)
    """Where the case lies on the axes of the problem's plot."""
    primals: Mapping[str, Setup] = field(default_factory=dict)
    """Of a gradient: contender -> how to set up the function that it is the gradient of. Some have only
    that."""


def leaves(result: Any) -> list[np.ndarray]:
    """The arrays of a nest of tuples and lists of NumPy, JAX or PyTorch arrays, in order."""
    return list(_leaves(result))


def _leaves(result: Any) -> Iterator[np.ndarray]:
    if isinstance(result, (tuple, list)):
        for item in result:
            yield from _leaves(item)
    elif hasattr(result, "detach"):
        yield result.detach().numpy()
    else:
        yield np.asarray(result)


def distance(result: Any, reference: Any) -> float:
    """The largest difference between two results, relative to the reference's largest magnitude."""
    got, expected = leaves(result), leaves(reference)
    if len(got) != len(expected):
        raise ValueError(f"{len(got)} arrays, {len(expected)} expected")
    worst = 0.0
    for g, e in zip(got, expected, strict=True):
        if g.shape != e.shape:
            raise ValueError(f"shape {g.shape}, {e.shape} expected")
        if e.size:
            scale = float(np.abs(e).max()) or 1.0
            worst = max(worst, float(np.abs(g - e).max()) / scale)
    return worst
