"""Integers of fixed width: checksums, and images of bytes."""

from __future__ import annotations

import numpy as np

from tests.programs.registry import normal, program, uniform


def image(*shape):
    return (255 * uniform(*shape)).astype(np.uint8)


@program(np.frombuffer(b"The quick brown fox jumps over the lazy dog", np.uint8).copy(), by=None)
def crc32(data):
    """The checksum of ZIP and PNG, by bytes, with its table made on the spot."""
    table = np.zeros(256, np.uint32)
    for n in range(256):
        c = np.uint32(n)
        for _ in range(8):
            odd = c & 1
            c >>= 1
            if odd:
                c ^= np.uint32(0xEDB88320)
        table[n] = c
    crc = np.uint32(0xFFFFFFFF)
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return ~crc


@program(normal(3), image(4, 5, 3))
def equalised(weights, pixels):
    """A weighted grey of an image of bytes, and how evenly its histogram lets the bytes be spread."""
    grey = (pixels * np.array([77, 151, 28], np.uint16)).sum(axis=2) >> np.uint64(8)
    histogram = np.zeros(256, np.uint32)
    for row in grey:
        for value in row:
            histogram[value] += np.uint32(1)
    rank = np.cumsum(histogram)
    spread = (255 * (rank[grey] - rank.min()) // rank.max()).astype(np.uint8)
    return (np.tanh(pixels / 255 @ weights) * spread).mean(axis=0), spread, histogram.argmax()
