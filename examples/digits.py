"""A classifier of handwritten digits: a loss in plain NumPy, trained with its compiled gradient."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from sklearn.datasets import load_digits

import dialectad as da

SIZES = (64, 128, 64, 10)
BATCH = 64


def network(params, x):
    """The logits of a batch; `params` is a list of `(W, b)`."""
    for W, b in params[:-1]:
        x = np.maximum(x @ W + b, 0.0)
    W, b = params[-1]
    return x @ W + b


def cross_entropy(logits, labels):
    """Softmax cross-entropy, stable for large logits."""
    logits = logits - np.max(logits, axis=1, keepdims=True)
    picked = logits[np.arange(len(labels)), labels]
    return np.mean(np.log(np.sum(np.exp(logits), axis=1)) - picked)


def loss(params, x, labels):
    return cross_entropy(network(params, x), labels)


loss_and_gradient = da.value_and_grad(loss)


@da.jit
def step(params, momenta, x, labels, rate):
    """One step of gradient descent with momentum; writes into `params` and `momenta`."""
    value, gradient = loss_and_gradient(params, x, labels)
    for layer, momentum, slope in zip(params, momenta, gradient, strict=True):
        for p, m, g in zip(layer, momentum, slope, strict=True):
            m *= 0.9
            m += g
            p -= rate * m
    return value


def initial(rng):
    """Weights scaled for rectifiers, and biases of zero."""
    return [(rng.standard_normal((n, m)) * np.sqrt(2.0 / n), np.zeros(m)) for n, m in pairwise(SIZES)]


def data():
    """Training and held-out images (as rows of 64 numbers in [0, 1]) with their labels."""
    digits = load_digits()
    x, y = digits.data / 16.0, digits.target.astype(np.int64)
    order = np.random.default_rng(0).permutation(len(x))
    train, held_out = order[:1400], order[1400:]
    return (x[train], y[train]), (x[held_out], y[held_out])


def accuracy(params, x, labels):
    return float(np.mean(np.argmax(network(params, x), axis=1) == labels))


def train(epochs, progress):
    """Train; `progress(epoch, loss, accuracy)` is told after each epoch. Gives the parameters."""
    (x, y), held_out = data()
    rng = np.random.default_rng(1)
    params = initial(rng)
    momenta = [(np.zeros_like(W), np.zeros_like(b)) for W, b in params]
    for epoch in range(epochs):
        order = rng.permutation(len(x))
        values = [
            step(params, momenta, x[rows], y[rows], 0.05)
            for rows in np.split(order[: len(x) // BATCH * BATCH], len(x) // BATCH)
        ]
        progress(epoch, float(np.mean(values)), accuracy(params, *held_out))
    return params
