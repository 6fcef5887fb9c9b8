"""Roots, integrals, and iterative linear algebra."""

from __future__ import annotations

import numpy as np

from tests.programs.registry import normal, positive_definite, program


@program(2.0, 1.0)
def newton(a, x):
    """The root of `x exp(x) = a`."""
    for _ in range(50):
        step = (x * np.exp(x) - a) / (np.exp(x) * (1.0 + x))
        x -= step
        if abs(step) < 1e-12:
            break
    return x


@program(0.0, 3.0, np.array([-1.0, 0.5, 0.2, 0.05]), by=None)
def bisection(low, high, coefficients):
    def f(x):
        value = 0.0
        for c in coefficients[::-1]:
            value = value * x + c
        return value

    if f(low) * f(high) > 0:
        return np.nan
    while high - low > 1e-10:
        middle = 0.5 * (low + high)
        if f(low) * f(middle) <= 0:
            high = middle
        else:
            low = middle
    return 0.5 * (low + high)


def legendre(n, x):
    """The n-th Legendre polynomial and its derivative."""
    before, value = np.ones_like(x), x
    for k in range(2, n + 1):
        before, value = value, ((2 * k - 1) * x * value - (k - 1) * before) / k
    return value, n * (x * value - before) / (x * x - 1)


def nodes_and_weights(n):
    x = np.cos(np.pi * (np.arange(1, n + 1) - 0.25) / (n + 0.5))
    for _ in range(10):
        value, slope = legendre(n, x)
        x = x - value / slope
    return x, 2 / ((1 - x**2) * legendre(n, x)[1] ** 2)


@program(0.5, 2.0)
def gauss_legendre(a, b):
    x, w = nodes_and_weights(6)
    middle, half = 0.5 * (a + b), 0.5 * (b - a)
    y = middle + half * x
    return half * np.sum(w * np.exp(-y) * np.sin(y))


@program(positive_definite(5), normal(5), by=1)
def conjugate_gradients(A, b):
    x = np.zeros_like(b)
    r = b - A @ x
    p = r.copy()
    rr = r @ r
    while np.sqrt(rr) > 1e-9:
        Ap = A @ p
        alpha = rr / (p @ Ap)
        x += alpha * p
        r -= alpha * Ap
        new = r @ r
        p = r + new / rr * p
        rr = new
    return x


@program(positive_definite(5))
def power_iteration(A):
    v = np.ones(A.shape[0]) / np.sqrt(A.shape[0])
    change = 1.0
    while change > 1e-13:
        w = A @ v
        w /= np.linalg.norm(w)
        change = np.max(np.abs(w - v))
        v = w
    return v @ A @ v, v
