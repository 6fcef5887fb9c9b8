"""PolyBench: products of matrices and vectors, and statistics of data."""

from __future__ import annotations

import numpy as np

from tests.programs.registry import normal, program

ALPHA, BETA = 1.5, 1.2


@program(ALPHA, BETA, normal(4, 5), normal(5, 3), normal(3, 6), normal(4, 6), by=2)
def two_mm(alpha, beta, A, B, C, D):
    D *= beta
    D += alpha * A @ B @ C


@program(normal(4, 5), normal(5, 3), normal(3, 6), normal(6, 4, seed=1))
def three_mm(A, B, C, D):
    E = A @ B
    F = C @ D
    return E @ F


@program(normal(5, 4), normal(4))
def atax(A, x):
    return A.T @ (A @ x)


@program(normal(5, 4), normal(4), normal(5))
def bicg(A, p, r):
    return r @ A, A @ p


@program(normal(3, 2, 4), normal(4, 4))
def doitgen(A, C4):
    nr, nq, _ = A.shape
    for r in range(nr):
        for q in range(nq):
            A[r, q, :] = A[r, q] @ C4


@program(ALPHA, BETA, normal(4, 5), normal(4, 3), normal(3, 5), by=3)
def gemm(alpha, beta, C, A, B):
    n, m = A.shape
    for i in range(n):
        C[i] *= beta
        for k in range(m):
            C[i] += alpha * A[i, k] * B[k]


@program(ALPHA, BETA, normal(4, 4), *(normal(4, seed=s) for s in range(6)), by=2)
def gemver(alpha, beta, A, u1, v1, u2, v2, y, z):
    A += np.outer(u1, v1) + np.outer(u2, v2)
    x = beta * y @ A + z
    w = alpha * A @ x
    return x, w


@program(ALPHA, BETA, normal(4, 4), normal(4, 4, seed=1), normal(4), by=4)
def gesummv(alpha, beta, A, B, x):
    return alpha * A @ x + beta * B @ x


@program(normal(5), normal(5, seed=1), normal(5, seed=2), normal(5, seed=3), normal(5, 5), by=4)
def mvt(x1, x2, y1, y2, A):
    x1 += A @ y1
    x2 += y2 @ A


@program(ALPHA, BETA, normal(4, 3), normal(4, 4), normal(4, 3, seed=1), by=3)
def symm(alpha, beta, C, A, B):
    """`A` is symmetric, and only its lower triangle is read."""
    m, n = C.shape
    temp = np.empty(n)
    for i in range(m):
        for j in range(n):
            C[:i, j] += alpha * B[i, j] * A[i, :i]
            temp[j] = B[:i, j] @ A[i, :i]
        C[i, :] = beta * C[i, :] + alpha * B[i, :] * A[i, i] + alpha * temp


@program(ALPHA, BETA, normal(4, 4), normal(4, 3), normal(4, 3, seed=1), by=3)
def syr2k(alpha, beta, C, A, B):
    n, m = A.shape
    for i in range(n):
        C[i, : i + 1] *= beta
        for k in range(m):
            C[i, : i + 1] += A[: i + 1, k] * alpha * B[i, k] + B[: i + 1, k] * alpha * A[i, k]


@program(ALPHA, BETA, normal(4, 4), normal(4, 3), by=3)
def syrk(alpha, beta, C, A):
    n, m = A.shape
    for i in range(n):
        C[i, : i + 1] *= beta
        for k in range(m):
            C[i, : i + 1] += alpha * A[i, k] * A[: i + 1, k]


@program(ALPHA, normal(4, 4), normal(4, 3), by=1)
def trmm(alpha, A, B):
    """`A` is unit lower triangular and comes transposed."""
    m, n = B.shape
    for i in range(m):
        for j in range(n):
            B[i, j] += A[i + 1 :, i] @ B[i + 1 :, j]
    B *= alpha


@program(normal(6, 4))
def covariance(data):
    n, m = data.shape
    data -= np.mean(data, axis=0)
    cov = np.zeros((m, m))
    for i in range(m):
        cov[i:, i] = cov[i, i:] = data[:, i] @ data[:, i:] / (n - 1.0)
    return cov


@program(normal(6, 4))
def correlation(data):
    n, m = data.shape
    stddev = np.std(data, axis=0)
    stddev[stddev <= 0.1] = 1.0
    data -= np.mean(data, axis=0)
    data /= np.sqrt(n) * stddev
    corr = np.eye(m)
    for i in range(m - 1):
        corr[i + 1 :, i] = corr[i, i + 1 :] = data[:, i] @ data[:, i + 1 :]
    return corr
