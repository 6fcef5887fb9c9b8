"""PolyBench: stencils, and recursive filters of images."""

from __future__ import annotations

import numpy as np

from tests.programs.registry import normal, program


@program(3, normal(8), normal(8, seed=1), by=1)
def jacobi_1d(steps, A, B):
    for _ in range(steps):
        B[1:-1] = (A[:-2] + A[1:-1] + A[2:]) / 3
        A[1:-1] = (B[:-2] + B[1:-1] + B[2:]) / 3


@program(2, normal(6, 6), normal(6, 6, seed=1), by=1)
def jacobi_2d(steps, A, B):
    for _ in range(steps):
        B[1:-1, 1:-1] = 0.2 * (A[1:-1, 1:-1] + A[1:-1, :-2] + A[1:-1, 2:] + A[2:, 1:-1] + A[:-2, 1:-1])
        A[1:-1, 1:-1] = 0.2 * (B[1:-1, 1:-1] + B[1:-1, :-2] + B[1:-1, 2:] + B[2:, 1:-1] + B[:-2, 1:-1])


def diffuse(target, u):
    middle = u[1:-1, 1:-1, 1:-1]
    target[1:-1, 1:-1, 1:-1] = (
        0.125 * (u[2:, 1:-1, 1:-1] - 2.0 * middle + u[:-2, 1:-1, 1:-1])
        + 0.125 * (u[1:-1, 2:, 1:-1] - 2.0 * middle + u[1:-1, :-2, 1:-1])
        + 0.125 * (u[1:-1, 1:-1, 2:] - 2.0 * middle + u[1:-1, 1:-1, :-2])
        + middle
    )


@program(2, normal(4, 5, 4), normal(4, 5, 4, seed=1), by=1)
def heat_3d(steps, A, B):
    for _ in range(steps):
        diffuse(B, A)
        diffuse(A, B)


@program(2, normal(5, 6), by=1)
def seidel_2d(steps, A):
    n, m = A.shape
    for _ in range(steps):
        for i in range(1, n - 1):
            A[i, 1:-1] += A[i - 1, :-2] + A[i - 1, 1:-1] + A[i - 1, 2:] + A[i, 2:]
            A[i, 1:-1] += A[i + 1, :-2] + A[i + 1, 1:-1] + A[i + 1, 2:]
            for j in range(1, m - 1):
                A[i, j] += A[i, j - 1]
                A[i, j] /= 9.0


@program(normal(5, 6), normal(5, 6, seed=1), normal(5, 6, seed=2), normal(3))
def fdtd_2d(ex, ey, hz, fict):
    for t in range(len(fict)):
        ey[0, :] = fict[t]
        ey[1:, :] -= 0.5 * (hz[1:, :] - hz[:-1, :])
        ex[:, 1:] -= 0.5 * (hz[:, 1:] - hz[:, :-1])
        hz[:-1, :-1] -= 0.7 * (ex[:-1, 1:] - ex[:-1, :-1] + ey[1:, :-1] - ey[:-1, :-1])


def sweep(u, v, first, second):
    """Thomas' algorithm: explicit across the columns by `second`, implicit along them by `first`."""
    n = u.shape[0]
    p, q = np.zeros((n, n)), np.zeros((n, n))
    a, b = -first / 2.0, 1.0 + first
    d = -second / 2.0
    v[0, 1:-1] = 1.0
    q[1:-1, 0] = v[0, 1:-1]
    for j in range(1, n - 1):
        p[1:-1, j] = -a / (a * p[1:-1, j - 1] + b)
        q[1:-1, j] = -d * u[j, :-2] + (1.0 + 2.0 * d) * u[j, 1:-1] - d * u[j, 2:] - a * q[1:-1, j - 1]
        q[1:-1, j] /= a * p[1:-1, j - 1] + b
    v[-1, 1:-1] = 1.0
    for j in range(n - 2, 0, -1):
        v[j, 1:-1] = p[1:-1, j] * v[j + 1, 1:-1] + q[1:-1, j]


@program(2, normal(6, 6), by=1)
def adi(steps, u):
    n = u.shape[0]
    v = np.zeros_like(u)
    dx, dt = 1.0 / n, 1.0 / steps
    vertical, horizontal = 2.0 * dt / dx**2, dt / dx**2
    for _ in range(steps):
        sweep(u.T, v, vertical, horizontal)
        sweep(v, u.T, horizontal, vertical)


def coefficients(alpha):
    k = (1.0 - np.exp(-alpha)) ** 2 / (1.0 + 2.0 * alpha * np.exp(-alpha) - np.exp(2.0 * alpha))
    ahead = (k, k * np.exp(-alpha) * (alpha - 1.0))
    back = (k * np.exp(-alpha) * (alpha + 1.0), -k * np.exp(-2.0 * alpha))
    return ahead, back, 2.0**-alpha, -np.exp(-2.0 * alpha)


def filter_rows(image, alpha):
    """A recursive filter forwards and one backwards along each row, added."""
    (a1, a2), (a3, a4), b1, b2 = coefficients(alpha)
    forward, backward = np.empty_like(image), np.empty_like(image)
    n = image.shape[1]
    forward[:, 0] = a1 * image[:, 0]
    forward[:, 1] = a1 * image[:, 1] + a2 * image[:, 0] + b1 * forward[:, 0]
    for j in range(2, n):
        forward[:, j] = (
            a1 * image[:, j] + a2 * image[:, j - 1] + b1 * forward[:, j - 1] + b2 * forward[:, j - 2]
        )
    backward[:, -1] = 0.0
    backward[:, -2] = a3 * image[:, -1]
    for j in range(n - 3, -1, -1):
        backward[:, j] = (
            a3 * image[:, j + 1] + a4 * image[:, j + 2] + b1 * backward[:, j + 1] + b2 * backward[:, j + 2]
        )
    return forward + backward


@program(0.25, normal(5, 6), by=0)
def deriche(alpha, image):
    return filter_rows(filter_rows(image, alpha).T, alpha).T
