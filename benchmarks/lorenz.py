"""The Lorenz system by Runge and Kutta's method, in scalars: the gradient of its end by its parameters."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.c import build
from benchmarks.case import Case
from benchmarks.gradients import Adjoint, Problem

STEPS = 1000
H = 0.002


def arguments() -> tuple[float, float, float]:
    return 10.0, 28.0, 8.0 / 3.0


def rhs(sigma, rho, beta, x, y, z):
    return sigma * (y - x), x * (rho - z) - y, x * y - beta * z


def loss(sigma, rho, beta):
    x, y, z = 1.0, 1.0, 1.0
    for _ in range(STEPS):
        a1, b1, c1 = rhs(sigma, rho, beta, x, y, z)
        a2, b2, c2 = rhs(sigma, rho, beta, x + H / 2 * a1, y + H / 2 * b1, z + H / 2 * c1)
        a3, b3, c3 = rhs(sigma, rho, beta, x + H / 2 * a2, y + H / 2 * b2, z + H / 2 * c2)
        a4, b4, c4 = rhs(sigma, rho, beta, x + H * a3, y + H * b3, z + H * c3)
        x = x + H / 6 * (a1 + 2 * a2 + 2 * a3 + a4)
        y = y + H / 6 * (b1 + 2 * b2 + 2 * b3 + b4)
        z = z + H / 6 * (c1 + 2 * c2 + 2 * c3 + c4)
    return x * x + y * y + z * z


def c(*parameters: float) -> Adjoint:
    library, p = build.library("lorenz"), np.array(parameters)
    gradient, work = np.empty(3), np.empty(12 * STEPS)
    outputs = [gradient[i : i + 1].reshape(()) for i in range(3)]
    primal = library.bind("lorenz_primal", p, STEPS, H)
    return Adjoint(primal, library.bind("lorenz_gradient", p, STEPS, H, gradient, work), outputs)


def _jax(jax):
    def loss(sigma, rho, beta):
        def step(_, state):
            x, y, z = state
            a1, b1, c1 = rhs(sigma, rho, beta, x, y, z)
            a2, b2, c2 = rhs(sigma, rho, beta, x + H / 2 * a1, y + H / 2 * b1, z + H / 2 * c1)
            a3, b3, c3 = rhs(sigma, rho, beta, x + H / 2 * a2, y + H / 2 * b2, z + H / 2 * c2)
            a4, b4, c4 = rhs(sigma, rho, beta, x + H * a3, y + H * b3, z + H * c3)
            x = x + H / 6 * (a1 + 2 * a2 + 2 * a3 + a4)
            y = y + H / 6 * (b1 + 2 * b2 + 2 * b3 + b4)
            z = z + H / 6 * (c1 + 2 * c2 + 2 * c3 + c4)
            return x, y, z

        x, y, z = jax.lax.fori_loop(0, STEPS, step, (1.0, 1.0, 1.0))
        return x * x + y * y + z * z

    return loss


PROBLEM = Problem("lorenz", loss, (0, 1, 2), c, _jax, lambda _: loss, numba=True)


def cases() -> Iterator[Case]:
    yield PROBLEM.case(f"{STEPS} RK4 steps", arguments)
