"""A hand of bones: rotations along kinematic chains, and how far its skin is from where it was seen."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from benchmarks.c import build
from benchmarks.case import Case
from benchmarks.gradients import Adjoint, Problem

VERTICES = 544
PARENTS = np.array([-1, 0, 1, 2, 3, 0, 5, 6, 7, 0, 9, 10, 11, 0, 13, 14, 15, 0, 17, 18, 19, 0])
"""A wrist, five fingers of four bones, and a forearm."""
BONES = len(PARENTS)


def arguments(vertices: int = VERTICES) -> tuple[np.ndarray, ...]:
    """Angles and lengths of bones; the skin at rest, how much it follows each bone, and where it was seen."""
    rng = np.random.default_rng(0)
    angles, offsets = 0.4 * rng.standard_normal((BONES, 3)), 0.5 + 0.1 * rng.standard_normal((BONES, 3))
    weights = rng.uniform(size=(vertices, BONES)) ** 8
    weights /= weights.sum(axis=1, keepdims=True)
    skin, seen = rng.standard_normal((2, vertices, 3))
    return angles, offsets, skin, weights, seen


def rotation(angles):
    (sx, sy, sz), (cx, cy, cz) = np.sin(angles), np.cos(angles)
    return np.array(
        [
            [cy * cz, sx * sy * cz - cx * sz, cx * sy * cz + sx * sz],
            [cy * sz, sx * sy * sz + cx * cz, cx * sy * sz - sx * cz],
            [-sy, sx * cy, cx * cy],
        ]
    )


def loss(angles, offsets, skin, weights, seen):
    turns, places = np.empty((BONES, 3, 3)), np.empty((BONES, 3))
    for b in range(BONES):
        own = rotation(angles[b])
        parent = PARENTS[b]
        if parent < 0:
            turns[b], places[b] = own, offsets[b]
        else:
            turns[b] = turns[parent] @ own
            places[b] = turns[parent] @ offsets[b] + places[parent]
    moved = weights @ places
    for b in range(BONES):
        moved += weights[:, b : b + 1] * (skin @ turns[b].T)
    return np.sum((moved - seen) ** 2)


def c(
    angles: np.ndarray, offsets: np.ndarray, skin: np.ndarray, weights: np.ndarray, seen: np.ndarray
) -> Adjoint:
    library, n = build.library("hand_tracking"), len(skin)
    outputs, work = [np.empty((BONES, 3)), np.empty((BONES, 3))], np.empty(42 * BONES)
    args = (angles, offsets, skin, weights, seen, PARENTS, n, BONES)
    primal = library.bind("hand_tracking_primal", *args, work)
    return Adjoint(primal, library.bind("hand_tracking_gradient", *args, *outputs, work), outputs)


def _array_loss(xp):
    def rotation(angles):
        (sx, sy, sz), (cx, cy, cz) = xp.sin(angles).T, xp.cos(angles).T
        rows = [
            xp.stack([cy * cz, sx * sy * cz - cx * sz, cx * sy * cz + sx * sz]),
            xp.stack([cy * sz, sx * sy * sz + cx * cz, cx * sy * sz - sx * cz]),
            xp.stack([-sy, sx * cy, cx * cy]),
        ]
        return xp.einsum("ijb->bij", xp.stack(rows))

    def loss(angles, offsets, skin, weights, seen):
        own = rotation(angles)
        turns, places = [], []
        for b, parent in enumerate(PARENTS):
            if parent < 0:
                turns.append(own[b])
                places.append(offsets[b])
            else:
                turns.append(turns[parent] @ own[b])
                places.append(turns[parent] @ offsets[b] + places[parent])
        moved = weights @ xp.stack(places) + xp.einsum("vb,vj,bij->vi", weights, skin, xp.stack(turns))
        return ((moved - seen) ** 2).sum()

    return loss


PROBLEM = Problem("hand_tracking", loss, (0, 1), c, lambda jax: _array_loss(jax.numpy), _array_loss)


def cases() -> Iterator[Case]:
    yield PROBLEM.case(f"{BONES} bones, {VERTICES} vertices", partial(arguments, VERTICES))
