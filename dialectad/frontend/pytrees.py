"""Pytrees: lists, tuples, dicts, named tuples and dataclasses of leaves, taken apart and put together."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Leaf:
    """A place for a leaf."""

    def unflatten(self, leaves: Iterator[Any]) -> Any:
        return next(leaves)

    @property
    def count(self) -> int:
        return 1


@dataclass(frozen=True)
class Node:
    """A container of known type. `keys`: those of a dict, or the fields of a dataclass."""

    type: type
    keys: tuple[Any, ...]
    children: tuple[TreeDef, ...]

    def unflatten(self, leaves: Iterator[Any]) -> Any:
        parts = [child.unflatten(leaves) for child in self.children]
        if self.type is type(None):
            return None
        if dataclasses.is_dataclass(self.type):
            made = object.__new__(self.type)
            for key, part in zip(self.keys, parts, strict=True):
                object.__setattr__(made, key, part)
            return made
        if issubclass(self.type, dict):
            return self.type(zip(self.keys, parts, strict=True))
        if hasattr(self.type, "_fields"):
            return self.type(*parts)
        return self.type(parts)

    @property
    def count(self) -> int:
        return sum(child.count for child in self.children)


TreeDef = Leaf | Node
_LEAF = Leaf()


def _no_leaf(_: Any) -> bool:
    return False


def flatten(tree: Any, is_leaf: Callable[[Any], bool] = _no_leaf) -> tuple[list[Any], TreeDef]:
    """The leaves of a pytree in order, and its structure; containers for which `is_leaf` holds stay whole.

    Examples
    --------
    >>> leaves, structure = flatten({"w": [1, 2], "b": (3,)})
    >>> leaves
    [1, 2, 3]
    >>> unflatten(structure, [4, 5, 6])
    {'w': [4, 5], 'b': (6,)}
    """
    leaves: list[Any] = []
    return leaves, _flatten(tree, leaves, is_leaf)


def _flatten(tree: Any, leaves: list[Any], is_leaf: Callable[[Any], bool]) -> TreeDef:
    kind = type(tree)
    if is_leaf(tree):
        leaves.append(tree)
        return _LEAF
    if tree is None:
        return Node(kind, (), ())
    if kind in (list, tuple) or (isinstance(tree, tuple) and hasattr(kind, "_fields")):
        return Node(kind, (), tuple(_flatten(t, leaves, is_leaf) for t in tree))
    if kind is dict:
        return Node(kind, tuple(tree), tuple(_flatten(tree[key], leaves, is_leaf) for key in tree))
    if dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        keys = tuple(field.name for field in dataclasses.fields(tree))
        return Node(kind, keys, tuple(_flatten(getattr(tree, k), leaves, is_leaf) for k in keys))
    leaves.append(tree)
    return _LEAF


def unflatten(structure: TreeDef, leaves: Sequence[Any]) -> Any:
    """The pytree of this structure with these leaves."""
    return structure.unflatten(iter(leaves))
