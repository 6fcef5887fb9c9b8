"""Probabilistic models."""

from __future__ import annotations

import numpy as np

from tests.programs.registry import normal, positive_definite, program, uniform


def logsumexp(x, axis):
    top = np.max(x, axis=axis, keepdims=True)
    return np.log(np.sum(np.exp(x - top), axis=axis)) + np.squeeze(top, axis=axis)


@program(normal(3), normal(3, 2), normal(3, 3), normal(5, 2), by=2)
def gaussian_mixture(alphas, means, icf, x):
    """The log-likelihood, by factors of inverse covariances: the logarithm of the diagonal, then the rest."""
    k, d = means.shape
    n = x.shape[0]
    total = 0.0
    for i in range(n):
        terms = np.zeros(k)
        for c in range(k):
            L = np.zeros((d, d))
            at = d
            for row in range(d):
                L[row, row] = np.exp(icf[c, row])
            for column in range(d):
                for row in range(column + 1, d):
                    L[row, column] = icf[c, at]
                    at += 1
            terms[c] = alphas[c] + np.sum(icf[c, :d]) - 0.5 * np.sum((L @ (x[i] - means[c])) ** 2)
        total += logsumexp(terms, 0)
    return total - n * logsumexp(alphas, 0) - n * d * 0.5 * np.log(2 * np.pi)


@program(uniform(3), uniform(3, 3, low=0.1), uniform(3, 4, low=0.1), np.array([0, 2, 1, 3, 3]), by=1)
def hmm_forward(initial, transition, emission, observations):
    """The log-likelihood of what is observed, scaled at each step."""
    alpha = initial * emission[:, observations[0]]
    loglik = 0.0
    for t in range(1, len(observations)):
        scale = alpha.sum()
        loglik += np.log(scale)
        alpha = (alpha / scale) @ transition * emission[:, observations[t]]
    return loglik + np.log(alpha.sum())


def inverse_2x2(m):
    det = m[0, 0] * m[1, 1] - m[0, 1] * m[1, 0]
    return np.array([[m[1, 1], -m[0, 1]], [-m[1, 0], m[0, 0]]]) / det


@program(
    np.eye(4) + 0.1 * normal(4, 4), np.eye(4)[:2], 0.1 * np.eye(4), positive_definite(2), normal(5, 2), by=2
)
def kalman_filter(F, H, Q, R, measured):
    """The filtered states, and the log-likelihood."""
    x, P = np.zeros(4), np.eye(4)
    states = np.zeros((len(measured), 4))
    loglik = 0.0
    for t, z in enumerate(measured):
        x = F @ x
        P = F @ P @ F.T + Q
        innovation = z - H @ x
        S = H @ P @ H.T + R
        S_inverse = inverse_2x2(S)
        K = P @ H.T @ S_inverse
        x = x + K @ innovation
        P = (np.eye(4) - K @ H) @ P
        states[t] = x
        determinant = S[0, 0] * S[1, 1] - S[0, 1] * S[1, 0]
        loglik -= 0.5 * (innovation @ S_inverse @ innovation + np.log(determinant))
    return states, loglik
