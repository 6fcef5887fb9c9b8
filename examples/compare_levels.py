"""The same function at every level: python examples/compare_levels.py

The same from the shell: dialectad compare examples/compare_levels.py:loss --html loss.html
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

import dialectad as da


def loss(W, x):
    """A recurrent network, whose state is written in place."""
    states = np.zeros((len(x) + 1, len(W)))
    for t in range(len(x)):
        states[t + 1] = np.tanh(W @ states[t] + x[t])
    return np.mean(states[1:] ** 2)


def loss_args():
    """What `dialectad compare` calls the loss with."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((64, 64)) / 8, rng.standard_normal((50, 64))


def main():
    comparison = da.compare(loss, *loss_args())
    comparison.show()
    folder = Path("results")
    folder.mkdir(exist_ok=True)
    print("page:", comparison.html(folder / "compare_levels.html"))


if __name__ == "__main__":
    main()
