"""Incompressible flow on a grid: pressure corrections, iterated."""

from __future__ import annotations

import numpy as np

from tests.programs.registry import program, uniform

RHO, NU = 1.0, 0.1


def source_of_pressure(b, dt, u, v, dx, dy):
    du_dx = (u[1:-1, 2:] - u[1:-1, :-2]) / (2 * dx)
    dv_dy = (v[2:, 1:-1] - v[:-2, 1:-1]) / (2 * dy)
    du_dy = (u[2:, 1:-1] - u[:-2, 1:-1]) / (2 * dy)
    dv_dx = (v[1:-1, 2:] - v[1:-1, :-2]) / (2 * dx)
    b[1:-1, 1:-1] = RHO * ((du_dx + dv_dy) / dt - du_dx**2 - 2 * du_dy * dv_dx - dv_dy**2)


def pressure(p, dx, dy, b, sweeps):
    for _ in range(sweeps):
        pn = p.copy()
        p[1:-1, 1:-1] = ((pn[1:-1, 2:] + pn[1:-1, :-2]) * dy**2 + (pn[2:, 1:-1] + pn[:-2, 1:-1]) * dx**2) / (
            2 * (dx**2 + dy**2)
        ) - dx**2 * dy**2 / (2 * (dx**2 + dy**2)) * b[1:-1, 1:-1]
        p[:, -1] = p[:, -2]
        p[0, :] = p[1, :]
        p[:, 0] = p[:, 1]
        p[-1, :] = 0


def advect(w, u, v, dt, dx, dy):
    """One step of advection and diffusion of the inner points of `w`."""
    inner = w[1:-1, 1:-1]
    return (
        inner
        - u[1:-1, 1:-1] * dt / dx * (inner - w[1:-1, :-2])
        - v[1:-1, 1:-1] * dt / dy * (inner - w[:-2, 1:-1])
        + NU * dt / dx**2 * (w[1:-1, 2:] - 2 * inner + w[1:-1, :-2])
        + NU * dt / dy**2 * (w[2:, 1:-1] - 2 * inner + w[:-2, 1:-1])
    )


@program(uniform(6, 7), uniform(6, 7, seed=1), uniform(6, 7, seed=2), 0.01, 0.4, 0.5)
def cavity_flow(u, v, p, dt, dx, dy):
    """A lid drags the fluid in a box."""
    b = np.zeros_like(p)
    for _ in range(2):
        un, vn = u.copy(), v.copy()
        source_of_pressure(b, dt, u, v, dx, dy)
        pressure(p, dx, dy, b, 3)
        u[1:-1, 1:-1] = advect(un, un, vn, dt, dx, dy) - dt / (2 * RHO * dx) * (p[1:-1, 2:] - p[1:-1, :-2])
        v[1:-1, 1:-1] = advect(vn, un, vn, dt, dx, dy) - dt / (2 * RHO * dy) * (p[2:, 1:-1] - p[:-2, 1:-1])
        for side in (u[0, :], u[:, 0], u[:, -1], v[0, :], v[-1, :], v[:, 0], v[:, -1]):
            side[:] = 0
        u[-1, :] = 1


def periodic(f):
    """With a copy of the last column before the first, and of the first after the last."""
    return np.concatenate([f[:, -1:], f, f[:, :1]], axis=1)


@program(uniform(5, 6), uniform(5, 6, seed=1), 0.05, 0.5, 0.5, 1.0)
def channel_flow(u, v, dt, dx, dy, force):
    """Between two walls, periodic along them, until the mean speed changes little."""
    p = np.zeros_like(u)
    change, steps = 1.0, 0
    while change > 0.02 and steps < 4:
        un, vn = u.copy(), v.copy()
        wide_u, wide_v = periodic(un), periodic(vn)
        b = np.zeros_like(wide_u)
        source_of_pressure(b, dt, wide_u, wide_v, dx, dy)
        for _ in range(2):
            wide = periodic(p)
            p[1:-1] = (
                (wide[1:-1, 2:] + wide[1:-1, :-2]) * dy**2 + (wide[2:, 1:-1] + wide[:-2, 1:-1]) * dx**2
            ) / (2 * (dx**2 + dy**2)) - dx**2 * dy**2 / (2 * (dx**2 + dy**2)) * b[1:-1, 1:-1]
            p[-1] = p[-2]
            p[0] = p[1]
        wide = periodic(p)
        u[1:-1] = advect(wide_u, wide_u, wide_v, dt, dx, dy) + force * dt
        u[1:-1] -= dt / (2 * RHO * dx) * (wide[1:-1, 2:] - wide[1:-1, :-2])
        v[1:-1] = advect(wide_v, wide_u, wide_v, dt, dx, dy)
        v[1:-1] -= dt / (2 * RHO * dy) * (wide[2:, 1:-1] - wide[:-2, 1:-1])
        u[0] = u[-1] = v[0] = v[-1] = 0
        change = abs(np.sum(u) - np.sum(un)) / np.sum(u)
        steps += 1
    return p, steps
