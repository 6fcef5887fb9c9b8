"""The gradient through 100 RK4 steps of y' = w2 tanh(w1 y + b1) + b2, a 2-50-2 network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks import peers
from benchmarks.case import Call, Case
from benchmarks.gradients import by_level

STEPS = 100
H = 0.02
HIDDEN = 50


def arguments() -> tuple[tuple[np.ndarray, ...], np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    w1 = rng.standard_normal((HIDDEN, 2)) * 0.5
    w2 = rng.standard_normal((2, HIDDEN)) * 0.2
    params = (w1, rng.standard_normal(HIDDEN) * 0.1, w2, rng.standard_normal(2) * 0.1)
    return params, np.array([2.0, 0.0]), np.array([0.5, -1.0])


def rhs(params, y):
    w1, b1, w2, b2 = params
    return w2 @ np.tanh(w1 @ y + b1) + b2


def loss(params, y, target):
    for _ in range(STEPS):
        k1 = rhs(params, y)
        k2 = rhs(params, y + H / 2 * k1)
        k3 = rhs(params, y + H / 2 * k2)
        k4 = rhs(params, y + H * k3)
        y = y + H / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return np.sum((y - target) ** 2)


def _dialectad(level: Any) -> Call:
    gradient = peers.dialectad().value_and_grad(loss, level=level)
    args = arguments()
    return lambda: gradient(*args)


def _jax() -> Call:
    jax = peers.jax()
    jnp = jax.numpy

    def rhs(params, y):
        w1, b1, w2, b2 = params
        return w2 @ jnp.tanh(w1 @ y + b1) + b2

    def loss(params, y, target):
        def step(y, _):
            k1 = rhs(params, y)
            k2 = rhs(params, y + H / 2 * k1)
            k3 = rhs(params, y + H / 2 * k2)
            k4 = rhs(params, y + H * k3)
            return y + H / 6 * (k1 + 2 * k2 + 2 * k3 + k4), None

        y, _ = jax.lax.scan(step, y, None, length=STEPS)
        return jnp.sum((y - target) ** 2)

    gradient = jax.jit(jax.value_and_grad(loss))
    args = jax.tree.map(jnp.asarray, arguments())
    return lambda: jax.block_until_ready(gradient(*args))


def _torch() -> Call:
    torch = peers.torch()
    params, y0, target = arguments()
    tensors = [torch.from_numpy(p).requires_grad_() for p in params]
    y0, target = torch.from_numpy(y0), torch.from_numpy(target)
    w1, b1, w2, b2 = tensors

    def rhs(y):
        return w2 @ torch.tanh(w1 @ y + b1) + b2

    def call():
        y = y0
        for _ in range(STEPS):
            k1 = rhs(y)
            k2 = rhs(y + H / 2 * k1)
            k3 = rhs(y + H / 2 * k2)
            k4 = rhs(y + H * k3)
            y = y + H / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        value = ((y - target) ** 2).sum()
        return value, torch.autograd.grad(value, tensors)

    return call


def _numpy() -> Call:
    """The discrete adjoint by hand."""
    (w1, b1, w2, b2), y0, target = arguments()
    weights = (1.0, 2.0, 2.0, 1.0)
    shifts = (0.0, H / 2, H / 2, H)

    def call():
        y, tape = y0, []
        for _ in range(STEPS):
            total, k = np.zeros(2), np.zeros(2)
            stages = []
            for weight, shift in zip(weights, shifts, strict=True):
                at = y + shift * k
                t = np.tanh(w1 @ at + b1)
                k = w2 @ t + b2
                total += weight * k
                stages.append((at, t))
            tape.append(stages)
            y = y + H / 6 * total
        value = np.sum((y - target) ** 2)
        dw1, db1, dw2, db2 = np.zeros_like(w1), np.zeros_like(b1), np.zeros_like(w2), np.zeros_like(b2)
        dy = 2 * (y - target)
        for stages in reversed(tape):
            carried, from_next = dy, np.zeros(2)
            for stage in (3, 2, 1, 0):
                at, t = stages[stage]
                dk = H / 6 * weights[stage] * dy + from_next
                dw2 += np.outer(dk, t)
                db2 += dk
                dt = (w2.T @ dk) * (1 - t * t)
                dw1 += np.outer(dt, at)
                db1 += dt
                dat = w1.T @ dt
                carried = carried + dat
                from_next = shifts[stage] * dat
            dy = carried
        return value, (dw1, db1, dw2, db2)

    return call


def cases() -> Iterator[Case]:
    contenders = {**by_level(_dialectad), "jax": _jax, "torch": _torch, "numpy": _numpy}
    yield Case("ode_gradient", f"{STEPS} RK4 steps", contenders)
