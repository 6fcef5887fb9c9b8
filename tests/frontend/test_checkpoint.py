"""Checkpoints: nothing changes but what is kept."""

import numpy as np
import pytest

import dialectad as da

LEVELS = ["tape", "graph", "linalg", "loop", "llvm", "mixed", "auto"]
W = np.array([[0.3, 0.5], [0.1, -0.2]])
H = np.array([0.2, 0.4])


def network(wrap):
    @wrap
    def layer(W, h):
        g = np.tanh(W @ h)
        return {"g": g * np.sin(g), "n": 1}

    def loss(W, h):
        total = np.sum(h)

        @wrap
        def closes(h):  # over values that are differentiated
            return h * total + np.exp(W[0] * h)

        for _ in range(2):
            if h[0] < 100.0:
                h = layer(W, h)["g"]
            h = closes(h)
        return np.sum(layer(W, h)["g"])

    return loss


@pytest.mark.parametrize("level", LEVELS)
def test_is_the_same(level):
    plain, kept = network(lambda f: f), network(da.checkpoint)
    assert kept(W, H) == plain(W, H)
    for got, expected in zip(
        da.grad(kept, (0, 1), level=level)(W, H), da.grad(plain, (0, 1), level="linalg")(W, H), strict=True
    ):
        np.testing.assert_allclose(got, expected, rtol=1e-12)
    np.testing.assert_allclose(
        da.jvp(kept, (W, H), (W, H), level=level), da.jvp(plain, (W, H), (W, H), level="linalg"), rtol=1e-12
    )


@pytest.mark.parametrize("level", ["tape", "linalg", "loop", "llvm"])
def test_nested(level):
    @da.checkpoint
    def kept(h):
        return np.sin(h) * h

    def loss(h):
        for _ in range(2):
            h = kept(h)
        return np.sum(h)

    def gradient(h):
        one = np.sin(h) * h
        return (np.cos(one) * one + np.sin(one)) * (np.cos(h) * h + np.sin(h))

    e = 1e-6
    expected = (gradient(H + e) - gradient(H - e)) / (2 * e)
    np.testing.assert_allclose(da.hvp(loss, (H,), (np.ones(2),), level=level), expected, rtol=1e-8)
    twice = da.grad(lambda h: np.sum(da.grad(loss, level=level)(h)), level=level)(H)
    np.testing.assert_allclose(twice, expected, rtol=1e-8)


def test_only_arguments_are_kept():
    """In a loop; and straight on, where the reverse sweep could share with the forward sweep, it doesn't."""

    @da.checkpoint
    def part(x):
        for _ in range(3):
            x = np.sin(np.exp(x))
        return x

    def loss(x):
        for _ in range(5):
            x = part(x)
        return np.sum(x)

    ir = da.grad(loss, level="linalg").lower(np.ones(7)).text("linalg")
    outer = ir[ir.index("func.func @grad_loss") :]
    assert outer.count('"ad.cache"') == 1
    once = da.value_and_grad(lambda x: np.sum(part(x)), level="linalg")
    straight = once.lower(np.ones(7)).text("linalg")
    assert straight.count("dialectad.apart") == 1
    assert straight.count("scf.for") == 3  # forward, again, and back


@pytest.mark.parametrize("level", ["linalg", "loop"])
def test_writes_into_an_argument(level):
    @da.checkpoint
    def double(x):
        x *= 2.0

    def loss(x):
        y = x * x
        double(y)
        double(y)
        return np.sum(y)

    np.testing.assert_allclose(da.grad(loss, level=level)(H), 8.0 * H)
