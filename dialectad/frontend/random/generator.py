"""What user code sees of a generator, and how generators come into compiled code and go out of it.

Note [Generators as arguments]
    While a function is traced, a generator is its state: an array that each draw writes into. So whatever
    holds for arrays holds for generators: loops carry them, functions may share them. An argument becomes
    such an array (`opened`), which is copied back when the function has run (`State.store`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from dialectad.frontend import pytrees
from dialectad.frontend.random import distributions
from dialectad.frontend.tracers import Array
from dialectad.frontend.tracing import error

_MASK = 2**64 - 1


@dataclass(eq=False)
class Generator:
    """A traced `numpy.random.Generator`."""

    state: Array

    random = distributions.random
    uniform = distributions.uniform
    standard_normal = distributions.standard_normal
    normal = distributions.normal
    standard_exponential = distributions.standard_exponential
    exponential = distributions.exponential
    laplace = distributions.laplace
    logistic = distributions.logistic
    gumbel = distributions.gumbel
    rayleigh = distributions.rayleigh
    standard_cauchy = distributions.standard_cauchy
    integers = distributions.integers
    choice = distributions.choice
    permutation = distributions.permutation
    shuffle = distributions.shuffle


def _refused(name: str) -> Callable[..., NoReturn]:
    def method(self: Generator, *args: Any, **kwargs: Any) -> NoReturn:
        raise error(
            f"numpy.random.Generator.{name} is not supported",
            hint=f"make it of {', '.join(SUPPORTED)}; or draw outside, and pass the numbers",
        )

    return method


SUPPORTED = tuple(name for name in vars(Generator) if not name.startswith("_") and name != "state")
REFUSED = tuple(n for n in dir(np.random.Generator) if not n.startswith("_") and not hasattr(Generator, n))
for _name in REFUSED:
    setattr(Generator, _name, _refused(_name) if _name != "bit_generator" else property(_refused(_name)))


# --- in and out --------------------------------------------------------------------------------


class State(np.ndarray[Any, np.dtype[np.uint64]]):
    """The state of a generator of the surrounding program."""

    owner: np.random.Generator | None = None

    @classmethod
    def of(cls, owner: np.random.Generator) -> State:
        made = words_of(owner).view(cls)
        made.owner = owner
        return made

    def store(self) -> None:
        """Let the generator have this state."""
        if self.owner is not None:
            self.owner.bit_generator.state = _as_dict(self)


def words_of(generator: np.random.Generator) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """The state as a vector, see `bits.py`."""
    found: Any = generator.bit_generator.state
    if found["bit_generator"] != "PCG64":
        raise error(
            f"a random generator of the kind {found['bit_generator']} is not supported",
            hint="use PCG64, which numpy.random.default_rng gives",
        )
    numbers = (found["state"]["state"], found["state"]["inc"])
    halves = [half for number in numbers for half in (number >> 64, number & _MASK)]
    return np.array([*halves, found["has_uint32"], found["uinteger"]], np.uint64)


def _as_dict(words: Any) -> Any:
    upper, lower, first, second, has, rest = map(int, words)
    numbers = {"state": upper << 64 | lower, "inc": first << 64 | second}
    return {"bit_generator": "PCG64", "state": numbers, "has_uint32": has, "uinteger": rest}


def opened(tree: Any) -> Any:
    """A pytree of arguments, in which generators are their states."""
    leaves, structure = pytrees.flatten(tree)
    if not any(isinstance(leaf, np.random.Generator) for leaf in leaves):
        return tree
    made = [Generator(State.of(x)) if isinstance(x, np.random.Generator) else x for x in leaves]  # pyright: ignore[reportArgumentType]
    return pytrees.unflatten(structure, made)


def check_distinct(leaves: Sequence[Any]) -> None:
    """Refuse a generator that is passed twice: its states would part."""
    owners = [id(leaf.owner) for leaf in leaves if isinstance(leaf, State)]
    if len(set(owners)) < len(owners):
        raise ValueError("a random generator is passed to a compiled function twice")


def closed(tree: Any) -> Any:
    """A pytree of results, in which states are generators."""
    leaves, structure = pytrees.flatten(tree, lambda x: isinstance(x, Generator))
    return pytrees.unflatten(structure, [_concrete(x) if isinstance(x, Generator) else x for x in leaves])


def _concrete(generator: Generator) -> np.random.Generator:
    state: Any = generator.state
    if isinstance(state, State) and state.owner is not None:
        return state.owner
    made = np.random.Generator(np.random.PCG64())
    made.bit_generator.state = _as_dict(state)
    return made


def holds_generators(structure: pytrees.TreeDef) -> bool:
    """Whether there is one in pytrees of this structure."""
    if isinstance(structure, pytrees.Leaf):
        return False
    return structure.type is Generator or any(map(holds_generators, structure.children))
