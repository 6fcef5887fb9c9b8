"""Stencils of weather models."""

from __future__ import annotations

import numpy as np

from tests.programs.registry import normal, program, uniform


@program(normal(7, 8, 2), uniform(3, 4, 2, low=0.1, high=0.3))
def horizontal_diffusion(field, coefficient):
    """Fourth-order diffusion, whose fluxes must go down the gradient."""
    inner = field[1:-1, 1:-1]
    lap = 4.0 * inner - (field[2:, 1:-1] + field[:-2, 1:-1] + field[1:-1, 2:] + field[1:-1, :-2])
    flux_i = lap[1:, 1:-1] - lap[:-1, 1:-1]
    flux_i = np.where(flux_i * (inner[1:, 1:-1] - inner[:-1, 1:-1]) > 0, 0.0, flux_i)
    flux_j = lap[1:-1, 1:] - lap[1:-1, :-1]
    flux_j = np.where(flux_j * (inner[1:-1, 1:] - inner[1:-1, :-1]) > 0, 0.0, flux_j)
    divergence = flux_i[1:] - flux_i[:-1] + flux_j[:, 1:] - flux_j[:, :-1]
    return inner[1:-1, 1:-1] - coefficient * divergence


@program(normal(3, 2, 5), normal(3, 2, 5, seed=1), 0.3)
def vertical_advection(u, w, dt):
    """Implicit in the vertical: a tridiagonal system for each column, by Thomas' algorithm."""
    nk = u.shape[2]
    c, d = np.zeros_like(u), np.zeros_like(u)
    for k in range(nk):
        below = -0.25 * dt * w[:, :, k] if k > 0 else np.zeros(u.shape[:2])
        above = 0.25 * dt * w[:, :, k + 1] if k < nk - 1 else np.zeros(u.shape[:2])
        if k == 0:
            d[:, :, k] = u[:, :, k] - above * (u[:, :, k + 1] - u[:, :, k])
            c[:, :, k] = above / (1.0 - above)
            d[:, :, k] /= 1.0 - above
        else:
            pivot = 1.0 - below - above - below * c[:, :, k - 1]
            c[:, :, k] = above / pivot
            d[:, :, k] = (u[:, :, k] - below * d[:, :, k - 1]) / pivot
    for k in range(nk - 2, -1, -1):
        d[:, :, k] -= c[:, :, k] * d[:, :, k + 1]
    return d
