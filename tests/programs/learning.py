"""Networks."""

from __future__ import annotations

import numpy as np

from tests.programs.registry import normal, program


def relu(x):
    return np.maximum(x, 0)


def softmax(x):
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


@program(normal(3, 4), normal(4, 5), normal(5), normal(5, 3), normal(3), by=1)
def mlp(x, w1, b1, w2, b2):
    return softmax(relu(x @ w1 + b1) @ w2 + b2)


def conv2d(x, weights):
    """Valid convolution of images in NHWC by weights of shape (K, K, C in, C out)."""
    k = weights.shape[0]
    n, h, w, _ = x.shape
    out = np.empty((n, h - k + 1, w - k + 1, weights.shape[3]))
    for i in range(h - k + 1):
        for j in range(w - k + 1):
            patch = x[:, i : i + k, j : j + k, :, np.newaxis]
            out[:, i, j, :] = np.sum(patch * weights[np.newaxis], axis=(1, 2, 3))
    return out


def max_pool(x):
    n, h, w, c = x.shape
    out = np.empty((n, h // 2, w // 2, c))
    for i in range(h // 2):
        for j in range(w // 2):
            out[:, i, j, :] = np.max(x[:, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2, :], axis=(1, 2))
    return out


@program(
    normal(2, 8, 8, 1),
    {"conv1": normal(3, 3, 1, 2), "bias1": normal(2), "conv2": normal(2, 2, 2, 3), "bias2": normal(3)},
    {"dense": normal(3, 4), "bias": normal(4)},
    by=1,
)
def lenet(images, convolutions, head):
    x = max_pool(relu(conv2d(images, convolutions["conv1"]) + convolutions["bias1"]))
    x = max_pool(relu(conv2d(x, convolutions["conv2"]) + convolutions["bias2"]))
    return softmax(x.reshape(x.shape[0], -1) @ head["dense"] + head["bias"])


def batch_norm(x, eps=1e-5):
    mean = np.mean(x, axis=0, keepdims=True)
    std = np.std(x, axis=0, keepdims=True)
    return (x - mean) / np.sqrt(std + eps)


@program(normal(2, 4, 4, 4), normal(1, 1, 4, 2), normal(3, 3, 2, 2), normal(1, 1, 2, 4), by=2)
def resnet_block(x, w1, w2, w3):
    """A bottleneck: its input is added to what three convolutions make of it."""
    padded = np.zeros((x.shape[0], x.shape[1] + 2, x.shape[2] + 2, w1.shape[3]))
    padded[:, 1:-1, 1:-1, :] = conv2d(x, w1)
    x1 = relu(batch_norm(padded))
    x2 = relu(batch_norm(conv2d(x1, w2)))
    return relu(batch_norm(conv2d(x2, w3)) + x)


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


@program(normal(4, 2, 3), normal(3, 16), normal(4, 16), normal(16), by=2)
def lstm(inputs, wx, wh, bias):
    """The hidden states of all steps."""
    steps, batch, _ = inputs.shape
    size = wh.shape[0]
    h, c = np.zeros((batch, size)), np.zeros((batch, size))
    states = []
    for t in range(steps):
        i, f, o, g = np.split(inputs[t] @ wx + h @ wh + bias, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        states.append(h)
    return np.stack(states)
