"""Functions that call themselves: how deep, the data decide."""

from __future__ import annotations

import numpy as np

from tests.programs.registry import normal, program


def simpson(f, a, b, tolerance, depth=0):
    def rule(low, high):
        return (high - low) / 6 * (f(low) + 4 * f((low + high) / 2) + f(high))

    middle = (a + b) / 2
    halves = rule(a, middle) + rule(middle, b)
    if depth == 20 or abs(halves - rule(a, b)) < 15 * tolerance:
        return halves
    left = simpson(f, a, middle, tolerance / 2, depth + 1)
    return left + simpson(f, middle, b, tolerance / 2, depth + 1)


@program(1.3)
def quadrature(w):
    """An integral by Simpson's rule, on intervals that are halved where it isn't good enough."""
    return simpson(lambda x: np.exp(-w * x * x) * np.cos(3 * x), 0.0, 2.0, 1e-4)


def evaluate(left, right, value, node):
    if left[node] < 0:
        return value[node]
    a = evaluate(left, right, value, left[node])
    return np.sin(value[node]) * a * evaluate(left, right, value, right[node]) + a


@program(np.array([0.5, 1.0, -2.0, 0.3, 0.7, 1.1, -0.4]))
def binary_tree(value):
    """A tree whose children are indices in arrays, walked twice."""
    left, right = np.array([1, 3, -1, 5, -1, -1, -1]), np.array([2, 4, -1, 6, -1, -1, -1])
    total = evaluate(left, right, value, 0)
    for node in range(2):
        total += evaluate(left, right, value, node) ** 2
    return total


def determinant(a):
    if len(a) == 1:
        return a[0, 0]
    total, sign = 0.0, 1.0
    for j in range(len(a)):
        minor = np.zeros((len(a) - 1, len(a) - 1))
        minor[:, :j] = a[1:, :j]
        minor[:, j:] = a[1:, j + 1 :]
        total += sign * a[0, j] * determinant(minor)
        sign = -sign
    return total


@program(normal(4, 4))
def determinant_by_minors(a):
    """Each size is a function of its own."""
    return determinant(a)


def is_even(x, n):
    return x if n == 0 else np.sin(is_odd(1.1 * x, n - 1))


def is_odd(x, n):
    if n == 0:
        return x * x
    return np.cos(is_even(x + 0.1, n - 1)) + x


@program(0.3, 7)
def mutual(x, n):
    return is_even(x, n) + is_odd(x, n - 2)


def quicksort(a, low, high):
    if low < high:
        pivot, i = a[high], low
        for j in range(low, high):
            if a[j] < pivot:
                a[i], a[j] = a[j], a[i]
                i += 1
        a[i], a[high] = a[high], a[i]
        quicksort(a, low, i - 1)
        quicksort(a, i + 1, high)


@program(normal(7))
def sorted_in_place(x):
    y = 2.0 * x
    quicksort(y, 0, len(y) - 1)
    return np.sum(y * np.arange(len(y)))


@program(2, 3, by=None)
def ackermann(m, n):
    if m == 0:
        return n + 1
    return ackermann(m - 1, 1 if n == 0 else ackermann(m, n - 1))


@program(10, by=None)
def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)
