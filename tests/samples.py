"""The sample programs: plain NumPy functions with awkward control flow, each with arguments.

Every one is compiled and checked against NumPy by `tests/test_samples.py`, and differentiated at every level
and in every mode by `tests/test_levels.py`; the IR of each rung goes through `mlir-opt` in
`tests/test_mlir_opt.py`. The first argument is the one to differentiate by, and the result is a float scalar.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np

RNG = np.random.default_rng(7)
V = RNG.standard_normal(6)
M = RNG.standard_normal((4, 4))
PARAMS = [(RNG.standard_normal((5, 6)), RNG.standard_normal(5)), (RNG.standard_normal((1, 5)), np.ones(1))]
TABLE = RNG.standard_normal((6, 3))


@dataclass(frozen=True)
class Sample:
    function: Callable[..., Any]
    args: tuple[Any, ...]
    smooth: bool = True
    """Whether second derivatives are checked too."""

    @property
    def name(self) -> str:
        return self.function.__name__

    @property
    def tolerance(self) -> float:
        """How exact a derivative by differences is."""
        single = any(getattr(x, "dtype", None) == np.float32 for x in self.args)
        return 2e-4 if single else 2e-6


SAMPLES: list[Sample] = []


def sample(*args: Any, smooth: bool = True) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        SAMPLES.append(Sample(function, args, smooth))
        return function

    return register


@sample(V)
def elementwise_chain(x):
    return np.sum(np.tanh(x) * np.exp(-(x**2)) + np.sin(x) / (2.0 + np.cos(x)))


@sample(V.astype(np.float32))
def single_precision(x):
    return np.sum(np.sqrt(1 + x * x))


@sample(0.7)
def python_scalar(x):
    return math.sin(x) * math.exp(-x) + math.sqrt(x)


@sample(V)
def arrays_that_grow(x):
    """Arrays of a size of their own in each iteration."""
    total = 0.0
    for n in range(x.shape[0]):
        y = np.zeros(n)
        for i in range(n):
            y[i] = x[i] * 0.1 * total + x[n]
        total += np.sum(y * y) * 0.1 + 0.5
    return total


@sample(V)
def newton_on_all(x):
    """A `while` whose condition is a reduction: LLVM makes a do-while of it."""
    y, largest = x, 1.0
    while largest > 1e-9:
        step = (y - 0.4 * np.sin(y) - x) / (1 - 0.4 * np.cos(y))
        y = y - step
        largest = np.max(np.abs(step))
    return np.sum(y * y)


@sample(PARAMS, V)
def mlp(params, x):
    for W, b in params:
        x = np.tanh(W @ x + b)
    return x[0]


@sample(PARAMS, V)
def layers_by_index(params, x):
    for i in range(len(params)):
        W, b = params[i]
        x = np.maximum(W @ x, 0.1 * (W @ x)) + b
    return np.sum(x * x)


@sample(M, V[:4])
def recurrent_in_place(W, x):
    hidden = np.zeros((6, 4))
    for t in range(5):
        hidden[t + 1] = np.tanh(W @ hidden[t] + x * t)
    return np.sum(hidden[-1] * hidden[2])


@sample(V)
def running_product(x):
    y = x.copy()
    for i in range(1, len(y)):
        y[i] = y[i] * y[i - 1] + 0.5
    return np.sum(y)


@sample(V)
def writes_through_views(x):
    a = np.zeros((3, 6))
    for i in range(3):
        row = a[i]
        row[:] = x * i
        row[1:] += 2.0 * x[:-1]
        a[i, 0] *= 3.0
    a.T[2] = x[:3]
    return np.sum(a * a)


@sample(V)
def branch_on_values(x):
    total = 0.0
    for v in x:
        if v > 0.5:
            total += v * v
        elif v > 0:
            total -= v
        else:
            total = total * 0.5 + v
    return total


@sample(V, 3)
def branch_that_writes(x, k):
    y = x * 2.0
    if y[k] > y[0]:
        y[k] = y[0] * y[1]
    else:
        y = y + x[k]
    return np.sum(y * y)


@sample(V[:1])
def while_to_tolerance(x):
    y = 1.0 + x[0] * x[0]
    z = y
    while abs(z * z - y) > 1e-12:
        z = 0.5 * (z + y / z)
    return z


@sample(V)
def while_with_break(x):
    total = 0.0
    i = 0
    while True:
        total = total + x[i] * x[i] * (i + 1)
        i += 1
        if i >= 4 or total > 50.0:
            break
    return total


@sample(V)
def continue_and_break(x):
    total = 1.0
    for i in range(len(x)):
        if x[i] < -0.8:
            continue
        if i == 5:
            break
        total = total * (1.0 + 0.1 * x[i])
    return total


@sample(V)
def early_return(x):
    for i in range(6):
        for j in range(i):
            if x[i] * x[j] > 0.3:
                return x[i] ** 2 * x[j]
    return np.sum(x)


@sample(V)
def triangular_loop(x):
    total = 0.0
    for i in range(6):
        for j in range(i):
            total += x[i] * math.sin(x[j] * (i - j))
    return total


@sample(np.abs(M) + 3.0 * np.eye(4))
def cholesky_by_slices(A):
    A = A @ A.T
    L = np.zeros((4, 4))
    for i in range(4):
        for j in range(i):
            L[i, j] = (A[i, j] - L[i, :j] @ L[j, :j]) / L[j, j]
        L[i, i] = np.sqrt(A[i, i] - L[i, :i] @ L[i, :i])
    return np.sum(np.log(np.diag(L)))


@sample(V)
def swap_each_iteration(x):
    a, b = x, x * 0.5
    for _ in range(3):
        a, b = b, a + b * b
    return np.sum(a * b)


@sample(V)
def in_place_stencil(x):
    u = np.zeros(8)
    u[1:-1] = x
    for _ in range(4):
        u[1:-1] = 0.5 * u[1:-1] + 0.25 * (u[:-2] + u[2:])
    return np.sum(u**3)


@sample(V)
def integer_meets_float(x):
    s = 0
    for i in range(4):
        s = s + x[i] * i
    return s * s


@sample(V, np.array([0, 3, 3, 5]))
def gather_with_repeats(x, index):
    return np.sum(x[index] * np.arange(4.0)) + x[index[1]] ** 2


@sample(TABLE, np.array([1, 1, 4]))
def gather_rows(table, rows):
    picked = table[rows]
    return np.sum(picked[:, 0] * picked[np.arange(3), [2, 0, 1]])


@sample(V)
def masked(x):
    y = np.where(x > 0, np.sqrt(np.abs(x)), x * x)
    y[x < -0.5] = 1.0
    return np.sum(y)


@sample(M)
def reductions(A):
    centred = A - np.mean(A, axis=0)
    scale = np.max(np.abs(A), axis=1, keepdims=True)
    return np.sum(centred / (1.0 + scale)) + np.sum(A.min(axis=0)) + np.prod(A[0])


@sample(M, RNG.standard_normal((4, 3)))
def einsum_and_outer(A, B):
    C = np.einsum("ij,jk->ik", A, B)
    return np.einsum("ik,ik->", C, B) + np.sum(np.outer(A[0], A[1]) * A) + np.dot(A[0], A[:, 1])


@sample(M)
def joined_and_reshaped(A):
    a = np.concatenate([A, A[:2] * 2.0], axis=0)
    b = np.stack([a[:, 0], a[:, 1]])
    return np.sum((b.reshape(3, 4) @ A) ** 2) + np.sum(A[:, ::-1] * A) + np.sum(A[None, ..., 1])


@sample(V)
def softmax_cross_entropy(x):
    z = x - np.max(x)
    return np.log(np.sum(np.exp(z))) - z[2]


class Particle(NamedTuple):
    position: Any
    velocity: Any


@sample(V[:2])
def named_tuple_state(start):
    state = Particle(start, start * 0.1)
    for _ in range(5):
        state = Particle(state.position + 0.1 * state.velocity, state.velocity - 0.1 * np.sin(state.position))
    return np.sum(state.position * state.velocity)


def _power(x, n=2):
    return x**n


@sample(V)
def helpers_and_closures(x):
    scale = 3.0

    def scaled(y, *, by=scale):
        return by * y

    cube = partial(_power, n=3)
    return sum(scaled(f(x[i])) for i, f in enumerate([_power, cube, lambda t: t * 2]))


@sample(V)
def nested_data_dependent_bounds(x):
    total = 0.0
    for i in range(4):
        n = int(abs(x[i]) * 3.0)
        for j in range(n):
            total = total * 0.9 + x[i] * x[j % 6]
    return total


@sample(V)
def value_only_in_one_branch(x):
    y = 0.0
    for i in range(6):
        if x[i] > 0:
            t = x[i] * x[i]
            for _ in range(2):
                t = t * x[i]
            y = y + t
    return y


@sample(V, smooth=False)
def maximum_and_abs(x):
    return np.sum(np.maximum(x, 0.0) + np.abs(x) + np.minimum(x, x[::-1]))


@sample(np.array([3.0, 4.0]))
def norm_and_chained_comparison(x):
    r = np.linalg.norm(x)
    return r if 0.0 < r <= 10.0 else 0.0 * r


@sample(V)
def rk4_loop(y):
    h = 0.1
    for _ in range(5):
        k1 = np.sin(y)
        k2 = np.sin(y + 0.5 * h * k1)
        k3 = np.sin(y + 0.5 * h * k2)
        k4 = np.sin(y + h * k3)
        y = y + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
    return np.sum(y)


# --- where derivatives go wrong ----------------------------------------------------------------


@sample(V)
def overwritten_state(u):
    u = u.copy()
    for _ in range(3):
        for i in range(1, 5):
            u[i] = u[i - 1] * u[i + 1] + np.sin(u[i])
    return np.sum(u * u)


@sample(V)
def break_out_of_the_inner_loop(x):
    total = 0.0
    for i in range(5):
        part = x[i]
        for j in range(5):
            if part * x[j] > 0.8:
                break
            part = part * 0.7 + x[j] * x[i]
        total += part * part
    return total


@sample(V)
def bounds_from_carried_state(x):
    state, total = x[0], 0.0
    for i in range(4):
        for j in range(int(abs(state) * 3.0) % 4):
            state = state * np.cos(x[j]) + 0.3 * x[i]
        total += state * x[i]
    return total


@sample(V)
def while_inside_for(x):
    total = 0.0
    for i in range(len(x)):
        s = 1.0 + x[i] * x[i]
        while s > 0.3:
            s = s * 0.5 * np.cos(0.3 * x[i])
            total += s * x[i]
    return total


@sample(V)
def rows_chosen_by_a_while(x):
    rows = np.outer(x, np.cos(x))
    s = 1.0
    for i in range(3):
        k = i + 1
        while k > 0:
            k -= 1
            s = 0.5 * s + rows[k] @ np.sin(rows[k]) * s
    return s


@sample(V)
def while_that_writes(x):
    y = x * 1.5
    i = 0
    while np.sum(y * y) > 3.0:
        y[i % 6] *= 0.3 * np.sin(y[(i + 1) % 6])
        i += 1
    return np.sum(y * x)


@sample(V)
def dynamic_indexing(x):
    y = np.zeros(6)
    for i in range(6):
        k = int(abs(x[i]) * 7.0) % 6
        y[k] = y[k] * 0.5 + x[i] * x[k]
        y[(k + i) % 6] += y[k] * x[i]
    return np.sum(y * y)


@sample(V)
def dynamic_slices(x):
    total = 0.0
    for i in range(6):
        k = int(abs(x[i]) * 4.0) % 6
        total += np.sum(x[: k + 1] ** 2) * x[k]
    return total


@sample(V)
def aliasing_views(x):
    a = x * x
    odd, all_but_one = a[1::2], a[1:]
    odd *= x[:3]
    all_but_one += a[:-1]
    a[::-1][0] = odd[1] * a[0]
    return np.sum(a * np.roll(a, 1))


@sample(V)
def array_or_its_copy(x):
    y = x * 2.0
    z = y if x[0] > x[1] else y.copy()
    z[2] = z[0] * z[1]
    return np.sum(z * z * x)


@sample(np.array([0.7, -0.4, 0.9, 1.3]), np.array([2.0, 0.0, 3.0, -1.0]))
def singular_in_the_other_branch(x, z):
    total = 0.0
    for i in range(4):
        if z[i] > 0:
            total += np.sqrt(x[i] * z[i]) + x[i] / z[i]
        else:
            total += x[i] ** 3
    return total


@sample(0.3, 0.0, 0)
def loop_that_does_not_run(x, zero, n):
    total = x * x
    for _ in range(n):
        total += math.sqrt(x * zero)
    return total


@sample(V)
def writes_into_its_argument(x):
    x[0] = x[1] * x[2]
    for i in range(1, 6):
        x[i] = x[i] * x[i - 1]
    return np.sum(x * x)


@sample(M, V[:4])
def power_iteration(A, v):
    for _ in range(4):
        v = A @ v
        v = v / np.linalg.norm(v)
    return v @ A @ v


@sample(M)
def elimination_in_place(A):
    U = A + 4.0 * np.eye(4)
    for k in range(4):
        for i in range(k + 1, 4):
            U[i, k:] -= U[i, k] / U[k, k] * U[k, k:]
    return np.sum(np.log(np.abs(np.diag(U))))


@sample(V)
def normalised_in_a_loop(x):
    y = np.zeros(6)
    for i in range(6):
        y[i] = x[i] / np.sqrt(np.sum(x * x))
    return np.sum(y**3)
