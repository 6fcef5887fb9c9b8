"""Data: counting, clustering, strings and sparse matrices."""

from __future__ import annotations

import numpy as np

from tests.programs.registry import normal, program, uniform


@program(normal(8, 2), normal(3, 2))
def k_means(points, centres):
    for _ in range(3):
        distances = np.sum((points[:, np.newaxis, :] - centres[np.newaxis, :, :]) ** 2, axis=2)
        labels = np.argmin(distances, axis=1)
        for k in range(centres.shape[0]):
            mine = labels == k
            if np.any(mine):
                centres[k] = np.sum(points * mine[:, np.newaxis], axis=0) / np.sum(mine)
    return labels, np.sum(np.min(distances, axis=1))


BINS = 5


def bin_of(x, low, high, bins):
    """Which bin a value is in, as `np.histogram` has it: the last one includes its upper end."""
    if x == high:
        return bins - 1
    return int(bins * (x - low) / (high - low))


@program(uniform(20), uniform(20, seed=1), by=1)
def weighted_histogram(values, weights):
    hist = np.zeros(BINS)
    low, high = values.min(), values.max()
    for x, w in zip(values, weights, strict=True):
        hist[bin_of(x, low, high, BINS)] += w
    return hist


@program(uniform(20, low=0.5, high=3.0), uniform(20, seed=1), by=1)
def azimuthal_integration(radius, signal):
    """The mean signal in rings."""
    edges = np.linspace(radius.min(), radius.max(), BINS + 1)
    total = np.zeros(BINS)
    for i in range(BINS):
        inside = (radius >= edges[i]) & (radius < edges[i + 1])
        total[i] = np.sum(np.where(inside, signal, 0.0)) / max(np.sum(inside), 1)
    return total


@program(np.array(list(b"dialects")), by=None)
def crc_16(data):
    crc = 0xFFFF
    for b in data:
        current = 0xFF & b
        for _ in range(8):
            if (crc & 1) ^ (current & 1):
                crc = (crc >> 1) ^ 0x8408
            else:
                crc >>= 1
            current >>= 1
    crc = ~crc & 0xFFFF
    return (crc << 8) | ((crc >> 8) & 0xFF)


@program(np.array([0, 2, 3, 3, 6]), np.array([0, 3, 1, 0, 2, 3]), normal(6), normal(4), by=2)
def csr_matvec(rows, columns, values, x):
    y = np.empty(len(rows) - 1)
    for i in range(len(rows) - 1):
        y[i] = values[rows[i] : rows[i + 1]] @ x[columns[rows[i] : rows[i + 1]]]
    return y


@program(np.array([1, 2, 3, 3, 4, 5]), np.array([2, 3, 4, 4, 6]), by=None)
def levenshtein(a, b):
    previous = np.arange(len(b) + 1)
    for i in range(len(a)):
        current = np.empty_like(previous)
        current[0] = i + 1
        for j in range(len(b)):
            cost = 0 if a[i] == b[j] else 1
            current[j + 1] = min(previous[j + 1] + 1, current[j] + 1, previous[j] + cost)
        previous = current
    return previous[-1]
