"""A recurrent network that learns to predict the next letter of a text.

The time loop is an ordinary `for` that writes the hidden states into an array.
"""

from __future__ import annotations

import numpy as np
from sklearn import datasets

import dialectad as da

HIDDEN = 64
LENGTH = 64


def loss(params, letters):
    """The mean cross-entropy, in nats, of predicting each letter from those before it."""
    steps = len(letters) - 1
    hidden = np.zeros((steps + 1, HIDDEN))
    for t in range(steps):
        hidden[t + 1] = np.tanh(params["W"] @ hidden[t] + params["E"][letters[t]] + params["b"])
    logits = hidden[1:] @ params["V"].T + params["c"]
    logits = logits - np.max(logits, axis=1, keepdims=True)
    picked = logits[np.arange(steps), letters[1:]]
    return np.mean(np.log(np.sum(np.exp(logits), axis=1)) - picked)


loss_and_gradient = da.value_and_grad(loss)


@da.jit
def step(params, first, second, letters, count):
    """One step of Adam; writes into the parameters and both moments."""
    value, gradient = loss_and_gradient(params, letters)
    for name in params:
        m, v, g = first[name], second[name], gradient[name]
        m += 0.1 * (g - m)
        v += 0.001 * (g * g - v)
        size = np.sqrt(v / (1.0 - 0.999**count)) + 1e-8
        params[name] -= 0.003 * (m / (1.0 - 0.9**count)) / size
    return value


def text():
    """The descriptions of scikit-learn's data sets: a real English text that ships with it."""
    loaders = (datasets.load_breast_cancer, datasets.load_diabetes, datasets.load_digits)
    loaders += (datasets.load_iris, datasets.load_linnerud, datasets.load_wine)
    return "\n".join(" ".join(load().DESCR.split()) for load in loaders)


def encode(string):
    """The text as letter numbers, and the alphabet."""
    alphabet = sorted(set(string))
    return np.array([alphabet.index(c) for c in string]), alphabet


def initial(rng, letters):
    """Parameters for an alphabet of that many letters."""
    scale = 1.0 / np.sqrt(HIDDEN)
    return {
        "W": rng.standard_normal((HIDDEN, HIDDEN)) * scale,
        "E": rng.standard_normal((letters, HIDDEN)) * 0.1,
        "b": np.zeros(HIDDEN),
        "V": rng.standard_normal((letters, HIDDEN)) * scale,
        "c": np.zeros(letters),
    }


def train(steps, progress):
    """Train on windows of the text; `progress(step, loss)` is told after each. Gives the parameters."""
    codes, alphabet = encode(text())
    rng = np.random.default_rng(2)
    params = initial(rng, len(alphabet))
    first = {name: np.zeros_like(p) for name, p in params.items()}
    second = {name: np.zeros_like(p) for name, p in params.items()}
    for count in range(1, steps + 1):
        start = rng.integers(len(codes) - LENGTH - 1)
        value = step(params, first, second, codes[start : start + LENGTH + 1], float(count))
        progress(count, float(value))
    return params
