"""The log-likelihood of a mixture of Gaussians, by triangular factors of their inverse covariances: with a
product of matrices for each component, and in loops over points and components.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from benchmarks.c import build
from benchmarks.case import Call, Case
from benchmarks.gradients import Adjoint, Problem
from benchmarks.memory import MemoryCase
from tests.programs.probability import gaussian_mixture, logsumexp

SIZE = (1000, 20, 25)
"""Points, dimensions, components."""
SIZE_LOOPS = (500, 5, 8)


def arguments(size: tuple[int, ...] = SIZE) -> tuple[np.ndarray, ...]:
    """Logarithms of weights, means, factors and points. Of a factor: the logarithms of its diagonal, and then
    what is below it, by columns."""
    n, d, k = size
    rng = np.random.default_rng(0)
    icf = 0.3 * rng.standard_normal((k, d * (d + 1) // 2))
    return rng.standard_normal(k), rng.standard_normal((k, d)), icf, rng.standard_normal((n, d))


def loss(alphas, means, icf, x):
    n, d = x.shape
    columns, rows = np.triu_indices(d, 1)
    terms = np.empty((n, len(alphas)))
    for j in range(len(alphas)):
        factor = np.diag(np.exp(icf[j, :d]))
        factor[rows, columns] = icf[j, d:]
        scaled = (x - means[j]) @ factor.T
        terms[:, j] = alphas[j] + np.sum(icf[j, :d]) - 0.5 * np.sum(scaled**2, axis=1)
    constant = logsumexp(alphas, 0) + d * 0.5 * np.log(2 * np.pi)
    return np.sum(logsumexp(terms, 1)) - n * constant


def numpy(alphas, means, icf, x) -> Any:
    """The adjoint by hand."""
    n, d = x.shape
    columns, rows = np.triu_indices(d, 1)
    terms = np.empty((n, len(alphas)))
    factors, scaled = [], []
    for j in range(len(alphas)):
        factor = np.diag(np.exp(icf[j, :d]))
        factor[rows, columns] = icf[j, d:]
        factors.append(factor)
        scaled.append((x - means[j]) @ factor.T)
        terms[:, j] = alphas[j] + icf[j, :d].sum() - 0.5 * np.sum(scaled[-1] ** 2, axis=1)
    top = terms.max(axis=1, keepdims=True)
    e = np.exp(terms - top)
    s = e.sum(axis=1, keepdims=True)
    constant = logsumexp(alphas, 0) + d * 0.5 * np.log(2 * np.pi)
    value = np.sum(np.log(s) + top) - n * constant
    weights = e / s
    total = weights.sum(axis=0)
    prior = np.exp(alphas - alphas.max())
    dalphas = total - n * prior / prior.sum()
    dmeans, dicf = np.empty_like(means), np.empty_like(icf)
    for j in range(len(alphas)):
        dscaled = -weights[:, j, np.newaxis] * scaled[j]
        dmeans[j] = -dscaled.sum(axis=0) @ factors[j]
        dfactor = dscaled.T @ (x - means[j])
        dicf[j, :d] = total[j] + np.diag(dfactor) * np.diag(factors[j])
        dicf[j, d:] = dfactor[rows, columns]
    return value, [dalphas, dmeans, dicf]


def c(alphas: np.ndarray, means: np.ndarray, icf: np.ndarray, x: np.ndarray) -> Adjoint:
    library = build.library("gaussian_mixture", blas=True)
    (n, d), k = x.shape, len(alphas)
    outputs = [np.empty_like(a) for a in (alphas, means, icf)]
    work = np.empty(k * (n + n * d + d * d) + n * d + max(2 * n, n * d, d * d + d))
    primal = library.bind("gaussian_mixture_primal", alphas, means, icf, x, n, d, k, work)
    gradient = library.bind("gaussian_mixture_gradient", alphas, means, icf, x, n, d, k, *outputs, work)
    return Adjoint(primal, gradient, outputs)


def _jax(jax):
    jnp, logsumexp = jax.numpy, jax.scipy.special.logsumexp

    def loss(alphas, means, icf, x):
        n, d = x.shape
        columns, rows = np.triu_indices(d, 1)

        def term(alpha, mean, icf):
            factor = jnp.diag(jnp.exp(icf[:d])).at[rows, columns].set(icf[d:])
            scaled = (x - mean) @ factor.T
            return alpha + jnp.sum(icf[:d]) - 0.5 * jnp.sum(jnp.square(scaled), axis=1)

        terms = jax.vmap(term)(alphas, means, icf)
        return jnp.sum(logsumexp(terms, axis=0)) - n * (logsumexp(alphas) + d * 0.5 * np.log(2 * np.pi))

    return loss


def _torch(torch):
    def loss(alphas, means, icf, x):
        n, d = x.shape
        columns, rows = torch.triu_indices(d, d, 1)
        factors = torch.diag_embed(torch.exp(icf[:, :d]))
        factors[:, rows, columns] = icf[:, d:]
        scaled = (x - means[:, None, :]) @ factors.mT
        terms = alphas[:, None] + icf[:, :d].sum(1, keepdim=True) - 0.5 * (scaled**2).sum(2)
        constant = torch.logsumexp(alphas, 0) + d * 0.5 * np.log(2 * np.pi)
        return torch.logsumexp(terms, 0).sum() - n * constant

    return loss


PROBLEM = Problem("gaussian_mixture", loss, (0, 1, 2), c, _jax, _torch, numpy)
LOOPS = Problem("gaussian_mixture", gaussian_mixture, (0, 1, 2), c, _jax, _torch)


def cases() -> Iterator[Case]:
    n, d, k = SIZE
    yield PROBLEM.case(f"{n} points, {d} dimensions, {k} components", partial(arguments, SIZE))
    n, d, k = SIZE_LOOPS
    yield LOOPS.case(f"loops, {n} points, {d} dimensions, {k} components", partial(arguments, SIZE_LOOPS))


SMALL = (6, 3, 2)
"""What warms a library up."""


def ahead(contender: str, *size: int) -> Call:
    return PROBLEM.ahead(contender, partial(arguments, size))


def memory_cases() -> Iterator[MemoryCase]:
    yield PROBLEM.memory_case("{} points, {} dimensions, {} components".format(*SIZE), *SIZE)
