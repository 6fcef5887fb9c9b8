"""What it costs to record an operation and to play it back: chains of a thousand, each with hardly any work.

A millisecond for a chain is a microsecond for an operation. `record` runs the chain and records it;
`gradient` also plays the record backwards. The peer that does the same is PyTorch, eager.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from benchmarks import peers
from benchmarks.case import Call, Case

OPERATIONS = 1000


def multiply(x):
    y = x
    for _ in range(OPERATIONS):
        y = y * x
    return np.sum(y)


def sine(x):
    y = x
    for _ in range(OPERATIONS):
        y = np.sin(y)
    return np.sum(y)


def layer(x):
    y = x
    for _ in range(OPERATIONS // 2):
        y = np.tanh(WEIGHTS @ y)
    return np.sum(y)


def elements(x):
    y = np.zeros(OPERATIONS // 4 + 1)
    for i in range(OPERATIONS // 4):  # two reads, a product and a write
        y[i + 1] = y[i] * x[0]
    return np.sum(y)


def slices(x):
    y = x * 1.0
    for _ in range(OPERATIONS // 3):  # two slices and an update in place
        y[1:] += y[:-1]
    return np.sum(y)


def number(x):
    y = x
    for _ in range(OPERATIONS // 2):
        y = y * 0.99 + x
    return y


def math_function(x):
    y = x
    for _ in range(OPERATIONS):
        y = math.sin(y)
    return y


WEIGHTS = 0.5 * np.eye(4)


@dataclass(frozen=True)
class Chain:
    """A chain, and the same in the words of PyTorch."""

    ours: Callable[[Any], Any]
    torch: Callable[[Any, Any], Any]
    is_number: bool = False

    @property
    def argument(self) -> Any:
        return 0.5 if self.is_number else np.full(4, 0.5)


def torch_multiply(torch, x):
    y = x
    for _ in range(OPERATIONS):
        y = y * x
    return y.sum()


def torch_sine(torch, x):
    y = x
    for _ in range(OPERATIONS):
        y = torch.sin(y)
    return y.sum()


def torch_layer(torch, x):
    weights = torch.from_numpy(WEIGHTS)
    y = x
    for _ in range(OPERATIONS // 2):
        y = torch.tanh(weights @ y)
    return y.sum()


def torch_elements(torch, x):
    y = torch.zeros(OPERATIONS // 4 + 1, dtype=torch.float64)
    for i in range(OPERATIONS // 4):
        y[i + 1] = y[i].clone() * x[0]  # PyTorch refuses to go back past the write otherwise
    return y.sum()


def torch_slices(torch, x):
    y = x * 1.0
    for _ in range(OPERATIONS // 3):
        y[1:] += y[:-1].clone()
    return y.sum()


def torch_number(torch, x):
    y = x
    for _ in range(OPERATIONS // 2):
        y = y * 0.99 + x
    return y


CHAINS = {
    "products of vectors": Chain(multiply, torch_multiply),
    "sines of vectors": Chain(sine, torch_sine),
    "small layers": Chain(layer, torch_layer),
    "elements": Chain(elements, torch_elements),
    "slices": Chain(slices, torch_slices),
    "numbers": Chain(number, torch_number, is_number=True),
    "functions of numbers": Chain(math_function, torch_sine, is_number=True),
}


def _ours(chain: Chain, gradient: bool) -> Call:
    da, x = peers.dialectad(), chain.argument
    if gradient:
        return partial(da.value_and_grad(chain.ours, level="tape"), x)
    return lambda: da.vjp(chain.ours, x, level="tape")[0]


def _torch(chain: Chain, gradient: bool) -> Call:
    torch, x = peers.torch(), np.asarray(chain.argument)

    def run() -> Any:
        leaf = torch.from_numpy(x).clone().requires_grad_()
        value = chain.torch(torch, leaf)
        if not gradient:
            return value
        return value, torch.autograd.grad(value, leaf)[0]

    return run


def cases() -> Iterator[Case]:
    for name, chain in CHAINS.items():
        for part, gradient in (("record", False), ("gradient", True)):
            contenders = {
                "dialectad": partial(_ours, chain, gradient),
                "torch": partial(_torch, chain, gradient),
            }
            yield Case("tape_overhead", f"{OPERATIONS} operations, {name}: {part}", contenders)
