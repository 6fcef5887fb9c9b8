"""Problems that ask for the value and the gradient of one function, and their contenders.

What the compiler makes is a contender per level, `dialectad:<level>`, and `dialectad`, which chooses. `c` and
`numpy` are adjoints written by hand. The value alone, which a gradient's time is compared with, has a
contender by the name before the colon; `numba` has only that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks import peers
from benchmarks.case import Call, Case, Setup
from benchmarks.memory import MemoryCase

OURS = "dialectad"
COMPILED_TORCH = "torch.compile"

Loss = Callable[..., Any]
"""A function with one float as its result."""


def family(contender: str) -> str:
    """Whose primal a contender's gradient is compared with."""
    return contender.partition(":")[0]


def by_level(setup: Callable[[Any], Call]) -> dict[str, Setup]:
    """Contenders from how to set up one level."""
    levels = {f"{OURS}:{level.name}": level for level in peers.dialectad().levels()}
    return {name: partial(setup, level) for name, level in {OURS: "auto", **levels}.items()}


@dataclass(frozen=True)
class Adjoint:
    """Calls of the same function in C."""

    primal: Callable[[], float]
    gradient: Callable[[], float]
    """Writes into `outputs`."""
    outputs: Sequence[np.ndarray]


@dataclass(frozen=True)
class Problem:
    """A function, and the same in the words of the peers."""

    name: str
    loss: Loss
    argnums: tuple[int, ...]
    c: Callable[..., Adjoint] | None = None
    """The adjoint in C for these arguments."""
    jax: Callable[[ModuleType], Loss] | None = None
    """The function for a given `jax`, as one would write it for speed there."""
    torch: Callable[[ModuleType], Loss] | None = None
    """The function for a given `torch`."""
    numpy: Callable[..., Any] | None = None
    """The value and the gradient in NumPy by hand; the value alone is then `loss` itself."""
    numba: bool = False
    """Whether Numba compiles `loss` and the functions that it calls, as they are."""
    levels: Mapping[str, Any] = field(default_factory=dict)
    """More contenders: labels, and the values of `level` that they mean."""

    def case(
        self,
        name: str,
        arguments: Callable[[], Sequence[Any]],
        *,
        without: Sequence[str] = (),
        rtol: float = 1e-9,
        coordinates: Mapping[str, float] | None = None,
    ) -> Case:
        """The problem at one size."""
        made = _Setups(self, arguments)
        contenders, primals = by_level(made.ours), {OURS: made.our_primal}
        contenders |= {f"{OURS}:{label}": partial(made.ours, level) for label, level in self.levels.items()}
        if self.jax is not None:
            contenders["jax"], primals["jax"] = made.jax, made.jax_primal
        if self.torch is not None:
            contenders["torch"], primals["torch"] = made.torch, made.torch_primal
            contenders[COMPILED_TORCH] = partial(made.torch, compiled=True)
            primals[COMPILED_TORCH] = partial(made.torch_primal, compiled=True)
        if self.numpy is not None:
            contenders["numpy"], primals["numpy"] = made.numpy, made.numpy_primal
        if self.c is not None:
            contenders["c"], primals["c"] = made.c, made.c_primal
        if self.numba:
            primals["numba"] = made.numba_primal
        for left_out in (*without, *([COMPILED_TORCH] if "torch" in without else ())):
            del contenders[left_out], primals[left_out]
        return Case(self.name, name, contenders, rtol, coordinates or {}, primals)

    def ahead(self, contender: str, arguments: Callable[[], Sequence[Any]]) -> Call:
        """Set up for measuring memory: what compiles has compiled, and nothing has run."""
        made = _Setups(self, arguments)
        setups = {
            OURS: made.ours_ahead,
            "jax": made.jax_ahead,
            "torch": made.torch,
            "numpy": made.numpy,
            "c": made.c,
        }
        return setups[contender]()

    def memory_case(self, name: str, *size: str | int) -> MemoryCase:
        """How much memory the gradient needs; `size` is what the module's `ahead` takes besides."""
        peers = {"jax": self.jax, "torch": self.torch, "numpy": self.numpy, "c": self.c}
        contenders = [OURS, *(contender for contender, has in peers.items() if has is not None)]
        return MemoryCase(self.name, name, size, contenders)


@dataclass(frozen=True)
class _Setups:
    """How to set up every contender for a problem with given arguments."""

    problem: Problem
    arguments: Callable[[], Sequence[Any]]

    def ours(self, level: Any) -> Call:
        gradient = peers.dialectad().value_and_grad(self.problem.loss, self.problem.argnums, level=level)
        args = self.arguments()
        return lambda: gradient(*args)

    def ours_ahead(self) -> Call:
        gradient = peers.dialectad().value_and_grad(self.problem.loss, self.problem.argnums)
        args = self.arguments()
        peers.compile_ahead(gradient, *args)
        return lambda: gradient(*args)

    def our_primal(self) -> Call:
        compiled = peers.dialectad().jit(self.problem.loss)
        args = self.arguments()
        return lambda: compiled(*args)

    def jax(self) -> Call:
        jax = peers.jax()
        assert self.problem.jax is not None
        gradient = jax.jit(jax.value_and_grad(self.problem.jax(jax), self.problem.argnums))
        args = jax.tree.map(jax.numpy.asarray, tuple(self.arguments()))
        return lambda: jax.block_until_ready(gradient(*args))

    def jax_ahead(self) -> Call:
        jax = peers.jax()
        assert self.problem.jax is not None
        args = jax.tree.map(jax.numpy.asarray, tuple(self.arguments()))
        gradient = jax.jit(jax.value_and_grad(self.problem.jax(jax), self.problem.argnums))
        compiled = gradient.lower(*args).compile()
        return lambda: jax.block_until_ready(compiled(*args))

    def jax_primal(self) -> Call:
        jax = peers.jax()
        assert self.problem.jax is not None
        compiled = jax.jit(self.problem.jax(jax))
        args = jax.tree.map(jax.numpy.asarray, tuple(self.arguments()))
        return lambda: jax.block_until_ready(compiled(*args))

    def torch(self, *, compiled: bool = False) -> Call:
        torch = peers.torch()
        loss = self._torch_loss(torch, compiled)
        args = [_tensors(torch, arg) for arg in self.arguments()]
        wanted = [leaf.requires_grad_() for n in self.problem.argnums for leaf in _leaves(args[n])]

        def call() -> Any:
            value = loss(*args)
            return value, torch.autograd.grad(value, wanted)

        return call

    def torch_primal(self, *, compiled: bool = False) -> Call:
        torch = peers.torch()
        loss = self._torch_loss(torch, compiled)
        args = [_tensors(torch, arg) for arg in self.arguments()]
        return lambda: loss(*args)

    def _torch_loss(self, torch: ModuleType, compiled: bool) -> Loss:
        assert self.problem.torch is not None
        loss = self.problem.torch(torch)
        return torch.compile(loss) if compiled else loss

    def numpy(self) -> Call:
        args = self.arguments()
        assert self.problem.numpy is not None
        gradient = self.problem.numpy
        return lambda: gradient(*args)

    def numpy_primal(self) -> Call:
        args = self.arguments()
        return lambda: self.problem.loss(*args)

    def numba_primal(self) -> Call:
        compiled = peers.numba_compiled(self.problem.loss)
        args = self.arguments()
        return lambda: compiled(*args)

    @cached_property
    def _adjoint(self) -> Adjoint:
        assert self.problem.c is not None
        return self.problem.c(*self.arguments())

    def c(self) -> Call:
        adjoint = self._adjoint
        return lambda: (adjoint.gradient(), adjoint.outputs)

    def c_primal(self) -> Call:
        return self._adjoint.primal


def joined(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """The elements of all, one array after the other: many parameters as one argument of C."""
    return np.concatenate([a.ravel() for a in arrays])


def split_like(arrays: Sequence[np.ndarray], flat: np.ndarray) -> list[np.ndarray]:
    """Views of what was joined."""
    ends = np.cumsum([a.size for a in arrays])
    return [flat[end - a.size : end].reshape(a.shape) for a, end in zip(arrays, ends, strict=True)]


def _tensors(torch: ModuleType, argument: Any) -> Any:
    if isinstance(argument, (tuple, list)):
        return [_tensors(torch, item) for item in argument]
    return torch.tensor(np.asarray(argument))


def _leaves(argument: Any) -> Iterator[Any]:
    if isinstance(argument, list):
        for item in argument:
            yield from _leaves(item)
    else:
        yield argument
