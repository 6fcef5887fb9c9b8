"""Arguments whose extents have names instead of numbers: `jit(dynamic_shapes=...)`.

A shape is text such as `"n, m"`: names, numbers, and `_` for an extent that is as static as all are without
it. One name means one extent in all arguments.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dialectad.errors import CompileError, ShapeError
from dialectad.frontend import pytrees
from dialectad.frontend.program import ArrayType, LeafType, Signature
from dialectad.frontend.tracing import error

Shapes = str | Sequence[Any] | Mapping[str, Any] | None


@dataclass(frozen=True)
class NamedExtents:
    """Which extents of which arguments have names."""

    by_position: tuple[Any, ...]
    """Per positional argument: the shape of its arrays, as a pytree prefix; None is static."""
    by_keyword: Mapping[str, Any]

    @classmethod
    def of(cls, shapes: Shapes, function: Callable[..., Any]) -> NamedExtents:
        """Read `dynamic_shapes`: the shapes of the positional arguments, or of parameters by name."""
        if shapes is None:
            return cls((), {})
        if isinstance(shapes, str):
            return cls((shapes,), {})
        if not isinstance(shapes, Mapping):
            return cls(tuple(shapes), {})
        parameters = inspect.signature(function).parameters
        if unknown := [name for name in shapes if name not in parameters]:
            raise error(
                f"dynamic_shapes names {unknown[0]!r}, which is no parameter",
                hint=f"the parameters are: {', '.join(parameters)}",
            )
        return cls(tuple(shapes.get(name) for name in parameters), dict(shapes))

    def apply(self, signature: Signature, leaves: Sequence[Any]) -> Signature:
        """The signature with names for the extents that have some; all calls must agree on these."""
        if not self.by_position:
            return signature
        count = len(signature.structures) - len(signature.keywords)
        positional = [*self.by_position[:count], *[None] * (count - len(self.by_position))]
        shapes = [*positional, *(self.by_keyword.get(name) for name in signature.keywords)]
        texts: list[str | None] = []
        for shape, structure in zip(shapes, signature.structures, strict=True):
            texts += _spread(shape, structure)
        extents: dict[str, int] = {}
        named = [_named(type_, text, extents) for type_, text in zip(signature.leaves, texts, strict=True)]
        return replace(signature, leaves=tuple(named))


def _spread(shape: Any, structure: pytrees.TreeDef) -> list[str | None]:
    """Per leaf of the structure, what the prefix `shape` says of it."""
    if shape is None or isinstance(shape, str):
        return [shape] * structure.count
    if isinstance(structure, pytrees.Leaf):
        raise _misplaced(shape)
    keys: Sequence[Any] = structure.keys or range(len(structure.children))
    if isinstance(shape, Mapping):
        children = [shape.get(key) for key in keys]
    elif isinstance(shape, Sequence) and len(shape) == len(structure.children):
        children = shape
    else:
        raise _misplaced(shape)
    return [leaf for s, child in zip(children, structure.children, strict=True) for leaf in _spread(s, child)]


def _misplaced(shape: Any) -> CompileError:
    return error(
        f"dynamic_shapes says {shape!r} of an argument that has another structure",
        hint="give text for an array, and a list, tuple or dict of texts for a container",
    )


_ENTRY = re.compile(r"\d+|[^\W\d]\w*")


def _named(type_: LeafType, text: str | None, extents: dict[str, int]) -> LeafType:
    """The type of an array with the names that `text` gives its extents, which are noted in `extents`."""
    if text is None:
        return type_
    if not isinstance(type_, ArrayType):
        raise error(
            f"the shape ({text}) is given for what is no array", hint="give None for it", kind=ShapeError
        )
    entries = (
        [entry.strip() for entry in text.strip("() ").rstrip(",").split(",")] if text.strip("() ") else []
    )
    if bad := [entry for entry in entries if not _ENTRY.fullmatch(entry)]:
        raise error(
            f"{bad[0]!r} in the shape ({text}) is neither a name nor a number",
            hint="write names and numbers between commas, and _ for what is to be fixed",
        )
    if len(entries) != len(type_.shape):
        raise error(
            f"an array of shape {type_.shape} is given for ({text})",
            hint="name as many axes as the array has",
            kind=ShapeError,
        )
    shape: list[int | str] = []
    for entry, n in zip(entries, type_.shape, strict=True):
        assert isinstance(n, int)
        expected = int(entry) if entry.isdigit() else n if entry == "_" else extents.setdefault(entry, n)
        if n != expected:
            raise error(
                f"an array of shape {type_.shape} is given for ({text}), where {entry} is {expected}",
                hint="one name stands for one number in a call: take another one",
                kind=ShapeError,
            )
        shape.append(n if entry == "_" or entry.isdigit() else entry)
    return ArrayType(type_.dtype, tuple(shape))
